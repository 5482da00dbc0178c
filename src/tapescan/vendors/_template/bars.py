"""Bars of a session."""

from __future__ import annotations

import polars as pl

from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.vendors._template.replies import BARS, Bars
from tapescan.vendors.seam import Batch, Call, rows_of

__all__ = ["session_bars"]


async def session_bars(call: Call, link: Link) -> Batch:
    """The bars of the call's session; raises VendorError (wrong_day, truncated, empty)."""
    session = call.sessions[0]
    path = f"/bars/{session}"
    reply: Bars = await link.get(path, BARS)
    if reply.day != str(session):
        raise link.error("wrong_day", f"{path}: brought {reply.day}")
    if reply.count != len(reply.bars):
        raise link.error("truncated", f"{path}: says {reply.count:,} bars and holds {len(reply.bars):,}")
    if not reply.bars:
        raise link.error("empty", f"{path}: has no bar", "sync again later")
    rows = [(bar.symbol, session, bar.open, bar.high, bar.low, bar.close, bar.volume, None) for bar in reply.bars]
    frame = rows_of("bars", rows)
    return Batch("bars", frame.with_columns(normal_spelling(frame["symbol"]), adjusted_to=pl.lit(None, pl.Date)))
