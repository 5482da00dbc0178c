"""Breadth through time: how many of the eligible rise, stand above their averages, make new highs, on every session.

source -> past -> walk: a stretch of sessions at a time, without ranking -> who is eligible -> counts -> over time
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NoReturn

import msgspec
import numpy as np
import polars as pl

from tapescan.columns.registry import find_column, with_needs
from tapescan.core.dates import date_of
from tapescan.core.errors import OptionError
from tapescan.core.files import write_at_once
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.features.plan import plan_features
from tapescan.market.eligibility import TRADED, WITHOUT_TRADE
from tapescan.models.forecast import Models
from tapescan.replay.breadth_page import breadth_page
from tapescan.replay.keeping import kept_past
from tapescan.replay.measures import MEASURES, Measure
from tapescan.replay.source import Source, sessions_between
from tapescan.replay.standing import Stand, measure_standing, say_standing
from tapescan.replay.walk import Computed, Walk
from tapescan.replay.words import counted
from tapescan.scan.profile import Profile
from tapescan.scan.request import Request, prepare
from tapescan.screen.checking import Expression, Scope, check
from tapescan.screen.earlier import looks
from tapescan.screen.nodes import Earlier
from tapescan.screen.session import evaluate
from tapescan.screen.values import TRUE, finite

__all__ = ["BreadthResult", "breadth_request", "measure_breadth"]


class BreadthResult(Result, msgspec.Struct, frozen=True, eq=False):
    """Breadth of every session.

    first, last : sessions. sessions : a row a session: session, symbols (with a bar of it), eligible, and a column
    each measure, null where nobody has a value. columns : what each of them is. standing : of each measure its
    newest value and where that stands among all of these sessions. sentence : the most telling of it in words.
    """

    profile: str
    first: dt.date
    last: dt.date
    sentence: str
    sessions: pl.DataFrame
    columns: tuple[dict[str, str], ...]
    standing: dict[str, Stand]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"<BreadthResult of profile {self.profile}, {self.first} to {self.last}: {self.sentence}>"

    def to_json(self) -> str:
        """As indented JSON text."""
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def write_html(self, path: Path | str) -> None:
        """Write it as one page that needs nothing else. Raises FileError when the file cannot be written."""
        write_at_once(Path(path), breadth_page(self).encode())


def breadth_request(profile: Profile) -> Request:
    """What is read of each session to count its eligible: those of the profile's filters, without its condition."""
    expressions = _conditions().values()
    weights = [one.weight for one in MEASURES if one.weight]
    names = with_needs([*(name for one in expressions for name in one.columns), *weights])
    features = [name for name, column in names.items() if column.source == "bars"]
    return replace(
        prepare(profile),
        filter=None,
        shown=(),
        named=(),
        computed={},
        plan=plan_features(dict.fromkeys(("close", TRADED, WITHOUT_TRADE, *features))),
        looks=looks(term for one in expressions for term in one.terms),
        models=Models(()),
    )


def measure_breadth(
    source: Source,
    request: Request,
    start: dt.date | None = None,
    end: dt.date | None = None,
    progress: Progress = silent,
) -> BreadthResult:
    """Count every session from one day to another.

    request : of `breadth_request`. What adds up over time adds up from the source's first session on, so a session's
    values are the same whatever is shown. Raises OptionError where there is no session.
    """
    past = kept_past(source.history, progress)
    shown = sessions_between(past.sessions, start, end, 1)
    sessions = past.sessions[past.sessions <= shown[-1]]
    counts = _all_counts(Walk(source, past, request, ()), sessions, progress)
    for one in MEASURES:
        if one.over is not None:
            with np.errstate(invalid="ignore"):
                counts[one.name] = one.over(counts)
    begin = int(np.searchsorted(sessions, shown[0]))
    rows = _frame(sessions, counts)[begin:]
    standing = measure_standing(rows)
    first, last = date_of(int(shown[0])), date_of(int(shown[-1]))
    return BreadthResult(
        profile=request.profile.name,
        first=first,
        last=last,
        sentence=say_standing(rows, standing),
        sessions=rows,
        columns=tuple(_facts(one) for one in (*_ALWAYS, *MEASURES)),
        standing=standing,
        notes=_notes(rows, past.history.settled, request.profile),
        provenance={
            "data": source.provenance,
            "profile": {"name": request.profile.name, "digest": request.profile.digest},
        },
    )


#: What every row has beside its session.
_ALWAYS = (
    Measure(
        "symbols", "symbols with a bar", "stocks", "who has a value", "", meaning="symbols with a bar of the session"
    ),
    Measure(
        "eligible",
        "eligible stocks",
        "stocks",
        "who has a value",
        "",
        meaning="those that a scan of the session with this profile may rank",
    ),
)


def _facts(one: Measure) -> dict[str, str]:
    facts = {name: str(getattr(one, name)) for name in ("name", "title", "unit", "group", "among", "source")}
    return {**facts, "type": one.kind, "definition": one.definition or one.meaning}


def _all_counts(walk: Walk, sessions: Days, progress: Progress) -> dict[str, Floats]:
    """What is counted of each session, ``(sessions,)``."""
    what, done = "counting sessions", 0
    progress(done, len(sessions), what)
    parts: list[dict[str, Floats]] = []
    for found in walk.stretches(sessions):
        parts.append(_count(walk, found))
        done += len(found.values.days)
        progress(done, len(sessions), what)
    return {name: np.concatenate([one[name] for one in parts]) for name in parts[0]}


