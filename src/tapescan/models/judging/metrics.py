"""What forecasts were worth: measured on each date across the symbols, then over the dates.

All is judged date by date: a forecast orders the symbols of one day, and only that order can be traded. Returns
are forward returns over `horizon` sessions. The portfolio of a date is held that long and replaces the one that
ends then, at the same open, so several are held side by side when dates are judged more often than the horizon.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tapescan.core.errors import InputError
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.features.cross import winsorise
from tapescan.models.judging.costs import WHOLE, costs_of
from tapescan.models.judging.judgement import Judgement, PerDate, Summary, overlap
from tapescan.models.judging.significance import Mean, deflated_sharpe, mean_and_error

__all__ = ["FEWEST_PAIRS", "LIQUIDITY", "judge"]

#: A date with fewer pairs of forecast and return is not judged.
FEWEST_PAIRS = 50

#: The thirds of each date's symbols by dollar volume, from the least traded.
LIQUIDITY = ("low", "middle", "high")

SESSIONS_A_YEAR = 252
EPOCH_YEAR = 1970

#: A deviation below this part of the values' size is rounding: such values do not differ.
ROUNDING = 1e-12


@dataclass(frozen=True)
class _Rows:
    """Pairs in the order of their dates; `begin` has the first row of each date, and the end.

    cost : the share of its value that each purchase or sale of the row's symbol costs.
    """

    session: Days
    begin: Ints
    symbol: NDArray[np.integer]
    forecast: NDArray[np.floating]
    forward: Floats
    cost: Floats

    def __len__(self) -> int:
        return len(self.session)


def judge(
    session: Days,
    symbol: NDArray[np.integer],
    forecast: NDArray[np.floating],
    forward: NDArray[np.floating],
    *,
    horizon: int,
    every: int,
    cost: float = 10.0,
    trials: int = 1,
    sharpes: Sequence[float] = (),
    dollar_volume: NDArray[np.floating] | None = None,
    regime: Mapping[int, str] | None = None,
) -> Judgement:
    """Judge forecasts beside what came.

    session, symbol, forecast, forward, dollar_volume : ``(rows,)``, one row a symbol and session, in any order.
        session is days since 1970-01-01, symbol a number from 0 on; a forecast is any number of which more is
        better. A row without a finite forecast and forward return is not a pair.
    every : sessions from one date of the rows to the next. cost : basis points of the value bought or sold, of a
    share of `costs.COST_AT` dollars a session; less and more of others (`costs.costs_of`), of all where no
    dollar_volume is given.
    trials : how many models were tried to find this one, itself included. sharpes : as of `deflated_sharpe`.
    regime : a label for each session; ``unknown`` for those it does not have.
    Raises InputError when no session has 50 pairs.
    """
    pair = np.isfinite(forecast) & np.isfinite(forward)
    paid = np.full(len(session), cost / WHOLE) if dollar_volume is None else costs_of(dollar_volume, cost)
    rows = _arrange(session, symbol, forecast, forward, paid, pair)
    if not len(rows):
        raise InputError(
            f"no session has {FEWEST_PAIRS} symbols with a forecast and a return over {horizon} sessions",
            "take more symbols or a longer range of dates",
        )
    per_date = _per_date(rows, horizon, every)
    by_liquidity = {}
    if dollar_volume is not None:
        third = _thirds(session, dollar_volume, pair)
        for number, name in enumerate(LIQUIDITY):
            part = _arrange(session, symbol, forecast, forward, paid, third == number)
            if len(part):
                by_liquidity[name] = _summary(_per_date(part, horizon, every), horizon, every)
    years = (per_date.session.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + EPOCH_YEAR).astype(
        str
    )
    labels = [] if regime is None else [regime.get(int(day), "unknown") for day in per_date.session]
    return Judgement(
        horizon,
        every,
        cost,
        per_date,
        _summary(per_date, horizon, every),
        _by_label(per_date, years.tolist(), horizon, every),
        by_liquidity,
        _by_label(per_date, labels, horizon, every),
        deflated_sharpe(per_date.bought, trials, overlap=overlap(horizon, every), sharpes=sharpes),
    )


def _arrange(
    session: Days,
    symbol: NDArray[np.integer],
    forecast: NDArray[np.floating],
    forward: NDArray[np.floating],
    cost: Floats,
    wanted: Bools,
) -> _Rows:
    """The wanted rows of the sessions that have enough of them, in the order of their dates."""
    first, last = (int(session.min()), int(session.max())) if len(session) else (0, 0)
    count = np.bincount((session - first)[wanted], minlength=last - first + 1)
    rows = np.flatnonzero(wanted & (count >= FEWEST_PAIRS)[session - first])
    days = session[rows]
    if (np.diff(days) < 0).any():
        rows = rows[np.argsort(days, kind="stable")]
    enough = np.flatnonzero(count >= FEWEST_PAIRS)
    begin = np.concatenate(([0], np.cumsum(count[enough])))
    return _Rows(
        (enough + first).astype(np.int32),
        begin,
        symbol[rows],
        forecast[rows],
        forward[rows].astype(np.float64),
        cost[rows],
    )


def _per_date(rows: _Rows, horizon: int, every: int) -> PerDate:
    """Measure each date; a loop over dates, each a whole cross-section."""
    dates, together = len(rows), overlap(horizon, every)
    ic, rank_ic, spread, turnover, net, bought = np.zeros((6, dates))
    held: deque[Floats] = deque(maxlen=together)
    symbols = int(rows.symbol.max()) + 1 if dates else 0
    cost = np.zeros(symbols)
    for date in range(dates):
        here = slice(rows.begin[date], rows.begin[date + 1])
        forecast, tame = rows.forecast[here], winsorise(rows.forward[here])
        low, high = _tie_runs(forecast)
        ic[date] = _correlation(forecast.astype(np.float64), tame)
        rank_ic[date] = _correlation(low + high, np.add(*_tie_runs(rows.forward[here])))
        tenths = _tenths(low, high)
        came = tenths @ tame
        portfolio = np.zeros((2, symbols))
        portfolio[:, rows.symbol[here]] = tenths
        cost[rows.symbol[here]] = rows.cost[here]
        follows = len(held) == together
        turnover[date] = np.clip(1.0 - np.minimum(portfolio, held[0]).sum() / 2.0, 0.0, 1.0) if follows else np.nan
        # Two tenths, of which what is replaced is sold and the new bought; else all is bought and, in the end, sold.
        traded = np.abs(portfolio - held[0]) if follows and horizon % every == 0 else 2.0 * portfolio
        paid = traded @ cost
        spread[date], net[date] = came[0] - came[1], came[0] - came[1] - paid.sum()
        bought[date] = came[0] - paid[0] - tame.mean()
        held.append(portfolio)
    return PerDate(rows.session, np.diff(rows.begin), ic, rank_ic, spread, turnover, net, bought)


def _tie_runs(values: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Where each value's run of equal values begins and ends in sorted order; the mean of both is its rank."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    run = np.cumsum(begins) - 1
    edges = np.append(np.flatnonzero(begins), len(values)).astype(np.float64)
    low, high = np.empty((2, len(values)))
    low[order], high[order] = edges[run], edges[run + 1]
    return low, high


def _tenths(low: Floats, high: Floats) -> Floats:
    """Weights ``(2, symbols)`` in the highest and the lowest tenth, each adding up to 1; it has n // 10 places."""
    places = len(low) // 10
    top = np.clip(high - np.maximum(low, len(low) - places), 0.0, None)
    bottom = np.clip(np.minimum(high, places) - low, 0.0, None)
    return np.stack([top, bottom]) / (high - low) / places


