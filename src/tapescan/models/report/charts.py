"""The plots of a model's record, as SVG: rank IC over time, returns by tenth, calibration, importance."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from tapescan.models.registry.record import Record

__all__ = ["PLOTS"]

#: Most features that the plot of importance shows.
MOST_FEATURES = 20

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720.0, 72.0, 12.0, 8.0, 44.0

#: Classes of line that the style tells apart.
LINES = 4


@dataclass(frozen=True)
class _Scale:
    """Values from low to high drawn from start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)


def bars_over_time(record: Record) -> str:
    dates = record.model.per_date
    x, y = _time(dates.session), _up(dates.rank_ic)
    thick = max(1.0, 0.7 * (WIDTH - LEFT - RIGHT) / len(dates.session))
    bars = "".join(
        f"M{x(day.toordinal())} {y(0.0)}V{y(value)}" for day, value in zip(dates.session, dates.rank_ic, strict=True)
    )
    drawn = f'<path class="line s0" style="stroke-width:{thick:.2f}" d="{bars}"/>'
    frame = _frame(x, y, _years(x), "session of the forecast", "rank IC, -1 to 1", drawn)
    return _figure("Rank IC of the model on each date", frame)


def sums_over_time(record: Record) -> str:
    all_dates = [judgement.per_date for judgement in record.judgements.values()]
    sums = [tuple(itertools.accumulate(dates.rank_ic)) for dates in all_dates]
    ends = [day for dates in all_dates for day in (dates.session[0], dates.session[-1])]
    x, y = _time(ends), _up([value for line in sums for value in line])
    drawn, keys = "", []
    for number, (name, dates, line) in enumerate(zip(record.judgements, all_dates, sums, strict=True)):
        kind = f"line s{number % LINES}"
        points = " ".join(f"{x(day.toordinal())},{y(value)}" for day, value in zip(dates.session, line, strict=True))
        drawn += f'<polyline class="{kind}" points="{points}"/>'
        sample = f'<svg style="width:2.5em" viewBox="0 0 40 10"><path class="{kind}" d="M0 5H40"/></svg>'
        keys.append(f"{sample} {escape(name)}")
    frame = _frame(x, y, _years(x), "session of the forecast", "sum of rank ICs so far", drawn)
    return _figure("Rank IC added up over the dates: a steady forecast rises evenly", frame, " &nbsp; ".join(keys))


def deciles(record: Record) -> str:
    title = "Returns by tenth of the forecast: a good one rises from left to right"
    known = {
        n: 100.0 * value for n, value in enumerate(record.deciles, 1) if value is not None and not math.isnan(value)
    }
    if not known:
        return _figure(title, "", "Not measured.")
    x, y = _Scale(0.5, len(record.deciles) + 0.5, LEFT, WIDTH - RIGHT), _up([*known.values()])
    drawn = "".join(_bar(x(n - 0.35), y(0.0), x(n + 0.35), y(value), f"{value:.3f} %") for n, value in known.items())
    marks = [(float(n), str(n)) for n in range(1, len(record.deciles) + 1)]
    across = "tenth of each date's symbols by forecast, 1 the lowest"
    frame = _frame(x, y, marks, across, f"mean return over {record.horizon} sessions, %", drawn)
    return _figure(title, frame)


def calibration(record: Record) -> str:
    title = "Calibration: the rank forecast for a tenth, and the rank that came"
    if not record.calibration:
        return _figure(title, "", "Not measured.")
    ours = [tenth.forecast for tenth in record.calibration]
    low, high = _limits(ours)
    x, y = _Scale(low, high, LEFT, WIDTH - RIGHT), _up([*(tenth.realised for tenth in record.calibration), low, high])
    drawn = f'<path class="line zero" d="M{x(low)} {y(low)}L{x(high)} {y(high)}"/>' + "".join(
        f'<circle class="bar" r="4" cx="{x(tenth.forecast)}" cy="{y(tenth.realised)}">'
        f"<title>forecast {tenth.forecast:.4f}, came {tenth.realised:.4f}</title></circle>"
        for tenth in record.calibration
    )
    marks = [(value, f"{value:.3g}") for value in _ticks(low, high)]
    frame = _frame(x, y, marks, "mean forecast rank, -0.5 to 0.5", "mean rank that came", drawn)
    return _figure(title, frame, "Each point is a tenth of the forecasts; on the line they came true on average.")


