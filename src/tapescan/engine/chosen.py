"""The engine of the settings, or the one that a command or a call names."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, get_args

from tapescan.core.errors import OptionError, nearest
from tapescan.core.settings import EngineName, setting
from tapescan.engine.seam import Digest, Engine
from tapescan.engine.threads import Threads

if TYPE_CHECKING:
    from tapescan.engine.ray import Ray

__all__ = ["chosen"]


def chosen(digest: Callable[[], Digest], name: str = "", address: str = "") -> Engine:
    """Threads, or Ray where `name`, else the setting `engine`, says so.

    digest : what tells whether another machine computes the same; a function of its module. address : of the cluster;
    the setting's where it is empty.
    Raises OptionError for a name that is no engine, without the library, and for a cluster that does not answer.
    """
    name = name or setting("engine")
    if name == "threads":
        if address:
            raise OptionError(f"address {address} is of a cluster, and the engine is threads", "name the engine ray")
        return Threads()
    if name not in get_args(EngineName):
        raise OptionError(f"no engine is called {name!r}", nearest(name, get_args(EngineName)) or "threads or ray")
    return _on_ray(address or setting("address"), digest)


@lru_cache(maxsize=1)
def _on_ray(address: str, digest: Callable[[], Digest]) -> Ray:
    """One a process, which is part of one cluster at a time."""
    from tapescan.engine.ray import Ray

    return Ray(address, digest)
