"""A store with the bars of a session that still runs: read as if they were stored."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property

import polars as pl

from tapescan.market.quality import BAR_COLUMNS
from tapescan.store.known import KnownStore
from tapescan.tables.registry import find_table

__all__ = ["FormingStore"]

#: What reaches back no further is read once.
_LATELY = dt.timedelta(days=30)


class FormingStore(KnownStore):
    """What a store would tell at a moment of a session, if it held that session's bars as they are by then.

    known : the store, with everything that is stored. bars : one row a symbol that has traded, BAR_COLUMNS, raw, all
    of one session that comes after all stored ones. lately : what was read of its newest sessions, by the first of
    them; for the next moment.
    """

    def __init__(
        self,
        known: KnownStore,
        bars: pl.DataFrame,
        day: dt.date | None = None,
        since: dt.date | None = None,
        lately: dict[dt.date, pl.DataFrame] | None = None,
    ) -> None:
        super().__init__(known.path, known.versions, day, since)
        self.known, self.bars_of_day = known, bars
        self._tables = known._tables
        self._lately = {} if lately is None else lately

    def as_of(self, day: dt.date | None, since: dt.date | None = None) -> KnownStore:
        """As `KnownStore.as_of`."""
        return FormingStore(self.known, self.bars_of_day, day, since, self._lately)

    def stored(self, table: str, symbols: Sequence[str] | None = None) -> pl.LazyFrame:
        """As `KnownStore.stored`."""
        session, since = self.session, self.since
        if table != "bars" or session is None or (self.day is not None and session > self.day):
            return super().stored(table, symbols)
        if symbols is None and since is not None and session - since < _LATELY:
            if since not in self._lately:
                self._lately[since] = super().stored(table).collect()
            return pl.concat([self._lately[since], self.rows]).lazy()
        mine = self.rows if symbols is None else self.rows.filter(pl.col("symbol").is_in(list(symbols)))
        return pl.concat([super().stored(table, symbols), mine.lazy()])

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
