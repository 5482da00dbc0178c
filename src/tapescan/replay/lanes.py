"""All bars of a market as lanes that follow the calendar, so that a stretch of sessions is a stretch of rows.

A lane holds a symbol's bars in one share basis, and speaks for the symbol on the sessions that have this basis. Its
rows follow the market's sessions up to its end and beyond, where they are empty: no value of a session looks ahead,
so what lies there changes nothing. Lanes without a hole share a block, whose row is one session in all of them; the
others are off by the sessions that they miss.

A session's number is its place among all that the market has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Block, market_moves

__all__ = ["Laid", "Lanes", "lay_out", "side_by_side", "without_bars"]

#: Lanes of a block, as of a panel's.
LANES = 256

#: Sessions of a year.
YEAR = 252

_PRICES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, eq=False)
class Lanes:
    """Some lanes, all arrays ``(rows, lanes)`` or ``(lanes,)``.

    open, high, low, close, volume : 0 before a lane's first bar, NaN after its last. first, until : int64, its first
    row, and the first after its last. session : int32 days since 1970-01-01, ``(rows,)`` where all lanes have the
    same and ``(rows, lanes)`` where they do not; after a lane's end they go on as the market's. begin : the number of
    the first row's session, where all lanes have the same. earlier : int32 ``(numbers + 1, lanes)``, how many rows
    are of a session before each number, where they do not; empty else. place : int64, of its symbol. within : int32
    ``(lanes, 2)``, from which session on, and before which, it speaks for its symbol.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    first: Ints
    until: Ints
    session: Days
    begin: int
    earlier: Days
    place: Ints
    within: Days

    @property
    def alike(self) -> bool:
        """Whether a row is one session in all lanes."""
        return self.session.ndim == 1

    @property
    def rows(self) -> int:
        return int(self.close.shape[0])

    @property
    def sessions(self) -> Days:
        """The session of each row, ``(rows, lanes)``."""
        return np.broadcast_to(self.session[:, None], self.close.shape) if self.alike else self.session

    def before(self, number: int | Ints) -> Ints:
        """How many rows of each lane are of a session before a number: ``(lanes,)``, of some ``(numbers, lanes)``."""
        if not self.alike:
            return self.earlier[number].astype(np.int64)
        rows = np.clip(np.asarray(number) - self.begin, 0, self.rows)
        return np.repeat(rows[..., None], len(self.first), axis=-1)

    def at(self, numbers: Ints) -> tuple[Ints, Bools]:
        """The row of each session in each lane, any where it has no bar, and whether it has one: ``(numbers,
        lanes)``."""
        before = self.before(numbers)
        row = np.minimum(before, self.rows - 1)
        there: Bools = (self.before(numbers + 1) > before) & (row >= self.first) & (row < self.until)
        return row, there

    def stretch(self, since: int, until: int) -> tuple[int, int]:
        """The rows in which any lane has a session from one number to before another."""
        begin, end = self.before(since), self.before(until)
        some = end > begin
        return (int(begin[some].min()), int(end[some].max())) if some.any() else (0, 0)

    def block(self, begin: int, end: int, index: MarketIndex | None) -> Block:
        """Some rows as a block, whose `market` is empty without an index. What lies before `begin` counts as not
        there."""
        first = np.maximum(self.first - begin, 0)
        session = self.sessions[begin:end]
        if index is None:
            market = np.empty((0, 0))
        elif self.alike:
            moves = market_moves(index, session[:, :1], np.zeros(1, np.int64))
            market = np.repeat(moves, len(first), axis=1)
            market[np.arange(end - begin)[:, None] <= first] = np.nan
        else:
            market = market_moves(index, session, first)
        prices: dict[str, Any] = {name: getattr(self, name)[begin:end] for name in _PRICES}
        return Block(**prices, session=session, market=market, first=first, offset=0)

    def bars(self, begin: int, end: int) -> Bools:
        """Which of some rows are bars."""
        row = np.arange(begin, end)[:, None]
        found: Bools = (row >= self.first) & (row < self.until)
        return found

    def speaks(self, days: Days) -> Bools:
        """For which of some days each lane speaks, ``(days, lanes)``."""
        found: Bools = (days[:, None] >= self.within[:, 0]) & (days[:, None] < self.within[:, 1])
        return found

    def some(self, lanes: Ints, since: int, until: int) -> Lanes:
        """Some of them, with the rows of sessions from one number to before another; earlier bars do not count."""
        before, upto = self.before(since)[lanes], self.before(until)[lanes]
        begin = min(int(before.min()), self.rows - 1)
        end = max(int(upto.max()), begin + 1)
        prices: dict[str, Any] = {name: getattr(self, name)[begin:end].take(lanes, axis=1) for name in _PRICES}
        return replace(
            self,
            **prices,
            first=np.maximum(self.first[lanes] - begin, 0),
            until=np.clip(self.until[lanes] - begin, 0, end - begin),
            session=self.session[begin:end] if self.alike else self.session[begin:end].take(lanes, axis=1),
            begin=self.begin + begin if self.alike else 0,
            earlier=self.earlier if self.alike else np.clip(self.earlier.take(lanes, axis=1) - begin, 0, end - begin),
            place=self.place[lanes],
            within=self.within[lanes],
        )


