"""A store as it was known at the close of a day.

    known = store.known(day)        # None: with everything that is stored
    known.bars()                    # of sessions up to the day, with the splits known then
    known.read("dividends")         # any table, its rows known by then

Its reading methods take no dates: they cannot see later ones. It is pinned to the versions that the tables had when
it was made, so that a writer who commits meanwhile cannot mix two states in what is read from it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple, get_args

import polars as pl

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.logging import logger
from tapescan.core.settings import Adjustment
from tapescan.market.adjust import adjust_bars
from tapescan.market.lives import begun_anew, changed_companies, of_their_life
from tapescan.market.names import NOBODY, Names, names_of
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.market.renames import former_symbols, given_whole, renamed, spans_of
from tapescan.store.log import read_commit
from tapescan.store.table import StoredTable, is_remote, store_errors
from tapescan.store.versions import version_of
from tapescan.tables.definition import Table
from tapescan.tables.registry import find_table

__all__ = ["STORED_COLUMNS", "KnownStore", "ReadBars"]


#: Of a bar as it is stored, what its prices of now are made of.
STORED_COLUMNS = (*BAR_COLUMNS, "adjusted_to", "total_to")

#: What was read of a table of versions, whatever the day.
_EVERY = "all "

#: Bytes of a table that is read once.
_HELD = 64_000_000


def _is_renamed(table: Table) -> bool:
    """Whether a table's rows are of a symbol on a day, so that they go with the company."""
    return "symbol" in table.key and table.known in table.key and table.name != "renames"


class ReadBars(NamedTuple):
    """bars, lives : as `KnownStore.bars_and_lives` gives them. stamped : symbols of which some stored price is not
    raw."""

    bars: pl.DataFrame
    lives: pl.DataFrame
    stamped: frozenset[str]


