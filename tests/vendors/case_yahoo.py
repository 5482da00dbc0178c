"""What the cards need to know of yahoo."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

# Seven digits, whole shares, and tens of them before a 1-for-10 split.
CASE = Case("yahoo", "bars", "/v8/finance/chart", price_error=5e-7, volume_error=5.5, spelling="yahoo")
