"""The cone's card: what it learnt, from what, its record, and which of cone and rule serves; one sealed file.

It lies among the models of a store, and what is served or refused is decided as for them.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import msgspec

from tapescan import version
from tapescan.core.files import held_alone, write_at_once
from tapescan.market.calendar import session_count
from tapescan.models.cone.cone import Cone
from tapescan.models.cone.judge import HorizonRecord
from tapescan.models.cone.law import Law
from tapescan.models.cone.recalibrate import Recalibration
from tapescan.models.registry.files import decode_file, seal_of
from tapescan.models.registry.known import remember
from tapescan.models.registry.names import CONE_FILE
from tapescan.models.registry.probe import Values, check_probe

__all__ = ["ConeCard", "read_cone", "save_cone"]

FORMAT = 1

#: What training's prices are adjusted for.
TRAINED = "splits"

#: A recalibration older than so many sessions is no longer one.
STALE = 63


class ConeCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to be known of a cone.

    laws, rules : a horizon of HORIZONS each, of all dates. records : theirs, out of sample. recalibrations : by what
    came of late. features : what scales are made of, besides the market's volatility. folds, every : of the
    walk-forward. first, last : sessions of its samples. seen : the last day whose prices it has seen. rows, symbols :
    how many. store, data, code, probe,
    created_at, seal : as of a model's card.
    """

    format: int = FORMAT
    laws: tuple[Law, ...]
    rules: tuple[Law, ...]
    records: tuple[HorizonRecord, ...]
    recalibrations: tuple[Recalibration, ...]
    features: tuple[str, ...]
    folds: int
    every: int
    first: dt.date
    last: dt.date
    seen: dt.date
    rows: int
    symbols: int
    store: str
    data: dict[str, Any]
    code: str = version.__version__
    probe: dict[str, Values]
    created_at: dt.datetime
    seal: str = ""

    @property
    def cone(self) -> Cone:
        """What serves: of each horizon the law, recalibrated, or the rule, as the gate decided."""
        served = [
            law.stretched(late.factor) if record.counts else rule
            for law, rule, record, late in zip(self.laws, self.rules, self.records, self.recalibrations, strict=True)
        ]
        by = {True: "the trained cone", False: "the volatility rule"}
        parts = []
        for counts, what in by.items():
            over = [str(one.horizon) for one in self.records if one.counts == counts]
            parts += [f"{what} over {', '.join(over)} sessions"] if over else []
        return Cone(tuple(served), self.rules, f"by {' and by '.join(parts)}")

    def sealed(self) -> ConeCard:
        return msgspec.structs.replace(self, seal=seal_of(self))

    def objection(self, day: dt.date, index: str, adjust: str) -> str:
        """Why it says nothing of a market of that day; empty when it does. index, adjust : the market's."""
        if day < self.seen:
            return f"the cone has seen prices up to {self.seen}"
        own = self.data.get("market_index", index)
        if own != index:
            return f"the cone was measured against the index {own}, and this market is against {index}"
        if adjust != TRAINED:
            return f"the cone saw prices adjusted for {TRAINED}, and this market's adjustment is {adjust}"
        return ""

    def age(self, day: dt.date) -> str:
        """A line about a recalibration that is old by that day; empty for a fresh one."""
        last = max(dt.date.fromisoformat(one.last) for one in self.recalibrations)
        sessions = session_count(last + dt.timedelta(days=1), day)
        if sessions <= STALE:
            return ""
        return f"held against returns of {sessions} sessions ago: `tapescan train --learner cone` takes newer ones"


def save_cone(folder: Path, card: ConeCard) -> ConeCard:
    """Write a card at once, sealed: a kill leaves the old one or the new one.

    Raises FileError when the folder cannot be written.
    """
    # As a reader will have it: an int that stands for a float would have another digest.
    sealed = msgspec.json.decode(msgspec.json.encode(card), type=ConeCard).sealed()
    with held_alone(folder):
        write_at_once(folder / CONE_FILE, msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    remember(sealed.seal)
    return sealed


def read_cone(path: Path) -> ConeCard:
    """A card by its path. Raises ModelError (what does not fit) or FileError (what cannot be read)."""
    card = decode_file(path, ConeCard, "a cone's card", FORMAT)
    check_probe(card.features, card.probe)
    return card
