"""An account of so much cash that trades the picks of every session, in the order of their ranks.

Sizes are whole shares, made at the pick's close of the equity of then by the limits of a trade plan, and cut to what
cash and heat are left. A long costs its price; a short sets the same aside, which holds what it was sold for and as
much again, so nothing is bought on credit. What frees money at a session's open pays for entries at that open, what
does so later in the session for those of the next. A symbol that is held is not entered again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tapescan.core.labels import Labels
from tapescan.core.typing import Floats, Ints
from tapescan.replay.trades import FILLS, Ahead, Rules, Trades
from tapescan.scan.profile import Risk
from tapescan.scan.tradeplan import share_caps

__all__ = ["SKIPS", "Account", "Orders", "run_account"]

#: Why a pick was not taken; empty where it was. After those of the order itself, in the order they are looked at:
#:  held : its symbol is in the account. size : the limits of a plan leave less than one share. heat, cash : what is
#:  left of that does.
SKIPS = ("", *FILLS[2:], "held", "size", "heat", "cash")


@dataclass(frozen=True, eq=False)
class Orders:
    """The picks as orders, known at the close of their session; ``(picks,)``.

    session : its number, from 0 on; column 0 of what lies ahead is the session after. symbol : a number each.
    rank : the lowest is taken first. entry, stop : dollars, as planned; without a stop (NaN) no risk limits the size.
    dollar_volume : mean of 20 sessions. scale : the regime's multiplier of the risk per trade, 0 to 1.
    """

    session: Ints
    symbol: Ints
    rank: Ints
    entry: Floats
    stop: Floats
    dollar_volume: Floats
    scale: Floats


@dataclass(frozen=True, eq=False)
class Account:
    """One entry a session, dollars at the close; and ``(picks,)``.

    equity : cash - owed + positions. cash : never negative. owed : what shorts lost, or were charged, beyond all
        cash; 0 in an account of longs. positions : a long's value at the newest close; a short's is what was set
        aside, and its gain. heat : what is lost, from the fills, if every position leaves at its stop, a share of the
        equity; NaN where there is none.
    shares : ``(picks,)``, whole, 0 where a pick was skipped. skipped : ``(picks,)``, of SKIPS.
    """

    equity: Floats
    cash: Floats
    owed: Floats
    positions: Floats
    heat: Floats
    shares: Floats
    skipped: Labels


def run_account(
    orders: Orders, ahead: Ahead, trades: Trades, rules: Rules, risk: Risk, sessions: int, heat: float = math.inf
) -> Account:
    """An account that begins with `risk.account` dollars of cash, over so many sessions.

    heat : the most that all positions together may lose at their stops, a share of the equity of the close before.
    """
    book = _Book(orders, ahead, trades, rules, cash=risk.account)
    skipped = np.full(len(trades), SKIPS.index("awaited"))
    lines = np.zeros((5, sessions))
    ranked = np.lexsort((orders.rank, orders.session))
    begin = np.searchsorted(orders.session[ranked], np.arange(sessions + 1))
    for now in range(sessions):
        book.carry(now)
        book.leave(now, at_open=True)
        if now:
            due = ranked[begin[now - 1] : begin[now]]
            skipped[due] = book.enter(due, float(lines[0, now - 1]), risk, heat)
        book.leave(now, at_open=False)
        positions, at_risk = book.worth(now), book.at_risk()
        equity = book.cash + positions
        hot = at_risk / equity if equity > 0.0 else math.nan
        lines[:, now] = (equity, max(book.cash, 0.0), max(-book.cash, 0.0), positions, hot)
    equity_at, cash, owed, positions_at, heat_at = lines
    return Account(equity_at, cash, owed, positions_at, heat_at, book.shares, Labels(SKIPS, skipped))


class _Book:
    """What the account holds; dollars. Cash below 0 is owed."""

    def __init__(self, orders: Orders, ahead: Ahead, trades: Trades, rules: Rules, cash: float) -> None:
        self.orders, self.trades, self.rules, self.cash = orders, trades, rules, cash
        self.paid, self.marks, self.left = ahead.paid, ahead.marks(), trades.left
        self.shares = np.zeros(len(trades))
        #: Picks that are held, and their symbols.
        self.held: Ints = np.empty(0, dtype=np.int64)
        self.symbols: set[int] = set()
        #: What a share loses from the fill to the stop; 0 without one.
        self.loss: Floats = np.nan_to_num(trades.risk * trades.entry)

    def carry(self, now: int) -> None:
        """Dividends, and the night's borrowing, of what was held at the close before."""
        column = now - 1 - self.orders.session[self.held]
        within = column <= self.trades.column[self.held]
        held, column = self.held[within], column[within]
        long = self.trades.long[held]
        paid = np.where(long, 1.0, -1.0) * self.paid[held, column]
        borrowed = np.where(long, 0.0, self.rules.night_cost) * self.trades.entry[held]
        self.cash += float((self.shares[held] * (paid - borrowed)).sum())

    def leave(self, now: int, *, at_open: bool) -> None:
        """What leaves at this session's open, or later in it."""
        column = now - 1 - self.orders.session[self.held]
        leaves = self.left[self.held] & (self.trades.column[self.held] == column)
        leaves &= self.trades.at_open[self.held] == at_open
        gone, self.held = self.held[leaves], self.held[~leaves]
        if len(gone):
            price = self.trades.exit[gone]
            proceeds = self._value(gone, price) - self.shares[gone] * self.trades.exit_cost[gone] * price
            self.cash += float(proceeds.sum())
            self.symbols.difference_update(self.orders.symbol[gone].tolist())

    def enter(self, due: Ints, equity: float, risk: Risk, heat: float) -> Ints:
        """Orders of one session, by rank: for each, of SKIPS."""
        orders, trades = self.orders, self.trades
        out = np.array([SKIPS.index(FILLS[code]) if code > 1 else 0 for code in trades.fill.codes[due].tolist()])
        distance = np.abs(orders.entry[due] - orders.stop[due])
        caps = share_caps(orders.entry[due], distance, orders.dollar_volume[due], risk, equity, orders.scale[due])
        caps[0, np.isnan(distance)] = np.inf
        sizes = np.nan_to_num(np.floor(caps.min(axis=0)))
        prices = trades.entry[due] * (1.0 + self.rules.entry_cost)
        room = heat * max(equity, 0.0) - self.at_risk() if heat < math.inf else math.inf
        taken = []
        for place, (pick, symbol) in enumerate(zip(due.tolist(), orders.symbol[due].tolist(), strict=True)):
            if out[place]:
                continue
            size, price, loss = float(sizes[place]), float(prices[place]), float(self.loss[pick])
            cool = min(size, room // loss) if loss > 0.0 and room < math.inf else size
            shares = min(cool, self.cash // price)
            if symbol in self.symbols:
                out[place] = SKIPS.index("held")
            elif size < 1.0:
                out[place] = SKIPS.index("size")
            elif cool < 1.0:
                out[place] = SKIPS.index("heat")
            elif shares < 1.0:
                out[place] = SKIPS.index("cash")
            else:
                # The last bit of a quotient may be one share too many.
                shares -= float(shares * price > self.cash)
                self.cash -= shares * price
                room -= shares * loss
                self.shares[pick] = shares
                self.symbols.add(symbol)
                taken.append(pick)
        self.held = np.concatenate((self.held, np.array(taken, dtype=np.int64)))
        return out

    def worth(self, now: int) -> float:
        """All positions at the newest closes."""
        column = np.minimum(now - 1 - self.orders.session[self.held], self.marks.shape[1] - 1)
        return float(self._value(self.held, self.marks[self.held, column]).sum())

    def at_risk(self) -> float:
        return float((self.shares[self.held] * self.loss[self.held]).sum())

    def _value(self, picks: Ints, price: Floats) -> Floats:
        value: Floats = np.where(self.trades.long[picks], price, 2.0 * self.trades.entry[picks] - price)
        return self.shares[picks] * value
