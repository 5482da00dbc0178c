"""Commands without their start: one process has the package and its kernels loaded, and forks for each command.

A command of the docs takes a second to start and a tenth of it to run; there are fifty. What forks is a process with
one thread that has read no data, so a child is as good as a new process. `World` starts it:

    python -m tests.docs.warm SOCKET           # the process that forks
    python tests/docs/warm.py SOCKET WORD ...  # has `tapescan WORD ...` run there, or, with -- FILE, a script
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

__all__ = ["READY"]

#: What the process says when it waits for commands.
READY = "ready\n"


def ask(place: str, words: list[str]) -> int:
    """Have a command run in the process at a socket, with this process's folder, variables and streams; its exit
    code."""
    asked = json.dumps({"words": words, "folder": str(Path.cwd()), "variables": dict(os.environ)}).encode()
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(place)
        socket.send_fds(line, [len(asked).to_bytes(4, "big")], [0, 1, 2])
        line.sendall(asked)
        return int(line.makefile().read())


def serve(place: str) -> None:
    """Run commands until standard input ends with the process that started this one."""
    _load()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(place)
        door.listen()
        sys.stdout.write(READY)
        sys.stdout.flush()
        if os.fork() == 0:
            sys.stdin.read()
            os.kill(os.getppid(), signal.SIGTERM)
            os._exit(0)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that answer
        while True:
            line, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _answer(line)
            line.close()


def _load() -> None:
    """What commands import, and the kernels of all features; nothing that starts a thread."""
    for name in ("api", "doctor.examine", "interfaces.cli.main", "models.stored", "sync"):
        import_module(f"tapescan.{name}")
    from tapescan.features.plan import default_features, plan_features
    from tapescan.features.warm import warm_up

    warm_up(plan_features(default_features()))


def _answer(line: socket.socket) -> NoReturn:
    """In a child: run the command in a child of its own, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, streams, _, _ = socket.recv_fds(line, 4, 3)
    asked = json.loads(line.makefile("rb").read(int.from_bytes(size, "big")))
    if (child := os.fork()) == 0:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        # The old ones remember what they were: a file, a terminal.
        sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        line.close()
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["variables"])
        _run(asked["words"])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    line.sendall(str(code).encode())
    os._exit(0)


def _run(words: list[str]) -> NoReturn:
    code: object = 0
    try:
        if words[:1] == ["--"]:
            sys.argv = words[1:]
            runpy.run_path(words[1], run_name="__main__")
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
        sys.exit(ask(sys.argv[1], sys.argv[2:]))
