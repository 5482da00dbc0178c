"""Train the models of a store: samples from its own market, one model a horizon, each judged before it may count."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.dates import EPOCH, parse_date
from tapescan.core.errors import FileError, InputError, ModelError, OptionError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Device, setting
from tapescan.engine.seam import Engine
from tapescan.history.history import History, history_of, market_index
from tapescan.history.market import models_folder
from tapescan.market.calendar import EARLIEST, sessions
from tapescan.market.regime import Regime, market_regime
from tapescan.models.cone.record import RangesRecord, save_ranges
from tapescan.models.forecast import Model, Models, load_models
from tapescan.models.judging.costs import check_cost
from tapescan.models.judging.unseen import Unseen, judge_unseen, nothing_unseen
from tapescan.models.learners import DEFAULT, find_learner
from tapescan.models.learners.seam import Facts, Recipe
from tapescan.models.network.ranges import JudgedRanges, card_of, judge_ranges, save_quantiles
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.samples.build import build_samples, check_choice, sampled_sessions
from tapescan.models.samples.inputs import model_features
from tapescan.models.samples.labels import reach, until_all_known
from tapescan.models.samples.samples import Samples, Universe
from tapescan.models.task import Settings, check_dates
from tapescan.models.train import Learnt, learn
from tapescan.store import Store

__all__ = [
    "HORIZONS",
    "JudgedUnseen",
    "check_folder",
    "check_span",
    "judge_stored",
    "model_folder",
    "model_place",
    "sampled",
    "stored_models",
    "train_models",
]

HORIZONS = (5, 10)
#: Symbols whose bars are read at a time.
CHUNK = 1000


def model_folder(store: Store, folder: str | Path | None = None) -> Path:
    """Where the models of a store lie: the folder named, else TAPESCAN_MODELS, else where a scan looks for them."""
    return model_place(store, folder)[0]


def stored_models(store: Store, folder: str | Path | None = None) -> Models:
    """The models in that folder, as a scan of the store would use them."""
    place, own = model_place(store, folder)
    return load_models(place, store, own=own)


def model_place(store: Store, folder: str | Path | None) -> tuple[Path, bool]:
    """The folder, and whether it is the store's own, which nobody had to name."""
    named = folder or setting("models")
    if named:
        return Path(named).expanduser(), False
    own = models_folder(store)
    if own is None:
        raise OptionError(f"the store {store.path} is no local folder", "name one for the models: --models DIR")
    return own, True


