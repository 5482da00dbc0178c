"""Contracts: the symbols of the Options Clearing Corporation (OCC), their settlement and the moment they expire.

``AAPL  260116C00150000``: a root of up to six letters, the day as YYMMDD, C or P, the strike in thousandths of a
dollar. It is read from the right, since roots may end in a digit: ``AAPL1`` is an adjusted contract, which delivers
something else than 100 shares of AAPL.
"""

from __future__ import annotations

import polars as pl

from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.market.closing import moments

__all__ = ["EUROPEAN", "MORNING", "YEAR", "expiries", "is_standard", "parse", "years"]

#: Roots that settle on the opening prices of their last day (AM). SPXW, NDXP and RUTW settle on the close.
MORNING = ("SPX", "NDX", "RUT", "DJX", "VIX", "VIXW")

#: Roots that are exercised at expiry only, all of them cash-settled indices.
EUROPEAN = (*MORNING, "SPXW", "XSP", "NDXP", "RUTW", "MRUT", "XEO")

#: Roots of an underlying beside its own name.
_ROOTS = {"SPXW": "SPX", "NDXP": "NDX", "RUTW": "RUT", "VIXW": "VIX"}

#: Seconds of a year of 365 days.
YEAR = 365 * 86_400

#: From the right: 8 digits of strike, the side, 6 digits of day; before them the root, as vendors write it.
_WRITTEN = r"^(?:O:)?[_^.]?([A-Z][A-Z0-9.]{0,5}?) *(\d{6})([CP])(\d{8})$"


def parse(symbols: pl.Series) -> pl.DataFrame:
    """The parts of each symbol: root, expiry (Date), put (Boolean), strike (dollars), and `malformed`, why there are
    none; it is null where there are.

    Lower case, blanks after the root and the marks of vendors before it (``O:``, ``_``, ``^``) are understood.
    """
    text = pl.col("symbol").cast(pl.String).str.strip_chars().str.to_uppercase()
    parts = text.str.extract_groups(_WRITTEN).struct.rename_fields(["root", "day", "side", "price"])
    expiry = ("20" + pl.col("day")).str.to_date("%Y%m%d", strict=False)
    strike = pl.col("price").cast(pl.Float64) / 1000
    malformed = (
        pl.when(pl.col("root").is_null())
        .then(pl.lit("no OCC symbol"))
        .when(pl.col("expiry").is_null())
        .then(pl.lit("no such day"))
        .when(pl.col("strike") <= 0)
        .then(pl.lit("no strike"))
    )
    return (
        pl.DataFrame({"symbol": symbols})
        .select(parts.alias("parts"))
        .unnest("parts")
        .with_columns(expiry=expiry, strike=strike, put=pl.col("side") == "P")
        .select("root", "expiry", "put", "strike", malformed=malformed)
    )


def is_standard(root: pl.Expr, underlying: pl.Expr) -> pl.Expr:
    """Whether a root's contracts deliver the underlying: its name, but for marks (BRKB of BRK.B), or one of the roots
    that an index has beside it. One with a digit at its end, or of another company, was adjusted."""
    plain = underlying.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
    own = root.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "").replace(_ROOTS)
    return (own == plain) & ~root.str.contains(r"\d$")


def expiries(days: Days, morning: Bools) -> Ints:
    """The moment at which contracts of each last day expire, seconds since 1970-01-01 UTC: the close of its session
    (13:00 New York where it closes early), or the opening where they settle in the `morning`.

    Raises OptionError for days outside the calendar.
    """
    return moments(days, morning)


def years(expires: Ints, now: int) -> Floats:
    """Time from a moment (that of the quotes) to expiry, in years of 365 days; negative for what has expired."""
    return (expires - now) / YEAR
