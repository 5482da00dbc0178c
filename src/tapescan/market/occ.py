"""Symbols of option contracts, as the Options Clearing Corporation (OCC) writes them.

``AAPL  260116C00150000``: a root of up to six letters, the day as YYMMDD, C or P, the strike in thousandths of a
dollar. It is read from the right, since roots may end in a digit: ``AAPL1`` is an adjusted contract, which delivers
something else than 100 shares of AAPL.
"""

from __future__ import annotations

import polars as pl

__all__ = ["is_occ", "parse", "plain_root"]

#: From the right: 8 digits of strike, the side, 6 digits of day; before them the root, as vendors write it.
_WRITTEN = r"^(?:O:)?[_^.]?([A-Z][A-Z0-9.]{0,5}?) *(\d{6})([CP])(\d{8})$"


def is_occ(symbols: pl.Series) -> pl.Series:
    """Whether each text has the form of a contract's symbol."""
    return symbols.str.strip_chars().str.to_uppercase().str.contains(_WRITTEN).fill_null(value=False)


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


def plain_root(symbol: pl.Expr) -> pl.Expr:
    """The root of the contracts that deliver a share, by its symbol: BRKB of BRK.B."""
    return symbol.str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
