"""Train the cone of a store: a law a horizon, judged out of sample beside the volatility rule before it may serve.

    samples ─▶ log returns from close to close ─▶ walk-forward folds ─▶ outcomes out of sample ─▶ gate ─▶ card
            └▶ all dates ─▶ the laws that are stored ─▶ recalibrated by the newest dates

Beside the card lies a record of rule, cone, and whoever else was judged on the same rows (`record`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from tapescan.columns.ranges import HORIZONS, TERMS
from tapescan.core.dates import date_of, parse_date
from tapescan.core.errors import InputError, ModelError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.engine.seam import Engine
from tapescan.history.history import History, history_of, market_index
from tapescan.market.regime import market_regime
from tapescan.models.cone.boosted import Forecaster, beside
from tapescan.models.cone.card import ConeCard, save_cone
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.law import Law
from tapescan.models.cone.recalibrate import RECENT, Recalibration, Recent, seen_by
from tapescan.models.cone.record import RangesRecord, range_record, save_ranges
from tapescan.models.cone.serving import StoredCone
from tapescan.models.cone.walk import walked
from tapescan.models.learners import CONE
from tapescan.models.registry.files import plain
from tapescan.models.registry.names import CONE_FILE
from tapescan.models.registry.probe import probe_values
from tapescan.models.registry.trials import StoreTrials, Trial
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Samples, Universe
from tapescan.models.stored import CHUNK, check_folder, model_place
from tapescan.store import Store

__all__ = [
    "EVERY",
    "FOLDS",
    "LearntCone",
    "cone_samples",
    "learn_cone",
    "recalibrate_cone",
    "served_card",
    "stored_cone",
    "train_cone",
]

#: Test windows of the walk-forward, and sessions between two samples of a symbol.
FOLDS, EVERY = 3, 5


def train_cone(
    store: Store | str | Path,
    *,
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    folds: int = FOLDS,
    every: int = EVERY,
    folder: str | Path | None = None,
    universe: Universe | None = None,
    others: Sequence[str] = (),
    progress: Progress | None = None,
) -> ConeCard:
    """Train, judge and store the cone of a store, of all horizons at once, and the record of who stands beside it.

    store : folder, URL or Store; the trial is logged there. start : the first session sampled. end : nothing later
    is read. folds : test windows of the walk-forward. every : sessions between two samples of a symbol. folder :
    where models go; see `stored.model_folder`. universe : who is sampled. others : who is judged on the same rows,
    by name (`boosted.BESIDE`); they never serve.
    Raises InputError for too little history, StoreError for a store without bars or that cannot be written,
    OptionError for arguments that cannot be used; nothing is stored then.
    """
    first, last = parse_date(start, "start"), parse_date(end, "end")
    named = [beside(name) for name in others]
    store, place = _opened(store, folder)
    trials = StoreTrials(store)
    trials.check()
    source = history_of(store, last)
    samples, market = cone_samples(source, first, last, every, universe or Universe(), progress or silent)
    trials.log(_trial(samples, folds, every))
    learnt = learn_cone(samples, market, source.end, store.identity, folds=folds, every=every, others=named)
    # The record after the card that it names: what is left of a kill between them names another, and is not shown.
    card = save_cone(place, learnt.card)
    save_ranges(place, learnt.record)
    return card


def recalibrate_cone(
    store: Store | str | Path,
    *,
    end: dt.date | str | None = None,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> ConeCard:
    """Hold the stored cone against what came since, and store it so; laws, record and gate stay.

    Arguments as of `train_cone`. Raises ModelError where no cone may be served, and as `train_cone` does.
    """
    last = parse_date(end, "end")
    store, place = _opened(store, folder)
    card = served_card(store, folder)
    source = history_of(store, last)
    # As many sessions as the newest dates and their returns take, and some more.
    begin = source.end - dt.timedelta(days=2 * card.every * (RECENT + 3))
    filters = msgspec.convert(card.data["filters"], Universe)
    samples, market = cone_samples(
        source, begin, last, card.every, filters, progress or silent, card.data.get("market_index")
    )
    rows = {horizon: Rows.of(samples, horizon, market) for horizon in sorted({*map(seen_by, HORIZONS)})}
    late = _recalibrations(rows, {law.horizon: law for law in card.laws}, card.every)
    return save_cone(place, msgspec.structs.replace(card, recalibrations=late, seen=source.end))


def stored_cone(store: Store, folder: str | Path | None = None) -> StoredCone:
    """The cone in that folder, as a scan of the store would use it."""
    place, own = model_place(store, folder)
    return StoredCone(place / CONE_FILE, store.identity, own)


def served_card(store: Store, folder: str | Path | None = None) -> ConeCard:
    """Its card. Raises ModelError where there is none that may be served."""
    found = stored_cone(store, folder)
    if found.card is None:
        what = found.refused or f"{found.path.parent} holds no cone"
        raise ModelError(what, "train one: tapescan train --learner cone")
    return found.card


class LearntCone(NamedTuple):
    """Neither sealed nor stored."""

    card: ConeCard
    record: RangesRecord


def learn_cone(
    samples: Samples,
    market: Mapping[int, float],
    seen: dt.date,
    store: str = "",
    *,
    folds: int = FOLDS,
    every: int = EVERY,
    others: Sequence[Forecaster] = (),
) -> LearntCone:
    """A cone of samples, and the record of all that were judged.

    samples : of TERMS, with returns from close to close over HORIZONS. market : the index's volatility over 21
    sessions on each session, a ratio a year. seen : the last day whose prices are in returns. store : the identity
    of the store that they are of; empty for none.
    Raises InputError when they are too few.
    """
    rows = {horizon: Rows.of(samples, horizon, market) for horizon in HORIZONS}
    ranged = tuple(
        range_record(rows[horizon], walked(rows, horizon, folds, others), samples.dollar_volume, every)
        for horizon in HORIZONS
    )
    laws = {horizon: fit_law(one, one.dates) for horizon, one in rows.items()}
    card = ConeCard(
        laws=tuple(laws.values()),
        rules=tuple(fit_rule(one, one.dates) for one in rows.values()),
        records=tuple(one.forecasters[CONE].record for one in ranged),
        recalibrations=_recalibrations(rows, laws, every),
        features=TERMS,
        folds=folds,
        every=every,
        first=date_of(int(samples.session[0])),
        last=date_of(int(samples.session[-1])),
        seen=seen,
        rows=len(rows[HORIZONS[0]].place),
        symbols=len(np.unique(samples.symbol[rows[HORIZONS[0]].place])),
        store=store,
        data=plain(dict(samples.provenance)),
        probe=probe_values(TERMS),
        created_at=dt.datetime.now(dt.UTC),
    )
    return LearntCone(card, RangesRecord(name=CONE, trained=card.created_at, every=every, horizons=ranged))


def _recalibrations(rows: Mapping[int, Rows], laws: Mapping[int, Law], every: int) -> tuple[Recalibration, ...]:
    found = []
    for horizon in HORIZONS:
        seen = seen_by(horizon)
        dates = rows[seen].dates[-RECENT:]
        if not len(dates):
            raise InputError(f"no return over {seen} sessions is known of late", "bring the store up to date")
        found.append(Recent.of(rows[seen], laws[seen]).recalibration(horizon, dates, every))
    return tuple(found)


def cone_samples(
    source: History,
    start: dt.date | None,
    end: dt.date | None,
    every: int,
    universe: Universe,
    progress: Progress,
    index: str | None = None,
    engine: Engine | None = None,
) -> tuple[Samples, dict[int, float]]:
    """The samples, and the market's volatility on each of their sessions. index : the market's; None for a scan's.
    engine : where blocks are computed; that of the settings for None."""
    market = market_index(source, CHUNK) if index is None else market_index(source, CHUNK, index)
    samples = build_samples(
        source,
        horizons=HORIZONS,
        start=start,
        end=end,
        every=every,
        filters=universe,
        features=TERMS,
        market=market,
        closing=True,
        engine=engine,
        progress=progress,
    )
    days = np.unique(samples.session).tolist()
    return samples, {day: market_regime(market, day).realised for day in days}


def _opened(store: Store | str | Path, folder: str | Path | None) -> tuple[Store, Path]:
    store = store if isinstance(store, Store) else Store(str(store))
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    place, _ = model_place(store, folder)
    check_folder(place)
    return store, place


def _trial(samples: Samples, folds: int, every: int) -> Trial:
    chosen = {"features": TERMS, "folds": folds, "every": every}
    chosen |= {name: samples.provenance.get(name) for name in ("filters", "market_index", "asked")}
    return Trial.of(CONE, max(HORIZONS), chosen)
