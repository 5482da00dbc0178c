"""A market that is kept in memory, and one that each day's process maps from the file that is kept with the store,
against one that is read anew each day, over simulated sessions in which all that can happen to a market does: splits,
dividends, halts, listings, delistings, corrections, changes of the index, late bars, and restarts from the kept file.
Every value of every column of each scan must be the same.

    python benchmarks/resident.py [--symbols 300] [--days 250] [--seed 1]
    python benchmarks/resident.py --time [--symbols 8500] [--sessions 650]     # CPU of one new session, both ways
"""

from __future__ import annotations

import argparse
import cProfile
import datetime as dt
import os
import pstats
import resource
import sys
import tempfile
import time
from collections.abc import Sequence

import numpy as np
import polars as pl

import tapescan
from tapescan.market.quality import BAR_COLUMNS
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store

#: So many sessions are stored before the first day.
BEFORE = 420

#: How each day's market is come by.
HOW = ("kept in memory", "brought forward from the file", "read anew")


def index_of(bars: pl.DataFrame) -> pl.DataFrame:
    """Bars of a symbol that stands for the market."""
    spy = bars.group_by("session").agg(pl.col("close").median()).sort("session")
    return spy.with_columns(
        symbol=pl.lit("SPY"), open="close", high=pl.col("close") * 1.01, low=pl.col("close") * 0.99, volume=1e7
    ).select(BAR_COLUMNS)


class Days:
    """A store that grows by a session a day, and what happens to it meanwhile."""

    def __init__(self, path: str, symbols: int, days: int, seed: int) -> None:
        self.store, self.rng = Store(path), np.random.default_rng(seed)
        made = simulate(symbols=symbols, sessions=BEFORE + days, seed=seed)
        bars = made.bars.select(BAR_COLUMNS).unique(["symbol", "session"], keep="first", maintain_order=True)
        good = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
        self.bars = bars.filter(good, pl.col("session").dt.weekday() <= 5)
        self.days = self.bars["session"].unique().sort()[-days - BEFORE :]
        self.splits, self.dividends, self.listing = made.splits, made.dividends, made.listing
        self.spy = index_of(self.bars)
        self.late: pl.DataFrame = self.bars.clear()

    def begin(self, first: dt.date) -> None:
        """What is stored before the first day."""
        known = pl.col("session") <= first
        self.add(pl.concat([self.bars.filter(known), self.spy.filter(known)]))
        self.act(pl.col("ex_date") <= first)
        self.add_rows(self.listing)

    def add(self, bars: pl.DataFrame) -> None:
        if len(bars):
            tapescan.import_bars(bars, store=self.store)

    def add_rows(self, rows: pl.DataFrame) -> None:
        if len(rows):
            tapescan.import_bars(rows, store=self.store)

    def act(self, of: pl.Expr) -> None:
        self.add_rows(self.splits.filter(of))
        self.add_rows(self.dividends.filter(of))

    def happen(self, day: dt.date) -> None:
        """A day."""
        new = self.bars.filter(pl.col("session") == day)
        comes = pl.Series(self.rng.random(len(new)) > 0.01)
        self.add(pl.concat([new.filter(comes), self.spy.filter(pl.col("session") == day), self.late]))
        self.late = new.filter(~comes & pl.Series(self.rng.random(len(new)) < 0.5))
        self.act(pl.col("ex_date") == day)
        draw = self.rng.random()
        before = self.bars.filter(pl.col("session") < day)
        if draw < 0.25:  # corrections, old and young
            rows = before[self.rng.integers(0, len(before), 3).tolist()]
            self.add(rows.with_columns(close=pl.min_horizontal("high", pl.col("close") * 1.003)))
        elif draw < 0.3:  # of the index
            rows = self.spy.filter(pl.col("session") < day).sample(1, seed=int(self.rng.integers(1 << 30)))
            self.add(rows.with_columns(pl.col("close") * 1.004))
        elif draw < 0.35:  # a split that nobody had recorded
            symbol = str(self.rng.choice(self.listing["symbol"].to_list()))
            ratio = float(self.rng.choice([2.0, 3.0, 0.1]))
            split = pl.DataFrame({"symbol": [symbol], "ex_date": [day], "ratio": [ratio]})
            self.add_rows(split)
        elif draw < 0.4:  # a listing changes
            some = self.listing.sample(5, seed=int(self.rng.integers(1 << 30)))
            self.add_rows(some.with_columns(sector=pl.lit("Energy")))


def same(one: ScanResult, other: ScanResult) -> bool:
    mine, theirs = one.to_dict(), other.to_dict()
    for document in (mine, theirs):
        document.pop("timings")
    return (
        one.frame.equals(other.frame, null_equal=True) and mine == theirs and one.frame.schema == other.frame.schema
    )


