"""Of the tests of what is kept with a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tapescan.history import keeping, kept_places
from tapescan.history.stored import held_of_store
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.history.keeping_files.kept import market_rows


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.add(market_rows(), "test", step=Step("a", 1))
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How often bars of the whole market were read, by the span."""
    found: list[int | None] = []

    def read(*asked: Any, **how: Any) -> Any:
        found.append(how["span"])
        return held_of_store(*asked, **how)

    monkeypatch.setattr(keeping, "held_of_store", read)
    return found


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of this test alone."""
    monkeypatch.setattr(kept_places, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def on_disk(nothing_on_disk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here it is what is tested."""
    monkeypatch.setenv("TAPESCAN_KEEP", "true")
