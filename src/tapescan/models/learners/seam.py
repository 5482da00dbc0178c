"""What a learner is: it is fitted on samples, and what comes of it forecasts, explains itself, and can be stored.

Labels are the ranks of forward returns among the symbols of one session, so that an order is learnt and not the
market's direction. What holds for each learner is checked for all that there are, by numbered cards
(`tests/models/learner_cards.py`); a learner adds its facts and no test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

import msgspec
import numpy as np

from tapescan.core.errors import ModelError, OptionError, nearest
from tapescan.core.settings import Device
from tapescan.core.typing import Bools, Days, Floats, Ints, Shorts, Singles
from tapescan.models.samples.samples import Samples

__all__ = [
    "Facts",
    "Fitted",
    "Learner",
    "Recipe",
    "Regard",
    "Regarding",
    "check_needs",
    "check_width",
    "cpu_only",
    "decode_learnt",
    "forecast_rows",
    "nothing_known",
    "own_recipe",
    "training_rows",
]

#: Rows of samples that are forecast at a time, and some more up to the end of a session.
CHUNK = 200_000

Own = TypeVar("Own", bound="Recipe")
Learnt = TypeVar("Learnt")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How a learner is trained: all that may be chosen, written down with each trial. This one chooses nothing."""

    @property
    def more_features(self) -> tuple[str, ...]:
        """Features that it takes beside the default ones (`samples.inputs.model_features`)."""
        return ()


@dataclass(frozen=True)
class Facts:
    """What is to be known of a learner without training it.

    kind : the name of its file. title : in words. ending : of the files that hold what it learnt.
    missing : what becomes of a feature without a value, in a sentence.
    extra : the extra of this package that brings its library; empty for none.
    needs : features that it cannot do without. features : that it is trained on; those of every model where it names
    none. quantiles : it says quantiles, and a fit learns all horizons of the samples, so that
    the next one costs nothing.
    alone : a row's forecast hangs on that row only, not on the others of its session.
    learns : labels change its forecasts. gpu : one can do its work. baseline : every other model has to beat it.
    """

    kind: str
    title: str
    ending: str
    missing: str
    extra: str = ""
    needs: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    quantiles: bool = False
    alone: bool = True
    learns: bool = True
    gpu: bool = False
    baseline: bool = False


class Fitted(Protocol):
    """What was learnt. Rows may be of several sessions; a session's rows lie together.

    Infinite values count as unknown. A row of which nothing is known has no forecast (NaN).
    """

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the values that it takes, in order."""
        ...

    def forecast(self, values: Singles, session: Days, industry: Shorts | None = None) -> Floats:
        """A forecast of each row, float64 ``(rows,)``; more is better, the unit is the learner's.

        values : float32 ``(rows, features)``. session : ``(rows,)``, days since 1970-01-01, ascending.
        industry : ``(rows,)``, the same number for rows of one industry, 0 for none known; None where nobody knows
        any. Numbers tell industries of one call apart, and mean nothing else.
        Raises OptionError for values of another width.
        """
        ...

    def explain(self, values: Singles, session: Days, rows: Ints, industry: Shorts | None = None) -> Floats | None:
        """What each feature adds to the forecasts of some of these rows, float64 ``(len(rows), features + 1)``; the
        base, the same for all, is last, and a row's sum is its forecast. None for a learner that cannot say."""
        ...

    def importance(self) -> dict[str, float]:
        """Features by their share in what was learnt, the largest first; they add up to 1, if there are any."""
        ...

    def save(self) -> bytes:
        """All that `Learner.load` needs beside the names of the features. No code: loading it runs nothing."""
        ...


@dataclass(frozen=True, eq=False)
class Regard:
    """What some rows' forecasts looked at: shares, each of ``(rows,)``; nothing of them adds up to a forecast.

    scalars : of what is known by now, by feature. past : of what is seen of each past bar, by channel. Both add up to
    1 over their names. days : ``(rows, days)``, of the bar so many bars ago, which adds up to 1 over the days.
    """

    scalars: Mapping[str, Floats]
    past: Mapping[str, Floats]
    days: Floats


