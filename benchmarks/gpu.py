"""What a GPU does beside the processor of the same machine: features of a replay, trainings, forecasts.

    python -m benchmarks.gpu                                # ten years of 6,000 symbols; at most 8 minutes
    NUMBA_ENABLE_CUDASIM=1 python -m benchmarks.gpu --dry   # the same at toy size, by numba's simulator

Each section is a process of its own with a limit of its own: one that passes it says so, and the next begins. Every
measurement is a line of JSON; at the end a table stands. Seconds are of the wall.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tapescan.core.settings import Device
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.market.panel import LANES, Block, Panel

Line = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """Of what is computed. trained, history : symbols and sessions of the store that is trained on."""

    symbols: int
    sessions: int
    features: tuple[str, ...]
    trained: int
    history: int


FULL = Size(6_000, 2_520, default_features(), 600, 1_400)
TOY = Size(6, 90, ("close", "sma_20", "rsi_14"), 150, 700)

#: What is read and written of bars.
COLUMNS = ("open", "high", "low", "close", "volume", "market")


def panel_of(size: Size) -> Panel:
    """A simulated market; its first block again and again, since what is computed hangs on no value."""
    from tapescan.history.market import simulated_market

    made = simulated_market(symbols=min(size.symbols, LANES), sessions=size.sessions).panel
    return replace(made, blocks=made.blocks[:1] * -(-size.symbols // LANES))


def rate(what: str, values: int, seconds: float) -> Line:
    return {"what": what, "values": values, "seconds": seconds, "million values a second": values / seconds / 1e6}


def machine(_size: Size, _folder: Path) -> Iterator[Line]:
    from tapescan.core.cuda import gpu_name

    yield {"what": "machine", "gpu": gpu_name(), "cores": len(os.sched_getaffinity(0))}


def processor(size: Size, _folder: Path) -> Iterator[Line]:
    """Features of all rows, as many blocks at once as there are threads."""
    from tapescan.core.machine import threads
    from tapescan.engine.threads import Threads
    from tapescan.features.warm import warm_up

    plan, panel = plan_features(size.features), panel_of(size)
    begin = time.perf_counter()
    yield {"what": "compile", "kernels": warm_up(plan, replayed=True), "seconds": time.perf_counter() - begin}
    pieces = [(plan, block, panel) for block in panel.blocks]
    Threads().map(_computed, pieces[: threads()])  # memory that nobody had yet is slow at its first use
    begin = time.perf_counter()
    values = sum(Threads().map(_computed, pieces))
    yield rate("features", values, time.perf_counter() - begin)


def _computed(piece: tuple[Plan, Block, Panel]) -> int:
    from tapescan.features.compute import replay

    plan, block, panel = piece
    return sum(values.size for _, values in replay(replace(panel, blocks=(block,)), plan))


def gpu(size: Size, _folder: Path) -> Iterator[Line]:
    """As `processor`, with transfers in it; and these alone. The first block is compared with the processor's."""
    from tapescan.core import cuda
    from tapescan.features import compute, device

    plan, panel = plan_features(size.features), panel_of(size)
    few = replace(panel, blocks=panel.blocks[:1])
    begin = time.perf_counter()
    _, ours = next(iter(device.replay(few, plan)))
    yield {"what": "compile, and one block", "seconds": time.perf_counter() - begin}
    begin = time.perf_counter()
    values = sum(values.size for _, values in device.replay(panel, plan))
    yield rate("features", values, time.perf_counter() - begin)
    begin = time.perf_counter()
    for block in panel.blocks:
        room = cuda.room_for((len(plan.names), block.rows, block.lanes))
        for name in COLUMNS:
            cuda.sent(getattr(block, name))
        room.copy_to_host()
    yield rate("transfers alone", values, time.perf_counter() - begin)
    _, theirs = next(iter(compute.replay(few, plan)))
    known = np.isfinite(theirs) & (ours != theirs)
    apart = np.abs(ours[known] - theirs[known]) / np.maximum(np.abs(theirs[known]), 1e-12)
    same = bool(np.array_equal(np.isnan(ours), np.isnan(theirs)))
    yield {"what": "compared", "apart": float(apart.max(initial=0.0)), "same values missing": same}


def store(size: Size, folder: Path) -> Iterator[Line]:
    """What is trained on."""
    import polars as pl

    import tapescan
    from tapescan.simulation.market import simulate

    begin = time.perf_counter()
    made = simulate(symbols=size.trained, sessions=size.history, seed=5)
    tapescan.import_bars(made.bars.filter(pl.col("close") > 0.0), made.listing, store=folder)
    yield {"what": "store", "seconds": time.perf_counter() - begin}


