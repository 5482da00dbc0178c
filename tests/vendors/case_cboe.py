"""What the cards need to know of cboe."""

from __future__ import annotations

from tests.vendors.cases import Case

__all__ = ["CASE"]

CASE = Case("cboe", "options", "/delayed_quotes/options/", timed=False)
