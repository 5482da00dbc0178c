"""Many recipes of one learner, each trained and judged: a grid from a TOML file, every one of them a trial.

    learner = "xgboost"
    horizons = [5, 10]

    [grid]
    depth = [3, 4]
    rate = [0.02, 0.05]

All are logged before the first is trained (those that ask for other features: before the first of these), so that
each is judged as one of all: the best of many looks good by chance. What came of one lies in a folder of its own,
named by a digest of all that it is made of: a job that was stopped goes on with the first that has none.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from tapescan.core.dates import parse_date
from tapescan.core.errors import FileError, ModelError, OptionError, nearest
from tapescan.core.pages import Table, as_text, show
from tapescan.core.progress import Progress, silent
from tapescan.core.toml import read_toml
from tapescan.engine.seam import Engine
from tapescan.history.history import History, history_of
from tapescan.models.learners import CONE, DEFAULT, find_learner
from tapescan.models.learners.seam import Learner, Recipe
from tapescan.models.registry.record import MODEL, Record, holds_records, read_records
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.samples.build import check_choice
from tapescan.models.samples.samples import Universe
from tapescan.models.stored import HORIZONS, check_folder, check_span, model_folder, sampled
from tapescan.models.task import Settings, Task
from tapescan.models.train import learn
from tapescan.store import Store
from tapescan.version import __version__

__all__ = ["MOST", "Grid", "Tried", "grid_text", "read_grid", "try_grid"]

#: Tables that hold results, which a further result does not hang on.
RESULTS = {"trials", "scans", "replays"}

#: Recipes of a grid. Each of more would have to be wonderful to be more than chance.
MOST = 200


class Grid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is tried. start, end : dates, as ``from`` and ``to`` in the file; empty for all. folds, every, judged,
    cost : as of `task.Settings`. grid : by field of the learner's recipe, the values that it takes: all combinations
    are tried."""

    learner: str = DEFAULT
    horizons: tuple[int, ...] = HORIZONS
    start: str = msgspec.field(name="from", default="")
    end: str = msgspec.field(name="to", default="")
    folds: int = 5
    every: int = 5
    judged: int = 1
    cost: float = 10.0
    grid: dict[str, list[Any]]


@dataclass(frozen=True)
class Tried:
    """One recipe. varied : what it takes of the grid. folder : where its models and records lie. records : a
    horizon each. before : whether it was done by an earlier run."""

    varied: dict[str, Any]
    folder: Path
    records: tuple[Record, ...]
    before: bool


def read_grid(path: Path) -> Grid:
    """A grid by its file. Raises FileError for what is none."""
    try:
        return msgspec.convert(read_toml(path), Grid)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}", "name a TOML file") from error
    except (ValueError, msgspec.ValidationError) as error:
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(Grid))
        raise FileError(f"{path}: {error}", f"it may set {known}") from error


def recipes_of(grid: Grid, learner: Learner) -> list[tuple[dict[str, Any], Recipe]]:
    """All combinations, in the file's order, the last field's values changing first. Raises OptionError for a field
    that the recipe does not have, or a value that it cannot have."""
    own = learner.prepare()
    for name, values in grid.grid.items():
        if name not in own.__struct_fields__:
            known = own.__struct_fields__
            raise OptionError(
                f"the recipe of {grid.learner} has no {name!r}", nearest(name, known) or f"it has {', '.join(known)}"
            )
        if not values:
            raise OptionError(f"grid: {name} has no values", "give some, as [3, 4]")
    many = math.prod(map(len, grid.grid.values()))
    if not 0 < many <= MOST:
        raise OptionError(f"the grid has {many:,} recipes", f"try {MOST} at most")
    found = []
    for chosen in itertools.product(*grid.grid.values()):
        varied = dict(zip(grid.grid, chosen, strict=True))
        try:
            recipe = msgspec.convert({**msgspec.to_builtins(own), **varied}, type(own))
        except msgspec.ValidationError as error:
            raise OptionError(f"grid: {varied}: {error}", f"see the recipe of {grid.learner}") from error
        found.append((varied, learner.prepare(recipe)))
    return found