def training(_size: Size, folder: Path) -> Iterator[Line]:
    """One horizon, samples and judging included."""
    import tapescan

    device = os.environ["TAPESCAN_DEVICE"]
    begin = time.perf_counter()
    tapescan.train_models(folder, horizons=(5,), folds=2, judged=5, paths=False, folder=folder.with_name(device))
    yield {"what": "training", "seconds": time.perf_counter() - begin}


def forecasts(size: Size, folder: Path) -> Iterator[Line]:
    """Of one session, the quickest of five, by the model that the processor trained."""
    from tapescan.models.forecast import load_models

    device: Device = "cuda" if os.environ["TAPESCAN_DEVICE"] == "cuda" else "cpu"
    model = load_models(folder.with_name("cpu"), device=device).models[0]
    if device != model.learner.serve_on(device)[0]:
        yield {"what": "failed", "said": "XGBoost finds no GPU here"}
        return
    inputs = np.random.default_rng(5).normal(size=(size.symbols, len(model.card.features))).astype(np.float32)
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        model.forecast(inputs)
        taken.append(time.perf_counter() - begin)
    yield {"what": "forecasts", "seconds": min(taken)}


SECTIONS: dict[str, Callable[[Size, Path], Iterator[Line]]] = {
    one.__name__: one for one in (machine, processor, gpu, store, training, forecasts)
}

#: What runs: a section, its device, its threads, and the seconds that it may take; no more than MOST in all.
RUNS = (
    ("machine", "cuda", 16, 10),
    ("processor", "cpu", 16, 60),  # compiles first
    ("processor", "cpu", 2, 45),
    ("gpu", "cuda", 16, 200),
    ("store", "cpu", 16, 25),
    ("training", "cpu", 16, 35),
    ("training", "cpu", 2, 45),
    ("training", "cuda", 16, 30),
    ("forecasts", "cpu", 16, 10),
    ("forecasts", "cuda", 16, 15),
)
MOST = 480


def measured(name: str, device: str, threads: int, limit: float, folder: Path, dry: bool) -> list[Line]:
    """The lines of a section, which runs apart; the last says why there are no more, where it failed."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.gpu", "--section", name, "--store", str(folder)]
    variables = {**os.environ, "TAPESCAN_DEVICE": device, "TAPESCAN_THREADS": str(threads)}
    whose = {"section": name, "device": device, "threads": threads}
    said, error = "", ""
    try:
        run = subprocess.run(
            command + ["--dry"] * dry, env=variables, capture_output=True, text=True, timeout=limit, check=False
        )
        said, error = run.stdout, run.stderr if run.returncode else ""
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else late.stdout or ""
        error = f"stopped after {limit:g} s"
    lines = [whose | json.loads(line) for line in said.splitlines() if line.startswith("{")]
    if error:
        lines.append(whose | {"what": "failed", "said": error.strip().splitlines()[-1]})
    return lines


def table(lines: list[Line]) -> str:
    rows = [f"{'section':11} {'device':6} {'threads':>7}  {'what':24} {'seconds':>9} {'M values/s':>11}"]
    for one in lines:
        seconds, values = one.get("seconds"), one.get("million values a second")
        numbers = f"{'' if seconds is None else f'{seconds:.3f}':>9} {'' if values is None else f'{values:.1f}':>11}"
        more = one.get("said") or one.get("gpu") or (f"apart {one['apart']:.1e}" if "apart" in one else "")
        rows.append(
            f"{one['section']:11} {one['device']:6} {one['threads']:7}  {one['what']:24} {numbers}  {more}".rstrip()
        )
    return "\n".join(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry", action="store_true", help="at toy size, with no limits")
    parser.add_argument("--section", choices=sorted(SECTIONS), help="this alone, here")
    parser.add_argument("--store", type=Path, help="where the section trains")
    asked = parser.parse_args()
    if asked.section:
        for line in SECTIONS[asked.section](TOY if asked.dry else FULL, asked.store):
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        return 0
    lines: list[Line] = []
    with tempfile.TemporaryDirectory(prefix="tapescan-gpu-") as folder:
        for name, device, threads, limit in RUNS:
            for line in measured(
                name, device, threads, 3_600 if asked.dry else limit, Path(folder, "store"), asked.dry
            ):
                lines.append(line)
                sys.stdout.write(json.dumps(line) + "\n")
                sys.stdout.flush()
    sys.stdout.write(table(lines) + "\n")
    return int(any(one["what"] == "failed" and not asked.dry for one in lines))


if __name__ == "__main__":
    sys.exit(main())
