"""The whole past of a market, held once: its bars as lanes, and what was known of them on each day."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.history.history import History
from tapescan.market.index import MARKET_SESSIONS, MARKET_SYMBOL, IndexOfAll, MarketIndex, own_index
from tapescan.replay.lanes import Laid, Lanes
from tapescan.replay.reading import Read
from tapescan.replay.spells import ALWAYS, SPELLS
from tapescan.replay.suspects import Suspects

__all__ = ["Past", "past_of"]

#: Symbols read at a time; it bounds the memory.
CHUNK = 1000


@dataclass(frozen=True, eq=False)
class Past:
    """Everything that a replay reads of a market's bars.

    symbols : in the order of the lanes. laid : the lanes. sessions : all that have a bar, ascending.
    own : the index that is a symbol, in each of its share bases, with the day from which on it has that; empty
    without one. every : the equal-weighted one. suspects : the suspect bars.
    spells : of symbols that another company had before, `spells.SPELLS` with place, and earlier: how many bars the
    ones before had. lives : SPELLS of theirs.
    factors : symbol, session, factor of bars whose prices have splits of later days inside them.
    """

    history: History
    symbols: tuple[str, ...]
    laid: Laid
    sessions: Days
    own: tuple[tuple[int, MarketIndex], ...]
    every: MarketIndex
    suspects: Suspects
    spells: pl.DataFrame
    lives: pl.DataFrame
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

    def own_index(self, day: int, since: int) -> MarketIndex | None:
        """The index that is a symbol, where a scan of a day takes it: it has a bar of the day, and enough of them
        since the oldest session that is read. since : that session."""
        found = next((index for begin, index in reversed(self.own) if begin <= day), None)
        if found is None:
            return None
        begin, end = np.searchsorted(found.session, (since, day + 1))
        enough = end - begin >= MARKET_SESSIONS and found.session[end - 1] == day
        return found if enough else None

    def changes(self, day: int) -> int:
        """How often it came to be known up to a day that another company has a ticker."""
        since = self._spelled[0]
        return int(((since > ALWAYS) & (since <= day)).sum())

    def earlier(self, day: int, since: int) -> Ints:
        """How many bars of other companies a scan of a day counts as each symbol's: where the change is further back
        than what it reads, it is not told. since : the oldest session that is read."""
        found = np.zeros(len(self.symbols), np.int64)
        begin, until, ended, place, earlier = self._spelled
        now = (begin <= day) & (until > day) & (ended < since)
        found[place[now]] = earlier[now]
        return found

    @cached_property
    def most_earlier(self) -> Ints:
        """The most that `earlier` ever finds of each symbol."""
        found = np.zeros(len(self.symbols), np.int64)
        np.maximum.at(found, *self._spelled[3:])
        return found

    @cached_property
    def _spelled(self) -> tuple[Ints, ...]:
        """since, until, ended, place, earlier of the spells."""
        rows = self.spells.select("since", "until", "ended", "place", "earlier")
        return tuple(column.to_numpy() for column in rows)

    def closes(self, since: int, until: int, day: int, wanted: Bools | None = None) -> tuple[Ints, Floats, Floats]:
        """The places of those that have bars from one session's number to before another, by their names; their
        closes, ``(places, sessions)``, NaN where there is no bar; and mean dollars a session. Of the lives that were
        the newest as far as was known on a day. wanted : bool ``(symbols,)``, of whom; of all for None."""
        former = [(one, one.speaks(np.array([day]))[0]) for one in self.laid.spells]
        others = np.zeros(len(self.symbols), dtype=bool)
        for one, spoken in former:
            others[one.place[spoken]] = True
        places, close, dollars = [], [], []
        for one, spoken in [*((one, ~others[one.place]) for one in self.laid.newest), *former]:
            chosen = np.flatnonzero(spoken if wanted is None else spoken & wanted[one.place])
            row, there = one.at(np.arange(since, until))
            chosen = chosen[there[:, chosen].any(axis=0)]
            if not len(chosen):
                continue
            row, there = row[:, chosen], there[:, chosen]
            own = np.where(there, one.close[row, chosen], np.nan)
            places.append(one.place[chosen])
            close.append(own.T)
            dollars.append(np.where(there, own * one.volume[row, chosen], 0.0).sum(axis=0) / (until - since))
        place = np.concatenate([np.zeros(0, np.int64), *places])
        order = np.argsort(self._by_name[place])
        found = np.concatenate([np.zeros((0, until - since)), *close])[order]
        return place[order], found, np.concatenate([np.zeros(0), *dollars])[order]

    @cached_property
    def _by_name(self) -> Ints:
        """Where each symbol stands among all in the order of their names."""
        found = np.empty(len(self.symbols), np.int64)
        found[sorted(range(len(self.symbols)), key=self.symbols.__getitem__)] = np.arange(len(self.symbols))
        return found


def past_of(history: History, progress: Progress = silent) -> Past:
    """Read it. progress : told of the symbols done and their number."""
    names = history.names.others(history.symbols)["symbol"].to_list()
    sessions: Days = history.sessions().to_physical().to_numpy().astype(np.int32)
    found = Read(history, sessions, IndexOfAll(int(sessions[0]), int(sessions[-1])))
    progress(0, len(names), "reading all bars")
    chunks = [names[at : at + CHUNK] for at in range(0, len(names), CHUNK)]
    with ThreadPoolExecutor(1) as beside:
        coming = [beside.submit(history.whole, chunks[0])] if chunks else []
        for at in range(len(chunks)):
            raw = coming.pop().result()
            if at + 1 < len(chunks):  # the next ones, beside what is made of these
                coming.append(beside.submit(history.whole, chunks[at + 1]))
            found.add(raw)
            progress(min((at + 1) * CHUNK, len(names)), len(names), "reading all bars")
    found.add_renamed()
    places = {symbol: place for place, symbol in enumerate(found.symbols)}

    def placed(some: Sequence[tuple[list[str], Lanes]]) -> tuple[Lanes, ...]:
        return tuple(
            replace(one, place=np.array([places[symbol] for symbol in own], dtype=np.int64)) for own, one in some
        )

    spells = pl.concat([pl.DataFrame(schema={**SPELLS, "earlier": pl.Int64()}), *found.told])
    return Past(
        history=history,
        symbols=tuple(found.symbols),
        laid=Laid(tuple(found.newest), *map(placed, (found.bases, found.spells, found.lives, found.named))),
        sessions=sessions,
        own=_own_indices(history),
        every=found.every.index(),
        suspects=Suspects.of(found.judged, places),
        spells=spells.with_columns(place=pl.col("symbol").replace_strict(places, return_dtype=pl.Int64)),
        lives=pl.concat([pl.DataFrame(schema=SPELLS), *found.lived]),
        factors=pl.concat(found.factors),
    )


def _own_indices(history: History) -> tuple[tuple[int, MarketIndex], ...]:
    """The symbol that stands for the market in each of its share bases, and from which day on it has that."""
    found = []
    for basis in history.bases([MARKET_SYMBOL]):
        begin, end = basis.sessions.get(MARKET_SYMBOL, (0, 0))
        bars = basis.bars.filter(pl.col("symbol") == MARKET_SYMBOL, pl.col("session").to_physical() < end)
        index = own_index(MARKET_SYMBOL, bars["session"].to_physical().to_numpy(), bars["close"].to_numpy(), ALWAYS)
        if index is not None:
            found.append((begin, index))
    return tuple(reversed(found))