def importance(record: Record) -> str:
    order = sorted(record.importance.items(), key=lambda item: (-item[1], item[0]))
    shown, title = order[:MOST_FEATURES], "Importance: each feature's share in what the model learnt"
    if not shown:
        return _figure(title, "", "Not measured.")
    left, step, height = 200.0, 20.0, 20.0 * len(shown)
    x = _Scale(0.0, 100.0 * max(shown[0][1], 1e-9), left, WIDTH - 60.0)
    drawn = ""
    for place, (name, share) in enumerate(shown):
        top, text = step * place, f"{share:.2%}"
        drawn += f'<text x="{left - 6}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
        drawn += _bar(left, top + 3, x(100.0 * share), top + step - 3, text)
        drawn += f'<text x="{x(100.0 * share) + 4}" y="{top + 14}">{text}</text>'
    rest = sum(share for _, share in order[MOST_FEATURES:])
    note = f"{len(order) - len(shown)} more features hold the other {rest:.1%}." if order[MOST_FEATURES:] else ""
    drawn += f'<text x="{left}" y="{height + 18.0}">importance, %</text>'
    return _figure(title, _svg(height + 24.0, "importance, %, by feature", drawn), note)


def _figure(title: str, drawing: str, note: str = "") -> str:
    said = f'<div class="note">{note}</div>' if note else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawing}{said}</figure>"


def _frame(x: _Scale, y: _Scale, marks: Sequence[tuple[float, str]], across: str, along: str, drawn: str) -> str:
    """Axes with their units around a drawing; marks are those of the x axis."""
    below, middle = y.start, (y.start + y.end) / 2.0
    lines = ""
    for value in _ticks(y.low, y.high):
        kind = "grid" if value else "zero"
        lines += f'<path class="{kind}" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>'
        lines += f'<text x="{LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{value:.3g}</text>'
    for value, label in marks:
        lines += f'<path class="grid" d="M{x(value)} {below}v4"/>'
        lines += f'<text x="{x(value)}" y="{below + 17}" text-anchor="middle">{label}</text>'
    lines += f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{below + 37}" text-anchor="middle">{across}</text>'
    lines += f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{along}</text>'
    return _svg(below + BOTTOM, f"{along}, by {across}", lines + drawn)


def _svg(height: float, words: str, drawn: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(words)}">{drawn}</svg>'


def _bar(x: float, y: float, other_x: float, other_y: float, text: str) -> str:
    size = f'width="{abs(other_x - x):.2f}" height="{abs(other_y - y):.2f}"'
    return f'<rect class="bar" x="{min(x, other_x)}" y="{min(y, other_y)}" {size}><title>{text}</title></rect>'


def _up(values: Sequence[float]) -> _Scale:
    low, high = _limits(values)
    return _Scale(low, high, TOP + 200.0, TOP)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """A range that holds all values and 0, with some air, never empty."""
    low, high = min(0.0, *values), max(0.0, *values)
    air = 0.05 * (high - low) or 1.0
    return low - air, high + air


def _ticks(low: float, high: float) -> list[float]:
    """Round values within a range, at most six: steps of 1, 2 or 5 times a power of ten."""
    least = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= least)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _time(days: Sequence[dt.date]) -> _Scale:
    return _Scale(min(days).toordinal() - 1.0, max(days).toordinal() + 1.0, LEFT, WIDTH - RIGHT)


def _years(x: _Scale) -> list[tuple[float, str]]:
    """Marks at the first day of each year, every few years if they are many; at both ends when they are few."""
    first, last = dt.date.fromordinal(int(x.low) + 1), dt.date.fromordinal(int(x.high) - 1)
    years = range(first.year + 1, last.year + 1)
    if len(years) < 2:
        return [(float(day.toordinal()), day.isoformat()) for day in (first, last)]
    return [(float(dt.date(year, 1, 1).toordinal()), str(year)) for year in years[:: -(-len(years) // 10)]]


#: From a record to a figure, in the order of the page.
PLOTS: tuple[Callable[[Record], str], ...] = (bars_over_time, sums_over_time, deciles, calibration, importance)
