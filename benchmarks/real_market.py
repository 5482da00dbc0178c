"""A real market, end to end, as whole processes: import a file, import it again, scan it.

python benchmarks/real_market.py BARS.parquet --adjusted splits --as-of 2025-07-09
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time

import polars as pl


def timed(*arguments: str) -> tuple[float, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tapescan", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    return time.perf_counter() - begin, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--adjusted", default="none")
    parser.add_argument("--as-of", default="")
    asked = parser.parse_args()
    bars = sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in asked.files)
    with tempfile.TemporaryDirectory() as store:
        for what in ("import", "import again"):
            took, said = timed("import", *asked.files, "--store", store, "--adjusted", asked.adjusted)
            sys.stdout.write(f"{what}: {took:.2f} s, {bars / took:,.0f} bars a second\n{said}\n")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        sys.stdout.write(f"peak memory of the import: {peak:,.0f} MiB\n\n")
        scan = ["scan", "--store", store, *(["--as-of", asked.as_of] if asked.as_of else [])]
        timed(*scan)
        for _ in range(3):
            took, said = timed(*scan)
            sys.stdout.write(f"cold scan process: {took:.2f} s\n")
        sys.stdout.write(said)


if __name__ == "__main__":
    main()
