"""The plots of a replay, as SVG: what became of the money, by horizon, by month, by trade."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from html import escape

import polars as pl

from tapescan.core.drawing import (
    LEFT,
    RIGHT,
    WIDTH,
    Scale,
    bar,
    figure,
    framed,
    key,
    line,
    over_time,
    ticks,
    time_marks,
    up,
)
from tapescan.core.typing import Floats
from tapescan.replay.growth import cohorts_a_year
from tapescan.replay.report.figures import ACCOUNTS, by_month, drawdown, gains, histogram, per_period
from tapescan.replay.result import ReplayResult

__all__ = ["CHART_STYLE", "PLOTS"]

CHART_STYLE = """.band{fill:var(--c0);opacity:.16}.whisker{stroke:var(--c0);stroke-width:2;fill:none}
.heat td{padding:.15rem .45rem;text-align:right}.key{display:inline-block;width:2.5em;height:.8em}
ul.warn{border-left:4px solid var(--c1);padding:.2rem 0 .2rem 1.8rem;overflow-wrap:anywhere}
"""

#: Bars of a plot over time, at most.
MOST = 60

_NOTHING = "Not measured."


def equity(result: ReplayResult) -> str:
    title = f"What became of the money: each cohort held {result.statistics.hold} sessions, gain in %"
    found, rows = gains(result), result.curves
    if not found:
        return figure(title, "", _NOTHING)
    days: list[dt.date] = rows["session"].to_list()
    band = [(rows[name] * 100.0 - 100.0).drop_nulls() for name in ("matched_high", "matched_low")]
    x = over_time([day for one in found for day in (one.days[0], one.days[-1])])
    y = up([value for one in found for value in one.percent.tolist() if math.isfinite(value)] + [*band[0], *band[1]])
    drawn, keys = "", []
    if len(band[0]) == len(days):
        high, low = (_places(x, y, days, one) for one in band)
        drawn += f'<polygon class="band" points="{" ".join(f"{a},{b}" for a, b in (*high, *reversed(low)))}"/>'
    for number, one in enumerate(found):
        drawn += line(_places(x, y, one.days, one.percent), number)
        keys.append(key(number, f"{one.name} {one.percent[-1]:+.1f} %"))
    if len(band[0]) == len(days):
        sample = '<svg class="key" viewBox="0 0 40 10"><path class="band" d="M0 0H40V10H0z"/></svg>'
        keys.append(f"{sample} nine of ten who pick at random what is like it, at the same costs")
    if ACCOUNTS["index"] not in [one.name for one in found]:
        keys.append("the index has no bars of its own here, and no line")
    return figure(title, framed(x, y, time_marks(x), "session", "gain, %", drawn), " &nbsp; ".join(keys))


def falls(result: ReplayResult) -> str:
    title = "Drawdown: below the highest so far, %"
    rows = result.curves
    if len(rows) < 2:
        return figure(title, "", _NOTHING)
    days: list[dt.date] = rows["session"].to_list()
    shown = {name: drawdown(rows[name]) * 100.0 for name in ("net", "eligible")}
    deepest = {name: min(one.to_list()) for name, one in shown.items()}
    x, y = over_time(days), up([*deepest.values()])
    drawn = "".join(line(_places(x, y, days, one), number) for number, one in enumerate(shown.values()))
    keys = (
        key(number, f"{ACCOUNTS[name]}, deepest {one:.1f} %") for number, (name, one) in enumerate(deepest.items())
    )
    return figure(title, framed(x, y, time_marks(x), "session", "%", drawn), " &nbsp; ".join(keys))


def excess(result: ReplayResult) -> str:
    title = "Net over all eligible by sessions held, with what holds the true mean in nine of ten such records"
    found = result.statistics
    known = {
        horizon: tuple(
            100.0 * value * cohorts_a_year(horizon, found.every) for value in (one.mean, one.low, one.high)
        )
        for horizon, at in found.horizons.items()
        if math.isfinite((one := at.net_over_eligible).mean)
    }
    if not known:
        return figure(title, "", _NOTHING)
    y = up([value for values in known.values() for value in values if math.isfinite(value)])
    x = Scale(0.5, len(known) + 0.5, LEFT, WIDTH - RIGHT)
    drawn, marks = "", []
    for place, (horizon, (mean, low, high)) in enumerate(known.items(), start=1):
        said = f"{horizon} sessions: {mean:+.1f} %"
        if math.isfinite(low):
            drawn += f'<path class="whisker" d="M{x(place)} {y(low)}V{y(high)}"/>'
            said += f", {low:+.1f} to {high:+.1f}"
        drawn += f'<circle class="bar" r="5" cx="{x(place)}" cy="{y(mean)}"><title>{said}</title></circle>'
        marks.append((float(place), f"{horizon}{'*' if horizon == found.hold else ''}"))
    return figure(title, framed(x, y, marks, "sessions held, * as asked", "% a year", drawn))


def heat(result: ReplayResult) -> str:
    title = "Net over all eligible by month of the pick, mean of a cohort, %"
    found = by_month(result.daily)
    if not found:
        return figure(title, "", _NOTHING)
    most = max(abs(value) for months in found.values() for value in months.values()) or 1.0

    def cell(value: float | None) -> str:
        if value is None:
            return "<td>-</td>"
        colour = "0,104,168" if value >= 0.0 else "179,89,0"
        return f'<td style="background:rgba({colour},{0.6 * abs(value) / most:.2f})">{value * 100.0:+.2f}</td>'

    heads = "".join(f"<th>{name}</th>" for name in ("year", *(f"{month:02d}" for month in range(1, 13)), "all"))
    rows = "".join(
        f"<tr><th>{year}</th>{''.join(cell(months.get(month)) for month in (*range(1, 13), 0))}</tr>"
        for year, months in found.items()
    )
    table = (
        f'<div class="wide"><table class="heat"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
    return figure(title, table)


def outcomes(result: ReplayResult) -> str:
    plan = bool(result.provenance.get("plan"))
    title = "Trades by what they made" + (", in multiples of the risk (R)" if plan else " after costs, %")
    values = result.picks["r"] if plan else result.picks["net"] * 100.0
    found = histogram(values.drop_nulls().drop_nans())
    if found is None:
        return figure(title, "", _NOTHING)
    unit = "R" if plan else "%"
    low, high = float(found.edges[0]), float(found.edges[-1])
    x, y = Scale(low, high, LEFT, WIDTH - RIGHT), up([0.0, float(found.counts.max())])
    drawn = "".join(
        bar(x(one), y(0.0), x(other), y(float(count)), f"{one:.2f} to {other:.2f} {unit}: {count:,}")
        for one, other, count in zip(found.edges[:-1], found.edges[1:], found.counts.tolist(), strict=True)
    )
    marks = [(value, f"{value:.3g}") for value in ticks(low, high)]
    note = "The first and the last bar hold what lies beyond them too."
    return figure(title, framed(x, y, marks, unit, "trades", drawn), note)


def turned(result: ReplayResult) -> str:
    shares = result.daily.select("session", turnover=pl.col("turnover") * 100.0)
    return _periods("Turnover: bought and sold a session, % of the capital", shares, "turnover", "%")


def room(result: ReplayResult) -> str:
    title = "Capacity: net % a year by size of the account, each position within its share of the volume"
    known = {float(size): 100.0 * value for size, value in result.capacity.items() if math.isfinite(value)}
    if not known:
        return figure(title, "", _NOTHING)
    x, y = Scale(0.5, len(known) + 0.5, LEFT, WIDTH - RIGHT), up([*known.values()])
    drawn = "".join(
        bar(x(place - 0.35), y(0.0), x(place + 0.35), y(value), f"${size:,.0f}: {value:+.1f} % a year")
        for place, (size, value) in enumerate(known.items(), start=1)
    )
    marks = [(float(place), _dollars(size)) for place, size in enumerate(known, start=1)]
    return figure(title, framed(x, y, marks, "account", "% a year", drawn))


def picked(result: ReplayResult) -> str:
    return _periods("Picks a session", result.daily, "picked", "picks")


def _periods(title: str, rows: pl.DataFrame, column: str, unit: str) -> str:
    """Bars of a column's mean by month, quarter or year."""
    found = per_period(rows, column, MOST)
    if not found:
        return figure(title, "", _NOTHING)
    x, y = Scale(0.5, len(found) + 0.5, LEFT, WIDTH - RIGHT), up([value for _, value in found])
    drawn = "".join(
        bar(x(place - 0.4), y(0.0), x(place + 0.4), y(value), f"{label}: {value:.2f} {unit}")
        for place, (label, value) in enumerate(found, start=1)
    )
    step = -(-len(found) // 6)
    marks = [(float(place), label) for place, (label, _) in enumerate(found, start=1) if (place - 1) % step == 0]
    return figure(title, framed(x, y, marks, "mean of the sessions of each period", escape(unit), drawn))


def _places(x: Scale, y: Scale, days: Sequence[dt.date], values: pl.Series | Floats) -> list[tuple[float, float]]:
    pairs = zip(days, values.to_numpy() if isinstance(values, pl.Series) else values, strict=True)
    return [(x(day.toordinal()), y(float(value))) for day, value in pairs if math.isfinite(value)]


def _dollars(size: float) -> str:
    for least, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= least:
            return f"${size / least:g}{name}"
    return f"${size:g}"


#: From a result to a figure, in the order of the page.
PLOTS: tuple[Callable[[ReplayResult], str], ...] = (equity, falls, excess, heat, outcomes, turned, room, picked)
