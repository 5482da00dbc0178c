"""The whole past of a market, held once: its bars as lanes, and what was known of them on each day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.history.equal_weighted import add_to
from tapescan.history.history import History
from tapescan.market.index import MARKET_SESSIONS, MARKET_SYMBOL, IndexOfAll, MarketIndex, own_index
from tapescan.replay.lanes import Laid, Lanes, lay_out
from tapescan.replay.spells import ALWAYS, NEVER, SPELLS, apart, owner_of, spells_of
from tapescan.replay.suspects import KNOWN, Suspects, judge, within_days

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
    names = history.symbols["symbol"].to_list()
    sessions: Days = history.sessions().to_physical().to_numpy().astype(np.int32)
    found = _Read(history, sessions, IndexOfAll(int(sessions[0]), int(sessions[-1])))
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
    places = {symbol: place for place, symbol in enumerate(found.symbols)}

    def placed(some: list[tuple[list[str], Lanes]]) -> tuple[Lanes, ...]:
        return tuple(
            replace(one, place=np.array([places[symbol] for symbol in own], dtype=np.int64)) for own, one in some
        )

    spells = pl.concat([pl.DataFrame(schema={**SPELLS, "earlier": pl.Int64()}), *found.told])
    return Past(
        history=history,
        symbols=tuple(found.symbols),
        laid=Laid(tuple(found.newest), placed(found.bases), placed(found.spells), placed(found.lives)),
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


@dataclass
class _Read:
    """What was read of the symbols so far. every : the index of them. newest, bases, spells, lives : as in `Laid`; of
    all but the newest with the symbol of each lane. told, lived : what there is to say of the last two."""

    history: History
    sessions: Days
    every: IndexOfAll
    symbols: list[str] = field(default_factory=list)
    newest: list[Lanes] = field(default_factory=list)
    bases: list[tuple[list[str], Lanes]] = field(default_factory=list)
    spells: list[tuple[list[str], Lanes]] = field(default_factory=list)
    lives: list[tuple[list[str], Lanes]] = field(default_factory=list)
    judged: list[pl.DataFrame] = field(default_factory=list)
    told: list[pl.DataFrame] = field(default_factory=list)
    lived: list[pl.DataFrame] = field(default_factory=list)
    factors: list[pl.DataFrame] = field(default_factory=list)

    def add(self, raw: pl.DataFrame) -> None:
        """All bars of some symbols."""
        history = self.history
        add_to(self.every, raw, history.inside)
        self.factors.append(_factors(raw, history.inside))
        lived = spells_of(raw, history.splits, history.companies)
        last = lived.spells.filter(pl.col("until") == NEVER)
        since = dict(last.select("symbol", "since").iter_rows())
        self._add_newest(_from(raw, last), since)
        if lived.spells.is_empty():
            return
        counted = raw.join(lived.spells.select("symbol", "begin").unique(), on="symbol")
        before = counted.filter(pl.col("session").to_physical() < pl.col("begin"))
        earlier = before.group_by("symbol", "begin").agg(earlier=pl.len().cast(pl.Int64))
        told = lived.spells.join(earlier, on=["symbol", "begin"], how="left", maintain_order="left")
        self.told.append(told.with_columns(pl.col("earlier").fill_null(0)))
        self.lived.append(lived.lives)
        self._add_spells(raw, lived.spells.filter(pl.col("until") < NEVER).with_row_index("piece"))
        lives = lived.lives.filter(pl.col("until") < NEVER).with_row_index("piece")
        if len(lives):
            basis = next(iter(self._apart(lives, "ex_date").bases_of(apart(raw, lives, "begin"))))
            self.lives += self._laid_out(basis.bars, lives, {})

    def _add_newest(self, raw: pl.DataFrame, since: Mapping[str, int]) -> None:
        """The newest lives. since : when each was known to be one, of those that had others."""
        history = self.history
        for number, basis in enumerate(history.bases_of(raw)):
            within = {
                symbol: (max(begin, since.get(symbol, begin)), end) for symbol, (begin, end) in basis.sessions.items()
            }
            bars = basis.bars if number == 0 else _before_the_end(basis.bars, within)
            if bars.is_empty():
                continue
            if number == 0:
                found = history.unaccepted(judge(bars, history.splits, history.suspects))
                known = pl.col("symbol").replace_strict(since, default=ALWAYS, return_dtype=pl.Int64)
                self.judged.append(within_days(found, known, pl.lit(NEVER)))
            run = bars["symbol"].rle().struct.field("value").to_list()
            for one in lay_out(bars, _spoken(run, within), self.sessions):
                own = [run[place] for place in one.place]
                if number:
                    self.bases.append((own, one))
                    continue
                self.newest.append(replace(one, place=np.arange(len(own)) + len(self.symbols)))
                self.symbols += own

    def _add_spells(self, raw: pl.DataFrame, spells: pl.DataFrame) -> None:
        """What was known before it was known that another company has a ticker."""
        history = self._apart(spells, "ex_date")
        for number, basis in enumerate(history.bases_of(apart(raw, spells, "begin"))):
            if basis.bars.is_empty():
                continue
            self.bases += self._laid_out(basis.bars, spells, basis.sessions)
            if number == 0:
                self.spells += self._laid_out(basis.bars, spells, {})
                found = judge(basis.bars, history.splits, history.suspects)
                found = found.with_columns(piece=owner_of(found["symbol"])).drop("symbol")
                found = found.join(
                    spells.select("piece", "symbol", "since", "until"), on="piece", maintain_order="left"
                )
                known = within_days(found, pl.col("since"), pl.col("until"))
                self.judged.append(history.unaccepted(known.select(KNOWN.keys())))

    def _apart(self, pieces: pl.DataFrame, day: str) -> History:
        """With the splits of pieces of symbols, as they are called there."""
        splits = apart(
            self.history.splits, pieces.with_columns(until=pl.lit(NEVER, pl.Int64), first=ALWAYS), "first", day
        )

        def suspects(bars: pl.DataFrame, by: pl.DataFrame | None) -> pl.DataFrame:
            return self.history.suspects(bars, splits if by is None else by)

        return replace(self.history, splits=splits, suspects=suspects)

    def _laid_out(
        self, bars: pl.DataFrame, pieces: pl.DataFrame, sessions: Mapping[str, tuple[int, int]]
    ) -> list[tuple[list[str], Lanes]]:
        """Pieces as lanes that speak for their days, and for no others than these sessions, where they are said."""
        run = bars["symbol"].rle().struct.field("value")
        own = pieces[owner_of(run)]
        within = {
            name: (
                max(since, sessions.get(name, (since, until))[0]),
                min(until, sessions.get(name, (since, until))[1]),
            )
            for name, since, until in zip(run, own["since"], own["until"], strict=True)
        }
        symbols = own["symbol"].to_list()
        laid = lay_out(bars, _spoken(run.to_list(), within), self.sessions)
        return [([symbols[place] for place in one.place], one) for one in laid]


def _from(raw: pl.DataFrame, last: pl.DataFrame) -> pl.DataFrame:
    """The bars of the newest lives."""
    if last.is_empty():
        return raw
    begin = raw.select("symbol").join(last.select("symbol", "begin"), on="symbol", how="left", maintain_order="left")
    return raw.filter(raw["session"].to_physical() >= begin["begin"].fill_null(ALWAYS))


def _spoken(run: Sequence[str], within: Mapping[str, tuple[int, int]]) -> Days:
    """From which day on, and before which, each of some lanes speaks."""
    found: Days = np.clip([within.get(name, (0, 0)) for name in run], 0, NEVER).astype(np.int32)
    return found


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
