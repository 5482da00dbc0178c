"""What a cold `tapescan scan` of a store costs, as whole processes, without models and with two.

python benchmarks/cold.py [--symbols 8500] [--sessions 650] [--runs 7] [-- further arguments of tapescan scan]
python benchmarks/cold.py --store DIR      # one that is there, beside which a market is kept

Without --store, a simulated market is stored in a folder that goes again. The two models are those of
`tapescan bench`, of the largest size that is served. CPU (user and system) and peak memory are the kernel's account
of each process. The first one ever, which compiles and keeps the market, is not shown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WAYS = ("without models", "with two models")


def prepare(store: str, models: str, symbols: int, sessions: int) -> None:
    """Store a simulated market where there is no store, and models."""
    import polars as pl

    import tapescan
    from tapescan.bench.models import train_on
    from tapescan.market.quality import BAR_COLUMNS
    from tapescan.simulation.market import simulate

    if not Path(store).exists():
        made = simulate(symbols=symbols, sessions=sessions, seed=1)
        good = pl.all_horizontal(pl.col("open", "high", "low", "close", "volume").is_finite())
        bars = made.bars.select(BAR_COLUMNS).unique(["symbol", "session"], keep="first", maintain_order=True)
        bars = bars.filter(good, pl.col("session").dt.weekday() <= 5)
        for rows in (bars, made.splits, made.dividends, made.listing):
            tapescan.import_bars(rows, store=store)
    Path(models).mkdir()
    train_on(tapescan.load_market(store).panel, Path(models))


def once(arguments: list[str], cache: str) -> tuple[float, float, float]:
    """CPU and wall seconds, and MiB at the peak, of one process."""
    command = [sys.executable, "-m", "tapescan", "scan", *arguments]
    # An installed package has its bytecode beside it; a checkout finds it here from the second run on.
    variables = {**os.environ, "TAPESCAN_CACHE": cache, "PYTHONPYCACHEPREFIX": f"{cache}/bytecode"}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=variables) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(said.decode())
    return used.ru_utime + used.ru_stime, time.perf_counter() - begin, used.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="")
    parser.add_argument("--symbols", type=int, default=8500)
    parser.add_argument("--sessions", type=int, default=650)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--models", default="", help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    if asked.models:
        prepare(asked.store, asked.models, asked.symbols, asked.sessions)
        return
    with tempfile.TemporaryDirectory(prefix="tapescan-") as folder:
        store, models = asked.store or f"{folder}/store", f"{folder}/models"
        # In a process of its own: what this one holds would count among the peaks of those that it starts.
        size = ["--symbols", str(asked.symbols), "--sessions", str(asked.sessions)]
        subprocess.run([sys.executable, __file__, "--store", store, "--models", models, *size], check=True)
        taken: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
        for run in range(asked.runs + 1):
            for way, more in zip(WAYS, (["--no-models"], ["--models", models]), strict=True):
                found = once(["--store", store, *more, *asked.arguments], f"{folder}/cache")
                taken[way] += [found] if run else []
    for way, runs in taken.items():
        cpu, wall, peak = zip(*runs, strict=True)
        sys.stdout.write(
            f"{way}: CPU {statistics.median(cpu):.2f} s ({min(cpu):.2f} to {max(cpu):.2f}), "
            f"wall {statistics.median(wall):.2f} s, peak memory {max(peak):.0f} MiB\n"
        )


if __name__ == "__main__":
    main()
