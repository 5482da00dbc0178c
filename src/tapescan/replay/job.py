"""All that the pieces of a replay hang on, which names the place where they are written (`engine.written`)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tapescan.core.linking import processor
from tapescan.core.typing import Days
from tapescan.engine.written import Written
from tapescan.features.digest import packages
from tapescan.history.kept_places import code_of
from tapescan.models.forecast import Models
from tapescan.models.registry.trials import Trial
from tapescan.replay.source import Source
from tapescan.replay.terms import Terms
from tapescan.replay.walk import Walk
from tapescan.tables.registry import find_table

__all__ = ["data_of", "models_of", "written_of"]

#: The packages whose code decides what is picked.
_MADE_BY = (
    "columns",
    "core",
    "features",
    "fundamentals",
    "history",
    "indicators",
    "market",
    "models",
    "options",
    "replay",
    "scan",
    "screen",
    "simulation",
    "store",
    "tables",
)


def written_of(walk: Walk, sessions: Days, trials: Sequence[Trial], terms: Terms, shown: set[int]) -> Written:
    """The pieces of a replay that are on disk. trials : of the walk's requests. shown : as of `picking.collect`."""
    data = data_of(walk.source)
    if data is None or walk.device != "cpu":  # a GPU's values are never mixed with a processor's
        return Written(None)
    return Written(
        {
            "code": code_of(_MADE_BY),
            "packages": packages(),
            "processor": processor(),
            "data": data,
            "requests": [
                [one.chosen, models_of(request.models)] for one, request in zip(trials, walk.requests, strict=True)
            ],
            "horizons": walk.horizons,
            "picking": walk.picking,
            "sessions": hashlib.sha256(sessions.tobytes()).hexdigest(),
            "picked": [terms.top, terms.hold, terms.every, terms.keep],
            "shown": sorted(shown),
        }
    )


def data_of(source: Source) -> dict[str, Any] | None:
    """What is replayed; None for a market that lies in memory alone."""
    store, known = source.store, source.known
    if store is None or known is None:
        return None
    tables = known.states or {  # at a URL
        name: str(one) for name, one in known.versions.items() if find_table(name).scanned
    }
    return {"store": str(store.path), "identity": store.identity, "tables": tables, "end": source.history.end}


def models_of(models: Models) -> dict[str, Any]:
    """What forecasts and ranges hang on: what counts of a model hangs on the trials since as well."""
    places = [one.path for one in (models.cone, *models.ranges) if one is not None]
    return {
        "models": [[one.card.name, one.card.digest, one.verdict[0], one.device] for one in models.models],
        "ranges": [hashlib.sha256(_content(path)).hexdigest() for path in places],
    }


def _content(path: Path) -> bytes:
    """Of a card; nothing where there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
