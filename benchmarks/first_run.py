"""First contact, as whole processes: `tapescan scan` with nothing compiled, then cold again with the kernels on disk.

python benchmarks/first_run.py [--runs 5] [-- further arguments of tapescan scan]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time


def seconds(arguments: list[str], cache: str) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "tapescan", "scan", *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TAPESCAN_CACHE": cache},
    )
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("arguments", nargs="*")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        first = seconds(asked.arguments, cache)
        later = [seconds(asked.arguments, cache) for _ in range(asked.runs)]
    sys.stdout.write(
        f"first run ever: {first:.2f} s\n"
        f"later runs (cold process): median {statistics.median(later):.2f} s, "
        f"from {min(later):.2f} to {max(later):.2f} s\n"
    )


if __name__ == "__main__":
    main()