def _count(walk: Walk, found: Computed) -> dict[str, Floats]:
    values, order = found.values, found.view.order
    some = _Some(found, walk.eligible(found), walk.plan.names)
    counts: dict[str, Floats] = {
        "symbols": (values.newest == values.days[:, None]).sum(axis=1).astype(np.float64),
        "eligible": some.many.astype(np.float64),
    }
    flags = {name: evaluate(one.node, "condition", some) == TRUE for name, one in _conditions().items()}
    for one in MEASURES:
        if not one.condition:
            continue
        held = flags[one.name]
        if one.weight:
            weight = some.by_name(one.weight, order)
            total = some.summed(np.where(some.by_name(flags[one.among], order), weight, 0.0))
            value = some.summed(np.where(some.by_name(held, order), weight, 0.0))
        else:
            value = some.summed(held)
            total = counts[one.among] if one.among else np.ones(len(value))
        with np.errstate(invalid="ignore", divide="ignore"):
            counts[one.name] = np.where(total > 0.0, value / total if one.share else value, np.nan)
    return counts


@dataclass(frozen=True, eq=False)
class _Some:
    """The eligible of a stretch's sessions, one after the other, as expressions take them: ``(eligible,)``.

    eligible : ``(days, symbols)``. names : of the features.
    """

    found: Computed
    eligible: Bools
    names: tuple[str, ...]

    @cached_property
    def many(self) -> Ints:
        """How many each session has."""
        many: Ints = self.eligible.sum(axis=1)
        return many

    @property
    def size(self) -> int:
        return int(self.many.sum())

    @cached_property
    def _columns(self) -> dict[str, Floats]:
        return {}

    def column(self, name: str) -> Floats:
        kept = self._columns.get(name)
        if kept is None:
            values = self.found.values.features[:, self.names.index(name)][self.eligible]
            kept = self._columns[name] = np.asarray(finite(values))
        return kept

    def term(self, term: Earlier) -> Array:
        values = next(one[term] for one in self.found.values.terms if term in one)
        return values[self.eligible]

    @property
    def ranked(self) -> NoReturn:
        raise TypeError("no measure looks across the market")

    def groups(self, name: str) -> NoReturn:
        raise TypeError(f"no measure looks at the groups of {name}")

    def summed(self, values: Array) -> Floats:
        """The sum of each session, in the order given."""
        out, some = np.zeros(len(self.many)), np.flatnonzero(self.many)
        if len(some):
            begin = (np.cumsum(self.many) - self.many)[some]
            out[some] = np.add.reduceat(values, begin, dtype=np.int64 if values.dtype == bool else np.float64)
        return out

    def by_name(self, values: Array | str, order: Ints) -> Array:
        """Values, or a column, in the order of the symbols' names within each session, in which sums do not hang on
        how symbols lie. order : the places of the symbols in the order of their names."""
        own = self.column(values) if isinstance(values, str) else values
        return own[self._names(order)]

    def _names(self, order: Ints) -> Ints:
        kept = self.__dict__.get("by name")
        if kept is None:
            place = np.cumsum(self.eligible.ravel()).reshape(self.eligible.shape) - 1
            kept = self.__dict__["by name"] = place[:, order][self.eligible[:, order]]
        found: Ints = kept
        return found


@lru_cache(maxsize=1)
def _conditions() -> dict[str, Expression]:
    scope = Scope(find_column, _no_list)
    return {one.name: check(one.condition, scope, one.name, "condition") for one in MEASURES if one.condition}


def _no_list(name: str) -> NoReturn:
    raise OptionError(f"a measure names the list {name}", "it may name columns")


def _frame(sessions: Days, counts: Mapping[str, Floats]) -> pl.DataFrame:
    columns = [pl.Series("session", sessions).cast(pl.Date)]
    for one in (*_ALWAYS, *MEASURES):
        kind = {"Int64": pl.Int64, "Float64": pl.Float64, "Boolean": pl.Boolean}[one.kind]
        columns.append(pl.Series(one.name, counts[one.name], nan_to_null=True).cast(kind))
    return pl.DataFrame(columns)


def _notes(rows: pl.DataFrame, settled: dt.date, profile: Profile) -> tuple[str, ...]:
    """What of it is not of the whole market."""
    notes = []
    late = len(rows.filter(pl.col("session") > settled))
    if late:
        notes.append(f"most of the market has no bar after {settled}: {counted(late, 'session')} count who has one")
    nobody = int((rows["eligible"] == 0).sum())
    if nobody:
        asked = f"profile {profile.name} asks for {profile.filters.min_bars} bars, among others"
        notes.append(f"nobody is eligible on {counted(nobody, 'session')}: {asked}")
    some = rows.filter(pl.col("eligible") > 0)
    for name, words in (("with_sma_200", "a 200-session average"), ("with_252", "52 weeks of bars")):
        few = some.filter(pl.col(name) * 2 < pl.col("eligible"))["session"]
        if len(few):
            sessions = f"{counted(len(few), 'session')} up to {few[-1]}"
            notes.append(f"fewer than half of the eligible have {words} on {sessions}: {name} says how many")
    return tuple(notes)
