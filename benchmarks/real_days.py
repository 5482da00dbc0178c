"""The newest sessions of real files, one a day: a market that is kept against one that is read anew.

python benchmarks/real_days.py BARS.parquet ... [--days 60] [--listing UNIVERSE.parquet] [--features all]
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time

import polars as pl

import tapescan
from benchmarks.resident import read_anew, same
from tapescan.store import Store


def used() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--listing", default="")
    parser.add_argument("--features", default="")
    asked = parser.parse_args()
    names = ["symbol", "date", "open", "high", "low", "close", "volume"]
    bars = pl.concat([pl.read_parquet(file).select(names) for file in asked.files], how="vertical_relaxed")
    # Sessions of the whole market: an index may be ahead of it.
    whole = bars.group_by("date").len().filter(pl.col("len") > 1000)["date"].sort()
    days = whole.tail(asked.days)
    end = whole[-1]
    spent, wrong = [0.0, 0.0], 0
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"{folder}/store")
        if asked.listing:
            tapescan.import_files(asked.listing, store=store)
        old = bars.filter(pl.col("date") < days[0])
        tapescan.import_bars(old, store=store, adjusted="splits", adjusted_to=end)
        market = tapescan.load_market(store)
        features = asked.features or ()
        tapescan.scan_market(market, features=features)
        for day in days:
            new = bars.filter(pl.col("date") == day)
            tapescan.import_bars(new, store=store, adjusted="splits", adjusted_to=end)
            started = used()
            market = market.refresh()
            found = tapescan.scan_market(market, features=features)
            between = used()
            fresh = read_anew(store, features)
            spent[0] += between - started
            spent[1] += used() - between
            if not same(found, fresh):
                wrong += 1
                sys.stdout.write(f"{day}: the scans differ\n")
        sys.stdout.write(
            f"{len(days)} sessions of {len(market.universe):,} symbols, {wrong} differ; CPU a session "
            f"{spent[0] / len(days):.3f} s kept, {spent[1] / len(days):.3f} s read anew; "
            f"{time.perf_counter() - begin:.0f} s\n"
        )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
