"""What comes into a store from outside: texts without what a terminal obeys, and symbols that can be some."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tapescan.store.checking import NO_SYMBOL, check_rows, quarantined
from tapescan.store.report import ImportReport
from tapescan.tables.definition import Rules
from tapescan.tables.registry import find_table

STRANGE = ("A\x1b[31mZ", "", "A B", "x" * 5000, "=cmd|calc", "\u202eAAPL", "File Creation Time: 0821")
DAY = dt.date(2024, 3, 8)


@pytest.mark.parametrize("symbol", STRANGE)
@pytest.mark.parametrize(
    ("table", "others"),
    [
        ("symbols", {"name": "Acme"}),
        ("splits", {"ex_date": DAY, "ratio": 2.0}),
        ("dividends", {"ex_date": DAY, "amount": 0.5}),
    ],
)
def test_a_row_whose_symbol_can_be_none_is_refused(table: str, others: dict[str, object], symbol: str) -> None:
    rows = pl.DataFrame([{"symbol": one, **others, "source": "vendor"} for one in ("AAPL", symbol)])
    report = ImportReport()
    checked = check_rows(find_table(table), rows, Rules(), report)
    assert checked.good["symbol"].to_list() == ["AAPL"]
    assert checked.refused.select("symbol", "reason").rows() == [(symbol, NO_SYMBOL)]
    assert report.refused == {f"{table}: {NO_SYMBOL}": 1}
    kept = quarantined(find_table(table), checked.refused)["symbol"][0]
    assert len(kept) <= 40
    assert kept == "" or kept.isprintable()


def test_a_missing_symbol_keeps_its_own_reason() -> None:
    rows = pl.DataFrame({"symbol": [None, "A B"], "name": ["x", "y"], "source": "file"})
    checked = check_rows(find_table("symbols"), rows, Rules(), ImportReport())
    assert dict(checked.refused.select("reason", "name").rows()) == {"missing value": "x", NO_SYMBOL: "y"}


def test_texts_come_in_without_what_nobody_sees() -> None:
    columns = ("name", "sector", "exchange", "industry", "country")
    rows = pl.DataFrame(
        {"symbol": ["A"], **{name: [f"\x1b[2JReal\u202e {name}\r\n"] for name in columns}, "source": "f"}
    )
    good = check_rows(find_table("symbols"), rows, Rules(), ImportReport()).good
    assert good.select(columns).row(0) == tuple(f"[2JReal {name}" for name in columns)
