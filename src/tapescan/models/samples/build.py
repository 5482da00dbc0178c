"""From a store to samples: all features of each eligible symbol on every k-th session, streamed by chunks of symbols.

The features are those of a scan, from the very same kernels, replayed over all rows. A sample of session D holds what
a scan as of D would have seen:

- bars up to D only, since no kernel reads ahead, in the share basis of D (`history.history`): the price is the one
  that was quoted, where the store holds raw prices (those that a vendor adjusted before they came in stay in their
  file's basis; features have no scale of their own, but the filter on the price has);
- the filters on price, dollar volume and number of bars as of D.

The types of securities are those of the listing, which has no history: today's.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from operator import index as whole
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.core.errors import OptionError, StoreError
from tapescan.core.machine import threads
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Bools, Days, Ints, Singles
from tapescan.features.compute import replay
from tapescan.features.plan import Plan, plan_features
from tapescan.features.warm import warm_up
from tapescan.history.history import History, days, history_of, market_index
from tapescan.market import calendar
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Block, Panel, build_panel
from tapescan.market.universe import build_universe
from tapescan.models.samples.inputs import as_inputs, check_inputs, model_features
from tapescan.models.samples.labels import forward_returns
from tapescan.models.samples.runs import Runs
from tapescan.models.samples.samples import Samples, Universe
from tapescan.store import Store

__all__ = ["build_samples", "check_choice", "sampled_sessions"]

#: The feature behind the filter on dollar volume, as in a scan.
TRADED = "dollar_volume_20"

#: Lanes of a block. Every row of every feature is kept until the block is done, so blocks are narrower than a scan's.
LANES = 64

#: Horizons beyond this are no short-term forecast, and would leave few independent labels.
LONGEST_HORIZON = 252


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
    folder: str | Path | None = None,
    chunk: int = 1000,
    progress: Progress | None = None,
) -> Samples:
    """Samples of the whole market, as memory maps.

    source : a store; or bars (symbol, session, open, high, low, close, volume) that need no adjustment, whose closes
        are taken as quoted and whose types are what the symbols' form says; or what `history_of` made of either.
    horizons : of the forward returns, in sessions. start : the first session sampled; all earlier bars still count as
        history. end : nothing later is read, labels included; None is the newest session.
    every : each how many exchange sessions, counted on the calendar itself, so that neither `start` nor `end` nor the
        data move the choice.
    filters : `Universe()` when None. features : `model_features()` when None.
    market : the index that features are measured against; None for that of a scan (`source.market_index`).
    folder : where the columns are written as ``.npy`` files, an empty or new one; None is a temporary folder that
        takes no more room once the samples are dropped.
    chunk : symbols read at a time; it bounds the memory, and changes no value.
    progress : told of the symbols done and their number.

    Features are measured against the market's index as in a scan: SPY where the source has it (a feature that needs
    it is NaN before its history), else the equal-weighted index of all symbols.

    Raises OptionError for arguments that cannot be used or that leave no sample, StoreError when the source has no
    bars or the folder cannot be written.
    """
    names = model_features() if features is None else check_inputs(features)
    horizons = check_choice(horizons, every)
    if chunk < 1:
        raise OptionError(f"chunk is {chunk}", "give 1 or more")
    plan = plan_features((*names, TRADED))
    filters = filters or Universe()
    data = source if isinstance(source, History) else history_of(source, end)
    sessions = calendar.sessions(max(data.first, calendar.EARLIEST), data.end)
    sampled = sampled_sessions(max(start or data.first, data.first), data.end, every)
    if not len(sampled):
        raise OptionError(
            f"no session is sampled from {start or data.first} to {data.end}", "choose other dates or a smaller every"
        )
    market = market or market_index(data, chunk)
    wanted = _wanted(data, filters, market.name)
    warm_up(plan)
    place = None if folder is None else _new_folder(Path(folder))
    job = _Job(plan, names, horizons, filters, sessions, sampled, days(data.settled), market, wanted)
    try:
        with tempfile.TemporaryDirectory(prefix="tapescan-", dir=place) as scratch:
            runs = Runs(Path(scratch), sampled, len(names), len(horizons))
            job.fill(runs, data, chunk, progress or silent)
            if not runs.rows:
                raise OptionError(
                    f"no symbol passes the filters on any of the {len(sampled)} sessions sampled up to {data.end}",
                    "choose other dates or lower the filters",
                )
            # A map outlives its file's name: the temporary columns vanish with the last reference to them.
            columns = runs.merge(place or Path(scratch), horizons)
    except OSError as error:
        where = place or tempfile.gettempdir()
        raise StoreError(f"cannot write samples to {where}: {error}", "give a folder with more room") from error
    asked = {"from": start and str(start), "to": end and str(end)}
    about = {
        **data.provenance,
        "asked": asked,
        "market_index": market.name,
        "every": every,
        "filters": asdict(filters),
    }
    return _samples(names, tuple(wanted), horizons, columns, about)


def sampled_sessions(start: dt.date, end: dt.date, every: int) -> Days:
    """Every so many sessions of the calendar, whatever the start is: int32 days since 1970-01-01."""
    sampled = calendar.sessions(calendar.EARLIEST, end)[::every]
    return sampled[sampled >= days(start)]


def _samples(
    names: tuple[str, ...],
    symbols: tuple[str, ...],
    horizons: Sequence[int],
    columns: dict[str, NDArray[np.generic]],
    about: dict[str, Any],
) -> Samples:
    return Samples(
        features=names,
        values=cast("Singles", columns["values"]),
        session=cast("Days", columns["session"]),
        symbol=cast("Days", columns["symbol"]),
        symbols=symbols,
        forward={h: cast("Singles", columns[f"forward_{h}"]) for h in horizons},
        dollar_volume=cast("Singles", columns["dollar_volume"]),
        provenance=about,
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
    enough = data.symbols.filter(pl.col("bars") >= filters.min_bars, pl.col("symbol") != index)["symbol"].to_list()
    types = build_universe(data.listing, enough)
    return {symbol: at for at, symbol in enumerate(types.filter(pl.col("type").is_in(filters.types))["symbol"])}


# --- samples of a chunk ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """What is the same for all chunks."""

    plan: Plan
    names: tuple[str, ...]
    horizons: tuple[int, ...]
    filters: Universe
    sessions: Days
    sampled: Days
    end: int
    market: MarketIndex
    wanted: dict[str, int]

    def fill(self, runs: Runs, data: History, chunk: int, progress: Progress) -> None:
        """Add the samples of all symbols, a run a block, blocks shared out over the cores."""
        total, what = len(self.wanted), "computing features of every session"
        progress(0, total, what)
        with ThreadPoolExecutor(threads(), thread_name_prefix="tapescan") as pool:
            symbols = list(self.wanted)
            for at in range(0, total, chunk):
                some = symbols[at : at + chunk]
                for basis in data.bases(some):
                    panel = build_panel(basis.bars, lanes=LANES, index=self.market)
                    within = np.array([basis.sessions[symbol] for symbol in panel.symbols])
                    for _ in pool.map(lambda block, p=panel, w=within: self._add(runs, p, block, w), panel.blocks):
                        pass
                progress(at + len(some), total, what)

    def _add(self, runs: Runs, panel: Panel, block: Block, within: Ints) -> None:
        """The samples of one block.

        within : ``(symbols of the panel, 2)``, the first day sampled and the first one no longer.
        """
        mine = within[block.offset : block.offset + block.lanes]
        due = self._due(block) & (block.session >= mine[:, 0]) & (block.session < mine[:, 1])
        row, lane = np.nonzero(due & (block.close >= self.filters.min_price))
        if not row.size:
            return
        _, values = next(replay(replace(panel, blocks=(block,)), self.plan))
        traded = values[self.plan.names.index(TRADED)]
        liquid = traded[row, lane] >= self.filters.min_dollar_volume
        row, lane = row[liquid], lane[liquid]
        names = panel.symbols[block.offset : block.offset + block.lanes]
        code = np.array([self.wanted[name] for name in names], np.int32)[lane]
        order = np.lexsort((code, block.session[row, lane]))
        row, lane, code = row[order], lane[order], code[order]
        samples = runs.empty(len(row))
        samples["session"], samples["symbol"] = block.session[row, lane], code
        samples["dollar_volume"] = traded[row, lane]
        for at, horizon in enumerate(self.horizons):
            returns = forward_returns(block, horizon, self.sessions, self.end)
            samples["forward"][:, at] = returns[row, lane]
        for at in range(len(self.names)):
            samples["values"][:, at] = as_inputs(values[at][row, lane])
        runs.add(samples)

    def _due(self, block: Block) -> Bools:
        """Rows of a sampled session with enough bars up to them, ``(rows, lanes)``."""
        age = np.arange(block.rows)[:, None] - block.first + 1
        at = np.minimum(np.searchsorted(self.sampled, block.session), len(self.sampled) - 1)
        return cast("Bools", (self.sampled[at] == block.session) & (age >= max(self.filters.min_bars, 1)))
