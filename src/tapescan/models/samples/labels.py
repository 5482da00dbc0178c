"""What a model is to foretell: forward returns, and their ranks among the symbols of one session."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Days, Floats, Singles
from tapescan.features.cross import percentile, winsorise
from tapescan.market.panel import Block

__all__ = ["LONGEST_HORIZON", "SMALLEST_DATE", "forward_returns", "rank_labels", "reach"]


#: A session with fewer labels than this ranks nobody.
SMALLEST_DATE = 20

#: Horizons beyond this are no short-term forecast, and would leave few independent labels.
LONGEST_HORIZON = 252

#: The share of a session's labels that is pulled in on each side.
TAIL = 0.01


def reach(horizon: int) -> int:
    """How many sessions after the signal's a label is known: the one of the entry, and `horizon` more."""
    return horizon + 1


def forward_returns(block: Block, horizon: int, sessions: Days, as_of: int) -> Floats:
    """Returns from the next session's open to the open `horizon` sessions later: float64 ``(rows, lanes)``.

    A signal is known at a session's close, so the entry is the open of the very next exchange session; a symbol that
    has no bar then could not be bought, and has no label. The exit is the open at which the portfolio of a signal
    `horizon` sessions later is bought: from one to the next no hour is left out, nor counted twice. A symbol without
    a bar then counts at its last close before: a halted one, and one that stopped trading for good. Leaving those
    out would leave out the worst (and the taken over); what their holders got after the last close is in no label,
    so a bankruptcy, or a halt that ends far below, counts as less bad than it was.

    A label exists once the session of its exit is over (not after `as_of`), also for a symbol that stopped trading
    before: so later bars never change a label. Dividends are not in it, splits are, as far as the block's prices have
    them.

    horizon : sessions, 1 or more.
    sessions : the exchange's, ascending days since 1970-01-01. A bar of any other day has no label.
    as_of : the newest session of the whole market, days since 1970-01-01.
    """
    out = np.full(block.close.shape, np.nan)
    sessions = sessions[: np.searchsorted(sessions, as_of, side="right")]
    if block.rows < 2 or not len(sessions):
        return out
    signal, after, top = block.session[:-1], block.session[1:], len(sessions) - 1
    number = np.searchsorted(sessions, signal)
    entered = (
        (np.arange(block.rows - 1)[:, None] >= block.first)
        & (block.open[1:] > 0.0)
        & (number + reach(horizon) <= top)
        & (sessions[np.minimum(number, top)] == signal)
        & (sessions[np.minimum(number + 1, top)] == after)
    )
    # Rows without an entry search for no exit: no session is before the day -1.
    until = np.where(entered, sessions[np.minimum(number + reach(horizon), top)], -1)
    leave = block.close[1:].copy()
    for step in range(2, block.rows):
        rows = block.rows - step
        within = block.session[step:] <= until[:rows]
        if not within.any():
            break
        np.copyto(leave[:rows], block.close[step:], where=within)
        np.copyto(leave[:rows], block.open[step:], where=block.session[step:] == until[:rows])
    np.divide(leave, block.open[1:], out=out[:-1], where=entered)
    out -= 1.0
    return out


def rank_labels(forward: NDArray[np.floating], session: Days) -> Singles:
    """Forward returns as ranks among those of their session: float32 in (-0.5, 0.5), mean 0, NaN where there was NaN.

    The lowest and highest 1 % of a session are pulled in to the next return inside, and share a rank with it: who was
    the most extreme of all is mostly noise and wrong data. Ties share their mean rank. A session with fewer than 20
    returns has no labels.

    forward, session : ``(rows,)``, the session ascending.
    """
    out = np.full(forward.shape, np.nan, np.float32)
    edges = np.flatnonzero(np.diff(session)) + 1
    for begin, end in zip(np.append(0, edges), np.append(edges, len(session)), strict=True):
        returns = np.asarray(forward[begin:end], np.float64)
        if np.count_nonzero(~np.isnan(returns)) >= SMALLEST_DATE:
            out[begin:end] = percentile(winsorise(returns, TAIL)) - 0.5
    return out