def used() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def compare(path: str, symbols: int, days: int, seed: int, *, features: Sequence[str] | str = "all") -> list[str]:
    """Run the days; what differed, a line each."""
    world = Days(path, symbols, days, seed)
    world.begin(world.days[BEFORE - 1])
    market, wrong, spent = tapescan.load_market(world.store), list[str](), np.zeros(3)
    tapescan.scan_market(market, features=features)
    for day in world.days[BEFORE:]:
        world.happen(day)
        begin = used()
        market = market.refresh()
        found = tapescan.scan_market(market, features=features)
        refreshed = used()
        started = tapescan.scan_market(world.store, features=features)
        between = used()
        fresh = read_anew(world.store, features)
        spent += (refreshed - begin, between - refreshed, used() - between)
        for what, one in (("kept in memory", found), ("mapped", started)):
            if not same(one, fresh):
                wrong.append(f"{day}: the scan of the market that is {what} differs")
                sys.stdout.write(wrong[-1] + "\n")
        if world.rng.random() < 0.05:  # a restart, from the kept file
            market = tapescan.load_market(world.store)
            tapescan.scan_market(market, features=features)
    told = ", ".join(f"{seconds:.1f} s {how}" for seconds, how in zip(spent, HOW, strict=True))
    sys.stdout.write(f"{days} days, {len(wrong)} differ; CPU {told}\n")
    return wrong


def timed(path: str, symbols: int, sessions: int, seed: int, *, spy: bool = True, profile: bool = False) -> None:
    """What one new session costs, kept and read anew, with all default features; five sessions. spy : whether an
    index has bars, or the market is measured against all symbols."""
    os.environ["TAPESCAN_KEEP"] = "false"  # anew is what is read of the store, not of what is kept with it
    made = simulate(symbols=symbols, sessions=sessions + 5, seed=seed)
    days = made.bars["session"].unique().sort()[-5:]
    bars = made.bars.select(BAR_COLUMNS)
    bars = pl.concat([bars, index_of(bars)]) if spy else bars
    store = Store(path)
    old = pl.col("session") < days[0]
    tapescan.import_bars(bars.filter(old), made.splits.filter(pl.col("ex_date") < days[0]), store=store)
    tapescan.import_bars(made.listing, store=store)
    market = tapescan.load_market(store)
    tapescan.scan_market(market, features="all")
    for number, day in enumerate(days):
        splits = made.splits.filter(pl.col("ex_date") == day)
        frames = [bars.filter(pl.col("session") == day), *([splits] if len(splits) else [])]
        tapescan.import_bars(*frames, store=store)
        watched = cProfile.Profile() if profile and number == len(days) - 1 else None
        if watched is not None:
            watched.enable()
        begin, wall = used(), time.perf_counter()
        market = market.refresh()
        refreshed = used()
        kept = tapescan.scan_market(market, features="all")
        scanned, kept_wall = used(), time.perf_counter() - wall
        if watched is not None:
            watched.disable()
            pstats.Stats(watched, stream=sys.stdout).sort_stats("cumulative").print_stats(45)
        wall = time.perf_counter()
        fresh = tapescan.scan_market(tapescan.load_market(store), features="all")
        anew, anew_wall = used() - scanned, time.perf_counter() - wall
        alike = "the same" if same(kept, fresh) else "DIFFERENT"
        sys.stdout.write(
            f"{day}, {len(splits)} splits: refresh {1e3 * (refreshed - begin):.0f} + scan"
            f" {1e3 * (scanned - refreshed):.0f} ms CPU ({1e3 * kept_wall:.0f} ms), anew {1e3 * anew:.0f} ms CPU"
            f" ({1e3 * anew_wall:.0f} ms): 1/{anew / (scanned - begin):.1f}, {alike}\n"
        )


def read_anew(store: Store, features: Sequence[str] | str) -> ScanResult:
    """A scan that takes nothing of what is kept."""
    os.environ["TAPESCAN_KEEP"] = "false"
    try:
        return tapescan.scan_market(store, features=features)
    finally:
        del os.environ["TAPESCAN_KEEP"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--time", action="store_true")
    parser.add_argument("--no-spy", action="store_true", help="with --time: without bars of an index")
    parser.add_argument("--profile", action="store_true", help="with --time: where the last session's goes")
    parser.add_argument("--symbols", type=int, default=None)
    parser.add_argument("--sessions", type=int, default=650)
    parser.add_argument("--days", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    if asked.time:
        with tempfile.TemporaryDirectory() as folder:
            timed(
                f"{folder}/store",
                asked.symbols or 8500,
                asked.sessions,
                asked.seed,
                spy=not asked.no_spy,
                profile=asked.profile,
            )
        return
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        wrong = compare(f"{folder}/store", asked.symbols or 300, asked.days, asked.seed)
    sys.stdout.write(f"{time.perf_counter() - begin:.0f} s\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
