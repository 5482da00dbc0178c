"""The record in parts: by year, by regime, by liquidity, by sector, and what the best names made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import msgspec
import numpy as np

from tapescan.core.labels import Labels
from tapescan.core.results import Result
from tapescan.core.typing import Floats, Ints
from tapescan.models.judging.metrics import LIQUIDITY
from tapescan.replay.worth import Worth, measure_worth

__all__ = ["BEST", "Names", "Part", "PickReturns", "measure_names", "parts_of_dates", "parts_of_picks"]

#: How many of the names that gained the most are looked at.
BEST = 10


class Part(Result, msgspec.Struct, frozen=True):
    """A part of the record; its dates are taken as following each other.

    picked : how many picks. picks : their mean before costs, each date counting alike. net_over_eligible : after
    costs, less all eligible of the same dates; a part of a date's picks bears the date's costs as all of them do.
    """

    picked: int
    picks: float
    net_over_eligible: Worth


class Names(Result, msgspec.Struct, frozen=True):
    """How the record is spread over symbols.

    symbols : how many different ones were picked. positive : share of the picks that gained after costs; ahead : that
    did better than all eligible of their date after costs. Each pick counts alike.
    best_share : the share of all profit after costs that the ten symbols with the most of it made, each date's picks
    sharing it evenly; above 1 where the others lost, NaN where there was no profit.
    without_best : mean a date after costs and over all eligible of the other symbols' picks, as if the ten had had
    what all eligible had.
    """

    symbols: int
    positive: float
    ahead: float
    best_share: float
    without_best: float


@dataclass(frozen=True)
class PickReturns:
    """Single picks, ``(picks,)`` each, in any order.

    place : int64, of the session among those of the `SessionReturns`. symbol : int64, a number of 0 or more.
    forward : float64, the return over the sessions held, NaN where there is none; as the session's mean is made of.
    liquidity : float64, the share of the session's eligible with less dollar volume, 0 to 1, NaN where unknown; None
    for none. sector : a label each; None for none.
    """

    place: Ints
    symbol: Ints
    forward: Floats
    liquidity: Floats | None = None
    sector: Labels | None = None

    def against(self, eligible: Floats, cost: Floats, way: float) -> JudgedPicks:
        """Those that have a return. eligible, cost : ``(sessions,)``. way : -1 for shorts, whose returns are turned;
        those of all eligible are already."""
        forward = way * self.forward
        at = np.flatnonzero(np.isfinite(forward - eligible[self.place]))
        place = self.place[at]
        picks = replace(
            self,
            place=place,
            symbol=self.symbol[at],
            forward=forward[at],
            liquidity=None if self.liquidity is None else self.liquidity[at],
            sector=None if self.sector is None else Labels(self.sector.texts, self.sector.codes[at]),
        )
        net = forward[at] - cost[place]
        return JudgedPicks(picks, net, net - eligible[place])


@dataclass(frozen=True)
class JudgedPicks:
    """Picks with a return. net : after costs; ahead : less all eligible besides. Both ``(picks,)``."""

    picks: PickReturns
    net: Floats
    ahead: Floats

    def labels(self, by: Literal["liquidity", "sector"]) -> Labels | None:
        """Of the picks; empty where unknown. None for what was not given."""
        if by == "sector":
            return self.picks.sector
        return None if self.picks.liquidity is None else _thirds(self.picks.liquidity)


def parts_of_dates(label: Sequence[str], ahead: Floats, picks: Floats, picked: Ints, overlap: int) -> dict[str, Part]:
    """By the label of each session; those without picks are left out. ahead : after costs and over all eligible."""
    marks, out = np.array(label), {}
    for name in sorted(set(label)):
        here = (marks == name) & np.isfinite(ahead)
        if here.any():
            mean = float(picks[here].mean())
            out[name] = Part(int(picked[here].sum()), mean, measure_worth(ahead[here], overlap))
    return out


def parts_of_picks(
    judged: JudgedPicks | None, by: Literal["liquidity", "sector"], sessions: int, overlap: int
) -> dict[str, Part]:
    """By thirds of all eligible by dollar volume, least traded first, or by sector. A date's picks are their mean."""
    labels = None if judged is None else judged.labels(by)
    if judged is None or labels is None:
        return {}
    out = {}
    for code, name in enumerate(labels.texts):
        here = np.flatnonzero(labels.codes == code)
        if name and len(here):
            place = judged.picks.place[here]
            count = np.bincount(place, minlength=sessions)
            dates = np.flatnonzero(count)

            def a_date(values: Floats, at: Ints = place, dates: Ints = dates, count: Ints = count) -> Floats:
                return np.bincount(at, values, minlength=sessions)[dates] / count[dates]

            mean = float(a_date(judged.picks.forward[here]).mean())
            out[name] = Part(len(here), mean, measure_worth(a_date(judged.ahead[here]), overlap))
    return out


def _thirds(liquidity: Floats) -> Labels:
    known = np.isfinite(liquidity)
    third = np.clip(np.where(known, liquidity, 0.0) * 3.0, 0.0, 2.0).astype(np.int64) + 1
    return Labels(("", *LIQUIDITY), np.where(known, third, 0))


def measure_names(judged: JudgedPicks | None) -> Names | None:
    """None without picks."""
    if judged is None or not len(judged.net):
        return None
    place, symbol = judged.picks.place, judged.picks.symbol
    count = np.bincount(place)
    share = 1.0 / count[place]
    profit = np.bincount(symbol, judged.net * share)
    best = np.argsort(-profit, kind="stable")[:BEST]
    total = float(profit.sum())
    others = np.where(np.isin(symbol, best), 0.0, judged.ahead)
    return Names(
        symbols=len(np.unique(symbol)),
        positive=float((judged.net > 0.0).mean()),
        ahead=float((judged.ahead > 0.0).mean()),
        best_share=float(profit[best].sum()) / total if total > 0.0 else math.nan,
        without_best=float((others * share).sum() / (count > 0).sum()),
    )
