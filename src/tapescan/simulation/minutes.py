"""A session of a simulated market minute by minute: bars that make up its day's bars exactly.

Of each symbol the first open, the highest high, the lowest low, the last close and the sum of all volumes are the
day's. In between prices wander from open to close; volume follows the usual curve of a session; thin names do not
trade in each minute.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Floats
from tapescan.tables.registry import find_table

__all__ = ["simulate_minutes", "simulate_premarket"]

#: Shares of a minute's usual volume for a symbol to trade in about every other one.
_OFTEN = 60.0
#: What is traded before the opening, of the session's volume, and how far a price lies from the open at most.
_EARLY, _AWAY = 0.01, 0.01


def simulate_minutes(bars: pl.DataFrame, minutes: Sequence[int], share: Floats, seed: int) -> pl.DataFrame:
    """Minute bars of a session, in the order of their minutes, of each minute by symbol.

    bars : the day's bars of one session, BAR_COLUMNS, good ones, each symbol once. minutes : of the session, counted
    from midnight. share : of the session's volume that is usual in each minute, ``(minutes,)``.
    Returns the columns of the table `minutes` as feeds bring them, ``received`` at the end of the minute as if the
    session had been on its date.
    """
    bars = bars.sort("symbol")
    rng = np.random.default_rng([seed, 4, int(bars["session"].to_physical()[0])])
    count, symbols = len(minutes), len(bars)
    open_, high, low, close, volume = (bars[name].to_numpy() for name in ("open", "high", "low", "close", "volume"))
    traded = _traded(rng, volume, share)
    first, last = traded.argmax(axis=0), count - 1 - traded[::-1].argmax(axis=0)
    level = _paths(rng, count, open_, close, high, low)
    begins, ends = level[:-1].copy(), level[1:].copy()
    every = np.arange(symbols)
    begins[first, every], ends[last, every] = open_, close
    reach = 0.15 * (high - low) * rng.random((2, count, symbols))
    tops = np.minimum(np.round(np.maximum(begins, ends) + reach[0], 4), high)
    bottoms = np.maximum(np.round(np.minimum(begins, ends) - reach[1], 4), low)
    for extremes, value in ((tops, high), (bottoms, low)):
        extremes[_among(rng, traded), every] = value
    shares = _shares(rng, traded, volume, share, last)
    return _rows(bars, minutes, traded, (begins, tops, bottoms, ends), shares)


def simulate_premarket(bars: pl.DataFrame, minutes: Sequence[int], seed: int) -> pl.DataFrame:
    """Bars of minutes before the opening, of those who trade then: few, and the more the later.

    As `simulate_minutes`; prices wander to the open, and what is traded is not in the day's volume.
    """
    bars = bars.sort("symbol")
    rng = np.random.default_rng([seed, 6, int(bars["session"].to_physical()[0])])
    count, open_ = len(minutes), bars["open"].to_numpy()
    rising = np.arange(1, count + 1) ** 2.0
    expected = (rising / rising.sum())[:, None] * _EARLY * bars["volume"].to_numpy()
    traded: Bools = rng.random(expected.shape) < expected / (expected + _OFTEN)
    away = rng.uniform(-_AWAY, _AWAY, len(bars)) * (1.0 - np.arange(count + 1) / count)[:, None]
    tick = np.where(open_ < 1.0, 1e4, 1e2)
    noise = rng.normal(0.0, 0.0005, away.shape)
    level = np.maximum(np.round(open_ * (1.0 + away + noise) * tick), 1.0) / tick
    begins, ends = level[:-1], level[1:]
    shares = np.maximum(np.floor(expected * rng.gamma(2.0, 0.5, expected.shape)), 1.0)
    extremes = (np.maximum(begins, ends), np.minimum(begins, ends))
    return _rows(bars, minutes, traded, (begins, *extremes, ends), shares)


def _rows(
    bars: pl.DataFrame,
    minutes: Sequence[int],
    traded: Bools,
    prices: tuple[Floats, Floats, Floats, Floats],
    shares: Floats,
) -> pl.DataFrame:
    """prices : opens, highs, lows and closes; each, `traded` and `shares` ``(minutes, symbols)``."""
    row, lane = np.nonzero(traded)
    o, h, b, c = (one[row, lane] for one in prices)
    session: dt.date = bars["session"][0]
    minute = pl.Series(np.asarray(minutes, np.int16)[row])
    found = pl.DataFrame(
        {
            "symbol": bars["symbol"].gather(lane),
            "session": pl.Series([session], dtype=pl.Date).new_from_index(0, len(row)),
            "minute": minute,
            "open": o,
            "high": np.maximum(h, np.maximum(o, c)),
            "low": np.minimum(b, np.minimum(o, c)),
            "close": c,
            "volume": shares[row, lane],
        }
    )
    midnight = pl.lit(dt.datetime.combine(session, dt.time())).dt.replace_time_zone("America/New_York")
    found = found.with_columns(
        vwap=((pl.col("open") + pl.col("high") + pl.col("low") + pl.col("close")) / 4.0).clip("low", "high"),
        official_open=pl.lit(None, pl.Float64),
        received=(midnight + pl.duration(minutes=pl.col("minute").cast(pl.Int64) + 1))
        .dt.convert_time_zone("UTC")
        .dt.cast_time_unit("us"),
    )
    return found.select(pl.col(name).cast(kind) for name, kind in find_table("minutes").given.items())


def _traded(rng: np.random.Generator, volume: Floats, share: Floats) -> Bools:
    """In which minutes each symbol trades, ``(minutes, symbols)``: at least in one, whatever its volume."""
    expected = share[:, None] * volume
    traded: Bools = rng.random(expected.shape) < expected / (expected + _OFTEN)
    never = ~traded.any(axis=0)
    traded[rng.integers(0, len(share), never.sum()), np.flatnonzero(never)] = True
    return traded


def _paths(rng: np.random.Generator, count: int, open_: Floats, close: Floats, high: Floats, low: Floats) -> Floats:
    """A bridge from open to close within high and low, ``(minutes + 1, symbols)``, in cents or hundredths of them."""
    steps = rng.normal(0.0, 1.0, (count, len(open_)))
    walk = np.vstack([np.zeros(len(open_)), np.cumsum(steps, axis=0)])
    time = (np.arange(count + 1) / count)[:, None]
    bridge = walk - time * walk[-1]
    scale = (high - low) / (2.0 * np.sqrt(count))
    level = open_ + time * (close - open_) + bridge * scale
    tick = np.where(low < 1.0, 1e4, 1e2)
    return np.asarray(np.clip(np.round(level * tick) / tick, low, high), np.float64)


def _among(rng: np.random.Generator, traded: Bools) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """One of the minutes of each symbol, drawn."""
    drawn = np.where(traded, rng.random(traded.shape), -1.0)
    return np.asarray(drawn.argmax(axis=0), np.int64)


def _shares(
    rng: np.random.Generator,
    traded: Bools,
    volume: Floats,
    share: Floats,
    last: np.ndarray[tuple[int], np.dtype[np.int64]],
) -> Floats:
    """Whole shares a minute that add up to the volume; the last minute has what is left."""
    weight = np.where(traded, share[:, None] * rng.gamma(2.0, 0.5, traded.shape), 0.0)
    total = weight.sum(axis=0)
    part = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0.0)
    found: Floats = np.floor(part * volume)
    found[last, np.arange(len(volume))] += volume - found.sum(axis=0)
    return found
