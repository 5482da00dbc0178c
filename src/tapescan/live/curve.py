"""How much of a session's volume has usually been traded by a minute of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.live.hours import BEGIN, END
from tapescan.market.closing import closes_early
from tapescan.store import Store

__all__ = ["USUAL", "Curve", "curve_of", "followed_before", "usual_curve"]

#: Sessions that a store's own curve is made of, at most and at least, and symbols of each at least.
_MOST, _LEAST, _SYMBOLS = 10, 5, 50
#: A session's minutes are whole enough with so many of them, and a symbol is taken that traded in so many.
_WHOLE, _OFTEN = 380, 195

#: Minutes since the opening, and the share of the session's volume by then; between them it rises evenly.
_MINUTES = (0, 1, 2, 5, 10, 15, 30, 45, 60, 90, 120, 150, 180, 210, 240, 270, 300, 330, 345, 360, 375, 385, 388, 390)
_SHARES = (
    *(0.0, 0.036, 0.041, 0.053, 0.070, 0.086, 0.131, 0.177, 0.214, 0.281, 0.346, 0.401, 0.452, 0.501, 0.549),
    *(0.598, 0.652, 0.711, 0.745, 0.785, 0.835, 0.893, 0.930, 1.0),
)


@dataclass(frozen=True)
class Curve:
    """The usual course of a session's volume.

    shares : of 09:30 to 16:00, by each minute, ``(391,)``, rising to 1. of : what it was measured over, in words.
    """

    shares: tuple[float, ...]
    of: str

    def share(self, minute: int, end: int = END) -> float:
        """The share of the volume of 09:30 to the end that has usually been traded when a minute of the day begins,
        from just above 0 to 1. A session that closes early is taken for one that is shorter and of the same shape."""
        passed = (minute - BEGIN) / (end - BEGIN) * (END - BEGIN)
        least = next(one for one in self.shares if one > 0.0)
        return float(np.clip(np.interp(passed, np.arange(len(self.shares)), self.shares), least, 1.0))


USUAL = Curve(
    tuple(np.interp(np.arange(END - BEGIN + 1), _MINUTES, _SHARES).tolist()),
    "89 large companies in five sessions of November 2025",
)


def followed_before(store: Store, session: dt.date, most: int) -> list[dt.date]:
    """The newest sessions before one whose minutes are stored, ascending."""
    days = store.known().scan("minutes").select(pl.col("session").unique()).collect()["session"]
    return days.filter(days < session).sort().tail(most).to_list()


def usual_curve(store: Store, session: dt.date) -> Curve:
    """That of a store's own minutes of the sessions before, where there are enough of them; else `USUAL`."""
    days = [day for day in followed_before(store, session, 2 * _MOST) if not closes_early(day)]
    found = [shares for day in days[-_MOST:] if (shares := _shares_of(store, day)) is not None]
    return curve_of(found) or USUAL


def curve_of(sessions: list[Floats]) -> Curve | None:
    """The mean of the shares of some sessions, each ``(391,)``; None of too few."""
    if len(sessions) < _LEAST:
        return None
    mean = np.mean(sessions, axis=0)
    return Curve(tuple((mean / mean[-1]).tolist()), f"the {len(sessions)} sessions before whose minutes are stored")


def _shares_of(store: Store, day: dt.date) -> Floats | None:
    """The mean of the shares of the symbols that traded in at least half of the minutes; None for a session that was
    not followed from its beginning to its end."""
    regular = (
        store.known().scan("minutes").filter(pl.col("session") == day, pl.col("minute").is_between(BEGIN, END - 1))
    )
    rows = regular.sort("received").unique(["symbol", "minute"], keep="last").select("symbol", "minute", "volume")
    often = rows.filter(pl.len().over("symbol") >= _OFTEN).with_columns(
        share=pl.col("volume") / pl.col("volume").sum().over("symbol")
    )
    by = often.group_by("minute").agg(pl.col("share").sum(), pl.col("symbol").n_unique().alias("symbols"))
    found = by.sort("minute").collect()
    if len(found) < _WHOLE or found["symbols"].max() < _SYMBOLS:  # type: ignore[operator]
        return None
    shares = np.zeros(END - BEGIN + 1)
    shares[found["minute"].to_numpy() - BEGIN + 1] = found["share"].to_numpy()
    risen = np.cumsum(shares)
    part: Floats = risen / risen[-1]
    return part
