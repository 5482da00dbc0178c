"""The session that forms: minute bars of all symbols as they come, late and corrected ones merged, and the day's bar
that they make.

What it tells hangs on which bars came, and of a symbol's minute which came last; never on the order of symbols or
minutes, nor on how they were handed over. So a session that is built again of what was stored has the same bytes.
"""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.live.curve import USUAL, Curve
from tapescan.live.hours import BEGIN, PREMARKET, end_of
from tapescan.live.numbered import Numbered
from tapescan.market.panel import places_of
from tapescan.market.quality import BAR_COLUMNS
from tapescan.tables.registry import find_table

__all__ = ["MINUTES", "Day", "Merged", "Totals"]

#: Columns of minute bars as feeds bring them.
MINUTES = dict(find_table("minutes").given)

_PRICES = ("open", "high", "low", "close", "volume", "vwap")
#: Symbols that a session has room for at first.
_ROOM = 1024
#: Of so few bars of a minute their symbols are counted again; so many symbols at once.
FEW, PART = 64, 512


class Merged(NamedTuple):
    """What came of some minute bars: how many were new, replaced another, were there already, and lay outside of the
    session or could not be."""

    new: int = 0
    corrected: int = 0
    same: int = 0
    outside: int = 0


class Totals(NamedTuple):
    """Of each symbol, ``(symbols,)``.

    open (of its first bar), high, low, close : NaN before its first bar. volume : so far; value : the dollars traded;
    square : the sum of volume times price squared. at : the minute of its newest bar, -1 before its first one;
    high_at, low_at : those in which the high and the low were first met.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    value: Floats
    square: Floats
    at: Ints
    high_at: Ints
    low_at: Ints

    @classmethod
    def empty(cls, symbols: int) -> Totals:
        open_, high, low, close = np.full((4, symbols), np.nan)
        volume, value, square = np.zeros((3, symbols))
        at, high_at, low_at = np.full((3, symbols), -1, np.int64)
        return cls(open_, high, low, close, volume, value, square, at, high_at, low_at)

    def first(self, symbols: int) -> Totals:
        """Of the first so many, as views."""
        return Totals._make(one[:symbols] for one in self)


class _Span:
    """The minutes of some part of a session. bars : ``(minutes, 6, symbols)``, NaN where there is no bar."""

    def __init__(self, begin: int, end: int, room: int) -> None:
        self.begin, self.end = begin, end
        self.bars = np.full((end - begin, len(_PRICES), room), np.nan)
        self.totals = Totals.empty(room)
        #: How often bars were merged, and after which of these times each minute was last written; and how many
        #: minutes there are up to the newest that was.
        self.version, self.written, self.reached = 0, np.zeros(end - begin, np.int64), 0

    def make_room(self, symbols: int) -> None:
        had = self.bars.shape[2]
        if symbols <= had:
            return
        room = max(2 * had, symbols)
        more = np.full((*self.bars.shape[:2], room - had), np.nan)
        self.bars = np.concatenate([self.bars, more], axis=2)
        none = Totals.empty(room - had)
        self.totals = Totals._make(np.concatenate(both) for both in zip(self.totals, none, strict=True))

    def merge(self, lane: Ints, minute: Ints, values: Floats) -> tuple[int, int, int]:
        """Bars, each of another symbol or minute; values ``(6, bars)``. How many were new, corrected, there."""
        row = minute - self.begin
        old = self.bars[row, :, lane].T
        there = ~np.isnan(old[3])
        same = there & ((old == values) | (np.isnan(old) & np.isnan(values))).all(axis=0)
        self.bars[row[~same], :, lane[~same]] = values.T[~same]
        self.version += 1
        self.written[row[~same]] = self.version
        self.reached = max(self.reached, int(row.max(initial=-1)) + 1)
        again: list[Ints] = [lane[there & ~same]]
        fresh = ~there
        minutes, many = np.unique(row[fresh], return_counts=True)
        for one, count in zip(minutes, many, strict=True):
            mine = fresh & (row == one)
            some = lane[mine]
            if count <= FEW:  # late ones
                again.append(some)
                continue
            later = int(one) + self.begin > self.totals.at[some]
            again.append(some[~later])
            self._add(some[later], int(one), values[:, mine][:, later])
        self._count_again(np.unique(np.concatenate(again)))
        return int(fresh.sum()), int((there & ~same).sum()), int(same.sum())

    def _add(self, lane: Ints, row: int, values: Floats) -> None:
        """A minute's bars that come after all others of their symbols."""
        if not len(lane):
            return
        total, (open_, high, low, close, volume, vwap) = self.totals, values
        first = total.at[lane] < 0
        price = np.where(np.isnan(vwap), (high + low + close) / 3.0, vwap)
        total.open[lane] = np.where(first, open_, total.open[lane])
        higher, lower = first | (high > total.high[lane]), first | (low < total.low[lane])
        total.high[lane] = np.where(higher, high, total.high[lane])
        total.low[lane] = np.where(lower, low, total.low[lane])
        total.close[lane] = close
        total.volume[lane] += volume
        total.value[lane] += price * volume
        total.square[lane] += price * price * volume
        total.at[lane] = row + self.begin
        total.high_at[lane] = np.where(higher, row + self.begin, total.high_at[lane])
        total.low_at[lane] = np.where(lower, row + self.begin, total.low_at[lane])

    def _count_again(self, lanes: Ints) -> None:
        """The totals of some symbols with bars, as they would have been added minute by minute."""
        bars = self.bars[: self.reached]
        for begin in range(0, len(lanes), PART):
            some = lanes[begin : begin + PART]
            for own, new in zip(self.totals, self._counted(bars[:, :, some]), strict=True):
                own[some] = new

    def _counted(self, bars: Floats) -> Totals:
        """Of some symbols' minutes, ``(minutes, 6, symbols)``."""
        open_, high, low, close, volume, vwap = bars.transpose(1, 0, 2)
        there, lane = ~np.isnan(close), np.arange(bars.shape[2])
        first, last = there.argmax(axis=0), len(bars) - 1 - there[::-1].argmax(axis=0)
        price = np.where(np.isnan(vwap), (high + low + close) / 3.0, vwap)
        # Sums of minute after minute: the bits are those of adding each as it came.
        sums = (volume, price * volume, price * price * volume)
        traded, value, square = (np.add.accumulate(np.where(there, one, 0.0))[-1] for one in sums)
        highest, lowest = np.where(there, high, -np.inf).argmax(axis=0), np.where(there, low, np.inf).argmin(axis=0)
        return Totals(
            open=open_[first, lane],
            high=high[highest, lane],
            low=low[lowest, lane],
            close=close[last, lane],
            volume=traded,
            value=value,
            square=square,
            at=last + self.begin,
            high_at=highest + self.begin,
            low_at=lowest + self.begin,
        )


