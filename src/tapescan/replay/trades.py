"""What came of each pick's trade: plans with a stop and a target, and plain holding, run bar by bar.

A pick is known at its session's close; the trade enters at the open of the very next session, or never. From then on
a bar's low and high count, those of the entry session too. A bar that opens at or beyond a level fills at its open,
worse than a stop, better than a target; otherwise a level that the bar touches fills at the level. Where one bar
touches both, and opens between them, their order is unknown: the stop is taken first, and the other bound is given
beside it. The time exit is the close of session `hold`, the entry session being the first; a symbol without a bar
then leaves at the open of its next one, at which nothing but the time counts. One that stopped trading for good
before leaves at its last close.

A bar on which nobody traded is no bar. Levels stay as planned: no dividend lowers them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.market.regime import SESSIONS_A_YEAR

__all__ = ["ALLOWANCE", "FILLS", "REASONS", "Ahead", "Rules", "Trades", "run_holds", "run_plans"]

#: Undoing splits changes a price's last bits: a level is touched, or opened at, within this share of it.
ALLOWANCE = 1e-9

#: What became of the order.
#:  filled : entered, and left again.
#:  unfinished : entered; the data ends, or the columns do, before the exit. Marked at the last close.
#:  no_plan : there was no stop. awaited : the next session is not in the data yet. no_bar : no bar on it.
#:  beyond_stop, beyond_target : it opened at or beyond that level.
FILLS = ("filled", "unfinished", "no_plan", "awaited", "no_bar", "beyond_stop", "beyond_target")

#: Why it left; empty where it did not.
REASONS = ("", "stop", "target", "time", "delisted")


@dataclass(frozen=True, eq=False)
class Ahead:
    """The exchange's sessions after each pick's, at least one: column 0 is the next. Give some more than are held, or
    a halt at the end leaves trades unfinished.

    open, high, low, close, volume : float64 ``(picks, sessions)``, dollars and shares, in the share basis of the
        pick's session; NaN where the symbol has no bar.
    paid : float64 ``(picks, sessions)``, dividends in dollars a share on their ex-day, in that basis; 0 elsewhere.
    gone : ``(picks,)``, the column after the last bar of a symbol that stopped trading for good; the number of
        columns for others.
    known : ``(picks,)``, how many of the columns are sessions that the data has; later ones hold NaN.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    paid: Floats
    gone: Ints
    known: Ints

    def traded(self) -> Ahead:
        """Without the bars on which nobody traded."""
        idle = self.volume == 0.0
        if not idle.any():
            return self
        prices = {
            name: np.where(idle, np.nan, values)
            for name, values in (("open", self.open), ("high", self.high), ("low", self.low), ("close", self.close))
        }
        return replace(self, volume=np.where(idle, np.nan, self.volume), **prices)

    def marks(self) -> Floats:
        """The newest close at each session's end, ``(picks, sessions)``; NaN before the first."""
        closes = self.traded().close
        newest = np.maximum.accumulate(np.where(np.isnan(closes), 0, np.arange(closes.shape[1])), axis=1)
        return np.take_along_axis(closes, newest, axis=1)


@dataclass(frozen=True)
class Rules:
    """How a trade is held, and what it costs.

    hold : sessions until the time exit, the entry session being the first; 1 or more.
    cost : basis points of the dollars traded, on each side.
    borrow : percent a year of a short's dollars at the entry, for each night, of which a year has 252.
    slippage : basis points lost at a market order, in costs and not in prices: at the entry and at every exit but a
        target's, which is a limit order.
    """

    hold: int
    cost: float = 0.0
    borrow: float = 0.0
    slippage: float = 0.0

    @property
    def entry_cost(self) -> float:
        """Share of the entry price."""
        return (self.cost + self.slippage) / 1e4

    @property
    def night_cost(self) -> float:
        """What a short costs a night, a share of the entry price."""
        return self.borrow / 100.0 / SESSIONS_A_YEAR


