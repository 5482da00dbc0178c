"""Parts of plots as SVG, for pages that need nothing else: scales, axes, bars, a figure with its title."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

__all__ = [
    "HEIGHT",
    "LEFT",
    "LINES",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Scale",
    "bar",
    "figure",
    "framed",
    "key",
    "limits",
    "line",
    "over_time",
    "svg",
    "ticks",
    "time_marks",
    "up",
]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 720.0, 72.0, 12.0, 8.0, 44.0

#: Of the place between the axes.
HEIGHT = 200.0

#: Classes of line that the style tells apart.
LINES = 4


@dataclass(frozen=True)
class Scale:
    """Values from low to high drawn from start to end."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 2)


def figure(title: str, drawing: str, note: str = "") -> str:
    """drawing, note : HTML."""
    said = f'<div class="note">{note}</div>' if note else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawing}{said}</figure>"


def framed(x: Scale, y: Scale, marks: Sequence[tuple[float, str]], across: str, along: str, drawn: str) -> str:
    """Axes with their units around a drawing; marks are those of the x axis."""
    below, middle = y.start, (y.start + y.end) / 2.0
    lines = ""
    for value in ticks(y.low, y.high):
        kind = "grid" if value else "zero"
        lines += f'<path class="{kind}" d="M{LEFT} {y(value)}H{WIDTH - RIGHT}"/>'
        lines += f'<text x="{LEFT - 6}" y="{y(value) + 4}" text-anchor="end">{value:.3g}</text>'
    for value, label in marks:
        lines += f'<path class="grid" d="M{x(value)} {below}v4"/>'
        # A label at the right edge would be cut off.
        anchor = "end" if x(value) > WIDTH - 40.0 else "middle"
        lines += f'<text x="{x(value)}" y="{below + 17}" text-anchor="{anchor}">{label}</text>'
    lines += f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{below + 37}" text-anchor="middle">{across}</text>'
    lines += f'<text transform="translate(14 {middle}) rotate(-90)" text-anchor="middle">{along}</text>'
    return svg(below + BOTTOM, f"{along}, by {across}", lines + drawn)


def line(places: Iterable[tuple[float, float]], number: int) -> str:
    """A line through these places, of one of the LINES classes."""
    points = " ".join(f"{x},{y}" for x, y in places)
    return f'<polyline class="line s{number % LINES}" points="{points}"/>'


def key(number: int, name: str) -> str:
    """What says which line is which, below a figure."""
    sample = f'<svg style="width:2.5em" viewBox="0 0 40 10"><path class="line s{number % LINES}" d="M0 5H40"/></svg>'
    return f"{sample} {escape(name)}"


def svg(height: float, words: str, drawn: str) -> str:
    """words : what it shows, for who cannot see it."""
    return f'<svg viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(words)}">{drawn}</svg>'


def bar(x: float, y: float, other_x: float, other_y: float, text: str) -> str:
    """Between two corners. text : told where it is pointed at."""
    size = f'width="{abs(other_x - x):.2f}" height="{abs(other_y - y):.2f}"'
    return f'<rect class="bar" x="{min(x, other_x)}" y="{min(y, other_y)}" {size}><title>{text}</title></rect>'


def up(values: Sequence[float]) -> Scale:
    """The y axis of these values and 0."""
    low, high = limits(values)
    return Scale(low, high, TOP + HEIGHT, TOP)


def limits(values: Sequence[float]) -> tuple[float, float]:
    """A range that holds all values and 0, with some air, never empty."""
    low, high = min(0.0, *values), max(0.0, *values)
    air = 0.05 * (high - low) or 1.0
    return low - air, high + air


def ticks(low: float, high: float) -> list[float]:
    """Round values within a range, at most six: steps of 1, 2 or 5 times a power of ten."""
    least = (high - low) / 5.0
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= least)
    return [number * step for number in range(math.ceil(low / step), math.floor(high / step) + 1)]


def over_time(days: Sequence[dt.date]) -> Scale:
    """The x axis of these days, by their ordinals."""
    return Scale(min(days).toordinal() - 1.0, max(days).toordinal() + 1.0, LEFT, WIDTH - RIGHT)


def time_marks(x: Scale) -> list[tuple[float, str]]:
    """Marks at the first day of each year, every few years if they are many; of months when they are few; at both
    ends when those are."""
    first, last = dt.date.fromordinal(int(x.low) + 1), dt.date.fromordinal(int(x.high) - 1)
    years = range(first.year + 1, last.year + 1)
    if len(years) > 1:
        return [(float(dt.date(year, 1, 1).toordinal()), str(year)) for year in years[:: -(-len(years) // 10)]]
    months = range(12 * first.year + first.month, 12 * last.year + last.month)
    if len(months) < 2:
        return [(float(day.toordinal()), day.isoformat()) for day in (first, last)]
    begins = (dt.date(month // 12, month % 12 + 1, 1) for month in months[:: -(-len(months) // 6)])
    return [(float(day.toordinal()), f"{day:%Y-%m}") for day in begins]
