"""One symbol's plan by its options, as a program gets it: contracts, expiries, positions and what they come to."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import msgspec
import numpy as np
import polars as pl

from tapescan.core.dates import date_of
from tapescan.core.results import Result, plain
from tapescan.core.typing import Floats
from tapescan.options.analysis import REASONS
from tapescan.options.candidates import LEGS, STRATEGIES, WEIGHTS
from tapescan.options.expressions import WHY
from tapescan.options.flags import FLAGS
from tapescan.options.measures import said_by
from tapescan.options.outcomes import NEITHER, STOP, TARGET
from tapescan.options.probabilities import priced_below
from tapescan.options.smile import read_smiles
from tapescan.scan.expressing import Expressing
from tapescan.scan.result import ScanResult

__all__ = [
    "FLAG_WORDS",
    "WHY_WORDS",
    "ExpressedPlan",
    "Expression",
    "Leg",
    "best_of",
    "contracts_of",
    "positions_of",
    "stock_of",
]

#: What each flag says.
FLAG_WORDS = {
    "ex_date": "an ex-date before the exit, and a sold call that is in the money at the plan's higher level",
    "assignment": "there, the dividend is more than the put of that strike is worth: the call will be exercised",
    "earnings": "an event stands out in the term structure, and may come before the exit",
    "adjusted": "some contracts deliver something else than 100 shares; they were left out",
    "interest_unknown": "nobody says how many contracts are open",
}

#: Why a position has no rank.
WHY_WORDS = {
    "no_gain": "gains nothing at the target after costs, or too little for any win rate",
    "too_large": "one position costs more than the account allows, at the stop or at worst",
    "cheap_premium": "premium is sold only where vrp_20 is above 0 and iv_percentile_252 is known",
}


class Leg(Result, msgspec.Struct, frozen=True):
    """One contract of a position. side : buy or sell. iv : of the middle. delta : of a share."""

    side: str
    kind: str
    strike: float
    bid: float
    ask: float
    iv: float
    delta: float


class Expression(Result, msgspec.Struct, frozen=True):
    """One way to trade the plan. Dollars are of one position: of `unit` shares.

    expiry : None for the stock. shares : 1, 0 or -1: whether shares of it are held. cost : paid; received below 0.
    max_loss, max_gain : at expiry, None where there is no end. at_target, at_stop, at_neither : after costs, on
    average over when that is. target_first, stop_first, neither : priced in, as is `mean`, what all comes to, and
    `profit`, how likely it ends beyond `break_evens` at expiry.
    win_rate : of those that reach target or stop, the share that must reach the target for nothing to be lost.
    win_rate_undecided : so that nothing is lost where the others come as often, and at the prices, priced in. Both
    are NaN where no rate is enough.
    round_trip : what it costs to get in and out. size : positions that the account allows. delta : shares. theta : a
    day. vega : a point. flags : of FLAG_WORDS. why : it has no rank, of WHY_WORDS; empty where it has one. rank :
    from 1 on, None for none.
    """

    strategy: str
    expiry: dt.date | None
    legs: tuple[Leg, ...]
    shares: int
    unit: int
    cost: float
    max_loss: float | None
    max_gain: float | None
    break_evens: tuple[float, ...]
    at_target: float
    at_stop: float
    at_neither: float
    target_first: float
    stop_first: float
    neither: float
    mean: float
    profit: float
    win_rate: float
    win_rate_undecided: float
    round_trip: float
    size: int
    delta: float
    theta: float
    vega: float
    flags: tuple[str, ...]
    why: str
    rank: int | None

    def __str__(self) -> str:
        """``long_option 2026-09-18 105C``: bought strikes, then sold ones behind a minus."""
        legs = (f"{'-' if leg.side == 'sell' else ''}{leg.strike:g}{leg.kind[0].upper()}" for leg in self.legs)
        return " ".join((self.strategy, *([self.expiry.isoformat()] if self.expiry else []), *legs))


class ExpressedPlan(Result, msgspec.Struct, frozen=True, eq=False):
    """A symbol's options and the ways to trade its plan.

    quoted : the moment of the quotes, UTC. spot : then, None for unknown. plan : side, entry, stop, target, shares,
    or nothing. no_plan : why nothing is expressed, in words. exit : the session that the hold ends with.
    expressions : the ranked ones first. contracts, expiries : frames. scan : the scan that the plan is of.
    """

    symbol: str
    session: dt.date
    quoted: dt.datetime
    spot: float | None
    plan: dict[str, Any]
    no_plan: str
    exit: dt.date
    expressions: tuple[Expression, ...]
    contracts: pl.DataFrame
    expiries: pl.DataFrame
    notes: tuple[str, ...]
    scan: ScanResult

    def to_dict(self) -> dict[str, Any]:
        """As plain values; of the scan only what is not its rows."""
        parts = {name: plain(getattr(self, name)) for name in self.__struct_fields__ if name != "scan"}
        return parts | {"scan": self.scan.to_dict(top=0)}

    def to_json(self) -> str:
        return msgspec.json.format(msgspec.json.encode(self.to_dict()), indent=2).decode()

    def write_html(self, path: Any) -> None:
        """One page with its pictures, that needs nothing else."""
        from tapescan.core.files import write_at_once
        from tapescan.scan.options_page import options_page

        write_at_once(path, options_page(self).encode())


def positions_of(made: Expressing, name: int) -> tuple[Expression, ...]:
    """Those of one underlying: the ranked ones in their order, then the others."""
    found = made.found
    cases, shapes = np.nonzero(found.there & (found.names == name)[:, None])
    rank = found.rank[cases, shapes]
    order = np.argsort(np.where(rank < 0, len(rank), rank), kind="stable")
    return tuple(_position(made, cases[at], shapes[at]) for at in order.tolist())


def best_of(made: Expressing) -> dict[str, Expression]:
    """Of each underlying, the best ranked position with options in it."""
    found, best = made.found, dict[str, Expression]()
    cases, shapes = np.nonzero(found.rank >= 0)
    for at in np.argsort(found.rank[cases, shapes], kind="stable").tolist():
        symbol = made.stored.chain.underlyings[found.names[cases[at]]]
        if shapes[at] and symbol not in best:
            best[symbol] = _position(made, cases[at], shapes[at])
    return best


def stock_of(made: Expressing) -> dict[str, float]:
    """The win rate that the plan's own shares need, of each underlying that has a case."""
    found = made.found
    rates = {}
    for case in np.flatnonzero(found.there[:, 0]).tolist():
        rates[made.stored.chain.underlyings[found.names[case]]] = float(found.win_rate_undecided[case, 0])
    return rates


