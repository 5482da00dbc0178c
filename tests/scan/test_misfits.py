"""Splits on the wrong day are named where they come in and where they are used, not by the doctor alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tests.importing.files import history

AFTER = pl.concat([history("NVDA", 300, 1), history("FINE", 300, 2)]).with_columns(volume=pl.lit(5e6))
DAY = AFTER["session"][250]
PRICES = ("open", "high", "low", "close")
#: As traded: both were split ten for one on DAY.
RAW = AFTER.with_columns(
    pl.when(pl.col("session") < DAY).then(pl.col(name) * 10).otherwise(name).alias(name) for name in PRICES
)


def splits(symbol: str, day: dt.date, ratio: float = 10.0) -> pl.DataFrame:
    return pl.DataFrame({"symbol": [symbol], "ex_date": [day], "ratio": [ratio]})


@pytest.mark.parametrize("order", ["together", "bars first", "splits first"])
@pytest.mark.parametrize("days", [-1, 1, 2])
def test_a_split_on_another_day_is_named_by_import_and_scan(tmp_path: Path, order: str, days: int) -> None:
    place = tmp_path / "store"
    wrong = AFTER.filter(symbol="NVDA")["session"][250 + days]
    both = pl.concat([splits("NVDA", wrong), splits("FINE", DAY)])
    match order:
        case "together":
            reports = [tapescan.import_bars(RAW, both, store=place)]
        case "bars first":
            reports = [tapescan.import_bars(RAW, store=place), tapescan.import_bars(both, store=place)]
        case _:
            reports = [tapescan.import_bars(both, store=place), tapescan.import_bars(RAW, store=place)]
    told = " ".join(reports[-1].notes)
    assert "not fit the prices" in told
    assert f"NVDA {wrong} " in told or f"NVDA {DAY} " in told
    assert "FINE" not in told
    scan = " ".join(tapescan.load_market(place).notes)
    assert "not fit the prices" in scan
    assert "NVDA" in scan
    assert "FINE" not in scan
    assert set(tapescan.examine_store(place).jumps["symbol"]) == {"NVDA"}


def test_a_wrong_bar_on_the_day_of_a_split_is_no_split_on_another_day(tmp_path: Path) -> None:
    """In prices adjusted by a vendor, the bar of that day is not: it is suspect, and nothing is said of the split."""
    wrong = (pl.col("symbol") == "NVDA") & (pl.col("session") == DAY)
    bars = AFTER.with_columns(
        *(pl.when(wrong).then(pl.col(name) * 10).otherwise(name).alias(name) for name in PRICES),
    )
    both = pl.concat([splits("NVDA", DAY), splits("FINE", DAY)])
    report = tapescan.import_bars(bars, both, store=tmp_path / "store", adjusted="splits")
    assert not any("not fit" in note for note in report.notes)
    market = tapescan.load_market(tmp_path / "store")
    assert market.suspects.select("symbol", "session").rows() == [("NVDA", DAY)]
    assert not any("not fit" in note for note in market.notes)


def test_what_fits_is_not_named(tmp_path: Path) -> None:
    both = pl.concat([splits("NVDA", DAY), splits("FINE", DAY)])
    report = tapescan.import_bars(RAW, both, store=tmp_path / "store")
    assert report.notes == []
    assert not any("not fit" in note for note in tapescan.load_market(tmp_path / "store").notes)
    adjusted = tapescan.import_bars(AFTER, both, store=tmp_path / "adjusted", adjusted="splits")
    assert adjusted.notes == []
    assert not any("not fit" in note for note in tapescan.load_market(tmp_path / "adjusted").notes)
