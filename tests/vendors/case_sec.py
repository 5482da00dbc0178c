"""What the cards need to know of sec."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

# Whoever goes on asking after a 429 is shut out for longer.
CASE = Case(
    "sec",
    "fundamentals",
    "/api/xbrl/",
    {"companies": ("0000001000",)},
    {"TAPESCAN_SEC_CONTACT": "jane@example.com"},
    lists=False,
    blocks=True,
)
