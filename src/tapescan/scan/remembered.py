"""What scans of one market have in common: the first one makes it, the others take it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, MutableMapping
from typing import Any, TypeVar

__all__ = ["remembered"]

T = TypeVar("T")

#: Of each kind so many are kept.
MOST = 4


def remembered(kept: MutableMapping[object, Any] | None, kind: str, given: Hashable, make: Callable[[], T]) -> T:
    """What was made of a market and of what is given, or is made now. Nobody may write into it.

    kept : of the market (`Market.kept`); nothing is kept for None. given : all that it hangs on beside the market.
    """
    if kept is None:
        return make()
    asked = (kind, given)
    found: T | None = kept.get(asked)
    if found is None:
        older = [key for key in kept if isinstance(key, tuple) and key[0] == kind]
        for key in older[: len(older) + 1 - MOST]:
            kept.pop(key, None)
        kept[asked] = found = make()
    return found
