"""Replays that are made up, whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tapescan.core.typing import Floats
from tapescan.replay.returns import DRAWS, SessionReturns

__all__ = ["Made", "made", "with_picks"]

#: A Tuesday in 2014.
BEGIN = 16_106

#: Standard deviation a session of the market, and of a portfolio of picks beside it.
MARKET, OWN = 0.01, 0.006


@dataclass(frozen=True)
class Made:
    """sessions : replayed. edge : what the picks gain a session over all they could be, on the average.
    horizons : sessions held. new : share of newcomers."""

    sessions: int = 250
    every: int = 5
    edge: float = 0.0
    horizons: Sequence[int] = (5,)
    picked: int = 10
    new: float = 1.0


def made(seed: int, what: Made | None = None) -> SessionReturns:
    """Sums of independent normal numbers a session; players are as the picks are, without their edge."""
    what = what or Made()
    count, generator = what.sessions, np.random.default_rng(seed)
    span = count * what.every + max(what.horizons) + 1
    market = generator.normal(0.0003, MARKET, span)
    index = market + generator.normal(0.0, 0.002, span)
    own = generator.normal(what.edge, OWN, span)
    players = generator.normal(0.0, OWN, (span, DRAWS))
    place = np.arange(count) * what.every

    def held(changes: Floats) -> Mapping[int, Floats]:
        sums = np.concatenate((np.zeros_like(changes[:1]), np.cumsum(changes, axis=0)))
        return {horizon: sums[place + horizon] - sums[place] for horizon in what.horizons}

    return SessionReturns(
        session=(BEGIN + place * 7 // 5).astype(np.int32),
        eligible=np.full(count, 3000),
        picked=np.full(count, what.picked),
        new=np.full(count, what.new),
        picks=held(market + own),
        eligible_mean=held(market),
        index=held(index),
        matched=held(market[:, None] + players),
    )


def with_picks(returns: SessionReturns, horizon: int, picks: Floats) -> SessionReturns:
    """With other returns of the picks."""
    return replace(returns, picks={**returns.picks, horizon: picks})
