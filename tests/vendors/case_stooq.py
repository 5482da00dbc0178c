"""What the cards need to know of stooq."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

CASE = Case("stooq", "bars", "", volume_error=5e-4, spelling="stooq")
