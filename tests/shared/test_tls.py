"""A Redis elsewhere, as ElastiCache: by an address with TLS, whose certificate is checked, and a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tapescan.shared.redis import ThroughRedis

pytestmark = pytest.mark.usefixtures("cache")

PASSWORD = "not-a-secret"  # noqa: S105


def signed(folder: Path) -> None:
    """A certificate of localhost, by an authority of the test's own: ca.crt, host.crt, host.key."""
    new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    for command in (
        f"{new} -keyout ca.key -out ca.crt -subj /CN=tests",
        f"{new} -keyout host.key -out host.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        " -addext basicConstraints=critical,CA:FALSE -CA ca.crt -CAkey ca.key",
    ):
        subprocess.run(command.split(), check=True, cwd=folder, capture_output=True)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a server that takes nothing without TLS. Without its authority, which a client has to be told."""
    if not all(map(shutil.which, ("redis-server", "openssl"))) or find_spec("redis") is None:
        pytest.skip("no redis-server, openssl or library redis: TLS was not tried")
    signed(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    given = f"--port 0 --tls-port {port} --tls-cert-file host.crt --tls-key-file host.key --tls-ca-cert-file ca.crt"
    options = [*given.split(), "--tls-auth-clients", "no", "--requirepass", PASSWORD, "--save", ""]
    with subprocess.Popen(["redis-server", *options], cwd=tmp_path, stdout=subprocess.DEVNULL) as server:  # noqa: S607
        try:
            for _ in range(400):
                if server.poll() is not None:
                    pytest.skip("this redis-server was built without TLS: it was not tried")
                with socket.socket() as line:
                    if not line.connect_ex(("127.0.0.1", port)):
                        break
                time.sleep(0.01)
            yield f"localhost:{port}/0"
        finally:
            server.kill()


def test_it_is_asked_by_tls(address: str, tmp_path: Path) -> None:
    said: list[str] = []
    there = f"rediss://:{PASSWORD}@{address}?ssl_ca_certs={tmp_path}/ca.crt"
    shared = ThroughRedis(there, say=said.append)
    assert shared.publish("list", b"{}").number == 1
    newest = ThroughRedis(there).newest("list")
    assert newest is not None
    assert (newest.number, said) == (1, [])


@pytest.mark.parametrize("who", ["redis://:{}@{}", "rediss://:{}@{}", "rediss://:wrong{}@{}?ssl_ca_certs={}/ca.crt"])
def test_nothing_goes_to_one_that_is_not_known(address: str, tmp_path: Path, who: str) -> None:
    """In the clear, by an authority that nobody trusts, or with another password: files stand in, and it is said."""
    said: list[str] = []
    shared = ThroughRedis(who.format(PASSWORD, address, tmp_path), say=said.append)
    shared.publish("list", b"{}")
    assert len(said) == 1
    assert PASSWORD not in said[0]
    assert ThroughRedis(f"rediss://:{PASSWORD}@{address}?ssl_ca_certs={tmp_path}/ca.crt").newest("list") is None
