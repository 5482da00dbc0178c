"""A market made ready for a plan: read, or at hand already, with its kernels loaded and its models chosen."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from tapescan.core import logs
from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress
from tapescan.core.settings import Adjustment, Device, setting
from tapescan.features.plan import Plan
from tapescan.features.warm import is_ready, warm_up
from tapescan.history.keeping import kept_market
from tapescan.history.market import (
    Embedded,
    Market,
    market_of_simulated,
    models_folder,
    simulated_market,
)
from tapescan.models.forecast import Models, load_models
from tapescan.simulation.market import SimulatedMarket
from tapescan.store import Store

__all__ = ["Opened", "Wanted", "chosen_models", "ready"]

#: A market, or what holds one.
Opened: TypeAlias = Store | Market | SimulatedMarket | Embedded
Trained: TypeAlias = Models | str | Path | Literal[False] | None


class Wanted(Protocol):
    """What is to be computed: a plan, or a scan's request."""

    @property
    def span(self) -> int:
        """Sessions of history to read."""
        ...

    @property
    def plans(self) -> tuple[Plan, ...]:
        """The plans whose kernels it takes."""
        ...


def ready(
    data: Opened,
    as_of: dt.date | str | None,
    wanted: Wanted | None,
    adjust: Adjustment | None,
    progress: Progress,
) -> Market:
    """The market, its kernels loaded beside the reading (or, the first time, compiled before it).

    wanted : what is to be computed; None reads all history and loads nothing.
    Raises OptionError for what could only be ignored, before any work.
    """
    day = parse_date(as_of, "as_of")
    if isinstance(data, Market):
        for field, given in (("as_of", as_of), ("adjust", adjust)):
            if given is not None:
                hint = "give it to tapescan.load_market"
                raise OptionError("it does not go with a loaded market", hint, field=field)
        if wanted is not None:
            _warm(wanted, progress)
        return data
    if adjust is not None and adjust not in get_args(Adjustment):
        raise OptionError(f"{adjust!r}", f"give one of {', '.join(get_args(Adjustment))}", field="adjust")
    adjust = adjust or setting("adjust")
    if wanted is None:
        return _read(data, day, None, adjust, progress)
    with ThreadPoolExecutor(1) as beside:
        kernels = beside.submit(_warm, wanted, progress)
        if not all(map(is_ready, wanted.plans)):
            kernels.result()  # compilers and a market together take more memory than a small machine has
        market = _read(data, day, wanted.span, adjust, progress)
        kernels.result()
    return market


def _warm(wanted: Wanted, progress: Progress) -> None:
    for plan in wanted.plans:
        warm_up(plan, progress)
    logs.make_ready()


def _read(
    data: Store | SimulatedMarket | Embedded,
    day: dt.date | None,
    span: int | None,
    adjust: Adjustment,
    progress: Progress,
) -> Market:
    if isinstance(data, Store):
        progress(0, 0, "reading the store")
        return kept_market(data, day, span=span, adjust=adjust)
    progress(0, 0, "simulating a market")
    if isinstance(data, Embedded):
        return simulated_market(day, adjust=adjust)
    return market_of_simulated(data, day, adjust=adjust)


def chosen_models(data: Opened, models: Trained, device: Device | None) -> Models:
    """The models to use. A folder that was named has to be there; the store's own need not."""
    device = device or setting("device")
    if device not in get_args(Device):
        raise OptionError(f"{device!r}", f"give one of {', '.join(get_args(Device))}", field="device")
    if isinstance(models, Models):
        return models
    if not (models is None or models is False or isinstance(models, str | Path)):
        raise OptionError(f"{models!r}", "give their folder, or False for none", field="models")
    if models is False:
        return Models(())
    named = models or setting("models")
    folder = Path(named).expanduser() if named else None
    if folder is not None and not folder.is_dir():
        what = f"there is no folder of models at {named}"
        raise OptionError(what, "`tapescan train` makes one", field="models")
    store = data.store if isinstance(data, Market) else data if isinstance(data, Store) else None
    own = data.models if isinstance(data, Market) else None if store is None else models_folder(store)
    return load_models(folder or own, store, own=folder is None, device=device)
