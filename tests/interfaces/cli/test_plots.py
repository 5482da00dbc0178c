"""Plots of plain text: what is where, how wide, and without colour or UTF-8."""

from __future__ import annotations

import datetime as dt
import io

import numpy as np
import pytest
from rich.console import Console

from tapescan.core.typing import Floats
from tapescan.interfaces.cli.plots import ROWS, Line, bars, lines

DAYS = [dt.date(2024, 1, 1) + dt.timedelta(days=number) for number in range(200)]


def console(width: int = 80, encoding: str = "utf-8") -> Console:
    return Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=width, highlight=False)


def drawn(*values: Floats, width: int = 80, encoding: str = "utf-8") -> list[str]:
    names = ("picks, net", "all eligible", "index", "by stop and target, net")
    found = [Line(name, DAYS, one) for name, one in zip(names, values, strict=False)]
    return [text.plain for text in lines("Gain", found, "%", console(width, encoding))]


def heights(plot: list[str], letter: str) -> list[int]:
    """The row of a letter in each column of the plot, from the top."""
    rows = [line.split("|", 1)[1] for line in plot if "|" in line]
    return [[row[at : at + 1] == letter for row in rows].index(True) for at in range(max(map(len, rows)))]


def test_a_line_goes_from_corner_to_corner() -> None:
    plot = drawn(np.linspace(0.0, 50.0, 200), encoding="ascii")
    found = heights(plot, "*")
    assert (found[0], found[-1]) == (ROWS - 1, 0)
    assert found == sorted(found, reverse=True)
    assert plot[0] == "Gain"
    assert plot[1] == "*** picks, net +50.0 %"
    assert [line.split("|")[0].strip() for line in plot if "%" in line.split("|")[0]][1:] == [
        "+50 %", "+40 %", "+30 %", "+20 %", "+10 %", "+0 %",
    ]  # fmt: skip
    assert plot[-1].split("+", 1)[1].split() == ["2024-01-01", "2024-04-09", "2024-07-18"]


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_nothing_is_wider_than_the_window_or_foreign_to_it(width: int, encoding: str) -> None:
    wave = 30.0 * np.sin(np.linspace(0.0, 20.0, 200))
    plot = drawn(wave, -wave, wave / 2, wave * 0.0 - 1234.5, width=width, encoding=encoding)
    assert max(map(len, plot)) <= width
    "\n".join(plot).encode(encoding)
    assert "by stop and target, net -1234.5 %" in " ".join(plot)
    assert ("⠤⠤⠤" in plot[1]) == (encoding == "utf-8")


def test_lines_are_told_apart_without_colour() -> None:
    flat = [np.full(200, value) for value in (0.0, 10.0, 20.0)]
    dots = {row: sum(0x2800 < ord(c) < 0x2900 for c in line) for row, line in enumerate(drawn(*flat)) if "│" in line}
    counts = [count for count in dots.values() if count]
    assert len(counts) == 3
    top, middle, bottom = counts  # index, eligible, picks
    assert bottom > middle > top or bottom > top
    shapes = {line.split("│")[1].strip()[:8] for line in drawn(*flat) if "│" in line} - {""}
    assert len(shapes) == 3


def test_a_steep_line_has_no_holes() -> None:
    step = np.where(np.arange(200) < 100, 0.0, 100.0)
    rows = [line.split("│")[1] for line in drawn(step) if "│" in line]
    assert all(row.strip() for row in rows)


def test_what_is_not_known_is_not_drawn() -> None:
    nothing = np.full(200, np.nan)
    half = np.where(np.arange(200) < 100, np.arange(200.0), np.nan)
    assert drawn(nothing) == []
    plot = drawn(half, nothing, encoding="ascii")
    assert plot[1] == "*** picks, net +99.0 %"
    assert max(len(line.split("|")[1]) for line in plot if "|" in line) < 42


def test_bars_are_as_long_as_their_values_and_keep_their_numbers() -> None:
    found = [("2024-01", 10.0), ("2024-02", 5.0), ("2024-03", 0.0), ("2024-04", 1234.5)]
    rows = [text.plain for text in bars("Picks", found[:3], console(60, "ascii"))]
    assert rows[0] == "Picks"
    long, half, nothing = (row.count("#") for row in rows[1:])
    assert (long, nothing) == (60 - 7 - 4 - 3, 0)
    assert half == long / 2
    for width in (20, 60, 160):
        texts = [text.plain for text in bars("Picks", found, console(width))]
        assert "1,234.5" in texts[-1]
        assert max(map(len, texts)) <= max(width, 40)
    assert bars("Picks", [], console()) == []
    assert "█" in bars("Picks", found, console())[4].plain
