"""The pass over the sessions on other machines: half a year of them a piece, which the others know nothing of.

The past is read once, here, and its lanes are put once; a worker opens the store for the rest, as it was then. What a
cohort keeps hangs on the session before, so such a replay stays in one piece, and here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Days
from tapescan.engine.seam import Engine
from tapescan.features.warm import warm_up
from tapescan.replay.past import Past
from tapescan.replay.picking import Collected, Picked, collect, pick, picked_of
from tapescan.replay.source import Source, source_of
from tapescan.replay.walk import Walk
from tapescan.scan.request import Request
from tapescan.store import Store

__all__ = ["pick_apart"]

#: Months of a piece.
MONTHS = 6


@dataclass(frozen=True)
class _Piece:
    """source : what opens it again, or itself. past : without its history. terms : further arguments of `collect`."""

    source: _Stored | Source
    past: Past
    requests: tuple[Request, ...]
    horizons: tuple[int, ...]
    picking: tuple[str, ...] | None
    sessions: Days
    top: int
    hold: int
    every: int
    shown: Collection[int]


@dataclass(frozen=True)
class _Stored:
    """A store as it was. versions : table -> Delta version."""

    path: str
    versions: tuple[tuple[str, int], ...]
    end: dt.date

    def open(self) -> Source:
        return _opened(self)


@lru_cache(maxsize=2)
def _opened(stored: _Stored) -> Source:
    """Once a process."""
    return source_of(Store(stored.path).at(dict(stored.versions)), stored.end)


def pick_apart(
    engine: Engine,
    walk: Walk,
    sessions: Days,
    top: int,
    hold: int,
    every: int = 1,
    *,
    keep: int = 0,
    shown: Collection[int] = (),
    progress: Progress = silent,
) -> list[Picked]:
    """As `picking.pick`, on the engine's machines where it has others."""
    if not engine.apart or keep:
        return pick(walk, sessions, top, hold, every, keep=keep, shown=shown, progress=progress)
    source = walk.source
    sent: _Stored | Source = source
    if source.store is not None and source.known is not None:
        sent = _Stored(str(source.store.path), tuple(sorted(source.known.versions.items())), source.history.end)
    nothing: Any = None  # a worker has its own
    months = sessions.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // MONTHS
    parts = np.split(sessions, np.flatnonzero(np.diff(months)) + 1)
    whole = _Piece(
        sent,
        replace(walk.past, history=nothing),
        walk.requests,
        walk.horizons,
        walk.picking,
        sessions,
        top,
        hold,
        every,
        shown,
    )
    pieces = [replace(whole, sessions=part, shown=tuple({*shown} & {*part.tolist()})) for part in parts]
    progress(0, 0, f"replaying {len(pieces)} half-years on other machines")
    first, *others = engine.map(_collected, pieces)
    for later in others:
        for one, its in zip(first, later, strict=True):
            one.add(its)
    return [picked_of(one, len(sessions), walk.horizons, hold, every, False) for one in first]


def _collected(piece: _Piece) -> list[Collected]:
    """What is written down of the sessions of a piece, of each request."""
    source = piece.source.open() if isinstance(piece.source, _Stored) else piece.source
    first, *others = piece.requests
    past = replace(piece.past, history=source.history)
    for plan in (plan for request in piece.requests for plan in request.plans):
        warm_up(plan, replayed=True)
    walk = Walk(source, past, first, piece.horizons, tuple(others), piece.picking)
    return collect(walk, piece.sessions, piece.top, piece.hold, piece.every, shown=piece.shown)[0]