def train_models(
    store: Store | str | Path,
    *,
    learner: str = DEFAULT,
    horizons: Sequence[int] | int = HORIZONS,
    start: dt.date | str | None = None,
    end: dt.date | str | None = None,
    folds: int = 5,
    every: int = 5,
    judged: int = 1,
    cost: float = 10.0,
    paths: bool | None = None,
    device: Device | None = None,
    folder: str | Path | None = None,
    recipe: Recipe | None = None,
    universe: Universe | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> list[Learnt]:
    """Build samples, train and judge a model for each horizon, and store them with their cards and records.

    store : folder, URL or Store; the trial is logged there. learner : its kind (`tapescan train --help` lists them).
    horizons : sessions. start : the first session sampled. end : nothing later is read.
    folds : test windows of the walk-forward. every : sessions between two dates that are trained on. judged : and
    between two that are judged, a part of `every`. cost : basis points of each purchase or sale of a share of
    `costs.COST_AT` dollars a session. paths : whether to train the combinatorial folds too, which takes three times
    as long; None for models that count.
    device : ``cuda`` trains on a GPU; None is the recipe's, or without one the setting's, where the learner has a use
    for it. folder : where models go; see `model_folder`. recipe : the learner's, in place of the one chosen
    (`models.learners`). universe : who is sampled. engine : where blocks and trainings run (`engine.chosen`); that of
    the settings for None. progress : called with (done, total, what).
    Raises InputError for too little history, LeakError when forecasts are too good to be true, StoreError for a store
    without bars or that cannot be written, OptionError without the learner's library or for arguments that cannot be
    used; no model is stored then.
    """
    first, last = parse_date(start, "start"), parse_date(end, "end")
    ahead, chosen = check_choice(horizons, every), find_learner(learner)
    if device is None and recipe is None and chosen.facts.gpu:
        device = setting("device")
    recipe = chosen.prepare(recipe, device)  # before minutes of work
    settings, universe = Settings(folds, every, judged, cost, paths), universe or Universe()
    store = store if isinstance(store, Store) else Store(str(store))
    place, trials = model_folder(store, folder), StoreTrials(store)
    source = history_of(store, last)
    check_span(source, first, last, universe, max(ahead), settings)
    check_folder(place)
    trials.check()
    tell = progress or silent
    samples, regimes = sampled(
        source, ahead, first, last, judged, universe, chosen.facts, engine, tell, recipe.more_features
    )
    ranges: list[JudgedRanges] = []

    def judge_them() -> None:
        tell(0, 0, "judging ranges")
        market = {day: one.realised for day, one in regimes.items()}
        ranges.append(judge_ranges(samples, chosen, recipe, market, settings))

    learnt = learn(
        samples,
        ahead,
        place,
        learner=chosen,
        trials=trials,
        recipe=recipe,
        settings=settings,
        regime={day: f"{one.trend} trend" for day, one in regimes.items()},
        engine=engine,
        progress=tell,
        before=judge_them if chosen.facts.quantiles else None,
    )
    for one in ranges:
        digests = {each.horizon: each.card.digest for each in learnt}
        card = save_quantiles(place, card_of(chosen.facts.kind, one.records, digests, source.end, store.identity))
        save_ranges(place, RangesRecord(name=card.kind, trained=card.created_at, every=every, horizons=one.beside))
    return learnt


def sampled(
    source: History,
    horizons: tuple[int, ...],
    start: dt.date | None,
    end: dt.date | None,
    every: int,
    universe: Universe,
    facts: Facts,
    engine: Engine | None,
    progress: Progress,
    more: Sequence[str] = (),
) -> tuple[Samples, dict[int, Regime]]:
    """The samples of a learner, and the market's regime on each of their sessions. more : features beside its own."""
    market = market_index(source, CHUNK)
    samples = build_samples(
        source,
        horizons=horizons,
        start=start,
        end=end,
        every=every,
        filters=universe,
        features=(*(facts.features or model_features()), *more) if facts.features or more else None,
        market=market,
        both=facts.quantiles,
        engine=engine,
        progress=progress,
    )
    days = np.unique(samples.session).tolist()
    return until_all_known(samples) if facts.quantiles else samples, {day: market_regime(market, day) for day in days}


def check_folder(folder: Path) -> None:
    """Raises FileError for a folder in which no model can be stored, before minutes of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(
            f"models cannot be stored in {folder}: {error.strerror}", "name another folder: --models DIR"
        ) from error
    if not os.access(folder, os.W_OK):
        raise FileError(f"models cannot be stored in {folder}: it may not be written", "name another: --models DIR")


def check_span(
    source: History, start: dt.date | None, end: dt.date | None, universe: Universe, horizon: int, settings: Settings
) -> None:
    """Raise InputError when the dates cannot do, before features are computed.

    The oldest symbols are sampled from the session on with which they have enough bars; the last labels have to end.
    """
    if start and end and start > end:
        raise InputError(f"from {start} to {end} is no range of dates", "give the earlier one first")
    begin = max(source.first, EARLIEST)
    known = sessions(begin, source.settled)
    usable = known[universe.min_bars - 1 : max(len(known) - reach(horizon), 0)]
    dates = sampled_sessions(max(start or begin, begin), source.settled, settings.judged)
    try:
        check_dates(dates[np.isin(dates, usable)], horizon, settings)
    except InputError as error:
        if isinstance(error, OptionError):
            raise
        raise InputError(
            f"{error.what} (the store has {len(known)} sessions, {begin} to {source.settled}; a symbol is sampled "
            f"from its bar {universe.min_bars} on)",
            error.hint if start else f"{error.hint}: older bars come by `tapescan import` or `tapescan sync --from`",
        ) from error


@dataclass(frozen=True)
class JudgedUnseen:
    """judged : the models with sessions after their training. notes : a line for each of the others."""

    judged: tuple[Unseen, ...]
    notes: tuple[str, ...]


def judge_stored(
    store: Store | str | Path,
    *,
    folder: str | Path | None = None,
    end: dt.date | str | None = None,
    cost: float = Settings().cost,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> JudgedUnseen:
    """Judge the stored models on the store's sessions that came after their training, as `models.unseen` does.

    end : nothing later is read. cost : basis points of each purchase or sale. engine : where blocks are computed;
    that of the settings for None.
    Raises ModelError when no model may be served, InputError when no session came after any model's training.
    """
    last, cost = parse_date(end, "end"), check_cost(cost)
    store = store if isinstance(store, Store) else Store(str(store))
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    models = stored_models(store, folder)
    notes = [*models.notes, *(f"{one.name} is refused: {one.reason}" for one in models.refused)]
    if not models.models:
        raise ModelError(
            "; ".join(notes) or f"{model_folder(store, folder)} holds no models",
            f"train first: tapescan train --store {store.path}",
        )
    tell = progress or silent
    judged = []
    source = history_of(store, last)
    for model in models.models:
        try:
            judged.append(_judged(source, model, last, cost, engine, tell))
        except InputError as error:
            notes.append(str(error))
    if not judged:
        raise InputError("; ".join(notes))
    return JudgedUnseen(tuple(judged), tuple(notes))


def _judged(
    source: History, model: Model, end: dt.date | None, cost: float, engine: Engine | None, tell: Progress
) -> Unseen:
    card = model.card
    known = sessions(card.first, max(card.first, source.settled))[: -reach(card.horizon)]
    if not len(known) or not card.has_not_seen(EPOCH + dt.timedelta(days=int(known[-1]))):
        raise nothing_unseen(card)  # before minutes of work
    samples = build_samples(
        source,
        horizons=(card.horizon,),
        start=card.first,
        end=end,
        every=card.judged,
        filters=msgspec.convert(card.data["filters"], Universe),
        features=card.features,
        # The training's, also where a scan would by now take another one.
        market=market_index(source, CHUNK, card.data["market_index"]),
        engine=engine,
        progress=tell,
    )
    return judge_unseen(model, samples, cost)
