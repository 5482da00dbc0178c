"""Small replays of a simulated market, made once a test process."""

from __future__ import annotations

import functools

import tapescan
from tapescan.replay.result import ReplayResult
from tapescan.simulation.market import SimulatedMarket, simulate

__all__ = ["HOW", "market", "replayed"]

#: What all of them are asked for.
HOW = {"start": "2025-09-01", "models": False, "top": 3}


@functools.cache
def market() -> SimulatedMarket:
    return simulate(symbols=90, sessions=210, seed=5)


@functools.cache
def replayed(*, plan: bool = False, where: str | None = None) -> ReplayResult:
    return tapescan.replay_market(market(), plan=plan, where=where, **HOW)  # type: ignore[arg-type]
