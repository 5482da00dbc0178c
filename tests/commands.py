"""Commands and Python code in processes of their own, forked from one that has the package loaded: `tests.warm`."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from tests.warm import READY, ask

__all__ = ["ROOT", "Child", "Run", "end_warm", "one_line", "run", "tapescan", "warm"]

ROOT = Path(__file__).resolve().parents[1]

Run = subprocess.CompletedProcess[str]

_closing = contextlib.ExitStack()
_one_starts = threading.Lock()


def warm() -> Path:
    """The socket at which commands run, of this test process; `end_warm` ends what was started for it."""
    with _one_starts:
        return _start()


@functools.cache
def _start() -> Path:
    # Not in the folder of the tests: the path of a socket must be short.
    place = Path(_closing.enter_context(tempfile.TemporaryDirectory(prefix="tapescan-"))) / "warm"
    process = _closing.enter_context(
        subprocess.Popen(
            [sys.executable, "-m", "tests.warm", str(place)],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    assert process.stdout is not None
    assert process.stdout.readline() == READY
    return place


end_warm = _closing.close


def run(*words: str, cwd: Path | None = None, variables: Mapping[str, str] | None = None) -> Run:
    """Run `tapescan` with these words, or code with ``-c CODE``, and wait for its end. variables : all that it has;
    this process's when absent."""
    with (
        Path(os.devnull).open() as nothing,
        tempfile.TemporaryFile("w+", encoding="utf-8") as said,
        tempfile.TemporaryFile("w+", encoding="utf-8") as told,
    ):
        streams = [stream.fileno() for stream in (nothing, said, told)]
        code = ask(str(warm()), words, str(cwd or Path.cwd()), variables or os.environ, streams).exit_code()
        said.seek(0)
        told.seek(0)
        return subprocess.CompletedProcess(words, code, said.read(), told.read())


def tapescan(*arguments: str, cwd: Path | None = None, width: int = 120) -> Run:
    """Run a command as on a machine without settings of tapescan. width : of the terminal."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("TAPESCAN_")}
    cache = {"TAPESCAN_CACHE": os.environ["TAPESCAN_CACHE"]} if "TAPESCAN_CACHE" in os.environ else {}
    return run(*arguments, cwd=cwd, variables={**kept, **cache, "COLUMNS": str(width)})


def one_line(done: Run) -> str:
    """The one line on standard error of a command that was refused, with exit code 2."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    message = [line for line in lines if line.startswith("tapescan: ")]
    assert len(message) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return message[0]


class Child:
    """Python code under way in a process of its own, to talk with and to kill."""

    def __init__(self, code: str, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        reads, writes = os.pipe()
        hears, says = os.pipe()
        words = ["-c", code, *arguments]
        self._answer = ask(str(warm()), words, str(ROOT), variables or os.environ, (reads, says, 2))
        os.close(reads)
        os.close(says)
        self.stdin, self.stdout = os.fdopen(writes, "w"), os.fdopen(hears)

    def set_off(self, kill_after: float | None) -> float:
        """Have it work, once it said that it is ready, and kill it after some seconds; when it began."""
        assert self.stdout.readline() == "ready\n"
        self.stdin.write("go\n")
        self.stdin.flush()
        began = time.perf_counter()
        if kill_after is not None:
            time.sleep(kill_after)
            self.kill()
        return began

    def kill(self) -> None:
        """End it at once, wherever it is; nothing where it has ended."""
        os.kill(self._answer.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Wait for its end; the exit code, negative where a signal ended it."""
        self.stdin.close()
        with self.stdout:
            return self._answer.exit_code()
