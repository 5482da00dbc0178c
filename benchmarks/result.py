"""What ranking a market that was observed costs, stage by stage, and the frame of its result.

python benchmarks/result.py [SRC ...] [--symbols 6000] [--bars 260] [--rounds 5]

SRC are `src` folders of checkouts, this one alone where none is named; several are measured in turn, a process each,
so that a busy machine is as busy for all of them. Milliseconds of CPU, the least and the median of all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

#: Times that each process ranks.
RUNS = 15


def measure(symbols: int, bars: int) -> dict[str, list[float]]:
    """The milliseconds of each stage, in this process: with no columns asked for, and with all."""
    from tapescan.features.plan import default_features
    from tapescan.features.warm import warm_up
    from tapescan.history.market import simulated_market
    from tapescan.scan import clock
    from tapescan.scan.pipeline import observe, prepare, rank
    from tapescan.scan.profile import load_profile

    market = simulated_market(symbols=symbols, sessions=bars)
    vars(clock)["time"] = _Cpu  # stages are timed in CPU too
    found: dict[str, list[float]] = {}
    for columns, features in (("default", ()), ("all", default_features())):
        request = prepare(load_profile("swing"), features=features)
        warm_up(request.plan)
        section = observe(market, request.plan, request.looks)
        rank(section, request)
        for _ in range(RUNS):
            result = rank(section, request)
            begin = time.process_time()
            _ = result.frame
            took = {**result.timings, "frame": time.process_time() - begin}
            begin = time.process_time()
            result.to_dict(20)
            took["best 20"] = time.process_time() - begin
            took["result and frame"] = took["result"] + took["frame"]
            took["factors and score"] = took["factors"] + took["score"]
            for stage, seconds in took.items():
                if stage not in {"features", "regime"}:
                    found.setdefault(f"{columns}, {stage}", []).append(seconds * 1e3)
    return found


class _Cpu:
    """Stands for the module `time` where stages are timed."""

    perf_counter = staticmethod(time.process_time)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*", default=[str(Path(__file__).resolve().parents[1] / "src")])
    parser.add_argument("--symbols", type=int, default=6000)
    parser.add_argument("--bars", type=int, default=260)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        sys.stdout.write(json.dumps(measure(asked.symbols, asked.bars)))
        return
    command = [sys.executable, __file__, "--one", "--symbols", str(asked.symbols), "--bars", str(asked.bars)]
    found: dict[str, dict[str, list[float]]] = {source: {} for source in asked.sources}
    for _ in range(asked.rounds):
        for source, stages in found.items():
            variables = {**os.environ, "PYTHONPATH": source}
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=variables)
            for stage, times in json.loads(done.stdout).items():
                stages.setdefault(stage, []).extend(times)
    sys.stdout.write(f"{'ms of CPU, least and median':28}" + "".join(f"{one[-22:]:>24}" for one in found) + "\n")
    for stage in next(iter(found.values())):
        cells = (f"{min(one[stage]):.2f} {statistics.median(one[stage]):.2f}" for one in found.values())
        sys.stdout.write(f"{stage:28}" + "".join(f"{cell:>24}" for cell in cells) + "\n")


if __name__ == "__main__":
    main()