def _correlation(a: Floats, b: Floats) -> float:
    """Pearson's, 0 where one of them does not differ."""
    x, y = a - a.mean(), b - b.mean()
    across, along = np.sqrt(x @ x), np.sqrt(y @ y)
    size = np.sqrt(len(a)) * ROUNDING
    if across <= size * np.abs(a).max() or along <= size * np.abs(b).max():
        return 0.0
    return float(np.clip((x / across) @ (y / along), -1.0, 1.0))


def _thirds(session: Days, dollar_volume: NDArray[np.floating], pair: Bools) -> Ints:
    """The third of its date's pairs by dollar volume of each row, 0 to 2; -1 where there is no pair or no volume."""
    third = np.full(len(session), -1)
    rows = np.flatnonzero(pair & np.isfinite(dollar_volume))
    if not len(rows):
        return third
    if (np.diff(session[rows]) < 0).any():
        rows = rows[np.argsort(session[rows], kind="stable")]
    edges = np.flatnonzero(np.diff(session[rows])) + 1
    for here in np.split(rows, edges):
        low, high = _tie_runs(dollar_volume[here])
        third[here] = 3.0 * (low + high) / 2.0 / len(here)
    return third


def _by_label(per_date: PerDate, labels: list[str], horizon: int, every: int) -> dict[str, Summary]:
    marks = np.array(labels)
    return {label: _summary(per_date, horizon, every, marks == label) for label in sorted(set(labels))}


def _summary(per_date: PerDate, horizon: int, every: int, wanted: Bools | slice = slice(None)) -> Summary:
    def over(values: Floats) -> Mean:
        return mean_and_error(values[wanted], overlap(horizon, every))

    ic, rank_ic, net = over(per_date.ic), over(per_date.rank_ic), over(per_date.net_spread)
    bought = over(per_date.bought)
    spread, yearly = over(per_date.spread).mean, SESSIONS_A_YEAR / (overlap(horizon, every) * every)
    return Summary(
        dates=rank_ic.dates,
        pairs=float(per_date.pairs[wanted].mean()),
        ic=ic.mean,
        icir=_ratio(ic),
        rank_ic=rank_ic.mean,
        rank_icir=_ratio(rank_ic),
        error=rank_ic.error,
        t=rank_ic.t,
        independent=rank_ic.independent,
        positive=float((per_date.rank_ic[wanted] > 0.0).mean()),
        spread=spread,
        spread_yearly=spread * yearly,
        net_spread=net.mean,
        net_spread_yearly=net.mean * yearly,
        net_t=net.t,
        bought=bought.mean,
        bought_yearly=bought.mean * yearly,
        bought_t=bought.t,
        turnover=over(per_date.turnover).mean,
    )


def _ratio(found: Mean) -> float:
    return found.mean / found.deviation if found.deviation > 0.0 else float("nan")
