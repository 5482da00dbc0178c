"""The listing."""

from __future__ import annotations

import polars as pl

from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.example.replies import LISTING, Listing
from tapescan.vendors.seam import Batch, Call

__all__ = ["universe"]


async def universe(call: Call, link: Link) -> Batch:
    """Every listed symbol; what the vendor does not say is null."""
    del call
    reply: Listing = await link.get("/symbols", LISTING)
    if not reply.symbols:
        raise link.error("empty", "/symbols: lists nothing", "sync again later")
    spelled = pl.Series([one.symbol for one in reply.symbols], dtype=pl.String)
    told = pl.DataFrame(
        {
            "symbol": normal_spelling(spelled),
            "name": [one.name for one in reply.symbols],
            "exchange": [one.exchange for one in reply.symbols],
            "vendor_symbol": spelled,
        }
    )
    given = schema_of("symbols")
    absent = [pl.lit(None, kind).alias(name) for name, kind in given.items() if name not in told.columns]
    rows = told.with_columns(absent).select(given.keys())
    return Batch("symbols", rows.unique("symbol", keep="first", maintain_order=True))
