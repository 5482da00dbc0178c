"""Hours of use of one store: scans, a watched list, imports, syncs and replays side by side, while Redis is killed.

python benchmarks/load.py [--minutes 60] [--symbols 1000] [--sessions 700] [--every 15] [--redis] [--nodes N]
                          [--slow-disk MS]
python benchmarks/load.py --full-disk [--megabytes 40]

Each kind of work is a process of its own on one store of simulated bars. A session is imported every so many seconds,
corrected bars between them; a sync asks a fake vendor on this machine. Between its runs a process pauses, so that it
is use and not how much the machine can do; the share of the cores that it took is told. Told of each kind: runs,
errors, latencies, and memory and open files after the first and the last fifth of its process's runs of the kind that
is most. A run that finds other bars than the one before, or a listing asked for again, has more to do, and is a kind
of its own; so is one that loses Redis: a sync waits out a window of the vendor's limit then. Of fewer than 100 runs
the highest latency is told in the place of the 99th percentile. A market in memory grows with its store, whose growth
is told beside. The processes have what they free given back, as commands that stay do (`core.machine.steady_memory`).
Replays, imports and syncs are less urgent than scans (`os.nice`), as jobs of a server are.

`--redis` shares results through a Redis that is killed and started again each minute. `--nodes` has replays run on a
Ray cluster of so many nodes of this machine, of which one is killed each minute, and another one joins. `--slow-disk`
puts the store on a file system that takes so many milliseconds longer for each read, write and flush
(`benchmarks/slow_disk.py`). `--full-disk` imports into a small file system until it is full: an import that does not
fit is one error, and the store is what it was (it takes the right to mount).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

import tapescan
from benchmarks.killed import KilledNodes, KilledRedis, killed_nodes
from benchmarks.slow_disk import slow_disk
from tapescan.core.errors import TapescanError
from tapescan.core.logging import logger
from tapescan.core.machine import steady_memory
from tapescan.market import calendar
from tapescan.market.quality import BAR_COLUMNS
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.fakes import KEY

#: One run: gives what it had to do beside the usual.
Run: TypeAlias = Callable[[], str]

#: Runs of each process that are not told: kernels are loaded, files are read the first time. So many of a kind tell a
#: 99th percentile.
WARMING, ENOUGH = 3, 100

#: What a run had to do where the store had become another one: a table, and what is said where it came.
CAME = {"bars": "bars came", "symbols": "a listing came"}

#: Seconds that each process pauses after a run; imports do so for as long as is asked.
PAUSES = {"scan": 2.0, "watch": 0.5, "replay": 10.0, "sync": 5.0}

#: How much less urgent than lists that people wait for (`os.nice`): what a server's jobs and timers do.
NICE = {"replay": 19, "import": 10, "sync": 10}

say: Callable[[str], None] = partial(print, flush=True)


def usage() -> tuple[int, int]:
    """Resident memory in KiB, and open files."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return resident, sum(1 for _ in Path("/proc/self/fd").iterdir())


def scans(place: str, _: Path) -> Iterator[Run]:
    """A whole scan of a store that is read anew, as from a terminal."""
    seen = Seen(place)
    while True:
        yield lambda: seen.after(
            lambda: tapescan.scan_market(place, where="close > sma_200 AND rsi_14 < 60", models=False)
        )


def watched(place: str, _: Path) -> Iterator[Run]:
    """A market kept in memory, brought forward and scanned, the list published and read again."""
    market = tapescan.load_market(place)

    def run() -> str:
        nonlocal market
        before, market = market.provenance["store"], market.refresh()
        found = tapescan.scan_market(market, models=False)
        number = tapescan.publish_result("load", found.to_dict(20)).number
        newest = tapescan.newest_result("load")
        assert newest is None or newest.number <= max(number, newest.number)
        return came(before, market.provenance["store"])

    while True:
        yield run


def replays(place: str, _: Path) -> Iterator[Run]:
    """The newest eighty sessions, every fifth."""
    seen = Seen(place)

    def run() -> object:
        first = Store(place).known(None).sessions.tail(80)[0]
        return tapescan.replay_market(place, start=first, every=5, models=False)

    while True:
        yield lambda: seen.after(run)


def imports(place: str, folder: Path) -> Iterator[Run]:
    """One session after the other, and a correction of the one before."""
    ahead = pl.read_parquet(folder / "ahead.parquet")
    for day in ahead["session"].unique().sort():
        bars = ahead.filter(pl.col("session") == day)
        yield partial(imported, place, bars, "")
        late = bars.head(20).with_columns(pl.col("volume") * 1.01)
        yield partial(imported, place, late, "a correction")


def imported(place: str, bars: pl.DataFrame, what: str) -> str:
    tapescan.import_bars(bars, store=place)
    return what


def syncs(place: str, _: Path) -> Iterator[Run]:
    """The listing of a vendor, asked again each time."""

    def run() -> str:
        tapescan.sync_store(place, vendor="massive", plan="starter", what=["universe"], again=True)
        return ""

    while True:
        yield run


