"""The bars of a whole market, read some symbols at a time, so that what reading takes is not in memory for all of
them at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.settings import Adjustment
from tapescan.core.typing import Array
from tapescan.market.eligibility import likely_ranked
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import KnownStore
from tapescan.store.table import is_remote

__all__ = ["PART", "WholeMarket", "read_whole_market", "symbols_in_parts"]

#: Bars that are read at once: so few that they take a part of what all of a market's do, so many that looking into
#: each file for each part costs little.
PART = 500_000


class WholeMarket(NamedTuple):
    """bars, lives, stamped : as of `store.known.ReadBars`, but that `symbol` is an Enum of all symbols, which takes
    an eighth of the memory. likely : as `likely_ranked` gives them."""

    bars: pl.DataFrame
    lives: pl.DataFrame
    stamped: frozenset[str]
    likely: pl.Series


def read_whole_market(
    known: KnownStore, dated: pl.DataFrame, newest: dt.date, *, sessions: int | None, adjust: Adjustment
) -> WholeMarket:
    """As `KnownStore.read_bars` of all symbols. dated : symbol, bars, of everybody who has any, sorted by symbol.
    newest : the newest session."""
    listing, room = known.read("symbols"), _Room(dated, sessions)
    lives, likely = [], []
    stamped: frozenset[str] = frozenset()
    for some in symbols_in_parts(known, dated, sessions):
        read = known.read_bars(adjust=adjust, sessions=sessions, symbols=some)
        likely.append(likely_ranked(read.bars, listing, newest))
        lives.append(read.lives)
        stamped |= read.stamped
        room.add(read.bars)
        del read
    return WholeMarket(room.bars(), pl.concat(lives), stamped, pl.concat(likely))


def symbols_in_parts(
    known: KnownStore, dated: pl.DataFrame, sessions: int | None = None
) -> Iterator[list[str] | None]:
    """Symbols that have about PART bars together; None for all of them. dated : symbol, bars. sessions : the newest
    so many are read; all for None."""
    read = _read_of(dated, sessions)
    # At an address each look into a file is a request.
    if read.sum() <= PART or is_remote(known.path):
        yield None
        return
    for _, own in dated.group_by((read.cum_sum() - read) // PART, maintain_order=True):
        yield own["symbol"].to_list()


def _read_of(dated: pl.DataFrame, sessions: int | None) -> pl.Series:
    """How many bars of each symbol are read, at most."""
    return dated["bars"] if sessions is None else dated["bars"].clip(upper_bound=sessions)


class _Room:
    """Where bars are put part by part. What is not written yet takes no memory, as the system gives pages when they
    are written to; joining frames would take all bars twice."""

    def __init__(self, dated: pl.DataFrame, sessions: int | None) -> None:
        most = int(_read_of(dated, sessions).sum())
        self._names = pl.Enum(dated["symbol"])
        self._length = 0
        self._runs: list[pl.DataFrame] = []
        self._columns: dict[str, Array] = {"session": np.empty(most, np.int32)}
        self._columns |= {name: np.empty(most) for name in BAR_COLUMNS[2:]}

    def add(self, bars: pl.DataFrame) -> None:
        """bars : BAR_COLUMNS, of symbols after those that are there."""
        end = self._length + len(bars)
        # Symbols come in runs: a name is looked up once a run and not once a bar.
        self._runs.append(bars["symbol"].rle().struct.unnest())
        for name, column in self._columns.items():
            column[self._length : end] = bars[name].to_physical().to_numpy()
        self._length = end

    def bars(self) -> pl.DataFrame:
        """All of them: BAR_COLUMNS. The room is used up."""
        columns = {name: pl.Series(name, self._columns[name][: self._length]) for name in [*self._columns]}
        self._columns.clear()
        runs = pl.concat(self._runs)
        places = np.repeat(np.arange(len(runs), dtype=np.uint32), runs["len"].to_numpy())
        symbols = runs["value"].cast(self._names).gather(pl.Series(places))
        return pl.DataFrame({"symbol": symbols, **columns}).with_columns(pl.col("session").cast(pl.Date))
