"""What the network sees: the past of a symbol bar by bar, what is known of it by now, and the season.

The past are columns like any other (`indicators.earlier_bars`), so a scan and samples have them of the same kernels.
What is the same number for all symbols of a day says which day it is, and a network learns days by heart: no such
column is among the inputs but the season, which says the place in a quarter and no year.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from tapescan.columns.ranges import RULED_BY, TERMS
from tapescan.core.errors import OptionError
from tapescan.core.typing import Array, Days, Ints, Singles

__all__ = ["CHANNELS", "DAYS", "FEATURES", "RULED_BY", "VOLUME", "Layout", "past_name", "season"]

#: Sessions of the past, and what is seen of each.
DAYS = 20
CHANNELS = ("change", "gap", "range", "volume")


def past_name(ago: int, channel: str) -> str:
    """The feature of one channel of the bar so many bars ago."""
    return f"bar_ago_{ago}_{channel}"


PAST = tuple(past_name(ago, channel) for ago in reversed(range(DAYS)) for channel in CHANNELS)

#: What is known of a symbol by now; baselines that go by one feature find theirs.
STATIC = (
    *TERMS, "ret_5", "ret_21", "ret_63", "momentum_252_21", "momentum_126_21", "from_high_252", "from_low_252",
    "range_position_20", "rsi_14", "relative_volume_20", "amihud_21", "zero_volume_days_21", "skewness_63",
    "kurtosis_63", "autocorrelation_63", "beta_252", "correlation_63", "percent_rank_252", "efficiency_ratio_10",
)  # fmt: skip

#: The features that the network is trained on.
FEATURES = (*STATIC, *PAST)

_PAST = re.compile(rf"bar_ago_(\d+)_({'|'.join(CHANNELS)})")

#: A channel that is no move of the price: it is not divided by the volatility.
VOLUME = "volume"


@dataclass(frozen=True)
class Layout:
    """Where the columns of values go. features : in order. scale : the place of the rule's volatility. scalars :
    places of those that stand for now. past : ``(days, channels)``, places, the oldest day first."""

    features: tuple[str, ...]
    scale: int
    scalars: tuple[int, ...]
    past: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, features: tuple[str, ...], left_out: tuple[str, ...] = ()) -> Layout:
        """left_out : features that say nothing. Raises OptionError without the rule's volatility or a past of whole
        days up to the newest."""
        at = {name: place for place, name in enumerate(features)}
        if RULED_BY not in at:
            raise OptionError(f"the network needs the feature {RULED_BY}", "give the features that it names")
        days = 0
        while all(past_name(days, channel) in at for channel in CHANNELS):
            days += 1
        if not days:
            raise OptionError("the network needs the feature bar_ago_0_change", "give the features that it names")
        past = tuple(tuple(at[past_name(ago, one)] for one in CHANNELS) for ago in reversed(range(days)))
        scalars = tuple(at[name] for name in features if not _PAST.fullmatch(name) and name not in left_out)
        return cls(features, at[RULED_BY], scalars, past)

    @property
    def days(self) -> int:
        return len(self.past)

    @property
    def columns(self) -> Ints:
        """Of the past, one day after the other."""
        return np.array(self.past, np.int64).ravel()


def season(session: Days, horizons: tuple[int, ...]) -> Singles:
    """The place in its quarter of the day that each horizon reaches, as a point on a circle: float32
    ``(rows, horizons, 2)``.

    A session of the exchange counts as 7 / 5 days.
    """
    days, which = np.unique(session, return_inverse=True)
    ahead: Array = days[:, None].astype(np.int64) + np.array(horizons, np.int64)[None, :] * 7 // 5
    stamps = ahead.astype("datetime64[D]")
    month = stamps.astype("datetime64[M]")
    begin = month - month.astype(np.int64) % 3
    since = (stamps - begin.astype("datetime64[D]")).astype(np.int64)
    end = begin + np.timedelta64(3, "M")
    whole = (end.astype("datetime64[D]") - begin.astype("datetime64[D]")).astype(np.int64)
    angle = 2.0 * np.pi * (since / whole)
    circle = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    found: Singles = circle.astype(np.float32)[which]
    return found