@runtime_checkable
class Regarding(Protocol):
    """A fitted model that can say what it looked at."""

    def regard(self, values: Singles, session: Days, rows: Ints) -> Regard:
        """Of some of these rows. Arguments as of `Fitted.explain`."""
        ...


class Learner(Protocol):
    """A learner: the object that a file of this folder holds under the name ``LEARNER``."""

    @property
    def facts(self) -> Facts:
        """What it is."""
        ...

    def prepare(self, recipe: Recipe | None = None, device: Device | None = None) -> Recipe:
        """The recipe to train by, its own when None, on a device if one is named.

        Raises OptionError for a recipe of another learner, without its library, or for a device that is not there:
        before minutes of work.
        """
        ...

    def serve_on(self, device: Device) -> tuple[Device, str]:
        """What makes the forecasts of a scan, the device asked for if it can, and a line for the reader if not.

        Raises OptionError without a library that this takes.
        """
        ...

    def fit(self, samples: Samples, dates: Days, labels: Singles, horizon: int, recipe: Recipe) -> Fitted:
        """Learn from the labelled rows of some dates, and from nothing else.

        dates : ascending. labels : float32 ``(len(samples),)``, NaN for none (`labels.rank_labels`). horizon : of the
        labels, in sessions. recipe : from `prepare`.
        Raises InputError when there are too few such rows, OptionError without a feature that it needs.
        """
        ...

    def load(self, content: bytes, features: tuple[str, ...], device: Device = "cpu") -> Fitted:
        """What `Fitted.save` wrote. Raises ModelError when it is not that, or is for other features."""
        ...


# --- what learners share --------------------------------------------------------------------------------------


def own_recipe(kind: str, own: type[Own], recipe: Recipe | None) -> Own:
    """The recipe given, or the learner's own one. Raises OptionError for that of another learner."""
    if recipe is None:
        return own()
    if type(recipe) is not own:
        raise OptionError(
            f"the recipe of {kind} is a {type(recipe).__name__}", f"give a {own.__module__}.{own.__name__}"
        )
    return recipe


def cpu_only(kind: str, device: Device | None) -> None:
    """Raise OptionError for a device that a learner has no use for."""
    if device not in (None, "cpu"):
        raise OptionError(f"device {device!r}: {kind} has no use for it", "use cpu")


def check_needs(facts: Facts, features: Iterable[str]) -> None:
    """Raise OptionError for a feature that a learner cannot do without."""
    known = tuple(features)
    for name in facts.needs:
        if name not in known:
            raise OptionError(f"{facts.kind} needs the feature {name}", nearest(name, known))


def check_width(values: Singles, features: int) -> None:
    """Raise OptionError unless there is one column a feature."""
    if values.ndim != 2 or values.shape[1] != features:
        raise OptionError(
            f"values of shape {values.shape} for a model of {features} features", "give (rows, features)"
        )


def nothing_known(values: Singles) -> Bools:
    """The rows without a value, ``(rows,)``."""
    unknown = ~np.isfinite(values[:, 0])
    unknown[unknown] = ~np.isfinite(values[unknown]).any(axis=1)
    return unknown


def training_rows(samples: Samples, dates: Days, labels: Singles) -> Ints:
    """The places of the labelled rows of these dates, ascending."""
    return np.flatnonzero(np.isfinite(labels) & np.isin(samples.session, dates))


def forecast_rows(fitted: Fitted, samples: Samples, rows: Ints) -> Floats:
    """The forecast of some rows of samples, float64 ``(rows,)``; whole sessions at a time.

    rows : ascending places.
    """
    assert fitted.features == samples.features
    session, out = samples.session[rows], np.empty(len(rows))
    begin = 0
    while begin < len(rows):
        last = session[min(begin + CHUNK, len(rows)) - 1]
        end = int(np.searchsorted(session, last, side="right"))
        here = rows[begin:end]
        out[begin:end] = fitted.forecast(samples.values[here], session[begin:end], samples.industry(here))
        begin = end
    return out


def decode_learnt(content: bytes, kind: type[Learnt]) -> Learnt:
    """What was learnt, from JSON. Raises ModelError when it is something else."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(f"its file is not what its learner wrote: {error}", "train again") from error