def _position(made: Expressing, case: int, shape: int) -> Expression:
    found, chain, analysis = made.found, made.stored.chain, made.analysis

    def of(values: Floats) -> float:
        return float(values[case, shape])

    legs = tuple(
        Leg(
            side="buy" if WEIGHTS[shape, leg] > 0.0 else "sell",
            kind="put" if chain.put[place] else "call",
            strike=float(chain.strike[place]),
            bid=float(chain.bid[place]),
            ask=float(chain.ask[place]),
            iv=float(analysis.iv[place]),
            delta=float(analysis.delta[place]),
        )
        for leg in range(LEGS)
        if WEIGHTS[shape, leg] and (place := int(found.legs[case, leg])) >= 0
    )
    loss, gain, size, rank = of(found.loss), of(found.gain), of(found.size), int(found.rank[case, shape])
    bits = int(found.flags[case, shape])
    return Expression(
        strategy=STRATEGIES[found.strategy[case, shape]],
        expiry=date_of(int(chain.expiry[found.slices[case]])) if legs else None,
        legs=legs,
        shares=int(of(found.shares)),
        unit=int(of(found.unit)),
        cost=of(found.cost),
        max_loss=loss if math.isfinite(loss) else None,
        max_gain=gain if math.isfinite(gain) else None,
        break_evens=tuple(one for one in found.even[case, shape].tolist() if math.isfinite(one)),
        at_target=float(found.at[case, shape, TARGET]),
        at_stop=float(found.at[case, shape, STOP]),
        at_neither=float(found.at[case, shape, NEITHER]),
        target_first=float(found.chance[case, TARGET]),
        stop_first=float(found.chance[case, STOP]),
        neither=float(found.chance[case, NEITHER]),
        mean=of(found.mean),
        profit=of(found.profit),
        win_rate=of(found.win_rate),
        win_rate_undecided=of(found.win_rate_undecided),
        round_trip=of(found.trip),
        size=int(size) if math.isfinite(size) else 0,
        delta=of(found.delta),
        theta=of(found.theta),
        vega=of(found.vega),
        flags=tuple(name for bit, name in enumerate(FLAGS) if bits >> bit & 1),
        why=WHY[found.why[case, shape]],
        rank=rank + 1 if rank >= 0 else None,
    )


def contracts_of(made: Expressing) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All contracts, and all expiries, of the one underlying that was expressed.

    iv_smile : of the fit. below : how likely the share ends below the strike, priced in. move : one deviation up to
    the expiry, dollars.
    """
    stored, analysis = made.stored, made.analysis
    chain = stored.chain
    below = np.empty(len(chain))
    priced_below(chain.slice_of, chain.strike, analysis.forward, analysis.time, analysis.smiles, below)
    expiry = pl.Series(chain.expiry).cast(pl.Date)
    contracts = pl.DataFrame(
        {
            "expiry": expiry[pl.Series(chain.slice_of.astype(np.uint32))],
            "strike": chain.strike,
            "side": np.where(chain.put, "put", "call"),
            "standard": chain.standard[chain.slice_of],
            "bid": chain.bid,
            "ask": chain.ask,
            "iv": analysis.iv,
            "iv_bid": analysis.iv_bid,
            "iv_ask": analysis.iv_ask,
            "iv_smile": analysis.smile,
            "below": below,
            "delta": analysis.delta,
            "gamma": analysis.gamma,
            "theta": analysis.theta,
            "vega": analysis.vega,
            "volume": stored.volume,
            "open_interest": stored.open_interest,
            "reason": [REASONS[one] for one in analysis.reason.tolist()],
        },
        nan_to_null=True,
    )
    middle = np.empty(chain.slices)
    read_smiles(
        np.arange(chain.slices), analysis.forward, analysis.forward, analysis.smiles, middle, np.empty(chain.slices)
    )
    reason = np.add.reduceat(analysis.reason == 0, chain.starts[:-1]) if chain.slices else np.zeros(0)
    expiries = pl.DataFrame(
        {
            "expiry": expiry,
            "days": analysis.time * 365.0,
            "standard": chain.standard,
            "contracts": np.diff(chain.starts),
            "ok": np.asarray(reason, np.int64),
            "forward": analysis.forward,
            "rate": analysis.rate,
            "iv": middle,
            "move": analysis.forward * middle * np.sqrt(np.maximum(analysis.time, 0.0)),
            "spread": said_by(chain, analysis).spread,
        },
        nan_to_null=True,
    )
    return contracts, expiries
