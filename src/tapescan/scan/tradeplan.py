"""The trade plan: entry, stop, target and size, for longs and shorts.

Entry is the newest close. A long's stop lies below both ``stop_atr`` average true ranges and the swing low (the
lowest low of the last ``swing_bars``, less a tenth of an average true range), but never further than
``max_stop_atr`` of them; the target lies ``reward_to_risk`` times the stop's distance above the entry. The size
is the number of whole shares at which the stop costs ``risk_per_trade`` of the account, capped by
``max_position`` of the account and by ``max_volume`` of the 20-session mean dollar volume. Shorts mirror it all.
There is no plan where buying and selling, and what a short pays for borrowing, would cost more than ``max_cost`` of
the risk: of a share that a takeover pins to its price the stop is so near that only the broker earns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Floats
from tapescan.features.compute import Features
from tapescan.market.regime import SESSIONS_A_YEAR
from tapescan.scan.profile import Risk

__all__ = ["TradePlan", "borrowing", "plan_features_needed", "plan_trades", "share_caps", "trade_cost"]

#: The swing stop stands this many average true ranges beyond the swing itself.
SWING_MARGIN = 0.1

#: What may limit the size, after nothing, in the order of the caps; then what leaves no plan.
LIMITS = ("", "risk", "position", "volume", "cost")


@dataclass(frozen=True)
class TradePlan:
    """One row a symbol; NaN (or an empty text) where a plan cannot be made.

    entry : dollars, the newest close as it is. stop, target : dollars, rounded to the tick (0.01, or 0.0001 below
        one dollar), the stop away from the entry and the target towards it, so that rounding never flatters.
    shares : whole. dollars : shares times entry. risk : dollars lost at the stop. limit : what capped the size.
    """

    entry: Floats
    stop: Floats
    target: Floats
    shares: Floats
    dollars: Floats
    risk: Floats
    limit: Labels


def plan_features_needed(risk: Risk) -> tuple[str, ...]:
    return ("close", "atr_14", "dollar_volume_20", f"swing_low_{risk.swing_bars}", f"swing_high_{risk.swing_bars}")


def plan_trades(
    features: Features | Mapping[str, Floats],
    long: Bools,
    eligible: Bools,
    risk: Risk,
    scale: float = 1.0,
) -> TradePlan:
    """A plan for every eligible symbol.

    long, eligible : bool ``(symbols,)``; a symbol that is not long is short.
    scale : the regime's multiplier of the risk per trade, 0 to 1.
    """
    at = np.flatnonzero(eligible)
    long = long[at]

    def of(name: str) -> Floats:
        return features[name][at]

    entry, atr = of("close"), of("atr_14")
    way = np.where(long, 1.0, -1.0)
    swing = np.where(long, of(f"swing_low_{risk.swing_bars}"), of(f"swing_high_{risk.swing_bars}"))
    to_swing = way * (entry - swing) + SWING_MARGIN * atr
    distance = np.clip(to_swing, risk.stop_atr * atr, risk.max_stop_atr * atr)

    tick = np.where(entry >= 1.0, 0.01, 0.0001)
    stop = _to_tick(entry - way * distance, tick, up=~long)
    distance = way * (entry - stop)
    target = _to_tick(entry + way * risk.reward_to_risk * distance, tick, up=~long)
    # A stop at or below zero, or a short's target there, cannot be placed; nor can a plan without a range, or one
    # whose target is rounded to where it gains nothing.
    gains = way * (target - entry) > 0.0
    possible = (atr > 0.0) & (distance > 0.0) & gains & (stop > 0.0) & (target > 0.0)
    dear = possible & (trade_cost(entry, long, risk) > risk.max_cost * distance)
    possible &= ~dear

    caps = share_caps(entry, np.where(possible, distance, np.nan), of("dollar_volume_20"), risk, risk.account, scale)
    smallest = np.where(np.isnan(caps), np.inf, caps).argmin(axis=0)
    shares = np.where(possible, np.floor(caps.min(axis=0)), np.nan)
    limit = np.zeros(eligible.shape, dtype=np.int64)
    limit[at] = np.where(np.isnan(shares), np.where(dear, LIMITS.index("cost"), 0), smallest + 1)

    def placed(values: Floats) -> Floats:
        out = np.full(eligible.shape, np.nan)
        out[at] = values
        return out

    return TradePlan(
        entry=placed(np.where(possible, entry, np.nan)),
        stop=placed(np.where(possible, stop, np.nan)),
        target=placed(np.where(possible, target, np.nan)),
        shares=placed(shares),
        dollars=placed(shares * entry),
        risk=placed(shares * distance),
        limit=Labels(LIMITS, limit),
    )


def trade_cost(entry: Floats, long: Bools, risk: Risk) -> Floats:
    """What a share costs to buy, to hold as long as planned, and to sell: dollars."""
    borrowed = np.where(long, 0.0, borrowing(risk))
    found: Floats = entry * (2.0 * risk.cost / 1e4 + borrowed)
    return found


def borrowing(risk: Risk) -> float:
    """What a short pays for its shares as long as planned: a share of their value."""
    return risk.borrow / 100.0 * risk.hold / SESSIONS_A_YEAR


def share_caps(
    entry: Floats, distance: Floats, dollar_volume: Floats, risk: Risk, account: float, scale: float | Floats = 1.0
) -> Floats:
    """The shares, not yet whole, at which each limit of an account of so many dollars is reached: float64
    ``(3, symbols)``, in the order of LIMITS.

    entry, distance : dollars, the distance to the stop. dollar_volume : the mean of 20 sessions.
    """
    return np.array(
        [
            scale * risk.risk_per_trade * account / distance,
            risk.max_position * account / entry,
            risk.max_volume * dollar_volume / entry,
        ]
    )


def _to_tick(price: Floats, tick: Floats, *, up: Bools) -> Floats:
    # The small allowance keeps a price that is on its tick already from moving a whole tick.
    ticks = price / tick
    rounded = np.where(up, np.ceil(ticks - 1e-6), np.floor(ticks + 1e-6))
    return np.round(rounded * tick, 4)
