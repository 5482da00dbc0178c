"""The store that a command is given, or that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.settings import load_settings

if TYPE_CHECKING:  # a shell that completes a name does not wait for it
    from tapescan.store import Store

__all__ = ["existing_store", "store_place"]


def store_place(option: str) -> str:
    """Folder or URL of the store. Raises OptionError when none is named."""
    place = option or load_settings().store
    if not place:
        raise OptionError("no store is named", "add --store DIR, or set TAPESCAN_STORE")
    return place


def existing_store(place: str) -> Store:
    """The store at a place; an empty folder is one. Raises StoreError when nothing is there: paths are mistyped."""
    from tapescan.store import Store

    found = Store(place)
    if not found.exists() and not Path(place).is_dir():
        raise StoreError(f"there is no store at {place}", f"`tapescan import FILES... --store {place}` makes one")
    return found
