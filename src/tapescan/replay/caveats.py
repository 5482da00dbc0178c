"""What a reader should know of a replay's data and trades: facts for the warnings, and notes."""

from __future__ import annotations

import numpy as np

from tapescan.core.dates import date_of, day_number
from tapescan.replay.ahead import GONE
from tapescan.replay.cohorts import volume_needed
from tapescan.replay.picking import Picked
from tapescan.replay.source import Source
from tapescan.replay.spells import NEVER
from tapescan.replay.terms import Terms
from tapescan.replay.trades import Rules, Trades
from tapescan.replay.walk import Walk
from tapescan.replay.warnings import Facts
from tapescan.scan.request import Request

__all__ = ["facts_of", "notes_of"]


def facts_of(
    source: Source,
    walk: Walk,
    request: Request,
    picked: Picked,
    trades: Trades,
    terms: Terms,
    notes: tuple[str, ...],
) -> Facts:
    """What the warnings are made of. notes : further ones."""
    past = walk.past
    settled = int(np.searchsorted(past.sessions, day_number(past.history.settled), side="right"))
    oldest = past.sessions[max(settled - 1 - GONE, 0)]
    some = [one for one in past.laid.newest if (one.until > one.first).any()]  # what nobody is called has no bars
    newest = np.concatenate([one.sessions[one.until - 1, np.arange(len(one.first))] for one in some])
    former = int((past.lives["until"] < NEVER).sum())  # another company has their ticker
    account, many = request.profile.risk.account, int(trades.traded.sum())
    needed = volume_needed(picked.number, trades, Rules(terms.hold), picked.traded, account, terms.every)
    paid = picked.paid
    fills = trades.fill.counts()
    orders = len(trades) - fills.get("awaited", 0) - fills.get("no_plan", 0)
    unfilled = sum(fills.get(name, 0) for name in ("no_bar", "beyond_stop", "beyond_target"))
    by_own = walk.measured_by_own(picked.sessions)
    return Facts(
        symbols=len(newest) + former,
        ended=int((newest < oldest).sum()) + former,
        years=max((int(picked.sessions[-1]) - int(picked.sessions[0])) / 365.25, 1e-9),
        today=None if source.known is None else bool(past.history.listing is not None and len(past.history.listing)),
        dividends=False,
        trades=many,
        account=account,
        cheap=float((paid < 5.0).mean()) if len(paid) else None,
        heavy=float((needed[trades.traded] > 0.01).mean()) if many else None,
        ambiguous=float(trades.ambiguous.sum() / many) if many and terms.plan else None,
        beyond=float((trades.gap & trades.reason.among(("stop",))).sum() / many) if many and terms.plan else None,
        unfilled=unfilled / orders if orders else None,
        simulated=source.known is None,
        equal_weighted=not by_own.any(),
        notes=notes,
    )


def notes_of(walk: Walk, picked: Picked) -> tuple[str, ...]:
    """Lines for the reader."""
    notes = []
    if picked.stopped:
        notes.append(
            f"broken off: {len(picked.sessions):,} sessions are done, up to {date_of(int(picked.sessions[-1]))}"
        )
    few = int((picked.returns.picked == 0).sum())
    if few:
        notes.append(f"nothing was picked on {few:,} of {len(picked.sessions):,} sessions")
    if walk.option_names:
        without = int((~walk.source.options(walk.option_names).has(picked.sessions)).sum())
        if without:
            notes.append(f"nothing is known of options on {without:,} of {len(picked.sessions):,} sessions")
    by_own = walk.measured_by_own(picked.sessions)
    if by_own.any() and not by_own.all():
        until = date_of(int(picked.sessions[np.flatnonzero(by_own)[0]]))
        notes.append(
            f"before {until} the index of a scan was the equal-weighted one: SPY did not reach back far enough"
        )
    return tuple(notes)
