"""What the cards need to know of example."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

CASE = Case("example", "universe", "/symbols", spelling="massive")