@dataclass(frozen=True, eq=False)
class Trades:
    """One entry a pick; NaN (column -1, flags False) where there was no trade. Returns, excursions and risks are
    shares of one of the entry price.

    fill, reason : of FILLS and REASONS. long : bool, else short.
    entry, exit : dollars, as the market had them; an unfinished trade's exit is its last close.
    column : of the exit, or of an unfinished trade's last bar; the entry is at column 0.
    at_open : whether it left at the open of that bar; else within it, or at its close.
    gross : prices and dividends; a short pays them. Who enters on the ex-day has no part in a dividend, who leaves on
        it has. net : less costs, slippage and borrowing; an unfinished trade has not paid for its exit.
    net_best : with the target first where that is unknown. ambiguous : where it is.
    exit_cost : share of the exit price that leaving cost, slippage and all.
    risk : from the fill to the stop. planned : from the planned entry to the stop. NaN for holdings.
    mae, mfe : the worst (at most 0) and best (at least 0) price while held. Of a bar with a stop or a target only
        its open and the exit count: what else it had may have come after.
    """

    fill: Labels
    reason: Labels
    long: Bools
    entry: Floats
    exit: Floats
    column: Ints
    at_open: Bools
    gross: Floats
    net: Floats
    net_best: Floats
    ambiguous: Bools
    exit_cost: Floats
    risk: Floats
    planned: Floats
    mae: Floats
    mfe: Floats

    def __len__(self) -> int:
        return len(self.long)

    @property
    def traded(self) -> Bools:
        return self.column >= 0

    @property
    def left(self) -> Bools:
        return self.fill.among(("filled",))

    @property
    def gap(self) -> Bools:
        """Whether a stop or target was filled at an open at or beyond it."""
        return self.at_open & self.reason.among(("stop", "target"))

    @property
    def r(self) -> Floats:
        """Net, in multiples of the risk from the fill; large where that was small."""
        return self.net / self.risk

    @property
    def r_best(self) -> Floats:
        return self.net_best / self.risk

    @property
    def r_planned(self) -> Floats:
        """Net, in multiples of the risk that sizes are made of."""
        return self.net / self.planned

    @property
    def mae_r(self) -> Floats:
        return self.mae / self.risk

    @property
    def mfe_r(self) -> Floats:
        return self.mfe / self.risk


def run_plans(ahead: Ahead, long: Bools, entry: Floats, stop: Floats, target: Floats, rules: Rules) -> Trades:
    """Every plan as a trade.

    long : bool ``(picks,)``, else short. entry, stop, target : ``(picks,)``, dollars, as planned; a NaN stop is no
        plan, a NaN target none.
    """
    return _run(ahead, long, entry, stop, target, rules, planless=np.isnan(stop))


def run_holds(ahead: Ahead, long: Bools, rules: Rules) -> Trades:
    """Every pick bought (or sold short) at the next open and left at the close of session `hold`, without levels."""
    none = np.full(len(long), np.nan)
    return _run(ahead, long, none, none, none, rules, planless=np.zeros(len(long), dtype=bool))


@dataclass(frozen=True, eq=False)
class _Exits:
    """Of everybody, as if all had entered; ``(picks,)``."""

    column: Ints
    price: Floats
    reason: Ints
    at_open: Bools
    ambiguous: Bools
    whole: Bools  # the exit's bar was held to its close


