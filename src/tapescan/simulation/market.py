"""A simulated market of any size, seeded: the embedded default, and what tests and benchmarks measure on.

It has what a real tape has: a market and eleven sectors behind the returns, volatility that clusters, fat
tails, splits, dividends, halts, late listings, delistings, thin names, and a few bars that are wrong. Nothing
in it is a real security: tickers and companies are invented (``simulate_names``). A small signal is planted in
the returns (``Truth``), so that training can be checked against what is there to be found.

The same arguments give the same bytes on any number of threads; another kind of processor may round a few
prices to the next tick. Symbols are drawn in groups from streams of their own: a symbol's bars do not depend
on how many symbols are asked for, and the cost is linear in them.
"""

from __future__ import annotations

import datetime as dt
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.core.dates import date_of
from tapescan.core.errors import OptionError
from tapescan.core.forks import begin_work
from tapescan.core.typing import Floats, Ints
from tapescan.market import calendar
from tapescan.simulation.names import GROUP, Traits, group_order, group_traits, listing_of, stream
from tapescan.simulation.paths import (
    MOMENTUM,
    REVERSAL,
    Events,
    Factors,
    Paths,
    draw_factors,
    draw_paths,
    total_volatility,
)
from tapescan.simulation.presence import Presence, draw_presence
from tapescan.simulation.surfaces import Surfaces, draw_surfaces

__all__ = ["DIRT", "SimulatedMarket", "Truth", "simulate"]


#: Kinds of dirty bars, in turn. The first three are further rows; the others replace a good bar's values.
DIRT = (
    "copy",  # the bar twice, equal in all
    "conflict",  # the bar twice, with another volume
    "weekend",  # Friday's bar once more, dated Saturday
    "missing",  # no close
    "not finite",  # a close of NaN, or an infinite volume
    "not positive",  # an open of zero, or a negative low
    "low",  # the low above the high
    "high",  # the high below open and close
    "volume",  # a negative volume
)
#: Dirty bars among all bars; none in a group with fewer bars than the second, which one would distort.
DIRTY_SHARE, CLEAN_ROWS = 1e-4, 1000


@dataclass(frozen=True)
class Truth:
    """The planted signal and what each symbol was drawn with.

    The expected log return of the next session, in units of the symbol's volatility, is
    ``reversal * -R(5, 0) + momentum * R(126, 21)``, where R(a, b) is the log return from a to b sessions ago
    over its own standard deviation (``volatility * sqrt(a - b)``), clipped to plus or minus 3. The daily
    cross-sectional correlation of each with the next return is about its weight. The rest is noise around the
    market's drift, which all share by their betas, and a constant that gives no symbol a higher mean return.

    symbols : one row a symbol: symbol, beta, sector_beta, volatility (a session's standard deviation of the
        log return, all told), thin (trades in only some sessions).
    """

    reversal: float
    momentum: float
    symbols: pl.DataFrame

    def expected(
        self, symbols: Sequence[str], last_5: NDArray[np.floating], from_126_to_21: NDArray[np.floating], horizon: int
    ) -> Floats:
        """The expected log return over the next sessions, in units of volatility: what a perfect forecast orders by.

        symbols : of the rows. last_5, from_126_to_21 : simple returns from 5 sessions ago, and from 126 to 21 ago.
        A session later a fifth of the reversal's past is gone; momentum's hardly changes.
        """
        drawn = dict(self.symbols.select("symbol", "volatility").iter_rows())
        volatility = np.array([drawn[symbol] for symbol in symbols])

        def part(returns: NDArray[np.floating], sessions: int) -> Floats:
            moved = np.log1p(np.asarray(returns, np.float64)) / (volatility * np.sqrt(sessions))
            clipped: Floats = np.clip(moved, -3.0, 3.0)
            return clipped

        fading = sum(max(1.0 - step / 5.0, 0.0) for step in range(horizon))
        return -self.reversal * fading * part(last_5, 5) + self.momentum * horizon * part(from_126_to_21, 105)


