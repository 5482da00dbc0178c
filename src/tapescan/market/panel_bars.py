"""A panel's bars as a frame again, and how far a market's symbols ranged on a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.market.panel import Panel, places_of
from tapescan.market.quality import BAR_COLUMNS
from tapescan.market.tape import MOST_RANGE, Ranges

__all__ = ["bars_around", "bars_of_panel", "ranges_of"]


def bars_of_panel(
    panel: Panel,
    symbols: Sequence[str] | None = None,
    *,
    rows: int | None = None,
    since: int | None = None,
    names: Sequence[str] = BAR_COLUMNS[2:],
) -> pl.DataFrame:
    """The bars of a panel, sorted by symbol and session: symbol, session, open, high, low, close, volume.

    symbols : these alone. rows : the newest so many of each. since : a day, as a number. names : of the prices and
    volume, these alone.
    """
    columns = ("session", *names)
    wanted = None if symbols is None else _lanes_of(panel, symbols)
    parts: list[list[Array]] = [[] for _ in columns]
    lanes_of, length = [], []
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        own = panel.symbols[lanes]
        chosen = np.arange(block.lanes) if wanted is None else np.flatnonzero(wanted[lanes])
        if not len(chosen):
            continue
        begin = 0 if rows is None else max(block.rows - rows, 0)
        if since is not None:  # no lane has more rows of a day than the one with most of them
            begin = max(begin, int(block.rows_before(since)[chosen].min()))
        session = block.session[begin:, chosen].T
        mine = np.arange(begin, block.rows) >= block.first[chosen][:, None]
        if since is not None:
            mine &= session >= since
        lanes_of += [own[lane] for lane in chosen]
        length.append(mine.sum(axis=1))
        parts[0].append(session[mine])
        for part, name in zip(parts[1:], names, strict=True):
            part.append(getattr(block, name)[begin:, chosen].T[mine])
    if not lanes_of:
        kinds = [pl.String, pl.Date, *[pl.Float64] * len(names)]
        return pl.DataFrame(schema=dict(zip(("symbol", *columns), kinds, strict=True)))
    return _framed(lanes_of, np.concatenate(length), dict(zip(columns, parts, strict=True)))


def _lanes_of(panel: Panel, symbols: Sequence[str]) -> Bools:
    """Which of the panel's lanes are those of some symbols."""
    places, found = places_of(panel.symbols), np.zeros(len(panel), np.bool_)
    found[[places[one] for one in symbols if one in places]] = True
    return found


def bars_around(
    panel: Panel, symbols: Sequence[str], days: Days, *, before: int, after: int, since: int
) -> pl.DataFrame:
    """The bars around some days, as `bars_of_panel` gives them: of each symbol from `before` bars ahead of its
    earliest day up to `after` bars from its latest one on, that day's own among them.

    symbols, days : pairs, of symbols of the panel. since : a day, as a number, before which nothing is given.
    """
    places = places_of(panel.symbols)
    place = np.array([places[one] for one in symbols], dtype=np.int64)
    parts: dict[str, list[Array]] = {name: [] for name in ("session", *BAR_COLUMNS[2:])}
    lanes_of, length = list[str](), list[Ints]()
    for block in panel.blocks:
        mine = (place >= block.offset) & (place < block.offset + block.lanes)
        if not mine.any():
            continue
        lane, at = np.unique(place[mine] - block.offset, return_inverse=True)
        row = block.row_of(lane[at], days[mine].astype(np.int64))
        begin, end = np.full(len(lane), block.rows), np.zeros(len(lane), np.int64)
        np.minimum.at(begin, at, row - before)
        np.maximum.at(end, at, row + after)
        begin = np.maximum(np.maximum(begin, block.first[lane]), block.row_of(lane, np.full(len(lane), since)))
        many = np.maximum(np.minimum(end, block.rows) - begin, 0)
        lanes = np.repeat(lane, many)
        rows = np.repeat(begin - (np.cumsum(many) - many), many) + np.arange(many.sum())
        lanes_of += [panel.symbols[block.offset + one] for one in lane.tolist()]
        length.append(many)
        for name, part in parts.items():
            part.append(getattr(block, name)[rows, lanes])
    if not lanes_of:
        return bars_of_panel(panel, ())
    return _framed(lanes_of, np.concatenate(length), parts)


def _framed(lanes_of: list[str], many: Ints, parts: dict[str, list[Array]]) -> pl.DataFrame:
    """Bars that lie lane by lane, in the order of the symbols: only the lanes are to be ordered. They are used up.

    lanes_of : the symbols. many : how many bars each has. parts : of each column.
    """
    order = np.array(sorted(range(len(lanes_of)), key=lanes_of.__getitem__), dtype=np.int64)
    begins, many = (np.cumsum(many) - many)[order], many[order]
    source = np.repeat(begins - (np.cumsum(many) - many), many) + np.arange(many.sum())
    found = {"symbol": pl.Series(lanes_of, dtype=pl.String).gather(pl.Series(np.repeat(order, many)))}
    for name, part in parts.items():
        found[name] = pl.Series(np.concatenate(part)[source])
        part.clear()
    found["session"] = found["session"].cast(pl.Date)
    return pl.DataFrame(found)


def ranges_of(panel: Panel) -> Ranges:
    """How far all symbols of a panel ranged on some days, as `tape.Tape` takes it."""

    def found(days: Days) -> tuple[Floats, Floats]:
        asked, at = np.unique(days, return_inverse=True)
        total, number = np.zeros(len(asked)), np.zeros(len(asked))
        for block in panel.blocks if len(asked) else ():
            place = np.minimum(np.searchsorted(asked, block.session), len(asked) - 1)
            mine = (asked[place] == block.session) & (np.arange(block.rows)[:, None] >= block.first)
            ranged = np.minimum((block.high[mine] - block.low[mine]) / block.close[mine], MOST_RANGE)
            total += np.bincount(place[mine], weights=ranged, minlength=len(asked))
            number += np.bincount(place[mine], minlength=len(asked))
        return total[at], number[at]

    return found
