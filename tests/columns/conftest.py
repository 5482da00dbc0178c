"""The markets of the scan's tests, for the columns' tests too."""

from __future__ import annotations

from tests.scan.conftest import inputs, with_statements

__all__ = ["inputs", "with_statements"]
