"""All that a training hangs on, which names the place where what was learnt is written (`engine.written`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np
import xxhash

from tapescan.core.linking import processor
from tapescan.core.typing import Array, Days, Singles
from tapescan.engine.written import Written
from tapescan.features.digest import packages
from tapescan.history.kept_places import code_of
from tapescan.models.learners.seam import Learner, Recipe
from tapescan.models.samples.samples import Samples

__all__ = ["name_of", "written_of"]

#: The packages whose code decides what is learnt of samples.
_MADE_BY = ("core", "models")

#: Rows of samples that are read at a time.
CHUNK = 100_000


def written_of(samples: Samples, learner: Learner, recipe: Recipe) -> Written:
    """The trainings of a recipe on some samples that are on disk.

    The samples are told by their content, whatever they were made of: reading them takes a small part of what one
    training takes. What learns all horizons in one training is not kept: its next horizon asks for the very object.
    """
    if learner.facts.quantiles:
        return Written(None)
    return Written(
        {
            "code": code_of(_MADE_BY),
            "packages": packages(),
            "processor": processor(),
            "learner": learner.facts.kind,
            "recipe": msgspec.to_builtins(recipe),
            "features": samples.features,
            "horizons": sorted(samples.forward),
            "samples": _digest(_arrays(samples)),
        }
    )


def name_of(horizon: int, labels: Singles, dates: Days) -> str:
    """One training of them."""
    return f"{horizon}-{_digest((labels, dates))}"


def _arrays(samples: Samples) -> Iterator[Array]:
    """All that a learner may look at."""
    yield from (samples.values, samples.session, samples.symbol)
    yield from (samples.forward[horizon] for horizon in sorted(samples.forward))
    if samples.industries is not None:
        yield samples.industries


def _digest(arrays: Iterable[Array]) -> str:
    made = xxhash.xxh3_128()
    for one in arrays:
        made.update(repr((one.shape, one.dtype.str)).encode())
        for at in range(0, len(one), CHUNK):
            made.update(np.ascontiguousarray(one[at : at + CHUNK]).data)
    return made.hexdigest()
