"""The process of a job: reads what is asked as one line, writes how far it is and what came of it, a line each.

It ends when its input does, which is when the server ends or wants it to.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

import msgspec

from tapescan.core.errors import TapescanError
from tapescan.core.progress import Progress
from tapescan.core.results import plain

__all__ = ["main"]

#: How much less urgent a job is than what people wait for, as `os.nice`.
NICE = 19

#: Rows of each table of a result that are told.
ROWS = 2000

#: Seconds between two lines of progress.
SELDOM = 0.2


def main() -> None:
    """Run one job."""
    os.nice(NICE)
    asked = msgspec.json.decode(sys.stdin.buffer.readline())
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr  # what a library prints is no line of ours
    lock = threading.Lock()

    def say(**line: Any) -> None:
        with lock:
            out.write(msgspec.json.encode(plain(line)) + b"\n")
            out.flush()

    def watch() -> None:
        # Not by its buffer: its lock, held while it waits, is missed by an interpreter that ends meanwhile.
        while os.read(0, 4096):
            pass
        os.killpg(0, 9) if os.getpgrp() == os.getpid() else os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    last = [0.0]

    def progress(done: int, every: int, what: str) -> None:
        if done == every or time.monotonic() - last[0] >= SELDOM:
            last[0] = time.monotonic()
            say(progress=[done, every, what])

    try:
        say(result=_WORK[asked["kind"]](asked["store"] or None, asked["given"], progress))
    except TapescanError as error:
        say(error=str(error))
        sys.exit(2)


def _replay(store: str | None, given: dict[str, Any], progress: Progress) -> Any:
    from tapescan.api import replay_market

    result = replay_market(store, **given, progress=progress)
    told = result.to_dict()
    # A page shows the newest; all of them are `tapescan replay --output` and `--trades`.
    long = {name: len(told[name]) for name in ("picks", "trades") if len(told.get(name) or ()) > ROWS}
    return {**told, **{name: told[name][-ROWS:] for name in long}, "shortened": long}


def _train(store: str | None, given: dict[str, Any], progress: Progress) -> Any:
    from tapescan.api import train_models

    learner = given.pop("learner", "")
    found = train_models(store, **({"learner": learner} if learner else {}), **given, progress=progress)
    return [one.card for one in found] if isinstance(found, list) else found


def _sync(store: str | None, given: dict[str, Any], progress: Progress) -> Any:
    from tapescan.api import sync_store

    return sync_store(store, **given, progress=progress)


_WORK = {"replay": _replay, "train": _train, "sync": _sync}

if __name__ == "__main__":
    main()
