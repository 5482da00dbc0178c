"""Chances of plans' levels against what came: every plan that a profile could make on many sessions, as a trade.

What is said comes from a cone of the sessions before, recalibrated on the way; what came is what the time machine's
trades came to. Plans of one session share its fortune: errors are of the sessions' means.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.columns.ranges import HORIZONS
from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import InputError, OptionError
from tapescan.core.labels import Labels
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Array, Bools, Days, Floats
from tapescan.engine.seam import Engine
from tapescan.features.warm import warm_up
from tapescan.history.history import History
from tapescan.models.cone.cone import Cone
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.law import Law
from tapescan.models.cone.recalibrate import Recent, seen_by
from tapescan.models.cone.serving import StoredCone
from tapescan.models.cone.train import EVERY, cone_samples
from tapescan.models.forecast import Models
from tapescan.models.judging.folds import known_before
from tapescan.models.judging.significance import mean_and_error
from tapescan.models.samples.samples import Universe
from tapescan.replay.ahead import bars_ahead
from tapescan.replay.past import Past, past_of
from tapescan.replay.source import Source, sessions_between, source_of
from tapescan.replay.trades import Rules, Trades, run_plans
from tapescan.replay.walk import Walk
from tapescan.scan.pipeline import rank
from tapescan.scan.profile import Profile, load_profile
from tapescan.scan.request import Request, prepare
from tapescan.store import Store

__all__ = ["CHANCES", "Chance", "JudgedChances", "Tenth", "judge_chances", "tenths_of"]

#: The columns that are judged, and how a trade ends that they are about.
CHANCES = {"prob_stop": "stop", "prob_target": "target"}

PLAN = ("close", "entry", "stop", "target")

#: Sessions beyond those that are held, in which whoever halts may leave.
LATE = 5


@dataclass(frozen=True)
class Tenth:
    """Plans by what was said of them. said, came : means, ratios. away : came less said, and error : of that, by
    dates; NaN with too few of them."""

    plans: int
    dates: int
    said: float
    came: float
    away: float
    error: float


@dataclass(frozen=True)
class Chance:
    """One column. tenths : the least said first."""

    name: str
    plans: int
    said: float
    came: float
    tenths: tuple[Tenth, ...]


@dataclass(frozen=True)
class JudgedChances:
    """profile : its name. says : what serves the ranges, in a few words. seen : the last day that it knows of. first,
    last : sessions of the plans. hold : sessions that a plan is held. chances : one a column of CHANCES."""

    profile: str
    says: str
    seen: dt.date
    first: dt.date
    last: dt.date
    hold: int
    chances: tuple[Chance, ...]


def judge_chances(
    store: Store,
    profile: str | Profile = "swing",
    *,
    end: dt.date | None = None,
    every: int = 10,
    part: float = 0.67,
    rule: bool = False,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> JudgedChances:
    """Hold the chances of a profile's plans against its trades, on every so many of the later sessions.

    part : of the sessions, the first, of which a cone is trained for it; nothing is stored. rule : take the shipped
    rule in its place. engine : where the cone's samples are computed; that of the settings for None.
    Raises InputError for too little history, OptionError for a part that is none.
    """
    if not 0.0 < part < 1.0 or every < 1:
        raise OptionError(f"part is {part}, every {every}", "give a part between 0 and 1, and 1 session or more")
    tell = progress or silent
    chosen = load_profile(profile) if isinstance(profile, str) else profile
    source = source_of(store, end)
    past = past_of(source.history)
    seen = date_of(int(past.sessions[int(part * len(past.sessions))]))
    models = Models(()) if rule else Models((), cone=_cone_of(source.history, seen, engine, tell))
    request = prepare(chosen, features=tuple(CHANCES), models=models)
    plans, says = _plans(source, past, request, sessions_between(past.sessions, seen, end, every), tell)
    if not len(plans):
        raise InputError(f"{chosen.name} made no plan after {seen}", "take a longer range, or another profile")
    trades = _traded(source, past, request, plans)
    known = trades.left | trades.fill.among(("beyond_stop", "beyond_target"))
    session, overlap = plans["session"].to_numpy(), -(-chosen.risk.hold // every)
    found = []
    for name, end_of in CHANCES.items():
        hit = trades.reason.among((end_of,)) | trades.fill.among((f"beyond_{end_of}",))
        here: Bools = known & np.isfinite(plans[name].to_numpy())
        found.append(_chance(name, plans[name].to_numpy()[here], hit[here], session[here], overlap))
    first, last = (date_of(int(day)) for day in (session[0], session[-1]))
    return JudgedChances(chosen.name, says, seen, first, last, chosen.risk.hold, tuple(found))


def tenths_of(said: Floats, hit: Bools, session: Array, overlap: int) -> tuple[Tenth, ...]:
    """Tenths of plans by what was said of them, the least first; equals stay together.

    overlap : dates in a row whose trades share sessions.
    """
    edges = np.quantile(said, np.linspace(0.1, 0.9, 9))
    tenth = np.searchsorted(edges, said)
    found = []
    for one in range(10):
        mine = tenth == one
        if mine.any():
            away = hit[mine] - said[mine]
            days, which = np.unique(session[mine], return_inverse=True)
            means = np.bincount(which, away) / np.bincount(which)
            error = mean_and_error(means, overlap).error
            found.append(Tenth(int(mine.sum()), len(days), _mean(said[mine]), _mean(hit[mine]), _mean(away), error))
    return tuple(found)


def _chance(name: str, said: Floats, hit: Bools, session: Array, overlap: int) -> Chance:
    if not len(said):
        raise InputError(f"of no plan {name} is known", "take a longer range, or another profile")
    return Chance(name, len(said), _mean(said), _mean(hit), tenths_of(said, hit, session, overlap))


def _mean(values: Array) -> float:
    return float(np.mean(values))


@dataclass(frozen=True, eq=False)
class _Walking(StoredCone):
    """A cone of some sessions that is recalibrated on every later one, by the returns that are known on it, as its
    record is (`cone.walk`). Its laws are what serves, also where the gate would let the rule. recent : by horizon."""

    laws: tuple[Law, ...]
    rules: tuple[Law, ...]
    recent: Mapping[int, Recent]
    says: str

    def serving(self, day: dt.date, index: str, adjust: str) -> Cone:  # noqa: ARG002 (of the same market)
        number = day_number(day)
        factors = {seen: one.factor(one.before(number)) for seen, one in self.recent.items()}
        laws = tuple(law.stretched(factors[seen_by(law.horizon)]) for law in self.laws)
        return Cone(laws, self.rules, self.says)


def _cone_of(source: History, until: dt.date, engine: Engine | None, tell: Progress) -> _Walking:
    """Of the returns that are known on a day."""
    samples, market = cone_samples(source, None, source.end, EVERY, Universe(), tell, engine=engine)
    rows = {horizon: Rows.of(samples, horizon, market) for horizon in HORIZONS}
    before = {horizon: known_before(one.dates, day_number(until), horizon) for horizon, one in rows.items()}
    laws = {horizon: fit_law(one, before[horizon]) for horizon, one in rows.items()}
    recent = {seen: Recent.of(rows[seen], laws[seen]) for seen in {*map(seen_by, HORIZONS)}}
    return _Walking(
        Path(),
        "",
        own=False,
        laws=tuple(laws.values()),
        rules=tuple(fit_rule(one, before[horizon]) for horizon, one in rows.items()),
        recent=recent,
        says="by a cone that is recalibrated on every session",
    )


def _plans(source: Source, past: Past, request: Request, sessions: Days, tell: Progress) -> tuple[pl.DataFrame, str]:
    """Every plan that could be made, and by what the ranges were."""
    warm_up(request.plan, tell, replayed=True)
    parts, says = [], ""
    walk = Walk(source, past, request, ())
    for done, seen in enumerate(walk.sections(sessions)):
        tell(done, len(sessions), "plans of sessions")
        result = rank(seen.section, request)
        found = result.assembled
        dropped = found.columns["dropped"]
        assert isinstance(dropped, Labels)
        frame = found.head(len(found.order), [*PLAN, *CHANCES, "side", "dropped"])
        own = found.order < len(seen.section.symbols)
        kept = ((frame["dropped"] == "") & frame["stop"].is_not_null()).to_numpy() & own
        parts.append(
            frame.filter(kept).select(
                *(pl.col(name).cast(pl.Float64).fill_null(np.nan) for name in (*PLAN, *CHANCES)),
                long=pl.col("side") == "long",
                place=pl.Series(seen.places[found.order[kept]]),
                session=pl.lit(int(seen.section.newest.max()), pl.Int32),
            )
        )
        says = result.section.cone.says
    return (pl.concat(parts) if parts else pl.DataFrame()), says


def _traded(source: Source, past: Past, request: Request, plans: pl.DataFrame) -> Trades:
    of = {name: plans[name].to_numpy() for name in (*PLAN, "long", "place", "session")}
    hold = request.profile.risk.hold
    ahead = bars_ahead(past, of["place"], of["session"], of["close"], hold + LATE, source.dividends, source.splits)
    return run_plans(ahead, of["long"], of["entry"], of["stop"], of["target"], Rules(hold))
