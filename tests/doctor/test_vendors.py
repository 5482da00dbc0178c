"""What one vendor says beside another: where they agree in another basis, and where they do not."""

from __future__ import annotations

import polars as pl
import pytest

from tapescan.doctor.examine import examine
from tests.doctor.planted import DAYS, PRICES, Put, actions, changed, clean_bars, split_raw


def test_vendors_that_agree_in_another_share_basis(put: Put) -> None:
    """One gives raw prices, the other split-adjusted ones, rounded to cents."""
    day = DAYS[50]
    raw = clean_bars().with_columns(split_raw("S01", 4.0, day))
    whole = clean_bars().with_columns(split_raw("S01", 4.0, DAYS[0]))
    others = whole.with_columns(pl.col(PRICES).round(2), adjusted_to=pl.lit(DAYS[-1]))
    put("one", bars=raw, splits=actions("ratio", ("S01", day, 4.0)))
    found = examine(put("two", bars=others, beside=True))
    (pair,) = found.compared.to_dicts()
    assert pair == {
        "source": "one",
        "other": "two",
        "sessions": len(DAYS),
        "compared": len(raw),
        "agreeing": len(raw),
        "differing": 0,
        "prices": 0,
        "volumes": 0,
        "whole": len(DAYS),
        "only_source": 0,
        "only_other": 0,
    }
    assert found.defects == {}


def test_vendors_that_disagree(put: Put) -> None:
    others = clean_bars().with_columns(changed("S01", 7, close=1.004, open=0.996, volume=1.1))  # within bounds
    for planted in (
        changed("S02", 9, close=1.04, high=1.05),
        changed("S03", 9, open=1 / 1.007, low=0.96),
        changed("S04", 9, volume=2.0),
        changed("S05", 9, close=1.004, volume=0.85),
    ):
        others = others.with_columns(planted)
    put("one", bars=clean_bars())
    found = examine(put("two", bars=others, beside=True))
    pair = found.compared.row(0, named=True)
    assert (pair["compared"], pair["agreeing"], pair["differing"]) == (len(others), len(others) - 4, 4)
    assert (pair["prices"], pair["volumes"]) == (2, 2)
    bad = found.disagreements
    assert bad.select("symbol", "session", "source", "other", "field").rows() == [
        ("S02", DAYS[9], "one", "two", "high"),
        ("S03", DAYS[9], "one", "two", "low"),
        ("S04", DAYS[9], "one", "two", "volume"),
        ("S05", DAYS[9], "one", "two", "volume"),
    ]
    assert bad["apart"].to_list() == pytest.approx([0.05 / 1.05, 0.04, 0.5, 0.15])
    assert bad["other_value"][0] == pytest.approx(1.05 * bad["value"][0])
    assert found.defects == {"disagreements": 4}
    assert any(f" {len(others) - 4:,} agree, 2 differ in price, 2 in volume" in line for line in found.lines())


def test_a_cent_is_no_disagreement(put: Put) -> None:
    cheap = clean_bars().with_columns(pl.col(PRICES) / 50.0).with_columns(pl.col(PRICES).round(2))
    put("one", bars=cheap)
    found = examine(put("two", bars=cheap.with_columns(pl.col(PRICES) + 0.01), beside=True))
    assert found.compared["agreeing"].to_list() == [len(cheap)]
    again = examine(put("three", bars=cheap.with_columns(pl.col(PRICES) + 0.02), beside=True))
    assert again.compared.select("other", "differing").rows() == [("three", len(cheap)), ("two", 0)]


def test_symbols_that_one_vendor_alone_has(put: Put) -> None:
    put("one", bars=clean_bars().filter(pl.col("symbol") != "S19"))
    others = clean_bars().filter(pl.col("session").is_in(DAYS[-5:]), ~pl.col("symbol").is_in(["S00", "S01"]))
    # A vendor that was asked for two symbols says nothing of the others.
    few = clean_bars().filter(pl.col("symbol").is_in(["S05", "S06"]))
    put("few", bars=few, beside=True)
    found = examine(put("two", bars=others, beside=True))
    picked = found.compared.select("other", "sessions", "compared", "whole", "only_source", "only_other")
    assert picked.rows() == [("few", len(DAYS), 2 * len(DAYS), 0, 0, 0), ("two", 5, 5 * 17, 5, 2, 1)]
    assert found.defects == {}


def test_bars_that_came_second_are_compared(put: Put) -> None:
    """Bars of another source that differ from the stored ones are put beside them without being asked to."""
    put("one", bars=clean_bars())
    found = examine(put("two", bars=clean_bars().with_columns(changed("S02", 9, close=1.02, high=1.02))))
    assert found.compared.select("compared", "differing", "whole").rows() == [(1, 1, 0)]
    assert found.disagreements["symbol"].to_list() == ["S02"]
