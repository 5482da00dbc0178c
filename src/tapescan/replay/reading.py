"""The reading of a market's past: from bars as they are stored to lanes, some symbols at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from tapescan.core.typing import Days
from tapescan.history.equal_weighted import add_to
from tapescan.history.history import History
from tapescan.market.index import IndexOfAll
from tapescan.replay.lanes import Lanes, lay_out, without_bars
from tapescan.replay.spells import ALWAYS, NEVER, SPELLS, apart, owner_of, spells_of
from tapescan.replay.suspects import KNOWN, judge, within_days

__all__ = ["Read"]


@dataclass
class Read:
    """What was read of the symbols so far. every : the index of them. newest, bases, spells, lives, named : as in
    `Laid`; of all but the newest with the symbol of each lane. told, lived : what there is to say of spells and
    lives.
    """

    history: History
    sessions: Days
    every: IndexOfAll
    symbols: list[str] = field(default_factory=list)
    newest: list[Lanes] = field(default_factory=list)
    bases: list[tuple[list[str], Lanes]] = field(default_factory=list)
    spells: list[tuple[list[str], Lanes]] = field(default_factory=list)
    lives: list[tuple[list[str], Lanes]] = field(default_factory=list)
    named: list[tuple[list[str], Lanes]] = field(default_factory=list)
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
        self._add_newest(_from(raw, last), dict(last.select("symbol", "since").iter_rows()))
        if lived.spells.is_empty():
            return
        name, speaks = (
            pl.col("symbol").alias("name"),
            (pl.col("since").alias("speaks"), pl.col("until").alias("stops")),
        )
        self._add_spells(raw, lived.spells.with_columns(name))
        self.lived.append(lived.lives)
        self.lives += self._lives(raw, lived.lives.filter(pl.col("until") < NEVER).with_columns(name, *speaks))

    def add_renamed(self) -> None:
        """All bars of the symbols of renames, each piece of theirs as if it were a symbol of its own."""
        names = self.history.names
        if not names.symbols:
            return
        add_to(self.every, self.history.renamed(), self.history.inside)
        replace(self, history=self.history.pieces)._add_pieces(names.pieces)  # into the same lists

    def _add_pieces(self, pieces: pl.DataFrame) -> None:
        history = self.history
        raw, last = history.whole(()), pieces.filter(pl.col("until") == NEVER)
        called = pieces.filter(~pl.col("empty")).select("name", "lost", symbol="piece", first="since", end="until")
        now = pl.col("session").to_physical().cast(pl.Int64)
        factors = _factors(raw, history.inside)
        own = factors.join(called, on="symbol").filter(now >= pl.col("first"), now < pl.col("end"))
        self.factors.append(own.with_columns(symbol="name").select(factors.columns))
        lived = spells_of(raw, history.splits, history.companies)
        spells, lives = (_with_single(some, called) for some in (lived.spells, lived.lives))
        since, until = pl.max_horizontal("since", "first"), pl.min_horizontal("until", "end")
        spells = spells.with_columns(since=since, until=until).filter(pl.col("since") < pl.col("until"))
        newest = spells.filter(pl.col("until") == NEVER)
        mine = raw.filter(pl.col("symbol").is_in(newest["symbol"].implode()))
        self._add_newest(_from(mine, newest), dict(newest.select("symbol", "since").iter_rows()))
        nobody = last.filter("empty")
        for one in without_bars(_days(nobody), self.sessions):
            self.newest.append(replace(one, place=one.place + len(self.symbols)))
        self.symbols += nobody["name"].to_list()
        self._add_spells(raw, spells)
        before = pieces.filter(pl.col("empty"), pl.col("until") < NEVER)
        for one in without_bars(_days(before), self.sessions):
            self.spells.append(([before["name"][int(place)] for place in one.place], one))
        lives = lives.with_columns(speaks=since, stops=until).filter(pl.col("speaks") < pl.col("stops"))
        lives = lives.filter((pl.col("symbol") != pl.col("name")) | (pl.col("until") < NEVER))
        ended = (pl.col("until") < NEVER) | pl.col("lost")
        self.lived.append(lives.filter(ended).with_columns(symbol="name", until="stops").select(SPELLS.keys()))
        self.lives += self._lives(raw, lives.filter(ended))
        self.named += self._lives(raw, lives.filter(~ended))

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
        """What was known before it was known that another company has a ticker. spells : SPELLS, of which the newest
        are told of alone, and the name of each."""
        counted = raw.join(spells.select("symbol", "begin").unique(), on="symbol")
        before = counted.filter(pl.col("session").to_physical() < pl.col("begin"))
        earlier = before.group_by("symbol", "begin").agg(earlier=pl.len().cast(pl.Int64))
        told = spells.join(earlier, on=["symbol", "begin"], how="left", maintain_order="left")
        told = told.with_columns(pl.col("earlier").fill_null(0), symbol="name")
        self.told.append(told.select(*SPELLS, "earlier"))
        spells = spells.filter(pl.col("until") < NEVER).with_row_index("piece")
        spells = spells.with_columns(speaks="since", stops="until")
        history = self._apart(spells, "ex_date")
        for number, basis in enumerate(history.bases_of(apart(raw, spells, "begin"))):
            if basis.bars.is_empty():
                continue
            self.bases += self._laid_out(basis.bars, spells, basis.sessions)
            if number == 0:
                self.spells += self._laid_out(basis.bars, spells, {})
                found = judge(basis.bars, history.splits, history.suspects)
                found = found.with_columns(piece=owner_of(found["symbol"])).drop("symbol")
                known = spells.select("piece", "since", "until", symbol="name")
                found = found.join(known, on="piece", maintain_order="left")
                known = within_days(found, pl.col("since"), pl.col("until"))
                self.judged.append(history.unaccepted(known.select(KNOWN.keys())))

    def _lives(self, raw: pl.DataFrame, lives: pl.DataFrame) -> list[tuple[list[str], Lanes]]:
        """Some lives as lanes. lives : SPELLS, with name, and the days for which each speaks (speaks, stops)."""
        if lives.is_empty():
            return []
        lives = lives.with_row_index("piece")
        basis = next(iter(self._apart(lives, "ex_date").bases_of(apart(raw, lives, "begin"))))
        return self._laid_out(basis.bars, lives, {})

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
            for name, since, until in zip(run, own["speaks"], own["stops"], strict=True)
        }
        symbols = own["name"].to_list()
        laid = lay_out(bars, _spoken(run.to_list(), within), self.sessions)
        return [([symbols[place] for place in one.place], one) for one in laid]


def _with_single(some: pl.DataFrame, called: pl.DataFrame) -> pl.DataFrame:
    """Spells or lives, and the one of each symbol that has no several; with the columns of `called`."""
    none = (pl.lit(ALWAYS, pl.Int64).alias(name) for name in ("since", "begin", "ended"))
    single = called.join(some, on="symbol", how="anti").select("symbol", *none, until=pl.lit(NEVER, pl.Int64))
    every = pl.concat([some, single.select(SPELLS.keys())])
    return every.join(called, on="symbol").sort("symbol", "since")


def _days(pieces: pl.DataFrame) -> Days:
    """The first of each, and the first after it."""
    return pieces.select("since", "until").to_numpy().astype(np.int32)


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
