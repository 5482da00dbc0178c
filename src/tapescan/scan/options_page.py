"""A symbol's options as one page: what quotes say and what was refused, the fit, the move that is priced in, open
interest, and the ways to trade the plan. It needs nothing else and reaches for no network."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import polars as pl

from tapescan.core.drawing import HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, bar, figure, framed, key, line, ticks
from tapescan.core.pages import as_html, page, safe
from tapescan.scan.expressed import ExpressedPlan
from tapescan.scan.options_tables import (
    chain_table,
    expiries_table,
    headline,
    positions_table,
    remarks,
    shown_expiry,
)

__all__ = ["options_page"]

STYLE = """.call{stroke:var(--c0);fill:var(--c0)}.put{stroke:var(--c1);fill:var(--c1)}
.off{stroke:var(--soft);fill:none}.puts{fill:var(--c1)}
"""

#: Strikes are drawn within so many deviations of the forward.
WIDEST = 4.0

#: The cone reaches over so many times the plan's hold; so many points from expiry to expiry.
LONGEST, STEPS = 6.0, 8

_NOTHING = "Nothing is known."


def options_page(found: ExpressedPlan, expiry: str = "") -> str:
    """The whole page; the same result gives the same bytes."""
    said = [found.no_plan[:1].upper() + found.no_plan[1:]] if found.no_plan else []
    said += [*found.notes, *found.scan.notes]
    body = "".join(f'<p class="note">{safe(one)}</p>' for one in said)
    if found.expressions:
        body += as_html(positions_table(found))
        body += "".join(f'<p class="note">{safe(one)}</p>' for one in remarks(found))
    day = shown_expiry(found, expiry)
    if day is not None:
        rows = found.contracts.filter(pl.col("expiry") == day, pl.col("standard"))
        body += "".join(plot(found, day, rows) for plot in _OF_EXPIRY)
    body += "".join(plot(found) for plot in _OF_ALL)
    return page(headline(found), body + as_html(expiries_table(found)) + as_html(chain_table(found, expiry)), STYLE)


def _smile(found: ExpressedPlan, day: dt.date, rows: pl.DataFrame) -> str:
    """Each quote from its bid's volatility to its ask's, the fit, and what was refused, with its reason."""
    title = f"Volatility by strike, {day}: quotes with their spread, the fit, and what was refused"
    near = _near(found, day, rows)
    fit = near.filter(pl.col("iv_smile").is_not_null()).unique("strike").sort("strike")
    known = [*_known(near["iv"]), *_known(near["iv_bid"]), *_known(near["iv_ask"]), *_known(fit["iv_smile"])]
    if not known:
        return figure(title, "", _NOTHING)
    x, y = _across(near["strike"].to_list()), _along([100.0 * one for one in known])
    drawn = line(((x(a), y(100.0 * b)) for a, b in fit.select("strike", "iv_smile").iter_rows()), 2)
    for row in near.iter_rows(named=True):
        at, what = x(row["strike"]), f"{row['strike']:g} {row['side']}"
        if row["iv"] is None:
            drawn += _cross(at, y.start - 5.0, f"{what}: {row['reason']}")
            continue
        kind = row["side"] if row["reason"] == "ok" else "off"
        low, high = (row[name] if row[name] is not None else row["iv"] for name in ("iv_bid", "iv_ask"))
        told = f"{what}: {row['iv']:.1%}, {low:.1%} to {high:.1%}"
        told += "" if row["reason"] == "ok" else f", {row['reason']}"
        told = f"<title>{safe(told)}</title>"
        drawn += f'<path class="{kind}" d="M{at} {y(100.0 * low)}V{y(100.0 * high)}">{told}</path>'
        drawn += f'<circle class="{kind}" r="2.5" cx="{at}" cy="{y(100.0 * row["iv"])}">{told}</circle>'
    refused = Counter(rows.filter(pl.col("reason") != "ok")["reason"].to_list())
    counts = ", ".join(f"{name} {count}" for name, count in sorted(refused.items())) or "none"
    keys = [_sample("call", "calls"), _sample("put", "puts"), key(2, "fit"), f"refused of the expiry: {safe(counts)}"]
    return figure(title, framed(x, y, _marks(x), "strike, $", "volatility a year, %", drawn), " &nbsp; ".join(keys))


def _below(found: ExpressedPlan, day: dt.date, rows: pl.DataFrame) -> str:
    """What the smile prices in of where the share ends."""
    title = f"Priced in that the share ends below a price on {day}, risk-neutral, no forecast, %"
    near = _near(found, day, rows).filter(pl.col("below").is_not_null()).unique("strike").sort("strike")
    if len(near) < 2:
        return figure(title, "", _NOTHING)
    x, y = _across(near["strike"].to_list()), _along([0.0, 100.0])
    drawn = line(((x(a), y(100.0 * b)) for a, b in near.select("strike", "below").iter_rows()), 0)
    return figure(title, framed(x, y, _marks(x), "price, $", "%", drawn))


def _interest(found: ExpressedPlan, day: dt.date, rows: pl.DataFrame) -> str:
    """Calls upwards, puts downwards."""
    title = f"Open interest by strike, {day}: calls up, puts down, contracts"
    near = _near(found, day, rows).filter(pl.col("open_interest") > 0.0)
    if near.is_empty():
        return figure(title, "", _NOTHING)
    strikes = near["strike"].unique().sort().to_list()
    gap = min((b - a for a, b in pairwise(strikes)), default=1.0)
    x = _across([strikes[0] - gap, strikes[-1] + gap])
    signed = [-n if side == "put" else n for side, n in near.select("side", "open_interest").iter_rows()]
    y, drawn = _along([0.0, *signed]), ""
    for (strike, side), count in zip(near.select("strike", "side").iter_rows(), signed, strict=True):
        said = f"{strike:g} {side}: {abs(count):,.0f}"
        drawn += bar(x(strike - 0.4 * gap), y(0.0), x(strike + 0.4 * gap), y(count), safe(said)).replace(
            'class="bar"', f'class="{"puts" if side == "put" else "bar"}"'
        )
    return figure(title, framed(x, y, _marks(x), "strike, $", "contracts", drawn))


def _terms(found: ExpressedPlan) -> str:
    title = "Term structure: volatility at the forward by days to expiry"
    rows = found.expiries.filter(pl.col("standard"), pl.col("iv").is_not_null(), pl.col("days") > 0.0)
    if rows.is_empty():
        return figure(title, "", _NOTHING)
    points = [(days, 100.0 * iv) for days, iv in rows.select("days", "iv").iter_rows()]
    x, y = _across([0.0, *(one for one, _ in points)]), _along([one for _, one in points])
    drawn = line(((x(a), y(b)) for a, b in points), 0)
    for row in rows.iter_rows(named=True):
        said = f"{row['expiry']}: {row['iv']:.1%}, {row['ok']} of {row['contracts']} contracts have a value"
        at = f'cx="{x(row["days"])}" cy="{y(100.0 * row["iv"])}"'
        drawn += f'<circle class="call" r="3" {at}><title>{safe(said)}</title></circle>'
    return figure(title, framed(x, y, _marks(x), "days", "volatility a year, %", drawn))


def _cone(found: ExpressedPlan) -> str:
    """One deviation to both sides of the forward, and the levels of the plan within it."""
    title = "The move that is priced in: one deviation to both sides, and the plan"
    rows = found.expiries.filter(pl.col("standard"), pl.col("move").is_not_null(), pl.col("days") > 0.0)
    if rows.is_empty() or found.spot is None:
        return figure(title, "", _NOTHING)
    days = (found.exit - found.session).days
    most = max(LONGEST * days, rows["days"][0])
    known = [row for row in rows.select("days", "move", "forward").iter_rows() if row[0] <= most]
    sides = [[(0.0, found.spot), *_side(found.spot, known, way)] for way in (1.0, -1.0)]
    levels = {name: found.plan[name] for name in ("target", "stop") if found.plan}
    values = [value for side in sides for _, value in side] + [*levels.values()]
    x, y = _across([0.0, known[-1][0]]), _along(values)
    drawn = "".join(line(((x(a), y(b)) for a, b in side), 0) for side in sides)
    keys = [key(0, "one deviation")]
    for number, (name, level) in enumerate(levels.items(), start=1):
        until = min(float(days), x.high)
        drawn += line([(x(0.0), y(level)), (x(until), y(level))], number)
        keys.append(key(number, f"{name} {level:,.2f}, up to {found.exit}"))
    return figure(title, framed(x, y, _marks(x), "days", "$ a share", drawn), " &nbsp; ".join(keys))


def _side(spot: float, known: Sequence[tuple[float, float, float]], way: float) -> list[tuple[float, float]]:
    """One side of the cone: variance grows with time in a line from expiry to expiry, as does the forward.

    known : days, move, forward.
    """
    places, begin, variance, level = [], 0.0, 0.0, spot
    for days, move, forward in known:
        total = (move / forward) ** 2
        for step in range(1, STEPS + 1):
            share = step / STEPS
            deviation = math.sqrt(variance + share * (total - variance))
            middle = level + share * (forward - level)
            places.append((begin + share * (days - begin), middle * math.exp(way * deviation)))
        begin, variance, level = days, total, forward
    return places


def _near(found: ExpressedPlan, day: dt.date, rows: pl.DataFrame) -> pl.DataFrame:
    """Contracts whose strikes lie within some deviations of the forward; all where that is not known."""
    own = found.expiries.filter(pl.col("expiry") == day, pl.col("standard"))
    forward, move = own.select("forward", "move").row(0) if len(own) else (None, None)
    if forward is None or move is None:
        return rows
    reach = math.exp(WIDEST * move / forward)
    return rows.filter(pl.col("strike").is_between(forward / reach, forward * reach))


def _known(values: pl.Series) -> list[float]:
    return [one for one in values.to_list() if one is not None and math.isfinite(one)]


def _across(values: Sequence[float]) -> Scale:
    low, high = min(values), max(values)
    return Scale(low, high if high > low else low + 1.0, LEFT, WIDTH - RIGHT)


def _along(values: Iterable[float]) -> Scale:
    """The y axis of these values, with some air, whether or not 0 is near."""
    known = [*values]
    low, high = min(known), max(known)
    air = 0.06 * (high - low) or 1.0
    return Scale(low - air, high + air, TOP + HEIGHT, TOP)


def _marks(x: Scale) -> list[tuple[float, str]]:
    return [(value, f"{value:g}") for value in ticks(x.low, x.high)]


def _cross(x: float, y: float, text: str) -> str:
    return f'<path class="off" d="M{x - 3} {y - 3}l6 6m0-6l-6 6"><title>{safe(text)}</title></path>'


def _sample(kind: str, name: str) -> str:
    drawn = f'<circle class="{kind}" r="4" cx="20" cy="5"/>'
    return f'<svg style="width:2.5em" viewBox="0 0 40 10">{drawn}</svg> {safe(name)}'


#: From one expiry, and from all of them, to a figure, in the order of the page.
_OF_EXPIRY: tuple[Callable[[ExpressedPlan, dt.date, pl.DataFrame], str], ...] = (_smile, _below, _interest)
_OF_ALL: tuple[Callable[[ExpressedPlan], str], ...] = (_terms, _cone)
