"""What a replay of many years costs, in processes of their own, beside scans of each of its sessions: wall and CPU
seconds (user and system) and memory at the peak, as the kernel accounts for them.

    python benchmarks/replays.py [--symbols 6000] [--years 10] [--cache DIR]
    python benchmarks/replays.py --store DIR [--from DATE]      # a copy of one that is there

Replayed are the profile swing; a screen of five features under the same profile, whose score its picks show; and the
same screen under a profile that has swing's filters and one factor, for who does not want that score. Without --store
a simulated market is stored, in --cache once for all, else in a folder that goes again. Kernels are compiled before.

    --others PYTHON     # four features of that screen over all rows, by ours and by libraries that this Python has
                        # (`benchmarks/others.py`): what they can do, which is no replay

Of those the rows that satisfy it are counted, which differ where an average begins otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

#: A screen of five features, and its order.
WHERE = "rsi_2 < 10 AND close > sma_200 AND adx_14 > 20 AND natr_14 > 2"
RANK_BY = "roc_5 asc"

WHAT = {
    "profile": "profile swing",
    "screen": "a screen of five features",
    "bare": "that screen, with one factor",
    "scan": "scan --as-of, one session",
}

#: The features that others have too (`others.py`), and the close.
OWN = ("close", "rsi_2", "sma_200", "natr_14", "roc_5")

#: Sessions of a year.
YEAR = 252


class Used(NamedTuple):
    """CPU and wall seconds, MiB at the peak, and what the process said."""

    cpu: float
    wall: float
    peak: float
    said: str

    def line(self, what: str, more: str = "") -> str:
        return f"{WHAT[what]:32} {self.wall:7.1f} s {self.cpu:7.1f} s CPU {self.peak:6,.0f} MiB {more}"


def process(*arguments: str, python: str = sys.executable) -> Used:
    """A whole Python process."""
    begin = time.perf_counter()
    with (
        tempfile.TemporaryFile() as noted,
        subprocess.Popen([python, *arguments], stdout=subprocess.PIPE, stderr=noted) as child,
    ):
        assert child.stdout is not None
        said = child.stdout.read().decode()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            noted.seek(0)
            raise SystemExit(f"{' '.join(arguments)} failed: {noted.read().decode()}")
    return Used(used.ru_utime + used.ru_stime, time.perf_counter() - begin, used.ru_maxrss / 1024, said)


def make_store(folder: str, symbols: int, years: int) -> None:
    """Store a simulated market, with an index."""
    import polars as pl

    import tapescan
    from benchmarks.resident import index_of
    from tapescan.market.quality import BAR_COLUMNS
    from tapescan.simulation.market import simulate

    made = simulate(symbols=symbols, sessions=years * YEAR, seed=1, dirty=False)
    bars = made.bars.select(BAR_COLUMNS)
    for rows in (pl.concat([bars, index_of(bars)]), made.splits, made.dividends, made.listing):
        tapescan.import_bars(rows, store=folder)


def replay(what: str, store: str, start: str) -> None:
    """In this process; says what was found."""
    import msgspec

    import tapescan
    from tapescan.scan.profile import Weights

    asked: dict[str, Any] = {} if what == "profile" else {"where": WHERE, "rank_by": RANK_BY}
    profile = tapescan.load_profile("swing")
    if what == "bare":
        profile = msgspec.structs.replace(profile, weights=Weights(liquidity=1.0), name="bare")
    found = tapescan.replay_market(store, profile=profile, start=start or None, models=False, **asked)
    sys.stdout.write(json.dumps({"sessions": len(found.daily), "picks": len(found.picks)}))


def measure(store: str, start: str) -> None:
    """All of them, one after the other."""
    from tapescan.store import Store

    own, days = str(Path(__file__)), Store(store).known(None).sessions
    replayed = days if not start else days.filter(days.cast(str) >= start)
    scan = ("-m", "tapescan", "scan", "--store", store, "--no-models", "--as-of", str(replayed[len(replayed) // 2]))
    for what in ("profile", "screen", "bare"):  # compiles
        process(own, "--one", what, "--store", store, "--from", str(days[-21]))
    process(*scan)
    scanned = min((process(*scan) for _ in range(3)), key=lambda one: one.cpu)
    sys.stdout.write(f"{Store(store).known(None).newest().height:,} symbols, {len(replayed):,} sessions\n")
    sys.stdout.write(scanned.line("scan") + "\n")
    for what in ("profile", "screen", "bare"):
        found = process(own, "--one", what, "--store", store, *(["--from", start] if start else []))
        said = json.loads(found.said)
        each = 1e3 * found.cpu / said["sessions"]
        times = len(replayed) * scanned.cpu / found.cpu
        more = f"{said['picks']:,} picks, {each:.1f} ms CPU a session: 1/{times:,.0f} of as many scans"
        sys.stdout.write(found.line(what, more) + "\n")


def write_bars(store: str, path: str) -> None:
    """All bars of a store, adjusted for splits, sorted by symbol and session."""
    from tapescan.store import Store

    Store(store).known(None).bars().sort("symbol", "session").write_parquet(path)


def own_features(path: str) -> None:
    """As `others.py`, by ours, on as many threads as there are cores."""
    from dataclasses import replace

    import numpy as np
    import polars as pl

    from tapescan.core.machine import threads
    from tapescan.engine.threads import Threads
    from tapescan.features.compute import replay as replay_features
    from tapescan.features.plan import plan_features
    from tapescan.features.warm import warm_up
    from tapescan.market.panel import Panel, build_panel

    plan = plan_features(OWN)
    warm_up(plan, replayed=True)
    begin = time.perf_counter()
    panel = build_panel(pl.read_parquet(path), use_up=True)

    def count(part: Panel) -> int:
        found = 0
        for block, values in replay_features(part, plan, again=True):
            close, rsi, sma, natr, roc = (values[plan.names.index(name)] for name in OWN)
            there = np.arange(block.rows)[:, None] >= block.first
            found += int((there & (rsi < 10.0) & (close > sma) & (natr > 2.0) & ~np.isnan(roc)).sum())
        return found

    parts = [replace(panel, blocks=panel.blocks[number :: threads()]) for number in range(threads())]
    rows = sum(Threads().map(count, parts))
    sys.stdout.write(json.dumps({"rows": rows, "seconds": time.perf_counter() - begin}))


def compare(store: str, python: str, folder: str) -> None:
    """Beside libraries that a Python has."""
    from benchmarks.others import OTHERS

    path = f"{folder}/bars.parquet"
    process(str(Path(__file__)), "--one", "bars", "--store", store, "--cache", path)
    for name in ("ours", *OTHERS):
        if name == "ours":
            found = process(str(Path(__file__)), "--one", "features", "--store", path)
        elif subprocess.run([python, "-c", f"import {name}"], stderr=subprocess.DEVNULL, check=False).returncode:
            sys.stdout.write(f"{name}: {python} does not have it\n")
            continue
        else:
            found = process(str(Path(__file__).parent / "others.py"), name, path, python=python)
        said = json.loads(found.said)
        more = f"{said['seconds']:.1f} s without imports, {said['rows']:,} rows"
        sys.stdout.write(f"{name:32} {found.wall:7.1f} s {found.cpu:7.1f} s CPU {found.peak:6,.0f} MiB {more}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=6000)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--store", default="", help="a store that exists, of which a copy is replayed")
    parser.add_argument("--cache", default="", help="a folder in which the simulated store is kept")
    parser.add_argument("--from", dest="start", default="", help="the first session to replay")
    parser.add_argument("--others", default="", metavar="PYTHON", help="and compare features with its libraries")
    parser.add_argument("--one", choices=[*WHAT, "features", "store", "bars"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one == "features":
        own_features(asked.store)
        return
    if asked.one == "bars":
        write_bars(asked.store, asked.cache)
        return
    if asked.one == "store":
        make_store(asked.store, asked.symbols, asked.years)
        return
    if asked.one:
        replay(asked.one, asked.store, asked.start)
        return
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/store"
        if asked.store:  # a replay writes what was tried into its store
            shutil.copytree(asked.store, store)
        elif asked.cache:
            store = f"{asked.cache}/replays-{asked.symbols}-{asked.years}"
        if not Path(store).exists():
            # Not in this process: what it had at its peak would count as that of all it begins.
            sizes = ("--symbols", str(asked.symbols), "--years", str(asked.years))
            process(str(Path(__file__)), "--one", "store", "--store", store, *sizes)
        measure(store, asked.start)
        if asked.others:
            compare(store, asked.others, folder)


if __name__ == "__main__":
    main()
