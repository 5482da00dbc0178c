"""Plots of plain text: lines in dots of Braille and bars in eighths, or letters where the output is not UTF-8."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.text import Text

from tapescan.core.drawing import ticks
from tapescan.core.typing import Array, Floats

__all__ = ["Line", "bars", "lines", "only_ascii"]

#: Rows of a plot of lines, and the columns that it needs at least and takes at most.
ROWS, LEAST, MOST = 12, 20, 110

#: How the lines are told apart: the colour, the dots that are drawn and left out, the letter without dots.
STYLES = (
    ("bold cyan", (1, 0), "*"),
    ("yellow", (4, 3), "o"),
    ("magenta", (1, 3), "."),
    ("green", (2, 2), "+"),
)

#: The bits of a Braille character, by row and column of its dots.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class Line:
    """values : float64, one a day; NaN is not drawn."""

    name: str
    days: Sequence[dt.date]
    values: Floats


def only_ascii(console: Console) -> bool:
    """Whether the output can show nothing but ASCII."""
    return console.options.ascii_only


def lines(title: str, found: Sequence[Line], unit: str, console: Console) -> list[Text]:
    """The rows of a plot: a title, which line is which, the plot with its axes. Nothing where nothing is known."""
    shown = [one for one in found if np.isfinite(one.values).sum() > 1]
    if not shown:
        return []
    plain = only_ascii(console)
    values = np.concatenate([one.values[np.isfinite(one.values)] for one in shown])
    low, high = float(values.min()), float(values.max())
    if high <= low:
        low, high = low - 1.0, high + 1.0
    labels = {_row(value, low, high): f"{value:+.4g} {unit}" for value in ticks(low, high)}
    width = max(map(len, labels.values()), default=0)
    columns = max(LEAST, min(MOST, console.width - width - 3))
    canvas = _Letters(columns) if plain else _Dots(columns)
    days = [day.toordinal() for one in shown for day in (one.days[0], one.days[-1])]
    # The first line lies on top.
    for number, one in reversed([*enumerate(shown)]):
        at = np.linspace(min(days), max(days), canvas.width)
        heights = np.interp(at, [day.toordinal() for day in one.days], one.values, left=np.nan, right=np.nan)
        canvas.draw(heights, low, high, number)
    axis = "|" if plain else "│"
    text = [Text(title, style="bold"), *_legend(shown, unit, console.width, plain=plain)]
    text += [Text(f"{labels.get(row, ''):>{width}} {axis}").append_text(canvas.row(row)) for row in range(ROWS)]
    return [*text, _days(min(days), max(days), width, columns, plain=plain)]


def bars(title: str, found: Sequence[tuple[str, float]], console: Console) -> list[Text]:
    """A row a bar: its label, the bar from 0, its value. values : 0 or more."""
    if not found:
        return []
    most = max(value for _, value in found) or 1.0
    label, number = max(len(name) for name, _ in found), max(len(f"{value:,.1f}") for _, value in found)
    columns = max(LEAST, min(MOST, console.width) - label - number - 3)
    plain = only_ascii(console)
    rows = []
    for name, value in found:
        eighths = round(8 * columns * value / most)
        drawn = "#" * round(eighths / 8) if plain else _EIGHTHS[8] * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        row = Text(f"{name:>{label}} {value:>{number},.1f} ").append(drawn, style="cyan")
        row.rstrip()
        rows.append(row)
    return [Text(title, style="bold"), *rows]


class _Canvas:
    """Cells of text. owner : the number of the line that a cell shows, -1 for none."""

    def __init__(self, columns: int) -> None:
        self.cells: Array = np.zeros((ROWS, columns), dtype=np.int64)
        self.owner = np.full((ROWS, columns), -1)

    def row(self, row: int) -> Text:
        text = Text()
        for cell, owner in zip(self.cells[row].tolist(), self.owner[row].tolist(), strict=True):
            text.append(chr(cell) if owner >= 0 else " ", style=STYLES[owner % len(STYLES)][0] if owner >= 0 else "")
        text.rstrip()
        return text


class _Letters(_Canvas):
    """A letter a column."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.width = columns

    def draw(self, heights: Floats, low: float, high: float, number: int) -> None:
        for column in np.flatnonzero(np.isfinite(heights)):
            row = _row(float(heights[column]), low, high)
            self.cells[row, column] = ord(STYLES[number % len(STYLES)][2])
            self.owner[row, column] = number


class _Dots(_Canvas):
    """Two columns and four rows of dots a cell."""

    def __init__(self, columns: int) -> None:
        super().__init__(columns)
        self.width = 2 * columns

    def draw(self, heights: Floats, low: float, high: float, number: int) -> None:
        on, off = STYLES[number % len(STYLES)][1]
        last = None
        for column in range(self.width):
            if not np.isfinite(heights[column]):
                last = None
                continue
            now = _row(float(heights[column]), low, high, 4 * ROWS)
            if column % (on + off) < on:
                # From the height before to this one, so that a steep line has no holes.
                first = now if last is None or off else last + int(np.sign(now - last))
                for row in range(min(first, now), max(first, now) + 1):
                    self.cells[row // 4, column // 2] |= 0x2800 | int(_DOTS[row % 4, column % 2])
                    self.owner[row // 4, column // 2] = number
            last = now


def _row(value: float, low: float, high: float, rows: int = ROWS) -> int:
    """The row of a value, from the top."""
    return round((high - value) / (high - low) * (rows - 1))


def _legend(found: Sequence[Line], unit: str, width: int, *, plain: bool) -> list[Text]:
    """Which line is which, and its last value; as many rows as that takes."""
    rows = [Text()]
    for number, one in enumerate(found):
        style, (on, off), letter = STYLES[number % len(STYLES)]
        sample = letter * 3 if plain else "⠤⠤⠤" if not off else "⠤ ⠤" if on > off else "⠄ ⠄" if on > 1 else "⠄⠄⠄"
        last = one.values[np.isfinite(one.values)][-1]
        text = Text(sample, style=style).append(f" {one.name} {last:+.1f} {unit}", style="none")
        if rows[-1] and len(rows[-1]) + 3 + len(text) > width:
            rows.append(text)
        else:
            rows[-1].append("   " if rows[-1] else "").append_text(text)
    return rows


def _days(first: int, last: int, width: int, columns: int, *, plain: bool) -> Text:
    """The axis of days: the first, the last and, where there is room, the one in the middle."""
    begin, end = (dt.date.fromordinal(day).isoformat() for day in (first, last))
    middle = dt.date.fromordinal((first + last) // 2).isoformat() if columns >= 40 else ""
    gap = columns - len(begin) - len(middle) - len(end)
    left = gap // 2
    corner = "+" if plain else "└"
    return Text(f"{'':>{width}} {corner}{begin}{' ' * left}{middle}{' ' * (gap - left)}{end}")