def try_grid(
    store: Store,
    grid: Grid,
    *,
    folder: str | Path | None = None,
    universe: Universe | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> list[Tried]:
    """Train and judge every recipe, or read what an earlier run made of it.

    folder : for their folders; `trials` in that of the store's models for None. universe : who is sampled. engine :
    where blocks and trainings run; that of the settings for None.
    Raises what `stored.train_models` does; a LeakError, which is of the features, ends all.
    """
    first, last = parse_date(grid.start or None, "start"), parse_date(grid.end or None, "end")
    if grid.learner == CONE or find_learner(grid.learner).facts.quantiles:
        raise OptionError(
            f"{grid.learner} says ranges, whose trainings are not compared here", "give another learner"
        )
    learner, settings = find_learner(grid.learner), Settings(grid.folds, grid.every, grid.judged, grid.cost, False)
    ahead, tell = check_choice(grid.horizons, grid.every), progress or silent
    recipes, universe = recipes_of(grid, learner), universe or Universe()
    source, trials = history_of(store, last), StoreTrials(store)
    check_span(source, first, last, universe, max(ahead), settings)
    place = Path(folder) if folder else model_folder(store) / "trials"
    check_folder(place)
    trials.check()
    asked = _asked(source, grid, first, universe)
    jobs = [_Job(varied, recipe, place / _digest(asked, recipe)) for varied, recipe in recipes]
    due = [job for job in jobs if not job.is_done(ahead)]
    for _, some in itertools.groupby(sorted(due, key=_more), key=_more):  # samples of the same features
        same = list(some)
        made, regimes = sampled(
            source, ahead, first, last, grid.judged, universe, learner.facts, engine, tell, _more(same[0])
        )
        for job in same:
            for horizon in ahead:
                trials.log(Task.of(made, horizon, learner, job.recipe, settings, None).trial)
        for number, job in enumerate(same):
            learn(
                made,
                ahead,
                job.folder,
                learner=learner,
                trials=trials,
                recipe=job.recipe,
                settings=settings,
                regime={day: f"{one.trend} trend" for day, one in regimes.items()},
                engine=engine,
                progress=partial(_told, tell, number, len(same)),
            )
    fresh = {job.folder for job in due}
    return [Tried(job.varied, job.folder, tuple(read_records(job.folder)), job.folder not in fresh) for job in jobs]


def grid_text(found: Sequence[Tried]) -> str:
    """One table of all, as plain text: of each horizon the best first, by the t of what would be bought."""
    names = list(found[0].varied) if found else []
    pairs = [(record, tried) for tried in found for record in tried.records]
    pairs.sort(key=lambda pair: (pair[0].horizon, -(pair[0].model.summary.bought_t or -math.inf)))
    rows = []
    for record, one in pairs:
        mine, others = record.model.summary, [its for name, its in record.judgements.items() if name != MODEL]
        best = max((its.summary.rank_ic or -math.inf for its in others), default=math.nan)
        rows.append(
            (
                one.folder.name,
                *(str(one.varied[name]) for name in names),
                str(record.horizon),
                show("{:+.4f}", mine.rank_ic),
                show("{:+.1f}", mine.t),
                show("{:+.4f}", best),
                show("{:+.1%}", mine.bought_yearly),
                show("{:+.1f}", mine.bought_t),
                show("{:.0%}", record.model.deflated.probability),
                show("{:.2f}", record.gate.weight),
            )
        )
    many = max((record.trials for one in found for record in one.records), default=0)
    title = f"{len(found)} recipes, out of sample; each judged as one of {many} trials"
    heads = (
        "folder",
        *names,
        "horizon",
        "rank IC",
        "t",
        "best baseline",
        "bought a year",
        "its t",
        "deflated",
        "weight",
    )
    return "\n".join(as_text(Table(title, heads, tuple(rows)))) + "\n"


@dataclass(frozen=True)
class _Job:
    varied: dict[str, Any]
    recipe: Recipe
    folder: Path

    def is_done(self, horizons: Sequence[int]) -> bool:
        """Whether all of it was written; a record comes after its model."""
        if not holds_records(self.folder):
            return False
        try:
            return {record.horizon for record in read_records(self.folder)} == set(horizons)
        except ModelError:
            return False  # of another version, or cut short by a power cut: it is made anew


def _more(job: _Job) -> tuple[str, ...]:
    return tuple(job.recipe.more_features)


def _asked(source: History, grid: Grid, first: dt.date | None, universe: Universe) -> dict[str, Any]:
    """All that a result hangs on beside the recipe: the data's versions among it."""
    versions = {name: one for name, one in source.provenance["store"].items() if name not in RESULTS}
    return {
        "version": __version__,
        "data": {**source.provenance, "store": versions},
        "learner": grid.learner,
        "horizons": sorted(grid.horizons),
        "dates": [str(first), str(source.end)],
        "settings": [grid.folds, grid.every, grid.judged, grid.cost],
        "universe": msgspec.to_builtins(universe),
    }


def _digest(asked: dict[str, Any], recipe: Recipe) -> str:
    text = msgspec.json.encode({**asked, "recipe": msgspec.to_builtins(recipe)}, order="sorted")
    return hashlib.sha256(text).hexdigest()[:12]


def _told(tell: Progress, number: int, many: int, done: int, total: int, what: str) -> None:
    tell(done, total, f"recipe {number + 1} of {many}: {what}")
