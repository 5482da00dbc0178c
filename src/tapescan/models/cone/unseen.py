"""A stored cone on sessions that came after it: as it stands, beside the volatility rule of the same training.

The record on its card is of other laws, learnt from the past of each window and recalibrated on every date of it;
this one is of the very laws that are stored, recalibrated as they are.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.dates import parse_date
from tapescan.core.errors import InputError
from tapescan.core.progress import Progress, silent
from tapescan.engine.seam import Engine
from tapescan.history.history import history_of
from tapescan.models.cone.card import ConeCard
from tapescan.models.cone.fit import Rows
from tapescan.models.cone.judge import outcomes_of
from tapescan.models.cone.record import RangeRecord, range_record
from tapescan.models.cone.train import cone_samples, served_card
from tapescan.models.samples.build import sampled_sessions
from tapescan.models.samples.samples import Universe
from tapescan.store import Store

__all__ = ["UnseenCone", "judge_cone"]


@dataclass(frozen=True)
class UnseenCone:
    """horizons : those of which returns are known by now, ascending; of rule and cone, whichever serves."""

    card: ConeCard
    horizons: tuple[RangeRecord, ...]


def judge_cone(
    store: Store | str | Path,
    *,
    end: dt.date | str | None = None,
    folder: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> UnseenCone:
    """Judge the stored cone on the sessions from which on a scan would have used it.

    end : nothing later is read. engine : where blocks are computed; that of the settings for None.
    Raises ModelError where no cone may be served, InputError when no session came after it whose returns are known.
    """
    last = parse_date(end, "end")
    store = store if isinstance(store, Store) else Store(str(store))
    card = served_card(store, folder)
    source = history_of(store, last)
    horizons: list[RangeRecord] = []
    if len(sampled_sessions(card.seen, source.end, card.every)):
        filters = msgspec.convert(card.data["filters"], Universe)
        samples, market = cone_samples(
            source, card.seen, last, card.every, filters, progress or silent, card.data["market_index"], engine
        )
        for law, rule, late in zip(card.laws, card.rules, card.recalibrations, strict=True):
            rows = Rows.of(samples, law.horizon, market)
            if len(rows.dates):
                came = outcomes_of(law, rule, rows, rows.dates, np.full(len(rows.dates), late.factor))
                horizons.append(range_record(rows, [came], samples.dollar_volume, card.every))
    if not horizons:
        raise InputError(
            f"the cone has seen prices up to {card.seen}: no return from a session after that is known",
            "sync or import later bars, or train with an earlier --to",
        )
    return UnseenCone(card, tuple(horizons))
