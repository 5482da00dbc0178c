"""The network: a light temporal fusion transformer (`models.network`), whose forecast is the median of its quantiles.

It learns all horizons of the samples at once, so that one fit serves them all: from those of the training dates whose
returns over the longest of them, and a gap as long, end where those of its own horizon's newest date do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args
from weakref import WeakKeyDictionary

import msgspec
import numpy as np

from tapescan.core.dates import date_of
from tapescan.core.errors import InputError, ModelError, OptionError
from tapescan.core.logs import logarithm
from tapescan.core.settings import Device
from tapescan.core.typing import Bools, Days, Floats, Ints, Shorts, Singles
from tapescan.market.calendar import sessions
from tapescan.models.cone.law import MEDIAN
from tapescan.models.judging.folds import known_before
from tapescan.models.learners import seam
from tapescan.models.learners.seam import Facts, Learner, Regard
from tapescan.models.network.forward import Sizes
from tapescan.models.network.graph import as_onnx, load_onnx
from tapescan.models.network.inputs import CHANNELS, FEATURES, RULED_BY, Layout, past_name, season
from tapescan.models.network.learning import has_gpu, learnt, load_torch
from tapescan.models.network.rows import Learning, Learnt, Rows
from tapescan.models.network.serving import ABOUT, BATCH, About, Served, load_runtime, served
from tapescan.models.samples.inputs import as_inputs
from tapescan.models.samples.samples import Samples

__all__ = ["LEARNER", "Network", "Recipe"]

#: Fewer labelled rows teach nothing.
FEWEST_ROWS = 1000

#: A scalar that has no two values this share of its size apart says nothing.
LEAST_SPREAD = 1e-6

#: The end of a file: an entry of ONNX's own that says whose horizon it is. What is before is the same of all horizons
#: of a training.
_MARK = b"\x72\x10\x0a\x07horizon\x12\x05"
_END = len(_MARK) + 5


class Recipe(seam.Recipe, frozen=True, kw_only=True):
    """hidden, heads : of the network. members : of the ensemble, each of a seed of its own. rate, decay : of AdamW.
    dropout : share of what is put to 0. batch : rows of a step; round : rows of a round, after which the loss of the
    dates held out is taken. rounds : at most. patience : rounds without a better one after which it ends.
    held : the newest share of the training dates, which is held out.
    """

    hidden: int = 16
    heads: int = 2
    members: int = 3
    rate: float = 2e-3
    decay: float = 1e-2
    dropout: float = 0.2
    batch: int = 1024
    round: int = 65_536
    rounds: int = 8
    patience: int = 3
    held: float = 0.2
    seed: int = 7
    device: Device = "cpu"


class Tft:
    """The learner."""

    facts = Facts(
        kind="tft",
        title="temporal fusion transformer",
        ending=".onnx",
        missing="counts as the middle of the training's rows",
        extra="deep",
        needs=(RULED_BY, past_name(0, CHANNELS[0])),
        features=FEATURES,
        quantiles=True,
        gpu=True,
    )

    def prepare(self, recipe: seam.Recipe | None = None, device: Device | None = None) -> Recipe:
        """Without a GPU the CPU is taken in its place, which `Recipe.device` says."""
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        wanted = device or chosen.device
        if wanted not in get_args(Device):
            raise OptionError(f"device {wanted!r}", f"expected {' or '.join(get_args(Device))}")
        load_torch(), load_onnx(), load_runtime()
        return msgspec.structs.replace(chosen, device="cuda" if wanted == "cuda" and has_gpu() else "cpu")

    def serve_on(self, device: Device) -> tuple[Device, str]:  # noqa: ARG002 (the CPU is as fast for so few rows)
        load_runtime()
        return "cpu", ""

    def fit(self, samples: Samples, dates: Days, labels: Singles, horizon: int, recipe: seam.Recipe) -> Network:
        """Of `labels` it is asked only which rows have one: the targets are the samples' returns."""
        chosen = seam.own_recipe(self.facts.kind, Recipe, recipe)
        seam.check_needs(self.facts, samples.features)
        kept = _all_known(dates, horizon, samples)
        if len(seam.training_rows(samples, kept, labels)) < FEWEST_ROWS:
            raise InputError(
                f"too few labelled samples to train on: {len(kept)} dates of them", "give more history or symbols"
            )
        memo = _FITTED.setdefault(samples, {})
        key = kept.tobytes(), chosen
        if key not in memo:
            memo[key] = _fit(samples, kept, chosen)
        return Network(samples.features, horizon, memo[key])

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Network:  # noqa: ARG002
        mark, digits = content[-_END:-5], content[-5:]
        if mark != _MARK or not digits.isdigit():
            raise ModelError("its file is no network of ours", "train again")
        found, horizon = served(content[:-_END]), int(digits)
        if found.about.features != features:
            raise ModelError("its network is for other features than its card names", "train again")
        if horizon not in found.about.horizons:
            raise ModelError(f"its network says nothing of {horizon} sessions", "train again")
        return Network(features, horizon, found)


