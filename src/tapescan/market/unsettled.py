"""Bars that may have been suspect on a day after which more came in (`market.suspect`)."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Ints
from tapescan.market.suspect import BEFORE, FACTOR, LARGE, VOLUME, Seen, outstanding
from tapescan.market.tape import Tape

__all__ = ["may_be_suspect"]


def may_be_suspect(bars: pl.DataFrame, splits: pl.DataFrame) -> Ints:
    """The places of bars that may have been suspect on a day after which more came in, ascending: all that were, but
    for those of feeds that stood still, and others. Arguments as of `find_suspects`."""
    tape = Tape(bars)
    moved, traded, _ = outstanding(tape)
    before = tape.close[moved - 1]
    own = {name: np.log(getattr(tape, name)[moved] / before) for name in ("open", "high", "low", "close")}
    after = np.log(tape.window(tape.open, moved, [1])[:, 0] / before)
    later = dict.fromkeys(("level", "usual", "largest", "shares", "traded", "dollars"), after)
    beside = Seen(rows=moved, after=after, **own, **later).outside()
    alone = Seen(rows=moved, after=np.full(len(moved), np.nan), **own, **later).outside()
    least = dict.fromkeys(("bar", "close"), float(np.log(LARGE)))
    far = np.any([off >= np.log(FACTOR) for off in beside.values()], axis=0)
    far |= np.any([off >= least.get(name, float(np.log(FACTOR))) for name, off in alone.items()], axis=0)
    # Two bars in a row that stay on one side by a factor of two.
    both = np.stack([*own.values(), np.log(tape.window(tape.close, moved, [1])[:, 0] / before), after])[[0, 3, 4, 5]]
    far |= (both >= np.log(2.0)).all(axis=0) | (both <= -np.log(2.0)).all(axis=0)
    symbols = tape.symbols.is_in(splits["symbol"].implode()).to_numpy()
    far |= symbols[tape.run(moved)]
    around = tape.window(tape.volume, traded, range(-BEFORE, 0))
    most, least_of = np.sort(np.nan_to_num(around), axis=1)[:, -2], np.where(np.isnan(around), np.inf, around)
    volume = tape.volume[traded]
    off = (volume >= VOLUME * most) | (volume * VOLUME <= np.sort(least_of, axis=1)[:, 1])
    return np.union1d(moved[far], traded[off])
