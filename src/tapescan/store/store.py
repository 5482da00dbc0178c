"""The store: whole-market bars, corporate actions, listings, quarantine and scan history on Delta Lake."""

from __future__ import annotations

import datetime as dt
import os
import random
import re
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from tapescan.core.errors import OptionError, StoreError
from tapescan.importing.importing import Progress, import_files
from tapescan.market.adjust import Adjustment, adjust_bars
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.store.fetched import Fetched, Step, add_rows, done_fetches, settle
from tapescan.store.report import ImportReport
from tapescan.store.table import SCHEMAS, Conflict, Table, is_remote, local_version, store_errors

__all__ = ["Store"]

#: Delta Lake takes a folder as a URL; these it cannot read back, or takes for another folder.
_UNADDRESSABLE = re.compile(r"[\[\]^|\\`]|%[0-9A-Fa-f]{2}")


class Store:
    """A store in a local folder or at a URL (``s3://bucket/folder``).

    Every table is a Delta table in a folder of its name. A URL's credentials and options come from the
    environment, as Delta Lake and polars take them (``AWS_ACCESS_KEY_ID``, ``AWS_REGION``,
    ``AWS_ENDPOINT_URL`` ...). Opening creates nothing; the first import does.

    Readers never wait for writers and see each table's newest committed version. A writer commits bars last
    and a reader opens bars first, so bars never come without the splits and dividends imported with them.
    """

    def __init__(self, path: str | Path) -> None:
        text = str(path)
        # Relative paths mean the folder they meant when the store was opened.
        self.path = text if is_remote(text) else str(Path(text.removeprefix("file://")).expanduser().absolute())
        if not is_remote(text) and (odd := _UNADDRESSABLE.search(self.path)):
            raise StoreError(
                f"the store {self.path} cannot be addressed: {odd[0]!r} has its own meaning in Delta Lake's paths",
                "choose a folder whose whole path has none of [ ] ^ | \\ and no % before two digits",
            )
        self._pinned: Mapping[str, int] | None = None

    def __repr__(self) -> str:
        return f"Store({self.path!r})" if self._pinned is None else f"Store({self.path!r}).at({dict(self._pinned)})"

    # --- what is there --------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether any table is there."""
        return bool(self.versions())

    def is_empty(self) -> bool:
        """Whether no bar is stored."""
        table = self._open("bars")
        files = table.files()
        if (files["rows"] > 0).any():
            return False
        # Whatever wrote the others left their number of rows out of the log: they are counted.
        unknown = files.filter(pl.col("rows").is_null())
        if unknown.is_empty():
            return True
        with store_errors(self.path, "read bars of"):
            return not table.scan(unknown).select(pl.len()).collect().item()

    @property
    def identity(self) -> str:
        """Names the store wherever its folder is moved or copied to; empty without bars."""
        return self._open("bars").identity

    def versions(self) -> dict[str, int]:
        """Table -> Delta version, for the tables that are there, bars first.

        Two equal answers mean the same data. On a local folder this reads names only (no Delta Lake).
        """
        if self._pinned is not None:
            return dict(self._pinned)
        if is_remote(self.path):
            found = {name: self._open(name).version for name in SCHEMAS}
        else:
            found = {name: local_version(f"{self.path}/{name}") for name in SCHEMAS}
        return {name: version for name, version in found.items() if version is not None}

    def at(self, versions: Mapping[str, int]) -> Store:
        """The store as it was: reads these versions (as `versions` gave them); tables not named are empty."""
        unknown = [name for name in versions if name not in SCHEMAS]
        if unknown:
            raise OptionError(f"no table is called {unknown[0]!r}", f"tables are {', '.join(SCHEMAS)}")
        pinned = Store(self.path)
        pinned._pinned = dict(versions)
        return pinned

    # --- reading --------------------------------------------------------------------------------------

    def bars(
        self,
        as_of: dt.date | None = None,
        *,
        adjust: Adjustment = "splits",
        since: dt.date | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Bars as they were known on a date: symbol, session, open, high, low, close, volume (float64).

        Sorted by symbol and session. ``as_of`` leaves out later sessions and later splits and dividends;
        None is the newest session. ``since`` leaves out earlier sessions, ``symbols`` other symbols.
        ``adjust`` is explained in `market.adjust`. Raises `StoreError` when the store holds no bars.
        """
        if adjust not in ("none", "splits", "total"):
            raise OptionError(f"adjust is {adjust!r}", "give none, splits or total")
        table = self._open("bars")
        files = table.files()
        if files.is_empty():
            raise StoreError(f"the store {self.path} holds no bars", "import some: tapescan import FILES")
        stamps = [] if adjust == "none" else ["adjusted_to", "total_to"]
        rows = _only(table, files, as_of, since, symbols).select(*BAR_COLUMNS, *stamps)
        with store_errors(self.path, "read bars of"):
            bars = sort_bars(rows.collect())
        if adjust != "none" and len(bars):
            known = as_of or table.newest(files)  # of all bars stored, not only of those read
            assert known is not None
            actions = self.splits(), self.dividends() if adjust == "total" else _nothing("dividends")
            bars = adjust_bars(bars, *actions, known, adjust)
        return bars.select(BAR_COLUMNS)

    def sessions(self, as_of: dt.date | None = None) -> pl.Series:
        """The distinct sessions that have bars, ascending, up to ``as_of``."""
        table = self._open("bars")
        if table.version is None:
            return pl.Series("session", [], dtype=pl.Date)
        rows = _only(table, table.files(), as_of, None, None)
        with store_errors(self.path, "read bars of"):
            return rows.select("session").unique().collect()["session"].sort()

    def newest(self, as_of: dt.date | None = None) -> pl.DataFrame:
        """Every symbol that has bars up to ``as_of``: symbol, first, newest (dates), bars (their number, int64).

        Sorted by symbol. Reads names and dates alone, so it costs a small part of `bars`.
        """
        table = self._open("bars")
        day = pl.col("session")
        found = (
            _only(table, table.files(), as_of, None, None)
            .group_by("symbol")
            .agg(first=day.min(), newest=day.max(), bars=pl.len().cast(pl.Int64))
            .sort("symbol")
        )
        with store_errors(self.path, "read bars of"):
            return found.collect(engine="streaming")

    def session_counts(self, source: str | None = None, since: dt.date | None = None) -> pl.DataFrame:
        """session, bars (their number), ascending; of one source's bars, from a session on."""
        table = self._open("bars")
        rows = _only(table, table.files(), None, since, None)
        if source is not None:
            rows = rows.filter(pl.col("source") == source)
        with store_errors(self.path, "read bars of"):
            return rows.group_by("session").agg(bars=pl.len()).sort("session").collect(engine="streaming")

    def raw_bars(
        self,
        *,
        other: bool = False,
        since: dt.date | None = None,
        until: dt.date | None = None,
        symbols: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Bars as they were given, with adjusted_to, total_to and source; ``other`` for those of second vendors."""
        table = self._open("other_bars" if other else "bars")
        rows = _only(table, table.files(), until, since, symbols)
        with store_errors(self.path, "read bars of"):
            return rows.collect()

    def symbols(self) -> pl.DataFrame:
        """The listing: symbol, name, exchange, sector, industry, country, type, ipo_year, market_cap, as_of, delisted
        (the first day it was no longer listed), vendor_symbol, source."""
        return self._open("symbols").read()

    def splits(self) -> pl.DataFrame:
        """symbol, ex_date, ratio (new shares for one old), source."""
        return self._open("splits").read()

    def dividends(self) -> pl.DataFrame:
        """symbol, ex_date, amount ($ in the share basis of adjusted_to), adjusted_to, source."""
        return self._open("dividends").read()

    def companies(self) -> pl.DataFrame:
        """symbol, company (under which its statements are filed: a ten-digit CIK), name, source."""
        return self._open("companies").read()

    def facts(self, as_of: dt.date | None = None, since: dt.date | None = None) -> pl.DataFrame:
        """What companies reported: company, item, start, end, value, filed, known_at, form, source.

        ``as_of`` leaves out what was not known then, ``since`` what is of periods that ended before.
        """
        rows = self._open("facts").scan()
        if as_of is not None:
            rows = rows.filter(pl.col("known_at") <= as_of)
        if since is not None:
            rows = rows.filter(pl.col("end") >= since)
        with store_errors(self.path, "read facts of"):
            return rows.collect()

    def fetches(self, source: str | None = None) -> pl.DataFrame:
        """What was fetched from vendors and is stored: source, key, what, at (UTC), requests, rows."""
        return done_fetches(self.path, source)

    def quarantine(
        self, as_of: dt.date | None = None, kind: Literal["bars", "splits", "dividends"] | None = None
    ) -> pl.DataFrame:
        """Refused bars and actions with their reason, oldest import first.

        ``as_of`` leaves out later sessions and ex-dates, but not rows without a date; ``kind`` leaves out
        what was refused of other kinds, as the column ``kind`` names them.
        """
        if kind not in (None, "bars", "splits", "dividends"):
            raise OptionError(f"kind is {kind!r}", "give bars, splits or dividends")
        rows = self._open("quarantine").read()
        if kind is not None:
            rows = rows.filter(pl.col("kind") == kind)
        if as_of is not None:
            rows = rows.filter((pl.col("session") <= as_of).fill_null(value=True))
        return rows.sort("imported_at", "symbol", "session", maintain_order=True)

    def scans(self) -> pl.DataFrame:
        """Recorded scans, oldest first: as_of, profile, created_at (UTC), document (JSON text)."""
        return self._open("scans").read().sort("created_at", maintain_order=True)

    def trials(self) -> pl.DataFrame:
        """Trainings tried, oldest first: at (UTC), learner, horizon, configuration, chosen (JSON text)."""
        return self._open("trials").read().sort("at", maintain_order=True)

    # --- writing --------------------------------------------------------------------------------------

    def import_files(
        self,
        paths: Sequence[str | Path],
        *,
        adjusted: Adjustment = "none",
        adjusted_to: dt.date | None = None,
        sessions: Collection[dt.date] | pl.Series | None = None,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import Parquet and CSV files, and folders of them, in one commit of bars.

        Each file holds bars, splits, dividends or symbols, told by its columns. A row stored already is
        skipped, one with other values replaces it (the old stays readable by `at`), and a bar that breaks
        a rule goes to the quarantine.

        adjusted : what is inside the files' prices already: nothing, splits, or splits and dividends.
            Dividend amounts are taken as paid with ``none``, as split-adjusted otherwise.
        adjusted_to : the date through which it is. None takes, for bars, the newest usable bar of their path;
            for dividends, the newest usable bar of the whole import, else the store's newest bar.
        sessions : the exchange's sessions; bars of other days, and of days before the first and after the
            last of them, are refused. None refuses weekends only.
        progress : called with the steps done, all steps, and what is done now.

        Raises `FileError` or `OptionError` before anything is written, `StoreError` when it cannot be.
        """
        self._must_be_newest()
        return import_files(
            self.path, paths, adjusted=adjusted, adjusted_to=adjusted_to, sessions=sessions, progress=progress
        )

    def add(
        self,
        rows: Mapping[str, pl.DataFrame],
        source: str,
        *,
        step: Step,
        fetched: Sequence[Fetched] = (),
        sessions: Collection[dt.date] | pl.Series | None = None,
        beside: bool = False,
        replace: bool = False,
        covers: Mapping[str, tuple[dt.date, dt.date]] | None = None,
    ) -> ImportReport:
        """Add a vendor's rows, and remember what was fetched in the same breath (see `store.adding`).

        rows : bars, splits, dividends, symbols, companies or facts -> rows in the table's columns. Bars are raw,
            but for those with an ``adjusted_to``.
        source : the vendor. A stored bar of the same source is replaced by one with other values; one of another
            source keeps its place, and the new one goes to `raw_bars(other=True)`, unless ``replace``.
        step : a number that grows with each step of a run. fetched : the calls that brought the rows.
        covers : splits or dividends -> first and last ex-date of which the rows are all that the vendor has; what it
            gave before and gives no more is taken out (and stays readable by `at`).
        sessions : as in `import_files`. beside : bars are for comparison, and none goes into the table of bars.
        """
        self._must_be_newest()
        return add_rows(
            self.path,
            rows,
            source,
            step=step,
            fetched=fetched,
            sessions=sessions,
            beside=beside,
            replace=replace,
            covers=covers,
        )

    def check_writable(self) -> None:
        """Raises StoreError for a local folder that cannot be written, before anything is fetched for it."""
        self._must_be_newest()
        if is_remote(self.path):
            return
        place = Path(self.path)
        while not place.exists() and place != place.parent:
            place = place.parent
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            raise StoreError(
                f"the store {self.path} cannot be written", f"{place} is no folder that you may write in"
            )

    def settle(self) -> None:
        """Put the memory of what was fetched in order; done at the end of a sync."""
        self._must_be_newest()
        settle(self.path)

    def record_scan(self, as_of: dt.date, profile: str, document: str) -> None:
        """Add a scan to the history; ``document`` is its result as JSON text."""
        self._append(
            "scans", {"as_of": as_of, "profile": profile, "created_at": dt.datetime.now(dt.UTC), "document": document}
        )

    def log_trial(self, learner: str, horizon: int, configuration: str, chosen: str) -> None:
        """Add a training that is about to be tried; ``chosen`` is all that may be chosen for it, as JSON text."""
        row = {"learner": learner, "horizon": horizon, "configuration": configuration, "chosen": chosen}
        self._append("trials", {"at": dt.datetime.now(dt.UTC), **row})

    def _append(self, name: str, row: dict[str, object]) -> None:
        """Add a row to a table that only grows; others may do so at the same time."""
        self._must_be_newest()
        for attempt in range(20):
            try:
                return self._open(name).append(pl.DataFrame([row]))
            except Conflict as conflict:
                cause = conflict
                time.sleep(random.uniform(0.0, 0.02) * (attempt + 1))  # noqa: S311 (so that two do not meet again)
        raise StoreError(f"cannot add to {name} of the store {self.path}: {cause.__cause__}", "try again")

    def _must_be_newest(self) -> None:
        if self._pinned is not None:
            raise StoreError(f"{self!r} is a past version", "write to the store itself")

    def _open(self, name: str) -> Table:
        if self._pinned is None:
            return Table(self.path, name)
        return Table(self.path, name, self._pinned.get(name), absent=name not in self._pinned)


def _only(
    table: Table,
    files: pl.DataFrame,
    as_of: dt.date | None,
    since: dt.date | None,
    symbols: Sequence[str] | None,
) -> pl.LazyFrame:
    """Some of the bars; files that hold none of them are not opened."""
    wanted = []
    if as_of is not None:
        files = files.filter(pl.col("first").fill_null(as_of) <= as_of)
        wanted.append(pl.col("session") <= as_of)
    if since is not None:
        files = files.filter(pl.col("last").fill_null(since) >= since)
        wanted.append(pl.col("session") >= since)
    if symbols is not None:
        wanted.append(pl.col("symbol").is_in(list(symbols)))
    found = table.scan(files)
    return found.filter(*wanted) if wanted else found


def _nothing(name: str) -> pl.DataFrame:
    return pl.DataFrame(schema=SCHEMAS[name])
