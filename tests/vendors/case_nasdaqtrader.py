"""What the cards need to know of nasdaqtrader."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

CASE = Case("nasdaqtrader", "universe", "SymDir", spelling="act")
