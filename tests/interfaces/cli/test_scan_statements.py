"""The commands on a store with statements and with symbols that are behind: what a person reads."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.commands import one_line, tapescan
from tests.conftest import random_bars
from tests.scan.statements import facts_of


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty symbols, half of them with statements, two of them behind."""
    path = tmp_path_factory.mktemp("statements") / "store"
    bars = random_bars(symbols=60, sessions=300, seed=5)  # to the spring of 2023
    newest = bars["session"].max()
    behind = pl.col("symbol").is_in(["S001", "S002"]) & (pl.col("session") == newest)
    companies = pl.DataFrame(
        {"symbol": [f"S{i:03d}" for i in range(0, 60, 2)], "company": [f"{i:010d}" for i in range(0, 60, 2)]}
    )
    facts = facts_of(companies["company"].to_list(), first=2021, years=3)
    # This one's shares are not known, nor the market value with them.
    facts = facts.filter((pl.col("company") != "0000000004") | (pl.col("item") != "shares"))
    rows = {"bars": bars.filter(~behind), "companies": companies, "facts": facts}
    Store(path).add(rows, "test", step=Step("a", 1))
    return path


def test_ratios_in_a_screen_and_as_columns(store: Path) -> None:
    where = "earnings_yield > 0.0001 AND f_score >= 3"
    asked = ("--where", where, "--rank-by", "f_score", "--features", "roe,rsi_14", "--format", "json")
    done = tapescan("scan", "--store", str(store), *asked)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert rows
    assert all(row["earnings_yield"] > 0.0001 and row["f_score"] >= 3 for row in rows)
    assert all(isinstance(row["roe"], float) and isinstance(row["rsi_14"], float) for row in rows)
    assert [row["f_score"] for row in rows] == sorted((row["f_score"] for row in rows), reverse=True)
    assert "earnings_yield" in one_line(tapescan("scan", "--store", str(store), "--where", "earning_yield > 0"))


def test_the_stale_are_summed_up_under_the_table(store: Path) -> None:
    done = tapescan("scan", "--store", str(store))
    assert done.returncode == 0, done.stderr
    assert "Stale: 2 by 1 session" in done.stdout.splitlines()
    fresh = tapescan("scan", "--store", str(store), "--as-of", "2023-01-10")
    assert fresh.returncode == 0, fresh.stderr
    assert "Stale:" not in fresh.stdout


def test_show_names_the_period_and_since_when_it_was_known(store: Path) -> None:
    asked = ("--features", "roe,f_score,market_cap", "--format", "json", "--profile", "short_swing")
    rows = json.loads(tapescan("scan", "--store", str(store), *asked).stdout)["rows"]
    row = next(row for row in rows if row["roe"] is not None and row["market_cap"] is not None)
    said = tapescan("show", row["symbol"], "--store", str(store), width=200).stdout
    # The newest bar is of March 2023: the year's report, filed 40 days after its end, was the last one known.
    assert "Statements: period to 2022-12-31, known since 2023-02-10; market value $" in said
    assert f"return on equity {row['roe']:+.1%}" in said
    assert f"F-score {row['f_score']:.3g}/9" in said


def test_show_says_what_is_not_known(store: Path) -> None:
    without_shares = tapescan("show", "S004", "--store", str(store), width=200).stdout
    assert "market value unknown" in without_shares
    assert "12 months' earnings to market value unknown" in without_shares
    assert "F-score scaled up from 8 of its 9 tests" in without_shares
    assert "Statements: none known of this symbol's company" in tapescan("show", "S005", "--store", str(store)).stdout


def test_show_in_a_market_without_statements_is_silent_of_them(tmp_path: Path) -> None:
    bars = random_bars(symbols=60, sessions=300, seed=5)
    Store(tmp_path / "bare").add({"bars": bars}, "test", step=Step("a", 1))
    said = tapescan("show", "S005", "--store", str(tmp_path / "bare"), width=200)
    assert said.returncode == 0, said.stderr
    assert "tatements" not in said.stdout
    assert "quality" not in said.stdout
