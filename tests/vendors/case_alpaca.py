"""What the cards need to know of alpaca."""

from __future__ import annotations

from tests.vendors.cases import Case, Paged

__all__ = ["CASE"]

# This vendor's volumes are whole numbers.
CASE = Case(
    "alpaca",
    "bars",
    "/v2/stocks/bars",
    volume_error=0.5,
    paged=Paged("bars", "bars", 200),
    spelling="alpaca",
    apart=True,
)
