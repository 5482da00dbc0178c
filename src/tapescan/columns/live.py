"""Columns of the session that still runs: what its minute bars say so far, held against the sessions before."""

from __future__ import annotations

import re

from tapescan.columns.definition import Column, Source
from tapescan.core.errors import OptionError

__all__ = ["LONGEST_RANGE", "SOURCE", "opening_minutes"]

#: An opening range lasts at most so many minutes: those of a session that closes early.
LONGEST_RANGE = 210

#: Opening ranges that are listed, and deviations of the bands that are.
_LISTED, _BANDS = (5, 15, 30, 60), (1, 2, 3)
_RANGE = re.compile(r"opening_range_(high|low)_(\d{1,4})")
_WRITTEN = "minutes of regular hours that are over"


def opening_minutes(name: str) -> int | None:
    """How many minutes the opening range of a column has: 15 of ``opening_range_high_15``; None for another column.

    Raises OptionError for a range of no minutes, or of too many.
    """
    found = _RANGE.fullmatch(name)
    if found is None:
        return None
    minutes = int(found.group(2))
    if not 1 <= minutes <= LONGEST_RANGE or found.group(2) != str(minutes):
        hint = f"opening ranges have 1 to {LONGEST_RANGE} minutes: opening_range_{found.group(1)}_15"
        raise OptionError(f"{name!r}: no such opening range", hint)
    return minutes


def _resolved(name: str) -> Column | None:
    minutes = opening_minutes(name)
    return None if minutes is None else _opening(name.split("_")[2], minutes)


def _opening(side: str, minutes: int) -> Column:
    return Column(
        f"opening_range_{side}_{minutes}", f"{side} of the first {minutes} minutes", "price", "live",
        f"{'highest high' if side == 'high' else 'lowest low'} of the session's first {minutes} minute bars; "
        "unknown before they are over",
        low=0.0,
    )  # fmt: skip


def _band(side: str, deviations: int) -> Column:
    sign = 1.0 if side == "upper" else -1.0
    return Column(
        f"vwap_{side}_{deviations}", f"{side} band of the session's VWAP", "price", "live",
        f"vwap {'+' if sign > 0 else '-'} {deviations} * vwap_deviation", needs=("vwap", "vwap_deviation"),
        value=lambda of: of["vwap"] + sign * deviations * of["vwap_deviation"],
    )  # fmt: skip


SOURCE = Source(
    name="live",
    title="The session that still runs",
    order=26,
    columns=(
        Column(
            "vwap", "VWAP of the session", "price", "live",
            f"dollars over shares traded since the opening, over the {_WRITTEN}; a minute whose own VWAP the feed "
            "does not tell counts with (high + low + close) / 3",
            low=0.0,
        ),
        Column(
            "vwap_deviation", "deviation of prices from the session's VWAP", "price", "live",
            "square root of the volume-weighted mean of squared differences of the minutes' VWAPs from vwap", low=0.0,
        ),
        *(_band(side, deviations) for deviations in _BANDS for side in ("upper", "lower")),
        Column(
            "vwap_distance", "distance from the session's VWAP", "ratio", "live", "close / vwap - 1",
            needs=("close", "vwap"), value=lambda of: of["close"] / of["vwap"] - 1.0,
        ),
        *(_opening(side, minutes) for minutes in _LISTED for side in ("high", "low")),
        Column(
            "day_high", "high of the session so far", "price", "live",
            "highest of the official open and the highs of its minutes", low=0.0,
        ),
        Column(
            "day_low", "low of the session so far", "price", "live",
            "lowest of the official open and the lows of its minutes", low=0.0,
        ),
        Column(
            "minutes_since_high", "minutes since the session's high", "minutes", "live",
            "from the minute in which day_high was first met to the newest one that is over", low=0.0,
        ),
        Column(
            "minutes_since_low", "minutes since the session's low", "minutes", "live",
            "from the minute in which day_low was first met to the newest one that is over", low=0.0,
        ),
        Column(
            "minutes_since_trade", "minutes since its newest bar", "minutes", "live",
            "from the newest minute that has a bar to the newest one that is over: many of them, where it traded "
            "each minute before, are those of a halt", low=0.0,
        ),
        Column(
            "new_high_of_day", "whether the newest minute made the session's high", "1", "live",
            "1 where minutes_since_high is 0 after the session's first minute, else 0", low=0.0, high=1.0,
        ),
        Column(
            "new_low_of_day", "whether the newest minute made the session's low", "1", "live",
            "1 where minutes_since_low is 0 after the session's first minute, else 0", low=0.0, high=1.0,
        ),
        Column(
            "volume_so_far", "volume of the session so far", "shares", "live",
            "shares traded since the opening, as they were told: not scaled", low=0.0,
        ),
        Column(
            "relative_volume_time", "volume to its usual by this time of day", "ratio", "live",
            "volume_so_far / (mean volume of the symbol's 20 bars before * the share of a session's volume that the "
            "market has usually traded by now)",
            low=0.0,
        ),
        Column(
            "range_of_atr", "range of the session used of the ATR", "ratio", "live",
            "(day_high - day_low) / atr_14 of the sessions before", low=0.0,
        ),
        Column("prior_high", "high of the bar before", "price", "live",
               "of the symbol's newest session before this one, in the shares of today", low=0.0),
        Column("prior_low", "low of the bar before", "price", "live",
               "of the symbol's newest session before this one, in the shares of today", low=0.0),
        Column("prior_close", "close of the bar before", "price", "live",
               "of the symbol's newest session before this one, in the shares of today", low=0.0),
        Column("premarket_high", "high before the opening", "price", "live",
               "of its minutes from 04:00 to 09:30; unknown without one", low=0.0),
        Column("premarket_low", "low before the opening", "price", "live",
               "of its minutes from 04:00 to 09:30; unknown without one", low=0.0),
        Column("premarket_volume", "volume before the opening", "shares", "live",
               "of its minutes from 04:00 to 09:30; unknown without one", low=0.0),
        Column("premarket_change", "change before the opening", "ratio", "live",
               "last price before 09:30 / prior_close - 1; unknown without one"),
    ),
    resolve=_resolved,
    families="Opening ranges of 1 to 210 minutes: `opening_range_high_10`, `opening_range_low_45`.",
)  # fmt: skip
