"""What is known of forecasts once they are judged: on each date, and over the dates."""

from __future__ import annotations

from dataclasses import dataclass

from tapescan.core.typing import Days, Floats, Ints
from tapescan.models.judging.significance import DeflatedSharpe

__all__ = ["Judgement", "PerDate", "Summary", "overlap"]


def overlap(horizon: int, every: int) -> int:
    """How many dates in a row share a part of their label. every : sessions from one date to the next."""
    return -(-horizon // every)


@dataclass(frozen=True)
class PerDate:
    """What is measured on each date. All ``(dates,)``, ascending in time; float64 but for the first two.

    session : int32 days since 1970-01-01.
    pairs : int64, symbols with a forecast and a return, at least 50.
    ic : Pearson correlation of forecasts with returns winsorised at 1 % on each side, -1 to 1.
    rank_ic : Spearman correlation, equal values sharing their mean rank, -1 to 1. Both are 0 where the forecasts
        or the returns do not differ: no order was given.
    spread : equal-weighted mean return, winsorised as for `ic`, of the tenth with the highest forecasts minus that of
        the lowest, a ratio; equal forecasts at the edge of a tenth share its remaining places.
    turnover : share of the two tenths that was replaced, 0 to 1, against the portfolio whose place they take: the
        newest that is at least the horizon old. NaN on the first dates, which take nobody's place.
    net_spread : spread minus costs: each replaced share is sold and another bought, in both tenths; on the first
        dates all is bought, and sold at the end. Where the horizon is no multiple of the step from date to date, no
        portfolio begins when another ends, and all is bought and sold each time.
    bought : what would be bought: the mean return of the highest tenth, after its own costs, less that of all symbols
        of the date, which costs nothing.
    """

    session: Days
    pairs: Ints
    ic: Floats
    rank_ic: Floats
    spread: Floats
    turnover: Floats
    net_spread: Floats
    bought: Floats


@dataclass(frozen=True)
class Summary:
    """Means over dates.

    dates : how many. pairs : mean number of symbols a date.
    ic, rank_ic : means. icir, rank_icir : mean over standard deviation of the dates (not annualised).
    error, t : standard error of the mean rank IC and its t-value, corrected for overlap; NaN with too few dates
        (`mean_and_error`). independent : how many independent dates would give the same error.
    positive : share of dates with a rank IC above 0.
    spread, net_spread : mean a portfolio, a ratio; the yearly ones times the portfolios that follow each other in a
        year: 252 / horizon, or fewer where the horizon is no multiple of the step from date to date. net_t : t-value
        of the net spread, corrected likewise. bought, bought_yearly, bought_t : the same of what would be bought.
    turnover : mean share replaced each time; NaN when no date replaces another.
    """

    dates: int
    pairs: float
    ic: float
    icir: float
    rank_ic: float
    rank_icir: float
    error: float
    t: float
    independent: float
    positive: float
    spread: float
    spread_yearly: float
    net_spread: float
    net_spread_yearly: float
    net_t: float
    bought: float
    bought_yearly: float
    bought_t: float
    turnover: float


@dataclass(frozen=True)
class Judgement:
    """The record of one forecast.

    horizon : sessions of the forward return. every : sessions from one judged date to the next.
    cost : basis points of each purchase or sale of a share of `costs.COST_AT` dollars a session.
    by_year, by_regime : the summary over a part of the dates, taken as following each other.
    by_liquidity : the summary over a third of each date's symbols by dollar volume; without those that never have
        50 pairs. Empty, as by_regime, where volumes or regimes were not given.
    deflated : of what would be bought, with the number of trials.
    """

    horizon: int
    every: int
    cost: float
    per_date: PerDate
    summary: Summary
    by_year: dict[str, Summary]
    by_liquidity: dict[str, Summary]
    by_regime: dict[str, Summary]
    deflated: DeflatedSharpe

    @property
    def overlap(self) -> int:
        """How many judged dates in a row share a part of their label."""
        return overlap(self.horizon, self.every)
