"""Use cases of a market's past: replay, breadth, ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from tapescan.api.places import Data, Day
from tapescan.api.scans import opened
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Device
from tapescan.store import Store

if TYPE_CHECKING:
    from tapescan.engine.seam import Engine
    from tapescan.models.forecast import Models
    from tapescan.replay.breadth import BreadthResult
    from tapescan.replay.ranks import RankHistory
    from tapescan.replay.records import Record
    from tapescan.replay.result import ReplayResult
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.result import ScanResult

__all__ = ["breadth_market", "find_record", "rank_history", "replay_market"]

#: Records are compared with each other and with scans, whose last digits are the processor's.
NO_RECORD = "computed by a GPU: the store keeps no record of this replay"


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
    keep: int = 0,
    borrow: float = 3.0,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    verify: int = 0,
    compare: Sequence[str | NamedScreen | Profile] | str = (),
    engine: Engine | None = None,
    progress: Progress = silent,
) -> ReplayResult:
    """Say what a scan would have shown on every session of the past, and what came of it.

    Args:
        data: What holds the market; see `Data`. Of a loaded market its store is replayed.
        profile, screens, where, rank_by, models: As in `scan_market`.
        device: ``cuda`` lets a GPU compute all features, and make forecasts where it can. Its values differ from the
            processor's in their last digits, so the store keeps no record of such a replay. The setting `device` is
            of forecasts alone.
        top: Picks a session: the best so many.
        start, end: Replay the sessions from one day to another; nothing after `end` is read.
        hold: Sessions that picks are held; when None 5, or with a plan what the profile's `risk.hold` says.
        plan: Trade by each pick's stop and target instead.
        cost: Basis points of each purchase or sale.
        every: Replay each so many sessions.
        keep: What is held stays while it ranks among so many, and only the rest makes room for better ones; 0 for the
            best alone, every time anew.
        borrow: Percent a year that a short pays.
        verify: Scan so many sessions anew, drawn at random, and compare.
        compare: Further screens or profiles, by name, file or as they are loaded, that are replayed over the same
            sessions and stand beside it in `comparison`. Each as it is, without `where` and `rank_by`; a screen
            ranked by `profile`, where that is given.
        engine: Where sessions are replayed (`engine.chosen`), that of the settings for None; with `keep` here.
        progress: Told how far it is.

    Returns:
        The verdict, statistics by session, the trades, the picks. What is done when it is interrupted.
    """
    from tapescan.core.dates import parse_date
    from tapescan.features.warm import warm_up
    from tapescan.replay.comparing import beside
    from tapescan.replay.records import keep_record, record_of
    from tapescan.replay.replay import Terms, replay_requests
    from tapescan.replay.source import source_of
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models
    from tapescan.scan.request import prepare

    named, ranked_by, _ = chosen_screens(screens, profile)
    terms = Terms(
        top=top,
        hold=hold if hold is not None else ranked_by.risk.hold if plan else 5,
        plan=plan,
        cost=cost,
        every=every,
        keep=keep,
        borrow=borrow,
        start=parse_date(start, "start"),
        end=parse_date(end, "end"),
        verify=verify,
    )
    if device == "cuda":
        from tapescan.core.cuda import check_gpu

        check_gpu()  # before minutes of work
    given = opened(data)
    trained = chosen_models(given, models, device)
    request = prepare(ranked_by, where=where, rank_by=rank_by, models=trained, screens=named)
    title = " or ".join(one.name for one in named)
    title = " and ".join(part for part in (title, where or "") if part) or f"profile {ranked_by.name}"
    requests = {title: request}
    for name, further in _further(compare, profile):
        if name in requests:
            raise OptionError(f"{name} is replayed twice", "name it once", field="compare")
        requests[name] = prepare(further[1], models=trained, screens=further[0])
    source = source_of(given, terms.end)
    computes: Device = device or "cpu"
    for plan_of_features in (one for request in requests.values() for one in request.plans):
        if computes == "cpu":
            warm_up(plan_of_features, progress, replayed=True)
    found = replay_requests(source, requests, terms, progress, together=True, engine=engine, device=computes)
    result = beside(found) if compare else found[0]
    if source.store is None or result.partial:
        return result
    if computes == "cuda":
        return msgspec.structs.replace(result, notes=(*result.notes, NO_RECORD))
    said = (keep_record(source.store, record_of(one)) for one in found)
    return msgspec.structs.replace(result, notes=(*result.notes, *dict.fromkeys(line for line in said if line)))


def find_record(result: ScanResult, data: Data = None, *, of_plans: bool = False) -> Record | None:
    """What a replay found of what was scanned: the longest record of the store, else the shipped one; None for what
    nobody replayed. of_plans: Of replays that ran its plans alone."""
    from tapescan.replay.records import find_record as find

    given = opened(data)
    return find(result.provenance, given if isinstance(given, Store) else None, of_plans=of_plans)


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


def rank_history(
    data: Data = None,
    *,
    profile: str | Profile | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    sessions: int = 63,
    as_of: Day = None,
    progress: Progress = silent,
) -> RankHistory:
    """Say where every symbol stood in a profile's ranking on each of the newest sessions, as scans of them rank.

    Args:
        data: What holds the market; see `Data`. Of a loaded market its store is ranked.
        profile, models: As in `scan_market`.
        sessions: How many.
        as_of: The last of them; the newest when None.
        progress: Told how far it is.

    Returns:
        Rank and score of all symbols; `of` tells those of one. Prices are adjusted for splits, whatever the setting
        `adjust` says.
    """
    from tapescan.core.dates import parse_date
    from tapescan.features.warm import warm_up
    from tapescan.replay.ranks import rank_sessions
    from tapescan.replay.source import source_of
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models
    from tapescan.scan.request import prepare

    if sessions < 1:
        raise OptionError(f"{sessions}", "give 1 or more", field="sessions")
    given, day = opened(data), parse_date(as_of, "as_of")
    _, ranked_by, _ = chosen_screens((), profile)
    request = prepare(ranked_by, models=chosen_models(given, models, None))
    source = source_of(given, None)
    for one in request.plans:
        warm_up(one, progress, replayed=True)
    return rank_sessions(source, request, sessions, day, progress)


def _further(
    compare: Sequence[str | NamedScreen | Profile] | str, profile: str | Profile | None
) -> Iterator[tuple[str, tuple[tuple[NamedScreen, ...], Profile]]]:
    """What is compared, by its title: the screens and the profile that rank it. A name that both have is the
    screen's."""
    from tapescan.core.errors import nearest
    from tapescan.scan.named import NamedScreen, chosen_screens, load_screen, screen_files
    from tapescan.scan.profile import Profile, load_profile, profile_names

    for one in [compare] if isinstance(compare, str) and compare else compare:
        found = one
        if isinstance(one, str):
            path, screens, profiles = one.endswith(".toml") or "/" in one, screen_files(), profile_names()
            if not path and one not in screens and one not in profiles:
                hint = nearest(one, (*screens, *profiles)) or "`tapescan screens` and `tapescan profiles` list them"
                raise OptionError(f"unknown screen or profile {one!r}", hint, field="compare")
            found = load_screen(one) if one in screens or (path and _is_screen(one)) else load_profile(one)
        if isinstance(found, Profile):
            yield f"profile {found.name}", ((), found)
        else:
            assert isinstance(found, NamedScreen)
            named, ranked_by, _ = chosen_screens((found,), profile)
            yield found.name, (named, ranked_by)


def _is_screen(path: str) -> bool:
    """Whether a file is a screen's: it has a condition, as no profile has."""
    from tapescan.core.toml import read_toml

    try:
        return "where" in read_toml(Path(path))
    except (OSError, ValueError):  # who reads it as a profile says what is wrong with it
        return False
