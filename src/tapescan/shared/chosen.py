"""Where things are shared, as the settings say."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from tapescan.core.settings import setting
from tapescan.shared.local import Local

if TYPE_CHECKING:
    from tapescan.shared.seam import Shared

__all__ = ["shared"]


def shared() -> Shared:
    """Redis where the setting `redis` names one, else files of this user.

    Raises OptionError for an address that is none, and without the library that it takes.
    """
    address = setting("redis")
    return _through(address) if address else Local()


@lru_cache(maxsize=4)
def _through(address: str) -> Shared:
    """One for each address: it knows whether Redis answers."""
    from tapescan.shared.redis import ThroughRedis

    return ThroughRedis(address)
