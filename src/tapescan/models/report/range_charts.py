"""The plots of ranges, as SVG: coverage over time, and how many returns came below each quantile."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from tapescan.core.drawing import (
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Scale,
    figure,
    framed,
    key,
    line,
    over_time,
    time_marks,
    up,
)
from tapescan.models.cone.law import LEVELS
from tapescan.models.cone.recalibrate import MIDDLE, RECENT
from tapescan.models.cone.record import RangeRecord
from tapescan.models.learners import CONE

__all__ = ["covered_over_time", "levels_that_came"]


def covered_over_time(one: RangeRecord, titles: Mapping[str, str]) -> str:
    """Lines of means over RECENT dates, and strokes of the cone's (or the first forecaster's) single ones."""
    first = CONE if CONE in one.forecasters else next(iter(one.forecasters))
    single = one.forecasters[first].covered
    width = min(RECENT, len(one.sessions))
    means = {
        name: (100.0 * np.convolve(said.covered, np.ones(width) / width, "valid")).tolist()
        for name, said in one.forecasters.items()
    }
    low = min(min(values) for values in means.values()) - 10.0
    x, y = over_time(one.sessions), Scale(low, 101.0, TOP + HEIGHT, TOP)
    strokes = "".join(
        f"M{x(day.toordinal())} {y(100.0 * MIDDLE)}V{y(max(100.0 * share, low))}"
        for day, share in zip(one.sessions, single, strict=True)
    )
    drawn = f'<path class="grid" d="{strokes}"/><path class="zero" d="M{LEFT} {y(100.0 * MIDDLE)}H{WIDTH - RIGHT}"/>'
    keys = []
    for number, (name, values) in enumerate(means.items()):
        days = one.sessions[width - 1 :]
        drawn += line(((x(day.toordinal()), y(mean)) for day, mean in zip(days, values, strict=True)), number)
        keys.append(key(number, titles[name]))
    frame = framed(x, y, time_marks(x), "session that returns begin on", "covered, %", drawn)
    what = f"means of {width} dates; strokes: single ones of the {escape(titles[first])}, cut at the edge"
    title = "Returns within the middle four fifths over time: 80 % is right"
    return figure(title, frame, f"{' &nbsp; '.join(keys)} &nbsp; {what}")


def levels_that_came(one: RangeRecord, titles: Mapping[str, str]) -> str:
    """By how much the share of returns below each quantile missed its level."""
    away = {
        name: [100.0 * (share - level) for share, level in zip(said.record.levels, LEVELS, strict=True)]
        for name, said in one.forecasters.items()
    }
    x, y = Scale(0.0, 100.0, LEFT, WIDTH - RIGHT), up([value for values in away.values() for value in values])
    drawn, keys = "", []
    for number, (name, values) in enumerate(away.items()):
        drawn += line(((x(100.0 * at), y(value)) for at, value in zip(LEVELS, values, strict=True)), number)
        keys.append(key(number, titles[name]))
    marks = [(100.0 * level, f"{level:.0%}") for level in LEVELS]
    frame = framed(x, y, marks, "quantile", "came less said, points", drawn)
    return figure("Returns below each quantile: on the line as many came as were said", frame, " &nbsp; ".join(keys))
