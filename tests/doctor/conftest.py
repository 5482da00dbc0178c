"""A store for each test, to plant rows in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.store import Store
from tests.doctor.planted import Put, put_into


@pytest.fixture(name="put")
def _put(tmp_path: Path) -> Put:
    """Adds a vendor's rows to the store of this test."""
    return put_into(Store(tmp_path / "store"))
