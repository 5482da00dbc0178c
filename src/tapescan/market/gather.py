"""Weekly and monthly bars, gathered from a panel's own: open of the first session, highest high, lowest low, close of
the last, volumes added up.

The newest bar may be of a week that is not over: it holds what is known of it so far, as a chart shows it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from tapescan.core.dates import date_of
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.engine.seam import Engine
from tapescan.market import calendar
from tapescan.market.index import MarketIndex
from tapescan.market.panel import COLUMNS, WEEK, Block, Panel, market_moves

__all__ = [
    "MOST_SESSIONS",
    "Gathered",
    "Period",
    "gather",
    "gathered_block",
    "number_of",
    "periods_note",
    "unfinished",
    "volume_of",
]

Period: TypeAlias = Literal["weekly", "monthly"]

#: Sessions that a period has at most.
MOST_SESSIONS: Mapping[Period, int] = {"weekly": WEEK, "monthly": 23}


@dataclass(frozen=True)
class Gathered:
    """A panel of longer bars.

    places : int64, for each of its lanes the place in the panel that it was gathered from; a lane with more periods
        comes first, and that order need not be that of the bars.
    """

    panel: Panel
    places: Ints


def gather(panel: Panel, period: Period, span: int, engine: Engine) -> Gathered:
    """The panel's bars by week or month, where a history of so many of them begins. Kept with the panel."""
    # The week in which that day lies may be held in part: it is left out where the gathered panel is cut.
    cut = panel.since(span * MOST_SESSIONS[period])
    found = cut.kept.get(period)
    if not isinstance(found, Gathered):
        found = cut.kept[period] = _gather(cut, period, engine)
    return found


def unfinished(day: dt.date, period: Period) -> bool:
    """Whether the period of a session has a session after it."""
    if period == "weekly":
        last = day + dt.timedelta(days=6 - day.weekday())
    else:
        last = (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1) - dt.timedelta(days=1)
    return calendar.session_count(day + dt.timedelta(days=1), last) > 0


def _gather(panel: Panel, period: Period, engine: Engine) -> Gathered:
    gathered = engine.map(gathered_block, [(block, period) for block in panel.blocks])
    gathered = [(_measured(block, panel.index), order) for block, order in gathered]
    places = np.concatenate([block.offset + order for block, order in gathered])
    bars = np.concatenate([block.rows - block.first for block, _ in gathered])
    made = replace(
        panel,
        symbols=tuple(panel.symbols[place] for place in places),
        blocks=tuple(block for block, _ in gathered),
        bars=bars,
        newest=panel.newest[places],
        period=MOST_SESSIONS[period],
    )
    return Gathered(made, places)


def _measured(block: Block, index: MarketIndex) -> Block:
    """With the market's return over each bar."""
    return replace(block, market=market_moves(index, block.session, block.first))


def number_of(session: Days | Ints, period: Period) -> Ints:
    """The week (from Monday on) or month of each session, as a number that grows."""
    if period == "weekly":
        return (session.astype(np.int64) + 3) // 7
    return session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


def gathered_block(piece: tuple[Block, Period]) -> tuple[Block, Ints]:
    """A block's bars gathered, and which of its lanes each lane is: the longest first."""
    block, period = piece
    # Most lanes have the sessions of the longest one, from their first bar on.
    own = np.arange(block.rows)[:, None] >= block.first
    longest = int(block.first.argmin())
    usual = ((block.session == block.session[:, longest, None]) | ~own).all(axis=0)
    some = [np.flatnonzero(usual), np.flatnonzero(~usual)]
    several = [_usual(block, own, period, some[0], block.session[:, longest])]
    if len(some[1]):
        several.append(_odd(block, own, period, some[1]))
    rows = max(one.rows for one in several)
    count = np.concatenate([one.rows - one.first for one in several])
    order = np.argsort(-count, kind="stable")

    def joined(name: str, empty: float) -> Array:
        parts = [getattr(one, name) for one in several]
        out = np.full((rows, block.lanes), empty, dtype=parts[0].dtype)
        begin = 0
        for part in parts:
            out[rows - len(part) :, begin : begin + part.shape[1]] = part
            begin += part.shape[1]
        return np.ascontiguousarray(out[:, order])

    columns: dict[str, Any] = {name: joined(name, np.nan if name == "market" else 0) for name in COLUMNS}
    return replace(block, **columns, first=rows - count[order]), np.concatenate(some)[order]


