"""`tapescan breadth`: the table, the files, the one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.commands import one_line, tapescan
from tests.conftest import random_bars


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("breadth")
    bars = random_bars(symbols=12, sessions=300, seed=5)
    bars.write_parquet(folder / "bars.parquet")
    bars.filter(pl.col("session") == bars["session"].max()).write_parquet(folder / "one.parquet")
    for name in ("bars", "one"):
        done = tapescan("import", str(folder / f"{name}.parquet"), "--store", str(folder / name))
        assert done.returncode == 0, done.stderr
    return folder / "bars"


def test_a_table_and_where_today_stands(store: Path, tmp_path: Path) -> None:
    page, rows = tmp_path / "page.html", tmp_path / "rows.csv"
    done = tapescan("breadth", "--store", str(store), "--html", str(page), "--output", str(rows), width=160)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Breadth: eligible of profile swing, 300 sessions from ")
    assert "percentile" in lines[1]
    assert "above their 50-session average" in lines[1]
    written = pl.read_csv(rows, try_parse_dates=True)
    assert len(written) == 300
    newest = written.row(-1, named=True)
    shown = next(line for line in lines[2:] if line.strip().startswith(str(newest["session"])))
    assert shown.split()[1] == str(newest["eligible"])
    assert page.read_text().startswith("<!DOCTYPE html>")


def test_it_is_data_for_programs(store: Path) -> None:
    done = tapescan("breadth", "--store", str(store), "--json", "--from", "1990-01-01")
    found = json.loads(done.stdout)
    assert len(found["sessions"]) == 300
    assert {one["name"] for one in found["columns"]} == {*found["sessions"][0]} - {"session"}
    assert found["standing"]["above_50"]["sessions"] > 100


def test_a_store_with_one_session(store: Path) -> None:
    done = tapescan("breadth", "--store", str(store.parent / "one"))
    assert done.returncode == 0, done.stderr
    assert "1 session from" in done.stdout
    assert "nothing can be said" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "yesterday"), "--from: 'yesterday' is no date"),
        (("--from", "2049-01-01"), "--from: 2049-01-01 lies after"),
        (("--to", "1990-01-01"), "--to: 1990-01-01 lies before the first bar"),
        (("--from", "2024-03-02", "--to", "2024-03-01"), "--from: 2024-03-02 lies after 2024-03-01"),
        (("--output", "rows.xlsx"), "--output: rows.xlsx; give a name that ends in .parquet or .csv"),
        (("--html", "nowhere/page.html"), "--html nowhere/page.html cannot be written"),
        (("--html", "/"), "--html / is a folder"),
        (("--profile", "swinging"), "unknown profile 'swinging'"),
        (("--store", "nowhere"), "there is no store at nowhere"),
    ],
)
def test_bad_input_is_one_line(store: Path, words: tuple[str, ...], said: str) -> None:
    own = () if "--store" in words else ("--store", str(store))
    assert said in one_line(tapescan("breadth", *own, *words))
