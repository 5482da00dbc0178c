"""How fast the default features are computed of every session: million values a second of each kernel call on one
thread, the dearest first, and of all of them on two.

    python benchmarks/replay_features.py [--symbols 3000] [--sessions 1500] [--sample 2] [--rounds 3]
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from tapescan.features.compute import replay
from tapescan.features.plan import Fused, Plan, default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import simulated_market
from tapescan.market.panel import Panel

THREADS = 2


def calls_of(plan: Plan) -> list[tuple[str, ...]]:
    """The features that a replay computes by one kernel call each."""
    every = [one for calls in plan.calls.values() for one in (*calls.windows.all_made, *calls.recursions.all_made)]
    steps = [one.steps if isinstance(one, Fused) else (one,) for one in every]
    return [tuple(name for step in group for name in step.indicator.feature_names(step.values)) for group in steps]


def bars_of(panel: Panel) -> int:
    return sum(block.rows * block.lanes - int(block.first.sum()) for block in panel.blocks)


def seconds(panel: Panel, plan: Plan) -> float:
    """Of this thread, which others on the machine do not lengthen."""
    begin = time.thread_time()
    for _ in replay(panel, plan, again=True):
        pass
    return time.thread_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=3000)
    parser.add_argument("--sessions", type=int, default=1500)
    parser.add_argument("--sample", type=int, default=2, help="blocks of 256 symbols that each call is timed on")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts")
    parser.add_argument("--total", action="store_true", help="no table")
    asked = parser.parse_args()
    panel = simulated_market(symbols=asked.symbols, sessions=asked.sessions).panel
    plan = plan_features(default_features())
    warm_up(plan, replayed=True)
    some = replace(panel, blocks=panel.blocks[-asked.sample :])
    bars = bars_of(some)
    table = []
    for names in [] if asked.total else calls_of(plan):
        one = plan_features(names)
        warm_up(one, replayed=True)
        table.append((min(seconds(some, one) for _ in range(asked.rounds)), one))
    whole = sum(taken for taken, _ in table)
    sys.stdout.write(
        f"{len(panel):,} symbols x {asked.sessions:,} sessions; each call on {bars:,} bars, one thread\n"
    )
    for taken, one in sorted(table, key=lambda row: -row[0]):
        values = len(one.names) * bars
        label = one.names[0] + (f" and {len(one.names) - 1} more" if len(one.names) > 1 else "")
        sys.stdout.write(
            f"{label:40} {one.span:5} {values / taken / 1e6:8.1f} M/s {taken / whole:6.1%} {taken * 1e3:8.1f} ms\n"
        )
    values = len(plan.names) * bars_of(panel)
    parts = [replace(panel, blocks=panel.blocks[number::THREADS]) for number in range(THREADS)]
    first = [replace(one, blocks=one.blocks[:1]) for one in parts]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(seconds, first, [plan] * THREADS))  # memory that nobody had yet is slow at its first use
        begin = time.perf_counter()
        cpu = sum(pool.map(seconds, parts, [plan] * THREADS))
        wall = time.perf_counter() - begin
    sys.stdout.write(
        f"all {len(plan.names)} on {THREADS} threads: {values / wall / 1e6:.0f} M/s, {wall:.2f} s; "
        f"{values / cpu / 1e6:.0f} M/s a thread, {cpu:.2f} s of CPU\n"
    )


if __name__ == "__main__":
    main()
