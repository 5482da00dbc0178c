"""A scan reads one state of its store: what is committed while it reads changes nothing of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tapescan.api import scan_market
from tapescan.history import stored
from tapescan.importing.importing import import_frames
from tapescan.market.panel import build_panel
from tapescan.store import Store
from tests.conftest import random_bars

BARS = random_bars(symbols=20, sessions=300, seed=5)
LISTING = pl.DataFrame(
    {"symbol": BARS["symbol"].unique(maintain_order=True), "name": "Before", "exchange": "X", "sector": "Energy"}
)


def correct(store: Store) -> None:
    """Another process commits: every bar doubled, another listing, a split of all."""
    doubled = BARS.with_columns(pl.col("open", "high", "low", "close") * 2.0)
    newest = BARS["session"].max()
    splits = LISTING.select("symbol", ex_date=pl.lit(newest), ratio=pl.lit(4.0))
    import_frames(store, [doubled, LISTING.with_columns(name=pl.lit("After")), splits])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    import_frames(store, [BARS, LISTING])
    return store


def test_a_known_store_stays_as_it_was(store: Store) -> None:
    known = store.known()
    correct(store)
    assert known.bars().equals(BARS.select(known.bars().columns).sort("symbol", "session"))
    assert known.read("symbols")["name"].unique().to_list() == ["Before"]
    assert known.read("splits").is_empty()
    assert store.known().read("symbols")["name"].unique().to_list() == ["After"]


def test_what_is_committed_while_a_scan_reads_changes_nothing_of_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = scan_market(store)

    def interrupted(*arguments: object, **more: object) -> object:
        # The bars have been read; the listing, the splits and what was refused have not.
        correct(store)
        return build_panel(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(stored, "build_panel", interrupted)
    monkeypatch.setenv("TAPESCAN_KEEP", "false")
    beside = scan_market(store)
    assert beside.frame.equals(alone.frame)
    assert beside.provenance == alone.provenance
    monkeypatch.undo()
    assert scan_market(store).frame["name"].drop_nulls().unique().to_list() == ["After"]


def test_the_versions_it_says_are_those_that_it_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    before = store.versions()
    opened = Store.known

    def interrupted(self: Store, *arguments: object, **more: object) -> object:
        known = opened(self, *arguments, **more)  # type: ignore[arg-type]
        monkeypatch.undo()  # an import asks for it, too
        correct(store)
        return known

    monkeypatch.setattr(Store, "known", interrupted)
    said = scan_market(store).provenance["data"]["store"]
    assert said == {name: before[name] for name in said}
    assert set(said) == {"bars", "symbols"}
