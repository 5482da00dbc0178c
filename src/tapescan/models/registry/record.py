"""The out-of-sample record of a model as a file: what the report shows and the gate decided on.

It lies beside the model's card. What cannot be known (NaN in the judgements) is null there and None here, for JSON
has no NaN.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np

from tapescan.core.errors import ModelError
from tapescan.core.files import write_at_once
from tapescan.models.judging.gate import Gate
from tapescan.models.judging.judgement import Judgement
from tapescan.models.registry.files import decode_file, plain, seal_of
from tapescan.models.registry.names import RECORDS, model_name, record_file

__all__ = [
    "MODEL",
    "DatesRecord",
    "DeflatedRecord",
    "FoldRecord",
    "GateRecord",
    "JudgementRecord",
    "PathRecord",
    "Record",
    "SummaryRecord",
    "TenthRecord",
    "from_gate",
    "from_judgement",
    "holds_records",
    "read_record",
    "read_records",
    "save_record",
]

#: The name of the model among the judgements; the others are baselines.
MODEL = "model"

FORMAT = 3

Number = float | None
Count = Annotated[int, msgspec.Meta(ge=0)]
Least = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Correlation = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
Span = tuple[dt.date, dt.date]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the file: a field that is missing or that nobody knows is an error."""


class DatesRecord(_Part, frozen=True):
    """`judgement.PerDate`: one entry a judged date in each list, ascending in time."""

    session: tuple[dt.date, ...]
    pairs: tuple[Count, ...]
    ic: tuple[Correlation, ...]
    rank_ic: tuple[Correlation, ...]
    spread: tuple[float, ...]
    turnover: tuple[Number, ...]
    net_spread: tuple[float, ...]
    bought: tuple[float, ...]

    def __post_init__(self) -> None:
        columns = {name: getattr(self, name) for name in self.__struct_fields__}
        odd = [name for name, column in columns.items() if len(column) != len(self.session)]
        if odd or not self.session:
            raise ValueError(f"{len(self.session)} dates, and {odd[0] if odd else 'session'} has another number")
        if any(day >= after for day, after in zip(self.session, self.session[1:], strict=False)):
            raise ValueError("its dates do not ascend")


class SummaryRecord(_Part, frozen=True):
    """`judgement.Summary`."""

    dates: Count
    pairs: float
    ic: Number
    icir: Number
    rank_ic: Number
    rank_icir: Number
    error: Number
    t: Number
    independent: Number
    positive: Number
    spread: Number
    spread_yearly: Number
    net_spread: Number
    net_spread_yearly: Number
    net_t: Number
    bought: Number
    bought_yearly: Number
    bought_t: Number
    turnover: Number


class DeflatedRecord(_Part, frozen=True):
    """`significance.DeflatedSharpe`."""

    probability: Number
    sharpe: Number
    benchmark: Number
    skewness: Number
    kurtosis: Number
    observations: Count
    trials: Least


class JudgementRecord(_Part, frozen=True):
    """`judgement.Judgement`."""

    horizon: Least
    every: Least
    cost: float
    per_date: DatesRecord
    summary: SummaryRecord
    by_year: dict[str, SummaryRecord]
    by_liquidity: dict[str, SummaryRecord]
    by_regime: dict[str, SummaryRecord]
    deflated: DeflatedRecord


class GateRecord(_Part, frozen=True):
    """`gate.Gate`."""

    weight: Share
    reason: str
    numbers: dict[str, Number]


class PathRecord(_Part, frozen=True):
    """What one combinatorial path came to. net_spread : mean a horizon, a ratio, as in `judgement.Summary`."""

    rank_ic: Number
    net_spread: Number


class TenthRecord(_Part, frozen=True):
    """A tenth of each date's symbols by forecast, averaged over all dates.

    forecast : mean forecast, and realised : mean label of the same rows; both ranks among the date's symbols, -0.5
    (lowest return) to 0.5.
    """

    forecast: float
    realised: float


