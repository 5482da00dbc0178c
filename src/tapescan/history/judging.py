"""Suspect bars of a market that took what came: judged are those whose verdict it may change, and no others."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Ints
from tapescan.market.panel import Block, Panel
from tapescan.market.panel_bars import bars_of_panel, ranges_of
from tapescan.market.suspect import AFTER, BEFORE, LONGEST, find_suspects, stands_out
from tapescan.store import KnownStore
from tapescan.store.forming import once

__all__ = ["judged_again"]

#: Bars of each symbol that are judged again: those whose verdict may change, and what they are judged by.
JUDGED = 2 * (BEFORE + AFTER + 15)


def judged_again(
    old: pl.DataFrame,
    known: KnownStore,
    panel: Panel,
    more: pl.DataFrame,
    redone: pl.DataFrame,
    again: set[str],
    days: pl.Series | None,
) -> pl.DataFrame:
    """Suspect bars: those that more bars may change, and those of symbols with another past, are judged anew; so is
    who stands out on a day of which the market has other bars, since it is held against them.

    old : those of before, also accepted ones. more : symbol, more (how many further bars it has). redone : all bars
    of the symbols of `again`. days : these; None for any.
    """
    beside = _outstanding(panel, days) - again
    if beside:
        more = more.filter(~pl.col("symbol").is_in(list(beside)))
    kept = old.filter(~pl.col("symbol").is_in([*again, *beside]))
    kept = kept.join(more, on="symbol", how="left", maintain_order="left")
    kept = kept.with_columns(pl.col("behind") + pl.col("more").fill_null(0))
    settled = pl.col("more").is_null() | (pl.col("behind") >= JUDGED // 2)
    kept = kept.filter(settled).drop("more")
    # Of a session that still runs, the newest bars alone differ from moment to moment; in a lane that trades for the
    # first time, the one before is the newest until then.
    before = once(known, "lately", (), lambda: _lately(panel, JUDGED // 2 + LONGEST + 1, 1))
    late = sorted((before | _lately(panel, 2)).intersection(more["symbol"].to_list()))
    bars = [bars_of_panel(panel, late, rows=JUDGED), redone, bars_of_panel(panel, sorted(beside))]
    found = find_suspects(pl.concat(bars), known.read("splits"), ranges_of(panel))
    found = found.filter(~pl.col("symbol").is_in(late) | (pl.col("behind") < JUDGED // 2))
    return pl.concat([kept, found]).sort("symbol", "session")


def _outstanding(panel: Panel, days: pl.Series | None) -> set[str]:
    """Symbols of which a price stands out on one of some days; None for any day."""
    found: set[str] = set()
    asked = None if days is None else days.to_physical().to_numpy()
    for block in panel.blocks if asked is None or len(asked) else ():
        mine = np.arange(block.rows)[:, None] > block.first
        row, lane = np.nonzero(mine if asked is None else mine & np.isin(block.session, asked))
        found |= _named(panel, block, np.unique(lane[_standing(block, row, lane)[0]]))
    return found


def _lately(panel: Panel, rows: int, without: int = 0) -> set[str]:
    """Symbols with anything that stands out in their newest bars: no others have a suspect one among them.

    rows : how many of each. without : the newest of these, which are left out.
    """
    found = set[str]()
    for block in panel.blocks:
        begin, end = max(block.rows - rows, 1), block.rows - without
        now, before = slice(begin, end), slice(begin - 1, end - 1)
        volume, shares = block.volume[now], block.volume[before]
        close, was = block.close[now], block.close[before]
        moved, traded, same = stands_out(block.high[now], block.low[now], close, volume, was, shares)
        # What has no volume says nothing of volumes.
        out = moved | ((traded & (shares > 0.0)) | same) & (volume > 0.0)
        out &= np.arange(begin, end)[:, None] > block.first
        found |= _named(panel, block, np.flatnonzero(out.any(axis=0)))
    return found


def _standing(block: Block, row: Ints, lane: Ints) -> tuple[Bools, Bools, Bools]:
    high, low, close, volume = (column[row, lane] for column in (block.high, block.low, block.close, block.volume))
    return stands_out(high, low, close, volume, block.close[row - 1, lane], block.volume[row - 1, lane])


def _named(panel: Panel, block: Block, lanes: Ints) -> set[str]:
    return {panel.symbols[block.offset + one] for one in lanes.tolist()}
