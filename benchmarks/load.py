"""Hours of use of one store: scans, a watched list, imports, syncs and replays side by side, while Redis is killed.

python benchmarks/load.py [--minutes 60] [--symbols 1000] [--sessions 700] [--every 20] [--redis]
python benchmarks/load.py --full-disk [--megabytes 40]

Each kind of work is a process of its own on one store of simulated bars. A session is imported every so many seconds,
corrected bars between them; a sync asks a fake vendor on this machine. Told of each: runs, errors, latencies, and
memory and open files of the first and the last fifth of its runs. `--redis` shares results through a Redis that is
killed and started again each minute. `--full-disk` imports into a small file system until it is full: an import that
does not fit is one error, and the store is what it was (it takes the right to mount).
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

import tapescan
from tapescan.core.errors import TapescanError
from tapescan.market.quality import BAR_COLUMNS
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.fakes import KEY

#: Runs of each kind that are not told: kernels are loaded, files are read the first time.
WARMING = 3

#: A topic that the watcher publishes under, and seconds that Redis lives, and is away.
TOPIC, ALIVE, AWAY = "load", 50.0, 10.0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def usage() -> tuple[int, int]:
    """Resident memory in KiB, and open files."""
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    return resident, sum(1 for _ in Path("/proc/self/fd").iterdir())


# --- the kinds of work, each a process ---------------------------------------------------------------------------


def scans(place: str, _: Path) -> Iterator[Callable[[], object]]:
    """A whole scan of a store that is read anew, as from a terminal."""
    while True:
        yield lambda: tapescan.scan_market(place, where="close > sma_200 AND rsi_14 < 60", models=False)


def watched(place: str, _: Path) -> Iterator[Callable[[], object]]:
    """A market kept in memory, brought forward and scanned, the list published and read again."""
    market = tapescan.load_market(place)

    def run() -> None:
        nonlocal market
        market = market.refresh()
        found = tapescan.scan_market(market, models=False)
        number = tapescan.publish_result(TOPIC, found.to_dict(20)).number
        newest = tapescan.newest_result(TOPIC)
        assert newest is None or newest.number <= max(number, newest.number)

    while True:
        yield run


def replays(place: str, _: Path) -> Iterator[Callable[[], object]]:
    """Sixty sessions of the past."""
    first = Store(place).known(None).sessions.tail(80)[0]
    while True:
        yield lambda: tapescan.replay_market(place, start=first, every=5, models=False)


def imports(place: str, folder: Path) -> Iterator[Callable[[], object]]:
    """One session after the other, and a correction of the one before."""
    ahead = pl.read_parquet(folder / "ahead.parquet")
    for day in ahead["session"].unique().sort():
        bars = ahead.filter(pl.col("session") == day)
        yield partial(tapescan.import_bars, bars, store=place)
        late = bars.head(20).with_columns(pl.col("volume") * 1.01)
        yield partial(tapescan.import_bars, late, store=place)


def syncs(place: str, _: Path) -> Iterator[Callable[[], object]]:
    """The listing of a vendor, asked again each time."""
    while True:
        yield lambda: tapescan.sync_store(place, vendor="massive", plan="starter", what=["universe"], again=True)


KINDS: dict[str, Callable[[str, Path], Iterator[Callable[[], object]]]] = {
    "scan": scans,
    "watch": watched,
    "replay": replays,
    "import": imports,
    "sync": syncs,
}


def work(kind: str, place: str, folder: Path, until: float, pause: float) -> None:
    """Run a kind of work until a moment; a line a run."""
    with (folder / f"{kind}.jsonl").open("w") as file:
        for run in KINDS[kind](place, folder):
            if time.time() >= until:
                return
            begin, error = time.perf_counter(), ""
            try:
                run()
            except TapescanError as failed:
                error = str(failed)
            gc.collect()
            memory, files = usage()
            took = time.perf_counter() - begin
            file.write(json.dumps({"took": took, "error": error, "memory": memory, "files": files}) + "\n")
            file.flush()
            time.sleep(max(min(pause, until - time.time()), 0.0))


# --- what is told ------------------------------------------------------------------------------------------------


def told(kind: str, folder: Path) -> str:
    """A line a kind."""
    runs = [json.loads(line) for line in (folder / f"{kind}.jsonl").open()]
    errors = [run["error"] for run in runs if run["error"]]
    known = runs[WARMING:]
    if len(known) < 5:
        return f"{kind:8} {len(runs)} runs: too few to tell" + "".join(f"\n    {error}" for error in set(errors))
    took = np.array([run["took"] for run in known]) * 1e3
    fifth = max(len(known) // 5, 1)

    def means(name: str) -> tuple[float, float]:
        return float(np.median([run[name] for run in known[:fifth]])), float(
            np.median([run[name] for run in known[-fifth:]])
        )

    (memory, memory_end), (files, files_end) = means("memory"), means("files")
    middle, late = np.median(took), np.quantile(took, 0.99)
    return (
        f"{kind:8} {len(runs):6,} runs  {len(errors)} errors  median {middle:8.0f} ms  p99 {late:8.0f} ms "
        f"({late / middle:.1f} times)  memory {memory / 1024:6.0f} -> {memory_end / 1024:6.0f} MiB "
        f"({memory_end / memory - 1.0:+.1%})  files {files:.0f} -> {files_end:.0f}"
    ) + "".join(f"\n    {error}" for error in sorted(set(errors)))


@contextlib.contextmanager
def vendor() -> Iterator[str]:
    """The address of a fake one in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.fakes",
        "massive",
        "--symbols",
        "400",
        "--sessions",
        "20",
        "--limit",
        "0/1",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