class Seen:
    """What came into a store since the run before."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._versions: dict[str, int] = {}

    def after(self, run: Callable[[], object]) -> str:
        before, self._versions = self._versions, Store(self._place).versions()
        run()
        return came(before, self._versions)


def came(before: Mapping[str, int], now: Mapping[str, int]) -> str:
    """What came between two states of a store. before, now : versions of its tables."""
    return next((said for name, said in CAME.items() if before.get(name) != now.get(name)), "")


KINDS: dict[str, Callable[[str, Path], Iterator[Run]]] = {
    "scan": scans,
    "watch": watched,
    "replay": replays,
    "import": imports,
    "sync": syncs,
}


def work(kind: str, place: str, folder: Path, until: float, pause: float, variables: Mapping[str, str]) -> None:
    """Run a kind of work until a moment; a line a run."""
    os.environ |= variables
    os.nice(NICE.get(kind, 0))
    steady_memory()
    lost: list[str] = []
    logger.addFilter(lambda said: "Redis does not answer" not in said.getMessage() or bool(lost.append("")))  # type: ignore[func-returns-value]
    with (folder / f"{kind}.jsonl").open("w") as file:
        for run in KINDS[kind](place, folder):
            if time.time() >= until:
                return
            begin, error, what = time.perf_counter(), "", ""
            lost.clear()
            try:
                what = run()
            except TapescanError as failed:
                error = str(failed)
            took = time.perf_counter() - begin
            what = f"{what}{', ' * bool(what)}Redis lost" if lost else what
            gc.collect()
            memory, files = usage()
            cpu = sum(os.times()[:4])
            said = {"took": took, "what": what, "error": error, "memory": memory, "files": files, "cpu": cpu}
            file.write(json.dumps(said) + "\n")
            file.flush()
            time.sleep(max(min(pause, until - time.time()), 0.0))


def compiled(place: str) -> None:
    """Have all kernels on disk before anything is timed."""
    next(scans(place, Path()))()
    next(replays(place, Path()))()


def told(kind: str, runs: list[Mapping[str, Any]]) -> Iterator[str]:
    """A line a kind, and of its process."""
    known = runs[WARMING:]
    if len(known) < 5:
        yield f"{kind}: {len(runs)} runs: too few to tell"
    else:
        by: dict[str, list[float]] = {}
        for run in known:
            by.setdefault(run["what"], []).append(run["took"] * 1e3)
        for what in sorted(by):
            name = f"{kind}, {what}" if what else kind
            yield f"{name:24} {latencies(np.array(by[what]))}"

        # A session's import takes more than a correction's: like is held against like.
        usual = [run for run in known if run["what"] == max(by, key=lambda what: len(by[what]))]
        fifth = max(len(usual) // 5, 1)

        def ends(field: str) -> tuple[float, float]:
            values = [run[field] for run in usual]
            return float(np.median(values[:fifth])), float(np.median(values[-fifth:]))

        (memory, memory_end), (files, files_end) = ends("memory"), ends("files")
        yield (
            f"    its process: memory {memory / 1024:.0f} -> {memory_end / 1024:.0f} MiB "
            f"({memory_end / memory - 1.0:+.1%}), files {files:.0f} -> {files_end:.0f}"
        )
    errors = Counter(run["error"] for run in runs if run["error"])
    yield f"    {errors.total()} errors"
    yield from (f"        {many} times: {error}" for error, many in sorted(errors.items()))


def latencies(took: NDArray[np.float64]) -> str:
    middle, many = float(np.median(took)), len(took)
    high, name = (np.quantile(took, 0.99), "p99") if many >= ENOUGH else (took.max(), "highest")
    return f"{many:6,} runs  median {middle:7.0f} ms  {name:7} {high:7.0f} ms ({high / middle:.1f} times)"


@contextlib.contextmanager
def vendor() -> Iterator[str]:
    """The address of a fake one in a process of its own."""
    words = "-m tests.fakes massive --symbols 400 --sessions 20 --limit 0/1"
    command = [sys.executable, *words.split()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def filled(place: Path, folder: Path, symbols: int, sessions: int, ahead: int) -> None:
    """A store, and what is imported later."""
    made = simulate(symbols=symbols, sessions=sessions + ahead, seed=3)
    bars = made.bars.select(BAR_COLUMNS).unique(["symbol", "session"], keep="first", maintain_order=True)
    days = bars["session"].unique().sort()
    # Of the bars that are wrong on purpose some are of days off, which would be an import of nothing.
    days = days.filter(days.is_in(pl.Series(calendar.sessions(days[0], days[-1])).cast(pl.Date).implode()))
    bars = bars.filter(pl.col("session").is_in(days.implode()))
    cut = days[-ahead]
    bars.filter(pl.col("session") >= cut).write_parquet(folder / "ahead.parquet")
    tapescan.import_bars(bars.filter(pl.col("session") < cut), store=str(place))


def rows_of(place: str) -> int:
    """How many bars a store has."""
    found: int = Store(place).known(None).scan("bars").select(pl.len()).collect().item()
    return found


def side_by_side(asked: argparse.Namespace) -> None:
    with contextlib.ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        disk = held.enter_context(slow_disk(folder, asked.slow_disk / 1e3)) if asked.slow_disk else folder
        place = str(disk / "store")
        rounds = int(asked.minutes * 60.0 / asked.every) + 2
        filled(Path(place), folder, asked.symbols, asked.sessions, min(rounds // 2 + 2, asked.sessions))
        url = held.enter_context(vendor())
        os.environ |= {"TAPESCAN_MASSIVE_URL": url, "MASSIVE_API_KEY": KEY, "POLYGON_API_KEY": KEY}
        redis = KilledRedis(folder) if asked.redis else None
        if redis is not None:
            os.environ["TAPESCAN_REDIS"] = f"unix://{redis.socket}"
        nodes = held.enter_context(killed_nodes(asked.nodes)) if asked.nodes else None
        there = {} if nodes is None else {"TAPESCAN_ENGINE": "ray", "TAPESCAN_ADDRESS": nodes.address}
        spawn = multiprocessing.get_context("spawn")
        held_before = rows_of(place)
        first = spawn.Process(target=compiled, args=(place,))
        first.start()
        first.join()
        until, pauses = time.time() + asked.minutes * 60.0, {**PAUSES, "import": asked.every}
        given = {kind: there if kind == "replay" else {} for kind in KINDS}
        workers = [
            spawn.Process(target=work, args=(kind, place, folder, until, pauses[kind], given[kind])) for kind in KINDS
        ]
        for one in workers:
            one.start()
            held.callback(one.kill)  # when this is stopped before its time
        beside: list[KilledRedis | KilledNodes] = [other for other in (redis, nodes) if other is not None]
        # Ray starts nodes in the main thread alone.
        threads = [threading.Thread(target=redis.live, args=(until,), daemon=True)] if redis is not None else []
        for thread in threads:
            thread.start()
        if nodes is not None:
            nodes.live(until)
        for worker in workers:
            worker.join()
        for thread in threads:
            thread.join()
        kinds = {kind: [json.loads(line) for line in (folder / f"{kind}.jsonl").open()] for kind in KINDS}
        taken = sum(runs[-1]["cpu"] for runs in kinds.values() if runs)
        cores = len(os.sched_getaffinity(0))
        say(
            f"{asked.minutes:g} minutes, {asked.symbols:,} symbols, {asked.sessions:,} sessions; pauses of "
            f"{', '.join(f'{kind} {pauses[kind]:g}' for kind in KINDS)} s; "
            f"{taken / (60 * asked.minutes * cores):.0%} of {cores} cores taken, the vendor, Redis and nodes apart"
        )
        say(f"the store's bars: {held_before:,} -> {rows_of(place):,} ({rows_of(place) / held_before - 1.0:+.1%})")
        for kind, runs in kinds.items():
            for line in told(kind, runs):
                say(line)
        if asked.slow_disk:
            say(f"the store's disk took {asked.slow_disk:g} ms longer for each read, write and flush")
        for other in beside:
            say(other.told())
        say(f"exit codes {[one.exitcode for one in workers]}; damages: {len(Store(place).verify())}")


def full_disk(megabytes: int) -> None:
    """Imports into a file system that fills up."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = folder / "small"
        small.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(small)],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"a file system of {megabytes} MiB cannot be mounted here: {done.stderr.strip()}")
        try:
            place = small / "store"
            filled(place, folder, 300, 300, 250)
            bars, before = pl.read_parquet(folder / "ahead.parquet"), 0
            wide = bars.with_columns(pl.col("volume") * 1.0)
            for turn in range(10_000):
                left = shutil.disk_usage(small).free
                known = Store(str(place))
                before = known.known(None).scan("bars").select(pl.len()).collect().item()
                try:
                    tapescan.import_bars(wide.with_columns(pl.col("close") * (1.0 + 1e-4 * turn)), store=place)
                except TapescanError as error:
                    say(f"import {turn + 1} did not fit ({left / 2**20:.1f} MiB left): {error}")
                    break
            else:
                raise SystemExit("the file system never filled")
            after = Store(str(place)).known(None).scan("bars").select(pl.len()).collect().item()
            damages = Store(str(place)).verify()
            found = tapescan.scan_market(place, models=False)
            say(
                f"the store has {after:,} rows where it had {before:,}, {len(damages)} damages, and is scanned: "
                f"{len(found.ranked)} ranked"
            )
        finally:
            subprocess.run(["umount", "-l", str(small)], check=False)  # noqa: S607


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=700)
    parser.add_argument("--every", type=float, default=15.0, help="seconds from one import to the next")
    parser.add_argument("--redis", action="store_true")
    parser.add_argument("--nodes", type=int, default=0, help="of a Ray cluster on which replays run")
    parser.add_argument("--slow-disk", type=float, default=0.0, metavar="MS")
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--megabytes", type=int, default=40)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # so that no worker outlives it
    if asked.full_disk:
        full_disk(asked.megabytes)
    else:
        side_by_side(asked)


if __name__ == "__main__":
    main()