def _usual(block: Block, own: Bools, period: Period, lanes: Ints, session: Days) -> Block:
    """The lanes with these sessions."""
    number = number_of(session, period)
    begins = np.flatnonzero(np.r_[True, number[1:] != number[:-1]])
    ends = np.r_[begins[1:], len(number)] - 1
    first = np.searchsorted(begins, block.first[lanes], side="right") - 1
    whole = len(lanes) == block.lanes

    def taken(values: Array) -> Array:
        return values if whole else values[:, lanes]

    mine, row = taken(own), np.arange(len(begins))[:, None]
    before = row < first
    # A lane's first period may begin after the others'.
    opened = np.maximum(begins[:, None], block.first[lanes])
    low = np.minimum.reduceat(np.where(mine, taken(block.low), np.inf), begins, axis=0)

    def kept(values: Array, empty: float = 0) -> Array:
        values[before] = empty
        return values

    return replace(
        block,
        open=kept(np.take_along_axis(taken(block.open), np.minimum(opened, block.rows - 1), axis=0)),
        high=kept(np.maximum.reduceat(np.where(mine, taken(block.high), 0.0), begins, axis=0)),
        low=kept(low),
        close=kept(taken(block.close)[ends]),
        volume=kept(_volumes(taken(block.volume), mine, begins, block.first[lanes], first)),
        session=kept(taken(block.session)[ends]),
        market=kept(taken(block.market)[ends], np.nan),
        first=first,
    )


def volume_of(bars: Floats) -> Floats:
    """What bars of one period add up to, ``(bars, lanes)`` to ``(lanes,)``. The order of a sum is that of so many
    bars, so a period that begins with a lane's first bar may have no zeros before it."""
    found: Floats = np.add.reduceat(bars, [0], axis=0)[0]
    return found


def _volumes(volume: Floats, mine: Bools, begins: Ints, first: Ints, period: Ints) -> Floats:
    """Each period's volume. first, period : of each lane, the row of its first bar and the period of that."""
    found: Floats = np.add.reduceat(np.where(mine, volume, 0.0), begins, axis=0)
    ends = np.r_[begins[1:], len(volume)]
    for lane in np.flatnonzero((first > begins[period]) & (first < len(volume))):
        own = volume[first[lane] : ends[period[lane]], lane, None]
        found[period[lane], lane] = volume_of(own)[0]
    return found


def _odd(block: Block, own: Bools, period: Period, lanes: Ints) -> Block:
    """The lanes with sessions of their own, one after the other."""
    valid = own[:, lanes].T
    lane = np.repeat(np.arange(len(lanes)), valid.sum(axis=1))

    def flat(values: Array) -> Array:
        found: Array = values[:, lanes].T[valid]
        return found

    session = flat(block.session)
    number = number_of(session, period)
    begins = np.flatnonzero(np.r_[True, (number[1:] != number[:-1]) | (lane[1:] != lane[:-1])])
    ends = np.r_[begins[1:], len(number)] - 1
    column = lane[begins]
    count = np.bincount(column, minlength=len(lanes))
    rows = int(count.max())
    first = rows - count
    row = first[column] + np.arange(len(begins)) - np.repeat(np.cumsum(count) - count, count)

    def laid(values: Array, empty: float = 0) -> Array:
        out = np.full((rows, len(lanes)), empty, dtype=values.dtype)
        out[row, column] = values
        return out

    return replace(
        block,
        open=laid(flat(block.open)[begins]),
        high=laid(np.maximum.reduceat(flat(block.high), begins)),
        low=laid(np.minimum.reduceat(flat(block.low), begins)),
        close=laid(flat(block.close)[ends]),
        volume=laid(np.add.reduceat(flat(block.volume), begins)),
        session=laid(session[ends]),
        market=laid(flat(block.market)[ends], np.nan),
        first=first,
    )


def periods_note(day: int, period: Period) -> str:
    """What a reader of a scan should know of the newest bar; empty where there is nothing to say."""
    if not unfinished(date_of(day), period):
        return ""
    name = {"weekly": "week", "monthly": "month"}[period]
    return f"{period} bars: the {name} of {date_of(day)} is not over, its bar holds what was known that day"