class KnownStore:
    """Reads one state of a store as of one day; made by `Store.known`."""

    def __init__(
        self, path: str, versions: Mapping[str, int], day: dt.date | None, since: dt.date | None = None
    ) -> None:
        self.path = path
        self.versions = dict(versions)
        self.day = day
        self.since = since
        self._tables: dict[str, StoredTable] = {}
        self._read: dict[str, pl.DataFrame] = {}

    def __repr__(self) -> str:
        return f"KnownStore({self.path!r}, {self.day or 'all'})"

    def __contains__(self, table: str) -> bool:
        """Whether a table is there."""
        return table in self.versions

    def at_newest_session(self) -> KnownStore:
        """The same as of the close of its newest session."""
        found = self.as_of(self.newest_session, self.since)
        found.take_sessions(self.sessions)  # the same ones: read once
        found._tables = self._tables
        return found

    def take_reads(self, other: KnownStore) -> None:
        """What was read as of a day before, or the same one, of tables that have the same version here."""
        if other.versions.get("renames") != self.versions.get("renames"):
            return
        same = {name for name, version in self.versions.items() if other.versions.get(name) == version}
        self._tables |= {name: table for name, table in other._tables.items() if name in same}
        for name, older in other._tables.items():
            if name in self.versions and name not in self._tables:
                self.opened(name).follow(older)
        read = {what: rows for what, rows in other._read.items() if what.rpartition(" ")[2] in same}
        whole = {what: rows for what, rows in read.items() if what.startswith(_EVERY)}
        self._read |= whole
        for what, rows in read.items():
            if self.day == other.day or (_EVERY + what in whole and not self._came(what, other.day)):
                self._read[what] = rows
        if "companies" in other.__dict__ and other.versions_of("symbols").equals(self.versions_of("symbols")):
            self.__dict__["companies"] = other.companies

    def _came(self, table: str, since: dt.date | None) -> bool:
        """Whether any version of a table came to be known after a day."""
        day = self._all_versions(table)[find_table(table).known]
        return since is None or self.day is None or bool(((day > since) & (day <= self.day)).any())

    def take_sessions(self, sessions: pl.Series) -> None:
        """Its `sessions`, of one who knows them."""
        self.__dict__["sessions"] = sessions

    def as_of(self, day: dt.date | None, since: dt.date | None = None) -> KnownStore:
        """The same at the close of another day, with nothing read yet."""
        return KnownStore(self.path, self.versions, day, since)

    def of_any_day(self) -> KnownStore:
        """The same with what is stored of later days."""
        return self.as_of(None)

    def at_session(self, sessions: pl.Series) -> KnownStore:
        """The same as of the close of the last of these: all its sessions, which are not read."""
        found = self.as_of(sessions[-1], self.since)
        found.take_sessions(sessions)
        return found

    @property
    def states(self) -> dict[str, str] | None:
        """Of each table that a scan hangs on, what tells any two contents apart, of whatever stores: the digest of
        its files, or of another writer's commit. None at a URL, or where a commit is gone."""
        if is_remote(self.path):
            return None
        found = {}
        for name, version in self.versions.items():
            if find_table(name).scanned:
                try:
                    commit = read_commit(f"{self.path}/{name}", version)
                except OSError:  # a checkpoint stands for it
                    return None
                if commit is None:
                    return None
                found[name] = str(commit.seal.get("state", commit.digest))
        return found

    def since_day(self, day: dt.date) -> KnownStore:
        """The same without earlier rows of tables that have a history."""
        found = self.as_of(self.day, day)
        found._tables = self._tables
        return found

    @property
    def has_bars(self) -> bool:
        """Whether any bar is stored."""
        return self.opened("bars").has_rows

    # --- any table --------------------------------------------------------------------------------------

    def read(self, table: str) -> pl.DataFrame:
        """The rows of a table that were known by the day; all of them where it has no history.

        Of a table of versions, each key's version of the day; the first one of a key that was not known yet.
        """
        declared = find_table(table)
        if table not in self:
            return declared.empty()
        if table in self._read:
            return self._read[table]
        with store_errors(self.path, f"read {table} of"):
            if declared.kept == "versions":
                rows = version_of(declared, self._all_versions(table), self.day)
            else:
                rows = self.scan(table).collect()
        return self._hold(table, rows)

    def _hold(self, what: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows for the next time: what is pinned does not change. Of a table that may be large nothing is held."""
        if find_table(what.rpartition(" ")[2]).kept in ("replace", "versions") and rows.estimated_size() <= _HELD:
            self._read[what] = rows
        return rows

    def versions_of(self, table: str) -> pl.DataFrame:
        """All versions of a table that were known by the day, those without a day among them."""
        rows = self._all_versions(table)
        known = pl.col(find_table(table).known)
        return rows if self.day is None else rows.filter((known <= self.day).fill_null(value=True))

    def _all_versions(self, table: str) -> pl.DataFrame:
        if table not in self:
            return find_table(table).empty()
        every = _EVERY + table
        return self._read[every] if every in self._read else self._hold(every, self.opened(table).read())

    def scan(self, table: str, symbols: Sequence[str] | None = None, *, nameless: bool = False) -> pl.LazyFrame:
        """As `read`, not collected. symbols : these alone. nameless : with rows of companies that have no symbol any
        more (`renames.renamed`). Files that hold none of the rows are not opened."""
        declared = find_table(table)
        spans = self.spans if _is_renamed(declared) else None
        if spans is None or spans.is_empty():
            return self.stored(table, symbols)
        found = self.stored(table, None if symbols is None else former_symbols(list(symbols), spans))
        found = renamed(found, spans, str(declared.known), nameless=nameless)
        return found if symbols is None else found.filter(pl.col("symbol").is_in(list(symbols)))

    def stored(self, table: str, symbols: Sequence[str] | None = None) -> pl.LazyFrame:
        """As `scan`, under the symbols that rows are stored under."""
        opened = self.opened(table)
        known = opened.declared.known
        files, wanted = None, []
        if known and (self.day is not None or self.since is not None):
            files, day = opened.files(), pl.col(known)
            if self.day is not None:
                files = files.filter(pl.col("first").fill_null(self.day) <= self.day)
                wanted.append((day <= self.day).fill_null(value=True))
            if self.since is not None:
                files = files.filter(pl.col("last").fill_null(self.since) >= self.since)
                wanted.append((day >= self.since).fill_null(value=True))
        if symbols is not None:
            wanted.append(pl.col("symbol").is_in(list(symbols)))
        found = opened.scan(files)
        return found.filter(*wanted) if wanted else found

    @cached_property
    def spans(self) -> pl.DataFrame:
        """How stored symbols are read, as known by the day."""
        renames = self.read("renames")
        if renames.is_empty() or "bars" not in self:
            return spans_of(renames)
        return spans_of(renames, given_whole(renames, self._renamed_bars))

    @cached_property
    def names(self) -> Names:
        """What companies were called on each day up to this one."""
        renames = self.read("renames")
        if renames.is_empty() or "bars" not in self:
            return NOBODY
        bars = self._renamed_bars
        return names_of(renames, given_whole(renames, bars), bars)

    @cached_property
    def _renamed_bars(self) -> pl.DataFrame:
        """symbol, session as stored, of all symbols that were renamed, also of later days."""
        renames = self.read("renames")
        concerned = pl.col("symbol").is_in(pl.concat([renames["symbol"], renames["former"]]).unique().to_list())
        with store_errors(self.path, "read bars of"):
            return self.of_any_day().stored("bars").filter(concerned).select("symbol", "session").collect()

    def under_names_of_now(self, rows: pl.DataFrame, day: str, *, nameless: bool = False) -> pl.DataFrame:
        """Rows under the symbols that their companies have on the store's day. day : their column of days. nameless :
        as of `scan`."""
        if self.spans.is_empty():
            return rows
        return renamed(rows.lazy(), self.spans, day, nameless=nameless).collect()

    # --- bars -------------------------------------------------------------------------------------------

    def bars(
        self,
        *,
        adjust: Adjustment = "splits",
        sessions: int | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Bars: symbol, session, open, high, low, close, volume (float64), sorted by symbol and session; of each
        symbol those of its newest life, and those that the company had under its former symbols.

        adjust : as `market.adjust` explains, with the splits and dividends of the day. sessions : the newest so many;
        None for all. symbols : these alone.
        Raises StoreError when the store holds no bars.
        """
        return self.bars_and_lives(adjust=adjust, sessions=sessions, symbols=symbols)[0]

    def bars_and_lives(
        self,
        *,
        adjust: Adjustment = "splits",
        sessions: int | None = None,
        symbols: Sequence[str] | None = None,
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """As `bars`; and the symbols that another company had before, as `market.lives` gives them."""
        found = self.read_bars(adjust=adjust, sessions=sessions, symbols=symbols)
        return found.bars, found.lives

    def read_bars(
        self,
        *,
        adjust: Adjustment = "splits",
        sessions: int | None = None,
        symbols: Sequence[str] | None = None,
    ) -> ReadBars:
        """As `bars_and_lives`; and whose bars were not raw."""
        if adjust not in get_args(Adjustment):
            raise OptionError(f"adjust is {adjust!r}", f"give {', '.join(get_args(Adjustment))}", field="adjust")
        if self.opened("bars").files().is_empty():
            raise StoreError(f"the store {self.path} holds no bars", "import some: tapescan import FILES")
        source = self if sessions is None else self._newest(sessions)
        with store_errors(self.path, "read bars of"):
            bars = source.scan("bars", symbols).select(STORED_COLUMNS).collect()
            bars = sort_bars(bars, use_up=True)
        other = bars["symbol"].filter((bars["adjusted_to"] != bars["session"]) | bars["total_to"].is_not_null())
        return ReadBars(*self.of_now(bars, adjust), frozenset(other.unique().to_list()))

    def of_now(self, bars: pl.DataFrame, adjust: Adjustment = "splits") -> tuple[pl.DataFrame, pl.DataFrame]:
        """As `bars_and_lives`. bars : all that are stored of some symbols, as `STORED_COLUMNS`, sorted by symbol and
        session; they are used up."""
        known = self.day or self.opened("bars").newest()  # of all bars stored, not only of those read
        if bars.is_empty() or known is None:
            return bars.select(BAR_COLUMNS), self.lives(bars)
        lives = self.lives(bars)
        bars = of_their_life(bars, lives)
        if adjust != "none":
            paid = self.read("dividends") if adjust == "total" else find_table("dividends").empty()
            bars = adjust_bars(bars, self.read("splits"), paid, known, adjust, use_up=True)
        return bars.select(BAR_COLUMNS), lives

    def stamped_bars(self, table: str = "bars", symbols: Sequence[str] | None = None) -> pl.DataFrame:
        """Bars as they were given, with their stamps and source; `other_bars` are those of second vendors."""
        with store_errors(self.path, "read bars of"):
            return self.scan(table, symbols).collect()

    def lives(self, bars: pl.DataFrame) -> pl.DataFrame:
        """Where symbols among these bars (as stored, sorted) began anew, as `market.lives.begun_anew` gives it."""
        day = self.day or dt.date.max
        return begun_anew(bars, self.read("splits"), day, self.companies)

    @cached_property
    def companies(self) -> pl.DataFrame:
        """When the listing came to name another company, as `market.lives.changed_companies` gives it."""
        return changed_companies(self.versions_of("symbols"))

    @cached_property
    def sessions(self) -> pl.Series:
        """The distinct sessions that have bars, ascending."""
        if "bars" not in self:
            return pl.Series("session", [], dtype=pl.Date)
        with store_errors(self.path, "read bars of"):
            return self.scan("bars", nameless=True).select("session").unique().collect()["session"].sort()

    @property
    def newest_session(self) -> dt.date:
        """The newest session with a bar.

        Raises StoreError for a store without bars, OptionError when it has none up to the day.
        """
        if len(self.sessions):
            newest: dt.date = self.sessions[-1]
            return newest
        every = self.of_any_day().sessions
        if every.is_empty():
            raise StoreError(f"{self.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
        raise OptionError(
            f"{self.day} lies before the first bar, which is of {every[0]}",
            "choose that date or a later one",
            field="as_of",
        )

    def newest(self) -> pl.DataFrame:
        """Every symbol that has bars: symbol, first, newest (dates), bars (their number, int64), sorted by symbol.

        Reads names and dates alone, so it costs a small part of `bars`.
        """
        day = pl.col("session")
        found = self.scan("bars").group_by("symbol")
        with store_errors(self.path, "read bars of"):
            return (
                found.agg(first=day.min(), newest=day.max(), bars=pl.len().cast(pl.Int64))
                .sort("symbol")
                .collect(engine="streaming")
            )

    def session_counts(self) -> pl.DataFrame:
        """session, bars (their number), ascending."""
        with store_errors(self.path, "read bars of"):
            found = self.scan("bars").group_by("session").agg(bars=pl.len()).sort("session")
            return found.collect(engine="streaming")

    # --- others -----------------------------------------------------------------------------------------

    def facts(self, within: dt.timedelta) -> pl.DataFrame:
        """What companies reported of periods that ended within so long before the day."""
        assert self.day is not None
        with store_errors(self.path, "read facts of"):
            return self.scan("facts").filter(pl.col("end") >= self.day - within).collect()

    def refused(self, table: str) -> pl.DataFrame:
        """The quarantine's rows of one table, oldest import first."""
        rows = self.read("quarantine").filter(pl.col("kind") == find_table(table).name)
        return rows.sort("imported_at", "symbol", "session", maintain_order=True)

    def _newest(self, sessions: int) -> KnownStore:
        return self if len(self.sessions) <= sessions else self.since_day(self.sessions[-sessions])

    def opened(self, table: str) -> StoredTable:
        """A table at its version."""
        if table not in self._tables:
            version = self.versions.get(table)
            logger.debug("reading %s of %s at version %s, as of %s", table, self.path, version, self.day or "all")
            self._tables[table] = StoredTable(self.path, find_table(table), version, absent=version is None)
        return self._tables[table]
