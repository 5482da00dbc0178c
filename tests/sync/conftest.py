"""A store for each test, and a sync of it from a vendor without a network."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tapescan.store import Store
from tapescan.sync import SyncReport, sync
from tapescan.sync.wishes import Wishes
from tapescan.vendors.seam import Vendor
from tests.sync.vendor import BARS, NOW, PLAN, WEEK, Run, patched


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture(name="run")
def _run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(vendor: Vendor, start: dt.date | None = WEEK[0], now: dt.datetime = NOW, **wishes: object) -> SyncReport:
        monkeypatch.setattr("tapescan.sync.whole.load_vendor", patched(vendor))
        asked = Wishes(**{"what": BARS, "start": start, **wishes})  # type: ignore[arg-type]
        return sync(store, asked, vendor="massive", plan=PLAN, now=now)

    return run
