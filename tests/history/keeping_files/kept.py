"""A store that has all a store may have of a market, and ways to compare what is kept of it with what is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.history.kept_places import FOLDER
from tapescan.history.market import Market
from tapescan.market.panel import COLUMNS
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.conftest import random_bars
from tests.scan.statements import facts_of

SESSIONS = 690
BARS = random_bars(symbols=60, sessions=SESSIONS, seed=4)
DAYS = BARS["session"].unique().sort()

#: Traded no more since long before what a short span asks for.
GONE = ("S001", "S002")
#: Another company's since long ago: whoever reads few sessions does not see the break.
ANOTHER = "S004"

SHOWN = ("rsi_14", "beta_252", "dividend_12m", "revenue_growth", "sector")


def market_rows() -> dict[str, pl.DataFrame]:
    """All that a store may hold of a market."""
    day = pl.col("session")
    bars = BARS.filter(~pl.col("symbol").is_in(GONE) | (day <= DAYS[150]))
    break_ = (pl.col("symbol") == ANOTHER) & day.is_between(DAYS[60], DAYS[120])
    bars = bars.filter(~break_).with_columns(
        pl.when((pl.col("symbol") == ANOTHER) & (day > DAYS[120]))
        .then(pl.col(name) * 40.0)
        .otherwise(name)
        .alias(name)
        for name in ("open", "high", "low", "close")
    )
    wrong = (pl.col("symbol") == "S005") & (day == DAYS[-40])
    bars = bars.with_columns(close=pl.when(wrong).then(pl.col("low") / 8).otherwise("close"))
    bars = bars.with_columns(low=pl.min_horizontal("low", "close"))
    names = BARS["symbol"].unique().sort()
    companies = [f"{number:010}" for number in range(len(names))]
    return {
        "bars": bars,
        "splits": pl.DataFrame({"symbol": ["S007"], "ex_date": [DAYS[-30]], "ratio": [2.0]}),
        "dividends": pl.DataFrame(
            {"symbol": names, "ex_date": [DAYS[100]] * len(names), "amount": [0.5] * len(names)}
        ),
        "symbols": pl.DataFrame({"symbol": names, "company": companies, "sector": ["Energy"] * len(names)}),
        "facts": facts_of(companies),
    }


def kept_of(store: Store, adjust: str = "splits") -> Path:
    return Path(store.path, FOLDER, f"market-{adjust}")


def assert_same_market(ours: Market, theirs: Market) -> None:
    """But for what reaches further back."""
    assert ours.panel.symbols == theirs.panel.symbols
    assert ours.panel.as_of == theirs.panel.as_of
    for name in ("universe", "dividends", "fundamentals", "suspects"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        assert one is None or (one.schema == other.schema and one.equals(other, null_equal=True)), name
    for name in ("provenance", "notes", "models", "adjust"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for one, other in zip(ours.panel.blocks, theirs.panel.blocks, strict=True):
        for name in (*COLUMNS, "first"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def scanned(data: Any, **asked: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    asked.setdefault("features", SHOWN)
    found: ScanResult = tapescan.scan_market(data, **asked)
    return found.frame, {name: part for name, part in found.to_dict().items() if name != "timings"}


def read_anew(store: Store, **asked: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPESCAN_KEEP", "false")
        return scanned(store, **asked)


def assert_same_scan(store: Store, **asked: Any) -> None:
    (ours, told), (theirs, said) = scanned(store, **asked), read_anew(store, **asked)
    assert ours.schema == theirs.schema
    for name in theirs.columns:
        assert ours[name].equals(theirs[name], null_equal=True), name
    assert told == said