class Killed:
    """A Redis that is killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.kills = 0
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        return subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)  # noqa: S607

    def live(self, until: float) -> None:
        """Kill it each minute."""
        while time.time() < until:
            time.sleep(max(min(ALIVE, until - time.time()), 0.0))
            self.process.kill()
            self.process.wait()
            self.kills += 1
            time.sleep(max(min(AWAY, until - time.time()), 0.0))
            self.process = self.start()
        self.process.kill()
        self.process.wait()


def filled(place: Path, folder: Path, symbols: int, sessions: int, ahead: int) -> None:
    """A store, and what is imported later."""
    made = simulate(symbols=symbols, sessions=sessions + ahead, seed=3)
    bars = made.bars.select(BAR_COLUMNS).unique(["symbol", "session"], keep="first", maintain_order=True)
    days = bars["session"].unique().sort()
    cut = days[-ahead]
    bars.filter(pl.col("session") >= cut).write_parquet(folder / "ahead.parquet")
    tapescan.import_bars(bars.filter(pl.col("session") < cut), store=str(place))


def side_by_side(asked: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name, vendor() as url:
        folder, place = Path(name), Path(name) / "store"
        rounds = int(asked.minutes * 60.0 / asked.every) + 2
        filled(place, folder, asked.symbols, asked.sessions, min(rounds // 2 + 2, asked.sessions))
        os.environ |= {"TAPESCAN_MASSIVE_URL": url, "MASSIVE_API_KEY": KEY, "POLYGON_API_KEY": KEY}
        redis = None
        if asked.redis:
            redis = Killed(folder)
            os.environ["TAPESCAN_REDIS"] = f"unix://{redis.socket}"
        until = time.time() + asked.minutes * 60.0
        pauses = {"scan": 2.0, "watch": 0.5, "replay": 10.0, "import": asked.every, "sync": 5.0}
        spawn = multiprocessing.get_context("spawn")
        workers = [spawn.Process(target=work, args=(kind, str(place), folder, until, pauses[kind])) for kind in KINDS]
        for one in workers:
            one.start()
        if redis is not None:
            redis.live(until)
        for one in workers:
            one.join()
        say(f"{asked.minutes:g} minutes, {asked.symbols:,} symbols, {os.cpu_count()} cores")
        for kind in KINDS:
            say(told(kind, folder))
        if redis is not None:
            say(f"Redis was killed {redis.kills} times")
        say(f"exit codes {[one.exitcode for one in workers]}; damages: {len(Store(str(place)).verify())}")


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
    parser.add_argument("--every", type=float, default=20.0, help="seconds from one import to the next")
    parser.add_argument("--redis", action="store_true")
    parser.add_argument("--full-disk", action="store_true")
    parser.add_argument("--megabytes", type=int, default=40)
    asked = parser.parse_args()
    if asked.full_disk:
        full_disk(asked.megabytes)
    else:
        side_by_side(asked)


if __name__ == "__main__":
    main()
