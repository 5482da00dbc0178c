"""JSON as vendors and programs write it: every row that is in it, under its own symbol."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.importing.importing import import_files
from tapescan.store import Store
from tests.importing.files import history, write

BARS = history()
TWO = pl.concat([BARS, history("MSFT", seed=2)])
FIELDS = ("open", "high", "low", "close", "volume")


def rows_of(symbol: str) -> list[dict[str, object]]:
    rows = TWO.filter(symbol=symbol).iter_rows(named=True)
    return [{"date": str(row["session"]), **{name: row[name] for name in FIELDS}} for row in rows]


def short_rows(symbol: str) -> list[dict[str, object]]:
    return [{name[0] if name != "date" else "t": value for name, value in row.items()} for row in rows_of(symbol)]


def opens() -> list[int]:
    zone = ZoneInfo("America/New_York")
    return [int(dt.datetime.combine(day, dt.time(9, 30), zone).timestamp()) for day in BARS["session"]]


AAPL = rows_of("AAPL")
COLUMNS = {name: [row[name] for row in AAPL] for name in FIELDS}
BOTH = ("AAPL", "MSFT")
ONE = {
    "a chart of Yahoo": {
        "chart": {
            "result": [
                {
                    "meta": {"currency": "USD", "symbol": "AAPL", "validRanges": ["1d", "5d"]},
                    "timestamp": opens(),
                    "indicators": {"quote": [COLUMNS], "adjclose": [{"adjclose": COLUMNS["close"]}]},
                }
            ],
            "error": None,
        }
    },
    "names and rows apart": {
        "dataset": {
            "dataset_code": "AAPL",
            "column_names": ["Date", *FIELDS],
            "data": [list(row.values()) for row in AAPL],
        }
    },
    "described names and rows apart": {
        "datatable": {
            "data": [["AAPL", *row.values()] for row in AAPL],
            "columns": [{"name": name, "type": "x"} for name in ("ticker", "date", *FIELDS)],
        }
    },
    "rows under a row of names": [["symbol", "date", *FIELDS], *(["AAPL", *row.values()] for row in AAPL)],
    "a chart under its symbol": {"AAPL": {"chart": AAPL}},
    "days under words": {"history": {"day": AAPL}},
    "messages of a stream": [{"T": "b", "S": "AAPL", **row} for row in short_rows("AAPL")],
    "pandas: split": {
        "columns": list(FIELDS),
        "index": [row["date"] for row in AAPL],
        "data": [[row[name] for name in FIELDS] for row in AAPL],
    },
    "pandas: columns": {name: {str(row["date"]): row[name] for row in AAPL} for name in FIELDS},
    "pandas: columns by count": {
        name: {str(at): row[name] for at, row in enumerate(AAPL)} for name in ("date", *FIELDS)
    },
    "pandas: index in milliseconds": {
        str(1000 * 86_400 * (dt.date.fromisoformat(str(row["date"])) - dt.date(1970, 1, 1)).days): {
            name: row[name] for name in FIELDS
        }
        for row in AAPL
    },
}
SEVERAL = {
    "days under symbols": {one: {row.pop("date"): row for row in rows_of(one)} for one in BOTH},
    "values under symbols": {one: {"meta": {"symbol": one}, "values": rows_of(one), "status": "ok"} for one in BOTH},
    "charts under symbols": {one: {"chart": rows_of(one)} for one in BOTH},
    "rows under small symbols": {one.lower(): rows_of(one) for one in BOTH},
    "rows beside symbols": [{"symbol": one, "bars": rows_of(one)} for one in BOTH],
    "rows in a list of shares": {"stocks": [{"symbol": one, "historical": rows_of(one)} for one in BOTH]},
    "short rows": {"bars": {one: short_rows(one) for one in BOTH}, "next_page_token": None},
}


@pytest.mark.parametrize("what", ONE)
def test_one_symbol(store: Store, tmp_path: Path, what: str) -> None:
    import_files(store, [write(tmp_path, "AAPL.json", json.dumps(ONE[what]))])
    assert_frame_equal(store.known().bars(), BARS)


@pytest.mark.parametrize("what", SEVERAL)
def test_several_symbols(store: Store, tmp_path: Path, what: str) -> None:
    import_files(store, [write(tmp_path, "answer of a vendor.json", json.dumps(SEVERAL[what]))])
    assert_frame_equal(store.known().bars(), TWO)


def test_events_of_a_chart_are_told(store: Store, tmp_path: Path) -> None:
    chart = json.loads(json.dumps(ONE["a chart of Yahoo"]))
    chart["chart"]["result"][0]["events"] = {"splits": {"1": {"date": 1, "numerator": 4, "denominator": 1}}}
    report = import_files(store, [write(tmp_path, "AAPL.json", json.dumps(chart))])
    assert report.new == len(BARS)
    assert any("its splits and dividends (events) are read past" in note for note in report.notes)
