"""Minute bars of sessions that were followed live, so that a session that is taken up again is the same."""

from __future__ import annotations

import polars as pl

from tapescan.tables.definition import Field, Table

__all__ = ["TABLE"]

_FLOAT = pl.Float64()

TABLE = Table(
    name="minutes",
    title="minute bars of sessions that were followed live",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`"),
        "session": Field(pl.Date(), "date in New York"),
        "minute": Field(pl.Int16(), "of the bar's beginning, minutes since midnight in New York"),
        "open": Field(_FLOAT, "$, raw"),
        "high": Field(_FLOAT, "$, raw"),
        "low": Field(_FLOAT, "$, raw"),
        "close": Field(_FLOAT, "$, raw"),
        "volume": Field(_FLOAT, "shares"),
        "vwap": Field(_FLOAT, "$, the volume-weighted average price; null where that is not said"),
        "official_open": Field(_FLOAT, "$, the exchange's opening price of the session; null where that is not said"),
        "received": Field(
            pl.Datetime("us", "UTC"), "when it came; of two bars of a symbol's minute the later one counts"
        ),
        "source": Field(pl.String(), "the vendor, or `simulated`", given=False),
    },
    key=(),
    kept="append",
    order=2,
    known="session",
)
