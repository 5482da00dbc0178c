"""Use cases of a market: scan, explain, load, compute."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl

from tapescan.api.places import Data, Day, Place, open_store
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Adjustment, Device, setting

if TYPE_CHECKING:
    from tapescan.engine.seam import Engine
    from tapescan.history.market import Market
    from tapescan.models.forecast import Models
    from tapescan.scan.explain import Explanation
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.request import Request
    from tapescan.scan.result import ScanResult
    from tapescan.scan.weighing import ProfileCheck

__all__ = [
    "check_profile",
    "compute_features",
    "explain_symbol",
    "explained",
    "load_market",
    "opened",
    "record_scan",
    "scan_market",
]


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
    held: Sequence[str] | str = (),
    changes: bool = False,
    since: Day = None,
    express: bool = False,
    engine: Engine | None = None,
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
        held: Symbols that your account holds (``"AAPL, MSFT"``, ``"list:NAME"``, or a list): they come first in
            `account_shares` while they rank among the profile's ``portfolio.keep``; a note says which are to leave.
        changes: Say who is new and who is gone since the last recorded scan that asked the same.
        since: Or since this earlier day. Not with a loaded market.
        express: Add the best way to trade each row's plan by options (the columns ``expression``...), as a feature
            of them does; of rows that nobody asks for nothing is computed.
        engine: Where blocks of symbols are computed (`engine.chosen`); that of the settings for None.
        progress: Told how far it is.

    Returns:
        Every requested symbol, ranked or dropped for a reason; coverage, regime, timings, provenance.
    """
    from tapescan.core.dates import parse_date
    from tapescan.scan.changes import found_changes
    from tapescan.scan.expressing import quoted_in
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare, shown_columns

    given = opened(data)
    named, ranked_by, said = chosen_screens(screens, profile)
    shown, trained = shown_columns(features), chosen_models(given, models, device)
    request = prepare(
        ranked_by,
        where=where,
        rank_by=rank_by,
        features=shown,
        models=trained,
        screens=named,
        held=held,
        express=express,
    )
    begin = time.perf_counter()
    market = ready(given, as_of, request, adjust, progress)
    prepared = time.perf_counter() - begin
    result = run(market, request, engine)
    day = parse_date(as_of, "as_of")
    if day not in {None, result.as_of}:
        said = (*said, f"no session of {day} is known: this is as of {result.as_of}, the newest before it")
    timings, notes = {"prepare": prepared, **result.timings}, (*said, *result.notes)
    told = found_changes(result, given, request, since, adjust, progress) if changes or since else None
    if express or request.expresses:
        from tapescan.scan.expressed_rows import with_expressions

        result = with_expressions(result, quoted_in(given, market, as_of), request.profile.risk)
        notes = (*said, *result.notes)
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
    from tapescan.columns.registry import all_columns

    ranges = [column.name for column in all_columns("ranges")]
    return explained(symbol, opened(data), as_of, profile, adjust, models, device, progress, ranges)[2]


def check_profile(
    profile: str | Profile | None = None,
    data: Data = None,
    *,
    as_of: Day = None,
    adjust: Adjustment | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    progress: Progress = silent,
) -> ProfileCheck:
    """What a profile's weights come to on a market: which factors decide the score, and which say the same.

    Arguments as in `scan_market`.
    """
    from tapescan.scan.weighing import weigh_profile

    found = scan_market(data, as_of=as_of, profile=_profile(profile), adjust=adjust, models=models, progress=progress)
    return weigh_profile(found)


def load_market(
    data: Data = None, *, as_of: Day = None, adjust: Adjustment | None = None, progress: Progress = silent
) -> Market:
    """A market with all its history, to scan again and again, and to `refresh` when its store has more.

    Arguments as in `scan_market`.
    """
    from tapescan.features.carried import CARRIED
    from tapescan.scan.opening import ready

    market = ready(opened(data), as_of, None, adjust, progress)
    market.panel.kept.setdefault(CARRIED, {})
    return market


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
    market = ready(opened(data), as_of, plan, adjust, progress)
    frame = latest(market.panel, plan).frame(market.panel.symbols)
    return market.universe.select("symbol").join(frame, on="symbol", how="left", maintain_order="left")


def explained(
    symbol: str,
    given: Any,
    as_of: Day,
    profile: str | Profile | None,
    adjust: Adjustment | None,
    models: Models | str | Path | Literal[False] | None,
    device: Device | None,
    progress: Progress,
    features: Sequence[str] = (),
) -> tuple[Request, Market, Explanation]:
    """What was asked of the scan, what was scanned, and one of its symbols. given : as `opened`. features : columns
    besides."""
    from tapescan.scan.explain import explain
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare

    request = prepare(_profile(profile), models=chosen_models(given, models, device), features=features)
    market = ready(given, as_of, request, adjust, progress)
    return request, market, explain(run(market, request), symbol)


def opened(data: Data) -> Any:
    """What holds the market."""
    if data is None:
        from tapescan.history.market import EMBEDDED

        return open_store() if setting("store") else EMBEDDED
    return open_store(data) if isinstance(data, str | Path) else data


def _profile(profile: str | Profile | None) -> Profile:
    from tapescan.scan.profile import load_profile

    given = profile or setting("profile")
    return load_profile(given) if isinstance(given, str) else given
