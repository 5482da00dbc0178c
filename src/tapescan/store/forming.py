"""A store with the bars of a session that still runs: read as if they were stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import polars as pl

from tapescan.market.lives import changed_companies
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store.known import KnownStore
from tapescan.tables.registry import find_table

__all__ = ["FormingStore", "Moments", "once"]

T = TypeVar("T")

#: What reaches back no further is read once.
_LATELY = dt.timedelta(days=30)


@dataclass
class Moments:
    """What is the same at all moments of a session.

    lately : what was read of the store's newest sessions, by the first of them. reads : tables that were read whole,
    by the day as of which and since which they were. made : by name, what something was made of and what came of it.
    """

    lately: dict[dt.date, pl.DataFrame] = field(default_factory=dict)
    reads: dict[tuple[dt.date | None, dt.date | None], dict[str, pl.DataFrame]] = field(default_factory=dict)
    made: dict[str, tuple[tuple[Any, ...], Any]] = field(default_factory=dict)


class FormingStore(KnownStore):
    """What a store would tell at a moment of a session, if it held that session's bars as they are by then.

    known : the store, with everything that is stored. bars : one row a symbol that has traded, BAR_COLUMNS, raw, all
    of one session that comes after all stored ones. moments : what the moments of the session share.
    """

    def __init__(
        self,
        known: KnownStore,
        bars: pl.DataFrame,
        day: dt.date | None = None,
        since: dt.date | None = None,
        moments: Moments | None = None,
    ) -> None:
        super().__init__(known.path, known.versions, day, since)
        self.known, self.bars_of_day = known, bars
        self._tables = known._tables
        self.moments = moments or Moments()
        # No bars are among them: the session's own are not of the store.
        self._read = self.moments.reads.setdefault((day, since), {})

    def take_reads(self, other: KnownStore) -> None:
        """As `KnownStore.take_reads`; once for all moments."""
        if not self._read:
            super().take_reads(other)

    def as_of(self, day: dt.date | None, since: dt.date | None = None) -> KnownStore:
        """As `KnownStore.as_of`."""
        return FormingStore(self.known, self.bars_of_day, day, since, self.moments)

    def stored(self, table: str, symbols: Sequence[str] | None = None) -> pl.LazyFrame:
        """As `KnownStore.stored`."""
        session, since = self.session, self.since
        if table != "bars" or session is None or (self.day is not None and session > self.day):
            return super().stored(table, symbols)
        if symbols is None and since is not None and session - since < _LATELY:
            lately = self.moments.lately
            if since not in lately:
                lately[since] = super().stored(table).collect()
            return pl.concat([lately[since], self.rows]).lazy()
        mine = self.rows if symbols is None else self.rows.filter(pl.col("symbol").is_in(list(symbols)))
        return pl.concat([super().stored(table, symbols), mine.lazy()])

    @cached_property
    def companies(self) -> pl.DataFrame:
        """As `KnownStore.companies`."""
        return once(self, f"companies of {self.day}", (), lambda: changed_companies(self.versions_of("symbols")))

    @property
    def session(self) -> dt.date | None:
        """The session; None while nobody has traded."""
        return self.bars_of_day["session"][0] if len(self.bars_of_day) else None

    @cached_property
    def rows(self) -> pl.DataFrame:
        """Its bars as they would be stored."""
        rows = self.bars_of_day.select(BAR_COLUMNS).with_columns(
            adjusted_to="session", total_to=pl.lit(None, pl.Date), source=pl.lit("live")
        )
        return rows.select(*find_table("bars").schema)


def once(known: KnownStore, what: str, given: tuple[Any, ...], make: Callable[[], T]) -> T:
    """What is made of stored tables and of what is given: of a session that still runs, anew only where something
    else is given than at the moment before.

    what : its name. given : frames, and what can be compared. Tables of a store stay as they are while a
    session is followed: when something comes into it, another session of moments begins.
    """
    if not isinstance(known, FormingStore):
        return make()
    made = known.moments.made
    if what in made and _is_same(made[what][0], given):
        found: T = made[what][1]
        return found
    found = make()
    made[what] = given, found
    return found


def _is_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(map(_alike, one, other))


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, pl.DataFrame) and isinstance(other, pl.DataFrame):
        return one.equals(other)
    return one is other or bool(one == other)
