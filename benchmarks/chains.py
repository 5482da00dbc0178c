"""What a day's option quotes cost from file to columns: import, size on disk, reading, the value or the reason of
every contract, and what is said of each underlying, in CPU seconds of this process; and how many underlyings get each
column.

python benchmarks/chains.py CHAIN [UNDERLYINGS] [--workers 1]

Files that `tapescan import` reads: quotes of contracts, and prices of their underlyings where the quotes have none.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import tapescan
from tapescan.core.errors import TapescanError
from tapescan.history.chains import stored_chain
from tapescan.history.option_features import features_of
from tapescan.market.option_measures import MEASURES
from tapescan.options.analysis import analyse
from tapescan.options.rates import Curve, imply_curve
from tapescan.store import Store

T = TypeVar("T")


def timed(what: str, work: Callable[[], T], rounds: int = 1) -> T:
    """Done so often; said is the least it took."""
    taken = []
    for _ in range(rounds):
        begin = time.process_time()
        found = work()
        taken.append(time.process_time() - begin)
    sys.stdout.write(f"{what}: {min(taken):.2f} s of CPU\n")
    sys.stdout.flush()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        timed("import, measuring among it", lambda: tapescan.import_files(asked.files, store=store))
        kept = sum(one.stat().st_size for one in (Path(folder) / "option_quotes").rglob("*.parquet"))
        chain = timed("read as a chain", lambda: stored_chain(store.known(None)), rounds=3)
        if chain is None:
            raise SystemExit("there are no option quotes in it")
        count = len(chain.chain)
        curve = timed("rates", lambda: imply_curve(chain.chain, chain.spots, chain.payers, chain.now))
        if curve is None:
            raise SystemExit("no rates can be told from it")
        known: Curve = curve
        found = timed(
            "values",
            lambda: analyse(chain.chain, chain.spots, chain.dividends, known, chain.now, workers=asked.workers),
            rounds=3,
        )
        rows = timed("columns, values among them", lambda: features_of(chain, known, asked.workers), rounds=3)
        names = len(chain.chain.underlyings)
        sys.stdout.write(f"{count:,} contracts of {names:,} underlyings, {kept / count:.1f} bytes each on disk\n")
        sys.stdout.write(", ".join(f"{one.name} {rows[one.name].count():,}" for one in MEASURES) + "\n")
        sys.stdout.write(", ".join(f"{reason} {number:,}" for reason, number in found.counts().items()) + "\n")


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
