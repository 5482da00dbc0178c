"""Whether the head of a cluster answers at an address, asked in seconds: Ray itself tries for minutes, and then ends
the process.

A head is a gRPC server, so its first words are a SETTINGS frame of HTTP/2 (RFC 9113, sections 3.4 and 6.5).
"""

from __future__ import annotations

import socket

from tapescan.core.errors import OptionError

__all__ = ["check_reached"]

#: Seconds to wait for a connection, and for its first words.
PATIENCE = 4.0

#: What a client says first: that it speaks HTTP/2, and a SETTINGS frame that sets nothing.
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))

#: Bytes of a frame's head; its fourth is the frame's type, 4 for SETTINGS.
_HEAD, _SETTINGS = 9, 4

_HINT = "give the HOST:PORT that `ray start --head` names"


def check_reached(address: str, *, encrypted: bool = False) -> None:
    """Raises OptionError for what is no HOST:PORT, and where nobody answers, or somebody who is no head.

    encrypted : whether heads speak TLS, so that a connection is all that is asked for.
    """
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise OptionError(f"{address!r} is no address of a cluster", _HINT, field="address")
    try:
        said = _first_words(host.strip("[]"), int(port), encrypted)
    except OSError as error:
        why = "nobody took the connection" if isinstance(error, TimeoutError) else error.strerror or error
        raise OptionError(f"the cluster at {address} does not answer: {why}", _HINT, field="address") from error
    if not encrypted and said[3:4] != bytes((_SETTINGS,)):
        raise OptionError(f"what answers at {address} is no head of a cluster", _HINT, field="address")


def _first_words(host: str, port: int, encrypted: bool) -> bytes:
    """What is said first; nothing within seconds, or where that cannot be read. Raises OSError."""
    with socket.create_connection((host, port), PATIENCE) as there:
        said = b""
        if encrypted:
            return said
        try:
            there.sendall(_HELLO)
            while len(said) < _HEAD and (more := there.recv(_HEAD - len(said))):
                said += more
        except (ConnectionError, TimeoutError):
            return b""
        return said
