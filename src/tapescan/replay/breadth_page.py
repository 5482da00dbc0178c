"""Breadth as a table of the newest sessions, for a terminal and a page, and as one page with its lines over time.

The page needs nothing else: its plots are SVG, and it reaches for no network.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from tapescan.core.drawing import figure, framed, key, line, over_time, time_marks, up
from tapescan.core.pages import Table, as_html, page, safe
from tapescan.core.typing import Floats
from tapescan.replay.measures import MEASURES

if TYPE_CHECKING:
    from tapescan.replay.breadth import BreadthResult

__all__ = ["NEWEST", "breadth_page", "headline", "newest_table"]

#: Sessions of the table.
NEWEST = 15


class _Column(NamedTuple):
    name: str
    head: str
    form: Callable[[Any], str]


class _Plot(NamedTuple):
    """lines : by name of a measure, what it is called. times : what values are multiplied by."""

    title: str
    unit: str
    lines: dict[str, str]
    times: float = 1.0
    note: str = ""


def _percent(value: float) -> str:
    return f"{100.0 * value:.0f}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _signed(value: float) -> str:
    return f"{value:+,.0f}"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


_TABLE = (
    _Column("eligible", "eligible", _whole),
    _Column("above_20", ">20d %", _percent),
    _Column("above_50", ">50d %", _percent),
    _Column("above_200", ">200d %", _percent),
    _Column("new_highs_252", "highs", _whole),
    _Column("new_lows_252", "lows", _whole),
    _Column("advances", "adv", _whole),
    _Column("declines", "dec", _whole),
    _Column("up_volume", "upvol %", _percent),
    _Column("mcclellan", "McClellan", _signed),
    _Column("summation", "summation", _signed),
    _Column("zweig", "Zweig", _ratio),
    _Column("up_4", "+4 %", _whole),
    _Column("down_4", "-4 %", _whole),
    _Column("ratio_10", "10d", _ratio),
    _Column("up_25_quarter", "+25 %q", _whole),
    _Column("down_25_quarter", "-25 %q", _whole),
)

_PLOTS = (
    _Plot(
        "Share of the eligible above their averages",
        "%",
        {"above_20": "20 sessions", "above_50": "50", "above_200": "200"},
        100.0,
    ),
    _Plot("New 52-week highs and lows", "stocks", {"new_highs_252": "highs", "new_lows_252": "lows"}),
    _Plot("New 20-session highs and lows", "stocks", {"new_highs_20": "highs", "new_lows_20": "lows"}),
    _Plot("Advance-decline line", "stocks", {"advance_decline_line": "advances - declines, added up"}),
    _Plot("McClellan oscillator, ratio-adjusted", "points", {"mcclellan": "oscillator"}),
    _Plot("McClellan summation index, ratio-adjusted", "points", {"summation": "summation index"}),
    _Plot(
        "Zweig's average of advances",
        "%",
        {"zweig": "10 sessions"},
        100.0,
        "A thrust rises from below 40 % to above 61.5 % within 10 sessions.",
    ),
    _Plot(
        "Volume of what advances and declines",
        "%",
        {"up_volume": "advances", "down_volume": "declines"},
        100.0,
    ),
    _Plot("Up and down 4 % on volume", "stocks", {"up_4": "up", "down_4": "down"}),
    _Plot("Up 4 % to down 4 %", "ratio", {"ratio_5": "5 sessions", "ratio_10": "10"}),
    _Plot("Up and down 25 % in a quarter", "stocks", {"up_25_quarter": "up", "down_25_quarter": "down"}),
    _Plot("Up and down 25 % in a month", "stocks", {"up_25_month": "up", "down_25_month": "down"}),
    _Plot("Up and down 50 % in a month", "stocks", {"up_50_month": "up", "down_50_month": "down"}),
    _Plot("Up and down 13 % in 34 sessions", "stocks", {"up_13_34": "up", "down_13_34": "down"}),
)


def headline(result: BreadthResult) -> str:
    """What was counted, in one line."""
    simulated = "SIMULATED market, " if "simulated" in result.provenance["data"] else ""
    count = f"{len(result.sessions):,} session{'' if len(result.sessions) == 1 else 's'}"
    return f"Breadth: {simulated}eligible of profile {result.profile}, {count} from {result.first} to {result.last}"


def newest_table(result: BreadthResult, newest: int = NEWEST) -> Table:
    """A row a session, the newest last, and the percentiles of the newest below them. Marked * is what fewer than
    nine tenths of the eligible have a value for."""
    among = {one.name: one.among for one in MEASURES}
    rows = []
    for row in result.sessions.tail(newest).iter_rows(named=True):
        cells = [row["session"].isoformat()]
        for one in _TABLE:
            of = among.get(one.name, "")
            mark = "*" if of and 0 < row[of] < 0.9 * row["eligible"] else ""
            cells.append("-" if row[one.name] is None else one.form(row[one.name]) + mark)
        rows.append(tuple(cells))
    standing = [result.standing.get(one.name) for one in _TABLE]
    last = ["-" if one is None or math.isnan(one.percentile) else f"{one.percentile:.0f}" for one in standing]
    rows.append(("percentile", *last))
    return Table("The newest sessions", ("session", *(one.head for one in _TABLE)), tuple(rows))


def breadth_page(result: BreadthResult) -> str:
    """The whole page; the same result gives the same bytes."""
    days = result.sessions["session"].to_list()
    said = "".join(f'<p class="note">{safe(one)}</p>' for one in result.notes)
    drawn = "".join(_drawn(one, days, result.sessions) for one in _PLOTS)
    body = f'<p class="gate">{safe(result.sentence)}</p>{said}{as_html(newest_table(result))}{drawn}'
    return page(headline(result), body + as_html(_definitions(result)))


def _drawn(plot: _Plot, days: Sequence[dt.date], rows: pl.DataFrame) -> str:
    series = {name: plot.times * rows[name].cast(pl.Float64).fill_null(math.nan).to_numpy() for name in plot.lines}
    known = [float(value) for one in series.values() for value in one[np.isfinite(one)]]
    if not known:
        return figure(plot.title, "", "Nobody has a value yet.")
    x, y = over_time(days), up(known)
    drawn = "".join(
        line(((x(days[at].toordinal()), y(float(values[at]))) for at in run), number)
        for number, values in enumerate(series.values())
        for run in _runs(values)
    )
    keys = " &nbsp; ".join(key(number, name) for number, name in enumerate(plot.lines.values()))
    note = "<br>".join(part for part in (keys if len(series) > 1 else "", safe(plot.note)) if part)
    return figure(plot.title, framed(x, y, time_marks(x), "session", plot.unit, drawn), note)


def _runs(values: Floats) -> Iterator[list[int]]:
    """The places of known values that follow each other: a line has no points where nothing is known."""
    for known, run in groupby(range(len(values)), key=lambda at: bool(np.isfinite(values[at]))):
        if known:
            yield [*run]


def _definitions(result: BreadthResult) -> Table:
    rows = tuple((one["name"], one["unit"], one["definition"], one["source"]) for one in result.columns)
    return Table("What each column is", ("column", "unit", "definition", "source"), rows, left=4)
