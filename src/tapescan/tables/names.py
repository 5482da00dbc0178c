"""Names that columns of several tables go by in files, compared without case, spaces and punctuation."""

from __future__ import annotations

__all__ = ["CURRENCY", "DATE", "EX_DATE", "QUOTED", "SYMBOL", "UNDERLYING", "UNDERLYING_PRICE"]

SYMBOL = (
    "symbol",
    "ticker",
    "sym",
    "code",
    "instrument",
    "actsymbol",
    "instrumentcode",
    "tickersymbol",
    "stocksymbol",
)
DATE = (
    *("date", "session", "sessiondate", "tradedate", "tradingday", "tradingdate", "datetime", "timestamp", "ts"),
    *("windowstart", "tsevent", "dtyyyymmdd", "pricedate", "quotedate", "dateutc", "begins", "beginsat", "time"),
    *("localtime", "gmttime", "datetimeutc", "timestamputc", "datum", "fecha", "data", "day", "t"),
)
EX_DATE = ("exdate", "exdividenddate", "executiondate", "exeffdate", "exdivdate", "effectivedate", "splitdate", *DATE)
CURRENCY = ("currency", "currencycode", "ccy", "currencyname", "tradingcurrency", "quotecurrency", "cashcurrency")
UNDERLYING = (
    *("underlying", "underlyingsymbol", "underlyingticker", "underlier", "stock", "rootsymbol"),
    *(name for name in SYMBOL if name != "code"),
)
UNDERLYING_PRICE = (
    *("underlyingprice", "underlyinglast", "underlyingclose", "underlyinglastprice", "spot", "spotprice", "stkpx"),
    *("stockprice", "activeunderlyingprice", "undprice"),
)
QUOTED = ("quoted", "quotetime", "quotetimestamp", "quotereadtime", "quotedatetime", "quoteunixtime", "updated")
