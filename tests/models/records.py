"""Made-up forecasts with a known worth, what came, and a made-up card."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Days, Floats
from tapescan.market.calendar import sessions
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.metrics import judge
from tapescan.models.registry.cards import Card
from tapescan.models.registry.probe import probe_values

#: A card of no real model.
CARD = Card(
    kind="ridge",
    horizon=5,
    features=("rsi_2",),
    parameters={},
    missing="counts as nothing",
    first=dt.date(2016, 1, 4),
    last=dt.date(2020, 1, 2),
    rows=10,
    symbols=2,
    every=5,
    judged=5,
    store="",
    data={},
    metrics={},
    train_rank_ic=None,
    weight=0.5,
    reason="made up",
    trials=1,
    probe=probe_values(("rsi_2",)),
    created_at=dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
)


def days(count: int, every: int = 1, begin: dt.date = dt.date(2018, 1, 2)) -> Days:
    """So many sample dates, every few sessions of the exchange."""
    known: Days = sessions(begin, dt.date(2030, 12, 31))
    return known[: count * every : every]


@dataclass(frozen=True)
class Record:
    """Rows of a record; all ``(rows,)``, sorted by session."""

    session: Days
    symbol: NDArray[np.int32]
    forecast: Floats
    forward: Floats
    every: int = 1
    horizon: int = 1

    def judge(self, **options: Any) -> Judgement:
        return judge(
            self.session,
            self.symbol,
            self.forecast,
            self.forward,
            horizon=self.horizon,
            every=self.every,
            **options,
        )

    def with_forecast(self, forecast: Floats) -> Record:
        return replace(self, forecast=forecast)


def record(
    dates: int = 60, symbols: int = 60, *, signal: float = 0.0, seed: int = 0, every: int = 1, horizon: int = 1
) -> Record:
    """New forecasts on each date whose correlation with the returns is `signal`; returns are normal, 5 % wide."""
    random = np.random.default_rng(seed)
    forecast = random.normal(size=(dates, symbols))
    noise = random.normal(size=(dates, symbols))
    forward = 0.05 * (signal * forecast + np.sqrt(1.0 - signal**2) * noise)
    return Record(
        np.repeat(days(dates, every), symbols),
        np.tile(np.arange(symbols, dtype=np.int32), dates),
        forecast.ravel(),
        forward.ravel(),
        every,
        horizon,
    )


def lasting_record(dates: int, symbols: int, horizon: int, seed: int) -> Record:
    """One worthless forecast a symbol for all dates, judged at each session on returns over the horizon.

    Neighbouring dates share nearly all of their returns and all of their forecast, and so their rank IC.
    """
    random = np.random.default_rng(seed)
    daily = random.normal(size=(dates + horizon, symbols))
    total = np.vstack([np.zeros(symbols), daily.cumsum(axis=0)])
    forward = (total[horizon:] - total[:-horizon])[1 : dates + 1]
    return Record(
        np.repeat(days(dates), symbols),
        np.tile(np.arange(symbols, dtype=np.int32), dates),
        np.tile(random.normal(size=symbols), dates),
        0.01 * forward.ravel(),
        1,
        horizon,
    )
