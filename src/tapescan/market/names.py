"""What companies are called on each day: which stored bars a scan of a day reads under a symbol.

A company's bars are read under the symbol that it has on the day of the scan, and what another company had under that
symbol before is not read. So a symbol has pieces: stretches of days in which one company has it. A piece reads what
its company was called before, and, for who looks ahead, what it is called later.

Only symbols of renames have pieces; the others are what they are stored as, always.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import polars as pl

from tapescan.core.dates import day_number
from tapescan.market.renames import LOST, Rename, spans_by

__all__ = ["NOBODY", "Names", "names_of"]

#: From all days on, and before no day.
_FIRST, _NEVER = dt.date(1970, 1, 1), dt.date.max

#: As days since 1970-01-01; the last is that of `replay.spells`.
_LAST = 2**31 - 1

#: Between a symbol and the number of its piece: no symbol has it.
_MARK = "\x03"

#: name, piece : the symbol, and what stands for its piece: the symbol itself for the last one. since, until : days
#: since 1970-01-01 on which it is called so, the second excluded. empty : whether nobody is. lost : whether its
#: company has no other symbol afterwards, and this one is another's.
PIECES: dict[str, pl.DataType] = {
    "name": pl.String(),
    "piece": pl.String(),
    "since": pl.Int64(),
    "until": pl.Int64(),
    "empty": pl.Boolean(),
    "lost": pl.Boolean(),
}

#: symbol, begin, end : rows stored under a symbol from a day on and before another are of the piece.
SEGMENTS: dict[str, pl.DataType] = {"symbol": pl.String(), "begin": pl.Date(), "end": pl.Date(), "piece": pl.String()}

_Stored: TypeAlias = Mapping[str, Sequence[dt.date]]


class _Segment(NamedTuple):
    symbol: str
    begin: dt.date
    end: dt.date


@dataclass(frozen=True, eq=False)
class Names:
    """Of the symbols of renames. symbols : all of these. pieces, segments : PIECES and SEGMENTS."""

    symbols: frozenset[str]
    pieces: pl.DataFrame
    segments: pl.DataFrame

    def under(self, rows: pl.DataFrame, day: str) -> pl.DataFrame:
        """Rows as they are stored, of these symbols, under their pieces: of several where they are several's. day :
        their column of days."""
        found = rows.join(self.segments, on="symbol")
        found = found.filter(pl.col(day) >= pl.col("begin"), pl.col(day) < pl.col("end"))
        return found.with_columns(symbol="piece").select(rows.columns).sort("symbol", day)

    def others(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of other symbols."""
        return rows.filter(~pl.col("symbol").is_in(list(self.symbols))) if self.symbols else rows

    def on(self, rows: pl.DataFrame, day: dt.date) -> pl.DataFrame:
        """Rows of `others` and of pieces, as they are called on a day."""
        if not self.symbols:
            return rows
        number = day_number(day)
        now = self.pieces.filter(pl.col("since") <= number, pl.col("until") > number)
        mine = rows.join(now.select("name", symbol="piece"), on="symbol")
        of_pieces = pl.col("symbol").is_in(self.pieces["piece"].implode())
        return pl.concat([rows.filter(~of_pieces), mine.with_columns(symbol="name").select(rows.columns)])


#: Nobody was renamed.
NOBODY = Names(frozenset(), pl.DataFrame(schema=PIECES), pl.DataFrame(schema=SEGMENTS))


def names_of(renames: pl.DataFrame, whole: pl.DataFrame, bars: pl.DataFrame) -> Names:
    """renames : symbol, ex_date, former. whole : those of them that `renames.given_whole` gives. bars : symbol,
    session as stored, of all symbols among them."""
    told: list[Rename] = renames.select("symbol", "ex_date", "former").rows()
    if not told:
        return NOBODY
    own = set(whole.select("symbol", "ex_date").iter_rows())
    sessions = bars.select("symbol", "session").sort("session").group_by("symbol").agg("session")
    stored = dict(sessions.iter_rows())
    pieces: list[_Piece] = []
    for some in _together(told):
        pieces += _pieces(some, own, stored)
    rows = [(one.name, one.piece, *map(_number, (one.since, one.until)), one.empty, one.lost) for one in pieces]
    segments = [(*segment, one.piece) for one in pieces for segment in (*one.own, *one.later)]
    return Names(
        symbols=frozenset({*renames["symbol"], *renames["former"]}),
        pieces=pl.DataFrame(rows, schema=PIECES, orient="row"),
        segments=pl.DataFrame(segments, schema=SEGMENTS, orient="row"),
    )


