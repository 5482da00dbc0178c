"""The whole past of a market, held once: its bars as lanes, and what was known of them on each day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.history.history import History, days, market_index
from tapescan.market.index import EQUAL_WEIGHTED, MARKET_SESSIONS, MARKET_SYMBOL, MarketIndex
from tapescan.replay.lanes import Lanes, lay_out
from tapescan.replay.suspects import Suspects, judge

__all__ = ["Past", "past_of"]

#: Symbols read at a time; it bounds the memory.
CHUNK = 3000


@dataclass(frozen=True, eq=False)
class Past:
    """Everything that a replay reads of a market's bars.

    symbols : in the order of the lanes. lanes : one for each symbol, in the share basis of the end; they speak for
    the sessions since its last split. more : of the bases of before. sessions : all that have a bar, ascending.
    own : the index that is a symbol; None without one. every : the equal-weighted one. suspects : the suspect bars.
    factors : symbol, session, factor of bars whose prices have splits of later days inside them.
    """

    history: History
    symbols: tuple[str, ...]
    lanes: tuple[Lanes, ...]
    more: tuple[Lanes, ...]
    sessions: Days
    own: MarketIndex | None
    every: MarketIndex
    suspects: Suspects
    factors: pl.DataFrame

    @cached_property
    def factors_of(self) -> dict[int, tuple[Ints, Floats]]:
        """By day number, the places of symbols and their factors."""
        if self.factors.is_empty():
            return {}
        places = {symbol: place for place, symbol in enumerate(self.symbols)}
        known = self.factors.filter(pl.col("symbol").is_in(list(places))).sort("session")
        place = np.array([places[symbol] for symbol in known["symbol"]], dtype=np.int64)
        session, value = known["session"].to_physical().to_numpy(), known["factor"].to_numpy()
        pieces: Sequence[Ints] = np.split(np.arange(len(session)), np.flatnonzero(np.diff(session)) + 1)
        return {int(session[one[0]]): (place[one], value[one]) for one in pieces}

    def measured_by_own(self, sessions: Days) -> Bools:
        """On which sessions a scan takes the index that is a symbol: it has a bar of them, and reaches back far
        enough."""
        if self.own is None:
            return np.zeros(len(sessions), dtype=bool)
        upto = np.searchsorted(self.own.session, sessions, side="right")
        found: Bools = (upto >= MARKET_SESSIONS) & (self.own.session[np.maximum(upto - 1, 0)] == sessions)
        return found

    def bars(self, symbols: Sequence[str] | None, begin: dt.date, end: dt.date) -> pl.DataFrame:
        """symbol, session, close, volume of some symbols or all, from one session to another, sorted."""
        wanted = None if symbols is None else {*symbols}
        since, until = (int(one) for one in np.searchsorted(self.sessions, (days(begin), days(end) + 1)))
        names: list[str] = []
        many, session, close, volume = [], [], [], []
        for one in self.lanes:
            own = self.symbols[int(one.place[0]) : int(one.place[-1]) + 1]
            chosen = np.arange(len(own)) if wanted is None else np.flatnonzero([name in wanted for name in own])
            lo, hi = one.stretch(since, until)
            if lo == hi or not len(chosen):
                continue
            row, first = np.arange(lo, hi)[:, None], np.maximum(one.before(since), one.first)
            mine = ((row >= first) & (row < np.minimum(one.before(until), one.until)))[:, chosen].T
            names += [own[lane] for lane in chosen]
            many.append(mine.sum(axis=1))
            session.append(one.sessions[lo:hi, chosen].T[mine])
            close.append(one.close[lo:hi, chosen].T[mine])
            volume.append(one.volume[lo:hi, chosen].T[mine])
        # In the order of the symbols: the bars of a lane lie together, and only the lanes are to be ordered.
        order = np.array(sorted(range(len(names)), key=names.__getitem__), dtype=np.int64)
        length = np.concatenate([np.zeros(0, np.int64), *many])
        start = (np.cumsum(length) - length)[order]
        length = length[order]
        at = np.repeat(start - (np.cumsum(length) - length), length) + np.arange(length.sum())
        return pl.DataFrame(
            {
                "symbol": pl.Series(names, dtype=pl.String).gather(np.repeat(order, length)),
                "session": pl.Series(np.concatenate([np.zeros(0, np.int32), *session])[at]).cast(pl.Date),
                "close": np.concatenate([np.zeros(0), *close])[at],
                "volume": np.concatenate([np.zeros(0), *volume])[at],
            }
        )


def past_of(history: History, progress: Progress = silent) -> Past:
    """Read it. progress : told of the symbols done and their number."""
    names = history.symbols["symbol"].to_list()
    own = market_index(history, CHUNK)
    every = own if own.name == EQUAL_WEIGHTED else market_index(history, CHUNK, EQUAL_WEIGHTED)
    sessions = every.session
    lanes: list[Lanes] = []
    older: list[tuple[list[str], Lanes]] = []
    symbols: list[str] = []
    judged: list[pl.DataFrame] = []
    factors: list[pl.DataFrame] = []
    progress(0, len(names), "reading all bars")
    for at in range(0, len(names), CHUNK):
        raw = history.stamped(names[at : at + CHUNK])
        factors.append(_factors(raw, history.splits))
        for number, basis in enumerate(history.bases_of(raw)):
            within = basis.sessions
            bars = basis.bars if number == 0 else _before_the_end(basis.bars, within)
            if bars.is_empty():
                continue
            run = bars["symbol"].rle().struct.field("value").to_list()
            if number == 0:
                judged.append(history.unaccepted(judge(bars, history.splits, history.suspects)))
            spoken = np.clip([within.get(symbol, (0, 0)) for symbol in run], 0, np.iinfo(np.int32).max)
            for one in lay_out(bars, spoken.astype(np.int32), sessions):
                if number:
                    older.append(([run[place] for place in one.place], one))
                    continue
                lanes.append(replace(one, place=np.arange(len(one.place)) + len(symbols)))
                symbols += [run[place] for place in one.place]
        progress(min(at + CHUNK, len(names)), len(names), "reading all bars")
    places = {symbol: place for place, symbol in enumerate(symbols)}
    more = tuple(replace(one, place=_places(some, places)) for some, one in older)
    return Past(
        history=history,
        symbols=tuple(symbols),
        lanes=tuple(lanes),
        more=more,
        sessions=sessions,
        own=None if own.name != MARKET_SYMBOL else own,
        every=every,
        suspects=Suspects.of(judged, places),
        factors=pl.concat(factors),
    )


def _places(symbols: Sequence[str], places: dict[str, int]) -> Ints:
    return np.array([places[symbol] for symbol in symbols], dtype=np.int64)


def _before_the_end(bars: pl.DataFrame, within: Mapping[str, tuple[int, int]]) -> pl.DataFrame:
    """Of a basis of before, the bars up to its last session: no later one is looked at."""
    ends = pl.DataFrame(
        [(symbol, end) for symbol, (_, end) in within.items()],
        schema={"symbol": pl.String, "end": pl.Int64},
        orient="row",
    )
    end = bars.select("symbol").join(ends, on="symbol", how="left", maintain_order="left")["end"]
    return bars.filter((bars["session"].to_physical().cast(pl.Int64) < end).fill_null(value=False))


def _factors(raw: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """symbol, session, factor of bars with splits of later days inside: times it they are what was paid."""
    inside = raw.filter(pl.col("adjusted_to") > pl.col("session")).select("symbol", "session", "adjusted_to")
    later = inside.join(splits.select("symbol", "ex_date", "ratio"), on="symbol").filter(
        pl.col("ex_date") > pl.col("session"), pl.col("ex_date") <= pl.col("adjusted_to")
    )
    return later.group_by("symbol", "session", maintain_order=True).agg(factor=pl.col("ratio").product())
