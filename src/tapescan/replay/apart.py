"""The pass over the sessions, half a year of them a piece: here, or on other machines, and not again where a piece is
on disk.

Pieces know nothing of each other. For other machines the past is read once, here, and its lanes are put once; a
worker opens the store for the rest, as it was then. What a cohort keeps hangs on the session before, so such a replay
stays here, and its pieces follow each other.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Days
from tapescan.engine.seam import Engine
from tapescan.engine.written import Written
from tapescan.features.warm import warm_up
from tapescan.replay.past import Past
from tapescan.replay.picking import Collected, Picked, collect, picked_of
from tapescan.replay.source import Source, source_of
from tapescan.replay.walk import Walk
from tapescan.scan.request import Request
from tapescan.store import Store

__all__ = ["pick_apart"]

#: Months of a piece.
MONTHS = 6


class _Terms(NamedTuple):
    """Further arguments of `collect`."""

    top: int
    hold: int
    every: int
    shown: Collection[int]
    keep: int = 0


@dataclass(frozen=True)
class _Piece:
    """source : what opens it again, or itself. past : without its history."""

    source: _Stored | Source
    past: Past
    requests: tuple[Request, ...]
    horizons: tuple[int, ...]
    picking: tuple[str, ...] | None
    sessions: Days
    terms: _Terms


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
    written: Written,
    progress: Progress = silent,
) -> list[Picked]:
    """What is picked on the sessions, of each of the walk's requests; arguments as of `picking.collect`.

    engine : where that is found out; here, with `keep`. written : the pieces that are on disk, and where others go.
    An interruption ends it with the sessions that are done, here; on other machines there is nothing to show then.
    """
    months = sessions.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // MONTHS
    parts = np.split(sessions, np.flatnonzero(np.diff(months)) + 1)
    known = {number: found for number in range(len(parts)) if (found := written.read(str(number))) is not None}
    if engine.apart and not keep:
        found, stopped = _apart(engine, walk, parts, known, _Terms(top, hold, every, shown), written, progress), False
    else:
        found, stopped = _here(walk, parts, known, _Terms(top, hold, every, shown, keep), written, progress)
    if not found[0].days:
        raise KeyboardInterrupt
    return [picked_of(one, walk.horizons, hold, every, stopped) for one in found]


def _here(
    walk: Walk,
    parts: Sequence[Days],
    known: dict[int, list[Collected]],
    terms: _Terms,
    written: Written,
    progress: Progress,
) -> tuple[Sequence[Collected], bool]:
    """One pass over the sessions that are not known; and whether it was broken off."""
    total, what = sum(map(len, parts)), "replaying sessions"
    edges = np.concatenate(([0], np.cumsum([len(part) for part in parts]))).tolist()
    number_of = {until: number for number, until in enumerate(edges[1:])}
    found: Sequence[Collected] = [Collected() for _ in walk.requests]

    def told(done: int) -> None:
        if done in number_of:
            number = number_of[done]
            written.write(str(number), [one.part(edges[number], done) for one in found])
        progress(done, total, what)

    for is_known, numbers in itertools.groupby(range(len(parts)), known.__contains__):
        if is_known:
            for number in numbers:
                _append(found, known[number])
            progress(len(found[0].days), total, what)
            continue
        progress(len(found[0].days), total, what)
        due = np.concatenate([parts[number] for number in numbers])
        _, stopped = collect(walk, due, **terms._asdict(), into=found, told=told)
        if stopped:
            return found, True
    return found, False


def _apart(
    engine: Engine,
    walk: Walk,
    parts: Sequence[Days],
    known: dict[int, list[Collected]],
    terms: _Terms,
    written: Written,
    progress: Progress,
) -> Sequence[Collected]:
    """The sessions that are not known, on other machines."""
    source = walk.source
    sent: _Stored | Source = source
    if source.store is not None and source.known is not None:
        sent = _Stored(str(source.store.path), tuple(sorted(source.known.versions.items())), source.history.end)
    nothing: Any = None  # a worker has its own
    past = replace(walk.past, history=nothing)
    whole = _Piece(sent, past, walk.requests, walk.horizons, walk.picking, parts[0], terms)
    due = [number for number in range(len(parts)) if number not in known]
    pieces = [
        replace(
            whole,
            sessions=parts[number],
            terms=terms._replace(shown=tuple({*terms.shown} & {*parts[number].tolist()})),
        )
        for number in due
    ]
    total, what = sum(map(len, parts)), "replaying sessions on other machines"

    def told(at: int, found: list[Collected]) -> None:
        known[due[at]] = found
        written.write(str(due[at]), found)
        progress(sum(len(parts[number]) for number in known), total, what)

    progress(sum(len(parts[number]) for number in known), total, what)
    engine.map(_collected, pieces, told)
    found: Sequence[Collected] = [Collected() for _ in walk.requests]
    for number in range(len(parts)):
        _append(found, known[number])
    return found


def _append(found: Sequence[Collected], later: Sequence[Collected]) -> None:
    for one, its in zip(found, later, strict=True):
        one.add(its)


def _collected(piece: _Piece) -> list[Collected]:
    """What is written down of the sessions of a piece, of each request."""
    source = piece.source.open() if isinstance(piece.source, _Stored) else piece.source
    first, *others = piece.requests
    past = replace(piece.past, history=source.history)
    for plan in (plan for request in piece.requests for plan in request.plans):
        warm_up(plan, replayed=True)
    walk = Walk(source, past, first, piece.horizons, tuple(others), piece.picking)
    return [*collect(walk, piece.sessions, **piece.terms._asdict())[0]]
