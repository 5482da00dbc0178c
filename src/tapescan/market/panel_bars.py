"""A panel's bars as a frame again, and how far a market's symbols ranged on a day."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import polars as pl

from tapescan.core.typing import Days, Floats
from tapescan.market.panel import Block, Panel
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.market.tape import MOST_RANGE, Ranges

__all__ = ["bars_of_panel", "ranges_of"]


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
    wanted = None if symbols is None else {*symbols}
    parts: list[list[np.ndarray]] = [[] for _ in columns]
    lanes_of, length = [], []
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        own = panel.symbols[lanes]
        chosen = np.arange(block.lanes) if wanted is None else np.flatnonzero([one in wanted for one in own])
        if not len(chosen):
            continue
        begin = 0 if rows is None else max(block.rows - rows, 0)
        begin = begin if since is None else max(begin, _row_of(block, since))
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
    which = pl.Series(np.repeat(np.arange(len(lanes_of)), np.concatenate(length)))
    found = {"symbol": pl.Series(lanes_of, dtype=pl.String).gather(which)}
    for name, part in zip(columns, parts, strict=True):
        found[name] = pl.Series(np.concatenate(part))
        part.clear()
    found["session"] = found["session"].cast(pl.Date)
    return sort_bars(pl.DataFrame(found), use_up=True)


def _row_of(block: Block, day: int) -> int:
    """The first row in which any lane has a session of the day or later: in each lane they ascend."""
    return bisect_left(range(block.rows), x=True, key=lambda row: bool((block.session[row] >= day).any()))


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