@dataclass(frozen=True)
class SimulatedMarket:
    """A simulated market.

    bars : symbol, session (date), open, high, low, close, volume (float64), sorted by symbol and session.
        Prices are raw, in cents (in hundredths of cents where the low is below $1); volume is whole shares. With
        dirty bars among them unless asked otherwise: ``market.quality`` refuses those.
    splits : symbol, ex_date, ratio (new shares for one old share).
    dividends : symbol, ex_date, amount ($ a share, as paid).
    listing : symbol, name, exchange, sector, industry, country, type; one row a symbol.
    sessions : how many it was drawn for; some bars are of no session. end : the last one.
    """

    bars: pl.DataFrame
    splits: pl.DataFrame
    dividends: pl.DataFrame
    listing: pl.DataFrame
    seed: int
    truth: Truth
    sessions: int
    end: dt.date

    @cached_property
    def surfaces(self) -> Surfaces:
        """What its options are priced with: `chains.simulate_chains`, `option_features.simulated_features`."""
        return draw_surfaces(self.seed, self.truth.symbols.height, last_sessions(self.sessions, self.end))

    def __repr__(self) -> str:
        """Short, as a notebook shows it."""
        return f"<simulated market of {len(self.listing):,} symbols, {self.sessions:,} sessions, seed {self.seed}>"


def simulate(
    symbols: int = 6000,
    sessions: int = 520,
    seed: int = 7,
    end: dt.date = dt.date(2025, 12, 31),
    dirty: bool = True,
    *,
    threads: int | None = None,
) -> SimulatedMarket:
    """Draw a market of ``symbols`` symbols over the last ``sessions`` sessions up to ``end``.

    threads : workers over groups of symbols; all processors when None. Does not change the result.
    """
    begin_work()
    if symbols < 1 or sessions < 1 or seed < 0:
        raise OptionError(
            f"cannot simulate {symbols} symbols x {sessions} sessions with seed {seed}",
            "ask for at least one symbol and one session, and a seed of zero or more",
        )
    days = last_sessions(sessions, end)
    factors = draw_factors(seed, sessions)
    order = group_order(symbols)
    with ThreadPoolExecutor(threads or os.cpu_count()) as workers:
        counts = [min(GROUP, symbols - group * GROUP) for group in order]
        plans = list(workers.map(lambda group, count: _plan(seed, group, count, days, dirty), order, counts))
        begins = np.cumsum([0, *(len(plan.rows) for plan in plans)]).tolist()
        firsts = np.cumsum([0, *counts[:-1]]).tolist()
        tape = _Tape.of(begins.pop())
        happened = list(
            workers.map(
                lambda plan, begin, first: _draw_group(seed, plan, begin, first, tape, days, factors),
                plans,
                begins,
                firsts,
            )
        )
    names = pl.Series("symbol", [name for plan in plans for name in plan.traits.symbols[: plan.count]], pl.String)
    return SimulatedMarket(
        bars=_frame(tape, names),
        splits=_events([splits for splits, _ in happened], firsts, names, days, "ratio"),
        dividends=_events([dividends for _, dividends in happened], firsts, names, days, "amount"),
        listing=pl.concat([listing_of(plan.traits, plan.count) for plan in plans]),
        seed=seed,
        truth=_truth(plans, names),
        sessions=sessions,
        end=date_of(int(days[-1])),
    )


def last_sessions(count: int, end: dt.date) -> NDArray[np.int32]:
    """The last ``count`` sessions up to ``end``, as days since 1970-01-01."""
    # 252 sessions a year, and a month to spare; no more than there are days since the calendar begins.
    reach = min(int(count * 365.25 / 250) + 30, (end - calendar.EARLIEST).days)
    days = calendar.sessions(end - dt.timedelta(days=reach), end)[-count:]
    if len(days) < count:
        raise OptionError(f"no {count} sessions before {end}", f"the calendar begins on {calendar.EARLIEST}")
    return days


