"""What a replay of many years costs, in processes of their own, beside scans of each of its sessions: wall and CPU
seconds (user and system) and memory at the peak, as the kernel accounts for them.

    python benchmarks/replays.py [--symbols 6000] [--years 10] [--cache DIR]
    python benchmarks/replays.py --store DIR [--from DATE]      # a copy of one that is there

Replayed are the profile swing; a screen of five features under the same profile, whose score its picks show; and the
same screen under a profile that has swing's filters and one factor, for who does not want that score. Without --store
a simulated market is stored, in --cache once for all, else in a folder that goes again. Kernels are compiled before.
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


def process(*arguments: str) -> Used:
    """A whole Python process."""
    begin = time.perf_counter()
    with (
        tempfile.TemporaryFile() as noted,
        subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=noted) as child,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=6000)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--store", default="", help="a store that exists, of which a copy is replayed")
    parser.add_argument("--cache", default="", help="a folder in which the simulated store is kept")
    parser.add_argument("--from", dest="start", default="", help="the first session to replay")
    parser.add_argument("--one", choices=[*WHAT], help=argparse.SUPPRESS)
    asked = parser.parse_args()
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
            make_store(store, asked.symbols, asked.years)
        measure(store, asked.start)


if __name__ == "__main__":
    main()
