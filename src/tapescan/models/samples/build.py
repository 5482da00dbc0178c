"""From a store to samples: all features of each eligible symbol on every k-th session, streamed by chunks of symbols.

The features are those of a scan, from the very same kernels, replayed over all rows. A sample of session D holds what
a scan as of D would have seen:

- bars up to D only, since no kernel reads ahead, in the share basis of D (`history.history`): the price is the one
  that was quoted, where the store holds raw prices. Those that a vendor adjusted before they came in stay in their
  file's basis: features have no scale of their own, and for the filter on the price the splits inside are taken out
  again, as far as the store knows them;
- the filters on price, dollar volume and number of bars as of D.

What reads a suspect bar (`market.suspect`) is no sample, and what is bought or sold on one has no label. These alone
are judged by all bars up to the end.

The types of securities are those of the listing, which has no history: today's. Features are measured against the
market's index as in a scan: SPY where the source has it (a feature that needs it is NaN before its history), else the
equal-weighted index of all symbols.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from operator import index as whole
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.files import scratch_folder
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Days, Shorts, Singles
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Engine
from tapescan.features.digest import machine_digest
from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.history.history import Basis, History, days, history_of, market_index
from tapescan.market import calendar
from tapescan.market.adjust import quoted_factors
from tapescan.market.eligibility import TRADED, none_of, short_history
from tapescan.market.funds import KNOWN_FUNDS
from tapescan.market.index import MarketIndex
from tapescan.market.panel import build_panel
from tapescan.market.universe import build_universe, industry_numbers
from tapescan.models.samples.block import Job, Piece, block_rows, block_samples
from tapescan.models.samples.inputs import check_inputs, model_features
from tapescan.models.samples.labels import LONGEST_HORIZON
from tapescan.models.samples.runs import Run, Runs
from tapescan.models.samples.samples import Samples, Universe
from tapescan.store import Store

__all__ = ["build_samples", "check_choice", "sampled_sessions"]

#: Lanes of a block. Every row of every feature is kept until the block is done, so blocks are narrower than a scan's.
LANES = 64


def build_samples(
    source: Store | pl.DataFrame | History,
    *,
    horizons: Sequence[int] = (5, 10),
    start: dt.date | None = None,
    end: dt.date | None = None,
    every: int = 5,
    filters: Universe | None = None,
    features: Sequence[str] | None = None,
    market: MarketIndex | None = None,
    closing: bool = False,
    both: bool = False,
    folder: str | Path | None = None,
    chunk: int = 1000,
    engine: Engine | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Samples of the whole market, as memory maps.

    source : a store; or bars (symbol, session, open, high, low, close, volume) that need no adjustment, whose closes
        are taken as quoted and whose types are what the symbols' form says; or what `history_of` made of either.
    horizons : of the forward returns, in sessions. start : the first session sampled; all earlier bars still count as
        history. end : nothing later is read, labels included; None is the newest session.
    every : each how many exchange sessions, counted on the calendar itself, so that neither `start` nor `end` nor the
        data move the choice. filters : `Universe()` when None. features : `model_features()` when None.
    market : the index that features are measured against; None for that of a scan (`history.market_index`).
    closing : forward returns are those from close to close (`labels.closing_returns`), for ranges. both : those are
        in the samples' `closing`, beside the others.
    folder : where the columns are written as ``.npy`` files, an empty or new one; None is a temporary folder that
        takes no more room once the samples are dropped. chunk : symbols read at a time; it bounds the memory, and
        changes no value. engine : where blocks are computed; that of the settings for None. progress : told of the
        symbols done and their number.

    Raises OptionError for arguments that cannot be used or that leave no sample, StoreError when the source has no
    bars or the folder cannot be written.
    """
    names = model_features() if features is None else check_inputs(features)
    horizons, filters = check_choice(horizons, every), filters or Universe()
    if chunk < 1:
        raise OptionError(f"chunk is {chunk}", "give 1 or more")
    data = source if isinstance(source, History) else history_of(source, end)
    sampled = _sampled(data, start, every)
    market = market or market_index(data, chunk)
    job = replace(_job(data, names, horizons, filters, sampled, market.name), closing=closing, both=both)
    place = None if folder is None else Path(folder)
    columns = _columns(job, data, market, place, chunk, engine or chosen(machine_digest), progress or silent)
    asked = {"from": start and str(start), "to": end and str(end)}
    how = {"asked": asked, "market_index": market.name, "every": every, "filters": asdict(filters)}
    said = {"returns": "close to close"} if closing else {}
    industries = industry_numbers(build_universe(data.listing, list(job.wanted))["industry"])
    return _samples(job, columns, industries, {**data.provenance, **how, **said})


