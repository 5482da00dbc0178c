"""What of a ranked list one account has room for: the plans of its rows, taken in their order.

Each row's plan is sized as if it were the only one; an account that took them all would owe and risk more than
anybody means to. Here each in turn takes the shares that are still within the profile's limits: of dollars lost if
every stop is hit, of dollars invested, of dollars in one sector, of the market's moves, and of rows that move alike.
Who is held already, and still ranks well, comes first.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.scan.profile import Portfolio, Risk
from tapescan.scan.tradeplan import TradePlan

__all__ = ["REASONS", "Fitted", "Fitting", "Moves", "Recent", "Rows", "fit_account"]

#: Why a row gets fewer shares than its plan has, or none; empty where it gets all, or has no plan.
REASONS = ("", "heat", "gross", "sector", "beta", "alike")

#: The closes of so many newest bars of some symbols (`Panel.recent`).
Recent = Callable[[Ints, int], Floats]
#: What was made of them, by place: the returns, and these as a unit vector; NaN where they are none.
Moves = dict[int, tuple[Floats, Floats]]

#: Bars over which it is told who moves alike, and the least that both must have.
ALIKE_BARS, LEAST_ALIKE = 63, 40

#: The closes of so many rows are looked up at once.
AT_ONCE = 32

#: A row that finds room for less than this share of its plan gets none: crumbs cost more than they bring.
LEAST_PART = 0.5

#: With less than this share of its heat, or of its dollars, left an account is full.
FULL = 0.01


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of the symbols: ``(symbols,)``.

    order : the places of the ranked, the best first. long : bool. sector : a number each; -1 or that of no sector for
    an unknown one. beta : to the market's index; NaN where unknown. recent : None where no closes are at hand.
    moves : what lists of the same market looked up before, and this one adds to.
    """

    order: Ints
    long: Bools
    sector: Ints
    beta: Floats
    recent: Recent | None = None
    unknown_sector: int = -1
    moves: Moves = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Fitted:
    """shares : float64 ``(symbols,)``, whole; NaN for who has no plan or is not ranked. limit : of REASONS."""

    shares: Floats
    limit: Labels


def _kept(order: Ints, held: Sequence[int], keep: int) -> list[int]:
    """Which of the held stay: those of the best `keep`, in their order."""
    own = set(held)
    return [place for place in order[:keep].tolist() if place in own]


def fit_account(rows: Rows, plan: TradePlan, portfolio: Portfolio, risk: Risk, held: Sequence[int] = ()) -> Fitted:
    """Whole shares of each ranked row that an account of `risk.account` dollars has room for.

    held : places of what the account holds; those that rank within `portfolio.keep` are taken first.
    """
    return Fitting(rows, plan, portfolio, risk, held).upto(len(rows.order))


class Fitting:
    """As `fit_account`, as far down the ranking as anybody asks: a page shows few of its rows."""

    def __init__(
        self, rows: Rows, plan: TradePlan, portfolio: Portfolio, risk: Risk, held: Sequence[int] = ()
    ) -> None:
        order = rows.order
        self._shares = np.full(len(plan.shares), np.nan)
        self._shares[order] = np.where(np.isnan(plan.shares[order]), np.nan, 0.0)
        self._limit = np.zeros(len(plan.shares), dtype=np.int64)
        first = [place for place in _kept(order, held, portfolio.keep) if plan.shares[place] >= 1.0]
        mine = plan.shares[order] >= 1.0
        if first:
            mine &= ~np.isin(order, first)
        self._turn: Ints = np.concatenate([np.array(first, np.int64), order[mine]])
        #: How many have had their turn when each row of the order has.
        self._until: Ints = len(first) + np.cumsum(mine)
        self._room, self._done = _Room(rows, plan, portfolio, risk.account), 0
        #: A result may be read by several threads, and a row has its turn once.
        self._turns = threading.Lock()

    def upto(self, rows: int) -> Fitted:
        """What is known when the first so many rows are fitted; of those behind them nothing is."""
        until = int(self._until[rows - 1]) if rows else 0
        with self._turns:
            turn = self._turn[self._done : until].tolist()
            for number, place in enumerate(turn):
                if number % AT_ONCE == 0:
                    self._room.see(turn[number : number + AT_ONCE])
                if full := self._room.full:
                    self._limit[turn[number:]] = full
                    break
                self._shares[place], self._limit[place] = self._room.take(place)
            self._done = max(self._done, until)
        return Fitted(self._shares, Labels(REASONS, self._limit))