def side_by_side(some: Sequence[tuple[Lanes, Ints]], since: int, until: int) -> Iterator[Lanes]:
    """As `Lanes.some`, of several in their order; those that are alike are put together as far as a block holds
    them. some : lanes, and which of theirs."""
    waiting: list[tuple[Lanes, Ints]] = []
    for one, own in some:
        if not one.alike:
            yield from _together(waiting, since, until)
            waiting = []
            yield one.some(own, since, until)
            continue
        room = LANES - sum(len(lanes) for _, lanes in waiting)
        for piece in np.split(own, range(room, len(own), LANES)):
            waiting.append((one, piece))
            if sum(len(lanes) for _, lanes in waiting) == LANES:
                yield from _together(waiting, since, until)
                waiting = []
    yield from _together(waiting, since, until)


def _together(some: Sequence[tuple[Lanes, Ints]], since: int, until: int) -> Iterator[Lanes]:
    """Alike ones as one block; none where there are none."""
    if not some:
        return
    since = max(since, min(one.begin for one, _ in some))
    until = max(min(until, max(one.begin + one.rows for one, _ in some)), since + 1)
    shape, at = (until - since, sum(len(own) for _, own in some)), 0
    prices: dict[str, Any] = {name: np.zeros(shape) for name in _PRICES}
    session, first, end = np.zeros(shape[0], np.int32), [], []
    for one, own in some:
        lo, hi = max(since, one.begin), max(min(until, one.begin + one.rows), since)
        into = slice(at, at + len(own))
        for name, values in prices.items():
            values[lo - since : hi - since, into] = getattr(one, name)[lo - one.begin : hi - one.begin][:, own]
            values[hi - since :, into] = np.nan
        session[lo - since : hi - since] = one.session[lo - one.begin : hi - one.begin]
        first.append(np.maximum(one.first[own] + one.begin - since, 0))
        end.append(np.clip(one.until[own] + one.begin - since, 0, shape[0]))
        at += len(own)
    yield Lanes(
        **prices,
        first=np.concatenate(first),
        until=np.concatenate(end),
        session=session,
        begin=since,
        earlier=some[0][0].earlier,
        place=np.concatenate([one.place[own] for one, own in some]),
        within=np.concatenate([one.within[own] for one, own in some]),
    )


class Laid(NamedTuple):
    """All lanes of a market.

    newest : one for each symbol, in their order: its newest life, in the share basis of the end. They speak for the
        sessions since its last split, and since it was known that it began anew.
    bases : for other sessions, in the share basis of these.
    spells : what was known of a symbol before it was known that it began anew, in the share basis of the end; they
        speak for those sessions, of which bars are counted by them.
    lives : the lives before the newest one, in the share basis of the end; what comes after a bar comes in its life.
    named : likewise the newest life of companies, where a symbol is one that they had before.
    """

    newest: tuple[Lanes, ...]
    bases: tuple[Lanes, ...]
    spells: tuple[Lanes, ...]
    lives: tuple[Lanes, ...]
    named: tuple[Lanes, ...] = ()

    @property
    def ahead(self) -> tuple[Lanes, ...]:
        """What comes after bars that are not of the newest lanes."""
        return (*self.lives, *self.named)


