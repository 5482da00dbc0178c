"""Does cost grow linearly? Features and a whole warm scan on simulated markets of growing size, a process each.

python benchmarks/scaling.py [--sizes 1500,6000,24000,96000] [--bars 260]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def measure(symbols: int, bars: int) -> dict[str, float]:
    """One size, in this process. Milliseconds, and MiB at the peak."""
    from tapescan.features.compute import latest
    from tapescan.features.plan import default_features, plan_features
    from tapescan.features.warm import warm_up
    from tapescan.history.market import simulated_market
    from tapescan.scan.pipeline import prepare, run
    from tapescan.scan.profile import load_profile

    begin = time.perf_counter()
    inputs = simulated_market(symbols=symbols, sessions=bars)
    made = time.perf_counter() - begin
    built = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    plan = plan_features(default_features())
    request = prepare(load_profile("swing"), features=default_features())
    warm_up(request.plan)
    return {
        "symbols": symbols,
        "simulate_and_build_ms": made * 1e3,
        "features_ms": median(lambda: latest(inputs.panel, plan)),
        "scan_ms": median(lambda: run(inputs, request).frame),
        "panel_mib": inputs.panel.nbytes / 2**20,
        "peak_after_build_mib": built,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def median(work: Callable[[], object], rounds: int = 5) -> float:
    work()
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append((time.perf_counter() - begin) * 1e3)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1500,6000,24000,96000")
    parser.add_argument("--bars", type=int, default=260)
    parser.add_argument("--one", type=int, default=0, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(measure(asked.one, asked.bars)))
        return
    heading = (
        "symbols",
        "simulate_and_build_ms",
        "features_ms",
        "scan_ms",
        "panel_mib",
        "peak_after_build_mib",
        "peak_mib",
    )
    sys.stdout.write("".join(f"{name:>23}" for name in heading) + f"{'scan_us_a_symbol':>23}\n")
    for size in asked.sizes.split(","):
        command = [sys.executable, __file__, "--one", size, "--bars", str(asked.bars)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        each = found["scan_ms"] * 1e3 / found["symbols"]
        sys.stdout.write("".join(f"{found[name]:>23,.0f}" for name in heading) + f"{each:>23.2f}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
