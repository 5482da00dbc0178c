"""The Python API: what the command line does, as a few functions.

import tapescan

tapescan.sync_store("my_store")   # fetch what it lacks from a vendor
result = tapescan.scan_market("my_store", where="rsi_2 < 10 AND close > sma_200")
result.ranked              # a polars frame, best first
market = tapescan.load_market("my_store")
tapescan.scan_market(market)      # warm: no reading, a tenth of a second
tapescan.compute_features(market, ["rsi_14", "macd_12_26_9_signal"])
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress
from tapescan.core.settings import Device, setting
from tapescan.features.compute import latest
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import Market, market_of_store, models_folder, simulated_market
from tapescan.market.adjust import Adjustment
from tapescan.market.spelling import normal_spelling
from tapescan.models.forecast import Models, load_models
from tapescan.scan.explain import Explanation, explain
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import DEFAULT_PROFILE, Profile, load_profile
from tapescan.scan.result import ScanResult
from tapescan.store import Store

if TYPE_CHECKING:
    from tapescan.sync import SyncReport
    from tapescan.vendors.seam import What

__all__ = ["compute_features", "explain_symbol", "load_market", "scan_market", "sync_store"]

Data = str | Path | Store | Market | None
Trained = Models | str | Path | Literal[False] | None


def scan_market(
    data: Data = None,
    *,
    as_of: dt.date | str | None = None,
    profile: str | Profile = DEFAULT_PROFILE,
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] | str = (),
    adjust: Adjustment | None = None,
    models: Trained = None,
    device: Device = "cpu",
    progress: Progress | None = None,
) -> ScanResult:
    """Rank the whole market.

    data : a store (folder, URL or Store), what `load_market` returned, or None for the embedded simulated market.
    as_of : the last session whose knowledge counts; the newest when None. Not with loaded data.
    profile : a profile's name, a TOML file, or a Profile. where : SQL condition over features and result columns.
    rank_by : a column, with ``asc`` or ``desc``. features : further feature columns, ``"all"`` for the default list.
    adjust : ``splits`` (the default), ``total`` (dividends too) or ``none``, for data read from a store.
    models : the folder of trained models, or what `models.predict.load_models` made of it; False for none. None is
    the folder that TAPESCAN_MODELS names, else ``models`` in a local store's folder where there is one.
    device : ``cuda`` lets a GPU make the forecasts of models from a folder, where there is one.
    progress : see `core.progress`.

    Raises the errors of `tapescan.core.errors` for input that cannot be used, before any work.
    """
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    shown = default_features() if features == "all" else (features,) if isinstance(features, str) else tuple(features)
    request = prepare(chosen, where=where, rank_by=rank_by, features=shown, models=_models(data, models, device))
    begin = time.perf_counter()
    inputs = _ready(data, as_of, request.plan, adjust, progress)
    prepared = time.perf_counter() - begin
    result = run(inputs, request)
    return replace(result, timings={"prepare": prepared, **result.timings})


def explain_symbol(
    symbol: str,
    data: Data = None,
    *,
    as_of: dt.date | str | None = None,
    profile: str | Profile = DEFAULT_PROFILE,
    adjust: Adjustment | None = None,
    models: Trained = None,
    device: Device = "cpu",
    progress: Progress | None = None,
) -> Explanation:
    """Scan, and explain one symbol: its rank, what each factor saw, and the trade. Arguments as in `scan_market`."""
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    request = prepare(chosen, models=_models(data, models, device))
    return explain(_ready(data, as_of, request.plan, adjust, progress), request, symbol)


def load_market(data: Data = None, *, as_of: dt.date | str | None = None, adjust: Adjustment | None = None) -> Market:
    """A market with all its history, to scan again and again without reading it anew."""
    _check(data, as_of, adjust)
    return data if isinstance(data, Market) else _read(data, as_of, None, adjust, None)


def sync_store(
    store: str | Path | Store,
    *,
    vendor: str = "",
    what: Sequence[What] = ("universe", "actions", "bars"),
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    plan: str = "",
    symbols: Sequence[str] = (),
    progress: Callable[[int, int, str], None] | None = None,
) -> SyncReport:
    """Fetch what a store lacks from a vendor; the report says what came, what did not, and why.

    vendor : its name (massive, alpaca, sec, nasdaqtrader, yahoo, stooq); empty for the first whose keys are found.
    what : any of universe, actions, bars, fundamentals. start, end : dates, both included; None for what is missing.
    plan : of the vendor; its limit is kept. symbols : these alone; empty for the whole market.
    progress : called with (done, total, what).

    Raises OptionError for wishes that no vendor can fulfil, StoreError when the store cannot be written.
    """
    from tapescan.sync import sync  # brings the network, which nothing else here needs
    from tapescan.sync.wishes import Wishes

    place = store if isinstance(store, Store) else Store(str(store))
    named = tuple(normal_spelling(pl.Series(list(symbols), dtype=pl.String)))
    wishes = Wishes(tuple(what), parse_date(start, "start"), parse_date(end, "end"), named)
    return sync(place, wishes, vendor=vendor, plan=plan, progress=progress)


def compute_features(
    data: Data = None, names: Sequence[str] | str = "all", *, as_of: dt.date | str | None = None
) -> pl.DataFrame:
    """The newest value of each feature of each symbol asked for: a frame of `symbol` and one column a feature; null
    where there is no value."""
    wanted = default_features() if names == "all" else (names,) if isinstance(names, str) else tuple(names)
    plan = plan_features(wanted)
    inputs = _ready(data, as_of, plan, None, None)
    found = latest(inputs.panel.last(plan.rows), plan)
    columns = {name: found.values[i] for i, name in enumerate(found.names)}
    frame = pl.DataFrame({"symbol": inputs.panel.symbols, **columns}).with_columns(pl.col(pl.Float64).fill_nan(None))
    return inputs.universe.select("symbol").join(frame, on="symbol", how="left", maintain_order="left")


def _ready(
    data: Data, as_of: dt.date | str | None, plan: Plan, adjust: Adjustment | None, progress: Progress | None
) -> Market:
    """The data read and the kernels loaded (or, the first time, compiled), side by side."""
    _check(data, as_of, adjust)
    if isinstance(data, Market):
        warm_up(plan, progress)
        return data
    with ThreadPoolExecutor(1) as beside:
        kernels = beside.submit(warm_up, plan, progress)
        inputs = _read(data, as_of, plan.rows, adjust, progress)
        kernels.result()
    return inputs


def _models(data: Data, models: Trained, device: Device) -> Models:
    """The models to use. A folder that was named has to be there; the store's own need not."""
    if device not in get_args(Device):
        raise OptionError(f"device is {device!r}", f"give one of {', '.join(get_args(Device))}")
    if isinstance(models, Models):
        return models
    if not (models is None or models is False or isinstance(models, str | Path)):
        raise OptionError(f"models is {models!r}", "give their folder, or False for none")
    named = setting("models") if models is None else models
    if named and not Path(named).is_dir():
        raise OptionError(f"there is no folder of models at {named}", "`tapescan train` makes one")
    if named is False:
        return Models(())
    if isinstance(data, Market):
        own, store = data.models, data.store
    else:
        store = None if data is None else data if isinstance(data, Store) else Store(str(data))
        own = None if store is None else models_folder(store)
    return load_models(named or own, store, own=not named, device=device)


def _check(data: Data, as_of: dt.date | str | None, adjust: Adjustment | None) -> None:
    """Refuse what could only be ignored, before any work."""
    parse_date(as_of, "as-of")
    if isinstance(data, Market) and (as_of is not None or adjust is not None):
        raise OptionError(
            f"{'as_of' if as_of is not None else 'adjust'} does not go with a loaded market",
            "give it to tapescan.load_market",
        )
    if adjust is not None and adjust not in get_args(Adjustment):
        raise OptionError(f"adjust is {adjust!r}", f"give one of {', '.join(get_args(Adjustment))}")


def _read(
    data: Data, as_of: dt.date | str | None, rows: int | None, adjust: Adjustment | None, progress: Progress | None
) -> Market:
    day = parse_date(as_of, "as-of")
    if data is None:
        if progress:
            progress(0, 0, "simulating a market")
        return simulated_market(day, rows=rows)
    assert not isinstance(data, Market)
    store = data if isinstance(data, Store) else Store(str(data))
    if progress:
        progress(0, 0, "reading the store")
    return market_of_store(store, day, rows=rows, adjust=adjust or "splits")
