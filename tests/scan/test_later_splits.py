"""A price filter of a past day asks for what was paid, also where a vendor's prices have later splits inside."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.store import Store
from tapescan.store.later_splits import splits_inside
from tests.importing.files import history

SPLIT, DAY = dt.date(2025, 6, 2), dt.date(2025, 5, 1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """KNEW cost about 8 dollars on DAY and was merged one for ten later; so was LOST, which nobody recorded."""
    cheap = history("KNEW", 400, 1).with_columns(pl.col("open", "high", "low", "close") * 0.8)  # as adjusted: 80
    lost, share = cheap.with_columns(symbol=pl.lit("LOST")), history("SHARE", 400, 2)
    vendor = pl.concat([cheap, lost, share]).with_columns(volume=pl.lit(5e6))
    splits = pl.DataFrame({"symbol": ["KNEW"], "ex_date": [SPLIT], "ratio": [0.1]})
    tapescan.import_bars(vendor, splits, store=tmp_path / "store", adjusted="splits")
    return tmp_path / "store"


def ranked(place: Path, day: dt.date | None) -> tuple[set[str], str]:
    profile = tapescan.load_profile("swing")
    import msgspec

    filters = msgspec.structs.replace(profile.filters, min_price=20.0, min_bars=100, types=("unknown",))
    result = tapescan.scan_market(place, as_of=day, profile=msgspec.structs.replace(profile, filters=filters))
    return set(result.ranked["symbol"]), " ".join(result.notes)


def test_what_was_paid_is_asked_for(place: Path) -> None:
    found, notes = ranked(place, DAY)
    assert found == {"LOST", "SHARE"}
    assert f"prices of {DAY} are adjusted through 2025-07-09: price filters know later splits that are not" in notes
    assert "for 1 with recorded later splits they take what was paid" in notes


def test_today_has_nothing_later(place: Path) -> None:
    found, notes = ranked(place, None)
    assert found == {"KNEW", "LOST", "SHARE"}
    assert "adjusted through" not in notes


def test_raw_prices_need_nothing(tmp_path: Path) -> None:
    tapescan.import_bars(history("SHARE", 400, 2), store=tmp_path / "store")
    _, notes = ranked(tmp_path / "store", DAY)
    assert "adjusted through" not in notes


def test_a_split_recorded_under_a_later_symbol_counts_for_the_one_of_the_day(tmp_path: Path) -> None:
    change = dt.date(2025, 5, 15)
    whole = history("OLD", 400, 1).with_columns(pl.col("open", "high", "low", "close") * 0.8, volume=pl.lit(5e6))
    later = pl.col("session") >= change
    bars = whole.with_columns(symbol=pl.when(later).then(pl.lit("NEW")).otherwise("symbol"))
    renames = pl.DataFrame({"new_symbol": ["NEW"], "old_symbol": ["OLD"], "date": [change]})
    splits = pl.DataFrame({"symbol": ["NEW"], "ex_date": [SPLIT], "ratio": [0.1]})
    place = tmp_path / "store"
    tapescan.import_bars(bars, splits, renames, store=place, adjusted="splits")
    inside, _ = splits_inside(Store(place).known(DAY))
    assert inside.rows() == [("OLD", 0.1)]
    assert ranked(place, DAY)[0] == set()
    inside, _ = splits_inside(Store(place).known(change))
    assert inside.rows() == [("NEW", 0.1)]