def without_bars(within: Days, sessions: Days) -> Iterator[Lanes]:
    """Lanes of symbols that nobody has, ``place`` being that among these. within : as in `Lanes`."""
    for at in range(0, len(within), LANES):
        own = within[at : at + LANES]
        nothing = np.full((1, len(own)), np.nan)
        prices: dict[str, Any] = dict.fromkeys(_PRICES, nothing)
        yield Lanes(
            **prices,
            first=np.ones(len(own), np.int64),
            until=np.ones(len(own), np.int64),
            session=sessions[-1:],
            begin=len(sessions) - 1,
            earlier=np.empty((0, 0), np.int32),
            place=np.arange(at, at + len(own)),
            within=own,
        )


def lay_out(bars: pl.DataFrame, within: Days, sessions: Days) -> Iterator[Lanes]:
    """The bars of some symbols as lanes, whose `place` is the symbol's among these.

    bars : symbol, session, open ... volume, sorted by symbol and session, in one share basis each. within : as in
    `Lanes`, of the symbols in their order. sessions : all that the market has, ascending.
    """
    columns: dict[str, Array] = {name: bars[name].to_numpy() for name in _PRICES}
    columns["session"] = bars["session"].to_physical().to_numpy().astype(np.int32)
    length = bars["symbol"].rle().struct.field("len").to_numpy().astype(np.int64)
    end = np.cumsum(length)
    first = np.searchsorted(sessions, columns["session"][end - length])
    last = np.searchsorted(sessions, columns["session"][end - 1])
    missed = last - first + 1 - length
    # Alike lanes lie together: no row is wasted; where some miss sessions, those that began in one year and are off
    # by as many rows.
    odd = missed > 0
    order = np.lexsort((last, first, missed, np.where(odd, first // YEAR, 0), odd))
    whole = int((~odd).sum())
    for lo, hi in ((0, whole), (whole, len(order))):
        for at in range(lo, hi, LANES):
            own = order[at : min(at + LANES, hi)]
            yield _lanes(columns, end[own], length[own], last[own], own, within[own], sessions)


def _lanes(
    columns: dict[str, Array], end: Ints, length: Ints, last: Ints, place: Ints, within: Days, sessions: Days
) -> Lanes:
    """The bars that end before row `end` of the columns, one lane each. last : the number of its last session."""
    newest = int(last.max())
    rows = int((length + newest - last).max())
    until = rows - (newest - last)
    first = until - length
    row = np.arange(rows)[:, None]
    source = np.clip(end - until + row, 0, len(columns["close"]) - 1)
    before, after = row < first, row >= until
    prices: dict[str, Any] = {}
    for name in _PRICES:
        values = columns[name][source].astype(np.float64, copy=False)
        values[before], values[after] = 0.0, np.nan
        prices[name] = values
    # Of lanes that miss sessions, the oldest rows may be more than the market has.
    market = sessions[np.clip(newest - rows + 1 + np.arange(rows), 0, None)]
    session: Days = np.where(after, market[:, None], columns["session"][source])
    session[before] = 0
    begin, earlier = newest - rows + 1, np.empty((0, 0), np.int32)
    if begin >= 0 and ((session == market[:, None]) | before).all():
        session = market
    else:
        begin = 0
        number = np.searchsorted(sessions, session)
        number[before] = -1
        counts = np.zeros((len(sessions) + 1, len(first)), np.int32)
        np.add.at(counts, (number + 1, np.broadcast_to(np.arange(len(first)), number.shape)), 1)
        earlier = np.cumsum(counts, axis=0, dtype=np.int32)
    return Lanes(
        **prices,
        first=first,
        until=until,
        session=session,
        begin=begin,
        earlier=earlier,
        place=place,
        within=within,
    )
