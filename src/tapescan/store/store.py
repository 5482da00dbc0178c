"""The store: the tables of `tapescan.tables` on Delta Lake, in a folder or at a URL."""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from tapescan.core.errors import StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.text import refuse_broken
from tapescan.store.committing import Batch, append_alone, commit_batch
from tapescan.store.compacting import Compaction, compact
from tapescan.store.dropping import drop_sessions
from tapescan.store.fetched import Fetched, Step, add_rows, done_fetches, settle
from tapescan.store.known import KnownStore
from tapescan.store.report import ImportReport
from tapescan.store.table import StoredTable, is_remote, newest_versions
from tapescan.store.upkeep import Damage, repair, verify
from tapescan.tables.registry import find_table

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
        refuse_broken(text, "store")
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
        return not self._open("bars").has_rows

    @property
    def is_past(self) -> bool:
        """Whether it is pinned to versions (`at`)."""
        return self._pinned is not None

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
        return newest_versions(self.path)

    def at(self, versions: Mapping[str, int]) -> Store:
        """The store as it was: reads these versions (as `versions` gave them); tables not named are empty."""
        for name in versions:
            find_table(name)
        pinned = Store(self.path)
        pinned._pinned = dict(versions)
        return pinned

    def known(self, day: dt.date | None = None, *, since: dt.date | None = None) -> KnownStore:
        """What was known at the close of a day, to be read; of everything that is stored for None.

        since : leaves out earlier rows of tables that have a history.
        """
        return KnownStore(self.path, self.versions(), day, since)

    def fetches(self, vendor: str | None = None) -> pl.DataFrame:
        """What was fetched from vendors and is stored: source, key, what, at (UTC), requests, rows, and of a span its
        part, first, last and pieces."""
        return done_fetches(self.path, vendor)

    def scans(self) -> pl.DataFrame:
        """Recorded scans, oldest first: as_of, profile, created_at (UTC), document (JSON text)."""
        return self.known().read("scans").sort("created_at", maintain_order=True)

    def replays(self) -> pl.DataFrame:
        """Records of replays, oldest first: at (UTC), subject, document (JSON text)."""
        return self._open("replays").read().sort("at", maintain_order=True)

    def trials(self) -> pl.DataFrame:
        """Trainings and replayed screens that were tried, oldest first: at (UTC), learner, horizon, configuration,
        chosen (JSON text), sharpe (of those that were judged)."""
        return self._open("trials").read().sort("at", maintain_order=True)

    def minutes(self, session: dt.date) -> pl.DataFrame:
        """The minute bars of a session that was followed live, in the order in which they came."""
        return self.known().scan("minutes").filter(pl.col("session") == session).sort("received").collect()

    # --- writing --------------------------------------------------------------------------------------

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
        """Add a vendor's rows, and remember what was fetched in the same breath (see `store.fetched`).

        rows : table -> rows in the columns that vendors give of it. Bars are raw, but for those with an
            ``adjusted_to``.
        source : the vendor. A stored bar of the same source is replaced by one with other values; one of another
            source keeps its place, and the new one goes to ``other_bars``, unless ``replace``.
        step : a number that grows with each step of a run. fetched : the calls that brought the rows.
        covers : table -> first and last day of which the rows are all that the vendor has; what it gave before and
            gives no more is taken out (and stays readable by `at`).
        sessions : the exchange's; a bar of another day is refused. beside : bars are for comparison, and none goes
            into the table of bars.
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

    def commit(self, batch: Batch, report: ImportReport, progress: Progress = silent) -> None:
        """Commit checked rows; counts and versions go into the report. Raises StoreError when that cannot be."""
        self._must_be_newest()
        commit_batch(self.path, batch, report, progress)

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

    def drop_sessions(
        self, name: str, before: dt.date, sources: Collection[str], since: dt.date = dt.date.min
    ) -> list[dt.date]:
        """Take sessions from ``since`` to before ``before`` out of a table that is kept by session, those all of
        whose rows are of these sources; which they were. They stay readable by `at` until the store is compacted."""
        self._must_be_newest()
        return drop_sessions(self.path, find_table(name), before, sources, since)

    def record_scan(self, as_of: dt.date, profile: str, document: str) -> None:
        """Add a scan to the history; ``document`` is its result as JSON text."""
        self._append(
            "scans", {"as_of": as_of, "profile": profile, "created_at": dt.datetime.now(dt.UTC), "document": document}
        )

    def record_replay(self, subject: str, document: str) -> None:
        """Add the record of a replay; ``subject`` is the digest of what was replayed, ``document`` JSON text."""
        self._append("replays", {"at": dt.datetime.now(dt.UTC), "subject": subject, "document": document})

    def add_minutes(self, rows: pl.DataFrame, source: str) -> None:
        """Add minute bars, in the columns that feeds give of them; of a symbol's minute the one counts that was
        received last."""
        self._must_be_newest()
        table = find_table("minutes")
        append_alone(self.path, table, rows.with_columns(source=pl.lit(source)).select(*table.schema))

    def log_trial(
        self, learner: str, horizon: int, configuration: str, chosen: str, sharpe: float | None = None
    ) -> None:
        """Add a training or a replay that is about to be tried, or what came of one; ``chosen`` is all that may be
        chosen for it, as JSON text."""
        row = {"learner": learner, "horizon": horizon, "configuration": configuration, "chosen": chosen}
        self._append("trials", {"at": dt.datetime.now(dt.UTC), **row, "sharpe": sharpe})

    # --- upkeep ---------------------------------------------------------------------------------------

    def verify(self, progress: Progress = silent) -> list[Damage]:
        """Read every byte of it; what is damaged. Raises StoreError where no store is."""
        self._must_be_there()
        return verify(self.path, progress)

    def repair(self, progress: Progress = silent) -> list[str]:
        """Go on with what is whole, put aside what is not; what was done and what is lost, a line each."""
        self._must_be_newest()
        self._must_be_there()
        return repair(self.path, progress)

    def compact(self, keep: dt.timedelta, *, apply: bool, progress: Progress = silent) -> list[Compaction]:
        """Merge small files and drop those that only versions older than ``keep`` need; see `store.compacting`.

        apply : do it; else say what would be done.
        """
        self._must_be_newest()
        return compact(self.path, keep, apply=apply, progress=progress)

    def _append(self, name: str, row: dict[str, object]) -> None:
        """Add a row to a table that only grows; others may do so at the same time."""
        self._must_be_newest()
        append_alone(self.path, find_table(name), pl.DataFrame([row]))

    def _must_be_newest(self) -> None:
        if self._pinned is not None:
            raise StoreError(f"{self!r} is a past version", "write to the store itself")

    def _must_be_there(self) -> None:
        """Of a damaged store no version may be known."""
        if not is_remote(self.path) and not Path(self.path).is_dir():
            raise StoreError(f"there is no store at {self.path}", "check the path")

    def _open(self, name: str) -> StoredTable:
        if self._pinned is None:
            return StoredTable(self.path, find_table(name))
        return StoredTable(self.path, find_table(name), self._pinned.get(name), absent=name not in self._pinned)
