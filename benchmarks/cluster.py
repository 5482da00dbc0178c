"""What a cluster costs: the same pieces on threads and on Ray nodes of this machine, in CPU time.

    python -m benchmarks.cluster [--symbols 1024] [--sessions 2500] [--rounds 3] [--nodes 2]

A piece is a block of 256 symbols, whose default features are replayed over all rows. Counted is the CPU time of this
process and of all that it started, Ray's own among them, after the first pieces: starting a node and a worker, with
the digest that it is asked for, is told apart. The results, a digest a piece, must be the same.

With the nodes' memory (proportional set size: shared pages are counted once), how many tasks of nothing they take a
second, and what that comes to on 88 cores: a projection, with what it assumes.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.compute import replay
from tapescan.features.digest import machine_digest
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.market.panel import Panel, build_panel
from tapescan.simulation.market import simulate
from tests.engine.clusters import local_cluster

#: Of the projection: cores of the cluster and of a machine, bytes a second that leave the driver's machine
#: (10 Gbit/s), pieces of the job.
CORES, MACHINE, NETWORK, PIECES = 88, 16, 1.25e9, 10_000

#: Tasks of nothing.
NOTHING = 400


def digested(piece: tuple[Panel, Plan, int]) -> str:
    panel, plan, _ = piece
    ((_, values),) = replay(panel, plan)
    return hashlib.sha256(values.tobytes()).hexdigest()


def nothing(piece: int) -> int:
    return piece


def process(_: int) -> int:
    time.sleep(0.2)  # so that another worker takes the next
    return os.getpid()


def descendants() -> list[int]:
    """The processes that this one started, and those that they started."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text("ascii", "replace").rsplit(")", 1)[1].split()[1])
        except OSError:
            continue  # it has just ended
    found = [os.getpid()]
    for one in found:  # grows meanwhile
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def seconds() -> float:
    """CPU time of this process and of all that it started, those that have ended as well."""
    tick, total = os.sysconf("SC_CLK_TCK"), time.process_time()
    for one in descendants():
        fields = Path(f"/proc/{one}/stat").read_text("ascii", "replace").rsplit(")", 1)[1].split()
        total += sum(map(int, fields[11:15])) / tick
    return total


def memory() -> float:
    """Bytes of what this process started."""
    total = 0
    for one in descendants():
        lines = Path(f"/proc/{one}/smaps_rollup").read_text("ascii").splitlines()
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def measure(engine: Engine, pieces: list[tuple[Panel, Plan, int]]) -> tuple[list[str], float, float]:
    """The results, CPU and wall seconds."""
    cpu, begin = seconds(), time.perf_counter()
    found = engine.map(digested, pieces)
    return found, seconds() - cpu, time.perf_counter() - begin


@dataclass(frozen=True)
class Job:
    """piece : CPU seconds of one on threads. over : CPU of the cluster over that of threads, a share. task : CPU
    seconds that the driver spends on a task. shared : bytes that each machine reads once."""

    piece: float
    over: float
    task: float
    shared: float

    def wall(self, cores: int) -> float:
        """Seconds of the projection's job."""
        from tapescan.engine.ray import TASKS

        machines, tasks = math.ceil(cores / MACHINE), min(cores * TASKS, PIECES)
        each = self.piece * (1.0 + self.over) * PIECES / tasks
        rounds = tasks / cores + 0.5  # half a task until the last one ends
        return self.shared * machines / NETWORK + max(rounds * each, tasks * self.task)


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
    measure(Threads(given.nodes), pieces[:1])
    here, cpu, wall = measure(Threads(given.nodes), pieces)
    out(f"{len(pieces)} pieces of {cpu / len(pieces):.2f} CPU seconds on threads: {cpu:.2f} CPU, {wall:.2f} wall\n")
    begin = time.perf_counter()
    with local_cluster(given.nodes) as cluster:
        from tapescan.engine.ray import Ray

        engine = Ray(cluster.address, machine_digest)
        workers = {*engine.map(process, range(8 * given.nodes))}
        out(f"{given.nodes} nodes, {len(workers)} workers ready in {time.perf_counter() - begin:.1f} s\n")
        out(f"{len(descendants())} processes, {memory() / 2**20:,.0f} MB\n")
        more = 0.0
        for name in ("first", "again"):
            there, spent, wall = measure(engine, pieces)
            more = spent / cpu - 1.0
            out(f"on them, {name}: {spent:.2f} CPU ({more:+.0%}), {wall:.2f} wall; same bytes: {there == here}\n")
        rate, task = scheduled(engine, given.nodes)
        out(f"tasks of nothing: {rate:.0f} a second, {task * 1e3:.1f} ms of the driver's CPU each\n")
    columns = ("open", "high", "low", "close", "volume")
    shared = sum(getattr(block, name).nbytes for block in panel.blocks for name in columns)
    job = Job(cpu / len(pieces), max(more, 0.0), task, shared)
    out(
        f"a projection, not measured: {PIECES:,} such pieces share {job.shared / 1e6:.0f} MB, on machines of "
        f"{MACHINE} cores as fast as these, {NETWORK * 8e-9:.0f} Gbit/s from the driver, which hands out on one; "
        "no machine dies, none is waited for\n"
    )
    for cores in (1, MACHINE, CORES):
        ideal = job.piece * PIECES / cores
        out(f"  {cores} cores: {job.wall(cores):,.0f} s, {ideal / job.wall(cores):.0%} of them at work on pieces\n")


def scheduled(engine: Engine, nodes: int) -> tuple[float, float]:
    """Tasks a second, and CPU seconds of this process a task."""
    from tapescan.engine.ray import TASKS

    tasks = min(nodes * TASKS, NOTHING)
    engine.map(nothing, range(tasks))
    own, begin = time.process_time(), time.perf_counter()
    engine.map(nothing, range(tasks))
    return tasks / (time.perf_counter() - begin), (time.process_time() - own) / tasks


if __name__ == "__main__":
    main()
