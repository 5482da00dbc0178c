"""A wrong address of a cluster is told within seconds, in one line."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tapescan.core.errors import OptionError
from tapescan.engine import reached
from tapescan.engine.reached import check_reached


@contextmanager
def answering(said: bytes | None) -> Iterator[str]:
    """Who takes one connection and says something; for None nothing, until the other side goes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            there, _ = server.accept()
            with there:
                there.recv(24)
                if said is None:
                    there.recv(1024)  # the rest of what it says
                    there.recv(1024)
                else:
                    there.sendall(said)

        thread = Thread(target=answer)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            thread.join()


@pytest.mark.parametrize("address", ["nonsense", "ray://10.0.0.5:10001", "10.0.0.5:", "10.0.0.5:99999", ":6379"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(OptionError, match="is no address of a cluster; give the HOST:PORT"):
        check_reached(address)


def test_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(OptionError, match=rf"the cluster at {address} does not answer: Connection refused; give"):
        check_reached(address)


def test_a_name_of_nobody() -> None:
    with pytest.raises(OptionError, match=r"the cluster at nobody\.invalid:6379 does not answer: "):
        check_reached("nobody.invalid:6379")


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-", b"", None], ids=str)
def test_somebody_else(said: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reached, "PATIENCE", 0.3)
    begin = time.monotonic()
    with answering(said) as address, pytest.raises(OptionError, match="is no head of a cluster"):
        check_reached(address)
    assert time.monotonic() - begin < 3.0


def test_who_speaks_as_a_head() -> None:
    with answering(bytes((0, 0, 6, 4, 0, 0, 0, 0, 0)) + bytes(6)) as address:
        check_reached(address)
