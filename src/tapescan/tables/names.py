"""Names that columns of several tables go by in files, compared without case, spaces and punctuation."""

from __future__ import annotations

__all__ = ["DATE", "EX_DATE", "SYMBOL"]

SYMBOL = ("symbol", "ticker", "sym", "code", "instrument", "actsymbol")
DATE = ("date", "session", "sessiondate", "tradedate", "datetime", "timestamp", "ts", "time", "day")
EX_DATE = ("exdate", "exdividenddate", "executiondate", *DATE)