def _number(day: dt.date) -> int:
    return _LAST if day == _NEVER else day_number(day)


@dataclass
class _Piece:
    """own : what is read on its days. later : what its company's bars are stored under from then on."""

    name: str
    number: int
    since: dt.date
    until: dt.date
    own: list[_Segment]
    later: list[_Segment]
    empty: bool = False
    lost: bool = False

    @property
    def piece(self) -> str:
        return self.name if self.until == _NEVER else f"{self.name}{_MARK}{self.number}"


def _together(told: Iterable[Rename]) -> list[list[Rename]]:
    """Renames that have to do with each other."""
    of: dict[str, list[Rename]] = {}
    for one in told:
        some = {id(own): own for own in (of.get(one[0]), of.get(one[2])) if own is not None}
        joined = [rename for own in some.values() for rename in own] + [one]
        for new, _, former in joined:
            of[new] = of[former] = joined
    return list({id(own): own for own in of.values()}.values())


def _pieces(told: list[Rename], whole: Set[tuple[str, dt.date]], stored: _Stored) -> list[_Piece]:
    """Of some symbols that have to do with each other."""
    days = sorted({day for _, day, _ in told})
    edges = [_FIRST, *days, _NEVER]
    symbols = sorted({name for new, _, former in told for name in (new, former)})
    end = _called(told, whole, symbols)
    found: dict[str, list[_Piece]] = defaultdict(list)
    for since, until in pairwise(edges):
        now = _called([one for one in told if one[1] <= since], whole, symbols)
        for name in symbols:
            own = _until(now[name], until)
            before = found[name][-1] if found[name] else None
            if before is not None and _bars(before.own, since, stored) == _bars(own, since, stored):
                before.until, before.own = until, own
            else:
                found[name].append(_Piece(name, len(found[name]), since, until, own, []))
    pieces = [one for name in symbols for one in found[name]]
    for one in pieces:
        newest = max(((days[-1], symbol) for symbol, days in _bars(one.own, one.until, stored).items()), default=None)
        one.empty = newest is None
        if newest is not None:
            session, symbol = newest
            company = next(name for name, of in end.items() if _has(of, symbol, session))
            one.later = [
                _Segment(symbol, max(begin, one.until), until)
                for symbol, begin, until in end[company]
                if until > one.until
            ]
            one.lost = LOST in company and not one.later
    return pieces


def _called(
    told: Sequence[Rename], whole: Set[tuple[str, dt.date]], symbols: Sequence[str]
) -> dict[str, list[_Segment]]:
    """By the name that companies have when some renames are told, what their rows are stored under."""
    spans: dict[str, list[tuple[dt.date, str]]] = defaultdict(list)
    for symbol, until, name in spans_by(told, whole):
        spans[symbol].append((until, name))
    found: dict[str, list[_Segment]] = defaultdict(list)
    for symbol in symbols:
        begin = _FIRST
        for until, name in sorted(spans[symbol]):
            found[name].append(_Segment(symbol, begin, until))
            begin = until
        found[symbol].append(_Segment(symbol, begin, _NEVER))
    return found


def _until(segments: Iterable[_Segment], day: dt.date) -> list[_Segment]:
    return [_Segment(symbol, begin, min(end, day)) for symbol, begin, end in segments if begin < day]


def _bars(segments: Iterable[_Segment], day: dt.date, stored: _Stored) -> dict[str, list[dt.date]]:
    """The sessions before a day that have a bar there, by the symbol that it is stored under."""
    found: dict[str, list[dt.date]] = defaultdict(list)
    for symbol, begin, end in sorted(segments):
        sessions = stored.get(symbol, ())
        found[symbol] += sessions[bisect_left(sessions, begin) : bisect_left(sessions, min(end, day))]
    return {symbol: sessions for symbol, sessions in found.items() if sessions}


def _has(segments: Iterable[_Segment], symbol: str, session: dt.date) -> bool:
    return any(one.symbol == symbol and one.begin <= session < one.end for one in segments)
