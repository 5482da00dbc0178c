"""What forecasters of ranges were worth on the same rows, as a file beside the card: what the report shows.

The card says which of cone and rule serves; here stands all that may be compared, date by date and year by year.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.files import write_at_once
from tapescan.core.typing import Array
from tapescan.models.cone.card import ConeCard
from tapescan.models.cone.fit import Rows
from tapescan.models.cone.judge import (
    RULE,
    HorizonRecord,
    Lead,
    Outcomes,
    by_year,
    dates_of,
    joined,
    lead_of,
    record_of,
)
from tapescan.models.learners import CONE
from tapescan.models.registry.files import decode_file, seal_of
from tapescan.models.registry.names import RANGES, ranges_file

__all__ = ["RangeRecord", "Ranged", "RangesRecord", "range_record", "ranges_beside", "read_ranges", "save_ranges"]

FORMAT = 1


class Ranged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One forecaster over one horizon. record : beside the rule. over_cone : its lead over the cone; None of the cone
    and the rule. losses : mean pinball loss of each year. covered : the share within the middle four fifths, of each
    date."""

    record: HorizonRecord
    over_cone: Lead | None
    losses: dict[str, float]
    covered: tuple[float, ...]


class RangeRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One horizon. sessions : that were judged. forecasters : by name, the rule first."""

    horizon: int
    sessions: tuple[dt.date, ...]
    forecasters: dict[str, Ranged]

    def __post_init__(self) -> None:
        if RULE not in self.forecasters:
            raise ValueError("the record of the rule is missing")
        odd = [name for name, one in self.forecasters.items() if len(one.covered) != len(self.sessions)]
        if odd or not self.sessions:
            raise ValueError(f"{len(self.sessions)} sessions, and another number of {(odd or ['them'])[0]}")


class RangesRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """name : of the card beside which it lies. trained : when that was made. every : sessions from one date to the
    next. horizons : ascending. seal : digest of all the rest."""

    format: int = FORMAT
    name: str
    trained: dt.datetime
    every: int
    horizons: tuple[RangeRecord, ...]
    seal: str = ""


def range_record(rows: Rows, folds: Sequence[Outcomes], dollar_volume: Array, every: int) -> RangeRecord:
    """Of all forecasters that have outcomes. Arguments as of `judge.record_of`."""
    session = rows.session[np.concatenate([one.at for one in folds])]
    begin, sizes = dates_of(session)
    names = [RULE, *(name for name in folds[0].by if name != RULE)]
    found = {}
    for name in names:
        own = joined(folds, name)
        compared = CONE in names and name not in (RULE, CONE)
        found[name] = Ranged(
            record_of(rows, folds, dollar_volume, every, name),
            lead_of(rows, folds, name, CONE, every) if compared else None,
            by_year(session, own.loss),
            tuple((np.add.reduceat(own.covered.astype(np.float64), begin) / sizes).tolist()),
        )
    return RangeRecord(rows.horizon, tuple(session[begin].astype("datetime64[D]").tolist()), found)


def save_ranges(folder: Path, record: RangesRecord) -> Path:
    """Write a record at once, sealed. Raises FileError when it cannot be written."""
    path = folder / ranges_file(record.name)
    plain = msgspec.json.decode(msgspec.json.encode(record), type=RangesRecord)
    sealed = msgspec.structs.replace(plain, seal=seal_of(plain))
    write_at_once(path, msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    return path


def ranges_beside(folder: Path, card: ConeCard | None) -> list[RangesRecord]:
    """Those that may be shown beside a card: not a cone's of another training. Errors as of `read_ranges`."""
    return [one for one in read_ranges(folder) if one.name != CONE or (card and one.trained == card.created_at)]


def read_ranges(folder: Path) -> list[RangesRecord]:
    """All of a folder of models, the cone's first. Raises ModelError for a broken one, FileError for one that cannot
    be read."""
    found = []
    for path in sorted(folder.glob(RANGES)) if folder.is_dir() else []:
        one = decode_file(path, RangesRecord, "a record of ranges", FORMAT)
        if path.name != ranges_file(one.name):
            raise ModelError(f"{path}: it is the record of another, {one.name}", "train again")
        found.append(one)
    return sorted(found, key=lambda one: (one.name != CONE, one.name))