def sampled_sessions(start: dt.date, end: dt.date, every: int) -> Days:
    """Every so many sessions of the calendar, whatever the start is: int32 days since 1970-01-01."""
    sampled = calendar.sessions(calendar.EARLIEST, end)[::every]
    return sampled[sampled >= days(start)]


def _sampled(data: History, start: dt.date | None, every: int) -> Days:
    sampled = sampled_sessions(max(start or data.first, data.first), data.end, every)
    if not len(sampled):
        raise OptionError(
            f"no session is sampled from {start or data.first} to {data.end}", "choose other dates or a smaller every"
        )
    return sampled


def _samples(
    job: Job, columns: dict[str, NDArray[np.generic]], industries: Shorts, about: Mapping[str, Any]
) -> Samples:
    return Samples(
        features=job.names,
        values=cast("Singles", columns["values"]),
        session=cast("Days", columns["session"]),
        symbol=cast("Days", columns["symbol"]),
        symbols=tuple(job.wanted),
        forward={h: cast("Singles", columns[f"forward_{h}"]) for h in job.horizons},
        closing={h: cast("Singles", columns[f"closing_{h}"]) for h in job.horizons} if job.both else {},
        dollar_volume=cast("Singles", columns["dollar_volume"]),
        provenance=about,
        industries=industries,
    )


def check_choice(horizons: Sequence[int] | int, every: int) -> tuple[int, ...]:
    """The horizons, each once. Raises OptionError for such as make no sense."""
    given: Any = [horizons] if type(horizons) is int else horizons
    try:
        ordered = tuple(dict.fromkeys(map(whole, given)))
    except TypeError:
        ordered = ()
    if not ordered or not all(1 <= horizon <= LONGEST_HORIZON for horizon in ordered):
        raise OptionError(f"horizons are {given}", f"give whole numbers of sessions from 1 to {LONGEST_HORIZON}")
    if not isinstance(every, int) or every < 1:
        raise OptionError(f"every is {every}", "give a whole number of sessions, 1 or more")
    return ordered


def _columns(
    job: Job, data: History, market: MarketIndex, folder: Path | None, chunk: int, engine: Engine, progress: Progress
) -> dict[str, NDArray[np.generic]]:
    """All samples, a memory map a column: in the folder, or in a temporary one that is gone already."""
    warm_up(job.plan, replayed=True)
    place = None if folder is None else _new_folder(folder)
    try:
        with scratch_folder(place) as scratch:
            runs = Runs(scratch, job.sampled, len(job.names), len(job.returns))
            _fill(runs, job, data, market, chunk, engine, progress)
            if not runs.rows:
                raise OptionError(
                    f"no symbol passes the filters on any of {len(job.sampled)} sessions sampled up to {data.end}",
                    "choose other dates or lower the filters",
                )
            # A map outlives its file's name: the temporary columns vanish with the last reference to them.
            own = [f"forward_{horizon}" for horizon in job.horizons]
            beside = [f"closing_{horizon}" for horizon in job.horizons] if job.both else []
            return runs.merge(place or scratch, (*own, *beside))
    except OSError as error:
        where = place or tempfile.gettempdir()
        raise StoreError(f"cannot write samples to {where}: {error}", "give a folder with more room") from error


def _new_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = next(folder.iterdir(), None)
    except OSError as error:
        raise StoreError(f"cannot use the folder {folder}: {error}", "choose another one") from error
    if taken is not None:
        raise OptionError(f"the folder {folder} is not empty", "choose a new one for the samples")
    return folder