def _run(
    ahead: Ahead, long: Bools, entry: Floats, stop: Floats, target: Floats, rules: Rules, *, planless: Bools
) -> Trades:
    ahead = ahead.traded()
    way = np.where(long, 1.0, -1.0)
    fill = ahead.open[:, 0]
    # Shorts are longs of negative prices.
    upright = long[:, None]
    worse, better = np.where(upright, ahead.low, -ahead.high), np.where(upright, ahead.high, -ahead.low)
    stopping, gaining = way * stop + ALLOWANCE * np.abs(stop), way * target - ALLOWANCE * np.abs(target)
    out = _exits(ahead, way, (worse, better), (stopping, gaining), (stop, target), rules.hold)

    missed = (planless, ahead.known < 1, np.isnan(fill), way * fill <= stopping, way * fill >= gaining)
    code = np.select((*missed, out.reason == 0), (2, 3, 4, 5, 6, 1), 0)
    traded = code < 2
    left = traded & (out.reason != 0)

    def where_traded(values: Floats) -> Floats:
        return np.where(traded, values, np.nan)

    columns = np.arange(ahead.open.shape[1])
    nights = np.where(traded, out.column, 0)
    paid = np.where((columns > 0) & (columns <= nights[:, None]), ahead.paid, 0.0).sum(axis=1)

    exit_cost = left * (rules.cost + rules.slippage * (out.reason != 2)) / 1e4
    carried = rules.entry_cost + np.where(long, 0.0, rules.night_cost) * nights

    gross = way * (out.price - fill + paid) / fill
    net = gross - carried - exit_cost * out.price / fill
    at_target = way * (target - fill + paid) / fill - carried - rules.cost / 1e4 * target / fill
    worst, best = _excursions(ahead, way, (worse, better), out)
    return Trades(
        fill=Labels(FILLS, code),
        reason=Labels(REASONS, np.where(traded, out.reason, 0)),
        long=long,
        entry=where_traded(fill),
        exit=where_traded(out.price),
        column=np.where(traded, out.column, -1),
        at_open=traded & out.at_open,
        gross=where_traded(gross),
        net=where_traded(net),
        net_best=where_traded(np.where(out.ambiguous, at_target, net)),
        ambiguous=traded & out.ambiguous,
        exit_cost=where_traded(exit_cost),
        risk=where_traded(np.abs(fill - stop) / fill),
        planned=where_traded(np.abs(entry - stop) / fill),
        mae=where_traded((worst - way * fill) / fill),
        mfe=where_traded((best - way * fill) / fill),
    )


def _exits(
    ahead: Ahead,
    way: Floats,
    reached: tuple[Floats, Floats],
    touching: tuple[Floats, Floats],
    levels: tuple[Floats, Floats],
    hold: int,
) -> _Exits:
    """reached : each bar's worst and best, ``(picks, sessions)``. touching : from where on they touch a level. Both
    in prices that are negative for shorts. levels : stop and target, in dollars."""
    picks, columns = ahead.open.shape
    row, bars = np.arange(picks), ~np.isnan(ahead.open)
    held = min(hold, columns)
    stopped = _first(reached[0][:, :held] <= touching[0][:, None])
    gained = _first(reached[1][:, :held] >= touching[1][:, None])
    level = np.minimum(stopped, gained)
    levelled, both = level < held, stopped == gained
    opened = way * ahead.open[row, np.minimum(level, columns - 1)]
    opened_below, opened_above = opened <= touching[0], opened >= touching[1]
    by_target = levelled & ((gained < stopped) | (both & opened_above))
    by_stop = levelled & ~by_target

    # Where there is no bar from the time exit on, `timed` is the number of columns.
    timed = hold - 1 + _first(bars[:, hold - 1 :]) if hold <= columns else np.full(picks, columns)
    by_time = ~levelled & (timed < columns)
    last = columns - 1 - bars[:, ::-1].argmax(axis=1)
    column = np.where(levelled, level, np.where(by_time, timed, last))
    at_open = np.where(by_stop, opened_below, np.where(by_target, opened_above, by_time & (timed >= hold)))
    by_level = np.where(by_stop, levels[0], np.where(by_target, levels[1], ahead.close[row, column]))
    return _Exits(
        column=column,
        price=np.where(at_open, ahead.open[row, column], by_level),
        reason=np.select((by_stop, by_target, by_time, ahead.gone < columns), (1, 2, 3, 4), 0),
        at_open=at_open,
        ambiguous=by_stop & both & ~opened_below,
        whole=~levelled & ~at_open,
    )


def _excursions(ahead: Ahead, way: Floats, reached: tuple[Floats, Floats], out: _Exits) -> tuple[Floats, Floats]:
    """The worst and best price while held, negative for shorts."""
    columns = np.arange(ahead.open.shape[1])
    held = columns < (out.column + out.whole)[:, None]
    opened, left = way * ahead.open[np.arange(len(way)), out.column], way * out.price
    worst = np.fmin.reduce(np.where(held, reached[0], np.inf), axis=1)
    best = np.fmax.reduce(np.where(held, reached[1], -np.inf), axis=1)
    return np.fmin(np.fmin(worst, opened), left), np.fmax(np.fmax(best, opened), left)


def _first(flags: Bools) -> Ints:
    """The first column with a flag, or the number of columns."""
    found: Ints = np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1])
    return found