class FoldRecord(_Part, frozen=True):
    """A walk-forward fold. train, test : first and last session. rows : samples that it was trained on."""

    train: Span
    test: Span
    rows: Count


class Record(_Part, frozen=True, kw_only=True):
    """The record of one model.

    kind : its learner's. horizon : sessions of the forward return. every : sessions from one judged date to the next.
    cost : basis points of each purchase or sale.
    judgements : by name, the model's as ``model`` and each baseline's, of the same rows.
    gate : what was decided. trials : trainings tried by then. paths : of the combinatorial folds.
    deciles : mean forward return of each forecast tenth, a ratio a horizon, lowest forecasts first.
    calibration : the same tenths, forecast beside what came; empty when not measured.
    importance : share of each feature in what was learnt, 0 to 1. folds : walk-forward, oldest first.
    trained : facts of the training, by name. seal : digest of all the rest, which an edit by hand does not fit.
    """

    format: int = FORMAT
    kind: str
    horizon: Least
    every: Least
    cost: float
    judgements: dict[str, JudgementRecord]
    gate: GateRecord
    trials: Least
    paths: tuple[PathRecord, ...]
    deciles: tuple[Number, ...]
    calibration: tuple[TenthRecord, ...] = ()
    importance: dict[str, Share]
    folds: tuple[FoldRecord, ...]
    trained: dict[str, Any]
    seal: str = ""

    def __post_init__(self) -> None:
        if MODEL not in self.judgements:
            raise ValueError("the judgement of the model itself is missing")
        for name, judgement in self.judgements.items():
            if (judgement.horizon, judgement.every, judgement.cost) != (self.horizon, self.every, self.cost):
                raise ValueError(f"the judgement of {name} is of another horizon, step or cost")

    @property
    def name(self) -> str:
        """The model's name."""
        return model_name(self.kind, self.horizon)

    @property
    def model(self) -> JudgementRecord:
        return self.judgements[MODEL]


def from_judgement(judgement: Judgement) -> JudgementRecord:
    """A judgement with plain lists in place of arrays."""
    values = asdict(judgement)
    for name, column in values["per_date"].items():
        days = column.astype("datetime64[D]") if name == "session" else column
        values["per_date"][name] = days.tolist()
    return msgspec.convert(plain(values), JudgementRecord)


def from_gate(gate: Gate) -> GateRecord:
    """The gate's decision, without NaN."""
    return msgspec.convert(plain(asdict(gate)), GateRecord)


def save_record(folder: Path, record: Record) -> Path:
    """Write a model's record at once: a kill leaves the old record or the new one.

    Raises FileError when it cannot be written.
    """
    path = folder / record_file(record.name)
    # As a reader will have it: an int that stands for a float would have another digest.
    plain_record = msgspec.json.decode(msgspec.json.encode(record, enc_hook=_number), type=Record)
    sealed = msgspec.structs.replace(plain_record, seal=seal_of(plain_record))
    write_at_once(path, msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    return path


def read_record(path: Path) -> Record:
    """A record by its path. Raises ModelError when it is broken, FileError when it cannot be read."""
    record = decode_file(path, Record, "a model's record", FORMAT)
    if path.name != record_file(record.name):
        raise ModelError(f"{path}: it is the record of another model, {record.name}", "train again")
    return record


def holds_records(folder: Path) -> bool:
    """Whether any model was judged there."""
    return folder.is_dir() and any(folder.glob(RECORDS))


def read_records(folder: Path) -> list[Record]:
    """The records of a model folder, by horizon and kind. Raises ModelError when there is none or one is broken."""
    paths = folder.glob(RECORDS) if folder.is_dir() else []
    records = sorted((read_record(path) for path in paths), key=lambda record: (record.horizon, record.kind))
    if not records:
        raise ModelError(
            f"{folder}: no model was judged there", "train first: tapescan train, with the same --store or --models"
        )
    return records


def _number(value: Any) -> Any:
    """NumPy's numbers, which importances and facts of the training come as."""
    if isinstance(value, np.generic):
        return value.item()
    raise AssertionError(f"a record cannot hold {type(value).__name__}")
