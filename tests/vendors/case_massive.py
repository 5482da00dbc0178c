"""What the cards need to know of massive."""

from __future__ import annotations

from tests.vendors.cases import Case, Paged

__all__ = ["CASE"]

CASE = Case(
    "massive",
    "bars",
    "/v2/aggs/grouped",
    counts=True,
    paged=Paged("universe", "/v3/reference/tickers"),
    spelling="massive",
    dates_delisting=True,
)
