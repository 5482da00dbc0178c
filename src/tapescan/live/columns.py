"""The values of the columns of the session that forms (`columns.live`): of each symbol, what its minutes say so far.

Levels of the sessions before are those of the moment's market, in today's shares. Nothing that they are held against
(average true range, mean volume) has the forming bar inside.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.columns.live import SOURCE, opening_minutes
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.features.compute import latest
from tapescan.features.plan import plan_features
from tapescan.history.market import Market
from tapescan.live.day import Day, Totals
from tapescan.market.panel import Panel, places_of

__all__ = ["Before", "Prior", "forming_rows", "places_among", "prior_of", "unknown_rows"]

#: Bars of the mean volume that a session's is held against.
USUAL = 20


class Prior(NamedTuple):
    """Of each symbol's bar before the session, ``(symbols,)``, NaN without one; volume is the mean of USUAL bars."""

    high: Floats
    low: Floats
    close: Floats
    volume: Floats


class Before(NamedTuple):
    """What is known of the sessions before by the symbols of then: atr_14, and the close in the shares of then."""

    symbols: tuple[str, ...]
    atr: Floats
    close: Floats

    @classmethod
    def of(cls, panel: Panel) -> Before:
        """panel : up to the session before."""
        found = latest(panel, plan_features(("atr_14", "close")))
        return cls(panel.symbols, found["atr_14"], found["close"])

    def atr_in(self, panel: Panel, prior: Prior) -> Floats:
        """In the order and the shares of a moment's panel, whose closes before are given."""
        place = _places(panel, self.symbols)
        there = place >= 0
        # A close that did not change divides to 1: the bits stay.
        factor = prior.close / np.where(there, self.close[place], np.nan)
        return np.where(there, self.atr[place], np.nan) * factor


def prior_of(panel: Panel) -> Prior:
    """panel : of a moment of the session."""
    found = Prior(*np.full((4, len(panel)), np.nan))
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        today: Ints = (panel.newest[lanes] == panel.as_of).astype(np.int64)
        last = block.rows - 1 - today
        bars, row, lane = last + 1 - block.first, np.maximum(last, 0), np.arange(block.lanes)
        for name, values in (("high", block.high), ("low", block.low), ("close", block.close)):
            getattr(found, name)[lanes] = np.where(bars > 0, values[row, lane], np.nan)
        if block.rows < USUAL:
            continue
        inner = block.volume[1 - USUAL : -1].sum(axis=0)
        # Where the newest row is the session's, the window ends before it.
        ends = np.where(today == 1, block.volume[max(-USUAL - 1, -block.rows)], block.volume[-1])
        found.volume[lanes] = np.where(bars >= USUAL, (inner + block.volume[-USUAL] + ends) / USUAL, np.nan)
    return found


def forming_rows(day: Day, minute: int, market: Market, before: Before, names: Iterable[str] = ()) -> pl.DataFrame:
    """The columns of `columns.live` that are made of no others, one row a symbol of the market, in its order; NaN for
    what is unknown. They are copies: what comes later changes nothing in them.

    day : as it is by a minute, the one that begins. market : of that moment. names : of columns; the opening ranges
    among them are made, and no others.
    """
    panel = market.panel
    place = day.lanes_of(panel.symbols)
    there = place >= 0

    def laid(values: Floats | Ints, empty: float = np.nan) -> Floats:
        out: Floats = np.full(len(panel), empty)
        out[there] = values[place[there]]
        return out

    total = Totals._make(laid(values, -1.0 if name.endswith("at") else np.nan) for name, values in _named(day.totals))
    early = Totals._make(
        laid(values, -1.0 if name.endswith("at") else np.nan) for name, values in _named(day.premarket)
    )
    prior = prior_of(panel)
    traded, opened = total.at >= 0, laid(day.official_open)
    high, low = np.fmax(total.high, opened), np.fmin(total.low, opened)
    newest = minute - 1
    since_high = newest - np.where(opened > total.high, day.begin, total.high_at)
    since_low = newest - np.where(opened < total.low, day.begin, total.low_at)
    with np.errstate(all="ignore"):  # nothing traded, nothing known
        vwap = total.value / total.volume
        variance = total.square / total.volume - vwap * vwap
        # Of equal prices rounding may leave less than nothing.
        deviation = np.sqrt(np.maximum(variance, 0.0))
        usual = prior.volume * day.usual_share(minute)
        known = {
            "vwap": vwap,
            "vwap_deviation": deviation,
            "day_high": high,
            "day_low": low,
            "minutes_since_high": since_high,
            "minutes_since_low": since_low,
            "minutes_since_trade": newest - total.at,
            "new_high_of_day": _flags((since_high == 0) & (newest > day.begin)),
            "new_low_of_day": _flags((since_low == 0) & (newest > day.begin)),
            "volume_so_far": total.volume,
            "relative_volume_time": total.volume / usual,
            "range_of_atr": (high - low) / before.atr_in(panel, prior),
        }
        known = {name: np.where(traded & np.isfinite(one), one, np.nan) for name, one in known.items()}
        known |= {"prior_high": prior.high, "prior_low": prior.low, "prior_close": prior.close}
        was = early.at >= 0
        known |= {
            "premarket_high": np.where(was, early.high, np.nan),
            "premarket_low": np.where(was, early.low, np.nan),
            "premarket_volume": np.where(was, early.volume, np.nan),
            "premarket_change": np.where(was, early.close / prior.close - 1.0, np.nan),
        }
    for name in dict.fromkeys(names):
        minutes = opening_minutes(name)
        if minutes is not None:
            known[name] = laid(_opening(day, minute, minutes, "high" in name))
    return pl.DataFrame({"symbol": panel.symbols, **known})


def unknown_rows(market: Market) -> pl.DataFrame:
    """As `forming_rows`, before anything of a session is known."""
    made = [column.name for column in SOURCE.columns if column.value is None]
    nothing = pl.Series([np.nan]).new_from_index(0, len(market.panel))
    return pl.DataFrame({"symbol": market.panel.symbols, **dict.fromkeys(made, nothing)})


def _named(totals: Totals) -> Iterable[tuple[str, Floats | Ints]]:
    return zip(Totals._fields, totals, strict=True)


def _flags(flags: Bools) -> Floats:
    return flags.astype(np.float64)


def _opening(day: Day, minute: int, minutes: int, is_high: bool) -> Floats:
    """Of the first minute bars, in the order of the day's symbols."""
    if minute < day.begin + minutes or not day.symbols:
        return np.full(len(day.symbols), np.nan)
    bars = day.minutes[:minutes]
    found: Floats = np.fmax.reduce(bars[:, 1], axis=0) if is_high else np.fmin.reduce(bars[:, 2], axis=0)
    return found


def _places(panel: Panel, symbols: tuple[str, ...]) -> Ints:
    return places_among(panel.symbols, symbols)


@lru_cache(maxsize=4)
def places_among(wanted: tuple[str, ...], symbols: tuple[str, ...]) -> Ints:
    """The place of each of some symbols among others; -1 for none. Read-only."""
    at = places_of(symbols)
    found = np.fromiter((at.get(symbol, -1) for symbol in wanted), np.int64, len(wanted))
    found.flags.writeable = False
    return found
