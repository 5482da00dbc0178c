"""Random picks like the picks: what those who choose by chance among the same kind of stock would have had.

A screen that picks what is volatile, small and of one sector earns what such stocks earn, with no skill in it. Its
picks are compared with others of the same session that lie near them in volatility and dollar volume, within the
sector. The others are never picks themselves, for a player who draws the picks shows less of what sets them apart.
"""

from __future__ import annotations

import numpy as np

from tapescan.core.typing import Bools, Floats, Ints

__all__ = ["NEAREST", "draw_matched"]

#: How many of the nearest a player chooses among.
NEAREST = 25

#: A sector with fewer others than this is no choice: those of all sectors count.
FEWEST = 36

#: Picks measured against all others at a time.
CHUNK = 256

_FAR = np.iinfo(np.int64).max


def draw_matched(
    picked: Ints, eligible: Bools, volatility: Floats, size: Floats, sector: Ints, draws: int, seed: int
) -> Ints:
    """Portfolios of random others, one a player: int64 ``(draws, picks)``, places of symbols.

    picked : places of the picks, each once, all of them eligible. eligible : bool ``(symbols,)``. volatility, size :
        float64 ``(symbols,)``; size is the dollar volume, and whoever has no value lies in the middle. sector : int64
        ``(symbols,)``, any number a sector.
    seed : 0 or more, of the session (its day number), so that a session is drawn alike whichever others are.

    Each pick is replaced by one of the 25 eligible that are nearest to it, all with the same chance: of those that
    were not picked, in its own sector or, where that has fewer than 36 of them, in all. Distance is that of the ranks
    of volatility and size. A player holds nobody twice, unless all of the 25 are taken. Where fewer than 25 were not
    picked, other picks are drawn too; where nobody else is eligible, the pick itself.
    """
    rows = np.flatnonzero(eligible)
    out = np.empty((draws, len(picked)), dtype=np.int64)
    if not len(picked):
        return out
    place = np.full(len(eligible), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    own = place[picked]
    assert (own >= 0).all(), "a pick that is not eligible"
    nearest = _nearest(own, _ranks(volatility[rows]), _ranks(size[rows]), sector[rows])
    shape = (len(picked), nearest.shape[1], draws)
    keys = np.random.Generator(np.random.PCG64(seed)).random(shape, dtype=np.float32)
    # Keys lie in 0 to 1: who is taken comes after all who are not, and nobody (-1) after those.
    keys -= 2.0 * (nearest[:, :, None] < 0)
    taken = np.zeros((len(rows) + 1, draws), dtype=bool)
    player = np.arange(draws)
    for number, near in enumerate(nearest):
        found = near[np.argmax(keys[number] - taken[near], axis=0)]
        taken[found, player] = True
        out[:, number] = rows[found]
    return out


def _ranks(values: Floats) -> Ints:
    """Each value's place in sorted order, from 0 on; that of the middle where there is none."""
    known = np.flatnonzero(np.isfinite(values))
    out = np.full(len(values), len(values) // 2)
    out[known[np.argsort(values[known], kind="stable")]] = np.arange(len(known))
    return out


def _nearest(own: Ints, volatility: Ints, size: Ints, sector: Ints) -> Ints:
    """Whom each pick may be replaced by, ``(picks, up to NEAREST)``, in the order of places; -1 for nobody."""
    count = len(sector)
    free = np.ones(count, dtype=bool)
    free[own] = False
    if free.sum() < NEAREST:
        free[:] = True
    others = min(NEAREST, max(count - 1, 1))
    out = np.empty((len(own), others), dtype=np.int64)
    for begin in range(0, len(own), CHUNK):
        at = own[begin : begin + CHUNK]
        oneself = np.arange(len(at)), at
        allowed = free & (sector == sector[at, None])
        allowed[oneself] = False
        allowed[allowed.sum(axis=1) < FEWEST] = free
        allowed[oneself] = count == 1
        # Whole numbers, and the place besides: no two are equally far, so every machine finds the same ones.
        far = ((volatility - volatility[at, None]) ** 2 + (size - size[at, None]) ** 2) * count + np.arange(count)
        far[~allowed] = _FAR
        near = np.sort(np.argpartition(far, others - 1, axis=1)[:, :others], axis=1)
        out[begin : begin + CHUNK] = np.where(np.take_along_axis(allowed, near, axis=1), near, -1)
    return out
