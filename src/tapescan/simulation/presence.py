"""Where the simulated market's symbols have bars: listings, delistings, halts, thin trading."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.simulation.names import GROUP, stream

__all__ = ["Presence", "draw_listed", "draw_presence"]


@dataclass(frozen=True)
class Presence:
    """Where a group's symbols have bars. Bools are ``(GROUP, T)``.

    first, last : each symbol's first and last session on the exchange.
    present : there is a bar: listed, not halted, and not a session in which a thin name did not trade.
    thin : places of the thin names.
    silent : ``(thin, T)``, no trade in this session; a bar that is there all the same has volume zero.
    """

    first: Ints
    last: Ints
    present: Bools
    thin: Ints
    silent: Bools


def draw_presence(seed: int, group: int, sessions: int) -> Presence:
    """Listings, delistings, halts and thin trading: 4 % of the symbols are listed late, 3 % leave early, 3 %
    a year are halted for 1 to 15 sessions, and 6 % trade in only some of the sessions."""
    draw = stream(seed, 2, group)
    first, last, thin, halted = _listed(draw, sessions)
    session = np.arange(sessions)
    present = (session >= first[:, None]) & (session <= last[:, None])

    begin = draw.integers(0, sessions, GROUP)
    length = draw.integers(1, 16, GROUP)
    for lane in np.flatnonzero(halted < 0.03 * sessions / 252):
        # A halt lies inside the listed time: one at its edge would be a late listing or a delisting.
        start = max(int(begin[lane]), int(first[lane]) + 1)
        present[lane, start : min(start + int(length[lane]), int(last[lane]))] = False

    lanes = np.flatnonzero(thin)
    quiet = draw.uniform(0.1, 0.7, (len(lanes), 1)).astype(np.float32)
    missing = quiet * draw.random((len(lanes), 1), np.float32)
    chance = draw.random((len(lanes), sessions), np.float32)
    # The first bar of a symbol is a trade: a bar without one repeats the close before it.
    chance[np.arange(len(lanes)), first[lanes]] = 1.0
    present[lanes] &= chance >= missing
    return Presence(first=first, last=last, present=present, thin=lanes, silent=chance < quiet)


def draw_listed(seed: int, group: int, sessions: int) -> tuple[Ints, Ints, Bools]:
    """What `draw_presence` draws first: each symbol's first and last session, and which are thin."""
    return _listed(stream(seed, 2, group), sessions)[:3]


def _listed(draw: np.random.Generator, sessions: int) -> tuple[Ints, Ints, Bools, Floats]:
    """First and last sessions, which are thin, and the draws that say which are halted."""
    late, gone, thin, halted = draw.random((4, GROUP))
    place = draw.random((2, GROUP))
    first = np.where(late < 0.04, (place[0] * 0.9 * sessions).astype(np.int64) + sessions // 20, 0)
    first = np.minimum(first, sessions - 1)
    last = np.full(GROUP, sessions - 1)
    left = np.maximum(first, (sessions * (0.1 + 0.85 * place[1])).astype(np.int64))
    return first, np.where(gone < 0.03, np.minimum(left, last), last), thin < 0.06, halted
