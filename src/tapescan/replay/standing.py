"""Where the newest session stands among those that are shown, in numbers and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import polars as pl

from tapescan.core.results import Result
from tapescan.replay.measures import MEASURES

__all__ = ["Stand", "measure_standing", "say_standing"]

#: What is said of the newest session: a measure, what it is multiplied by, and how.
_SAID = (
    ("above_50", 100.0, "{:.0f} % above their 50-session average"),
    ("above_200", 100.0, "{:.0f} % above their 200-session average"),
    ("net_highs_252", 1.0, "{:+,.0f} net new 52-week highs"),
    ("mcclellan", 1.0, "McClellan oscillator {:+.0f}"),
    ("summation", 1.0, "summation index {:+,.0f}"),
    ("ratio_10", 1.0, "10-session ratio of up 4 % to down 4 % {:.2f}"),
)

#: From which percentile on, and how that is called.
_WORDS = ((90.0, "very high"), (70.0, "high"), (30.0, "ordinary"), (10.0, "low"), (0.0, "very low"))


class Stand(Result, msgspec.Struct, frozen=True):
    """value : of the newest session. percentile : the share of all sessions shown, 0 to 100, that are below it, equal
    ones counting half. sessions : how many have a value. NaN and 0 where it is unknown."""

    value: float
    percentile: float
    sessions: int


def measure_standing(rows: pl.DataFrame) -> dict[str, Stand]:
    """By measure. rows : as in `BreadthResult`."""
    found = {}
    for one in MEASURES:
        if one.kind == "Boolean":
            continue
        values = rows[one.name].cast(pl.Float64).drop_nulls().to_numpy()
        newest = rows[one.name].cast(pl.Float64)[-1]
        if newest is None:
            found[one.name] = Stand(math.nan, math.nan, len(values))
            continue
        below = float((values < newest).sum()) + float((values == newest).sum()) / 2.0
        found[one.name] = Stand(float(newest), 100.0 * below / len(values), len(values))
    return found


def say_standing(rows: pl.DataFrame, standing: Mapping[str, Stand]) -> str:
    """One sentence; a percentile of few sessions is still one, so it says of how many."""
    day, eligible = rows["session"][-1], int(rows["eligible"][-1])
    said = []
    for name, times, form in _SAID:
        one = standing[name]
        if math.isfinite(one.value):
            word = next(word for least, word in _WORDS if one.percentile >= least)
            said.append(f"{form.format(times * one.value)} ({word}, percentile {one.percentile:.0f})")
    if not said:
        return f"{day}: nothing can be said, {eligible:,} stocks are eligible and have no history yet."
    most = max(standing[name].sessions for name, _, _ in _SAID)
    thrusts = rows.filter(pl.col("zweig_thrust").fill_null(value=False))["session"]
    newest = f"; the newest breadth thrust was on {thrusts[-1]}" if len(thrusts) else ""
    return f"{day}, among {most:,} sessions: of {eligible:,} eligible stocks {', '.join(said)}{newest}."
