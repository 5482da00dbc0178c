"""Screens that mean no good, 100,000 of them: what is opened and raised, how long each takes, and how much memory.

python benchmarks/hostile_screens.py [COUNT]

Drawn of a grammar, damaged, of words put together at random, and of raw bytes; and those that were seen to do harm
elsewhere. A file that some of them name is watched by the kernel, and a listener waits at the address that some name,
since compiled code passes Python's own hooks by. What is understood is computed as well, over a small market.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tapescan.core.errors import InputError
from tapescan.features.plan import default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import simulated_market
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.screen.hostile import HOSTILE, Watch, generated  # (the tests lie beside this folder)

#: What is understood is computed for one in so many.
COMPUTED = 20


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    profile = load_profile("swing")
    market = simulated_market(symbols=300, sessions=400)
    warm_up(plan_features(default_features()))
    run(market, prepare(profile, where="close > 1 AND symbol LIKE 'a%' AND within(2, weekly.close > 1)"))
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch(Path(folder))
        before, told, slowest, largest = peak(), Counter[str](), (0.0, ""), 0.0
        watch.on = True
        for number in range(-len(HOSTILE), count):
            text = watch.filled(HOSTILE[number]) if number < 0 else generated(number)
            begin, memory = time.perf_counter(), peak()
            try:
                request = prepare(profile, where=text)
            except InputError as error:
                told[type(error).__name__] += 1
                request = None
            slowest = max(slowest, (time.perf_counter() - begin, text[:60]))
            largest = max(largest, peak() - memory)
            if request is not None:
                told["understood"] += 1
                if told["understood"] % COMPUTED == 0:
                    run(market, request)
                    told["computed"] += 1
        seen = Counter(watch.close())
    sys.stdout.write(f"{count:,} generated and {len(HOSTILE)} known screens: {dict(told)}\n")
    sys.stdout.write(f"files opened, connections: {dict(seen) or 'none'}\n")
    sys.stdout.write(f"slowest: {slowest[0] * 1e3:.0f} ms, {slowest[1]!r}\n")
    sys.stdout.write(f"memory: {peak() - before:.0f} MiB more at the end, at most {largest:.0f} for one\n")


if __name__ == "__main__":
    main()
