"""Where a server of ours listens."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack

from tapescan.core.errors import OptionError

__all__ = ["bound"]


def bound(host: str, port: int) -> socket.socket:
    """A socket that takes requests there. Raises OptionError where another program does, or the host is none."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)[0]
        # With its protocol named, an event loop sends what is small at once instead of after 40 ms.
        with ExitStack() as unless_bound:
            found = unless_bound.enter_context(socket.socket(family, kind, protocol))
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(place)
            found.listen(2048)
            unless_bound.pop_all()
    except OSError as error:
        said = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be listened at: {error.strerror or error}"
        hint = "name another --port, or end what listens there" if error.errno == errno.EADDRINUSE else ""
        raise OptionError(f"{host}:{port} {said}", hint, field="port") from error
    return found
