"""The stages of a scan, each beside its floor: what it reads and writes, once, at the machine's reading speed.

A floor is no promise that a stage could come down to it. It says what memory asks for; what lies above is computing
(recursions, sorting) or Python's own calls. Counted are the columns of the panel over the bars that the newest values
need, whole columns of all symbols where a stage takes them whole, and the members' values alone where it picks those.
What is passed on without being touched (most of a result's columns) costs nothing until the frame is made of it, and
a model's trees, which fit a processor's cache, are not counted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tapescan.columns.factors import EVERY_FACTOR, points_column
from tapescan.core.labels import Labels
from tapescan.core.machine import threads
from tapescan.features.plan import Plan
from tapescan.history.market import Market
from tapescan.market.panel import Block, Panel
from tapescan.market.regime import SESSIONS_A_YEAR
from tapescan.scan.assembled import Gradual, Late
from tapescan.scan.factors import factor_columns
from tapescan.scan.pipeline import Request, run
from tapescan.scan.result import ScanResult
from tapescan.scan.tradeplan import plan_features_needed

__all__ = ["Stage", "Staged", "as_stages", "bytes_of", "bytes_of_features", "reading_speed"]

#: Bytes of a number, a code, a place; of a flag.
WORD, FLAG = 8, 1

#: What a scan does before, between and after its stages.
BETWEEN = "between"


@dataclass(frozen=True)
class Stage:
    """ms : the median. bytes_once : read and written, each once; 0 for what has no floor. floor : ms for these."""

    name: str
    ms: float
    bytes_once: int
    floor: float

    @property
    def ratio(self) -> float | None:
        """How many times as long as its floor it takes; None without one."""
        return self.ms / self.floor if self.floor else None

    def to_dict(self) -> dict[str, Any]:
        ratio = self.ratio
        return {
            "name": self.name,
            "ms": round(self.ms, 3),
            "megabytes": round(self.bytes_once / 1e6, 3),
            "floor_ms": round(self.floor, 4),
            "ratio": None if ratio is None else round(ratio, 2),
        }


class Staged:
    """Scans of one market that are timed stage by stage, the frame of all rows as the last.

    counted : the bytes of each stage (`bytes_of`).
    """

    def __init__(self, market: Market, request: Request) -> None:
        self.market, self.request = market, request
        self.counted = bytes_of(market, request, run(market, request))
        self._taken: dict[str, list[float]] = {}

    def __call__(self) -> None:
        self.market.kept.clear()  # a scan is timed whole, without what the one before left
        begin = time.perf_counter()
        result = run(self.market, self.request)
        scanned = time.perf_counter()
        _ = result.frame
        end = time.perf_counter()
        took = {**result.timings, "frame": end - scanned}
        took[BETWEEN] = end - begin - sum(took.values())
        for name, seconds in took.items():
            self._taken.setdefault(name, []).append(seconds * 1e3)

    def milliseconds(self) -> dict[str, float]:
        """The median of each stage."""
        return {name: statistics.median(times) for name, times in self._taken.items()}


def as_stages(staged: Staged, speed: float, only: Iterable[str] | None = None) -> tuple[Stage, ...]:
    """The stages beside their floors. speed : bytes a second. only : of these names."""
    return tuple(
        Stage(name, ms, size, size / speed * 1e3)
        for name, ms in staged.milliseconds().items()
        if only is None or name in only
        for size in (staged.counted.get(name, 0),)
    )


def bytes_of(market: Market, request: Request, result: ScanResult) -> dict[str, int]:
    """The bytes of what each stage of a scan reads and of what it writes, each once."""
    section, columns = result.section, result.assembled.columns
    symbols, requested = len(section.symbols), len(result.assembled.order)
    members = int((section.excluded(request.profile.filters).codes == 0).sum())
    whole, some = WORD * symbols, WORD * members
    weights = result.provenance["weights"]
    shares = len(weights)
    # Of each symbol, whether it may be ranked.
    flags = FLAG * symbols
    return {
        "features": bytes_of_features(market.panel, request.plan) + section.features.values.nbytes,
        "regime": WORD * min(SESSIONS_A_YEAR + 21, len(market.panel.index.session)),
        # Three features, the type, how many bars there are, the newest one's day, whether delisted; the reason.
        "filters": 7 * whole + flags,
        # Who takes part, in order, and their sectors.
        "factors": (len(factor_columns()) + 2) * some + len(EVERY_FACTOR) * whole,
        "models": sum(one.inputs.nbytes + WORD * one.inputs.size + one.values.nbytes for one in result.forecasts),
        # The factors' values of the members; the parts, where each is unknown, and their sum.
        "score": shares * (some + whole + flags) + whole + flags,
        # The score, which symbols have a close, where factors are unknown, the sides, the reasons, the orders by name
        # and by rank; of the columns those that no stage before has made.
        "result": 2 * whole + (shares + 1) * flags + whole + 2 * WORD * requested + _size(_made(columns, weights)),
        # What a plan is made of; its six numbers, and what limits each.
        "plan": len(plan_features_needed(request.profile.risk)) * some + 2 * flags + 7 * whole,
        "frame": _size(columns.values()) + WORD * requested + int(result.frame.estimated_size()),
    }


def bytes_of_features(panel: Panel, plan: Plan) -> int:
    """Of each column of the panel that any kernel reads, over the bars that the newest values need."""
    needed: dict[str, int] = {}
    for step in plan.steps:
        for name in step.indicator.inputs:
            needed[name] = max(needed.get(name, 0), step.indicator.history(step.values) or step.span)
    return WORD * sum(min(need, block.rows) * block.lanes for need in needed.values() for block in panel.blocks)


def reading_speed(panel: Panel, passes: int = 20) -> float:
    """Bytes a second by the plainest pass there is: numpy adding up a block's rows, on all threads."""

    def read_block(block: Block) -> None:
        for _ in range(passes):
            np.add.reduce(block.close, axis=0)

    def read_all() -> float:
        begin = time.perf_counter()
        with ThreadPoolExecutor(threads()) as pool:
            list(pool.map(read_block, panel.blocks))
        return time.perf_counter() - begin

    return passes * sum(block.close.nbytes for block in panel.blocks) / min(read_all() for _ in range(3))


def _made(columns: Mapping[str, Any], weights: Collection[str]) -> list[Any]:
    """The columns that are made for the result: not those of features, factors, the score or the plan."""
    own = {"conviction", "unknown_factors", "side", "shares", "dropped"}
    own |= {points_column(name) for name in EVERY_FACTOR if name not in weights}
    return [values for name, values in columns.items() if name in own]


def _size(columns: Iterable[Any]) -> int:
    """The bytes of columns, each array once."""
    found: dict[int, int] = {}
    for column in columns:
        # What is made when somebody asks for it is made here as well.
        one = column.values if isinstance(column, Late | Gradual) else column
        array = one.codes if isinstance(one, Labels) else one
        found[id(array)] = int(array.estimated_size() if isinstance(array, pl.Series) else array.nbytes)
    return sum(found.values())
