"""Several screens or profiles over the same sessions, beside each other: one past for all, held once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import numpy as np

from tapescan.core.progress import Progress, silent
from tapescan.models.judging.metrics import SESSIONS_A_YEAR
from tapescan.replay.growth import cohorts_a_year
from tapescan.replay.past import past_of
from tapescan.replay.replay import Terms, check_replayed, replay_source, trial_of
from tapescan.replay.result import Compared, Comparison, ReplayResult
from tapescan.replay.source import Source, sessions_between
from tapescan.replay.trials import Tried, log_screen
from tapescan.replay.worth import q_values
from tapescan.scan.request import Request

__all__ = ["compare_source"]


def compare_source(
    source: Source, requests: Mapping[str, Request], terms: Terms, progress: Progress = silent
) -> ReplayResult:
    """Replay each of these by its title, and give the replay of the first, with all of them compared.

    All are written down as trials before the first begins, so each is judged as one of so many. Of the others nothing
    but a row is kept. An interruption ends it with those that are done.
    Raises OptionError for what cannot be replayed, before any of it is.
    """
    for request in requests.values():
        check_replayed(source, request)
    past = past_of(source.history, progress)
    sessions_between(past.sessions, terms.start, terms.end, terms.every)
    tried = _log(source, requests, terms)
    main: ReplayResult | None = None
    rows: list[Compared] = []
    for number, (title, request) in enumerate(requests.items(), start=1):

        def told(done: int, total: int, what: str, number: int = number) -> None:
            progress(done, total, f"{what}, {number} of {len(requests)}")

        # Only the first is verified: the others are there to be compared.
        own = terms if main is None else replace(terms, verify=0)
        try:
            found = replay_source(source, request, own, title, told, past, tried)
        except KeyboardInterrupt:
            if main is None:
                raise
            break
        main = main or found
        if found.partial and found is not main:
            break
        rows.append(_compared(found))
        if found.partial:
            break
    assert main is not None
    q = q_values(np.array([row.p for row in rows]))
    compared = Comparison(
        first=main.first,
        last=main.last,
        trials=tried.screens,
        rows=tuple(msgspec.structs.replace(row, q=float(one)) for row, one in zip(rows, q, strict=True)),
        missing=tuple(requests)[len(rows) :],
    )
    notes = main.notes
    if compared.missing:
        notes = (*notes, f"broken off: {', '.join(compared.missing)} were not compared")
    return msgspec.structs.replace(main, comparison=compared, notes=notes)


def _log(source: Source, requests: Mapping[str, Request], terms: Terms) -> Tried:
    """Write all of them down, and count."""
    if source.store is None:
        note = f"without a store no trials are kept: these {len(requests)} count as the first"
        return Tried(len(requests), 0, note)
    found = [log_screen(source.store, trial_of(request, terms)) for request in requests.values()]
    note = next((one.note for one in found if one.note), "")
    return Tried(max(len(requests), *(one.screens for one in found)), found[-1].models, note)


def _compared(result: ReplayResult) -> Compared:
    found, held, net = result.statistics, result.statistics.held, result.statistics.growth["net"]
    yearly = cohorts_a_year(found.hold, found.every)
    turnover = result.daily["turnover"].mean()
    assert isinstance(turnover, float)
    return Compared(
        name=result.title,
        picks=found.picked,
        annual=net.annual,
        over_eligible=found.lead,
        t=held.net_over_eligible.t,
        p=held.net_over_eligible.p,
        q=float("nan"),
        over_index=held.net_over_index.mean * yearly,
        over_matched=held.over_matched.mean * yearly,
        chance=held.as_good,
        drawdown=net.drawdown,
        turnover=turnover * SESSIONS_A_YEAR,
        verdict=result.verdict.kind,
        sure=result.verdict.sure,
        sentence=result.verdict.sentence,
    )
