"""The plots of a model's record, as SVG: rank IC over time, returns by tenth, calibration, importance."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from html import escape

from tapescan.core.drawing import (
    LEFT,
    RIGHT,
    WIDTH,
    Scale,
    bar,
    figure,
    framed,
    key,
    limits,
    line,
    over_time,
    svg,
    ticks,
    time_marks,
    up,
)
from tapescan.models.registry.record import Record

__all__ = ["PLOTS"]

#: Most features that the plot of importance shows.
MOST_FEATURES = 20


def bars_over_time(record: Record) -> str:
    dates = record.model.per_date
    x, y = over_time(dates.session), up(dates.rank_ic)
    thick = max(1.0, 0.7 * (WIDTH - LEFT - RIGHT) / len(dates.session))
    bars = "".join(
        f"M{x(day.toordinal())} {y(0.0)}V{y(value)}" for day, value in zip(dates.session, dates.rank_ic, strict=True)
    )
    drawn = f'<path class="line s0" style="stroke-width:{thick:.2f}" d="{bars}"/>'
    frame = framed(x, y, time_marks(x), "session of the forecast", "rank IC, -1 to 1", drawn)
    return figure("Rank IC of the model on each date", frame)


def sums_over_time(record: Record) -> str:
    all_dates = [judgement.per_date for judgement in record.judgements.values()]
    sums = [tuple(itertools.accumulate(dates.rank_ic)) for dates in all_dates]
    ends = [day for dates in all_dates for day in (dates.session[0], dates.session[-1])]
    x, y = over_time(ends), up([value for total in sums for value in total])
    drawn, keys = "", []
    for number, (name, dates, total) in enumerate(zip(record.judgements, all_dates, sums, strict=True)):
        places = ((x(day.toordinal()), y(value)) for day, value in zip(dates.session, total, strict=True))
        drawn += line(places, number)
        keys.append(key(number, name))
    frame = framed(x, y, time_marks(x), "session of the forecast", "sum of rank ICs so far", drawn)
    return figure("Rank IC added up over the dates: a steady forecast rises evenly", frame, " &nbsp; ".join(keys))


def deciles(record: Record) -> str:
    title = "Returns by tenth of the forecast: a good one rises from left to right"
    known = {
        n: 100.0 * value for n, value in enumerate(record.deciles, 1) if value is not None and not math.isnan(value)
    }
    if not known:
        return figure(title, "", "Not measured.")
    x, y = Scale(0.5, len(record.deciles) + 0.5, LEFT, WIDTH - RIGHT), up([*known.values()])
    drawn = "".join(bar(x(n - 0.35), y(0.0), x(n + 0.35), y(value), f"{value:.3f} %") for n, value in known.items())
    marks = [(float(n), str(n)) for n in range(1, len(record.deciles) + 1)]
    across = "tenth of each date's symbols by forecast, 1 the lowest"
    frame = framed(x, y, marks, across, f"mean return over {record.horizon} sessions, %", drawn)
    return figure(title, frame)


def calibration(record: Record) -> str:
    title = "Calibration: the rank forecast for a tenth, and the rank that came"
    if not record.calibration:
        return figure(title, "", "Not measured.")
    ours = [tenth.forecast for tenth in record.calibration]
    low, high = limits(ours)
    x, y = Scale(low, high, LEFT, WIDTH - RIGHT), up([*(tenth.realised for tenth in record.calibration), low, high])
    drawn = f'<path class="line zero" d="M{x(low)} {y(low)}L{x(high)} {y(high)}"/>' + "".join(
        f'<circle class="bar" r="4" cx="{x(tenth.forecast)}" cy="{y(tenth.realised)}">'
        f"<title>forecast {tenth.forecast:.4f}, came {tenth.realised:.4f}</title></circle>"
        for tenth in record.calibration
    )
    marks = [(value, f"{value:.3g}") for value in ticks(low, high)]
    frame = framed(x, y, marks, "mean forecast rank, -0.5 to 0.5", "mean rank that came", drawn)
    return figure(title, frame, "Each point is a tenth of the forecasts; on the line they came true on average.")


def importance(record: Record) -> str:
    order = sorted(record.importance.items(), key=lambda item: (-item[1], item[0]))
    shown, title = order[:MOST_FEATURES], "Importance: each feature's share in what the model learnt"
    if not shown:
        return figure(title, "", "Not measured.")
    left, step, height = 200.0, 20.0, 20.0 * len(shown)
    x = Scale(0.0, 100.0 * max(shown[0][1], 1e-9), left, WIDTH - 60.0)
    drawn = ""
    for place, (name, share) in enumerate(shown):
        top, text = step * place, f"{share:.2%}"
        drawn += f'<text x="{left - 6}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
        drawn += bar(left, top + 3, x(100.0 * share), top + step - 3, text)
        drawn += f'<text x="{x(100.0 * share) + 4}" y="{top + 14}">{text}</text>'
    rest = sum(share for _, share in order[MOST_FEATURES:])
    note = f"{len(order) - len(shown)} more features hold the other {rest:.1%}." if order[MOST_FEATURES:] else ""
    drawn += f'<text x="{left}" y="{height + 18.0}">importance, %</text>'
    return figure(title, svg(height + 24.0, "importance, %, by feature", drawn), note)


#: From a record to a figure, in the order of the page.
PLOTS: tuple[Callable[[Record], str], ...] = (bars_over_time, sums_over_time, deciles, calibration, importance)
