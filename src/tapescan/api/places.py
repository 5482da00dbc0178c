"""What the use cases are given: a store, a market, a day."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.settings import setting
from tapescan.store import Store

if TYPE_CHECKING:
    from tapescan.history.market import Embedded, Market
    from tapescan.simulation.market import SimulatedMarket

__all__ = ["Data", "Day", "Place", "open_store"]

#: A store (folder, URL or `Store`), what `load_market` or `simulate` returned, or None: what the settings name, else
#: the embedded simulated market.
Data: TypeAlias = "str | Path | Store | Market | SimulatedMarket | Embedded | None"
Place: TypeAlias = str | Path | Store | None
Day: TypeAlias = dt.date | str | None


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
