"""What a screen was worth over all sessions replayed: after costs, beside all it could pick, and beside chance."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from tapescan.core.dates import EPOCH
from tapescan.core.errors import OptionError
from tapescan.core.results import Result
from tapescan.core.typing import Bools, Floats
from tapescan.models.judging.judgement import overlap
from tapescan.models.judging.significance import (
    DeflatedSharpe,
    deflated_sharpe,
    expected_maximum,
    least_t,
)
from tapescan.replay.growth import Growth, cohorts_a_year, measure_growth, replaced, trading_costs
from tapescan.replay.parts import Names, Part, PickReturns, measure_names, parts_of_dates, parts_of_picks
from tapescan.replay.returns import SessionReturns
from tapescan.replay.worth import Worth, measure_worth, q_values

__all__ = ["AtHorizon", "Luck", "Statistics", "measure_replay"]


class AtHorizon(Result, msgspec.Struct, frozen=True):
    """What came of the picks over so many sessions; means a cohort, shares of one.

    overlap : how many cohorts in a row share sessions. replaced : mean share that was bought anew; cost : what that
        took, mean a cohort (`growth.trading_costs`).
    picks, net : of the picks, before and after costs. over_eligible, over_index, over_matched : less that of all that
        could be picked, of the index, of the mean player of matched random picks. net_over_eligible, net_over_index :
        after costs, of which the other side has none.
    as_good, as_bad : how often a player of matched random picks does as well as the picks, or as badly, over all
        dates and before costs: (1 + how many do) / (1 + players), so never 0. players : how many.
    """

    horizon: int
    overlap: int
    replaced: float
    cost: float
    picks: Worth
    net: Worth
    over_eligible: Worth
    over_index: Worth
    over_matched: Worth
    net_over_eligible: Worth
    net_over_index: Worth
    as_good: float
    as_bad: float
    players: int


class Luck(Result, msgspec.Struct, frozen=True):
    """What was found beside what is found by trying.

    Of the mean after costs over all eligible, with the screen's own hold.

    trials : screens tried, this one included. p : how often one worthless screen does as well.
    best_p : how often the best of so many independent worthless ones does: 1 - (1 - p) ** trials; more often than
        screens that are alike do.
    t : the value. expected_t : that of the best of so many, in the middle; needed_t : the value that it reaches once
        in 44 times (`least_t`); NaN with t.
    deflated : the Sharpe ratio of those cohorts beside that of the best of so many worthless trials.
    q : the share of false finds, at most, among the screens as good as this one (Benjamini and Hochberg); NaN where
        the others' p are not known.
    """

    trials: int
    p: float
    best_p: float
    t: float
    expected_t: float
    needed_t: float
    deflated: DeflatedSharpe
    q: float


class Statistics(Result, msgspec.Struct, frozen=True, eq=False):
    """hold : sessions that the picks are held. every : sessions from one replayed session to the next. cost : basis
    points of each purchase or sale. short : all returns here are of what was sold short, those compared with as well.

    sessions : replayed, from first to last. with_picks : on how many anything was picked. picked : picks in all.
    horizons : by sessions held. growth : `picks` before costs, `net` after them, `eligible` and `index`, held as
        the picks are; a session without picks is spent in cash, without interest, by the picks alone.
    by_year, by_regime, by_liquidity, by_sector : parts, with the screen's hold; empty where not given. names : the
        same of symbols; None where not given.
    """

    hold: int
    every: int
    cost: float
    short: bool
    sessions: int
    first: dt.date | None
    last: dt.date | None
    with_picks: int
    picked: int
    horizons: dict[int, AtHorizon]
    growth: dict[str, Growth]
    luck: Luck
    by_year: dict[str, Part]
    by_regime: dict[str, Part]
    by_liquidity: dict[str, Part]
    by_sector: dict[str, Part]
    names: Names | None

    @property
    def held(self) -> AtHorizon:
        """Over the sessions that the picks are held."""
        return self.horizons[self.hold]

    @property
    def lead(self) -> float:
        """The mean after costs over all eligible, a year: cohorts in a row, not compounded; a share of one."""
        return self.held.net_over_eligible.mean * cohorts_a_year(self.hold, self.every)


@dataclass(frozen=True)
class _Held:
    """Cohorts of one horizon, all ``(sessions,)`` but matched ``(sessions, players)``; those of shorts are turned."""

    horizon: int
    overlap: int
    replaced: Floats
    cost: Floats
    picks: Floats
    eligible: Floats
    index: Floats
    matched: Floats

    @property
    def net_over_eligible(self) -> Floats:
        return self.picks - self.cost - self.eligible


def measure_replay(
    returns: SessionReturns,
    *,
    hold: int,
    every: int,
    cost: float = 10.0,
    short: bool = False,
    trials: int = 1,
    others: Floats | None = None,
    regime: Mapping[int, str] | None = None,
    picks: PickReturns | None = None,
) -> Statistics:
    """All that can be said of the picks of many sessions.

    hold : sessions that they are held, one of the horizons there are. every : sessions from one replayed session to
    the next. cost : basis points of each purchase or sale. short : whether the picks are sold short; `returns` has
    those of the stocks all the same.
    trials : screens tried to find this one, itself included. others : the `Luck.p` of the other ones tried, where
    they are known. regime : a label for each session's day number; ``unknown`` for those it does not have.
    picks : the single picks, with their returns over `hold`.
    Raises OptionError for a hold that was not replayed and for a cost that can be none.
    """
    if hold not in returns.picks:
        known = ", ".join(map(str, sorted(returns.picks)))
        raise OptionError(f"no returns over {hold} sessions were replayed", f"hold for one of {known}", field="hold")
    way = -1.0 if short else 1.0
    by_horizon = {horizon: _held(returns, horizon, every, cost, way) for horizon in sorted(returns.picks)}
    held, session = by_horizon[hold], returns.session
    ahead = held.net_over_eligible
    days = session.astype("datetime64[D]")
    labels = [] if regime is None else [regime.get(int(day), "unknown") for day in session]
    of_picks = None if picks is None else picks.against(held.eligible, held.cost, way)

    def of_dates(label: list[str]) -> dict[str, Part]:
        return parts_of_dates(label, ahead, held.picks, returns.picked, held.overlap)

    return Statistics(
        hold=hold,
        every=every,
        cost=cost,
        short=short,
        sessions=len(returns),
        first=EPOCH + dt.timedelta(days=int(session[0])) if len(returns) else None,
        last=EPOCH + dt.timedelta(days=int(session[-1])) if len(returns) else None,
        with_picks=int((returns.picked > 0).sum()),
        picked=int(returns.picked.sum()),
        horizons={horizon: _at_horizon(one) for horizon, one in by_horizon.items()},
        growth=_growth(held, returns.picked == 0, every),
        luck=_luck(ahead, held.overlap, trials, others),
        by_year=of_dates(days.astype("datetime64[Y]").astype(str).tolist()),
        by_regime=of_dates(labels),
        by_liquidity=parts_of_picks(of_picks, "liquidity", len(returns), held.overlap),
        by_sector=parts_of_picks(of_picks, "sector", len(returns), held.overlap),
        names=measure_names(of_picks),
    )


def _held(returns: SessionReturns, horizon: int, every: int, cost: float, way: float) -> _Held:
    return _Held(
        horizon,
        overlap(horizon, every),
        replaced(returns, horizon, every),
        trading_costs(returns, horizon, every, cost),
        way * returns.picks[horizon],
        way * returns.eligible_mean[horizon],
        way * returns.index[horizon],
        way * returns.matched[horizon],
    )


def _at_horizon(held: _Held) -> AtHorizon:
    known = np.isfinite(held.picks)
    as_good, as_bad, players = _against_players(held.picks, held.matched)

    def worth(values: Floats) -> Worth:
        return measure_worth(values, held.overlap)

    return AtHorizon(
        horizon=held.horizon,
        overlap=held.overlap,
        replaced=_mean(held.replaced[known]),
        cost=_mean(held.cost[known]),
        picks=worth(held.picks),
        net=worth(held.picks - held.cost),
        over_eligible=worth(held.picks - held.eligible),
        over_index=worth(held.picks - held.index),
        over_matched=worth(held.picks - _row_means(held.matched)),
        net_over_eligible=worth(held.net_over_eligible),
        net_over_index=worth(held.picks - held.cost - held.index),
        as_good=as_good,
        as_bad=as_bad,
        players=players,
    )


def _against_players(picks: Floats, matched: Floats) -> tuple[float, float, int]:
    """How often a player's mean is as good, and as bad, as the picks' on the same dates; and how many players."""
    lead = _row_means((picks[:, None] - matched).T)
    lead = lead[np.isfinite(lead)]
    if not len(lead):
        return math.nan, math.nan, 0
    count = len(lead) + 1
    return (1 + int((lead <= 0.0).sum())) / count, (1 + int((lead >= 0.0).sum())) / count, len(lead)


def _growth(held: _Held, idle: Bools, every: int) -> dict[str, Growth]:
    """Of the sessions whose returns are known; idle : those without picks."""
    picks = np.where(idle, 0.0, held.picks)
    net = np.where(idle, 0.0, held.picks - held.cost)
    known = np.isfinite(picks) & np.isfinite(held.eligible)
    series = {"picks": picks, "net": net, "eligible": held.eligible, "index": held.index}
    return {name: measure_growth(values[known], held.horizon, every) for name, values in series.items()}


def _luck(ahead: Floats, overlap: int, trials: int, others: Floats | None) -> Luck:
    own = measure_worth(ahead, overlap)
    q = math.nan if others is None else float(q_values(np.append(np.asarray(others, np.float64), own.p))[-1])
    return Luck(
        trials=trials,
        p=own.p,
        best_p=-math.expm1(trials * math.log1p(-min(own.p, 1.0 - 1e-15))),
        t=own.t,
        expected_t=expected_maximum(trials),
        needed_t=math.nan if math.isnan(own.t) else least_t(trials),
        deflated=deflated_sharpe(ahead, trials, overlap=overlap),
        q=q,
    )


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _row_means(values: Floats) -> Floats:
    """The mean of each row's finite values; NaN without one."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    sums = np.where(known, values, 0.0).sum(axis=1)
    return np.where(count > 0, sums / np.maximum(count, 1), np.nan)
