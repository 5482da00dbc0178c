"""Peak memory and CPU time of scans of a store in processes of their own: the first ever, the first of a store, later
ones, and the one after a session came.

python benchmarks/first_scan.py [--symbols 8500] [--sessions 520] [--store DIR] [--limit MIB]

CPU (user and system) and peak memory are the kernel's account of each process and those that it waited for.
`--limit` runs each in a control group of so much memory, in which a scan that takes more is killed (Linux, as root);
what it says then is the group's most, with what the kernel keeps of files.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

#: MiB that a scan of a whole market may take (8,500 symbols, two years).
LIMIT = 512.0
SYMBOLS, SESSIONS = 8500, 520

#: Kinds of scans.
EVER, FIRST = "the first ever, which compiles", "the first of a store"

#: Beside a store: the sessions that come later.
LATER = "later.parquet"


class Found(NamedTuple):
    """cpu : seconds. peak : MiB of the process, or of a larger one that it waited for. anonymous : of these, what is
    no file's, as seen every twentieth of a second. group : MiB of its control group, 0 without one. said : why it
    failed, empty where it did not."""

    what: str
    cpu: float
    peak: float
    anonymous: float
    group: float
    said: str


def prepared(store: str, symbols: int = SYMBOLS, sessions: int = SESSIONS) -> None:
    """Store a simulated market, and lay two sessions more beside it."""
    import polars as pl

    import tapescan
    from tapescan.market.quality import BAR_COLUMNS
    from tapescan.simulation.market import simulate

    made = simulate(symbols=symbols, sessions=sessions + 2, seed=1)
    good = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
    bars = made.bars.select(BAR_COLUMNS).unique(["symbol", "session"], keep="first", maintain_order=True)
    bars = bars.filter(good, pl.col("session").dt.weekday() <= 5)
    cut = bars["session"].unique().sort()[-2]
    for rows in (bars.filter(pl.col("session") < cut), made.splits, made.dividends, made.listing):
        tapescan.import_bars(rows, store=store)
    bars.filter(pl.col("session") >= cut).write_parquet(Path(store).with_name(LATER))


def measured(store: str, cache: str, limit: int = 0) -> Iterator[Found]:
    """Each kind of scan. cache : a folder for kernels; one that is not there has the first scan ever. limit : MiB of
    a control group, 0 for none."""
    with control_group(limit) as group:
        run = Runs(store, cache, group)
        if not Path(cache).is_dir():
            yield run.scan(EVER)
            shutil.rmtree(Path(store, ".kept"))
        yield run.scan(FIRST)
        yield run.scan("a later one")
        for at in range(2):
            run.session(at)
            yield run.scan("after a session came" if not at else "after another")


class Runs:
    """Processes that scan a store. group : the folder of their control group, None for none."""

    def __init__(self, store: str, cache: str, group: Path | None) -> None:
        self._store, self._group = store, group
        self._variables = {
            **os.environ,
            "TAPESCAN_CACHE": cache,
            "PYTHONPYCACHEPREFIX": f"{cache}/bytecode",
        }  # which a checkout lacks
        self._variables["TAPESCAN_KEEP"] = "true"
        self._variables.pop("PYTHONDONTWRITEBYTECODE", None)

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tapescan", *words]

    def scan(self, what: str) -> Found:
        if self._group is not None:
            (self._group / "memory.max_usage_in_bytes").write_text("0")
        command, enter = self._command("scan", "--store", self._store, "--no-models"), self._enter()
        with subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=self._variables,
            preexec_fn=enter,  # noqa: PLW1509 (it writes a file before any thread begins)
        ) as process:
            assert process.stderr is not None
            anonymous = [0]
            watcher = threading.Thread(target=_watch, args=(process.pid, anonymous))
            watcher.start()
            said = process.stderr.read().decode()
            watcher.join()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        group = 0.0
        if self._group is not None:
            group = int((self._group / "memory.max_usage_in_bytes").read_text()) / 2**20
        failed = f"exit code {process.returncode}: {said[-200:]}" if process.returncode else ""
        return Found(what, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, max(anonymous) / 1024, group, failed)

    def session(self, at: int) -> None:
        """Import one of the sessions laid beside the store."""
        code = (
            "import polars as pl, tapescan, sys; bars = pl.read_parquet(sys.argv[2]); "
            "day = bars['session'].unique().sort()[int(sys.argv[3])]; "
            "tapescan.import_bars(bars.filter(pl.col('session') == day), store=sys.argv[1])"
        )
        later = str(Path(self._store).with_name(LATER))
        subprocess.run([sys.executable, "-c", code, self._store, later, str(at)], check=True, env=self._variables)

    def _enter(self) -> Callable[[], None] | None:
        group = self._group
        return None if group is None else lambda: _put_into(group)


def _watch(process: int, anonymous: list[int]) -> None:
    """Append KiB of a process's anonymous memory until it has ended."""
    while True:
        told = Path(f"/proc/{process}/status").read_text("ascii", "replace").splitlines()
        own = [int(line.split()[1]) for line in told if line.startswith("RssAnon")]
        if not own:  # it ended, and was not waited for yet
            return
        anonymous += own
        time.sleep(0.05)


def _put_into(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))


@contextlib.contextmanager
def control_group(limit: int) -> Iterator[Path | None]:
    """A group of processes that may take so many MiB; None for 0."""
    if not limit:
        yield None
        return
    group = Path("/sys/fs/cgroup/memory") / f"tapescan-{os.getpid()}"
    try:
        group.mkdir()
        (group / "memory.limit_in_bytes").write_text(str(limit * 2**20))
    except OSError as error:
        raise SystemExit(f"--limit: no control group can be made here (version 1, as root): {error}") from error
    try:
        yield group
    finally:
        group.rmdir()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=SYMBOLS)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--limit", type=int, default=0, help="MiB")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tapescan-") as folder:
        store = f"{folder}/store"
        # In a process of its own: what this one holds would count among the peaks of those that it starts.
        code = f"from benchmarks.first_scan import prepared; prepared({store!r}, {asked.symbols}, {asked.sessions})"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
        for found in measured(store, f"{folder}/cache", asked.limit):
            group = f", its group's {found.group:4.0f} MiB" if asked.limit else ""
            sys.stdout.write(
                f"{found.what:32} CPU {found.cpu:5.2f} s  peak {found.peak:4.0f} MiB, "
                f"{found.anonymous:3.0f} of them no file's{group}  {found.said or 'done'}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