def _wanted(data: History, filters: Universe, index: str) -> dict[str, int]:
    """The symbols that can ever be sampled, with their places, in order."""
    few = short_history(data.symbols["bars"].to_numpy(), filters.min_bars)
    enough = data.symbols.filter(~few).filter(pl.col("symbol") != index)["symbol"].to_list()
    types = build_universe(data.listing, enough)
    # What no listing names and everybody knows as a fund is one, as in a scan.
    fund = (types["type"] == "unknown") & types["symbol"].is_in(list(KNOWN_FUNDS))
    types = types.with_columns(type=pl.when(fund).then(pl.lit("fund")).otherwise("type"))
    return {symbol: at for at, symbol in enumerate(types.filter(~none_of(types["type"], filters.types))["symbol"])}


def _job(
    data: History,
    names: tuple[str, ...],
    horizons: tuple[int, ...],
    filters: Universe,
    sampled: Days,
    index: str,
) -> Job:
    sessions = calendar.sessions(max(data.first, calendar.EARLIEST), data.end)
    plan, wanted = plan_features((*names, TRADED)), _wanted(data, filters, index)
    return Job(plan, names, horizons, filters, sessions, sampled, days(data.settled), wanted)


def _fill(
    runs: Runs, job: Job, data: History, market: MarketIndex, chunk: int, engine: Engine, progress: Progress
) -> None:
    """Add the samples of all symbols, a run a block, blocks shared out by the engine."""
    total, what = len(job.wanted), "computing features of every session"
    progress(0, total, what)
    symbols = list(job.wanted)
    for at in range(0, total, chunk):
        some = symbols[at : at + chunk]
        raw = data.stamped(some)
        seen = _behind(raw).join(quoted_factors(raw, data.inside), on=["symbol", "session"])
        for basis in data.bases_of(raw):
            wrong = data.unaccepted(data.suspects(basis.bars, None))
            for run in _shared_out(engine, _pieces(runs, job, basis, market, wrong, seen)):
                if run is not None:
                    runs.add(run)
        progress(at + len(some), total, what)


def _shared_out(engine: Engine, pieces: list[Piece]) -> Iterator[Run | None]:
    """The runs of the pieces, written where they are computed, or here where that is another machine."""
    if not engine.apart:
        yield from engine.map(block_samples, pieces)
        return
    for piece, samples in zip(pieces, engine.map(block_rows, pieces), strict=True):
        yield None if samples is None else piece.slot.write(samples)


def _behind(raw: pl.DataFrame) -> pl.DataFrame:
    """Of each bar how many of its symbol are newer: symbol, session, behind."""
    newer = pl.len().over("symbol") - 1 - pl.int_range(pl.len()).over("symbol")
    return raw.select("symbol", "session", behind=newer.cast(pl.Int64))


def _pieces(
    runs: Runs, job: Job, basis: Basis, market: MarketIndex, suspects: pl.DataFrame, quoted: pl.DataFrame
) -> list[Piece]:
    """One a block of the bars, the longest first. quoted : symbol, behind, factor (`quoted_factors`)."""
    panel = build_panel(basis.bars, lanes=LANES, index=market)
    within = np.array([basis.sessions[symbol] for symbol in panel.symbols])
    places = pl.DataFrame({"symbol": panel.symbols, "place": range(len(panel.symbols))})
    wrong = suspects.join(places, on="symbol").select("place", "behind").to_numpy().astype(np.int64)
    seen = quoted.join(places, on="symbol").select("place", "behind", "factor").to_numpy()
    pieces = []
    for block in panel.blocks:
        lanes = slice(block.offset, block.offset + block.lanes)
        own = wrong[(wrong[:, 0] >= lanes.start) & (wrong[:, 0] < lanes.stop)]
        at = np.stack([block.rows - 1 - own[:, 1], own[:, 0] - block.offset])
        mine = seen[(seen[:, 0] >= lanes.start) & (seen[:, 0] < lanes.stop)]
        as_quoted = np.stack([block.rows - 1 - mine[:, 1], mine[:, 0] - block.offset, mine[:, 2]])
        pieces.append(Piece(job, replace(panel, blocks=(block,)), within[lanes], at, as_quoted, runs.slot()))
    return pieces
