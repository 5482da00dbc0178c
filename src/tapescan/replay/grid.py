"""Many replays of one store, each a trial: a grid of screens, profiles and terms from a TOML file.

    [replay]
    from = "2019-01-02"

    [grid]
    screen = ["pullback", "breakout"]
    hold = [5, 10]

All are logged before the first is replayed, so that each is judged as one of all: the best of many looks good by
chance. Those of the same terms are replayed in one pass. What came of one lies in a file of its own, named by a
digest of all that it is made of: a job that was stopped goes on with those that have none, from the piece on at which
it was stopped.
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
import numpy as np

from tapescan.core.dates import parse_date
from tapescan.core.errors import FileError, OptionError, nearest
from tapescan.core.files import write_at_once
from tapescan.core.pages import as_text
from tapescan.core.progress import Progress, silent
from tapescan.core.results import plain
from tapescan.core.toml import read_toml
from tapescan.engine.seam import Engine
from tapescan.features.warm import warm_up
from tapescan.models.forecast import Models
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.stored import check_folder, model_folder
from tapescan.replay.comparing import compared
from tapescan.replay.job import data_of, models_of
from tapescan.replay.records import keep_record, record_of
from tapescan.replay.replay import replay_requests, trial_of
from tapescan.replay.report.tables import comparison
from tapescan.replay.result import Compared, Comparison
from tapescan.replay.source import Source, source_of
from tapescan.replay.terms import Terms
from tapescan.replay.trials import log_screen
from tapescan.replay.worth import q_values
from tapescan.scan.named import chosen_screens
from tapescan.scan.opening import chosen_models
from tapescan.scan.request import Request, prepare
from tapescan.store import Store
from tapescan.version import __version__

__all__ = [
    "MOST",
    "ReplayGrid",
    "TriedReplay",
    "holds_replays",
    "read_replay_grid",
    "replay_grid_text",
    "try_replays",
]

#: Replays of a grid. Each of more would have to be wonderful to be more than chance.
MOST = 200


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One replay, by the names of the options of `tapescan replay`. screen : one, or several of which one has to
    hold. hold : 0 for 5, and with a plan for the profile's."""

    profile: str = ""
    screen: str | tuple[str, ...] = ()
    where: str = ""
    rank_by: str = ""
    start: str = msgspec.field(name="from", default="")
    end: str = msgspec.field(name="to", default="")
    top: int = 10
    hold: int = 0
    plan: bool = False
    cost: float = 10.0
    every: int = 1
    keep: int = 0
    borrow: float = 3.0


