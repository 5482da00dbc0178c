"""A training set from a store: feature values a second, and peak memory, each measurement in a process of its own.

python benchmarks/training_set.py BARS.parquet ... --adjusted splits --adjusted-to 2025-07-09
python benchmarks/training_set.py --simulated 6000x2520

Two figures a second are given: values computed (each bar of each symbol that may be sampled, each feature) and values
kept (of the samples). The time is that of the whole call: reading the store, the market index, features, labels,
filters, sorting and writing. With --no-filters every bar of a sampled session is kept: the most there can be.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.importing.importing import import_files
from tapescan.market.universe import TYPES
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.inputs import model_features
from tapescan.models.samples.samples import Universe
from tapescan.simulation.market import simulate
from tapescan.store import Store

COLUMNS = ("every", "symbols", "bars", "samples", "seconds", "computed/s", "kept/s", "peak MiB", "result MiB")


def fill(store: str, files: list[str], adjusted: str, adjusted_to: str, simulated: str) -> None:
    """Make the store to measure on."""
    if files:
        until = dt.date.fromisoformat(adjusted_to) if adjusted_to else None
        import_files(Store(store), files, adjusted=adjusted, adjusted_to=until)  # type: ignore[arg-type]
        return
    symbols, sessions = (int(number) for number in simulated.split("x"))
    market = simulate(symbols=symbols, sessions=sessions)
    with tempfile.TemporaryDirectory() as folder:
        frames = {"splits": market.splits, "dividends": market.dividends, "symbols": market.listing}
        for name, frame in (frames | {"bars": market.bars}).items():
            frame.write_parquet(Path(folder) / f"{name}.parquet")
        import_files(Store(store), [folder])


def measure(store: str, every: int, filtered: bool, chunk: int) -> dict[str, float]:
    """One training set, in this process."""
    filters = Universe() if filtered else Universe(0.0, 0.0, 1, TYPES)
    warm_up(plan_features((*model_features(), "dollar_volume_20")))
    begin = time.perf_counter()
    samples = build_samples(Store(store), every=every, filters=filters, chunk=chunk)
    seconds = time.perf_counter() - begin
    # Before the result is looked at: its pages count once they are touched.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    known = Store(store).known().newest().filter(pl.col("symbol").is_in(list(samples.symbols)))
    bars = int(known["bars"].sum())
    arrays = (samples.values, samples.session, samples.symbol, samples.dollar_volume, *samples.forward.values())
    return {
        "every": every,
        "symbols": len(samples.symbols),
        "bars": bars,
        "samples": len(samples),
        "seconds": seconds,
        "computed/s": bars * len(samples.features) / seconds,
        "kept/s": samples.values.size / seconds,
        "peak MiB": peak,
        "result MiB": sum(array.nbytes for array in arrays) / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--adjusted", default="none")
    parser.add_argument("--adjusted-to", default="")
    parser.add_argument("--simulated", default="6000x2520", help="symbols x sessions, where no file is given")
    parser.add_argument("--every", default="5,1")
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--no-filters", action="store_true")
    parser.add_argument("--store", default="", help="measure on this store and fill none")
    parser.add_argument("--measure", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.fill:
        fill(asked.store, asked.files, asked.adjusted, asked.adjusted_to, asked.simulated)
        return
    if asked.measure:
        sys.stdout.write(json.dumps(measure(asked.store, asked.measure, not asked.no_filters, asked.chunk)))
        return
    with tempfile.TemporaryDirectory() as folder:
        store = asked.store or folder
        again = [sys.executable, __file__, *sys.argv[1:], "--store", store]
        if not asked.store:
            subprocess.run([*again, "--fill"], check=True)
        sys.stdout.write("".join(f"{name:>14}" for name in COLUMNS) + "\n")
        for every in asked.every.split(","):
            done = subprocess.run([*again, "--measure", every], check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(done.stdout)
            digits = {"seconds": 1}
            sys.stdout.write("".join(f"{found[name]:>14,.{digits.get(name, 0)}f}" for name in COLUMNS) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
