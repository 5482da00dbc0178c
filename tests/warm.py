"""Processes without their start: one process has the package and its kernels loaded, and forks for each command.

A command takes a second to start and a tenth of it to run, and the tests run some hundreds. What forks has read no
data and has no pool of threads yet, so a child is as good as a new process: `tests.interfaces.cli.test_processes`
holds the two beside each other. `tests.commands` starts it and asks it; so do scripts of the docs' tests:

    python -m tests.warm SOCKET           # the process that forks
    python tests/warm.py SOCKET WORD ...  # has `tapescan WORD ...` run there, a script with -- FILE, code with -c
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

__all__ = ["READY", "Answer", "ask"]

#: What the process says when it waits for commands.
READY = "ready\n"

#: Seconds for one command.
PATIENCE = 300.0


class Answer:
    """What comes of a command. pid : of its process, and of no other one until its exit code was asked for."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(PATIENCE)
        self._text = line.makefile()
        line.close()
        self.pid = int(self._text.readline())

    def exit_code(self) -> int:
        """Wait for its end; negative is the signal that ended it. Raises TimeoutError."""
        with self._text:
            return int(self._text.readline())


def ask(
    place: str, words: Sequence[str], folder: str, variables: Mapping[str, str], streams: Sequence[int]
) -> Answer:
    """Have a command run in the process at a socket, with a folder, variables and three open streams."""
    asked = json.dumps({"words": words, "folder": folder, "variables": dict(variables)}).encode()
    line = socket.socket(socket.AF_UNIX)
    line.connect(place)
    socket.send_fds(line, [len(asked).to_bytes(4, "big")], list(streams))
    line.sendall(asked)
    return Answer(line)


def serve(place: str) -> None:
    """Run commands until standard input ends with the process that started this one."""
    _load()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        sys.stdout.write(READY)
        sys.stdout.flush()
        served = os.getpid()
        if os.fork() == 0:
            sys.stdin.read()
            if os.getppid() == served:
                os.kill(served, signal.SIGTERM)
            os._exit(0)
        signal.signal(signal.SIGCHLD, _reap)
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(line)
            line.close()


def _load() -> None:
    """What commands import, and the kernels of all features; nothing that starts threads of its own."""
    for name in ("api", "doctor.examine", "interfaces.cli.main", "models.stored", "sync.writing"):
        import_module(f"tapescan.{name}")
    import_module("deltalake")
    from tapescan.features.plan import default_features, plan_features
    from tapescan.features.warm import warm_up
    from tapescan.models.learners.xgboost import load_xgboost
    from tapescan.vendors.registry import load_vendor, vendor_names

    for name in vendor_names():
        load_vendor(name)
    load_xgboost()
    warm_up(plan_features(default_features()))
    # What is there lies in memory once: the children's collector does not touch it.
    gc.collect()
    gc.freeze()


def _reap(*_: object) -> None:
    """Nobody else waits for those that answer."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _answer(line: socket.socket) -> NoReturn:
    """In a child: run the command in a child of its own, say which process it is, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    asked = json.loads(line.makefile("rb").read(int.from_bytes(size, "big")))
    if (child := os.fork()) == 0:
        line.close()
        _run(asked["words"], asked["folder"], asked["variables"], streams)
    for number in streams:
        # Whoever reads sees the end when the command ends.
        os.close(number)
    line.sendall(f"{child}\n".encode())
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert ended is not None
    line.sendall(f"{ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status}\n".encode())
    # Its number goes to no other process while somebody may still kill it.
    line.recv(1)
    os.waitpid(child, 0)
    os._exit(0)


def _run(words: list[str], folder: str, variables: dict[str, str], streams: list[int]) -> NoReturn:
    """As the interpreter would."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # The old ones remember what they were: a file, a terminal.
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    code: object = 0
    try:
        if words[:1] == ["--"]:
            sys.argv = words[1:]
            runpy.run_path(words[1], run_name="__main__")
        elif words[:1] == ["-c"]:
            sys.argv = ["-c", *words[2:]]
            exec(compile(words[1], "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 (our own)
        else:
            from tapescan.interfaces.cli.main import main

            sys.argv = ["tapescan", *words]
            main()
    except SystemExit as stopped:
        code = stopped.code or 0
    except BaseException:  # noqa: BLE001 (as the interpreter does at its end)
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    if __package__:
        serve(sys.argv[1])
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2:], str(Path.cwd()), os.environ, (0, 1, 2)).exit_code())
