"""The front door: every use case once. The command line, notebooks and whatever else there is call these and no more.

    import tapescan

    tapescan.import_bars(frame, store="market")      # or import_files([...]), or sync_store(...)
    result = tapescan.scan_market("market", where="rsi_2 < 10 AND close > sma_200")
    result.ranked                                    # a polars frame, best first
    tapescan.scan_market(tapescan.load_market("market"))  # loaded once, to scan again and again

An argument that is None is what the settings say (``tapescan.toml``, ``TAPESCAN_*``). What cannot be used raises an
error of `tapescan.core.errors` before any work; its ``field`` names the argument.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import polars as pl

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Adjustment, Device, setting
from tapescan.store import ImportReport, Store

if TYPE_CHECKING:
    from tapescan.doctor.examine import Diagnosis
    from tapescan.history.market import Embedded, Market
    from tapescan.importing.frames import Taken
    from tapescan.models.forecast import Models
    from tapescan.models.stored import JudgedUnseen
    from tapescan.models.train import Learnt
    from tapescan.scan.explain import Explanation
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.result import ScanResult
    from tapescan.simulation.market import SimulatedMarket
    from tapescan.sync import SyncReport
    from tapescan.sync.planning import Planned

__all__ = [
    "accept_bars",
    "compute_features",
    "examine_store",
    "explain_symbol",
    "import_bars",
    "import_files",
    "judge_stored",
    "load_market",
    "look_at_files",
    "open_store",
    "plan_sync",
    "record_scan",
    "scan_market",
    "sync_store",
    "train_models",
]

#: A store (folder, URL or `Store`), what `load_market` or `simulate` returned, or None: what the settings name, else
#: the embedded simulated market.
Data: TypeAlias = "str | Path | Store | Market | SimulatedMarket | Embedded | None"
Place: TypeAlias = str | Path | Store | None
Day: TypeAlias = dt.date | str | None


# --- stores ---------------------------------------------------------------------------------------------------


def open_store(store: Place = None, *, made: bool = True) -> Store:
    """The store at a place, or the one that the settings name.

    Args:
        store: Folder, URL or `Store`.
        made: Whether something has to be there already; an empty folder is a store.

    Raises:
        OptionError: None is named.
        StoreError: Nothing is there: paths are mistyped.
    """
    if isinstance(store, Store):
        return store
    place = str(store) if store else setting("store")
    if not place:
        raise OptionError("none is named", "name a folder or URL, or set TAPESCAN_STORE", field="store")
    found = Store(place)
    if made and not found.exists() and not Path(place).is_dir():
        raise StoreError(f"there is no store at {place}", f"`tapescan import FILES... --store {place}` makes one")
    return found


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
    progress: Progress = silent,
) -> ImportReport:
    """Import files, archives and folders of them: bars, splits, dividends, a listing, told by their columns.

    Args:
        paths: Files and folders: CSV in its layouts, Parquet, Feather, JSON, spreadsheets, packed or not.
        store: Where to; made when it is missing.
        adjusted: What the files' prices are adjusted for.
        adjusted_to: The day through which they are; the newest session in each path when None.
        columns: Names of the columns of files without a header line, ``-`` for one to pass over.
        symbol: Of files of one symbol, where neither a column nor the file's name tells it.
        date_format: How dates are written where that may be read in two ways, as ``%d/%m/%Y``.
        gather: Make daily bars of intraday ones, from 9:30 to 16:00 New York.
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
    return run(place, given, adjusted=adjusted, adjusted_to=through, how=how, progress=progress)


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
    progress: Progress = silent,
) -> ImportReport:
    """Import data frames as `import_files` does files: the same columns, the same rules, the same refusals.

    Args:
        frames: Bars (symbol, date, open, high, low, close, volume), or splits, dividends, a listing; polars, or
            anything that Arrow can read, as pandas frames.

    The others as in `import_files`.
    """
    from tapescan.importing.importing import import_frames

    through = parse_date(adjusted_to, "adjusted_to")
    return import_frames(
        open_store(store, made=False), frames, adjusted=adjusted, adjusted_to=through, progress=progress
    )


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
    progress: Progress = silent,
) -> SyncReport:
    """Fetch what a store lacks from a vendor; stopped, the next call goes on where it was.

    Args:
        store: Where to; made when it is missing.
        vendor: Its name; empty for the first whose keys are found.
        what: Kinds of data (universe, actions, bars, fundamentals); empty for what is usual.
        start: First date; what is missing when None.
        end: Last date, included; up to now when None.
        plan: Of the vendor; its limit is kept.
        symbols: These alone; empty for the whole market.
        via: A vendor's way, where it has several.
        compare: Put bars beside the stored ones, for `examine_store`.
        replace: Fetch again, and take all as it is.
        again: Fetch also what was fetched before.
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
    return sync(open_store(store, made=False), wishes, vendor=vendor, plan=plan, progress=progress)


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


def accept_bars(bars: Sequence[tuple[str, dt.date | str]], store: Place = None) -> pl.DataFrame:
    """Take suspect bars, each its symbol and session, as real; as `tapescan.doctor.accepting.accept_bars` says."""
    from tapescan.doctor.accepting import accept_bars as accept

    return accept(open_store(store), bars)


# --- scans ----------------------------------------------------------------------------------------------------


def scan_market(
    data: Data = None,
    *,
    as_of: Day = None,
    profile: str | Profile | None = None,
    screens: Sequence[str | NamedScreen] | str = (),
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] | str = (),
    adjust: Adjustment | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    changes: bool = False,
    since: Day = None,
    progress: Progress = silent,
) -> ScanResult:
    """Rank the whole market.

    Args:
        data: What holds the market; see `Data`.
        as_of: The last session whose knowledge counts; the newest when None. Not with a loaded market.
        profile: Its name, a TOML file, or a `Profile`; that of the screens when None.
        screens: Named screens, by name, file or as `load_screen` gives them; who satisfies one of them is ranked.
        where: Condition over any column (docs/guides/screens.md).
        rank_by: A column or an expression, with ``asc`` or ``desc``; the screen's or profile's own order when None.
        features: Further columns, each a name or ``name = expression``; ``"all"`` for every default feature.
        adjust: ``splits``, ``total`` (dividends too) or ``none``. Not with a loaded market.
        models: Folder of trained models, or what `models.forecast.load_models` made of it; False for none; None for
            the folder that the settings name, else the store's own.
        device: ``cuda`` lets a GPU make the forecasts of models from a folder, where there is one.
        changes: Say who is new and who is gone since the last recorded scan that asked the same.
        since: Or since this earlier day. Not with a loaded market.
        progress: Told how far it is.

    Returns:
        Every requested symbol, ranked or dropped for a reason; coverage, regime, timings, provenance.
    """
    from tapescan.scan.changes import found_changes
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare, shown_columns

    opened = _opened(data)
    named, ranked_by, said = chosen_screens(screens, profile)
    shown, trained = shown_columns(features), chosen_models(opened, models, device)
    request = prepare(ranked_by, where=where, rank_by=rank_by, features=shown, models=trained, screens=named)
    begin = time.perf_counter()
    market = ready(opened, as_of, request, adjust, progress)
    prepared = time.perf_counter() - begin
    result = run(market, request)
    timings, notes = {"prepare": prepared, **result.timings}, (*said, *result.notes)
    told = found_changes(result, opened, request, since, adjust, progress) if changes or since else None
    return msgspec.structs.replace(result, timings=timings, notes=notes, changes=told)


def record_scan(result: ScanResult, store: Place = None, *, rows: int = 20) -> None:
    """Keep a scan in the store's scan history.

    Args:
        result: Of a scan of a store; OptionError for another.
        store: That store.
        rows: How many of its best rows are kept whole; of all others the symbol is.
    """
    from tapescan.scan.changes import as_record

    profile, document = result.provenance["profile"]["name"], as_record(result, rows)
    open_store(store).record_scan(result.as_of, profile, document)


def explain_symbol(
    symbol: str,
    data: Data = None,
    *,
    as_of: Day = None,
    profile: str | Profile | None = None,
    adjust: Adjustment | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    progress: Progress = silent,
) -> Explanation:
    """Scan, and explain one symbol: its rank, what each factor saw, and the trade.

    Args:
        symbol: In any usual spelling: ``BRK.B``, ``BRK-B``.

    The others as in `scan_market`.

    Raises:
        OptionError: The market has no such symbol.
    """
    from tapescan.scan.explain import explain
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare

    opened = _opened(data)
    request = prepare(_profile(profile), models=chosen_models(opened, models, device))
    return explain(run(ready(opened, as_of, request, adjust, progress), request), symbol)


def load_market(
    data: Data = None, *, as_of: Day = None, adjust: Adjustment | None = None, progress: Progress = silent
) -> Market:
    """A market with all its history, to scan again and again. Arguments as in `scan_market`."""
    from tapescan.scan.opening import ready

    return ready(_opened(data), as_of, None, adjust, progress)


def compute_features(
    data: Data = None,
    names: Sequence[str] | str = "all",
    *,
    as_of: Day = None,
    adjust: Adjustment | None = None,
    progress: Progress = silent,
) -> pl.DataFrame:
    """The newest value of each feature of each symbol asked for.

    Args:
        data: What holds the market; see `Data`.
        names: Feature names, as ``rsi_14``; ``"all"`` for the default list.
        as_of, adjust, progress: As in `scan_market`.

    Returns:
        ``symbol`` and one column a feature; null where there is no value.
    """
    from tapescan.features.compute import latest
    from tapescan.features.plan import default_features, plan_features
    from tapescan.scan.opening import ready

    plan = plan_features(default_features() if names == "all" else (names,) if isinstance(names, str) else names)
    market = ready(_opened(data), as_of, plan, adjust, progress)
    frame = latest(market.panel.last(plan.rows), plan).frame(market.panel.symbols)
    return market.universe.select("symbol").join(frame, on="symbol", how="left", maintain_order="left")


def _opened(data: Data) -> Any:
    """What holds the market."""
    if data is None:
        from tapescan.history.market import EMBEDDED

        return open_store() if setting("store") else EMBEDDED
    return open_store(data) if isinstance(data, str | Path) else data


def _profile(profile: str | Profile | None) -> Profile:
    from tapescan.scan.profile import load_profile

    given = profile or setting("profile")
    return load_profile(given) if isinstance(given, str) else given


# --- models ---------------------------------------------------------------------------------------------------


def train_models(store: Place = None, **options: Any) -> list[Learnt]:
    """Train a model for each horizon on a store's own market, judge it out of sample, and store it with its record.

    Arguments and errors as of `tapescan.models.stored.train_models`.
    """
    from tapescan.models.stored import train_models as train

    return train(open_store(store), **options)


def judge_stored(store: Place = None, **options: Any) -> JudgedUnseen:
    """Judge the stored models on the store's sessions that came after their training.

    Arguments and errors as of `tapescan.models.stored.judge_stored`.
    """
    from tapescan.models.stored import judge_stored as judge

    return judge(open_store(store), **options)
