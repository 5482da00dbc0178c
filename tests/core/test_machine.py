"""What a process takes of its machine, and gives back."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Threads that come one after the other beside each other, as a replay's do, and arrays that they free.
BUSY = """
import threading, numpy as np
from pathlib import Path
from tapescan.core.machine import steady_memory
{first}

def work(kept):
    for size in (3, 7, 11, 5):
        kept.append(np.full(size << 17, 1.0))  # MiB
        kept.append([object() for _ in range(2000)])
    del kept[:-1]

def anonymous():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous"))

before = anonymous()
held = []
for _ in range(6):
    every = [[] for _ in range(12)]
    threads = [threading.Thread(target=work, args=(one,)) for one in every]
    [one.start() for one in threads]
    [one.join() for one in threads]
    held += [one[-1] for one in every]
print((anonymous() - before) // 1024)
"""


def kept(first: str) -> int:
    """MiB that a process keeps of what its threads have freed."""
    done = subprocess.run(
        [sys.executable, "-c", BUSY.format(first=first)], capture_output=True, check=True, text=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="GNU's C library keeps what is freed; others have nothing to set")
def test_a_process_that_stays_gives_back_what_it_freed() -> None:
    assert kept("steady_memory()") < 20
