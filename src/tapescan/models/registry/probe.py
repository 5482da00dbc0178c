"""The probe: a small fixed market on which a card writes down what each of its features is.

A model is good for features that are computed as in its training, and for no others. So the card holds their values
on this market, and they are computed again when it is loaded: a change of a kernel, a definition, the panel or the
adjustment that changes a value is seen, and nothing else is.

The market is made of whole numbers by whole-number arithmetic, prices in 64ths of a dollar, so it is the same on
every machine, and so are its comparisons: no feature that counts bars hangs on a rounding. It goes the way of all
bars: adjusted for a split and a reverse split, laid out as a panel, measured against its own index.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import polars as pl

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.typing import Ints
from tapescan.features.compute import latest
from tapescan.features.plan import Plan, plan_features
from tapescan.features.warm import warm_up
from tapescan.market.adjust import adjust_bars
from tapescan.market.panel import build_panel
from tapescan.models.samples.inputs import as_inputs

__all__ = ["Values", "check_probe", "probe_values"]

#: Symbols of the probe, and sessions of each but the last, which was listed late.
SYMBOLS, SESSIONS, LISTED_LATE = 8, 320, 120

#: A Monday, its first session; days since 1970-01-01.
FIRST = 18_267

#: Prices are so many to the dollar.
PARTS = 64

#: Symbol -> how many sessions ago it was split, and the new shares for an old one: powers of two, by which prices are
#: divided without rounding.
SPLIT = {1: (9, 2.0), 2: (30, 0.25)}

NO_DIVIDENDS = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date, "amount": pl.Float64})

#: A value may differ by this part of itself: it is kept as float32, which holds seven digits.
SELF = 1e-6

#: And by this part of the largest of its feature: a difference of large numbers keeps fewer digits. Other processors,
#: or releases of NumPy, round the last of sixteen digits otherwise.
LARGEST = 1e-8

Values = tuple[float | None, ...]


@lru_cache(maxsize=8)
def probe_values(features: tuple[str, ...]) -> dict[str, Values]:
    """Each feature's value of each symbol of the probe, as models take them; None where it has none. Computed once.

    Raises OptionError for a name that is no feature.
    """
    plan = plan_features(features)
    warm_up(plan)
    values = as_inputs(latest(build_panel(_bars(_sessions(plan))), plan).values)
    return {name: tuple(map(_plain, row)) for name, row in zip(plan.names, values, strict=True)}


def check_probe(features: tuple[str, ...], then: Mapping[str, Values]) -> None:
    """Raise ModelError when a feature is not what it was, naming it. then : `probe_values` of the training."""
    try:
        now = probe_values(features)
    except OptionError as error:
        raise ModelError(f"it takes what is no feature any more: {error.what}", "train again") from error
    changed = [name for name in features if not _alike(now[name], then.get(name, ()))]
    if changed:
        more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
        raise ModelError(
            f"feature {changed[0]}{more} is computed otherwise than in its training", "train again: tapescan train"
        )


def _plain(value: np.float32) -> float | None:
    return float(f"{value:.9g}") if np.isfinite(value) else None


def _alike(now: Values, then: Values) -> bool:
    if [value is None for value in now] != [value is None for value in then]:
        return False
    ours = np.array([value for value in now if value is not None])
    theirs = np.array([value for value in then if value is not None])
    room = SELF * np.abs(theirs) + LARGEST * max(float(np.abs(theirs).max(initial=0.0)), 1e-3)
    return bool((np.abs(ours - theirs) <= room).all())


# --- the market -----------------------------------------------------------------------------------------------


def _sessions(plan: Plan) -> int:
    """As many sessions as the probe has, doubled until every feature has a value."""
    longest = max((step.indicator.lookback(*step.values) for step in plan.steps), default=0)
    sessions = SESSIONS
    while sessions <= longest:
        sessions *= 2
    return sessions


def _bars(sessions: int) -> pl.DataFrame:
    """Adjusted bars of all symbols: walks of different width and drift, some sessions without volume."""
    wide, drift = np.array([40, 60, 80, 100, 120, 160, 200, 240]), np.arange(SYMBOLS) * 2 - SYMBOLS + 1
    steps = _draw(1, sessions, -wide, wide) + _draw(2, sessions, -wide, wide) + drift[:, None]
    close = 20 * PARTS + np.abs(80 * PARTS + np.cumsum(steps, axis=1))
    before = np.concatenate([close[:, :1], close[:, :-1]], axis=1)
    open_ = before + _draw(3, sessions, -wide // 2, wide // 2)
    high = np.maximum(open_, close) + _draw(4, sessions, 0 * wide, wide)
    low = np.minimum(open_, close) - _draw(5, sessions, 0 * wide, wide)
    volume = _draw(6, sessions, 5_000 * wide, 40_000 * wide) * (_draw(7, sessions, 0 * wide, 9 + 0 * wide) > 0)
    number, day = np.divmod(np.arange(SYMBOLS * sessions), sessions)
    quoted = np.ones((SYMBOLS, sessions))
    for symbol, (ago, ratio) in SPLIT.items():
        quoted[symbol, : sessions - ago] = ratio
    prices = {"open": open_, "high": high, "low": low, "close": close}
    bars = pl.DataFrame(
        {
            "symbol": np.array([f"P{symbol}" for symbol in range(SYMBOLS)])[number],
            "session": _dates(day),
            **{name: (values * quoted / PARTS).ravel() for name, values in prices.items()},
            "volume": (volume / quoted).ravel(),
        }
    )
    listed = ~((number == SYMBOLS - 1) & (day < LISTED_LATE))
    stamped = bars.filter(listed).with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date))
    return adjust_bars(stamped, _splits(sessions), NO_DIVIDENDS, dt.date.max)


def _dates(session: Ints) -> pl.Series:
    """Weekdays, by their number from 0."""
    return pl.Series((FIRST + session // 5 * 7 + session % 5).astype(np.int32)).cast(pl.Date)


def _splits(sessions: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": [f"P{symbol}" for symbol in SPLIT],
            "ex_date": _dates(np.array([sessions - ago for ago, _ in SPLIT.values()])),
            "ratio": [ratio for _, ratio in SPLIT.values()],
        }
    )


def _draw(salt: int, sessions: int, low: Ints, high: Ints) -> Ints:
    """Whole numbers from `low` to `high` of each symbol, ``(symbols, sessions)``: S. Vigna's splitmix64 of places."""
    mask = (1 << 64) - 1
    place = np.arange(SYMBOLS * sessions, dtype=np.uint64).reshape(SYMBOLS, sessions)
    mixed = place * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0xD1B54A32D192ED03 & mask)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    drawn: Ints = (mixed >> np.uint64(40)).astype(np.int64)
    return low[:, None] + drawn % (high - low + 1)[:, None]