LEARNER: Learner = Tft()

#: Of samples that somebody still holds: what was learnt of which dates.
_FITTED: WeakKeyDictionary[Samples, dict[tuple[bytes, Recipe], Served]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Network:
    """A fitted network, of one of its horizons."""

    features: tuple[str, ...]
    horizon: int
    served: Served

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:  # noqa: ARG002
        """The median of the log return over the horizon."""
        return self._levels(values, session, MEDIAN)

    def quantiles(self, values: Singles, session: Days) -> Floats:
        """The log return's, float64 ``(levels, rows)``, ascending by level; NaN for a row without a forecast, and
        where the volatility is unknown that a range is measured by."""
        found = self._levels(values, session, slice(None)).T
        found[:, ~np.isfinite(values[:, self.features.index(RULED_BY)])] = np.nan
        return found

    def _levels(self, values: Singles, session: Days, which: int | slice) -> Floats:
        seam.check_width(values, len(self.features))
        inputs = as_inputs(values)
        found = self.served.quantiles(inputs, session)[:, self._place, which].astype(np.float64)
        found[seam.nothing_known(inputs)] = np.nan
        return found

    def over(self, horizon: int) -> Network:
        """The same fit, of another of its horizons."""
        return replace(self, horizon=horizon)

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> None:
        """Nothing that adds up: `regard` says what it looked at."""

    def regard(self, values: Singles, session: Days, rows: Ints) -> Regard:
        seam.check_width(values, len(self.features))
        about, inputs = self.served.about, as_inputs(values[rows])
        known = season(session[rows], about.horizons)
        scalars, channels, days = self.served.run(inputs, known, ("scalars", "channels", "days"))
        shares = {name: scalars[:, at].astype(np.float64) for at, name in enumerate(about.scalars)}
        past = {name: channels[:, self._place, at].astype(np.float64) for at, name in enumerate(CHANNELS)}
        return Regard(shares, past, days[:, self._place, ::-1].astype(np.float64))

    def importance(self) -> dict[str, float]:
        """By how much the loss of the dates held out rises where a variable is the middle of all."""
        return dict(self.served.about.importance)

    def save(self) -> bytes:
        return self.served.content + _MARK + f"{self.horizon:05d}".encode()

    @property
    def _place(self) -> int:
        return self.served.about.horizons.index(self.horizon)


def _fit(samples: Samples, dates: Days, recipe: Recipe) -> Served:
    horizons = tuple(sorted(samples.forward))
    targets = np.stack([_targets(samples, one) for one in horizons], axis=1)
    start = dates[int((1.0 - recipe.held) * len(dates))]
    early = known_before(dates, int(start), max(horizons))
    some = np.flatnonzero(
        np.isin(samples.session, dates)
        & np.isfinite(targets).any(axis=1)
        & np.isfinite(samples.values[:, samples.features.index(RULED_BY)])
    )
    session, values = samples.session[some], as_inputs(samples.values[some])
    layout = Layout.of(samples.features, _silent(samples.features, values))
    rows = Rows(
        values,
        season(session, horizons),
        targets[some],
        session,
        np.flatnonzero(np.isin(session, early)),
        np.flatnonzero(session >= start),
    )
    if not len(rows.train) or not len(rows.held):
        raise InputError(
            f"too few dates to train on: of {len(dates)} the newest are held out, and none lies far enough before",
            "take a longer range of dates",
        )
    sizes = Sizes(
        recipe.members, len(layout.scalars), layout.days, len(CHANNELS), len(horizons), recipe.hidden, recipe.heads
    )
    how = Learning(
        sizes, recipe.rate, recipe.decay, recipe.dropout, recipe.batch, recipe.round, recipe.rounds, recipe.patience,
        recipe.seed, recipe.device,
    )  # fmt: skip
    found = learnt(rows, layout, how, horizons)
    about = About(
        samples.features,
        horizons,
        tuple(layout.features[at] for at in layout.scalars),
        layout.days,
        _importance(layout, found),
        found.rounds,
        found.losses,
    )
    texts = {ABOUT: msgspec.json.encode(about).decode()}
    return served(as_onnx(found.weights, found.constants, sizes, layout, horizons, BATCH, texts))


def _targets(samples: Samples, horizon: int) -> Singles:
    """Log returns, from close to close where the samples have those."""
    returns = samples.closing.get(horizon, samples.forward[horizon])
    found: Singles = logarithm(1.0 + np.asarray(returns, np.float64)).astype(np.float32)
    return np.where(np.isfinite(found), found, np.float32(np.nan))


def _silent(features: tuple[str, ...], values: Singles) -> tuple[str, ...]:
    """Features that are never known, or always the same."""
    with np.errstate(all="ignore"):
        low, high = (
            one(values, axis=0, initial=edge) for one, edge in ((np.fmin.reduce, np.inf), (np.fmax.reduce, -np.inf))
        )
    says = high - low > LEAST_SPREAD * np.maximum(np.abs(low), np.abs(high))
    return tuple(name for name, one in zip(features, says.tolist(), strict=True) if not one)


def _importance(layout: Layout, found: Learnt) -> dict[str, float]:
    rises = {layout.features[at]: float(rise) for at, rise in zip(layout.scalars, found.scalars, strict=True)}
    for row, places in zip(found.past, layout.past, strict=True):
        rises |= {layout.features[at]: float(rise) for at, rise in zip(places, row, strict=True)}
    total = sum(rises.values())
    shares = {name: rise / total for name, rise in rises.items() if rise > 0.0}
    return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))


def _all_known(dates: Days, horizon: int, samples: Samples) -> Days:
    """Those of the dates whose returns over the longest horizon reach no further than the labels of the newest.

    A stretch of dates without a gap may be followed by dates that are judged, which begin when the labels of its last
    date, and as many sessions more as these take, have ended. All horizons are learnt from dates for which that holds
    of all of them; it leaves the same dates whichever of the horizons is asked for. After the samples' newest date
    nothing is judged.
    """
    longest = max(samples.forward)
    if longest == horizon or not len(dates):
        return dates
    known = sessions(date_of(int(dates[0])), date_of(int(dates[-1])))
    place = np.searchsorted(known, dates)
    steps = np.diff(place)
    usual = int(np.median(steps)) if len(steps) else 1
    ends = np.append(np.flatnonzero(steps > usual), len(dates) - 1)
    last = place[ends[np.searchsorted(ends, np.arange(len(dates)))]]
    kept: Bools = place + 2 * (longest - horizon) <= last
    labelled = samples.session[np.isfinite(samples.forward[longest])]
    # Fewer sessions than lie between two dates: of a training on all of them.
    if len(np.unique(labelled[labelled > dates[-1]])) < usual:
        kept |= last == place[-1]
    return dates[kept]