@dataclass(frozen=True)
class _Plan:
    """What is known of a group before its prices: which bars there will be.

    rows : each bar's place in the ``(GROUP, T)`` arrays, ascending; a place twice is a further, dirty row.
    dirt : places in ``rows`` and kinds, places in DIRT, of the dirty bars.
    """

    group: int
    count: int
    traits: Traits
    presence: Presence
    rows: Ints
    dirt_at: Ints
    dirt: Ints


@dataclass(frozen=True)
class _Tape:
    """The columns of all bars, filled group by group. ``missing`` holds the places of closes to leave out."""

    symbol: NDArray[np.uint32]
    session: NDArray[np.int32]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    missing: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, rows: int) -> _Tape:
        return cls(np.empty(rows, np.uint32), np.empty(rows, np.int32), *np.empty((5, rows)))


def _plan(seed: int, group: int, count: int, days: NDArray[np.int32], dirty: bool) -> _Plan:
    """Decide on the bars of the first ``count`` symbols of a group, and on which of them are dirty."""
    traits = group_traits(seed, group)
    presence = draw_presence(seed, group, len(days))
    rows = np.flatnonzero(presence.present[:count])
    if not dirty or len(rows) < CLEAN_ROWS:
        return _Plan(group, count, traits, presence, rows, np.empty(0, np.int64), np.empty(0, np.int64))
    draw = stream(seed, 4, group)
    chosen = np.unique(draw.integers(0, len(rows), math.ceil(DIRTY_SHARE * len(rows))))
    kind = (np.arange(len(chosen)) + group) % len(DIRT)
    # A weekend's bar follows a Friday's: the next one, and no dirt where there is none.
    friday = np.flatnonzero((days[rows % len(days)] + 3) % 7 == 4)
    weekend = kind == DIRT.index("weekend")
    after = np.searchsorted(friday, chosen[weekend])
    chosen[weekend] = np.append(friday, len(rows))[after]
    chosen, first = np.unique(chosen, return_index=True)
    chosen, kind = chosen[chosen < len(rows)], kind[first][chosen < len(rows)]
    further = kind <= DIRT.index("weekend")
    rows = np.insert(rows, chosen[further] + 1, rows[chosen[further]])
    # A further row stands after its bar, and moves all later places by one.
    at = chosen + np.cumsum(further)
    return _Plan(group, count, traits, presence, rows, at, kind)


def _draw_group(
    seed: int, plan: _Plan, begin: int, first: int, tape: _Tape, days: NDArray[np.int32], factors: Factors
) -> tuple[Events, Events]:
    """Draw a group's bars into their part of the tape; gives its splits and dividends."""
    paths = draw_paths(seed, plan.group, plan.traits, plan.presence, factors)
    part = slice(begin, begin + len(plan.rows))
    lane, at = np.divmod(plan.rows, len(days))
    tape.symbol[part] = lane + first
    tape.session[part] = days[at]
    _write_prices(paths, plan.rows, [tape.open[part], tape.high[part], tape.low[part], tape.close[part]])
    volume = np.exp(paths.volume).take(plan.rows)
    # A bar with a trade has a share at least.
    np.maximum(np.rint(volume), volume > 0.0, out=tape.volume[part])
    _soil(plan, tape, begin)
    return _of_first(paths.splits, plan.count), _of_first(paths.dividends, plan.count)


def _of_first(events: Events, count: int) -> Events:
    kept = events.lane < count
    return Events(events.lane[kept], events.at[kept], events.value[kept])