class Day:
    """A session that forms.

    session : date in New York. begin, end : minutes of its regular hours. curve : the usual course of its volume.
    room : so many symbols are looked for; for more of them all that is there is moved once.
    """

    def __init__(self, session: dt.date, curve: Curve = USUAL, room: int = _ROOM) -> None:
        self.session, self.begin, self.end, self.curve = session, BEGIN, end_of(session), curve
        self._lanes = Numbered()
        self.symbols = self._lanes.names
        #: The lane of each of some symbols, and of how many of its own that tells.
        self._asked: tuple[tuple[str, ...], Ints, int] = ((), np.empty(0, np.int64), 0)
        #: Who has traded, in the order of names, and their lanes; of so many as they were.
        self._named: tuple[Ints, pl.Series] = (np.empty(0, np.int64), pl.Series("symbol", [], pl.String))
        self._official: Floats = np.full(room, np.nan)
        self._official_at: Ints = np.full(room, -1, np.int64)
        self._regular, self._early = _Span(BEGIN, self.end, room), _Span(PREMARKET, BEGIN, room)

    @property
    def totals(self) -> Totals:
        """Of its regular hours, in the order of `symbols`."""
        return self._regular.totals.first(len(self.symbols))

    @property
    def premarket(self) -> Totals:
        """As `totals`, of 04:00 to 09:30."""
        return self._early.totals.first(len(self.symbols))

    @property
    def minutes(self) -> Floats:
        """open, high, low, close, volume and vwap of each minute, ``(minutes, 6, symbols)``; a view."""
        return self._regular.bars[:, :, : len(self.symbols)]

    @property
    def version(self) -> int:
        """Grows with each merge of minutes of its regular hours."""
        return self._regular.version

    @property
    def written(self) -> Ints:
        """Of each minute, the version in which one of its bars was last written, 0 before; a view."""
        return self._regular.written

    @property
    def official_open(self) -> Floats:
        """Of each symbol; NaN where it was not told."""
        return self._official[: len(self.symbols)]

    @property
    def newest(self) -> int:
        """The newest minute of its regular hours that has a bar; -1 before the first."""
        return int(self.totals.at.max(initial=-1))

    def traded_in(self, minute: int) -> int:
        """How many symbols have a bar of a minute of its regular hours."""
        if not self.begin <= minute < self.end:
            return 0
        return int((~np.isnan(self.minutes[minute - self.begin, 3])).sum())

    def merge(self, rows: pl.DataFrame) -> Merged:
        """Take minute bars in, as MINUTES; of two of a symbol's minute the later one counts."""
        values: Floats = (
            rows.select(pl.col(*_PRICES, "official_open").cast(pl.Float64).fill_null(np.nan)).to_numpy().T
        )
        minute = rows["minute"].to_numpy().astype(np.int64)
        open_, high, low, close, volume = values[:5]
        good: Bools = (rows["session"].to_physical() == day_number(self.session)).fill_null(value=False).to_numpy()
        good = good & (minute >= PREMARKET) & (minute < self.end) & np.isfinite(values[:5]).all(axis=0)
        good &= (low > 0.0) & (low <= np.minimum(open_, close)) & (high >= np.maximum(open_, close)) & (volume >= 0.0)
        outside, symbols = len(rows) - int(good.sum()), rows["symbol"]
        if outside:
            symbols, minute, values = symbols.filter(pl.Series(good)), minute[good], values[:, good]
        lane, opened = self._places(symbols), values[6]
        told = np.isfinite(opened) & (opened > 0.0)
        self._open_with(lane[told], minute[told], opened[told])
        # Of two of a symbol's minute the last: the first from the end.
        _, last = np.unique((lane * (24 * 60) + minute)[::-1], return_index=True)
        if len(last) < len(lane):
            kept = np.sort(len(lane) - 1 - last)
            lane, minute, values = lane[kept], minute[kept], values[:, kept]
        values = np.ascontiguousarray(values[:6])
        values[5, ~(np.isfinite(values[5]) & (values[5] > 0.0))] = np.nan
        counts = np.zeros(3, np.int64)
        for span in (self._early, self._regular):
            mine = (minute >= span.begin) & (minute < span.end)
            if mine.any():
                counts += span.merge(lane[mine], minute[mine], values[:, mine])
        new, corrected, same = (int(one) for one in counts)
        return Merged(new, corrected, same, outside)

    def _open_with(self, lane: Ints, minute: Ints, price: Floats) -> None:
        """Take official opens: what the latest minute says counts, and of what is said of it the last."""
        order = np.argsort(minute, kind="stable")
        lane, minute, price = lane[order], minute[order], price[order]
        counts = minute >= self._official_at[lane]
        self._official[lane[counts]], self._official_at[lane[counts]] = price[counts], minute[counts]

    def _places(self, symbols: pl.Series) -> Ints:
        """The lane of each symbol; who is new gets one."""
        found = self._lanes.of(symbols)
        if len(self.symbols) > len(self._official):
            for span in (self._regular, self._early):
                span.make_room(len(self.symbols))
            more = len(self._regular.totals.open) - len(self._official)
            self._official = np.append(self._official, np.full(more, np.nan))
            self._official_at = np.append(self._official_at, np.full(more, -1, np.int64))
        return found

    def lane_of(self, symbol: str) -> int | None:
        """The place of a symbol in the order of `symbols`; None where nothing of it has come."""
        return self._lanes.numbers.get(symbol)

    def lanes_of(self, symbols: tuple[str, ...]) -> Ints:
        """The lane of each of some symbols, -1 for none; what is given is used up when it is asked again."""
        asked, lanes, told = self._asked
        if asked != symbols:
            lanes = np.fromiter((self._lanes.numbers.get(one, -1) for one in symbols), np.int64, len(symbols))
        elif told < len(self.symbols):
            places = places_of(symbols)
            for lane in range(told, len(self.symbols)):
                if (place := places.get(self.symbols[lane])) is not None:
                    lanes[place] = lane
        self._asked = (symbols, lanes, len(self.symbols))
        return lanes

    def usual_share(self, minute: int) -> float:
        """As `curve.Curve.share`, of this session."""
        return self.curve.share(minute, self.end)

    def bars(self, minute: int) -> pl.DataFrame:
        """The day's bars so far, BAR_COLUMNS, sorted by symbol: one of each symbol that has traded in regular hours.

        minute : the one that begins now, which says how much of a session's volume is usual by then: volumes are what
        was traded over that share, in whole shares, and so comparable with those of whole sessions.
        """
        total = self.totals
        lanes, symbols = self._in_order(np.flatnonzero(total.at >= 0))
        opened = np.where(np.isnan(self.official_open), total.open, self.official_open)[lanes]
        share = self.usual_share(minute)
        volume = total.volume[lanes] if share == 1.0 else np.rint(total.volume[lanes] / share)
        found = pl.DataFrame(
            {
                "symbol": symbols,
                "session": pl.Series([self.session], dtype=pl.Date).new_from_index(0, len(symbols)),
                "open": opened,
                "high": np.maximum(total.high[lanes], opened),
                "low": np.minimum(total.low[lanes], opened),
                "close": total.close[lanes],
                "volume": volume,
            }
        )
        return found.select(BAR_COLUMNS)

    def _in_order(self, traded: Ints) -> tuple[Ints, pl.Series]:
        """Lanes in the order of their symbols, and these. Minute after minute they are mostly the same ones."""
        lanes, symbols = self._named
        if len(lanes) != len(traded):  # nobody who has traded is ever without a bar again
            names = pl.Series("symbol", [self.symbols[one] for one in traded.tolist()], pl.String)
            order = names.arg_sort()
            self._named = lanes, symbols = traded[order.to_numpy()], names.gather(order)
        return lanes, symbols
