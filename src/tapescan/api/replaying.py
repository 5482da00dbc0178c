"""Use cases of a market's past: replay, breadth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from tapescan.api.places import Data, Day
from tapescan.api.scans import opened
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Device
from tapescan.store import Store

if TYPE_CHECKING:
    from tapescan.models.forecast import Models
    from tapescan.replay.breadth import BreadthResult
    from tapescan.replay.records import Record
    from tapescan.replay.result import ReplayResult
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.result import ScanResult

__all__ = ["breadth_market", "find_record", "replay_market"]


def replay_market(
    data: Data = None,
    *,
    profile: str | Profile | None = None,
    screens: Sequence[str | NamedScreen] | str = (),
    where: str | None = None,
    rank_by: str | None = None,
    top: int = 10,
    start: Day = None,
    end: Day = None,
    hold: int | None = None,
    plan: bool = False,
    cost: float = 10.0,
    every: int = 1,
    borrow: float = 3.0,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    verify: int = 0,
    progress: Progress = silent,
) -> ReplayResult:
    """Say what a scan would have shown on every session of the past, and what came of it.

    Args:
        data: What holds the market; see `Data`. Of a loaded market its store is replayed.
        profile, screens, where, rank_by, models, device: As in `scan_market`.
        top: Picks a session: the best so many.
        start, end: Replay the sessions from one day to another; nothing after `end` is read.
        hold: Sessions that picks are held; 5, or with a plan 21, after which it ends, when None.
        plan: Trade by each pick's stop and target instead.
        cost: Basis points of each purchase or sale.
        every: Replay each so many sessions.
        borrow: Percent a year that a short pays.
        verify: Scan so many sessions anew, drawn at random, and compare.
        progress: Told how far it is.

    Returns:
        The verdict, statistics by session, the trades, the picks. What is done when it is interrupted.
    """
    from tapescan.core.dates import parse_date
    from tapescan.features.warm import warm_up
    from tapescan.replay.records import keep_record, record_of
    from tapescan.replay.replay import Terms, replay_source
    from tapescan.replay.source import source_of
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models
    from tapescan.scan.request import prepare

    terms = Terms(
        top=top,
        hold=hold if hold is not None else 21 if plan else 5,
        plan=plan,
        cost=cost,
        every=every,
        borrow=borrow,
        start=parse_date(start, "start"),
        end=parse_date(end, "end"),
        verify=verify,
    )
    given = opened(data)
    named, ranked_by, _ = chosen_screens(screens, profile)
    request = prepare(
        ranked_by, where=where, rank_by=rank_by, models=chosen_models(given, models, device), screens=named
    )
    source = source_of(given, terms.end)
    for one in request.plans:
        warm_up(one, progress, replayed=True)
    parts = [*(one.name for one in named), *([where] if where else [])]
    title = " or ".join(parts[: len(named)]) if named else ""
    title = " and ".join(part for part in (title, where or "") if part) or f"profile {ranked_by.name}"
    found = replay_source(source, request, terms, title, progress)
    if source.store is None or found.partial:
        return found
    said = keep_record(source.store, record_of(found))
    return msgspec.structs.replace(found, notes=(*found.notes, said)) if said else found


def find_record(result: ScanResult, data: Data = None) -> Record | None:
    """What a replay found of what was scanned: the newest record of the store that was scanned, else the shipped one;
    None for what nobody replayed."""
    from tapescan.replay.records import find_record as find

    given = opened(data)
    return find(result.provenance, given if isinstance(given, Store) else None)


def breadth_market(
    data: Data = None,
    *,
    profile: str | Profile | None = None,
    start: Day = None,
    end: Day = None,
    progress: Progress = silent,
) -> BreadthResult:
    """Count, on every session, how many of the eligible rise, stand above their averages and make new highs.

    Args:
        data: What holds the market; see `Data`. Of a loaded market its store is counted.
        profile: Whose filters say who is eligible on each session; the settings' when None.
        start, end: Show the sessions from one day to another; nothing after `end` is read.
        progress: Told how far it is.

    Returns:
        A row a session, what each column is, and where the newest session stands among those shown.
    """
    from tapescan.core.dates import parse_date
    from tapescan.core.errors import OptionError
    from tapescan.features.warm import warm_up
    from tapescan.replay.breadth import breadth_request, measure_breadth
    from tapescan.replay.source import source_of
    from tapescan.scan.named import chosen_screens

    first, last = parse_date(start, "start"), parse_date(end, "end")
    if first is not None and last is not None and first > last:
        raise OptionError(f"{first} lies after {last}", "give the earlier day first", field="start")
    given = opened(data)
    _, chosen, _ = chosen_screens((), profile)
    request = breadth_request(chosen)
    source = source_of(given, last)
    for one in request.plans:
        warm_up(one, progress, replayed=True)
    return measure_breadth(source, request, first, last, progress)
