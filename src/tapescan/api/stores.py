"""Use cases of a store: import, sync, examine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from tapescan.api.places import Day, Place, open_store
from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Adjustment
from tapescan.store import ImportReport, Store

if TYPE_CHECKING:
    from tapescan.doctor.examine import Diagnosis
    from tapescan.doctor.mending import Mended
    from tapescan.engine.seam import Engine
    from tapescan.importing.frames import Taken
    from tapescan.sync import SyncReport
    from tapescan.sync.planning import Planned

__all__ = [
    "accept_bars",
    "examine_store",
    "import_bars",
    "import_files",
    "look_at_files",
    "mend_store",
    "plan_sync",
    "sync_store",
    "undo_mending",
]


def import_files(
    paths: Sequence[str | Path] | str | Path,
    *,
    store: Place = None,
    adjusted: Adjustment = "none",
    adjusted_to: Day = None,
    columns: Sequence[str] | str = (),
    symbol: str = "",
    date_format: str = "",
    gather: bool = False,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> ImportReport:
    """Import files, archives and folders of them: bars, splits, dividends, a listing, option quotes.

    Args:
        paths: Files and folders: CSV in its layouts, Parquet, Feather, JSON, spreadsheets, packed or not.
        store: Where to; made when it is missing.
        adjusted: What the files' prices are adjusted for.
        adjusted_to: The day through which they are; the newest session in each path when None.
        columns: Names of the columns of files without a header line, ``-`` for one to pass over.
        symbol: Of files of one symbol, where neither a column nor the file's name tells it.
        date_format: How dates are written where that may be read in two ways, as ``%d/%m/%Y``.
        gather: Make daily bars of intraday ones, from 9:30 to 16:00 New York.
        engine: Where sessions of option quotes are measured (`engine.chosen`); that of the settings for None.
        progress: Told how far it is.

    Returns:
        What was new, replaced, unchanged and refused, and why.

    Raises:
        FileError: A file cannot be used; nothing is stored then.
        StoreError: The store cannot be written.
    """
    from tapescan.importing.importing import import_files as run
    from tapescan.importing.readers import read_as

    given = [paths] if isinstance(paths, str | Path) else list(paths)
    through = parse_date(adjusted_to, "adjusted_to")
    how = read_as(columns, symbol, date_format, gather=gather)
    place = open_store(store, made=False)
    before = place.versions()
    report = run(place, given, adjusted=adjusted, adjusted_to=through, how=how, progress=progress)
    return _with_options(place, before, report, progress, engine)


def look_at_files(
    paths: Sequence[str | Path] | str | Path, *, progress: Progress = silent, **how: Any
) -> list[Taken]:
    """What `import_files` would take each file for, column by column; nothing is stored. Arguments as there."""
    from tapescan.importing.importing import look_at_files as look
    from tapescan.importing.readers import read_as

    given = [paths] if isinstance(paths, str | Path) else list(paths)
    return [taken for one in look(given, how=read_as(**how), progress=progress) for taken in one.taken]


def import_bars(
    *frames: Any,
    store: Place = None,
    adjusted: Adjustment = "none",
    adjusted_to: Day = None,
    symbol: str = "",
    date_format: str = "",
    gather: bool = False,
    progress: Progress = silent,
) -> ImportReport:
    """Import data frames as `import_files` does files: the same columns, the same rules, the same refusals.

    Args:
        frames: Bars (symbol, date, open, high, low, close, volume), or splits, dividends, a listing; polars, or
            anything that Arrow can read, as pandas frames.

    The others as in `import_files`.
    """
    from tapescan.importing.importing import import_frames
    from tapescan.importing.readers import read_as

    through = parse_date(adjusted_to, "adjusted_to")
    how = read_as((), symbol, date_format, gather=gather)
    place = open_store(store, made=False)
    before = place.versions()
    report = import_frames(place, frames, adjusted=adjusted, adjusted_to=through, how=how, progress=progress)
    return _with_options(place, before, report, progress)


def _with_options(
    place: Store,
    before: Mapping[str, int],
    report: ImportReport,
    progress: Progress,
    engine: Engine | None = None,
) -> ImportReport:
    """What option quotes say of their underlyings, kept once they are stored."""
    if "option_quotes" in report.versions:
        from tapescan.history.option_features import store_option_features

        store_option_features(place, before, report, progress, engine=engine)
    return report


def sync_store(
    store: Place = None,
    *,
    vendor: str = "",
    what: Sequence[str] = (),
    start: Day = None,
    end: Day = None,
    plan: str = "",
    symbols: Sequence[str] = (),
    via: str = "",
    compare: bool = False,
    replace: bool = False,
    again: bool = False,
    engine: Engine | None = None,
    progress: Progress = silent,
) -> SyncReport:
    """Fetch what a store lacks from a vendor; stopped, the next call goes on where it was.

    Args:
        store: Where to; made when it is missing.
        vendor: Its name; empty for the first whose keys are found.
        what: Kinds of data (universe, actions, bars, fundamentals, options); empty for what is usual.
        start: First date; what is missing when None.
        end: Last date, included; up to now when None.
        plan: Of the vendor; its limit is kept.
        symbols: These alone; empty for the whole market.
        via: A vendor's way, where it has several.
        compare: Put bars beside the stored ones, for `examine_store`.
        replace: Fetch again, and take all as it is.
        again: Fetch also what was fetched before.
        engine: Where sessions of option quotes are measured (`engine.chosen`); that of the settings for None.
        progress: Told how far it is.

    Returns:
        What came, what did not, and why.

    Raises:
        OptionError: No vendor can fulfil it.
        StoreError: The store cannot be written.
    """
    from tapescan.sync import sync  # brings the network, which nothing else here needs
    from tapescan.sync.wishes import wishes_of

    wishes = wishes_of(what, start, end, symbols, via, compare=compare, replace=replace, again=again)
    place = open_store(store, made=False)
    before = place.versions()
    report = sync(place, wishes, vendor=vendor, plan=plan, progress=progress)
    chains = next((part for part in report.parts if part.what == "options" and part.got), None)
    if chains is not None:
        chains.notes += _with_options(place, before, ImportReport(versions=place.versions()), progress, engine).notes
    return report


def plan_sync(store: Place = None, *, vendor: str = "", plan: str = "", **wanted: Any) -> list[Planned]:
    """The calls that `sync_store` would make, without making any; arguments as there."""
    from tapescan.sync import dry_run
    from tapescan.sync.wishes import wishes_of

    return dry_run(open_store(store, made=False), wishes_of(**wanted), vendor=vendor, plan=plan)


def examine_store(store: Place = None, *, as_of: Day = None, progress: Progress = silent) -> Diagnosis:
    """What is missing or doubtful in a store's data, and where two vendors disagree.

    Args:
        store: Which.
        as_of: As it was known at the close of this day; of its newest session when None.
        progress: Told how far it is.

    Raises:
        StoreError: The store is not there, or holds no bars.
    """
    from tapescan.doctor.examine import examine

    return examine(open_store(store), parse_date(as_of, "as_of"), progress=progress)


def mend_store(store: Place = None, *, progress: Progress = silent) -> Mended:
    """Put right what is certain in a store: symbols' spelling, what is no symbol, days without a session, splits that
    are recorded on two days. A commit a table; the versions before stay readable.

    Args:
        store: Which.
        progress: Told what it looks at.

    Returns:
        What was done, and the versions before, for `undo_mending`.
    """
    from tapescan.doctor.mending import mend

    return mend(open_store(store), progress)


def undo_mending(versions: Mapping[str, int] | str, store: Place = None) -> list[str]:
    """Put back the rows of tables at these versions, as ``bars=12,symbols=3``; the names of those that differed."""
    from tapescan.store.mending import put_back

    given = versions
    if isinstance(given, str):
        parts = [part.partition("=") for part in given.split(",") if part.strip()]
        if not parts or not all(number.strip().isdigit() for _, _, number in parts):
            raise OptionError(f"{versions!r}", "give tables and versions, as bars=12,symbols=3", field="undo")
        given = {name.strip(): int(number) for name, _, number in parts}
    return put_back(open_store(store).path, given)


def accept_bars(bars: Sequence[tuple[str, dt.date | str]], store: Place = None) -> pl.DataFrame:
    """Take suspect bars, each its symbol and session, as real; as `tapescan.doctor.accepting.accept_bars` says."""
    from tapescan.doctor.accepting import accept_bars as accept

    return accept(open_store(store), bars)
