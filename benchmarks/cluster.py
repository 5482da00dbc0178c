"""What a cluster costs: the same pieces on threads and on Ray nodes of this machine, in CPU time.

    python -m benchmarks.cluster [--symbols 1024] [--sessions 2500] [--rounds 3] [--nodes 2]

A piece is a block of 256 symbols, whose default features are replayed over all rows. Counted is the CPU time of this
process and of Ray's workers, after the first pieces: starting a node and a worker, with the digest that it is asked
for, is told apart. The results, a digest a piece, must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import replay
from tapescan.features.digest import machine_digest
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.market.panel import Panel, build_panel
from tapescan.simulation.market import simulate
from tests.engine.clusters import local_cluster


def digested(piece: tuple[Panel, Plan, int]) -> str:
    panel, plan, _ = piece
    ((_, values),) = replay(panel, plan)
    return hashlib.sha256(values.tobytes()).hexdigest()


def process(_: int) -> int:
    time.sleep(0.2)  # so that another worker takes the next
    return os.getpid()


def seconds(processes: set[int]) -> float:
    """CPU time of other processes and of this one."""
    tick, total = os.sysconf("SC_CLK_TCK"), time.process_time()
    for one in processes:
        fields = Path(f"/proc/{one}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / tick
    return total


def measure(
    engine: Engine, pieces: list[tuple[Panel, Plan, int]], processes: set[int]
) -> tuple[list[str], float, float]:
    """The results, CPU and wall seconds."""
    cpu, begin = seconds(processes), time.perf_counter()
    found = engine.map(digested, pieces)
    return found, seconds(processes) - cpu, time.perf_counter() - begin


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("symbols", 1024), ("sessions", 2500), ("rounds", 3), ("nodes", 2)):
        asked.add_argument(f"--{name}", type=int, default=value)
    given = asked.parse_args()
    panel = build_panel(simulate(symbols=given.symbols, sessions=given.sessions).bars)
    plan = plan_features(default_features())
    parts = [replace(panel, blocks=(block,)) for block in panel.blocks]
    pieces = [(part, plan, number) for number in range(given.rounds) for part in parts]
    out = sys.stdout.write
    measure(Threads(given.nodes), pieces[:1], set())
    here, cpu, wall = measure(Threads(given.nodes), pieces, set())
    out(f"{len(pieces)} pieces of {cpu / len(pieces):.2f} CPU seconds on threads: {cpu:.2f} CPU, {wall:.2f} wall\n")
    begin = time.perf_counter()
    with local_cluster(given.nodes) as cluster:
        from tapescan.engine.ray import Ray

        engine = Ray(cluster.address, machine_digest)
        workers = {*engine.map(process, range(8 * given.nodes))}
        out(f"{given.nodes} nodes, {len(workers)} workers ready in {time.perf_counter() - begin:.1f} s\n")
        for name in ("first", "again"):
            there, spent, wall = measure(engine, pieces, workers)
            more = spent / cpu - 1.0
            out(f"on them, {name}: {spent:.2f} CPU ({more:+.0%}), {wall:.2f} wall; same bytes: {there == here}\n")


if __name__ == "__main__":
    main()
