"""What carrying features from session to session costs beside computing them, in CPU time on one thread, all default
features: a new session, symbols whose past changed, and those alone who may be ranked.

    python benchmarks/carried.py [--symbols 8500] [--sessions 650] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import polars as pl

from tapescan.engine.threads import Threads
from tapescan.features.carried import carried_on, computed
from tapescan.features.compute import latest
from tapescan.features.plan import default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.market.growing import grow
from tapescan.market.panel import build_panel
from tapescan.market.quality import check_bars
from tapescan.simulation.market import simulate

DIRTY = 200


def milliseconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return (time.process_time() - begin) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=8500)
    parser.add_argument("--sessions", type=int, default=650)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    made = simulate(symbols=asked.symbols, sessions=asked.sessions + asked.rounds)
    good, _, _ = check_bars(made.bars)
    days = good["session"].unique().sort()
    plan, one = plan_features(default_features()), Threads(1)
    warm_up(plan)
    rng = np.random.default_rng(1)
    begin = good.filter(pl.col("session") <= days[-asked.rounds - 1])
    shares = made.listing.filter(pl.col("type").is_in(["common", "adr"]))["symbol"].to_list()
    traded = good.with_columns(dollars=pl.col("close") * pl.col("volume")).group_by("symbol").agg(pl.mean("dollars"))
    # A third of the market, as a profile lets pass.
    liquid = traded.filter(pl.col("symbol").is_in(shares)).sort("dollars", descending=True)["symbol"]
    eligible = liquid.head(asked.symbols // 3).to_list()
    panel = build_panel(begin, likely=eligible)
    blocks = [bool({*panel.symbols[b.offset : b.offset + b.lanes]} & {*eligible}) for b in panel.blocks]
    carried = computed(panel, plan, one)
    taken: dict[str, list[float]] = {"full": [], "eligible": [], "session": [], "dirty": []}
    for number in range(asked.rounds):
        day = days[len(days) - asked.rounds + number]
        taken["full"].append(milliseconds(lambda: latest(panel, plan, one)))  # noqa: B023 (called at once)
        taken["eligible"].append(milliseconds(lambda: latest(panel, plan, one, blocks)))  # noqa: B023
        some = rng.choice(panel.symbols, DIRTY, replace=False).tolist()
        past = begin.filter(pl.col("symbol").is_in(some)).with_columns(pl.col("close") * 1.0)
        growth = grow(panel, begin.clear(), past)
        taken["dirty"].append(milliseconds(lambda: carried_on(carried, growth, one)))  # noqa: B023
        new = good.filter(pl.col("session") == day, pl.col("symbol").is_in(panel.symbols))
        growth = grow(growth.panel, new, begin.clear())
        steps: list[float] = []
        before = carried
        steps.append(milliseconds(lambda: carried_on(before, growth, one)))  # noqa: B023
        carried = carried_on(before, growth, one)
        taken["session"].append(steps[0])
        panel = growth.panel
        begin = good.filter(pl.col("session") <= day)
    full = statistics.median(taken["full"])
    names = {
        "full": "all features of all symbols",
        "eligible": f"of the {len(eligible):,} that may be ranked",
        "session": "a new session carried on",
        "dirty": f"{DIRTY} symbols with another past",
    }
    sys.stdout.write(f"{len(panel):,} symbols, {asked.sessions} sessions, {len(plan.names)} features, one thread\n")
    for name, times in taken.items():
        middle = statistics.median(times)
        sys.stdout.write(f"{names[name]}: {middle:.1f} ms, {middle / full:.2f} of all\n")


if __name__ == "__main__":
    main()
