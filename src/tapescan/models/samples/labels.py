"""What a model is to foretell: forward returns, and their ranks among the symbols of one session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tapescan.core.jit import kernel
from tapescan.core.typing import Days, Floats, Singles
from tapescan.features.cross import percentile, winsorise
from tapescan.market.panel import Block
from tapescan.models.samples.samples import Samples

__all__ = [
    "LONGEST_HORIZON",
    "SMALLEST_DATE",
    "closing_returns",
    "forward_returns",
    "forward_returns_over",
    "rank_labels",
    "reach",
    "until_all_known",
]


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
    found: Floats = forward_returns_over(block, (horizon,), sessions, as_of)[0]
    return found


def closing_returns(block: Block, horizon: int, sessions: Days, as_of: int) -> Floats:
    """Returns from the session's own close to the close `horizon` sessions later, what a range is of: float64
    ``(rows, lanes)``.

    Known with the close of that session, one before `reach`. Who has no bar on it counts at the last close before.
    All else as in `forward_returns`.
    """
    found: Floats = forward_returns_over(block, (horizon,), sessions, as_of, closing=True)[0]
    return found


def forward_returns_over(
    block: Block, horizons: Sequence[int], sessions: Days, as_of: int, *, closing: bool = False
) -> Floats:
    """As `forward_returns`, or `closing_returns`, over several horizons: float64 ``(horizons, rows, lanes)``."""
    known = sessions[: np.searchsorted(sessions, as_of, side="right")].astype(np.int32)
    out = np.empty((len(horizons), *block.close.shape))
    base = int(known[0]) if len(known) else 0
    place = np.full(int(known[-1]) - base + 1 if len(known) else 0, -1, np.int32)
    place[known - base] = np.arange(len(known))
    over = np.array(horizons, np.int64)
    entered, wait = (block.close, 0) if closing else (block.open, 1)
    _forward(entered, block.close, block.session, block.first, known, place, base, over, wait, out)
    return out


_PRICES, _DAYS = "readonly float64[:, ::1]", "readonly int32[::1]"


@kernel(
    _PRICES,
    _PRICES,
    "readonly int32[:, ::1]",
    "readonly int64[::1]",
    _DAYS,
    _DAYS,
    "int64",
    "readonly int64[::1]",
    "int64",
    "float64[:, :, ::1]",
)
def _forward(opened, closed, session, first, sessions, place, base, horizons, wait, out):  # type: ignore[no-untyped-def]
    """place : of each day from `base` on its number among the sessions, -1 for none. wait : sessions to the entry,
    which is at `opened`, as the exit is."""
    rows, lanes = closed.shape
    top = len(sessions) - 1
    exits = np.empty(lanes, np.int64)
    for h in range(len(horizons)):
        reached = horizons[h] + wait
        exits[:] = 0
        for row in range(rows):
            for lane in range(lanes):
                out[h, row, lane] = np.nan
                if row < first[lane] or row + wait >= rows or not opened[row + wait, lane] > 0.0:
                    continue
                day = session[row, lane] - base
                number = place[day] if 0 <= day < len(place) else -1
                if number < 0 or number + reached > top or session[row + wait, lane] != sessions[number + wait]:
                    continue
                # Days of exits ascend, so each is looked for where the one before was found.
                until, at = sessions[number + reached], max(exits[lane], row + wait)
                while at + 1 < rows and session[at + 1, lane] <= until:
                    at += 1
                exits[lane] = at
                leave = opened[at, lane] if session[at, lane] == until else closed[at, lane]
                out[h, row, lane] = leave / opened[row + wait, lane] - 1.0


def until_all_known(samples: Samples) -> Samples:
    """The samples without returns on sessions of which those over the longest horizon are not known yet: all horizons
    have the same dates, and one fit serves them all."""
    longest = samples.forward[max(samples.forward)]
    known = np.isin(samples.session, np.unique(samples.session[np.isfinite(longest)]))
    return replace(
        samples,
        forward={horizon: np.where(known, one, np.float32(np.nan)) for horizon, one in samples.forward.items()},
        closing={horizon: np.where(known, one, np.float32(np.nan)) for horizon, one in samples.closing.items()},
    )


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
