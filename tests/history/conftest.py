"""A market that is kept, and what is read for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.history.kept import STORED, SYMBOLS, WHOLE, Kept, Reads, listing, upto


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "store", upto(WHOLE, STORED), listing([f"S{i:03d}" for i in range(0, SYMBOLS, 2)]))


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.fixture(autouse=True)
def nothing_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a market is held against is read of the store, not of what is kept with it."""
    monkeypatch.setenv("TAPESCAN_KEEP", "false")
