"""What became of a replay's money over time, session by session, to be drawn."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Days, Floats
from tapescan.models.judging.judgement import overlap
from tapescan.replay.growth import split_account, trading_costs
from tapescan.replay.returns import SessionReturns

__all__ = ["BAND", "net_over_eligible", "trace_accounts"]

#: Percentiles of the players between which the band of random picks lies.
BAND = (5.0, 95.0)

LINES = ("net", "picks", "eligible", "index", "matched_low", "matched_high")


def trace_accounts(
    returns: SessionReturns, sessions: Days, *, hold: int, every: int, cost: float, short: bool
) -> pl.DataFrame:
    """A row a session at whose open a cohort ends, and one before for the first that is bought:

    session; `net`, `picks` (before costs), `eligible`, `index` : the split account of `measure_growth`, 1 at first,
    null where there is none; `matched_low`, `matched_high` : between them lie nine of ten players of matched random
    picks, who pay what the picks pay. Of the sessions whose returns are known; on one without picks they are in cash.

    sessions : all that the market has, ascending.
    """
    parts, way = overlap(hold, every), -1.0 if short else 1.0
    paid = trading_costs(returns, hold, every, cost)
    idle = returns.picked == 0
    picks = np.where(idle, 0.0, way * returns.picks[hold])
    net = np.where(idle, 0.0, picks - paid)
    eligible, index = way * returns.eligible_mean[hold], way * returns.index[hold]
    players = np.where(idle[:, None], 0.0, way * returns.matched[hold] - paid[:, None])
    known = np.isfinite(picks) & np.isfinite(eligible)
    if not known.any():
        return pl.DataFrame(schema={"session": pl.Date, **dict.fromkeys(LINES, pl.Float64)})
    number = np.searchsorted(sessions, returns.session[known]) + 1
    at = np.minimum(np.concatenate((number[:1], number + hold)), len(sessions) - 1)
    low, high = _band(players[known], parts)
    lines = (*(_account(one[known], parts) for one in (net, picks, eligible, index)), low, high)
    found = {name: pl.Series(name, one, nan_to_null=True) for name, one in zip(LINES, lines, strict=True)}
    return pl.DataFrame({"session": pl.Series(sessions[at]).cast(pl.Date), **found})


def net_over_eligible(returns: SessionReturns, *, hold: int, every: int, cost: float, short: bool) -> Floats:
    """What the picks of each session made after costs, less all eligible: ``(sessions,)``, NaN without picks."""
    ahead = returns.picks[hold] - returns.eligible_mean[hold]
    found: Floats = (-ahead if short else ahead) - trading_costs(returns, hold, every, cost)
    return found


def _account(values: Floats, parts: int) -> Floats:
    """An account of which some returns may not be known: in cash then; NaN where none is."""
    known = np.isfinite(values)
    if not known.any():
        return np.full(len(values) + 1, np.nan)
    return split_account(np.where(known, values, 0.0), parts)


def _band(players: Floats, parts: int) -> tuple[Floats, Floats]:
    """players : ``(sessions, players)``; NaN where nobody was drawn, which is cash."""
    accounts = np.array([_account(one, parts) for one in players.T if np.isfinite(one).any()])
    if not len(accounts):
        nothing = np.full(len(players) + 1, np.nan)
        return nothing, nothing
    low, high = np.percentile(accounts, BAND, axis=0)
    return low, high
