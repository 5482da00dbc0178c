"""Use case of options: a symbol's plan, by its chain."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tapescan.api.places import Data, Day
from tapescan.api.scans import explained, opened
from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import Adjustment, Device

if TYPE_CHECKING:
    from tapescan.models.forecast import Models
    from tapescan.scan.expressed import ExpressedPlan
    from tapescan.scan.profile import Profile

__all__ = ["express_plan"]


def express_plan(
    symbol: str,
    data: Data = None,
    *,
    as_of: Day = None,
    expiry: Day = None,
    strategy: str | None = None,
    profile: str | Profile | None = None,
    adjust: Adjustment | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    progress: Progress = silent,
) -> ExpressedPlan:
    """A symbol's chain, and the ways to trade its plan with it: what each costs, can lose and gain, and needs.

    Args:
        symbol: In any usual spelling: ``BRK.B``, ``BRK-B``.
        expiry: The one expiry to look at; the next three that leave room for the plan's hold when None.
        strategy: The one strategy to look at (`STRATEGIES`); all when None.

    The others as in `scan_market`; the account and its risk are the profile's.

    Raises:
        OptionError: The market has no such symbol, no quotes of the session, no such expiry or strategy.
    """
    from tapescan.columns.options import EXPRESSED_OF
    from tapescan.scan.expressed import ExpressedPlan, contracts_of, positions_of
    from tapescan.scan.expressing import (
        check_strategy,
        exit_day,
        express_rows,
        plan_rows,
        quoted_in,
    )

    check_strategy(strategy)
    day = parse_date(expiry, "expiry")
    given = opened(data)
    request, market, found = explained(symbol, given, as_of, profile, adjust, models, device, progress, EXPRESSED_OF)
    quoted, session = quoted_in(given, market, as_of), found.scan.as_of
    lacks = quoted.lacks(session)
    if lacks:
        raise OptionError(lacks, "`tapescan import` of the session's option quotes, or `tapescan sync`, brings them")
    progress(0, 0, "reading the options")
    quotes = quoted.read([found.symbol])
    if found.symbol not in quotes.stored.chain.underlyings:
        raise OptionError(f"no option quotes of {found.symbol} on {session}", "name another symbol", field="symbol")
    own = quotes.stored.some([found.symbol])
    listed = sorted({dt.date(1970, 1, 1) + dt.timedelta(days=one) for one in own.chain.expiry.tolist()})
    if day is not None and day not in listed:
        near = sorted(listed, key=lambda one: abs((one - day).days))[:3]
        hint = f"the nearest are {', '.join(one.isoformat() for one in sorted(near))}"
        raise OptionError(f"{found.symbol} has no options that expire on {day}", hint, field="expiry")
    number = None if day is None else (day - dt.date(1970, 1, 1)).days
    risk = request.profile.risk
    made = express_rows(
        quotes, plan_rows(found.row), risk, found.scan.provenance["risk_scale"], expiry=number, whole=True
    )
    positions = positions_of(made, 0)
    if strategy is not None:
        positions = tuple(one for one in positions if one.strategy == strategy)
    contracts, expiries = contracts_of(made)
    row: dict[str, Any] = found.row
    plan = {name: row[name] for name in ("side", "entry", "stop", "target", "shares", "dollars", "risk")}
    spot = float(own.spots[0])
    guessed = f"too few underlyings tell the rate, which is taken as {quotes.curve.rates[0]:.0%} a year"
    return ExpressedPlan(
        symbol=found.symbol,
        session=session,
        quoted=dt.datetime.fromtimestamp(own.now, dt.UTC),
        spot=spot if spot > 0.0 else None,
        plan=plan if row["shares"] else {},
        no_plan=_why_none(row, found.dropped, spot, bool(len(made.found.names)), day),
        exit=exit_day(session, risk.hold),
        expressions=positions,
        contracts=contracts,
        expiries=expiries,
        notes=(guessed,) if quotes.guessed else (),
        scan=found.scan,
    )


def _why_none(row: dict[str, Any], dropped: str, spot: float, cases: bool, expiry: dt.date | None) -> str:
    """Why nothing is expressed, in words; empty where something may be."""
    if dropped:
        return f"no plan: not ranked, {dropped}"
    if not row["shares"]:
        return f"no plan: limited by {row['limit']}" if row["limit"] else "no plan: no stop and target can be placed"
    if not spot > 0.0:
        return "nobody says what the share cost when its options were quoted"
    if not (spot - row["stop"]) * (row["target"] - spot) > 0.0:
        return f"the share cost {spot:,.2f} when its options were quoted, which is not between stop and target"
    if cases:
        return ""
    late = "no expiry leaves room for the plan's hold and has a smile"
    return late if expiry is None else f"{expiry} ends before the plan's hold, or has no smile"