def _write_prices(paths: Paths, rows: Ints, columns: list[Floats]) -> None:
    """Prices from their logarithms, on the tick of their bar, with high and low around open and close."""
    for logarithm, column in zip((paths.open, paths.high, paths.low, paths.close), columns, strict=True):
        column[:] = np.exp(logarithm).take(rows)
    low = columns[2]
    small = np.flatnonzero(low < 1.0)
    for column in columns:
        fine = np.maximum(np.rint(column[small] * 1e4), 1.0) / 1e4
        np.multiply(column, 100.0, out=column)
        np.rint(column, out=column)
        np.divide(column, 100.0, out=column)
        column[small] = fine
    opens, high, low, close = columns
    # The exponential is rounded to single precision: a last digit could put the close outside.
    for edge, outer in ((high, np.maximum), (low, np.minimum)):
        outer(edge, opens, out=edge)
        outer(edge, close, out=edge)


def _soil(plan: _Plan, tape: _Tape, begin: int) -> None:
    """Make the chosen bars of a group dirty, each so that only its own kind of fault is in it."""
    for turn, (at, kind) in enumerate(zip((plan.dirt_at + begin).tolist(), plan.dirt.tolist(), strict=True)):
        other = (turn // len(DIRT) + plan.group) % 2 == 1
        match DIRT[kind]:
            case "copy":
                pass
            case "conflict":
                tape.volume[at] += 100.0
            case "weekend":
                tape.session[at] += 1
            case "missing":
                tape.missing.append(at)
            case "not finite":
                column = tape.volume if other else tape.close
                column[at] = np.inf if other else np.nan
            case "not positive":
                column = tape.low if other else tape.open
                column[at] = -column[at] if other else 0.0
            case "low":
                tape.low[at] = tape.high[at] * 1.02
            case "high":
                tape.high[at] = min(tape.open[at], tape.close[at]) * 0.98
                tape.low[at] = min(tape.low[at], tape.high[at]) * 0.99
            case "volume":
                tape.volume[at] = -1.0 - tape.volume[at]


def _frame(tape: _Tape, names: pl.Series) -> pl.DataFrame:
    """The tape as a frame."""
    close = pl.Series("close", tape.close)
    if tape.missing:
        close = close.scatter(sorted(tape.missing), [None] * len(tape.missing))
    return pl.DataFrame(
        [
            names.gather(pl.Series(tape.symbol)),
            pl.Series("session", tape.session).cast(pl.Date),
            *(pl.Series(name, getattr(tape, name)) for name in ("open", "high", "low")),
            close,
            pl.Series("volume", tape.volume),
        ]
    )


def _events(
    groups: list[Events], firsts: list[int], names: pl.Series, days: NDArray[np.int32], value: str
) -> pl.DataFrame:
    """Splits or dividends of all groups, sorted by symbol and ex-date."""
    place = np.concatenate([events.lane + first for events, first in zip(groups, firsts, strict=True)])
    at = np.concatenate([events.at for events in groups])
    values = np.concatenate([events.value for events in groups])
    order = np.lexsort((at, place))
    return pl.DataFrame(
        [
            names.gather(pl.Series(place[order], dtype=pl.UInt32)),
            pl.Series("ex_date", days[at[order]]).cast(pl.Date),
            pl.Series(value, values[order]),
        ]
    )


def _truth(plans: list[_Plan], names: pl.Series) -> Truth:
    def column(name: str, values: list[NDArray[np.generic]]) -> pl.Series:
        cut = [value[: plan.count] for plan, value in zip(plans, values, strict=True)]
        return pl.Series(name, np.concatenate(cut))

    thin = [np.isin(np.arange(GROUP), plan.presence.thin) for plan in plans]
    return Truth(
        reversal=REVERSAL,
        momentum=MOMENTUM,
        symbols=pl.DataFrame(
            [
                names,
                column("beta", [plan.traits.beta for plan in plans]),
                column("sector_beta", [plan.traits.sector_beta for plan in plans]),
                column("volatility", [total_volatility(plan.traits) for plan in plans]),
                column("thin", list(thin)),
            ]
        ),
    )