class ReplayGrid(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is tried. replay : what all replays are asked for. grid : by the same names, the values that one takes:
    all combinations are tried."""

    replay: dict[str, Any]
    grid: dict[str, list[Any]]


class TriedReplay(msgspec.Struct, frozen=True):
    """One replay. varied : what it takes of the grid. first, last : sessions. trials : how many screens were tried.
    row : what came of it, without its q. before : whether it was done by an earlier run."""

    varied: dict[str, Any]
    first: dt.date
    last: dt.date
    trials: int
    row: Compared
    before: bool = False


def holds_replays(path: Path) -> bool:
    """Whether a file is a grid of replays; no for what cannot be read, of which its reader says why."""
    try:
        return "replay" in read_toml(path)
    except (OSError, ValueError):
        return False


def read_replay_grid(path: Path) -> ReplayGrid:
    """A grid by its file. Raises FileError for what is none."""
    try:
        return msgspec.convert(read_toml(path), ReplayGrid)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}", "name a TOML file") from error
    except (ValueError, msgspec.ValidationError) as error:
        raise FileError(f"{path}: {error}", "it has the tables replay and grid") from error


def try_replays(
    store: Store,
    grid: ReplayGrid,
    *,
    folder: str | Path | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> list[TriedReplay]:
    """Replay all combinations, or read what an earlier run found.

    folder : for a file of each; `trials` in that of the store's models for None. engine : where sessions are
    replayed; that of the settings for None.
    Raises OptionError for what cannot be asked, and what `replay_requests` does.
    """
    tell, trained = progress or silent, chosen_models(store, None, None)
    place = Path(folder) if folder else model_folder(store) / "trials"
    asked = _asked_of(grid)
    sources = {end: source_of(store, parse_date(end or None, "end")) for end in {one.end for _, one in asked}}
    jobs = [_job_of(varied, one, trained, sources[one.end], place) for varied, one in asked]
    check_folder(place)
    StoreTrials(store).check()
    known = [job.read() for job in jobs]
    due = [job for job, found in zip(jobs, known, strict=True) if found is None]
    for job in due:
        log_screen(store, trial_of(job.request, job.terms))
    groups = [list(some) for _, some in itertools.groupby(sorted(due, key=_Job.of_one_pass), _Job.of_one_pass)]
    for number, jobs_of_pass in enumerate(groups):
        said = partial(_told, tell, number, len(groups))
        requests = {job.title: job.request for job in jobs_of_pass}
        for plan in (plan for request in requests.values() for plan in request.plans):
            warm_up(plan, said, replayed=True)
        terms, source = jobs_of_pass[0].terms, jobs_of_pass[0].source
        results = replay_requests(source, requests, terms, said, together=True, engine=engine)
        if results[0].partial:
            raise KeyboardInterrupt  # its pieces are on disk
        for job, result in zip(jobs_of_pass, results, strict=True):
            keep_record(store, record_of(result))
            trials = result.statistics.luck.trials
            job.write(TriedReplay(job.varied, result.first, result.last, trials, compared(result)))
    found = [(job.read(), one is not None) for job, one in zip(jobs, known, strict=True)]
    return [msgspec.structs.replace(one, before=before) for one, before in found if one is not None]


def replay_grid_text(found: Sequence[TriedReplay]) -> str:
    """One table of all, as plain text: the best first, by its t over all eligible."""
    q = q_values(np.array([one.row.p for one in found]))
    rows = [
        msgspec.structs.replace(one.row, name=_title(one.varied), q=float(each))
        for one, each in zip(found, q, strict=True)
    ]
    rows.sort(key=lambda row: -row.t if math.isfinite(row.t) else math.inf)
    first, last = min(one.first for one in found), max(one.last for one in found)
    many = max(one.trials for one in found)
    table = comparison(Comparison(first, last, many, tuple(rows)))
    head = f"{len(found)} replays; each judged as one of {many} trials"
    return "\n".join((head, *as_text(table))) + "\n"


@dataclass(frozen=True)
class _Job:
    varied: dict[str, Any]
    request: Request
    terms: Terms
    source: Source
    path: Path

    @property
    def title(self) -> str:
        return _title(self.varied)

    def of_one_pass(self) -> tuple[str, int]:
        """The same for replays that one pass serves: a scan of theirs measures by one index."""
        return repr(self.terms), self.request.span

    def read(self) -> TriedReplay | None:
        """What an earlier run found; None for nothing, and for what is not whole."""
        try:
            found = msgspec.json.decode(self.path.read_bytes())
            row = {name: math.nan if value is None else value for name, value in found["row"].items()}
            return msgspec.convert({**found, "row": row}, TriedReplay)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # of another version, or nothing

    def write(self, found: TriedReplay) -> None:
        """Raises FileError."""
        write_at_once(self.path, msgspec.json.format(msgspec.json.encode(plain(found))))


def _asked_of(grid: ReplayGrid) -> list[tuple[dict[str, Any], Asked]]:
    """All combinations, in the file's order, the last name's values changing first. Raises OptionError."""
    known = [field.encode_name for field in msgspec.structs.fields(Asked)]
    for name in (*grid.replay, *grid.grid):
        if name not in known:
            raise OptionError(f"a replay has no {name!r}", nearest(name, known) or f"it has {', '.join(known)}")
    twice = {*grid.replay}.intersection(grid.grid)
    if twice:
        raise OptionError(f"{min(twice)} is in both tables", "say it once")
    for name, values in grid.grid.items():
        if not values:
            raise OptionError(f"grid: {name} has no values", "give some, as [5, 10]")
        if any(one in values[:at] for at, one in enumerate(values)):
            raise OptionError(f"grid: {name} has one value twice", "name it once")
    many = math.prod(map(len, grid.grid.values()))
    if not 0 < many <= MOST:
        raise OptionError(f"the grid has {many:,} replays", f"try {MOST} at most")
    found = []
    for chosen in itertools.product(*grid.grid.values()):
        varied = dict(zip(grid.grid, chosen, strict=True))
        try:
            found.append((varied, msgspec.convert({**grid.replay, **varied}, Asked)))
        except msgspec.ValidationError as error:
            raise OptionError(f"grid: {varied}: {error}", "see `tapescan replay --help`") from error
    return found


def _job_of(varied: dict[str, Any], asked: Asked, trained: Models, source: Source, place: Path) -> _Job:
    named, profile, _ = chosen_screens(asked.screen, asked.profile or None)
    request = prepare(
        profile, where=asked.where or None, rank_by=asked.rank_by or None, models=trained, screens=named
    )
    terms = Terms(
        top=asked.top,
        hold=asked.hold or (profile.risk.hold if asked.plan else 5),
        plan=asked.plan,
        cost=asked.cost,
        every=asked.every,
        keep=asked.keep,
        borrow=asked.borrow,
        start=parse_date(asked.start or None, "start"),
        end=parse_date(asked.end or None, "end"),
    )
    made_of = {
        "version": __version__,
        "data": data_of(source),
        "models": models_of(trained),
        "trial": trial_of(request, terms).chosen,
        "terms": [terms.cost, terms.borrow],
    }
    digest = hashlib.sha256(msgspec.json.encode(made_of, order="sorted")).hexdigest()[:12]
    return _Job(varied, request, terms, source, place / f"{digest}.replay.json")


def _title(varied: dict[str, Any]) -> str:
    """What tells a replay from the others."""
    return ", ".join(f"{name} {_said(value)}" for name, value in varied.items())


def _said(value: Any) -> str:
    return " or ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _told(tell: Progress, number: int, many: int, done: int, total: int, what: str) -> None:
    tell(done, total, f"pass {number + 1} of {many}: {what}")
