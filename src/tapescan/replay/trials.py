"""How many screens were tried: the best of many looks good by chance, so each replay is written down first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tapescan.core.errors import StoreError
from tapescan.models.registry.trials import SCREEN, StoreTrials, Trial
from tapescan.scan.request import Request
from tapescan.screen.checking import Expression
from tapescan.screen.lists import lists_digest
from tapescan.screen.nodes import names_in
from tapescan.store import Store

__all__ = ["Tried", "log_screen", "log_screens", "screen_trial"]


@dataclass(frozen=True)
class Tried:
    """screens : how many were tried on the store, this one included. models : how many trainings. note : why it could
    not be counted or written down, a line; else empty."""

    screens: int
    models: int
    note: str


def screen_trial(
    request: Request,
    *,
    hold: int,
    every: int,
    top: int | None,
    keep: int = 0,
    plan: Mapping[str, Any] | None = None,
    start: dt.date | None = None,
    end: dt.date | None = None,
) -> Trial:
    """All that may be chosen for a replay, for its digest, with the texts as they were written.

    hold : sessions that picks are held. every : sessions between replays. top : how many are picked; None for all.
    keep : as of `Terms`.
    plan : how trades are simulated, plain values. start, end : as they were asked for, None for all there is: the
    same screen on later data is no further trial, and another stretch of the same data is one.

    The names of screens, the columns that are shown and the cost of trading are no part of it: they change no pick.
    A cost takes a sum from the result that is known beforehand and stands beside it, so a second one tries nothing.
    """
    written = [*(one.condition for one in request.screens), *((request.where,) if request.where else ())]
    expressions = [*written, request.ranking.expression, *((request.filter,) if request.filter else ())]
    named = _named(expressions, request.computed)
    lists = {name: lists_digest(symbols) for one in expressions for name, symbols in one.lists.items()}
    models = {one.card.name: one.card.digest for one in request.models.models}
    chosen: dict[str, Any] = {
        "profile": request.profile.digest,
        # In the order of their names a screen would be another trial after it was renamed.
        "screens": sorted([" ".join(one.condition.text.split()), one.named.side] for one in request.screens),
        "where": " ".join(request.where.text.split()) if request.where else None,
        "rank_by": " ".join(request.ranking.text.split()),
        "side": request.profile.side,
        "top": top,
        "every": every,
        "plan": dict(plan or {}),
        "asked": {"from": start and str(start), "to": end and str(end)},
    }
    further = {"columns": named, "lists": lists, "models": models, "keep": keep}
    return Trial.of(SCREEN, hold, chosen | {name: one for name, one in further.items() if one})


def _named(expressions: Iterable[Expression], computed: Mapping[str, Expression]) -> dict[str, str]:
    """The columns made by expressions that these name, and that those name, with their texts."""
    found: dict[str, str] = {}

    def look(one: Expression) -> Iterator[str]:
        return (node.name for node in names_in(one.parsed) if node.name in computed)

    waiting = [name for one in expressions for name in look(one)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = " ".join(computed[name].text.split())
            waiting += look(computed[name])
    return found


def log_screen(store: Store | None, trial: Trial) -> Tried:
    """Write a replay down before it begins, and count. Where there is no store, or it cannot be written, it is
    counted all the same and a note says that the next one will not know of it."""
    if store is None:
        return Tried(1, 0, "without a store no trials are kept: this replay counts as the first")
    trials = StoreTrials(store)
    note, own = "", 0
    try:
        trials.check()
        trials.log(trial)
    except StoreError as error:
        note = f"this replay could not be written down, so later ones do not count it: {error}"
        own = 1
    try:
        if own and trials.knows(trial):
            own = 0
        (screens, broken), (models, _) = trials.count_screens(), trials.count()
    except StoreError as error:
        return Tried(1, 0, f"how many screens were tried is not known, and counts as one: {error}")
    return Tried(screens + own, models, note or broken)


def log_screens(store: Store | None, trials: Sequence[Trial], *, together: bool) -> list[Tried]:
    """As `log_screen`, of several that are replayed in one pass: all are written down before it begins.

    together : whether each counts as one of all of them; else as one of those before it.
    """
    tried = [log_screen(store, one) for one in trials]
    if not together or len(tried) == 1:
        return tried
    screens = max(len(tried), *(one.screens for one in tried))
    note = f"without a store no trials are kept: these {len(tried)} count as the first" if store is None else ""
    return [replace(one, screens=screens, note=note or one.note) for one in tried]
