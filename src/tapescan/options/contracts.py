"""Contracts: what they deliver, how they settle and the moment they expire. Their symbols: `market.occ`."""

from __future__ import annotations

import polars as pl

from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.market.closing import moments
from tapescan.market.occ import plain_root

__all__ = ["EUROPEAN", "MORNING", "YEAR", "expiries", "is_standard", "years"]

#: Roots that settle on the opening prices of their last day (AM). SPXW, NDXP and RUTW settle on the close.
MORNING = ("SPX", "NDX", "RUT", "DJX", "VIX", "VIXW")

#: Roots that are exercised at expiry only, all of them cash-settled indices.
EUROPEAN = (*MORNING, "SPXW", "XSP", "NDXP", "RUTW", "MRUT", "XEO")

#: Roots of an underlying beside its own name.
_ROOTS = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX"}

#: Seconds of a year of 365 days.
YEAR = 365 * 86_400


def is_standard(root: pl.Expr, underlying: pl.Expr) -> pl.Expr:
    """Whether a root's contracts deliver the underlying: its name, but for marks (BRKB of BRK.B), or one of the roots
    that an index has beside it. One with a digit at its end, or of another company, was adjusted."""
    return (plain_root(root).replace(_ROOTS) == plain_root(underlying)) & ~root.str.contains(r"\d$")


def expiries(days: Days, morning: Bools) -> Ints:
    """The moment at which contracts of each last day expire, seconds since 1970-01-01 UTC: the close of its session
    (13:00 New York where it closes early), or the opening where they settle in the `morning`.

    Raises OptionError for days outside the calendar.
    """
    return moments(days, morning)


def years(expires: Ints, now: int) -> Floats:
    """Time from a moment (that of the quotes) to expiry, in years of 365 days; negative for what has expired."""
    return (expires - now) / YEAR