@dataclass
class _Room:
    """What is left of an account, in dollars. alike, units : by side, the returns of each that was taken, and these
    as unit vectors, a row each."""

    rows: Rows
    plan: TradePlan
    portfolio: Portfolio
    account: float
    heat: float = field(init=False)
    gross: float = field(init=False)
    sectors: dict[int, float] = field(default_factory=dict)
    moves: float = 0.0
    alike: dict[bool, list[Floats]] = field(default_factory=lambda: {True: [], False: []})
    units: dict[bool, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.heat = self.portfolio.max_heat * self.account
        self.gross = self.portfolio.max_gross * self.account

    @property
    def full(self) -> int:
        """The reason why nobody else finds room; 0 where somebody may."""
        if self.heat < FULL * self.portfolio.max_heat * self.account:
            return REASONS.index("heat")
        return REASONS.index("gross") if self.gross < FULL * self.portfolio.max_gross * self.account else 0

    def see(self, places: list[int]) -> None:
        """Have the returns of some at hand."""
        if self.rows.recent is None or self.portfolio.max_correlation >= 1.0:
            return
        if new := [place for place in places if place not in self.rows.moves]:
            close = self.rows.recent(np.array(new), ALIKE_BARS + 1)
            own = np.ascontiguousarray((close[1:] / close[:-1] - 1.0).T)
            self.rows.moves.update(zip(new, zip(own, _units(own), strict=True), strict=True))

    def take(self, place: int) -> tuple[float, int]:
        """The shares it gets, and why not all."""
        plan, limits = self.plan, self.portfolio
        wanted, entry = float(plan.shares[place]), float(plan.entry[place])
        lost, sector = float(plan.risk[place]) / wanted, int(self.rows.sector[place])
        long, beta = bool(self.rows.long[place]), float(self.rows.beta[place])
        moves = (1.0 if long else -1.0) * (0.0 if math.isnan(beta) else beta) * entry
        in_sector = math.inf
        if sector != self.rows.unknown_sector:
            in_sector = limits.max_sector * self.account - self.sectors.get(sector, 0.0)
        further = limits.max_beta * self.account - math.copysign(1.0, moves) * self.moves
        rooms = (
            self.heat / lost,
            self.gross / entry,
            in_sector / entry,
            further / abs(moves) if moves else math.inf,
        )
        least = min(range(len(rooms)), key=rooms.__getitem__)
        # The last bit of a quotient is not to cost a share.
        found = min(wanted, math.floor(max(rooms[least], 0.0) * (1.0 + 1e-12)))
        reason = least + 1 if found < wanted else 0
        if found < max(LEAST_PART * wanted, 1.0):
            return 0.0, reason
        if self._moves_alike(place, long=long):
            return 0.0, REASONS.index("alike")
        self.heat -= found * lost
        self.gross -= found * entry
        self.sectors[sector] = self.sectors.get(sector, 0.0) + found * entry
        self.moves += found * moves
        return float(found), reason

    def _moves_alike(self, place: int, *, long: bool) -> bool:
        """Whether it is correlated with one that was taken on the same side; if not, it is remembered as taken."""
        if self.rows.recent is None or self.portfolio.max_correlation >= 1.0:
            return False
        own, unit = self.rows.moves[place]
        alike, most = self.alike[long], self.portfolio.max_correlation
        # Most are far from alike, which all at once say within rounding; the others, and who has no unit vector, are
        # looked at one by one.
        near = np.flatnonzero(~(self.units[long] @ unit < most - 1e-9)).tolist() if alike else []
        for other in (alike[at] for at in near):
            both = ~np.isnan(own) & ~np.isnan(other)
            if both.sum() >= LEAST_ALIKE and _correlation(own[both], other[both]) > most:
                return True
        alike.append(own)
        self.units[long] = np.vstack((self.units[long], unit)) if long in self.units else unit[None]
        return False


def _units(returns: Floats) -> Floats:
    """Each row less its mean and of length 1, so that products are correlations; NaN where one is unknown or none
    moves."""
    centred = returns - returns.mean(axis=1, keepdims=True)
    length = np.sqrt((centred * centred).sum(axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        units: Floats = np.where(length > 0.0, centred / length, np.nan)
    return units


def _correlation(one: Floats, other: Floats) -> float:
    """0 where either does not move."""
    a, b = one - one.mean(), other - other.mean()
    size = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / size if size > 0.0 else 0.0
