"""The listing: what is known of each symbol today. It has no history."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table
from tapescan.tables.kinds import UNIVERSE
from tapescan.tables.names import SYMBOL

__all__ = ["TABLE"]

_TEXT = pl.String()

TABLE = Table(
    name="symbols",
    title="the listing: one row a symbol, as of today",
    fields={
        "symbol": Field(_TEXT, "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "name": Field(_TEXT, "of the security", ("company", "companyname", "securityname", "title")),
        "exchange": Field(_TEXT, "on which it is listed", ("listingexchange", "market", "primaryexchange")),
        "sector": Field(_TEXT, "`market.universe` brings it to one set of names", ("gicssector",)),
        "industry": Field(_TEXT, "as the source has it", ("gicsindustry",)),
        "country": Field(_TEXT, "as the source has it", ("country",)),
        "type": Field(
            _TEXT, "the source's code or word; `market.universe` translates it", ("securitytype", "assettype")
        ),
        "ipo_year": Field(pl.Int32(), "year", ("ipoyear",), given=False, plausible=(1000.0, 9999.0)),
        "market_cap": Field(
            pl.Float64(),
            "$, as of `as_of`",
            ("marketcap", "marketcapitalization", "mktcap"),
            given=False,
            plausible=(0.0, 1e18),
        ),
        # A listing that is fetched every day and says the same is no change.
        "as_of": Field(pl.Date(), "the day of the listing", ("asof", "asofdate"), given=False, compared=False),
        # Whoever names itself as the source of a listing knows that a symbol is listed.
        "delisted": Field(pl.Date(), "first day it was no longer listed; null where nobody said", cleared=True),
        "vendor_symbol": Field(_TEXT, "the vendor's own spelling"),
        "source": Field(_TEXT, "the vendor or the file", given=False, compared=False),
    },
    key=("symbol",),
    kept="replace",
    order=30,
    kind=UNIVERSE,
    offers=("universe",),
    scanned=True,
    in_files=True,
    told=lambda found: "symbol" in found and any(name in found for name in ("name", "exchange", "sector")),
)
