"""A Redis server of the tests' own, which may be killed."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tapescan.shared.local import Local
from tapescan.shared.seam import Shared


class RedisServer:
    """A server behind a socket in a folder. It keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.address = f"unix://{self.socket}"
        self._folder = folder
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        given = {
            "port": "0",
            "unixsocket": str(self.socket),
            "save": "",
            "appendonly": "no",
            "dir": str(self._folder),
        }
        options = [text for name, value in given.items() for text in (f"--{name}", value)]
        process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)  # noqa: S607
        for _ in range(400):
            if self.socket.exists():
                return process
            time.sleep(0.01)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """At once, with all that it knows."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink(missing_ok=True)

    def start_again(self) -> None:
        self.process = self._started()

    def stop(self) -> None:
        """No answer any more, and no refusal either: as a machine behind a dead link."""
        import os
        import signal

        os.kill(self.process.pid, signal.SIGSTOP)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    if shutil.which("redis-server") is None or find_spec("redis") is None:
        pytest.skip("no redis-server on this machine, or no library redis: `.ci/run` installs both")
    found = RedisServer(tmp_path)
    yield found
    found.end()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TAPESCAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(params=["local", "redis"])
def both(request: pytest.FixtureRequest) -> Callable[[], Shared]:
    """What makes another process's view of what is shared."""
    if request.param == "local":
        return Local
    address = request.getfixturevalue("server").address

    def through() -> Shared:
        from tapescan.shared.redis import ThroughRedis

        return ThroughRedis(address)

    return through
