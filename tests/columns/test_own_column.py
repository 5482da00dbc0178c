"""A column of one's own: one file beside the others, and no other file touched."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan.columns
from tapescan.columns import registry
from tapescan.columns.registry import all_columns, find_column
from tapescan.core.errors import OptionError, ScreenError
from tapescan.history.market import Market
from tapescan.interfaces.cli.main import app
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars

SWING = load_profile("swing")

HEAD = '''
"""Columns of my own."""
import numpy as np
from tapescan.columns.definition import Column, Source

def column(name, needs, value, **more):
    return Column(name, name, "ratio", "mine", "one of my own", needs=needs, value=value, **more)

'''

MINE = (
    HEAD
    + """
SOURCE = Source("mine", "columns of my own", 90, (
    column("atr_share", ("close", "atr_14"), lambda of: of["atr_14"] / of["close"], low=0.0),
    column("odd_share", ("atr_share", "bars"), lambda of: np.log(of["atr_share"] - 0.02) / (of["bars"] - of["bars"])),
    column("in_technology", ("sector",), lambda of: of["sector"] == "Information Technology", kind="Boolean"),
    column("bars_of_range", ("atr_share",), lambda of: np.floor(100.0 * of["atr_share"]), kind="Int64"),
    column("gain", ("target", "entry", "score", "factor_trend"), lambda of: of["target"] / of["entry"] - 1.0),
    column("cheap", ("earnings_yield", "sma_37"), lambda of: of["earnings_yield"] + 0.0 * of["sma_37"]),
    column("hopeful", ("alpha_xgboost_5",), lambda of: of["alpha_xgboost_5"]),
    column("placed", ("rank",), lambda of: 1.0 / of["rank"]),
))
"""
)

Add = Callable[[str], None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Put a file among the sources of columns, for this test."""
    folder = tmp_path / "columns"
    folder.mkdir()
    monkeypatch.setattr(tapescan.columns, "__path__", [*tapescan.columns.__path__, str(folder)])

    def write(text: str) -> None:
        (folder / "mine.py").write_text(text)
        sys.modules.pop("tapescan.columns.mine", None)
        registry._load.cache_clear()

    yield write
    sys.modules.pop("tapescan.columns.mine", None)
    registry._load.cache_clear()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "store"
    Store(path).add({"bars": random_bars(symbols=60, sessions=300, seed=5)}, "test", step=Step("a", 1))
    return path


def test_it_is_listed_and_found(add: Add) -> None:
    before = [column.name for column in all_columns()]
    add(MINE)
    assert [column.name for column in all_columns()][: len(before)] == before
    assert [column.name for column in all_columns("mine")][:2] == ["atr_share", "odd_share"]
    assert find_column("atr_share").source == "mine"
    with pytest.raises(OptionError, match="atr_share"):
        find_column("atr_shares")


def test_it_screens_ranks_and_shows(add: Add, inputs: Market) -> None:
    add(MINE)
    asked = prepare(SWING, where="atr_share > 0.02", rank_by="atr_share asc", features=["atr_14", "gain"])
    assert asked.shown == ("atr_14", "gain", "atr_share")
    found = run(inputs, asked)
    plain = run(inputs, prepare(SWING, features=["atr_14"])).ranked
    expected = plain.with_columns(x=pl.col("atr_14") / pl.col("close")).filter(pl.col("x") > 0.02).sort("x", "symbol")
    assert 20 < len(expected) < len(plain)
    assert found.ranked["symbol"].to_list() == expected["symbol"].to_list()
    assert found.ranked["atr_share"].to_list() == expected["x"].to_list()
    gain = found.ranked.select(pl.col("target") / pl.col("entry") - 1.0 - pl.col("gain")).to_series()
    assert gain.abs().max() == 0.0


def test_what_is_no_finite_number_is_unknown(add: Add, inputs: Market) -> None:
    add(MINE)
    found = run(inputs, prepare(SWING, features=["odd_share", "atr_share"])).frame
    assert found["odd_share"].null_count() == len(found)
    assert 0 < found["atr_share"].null_count() < len(found)
    assert not found["atr_share"].is_nan().any()
    whole = run(inputs, prepare(SWING, features=["bars_of_range"])).frame["bars_of_range"]
    assert whole.dtype == pl.Int64
    assert whole.null_count() == found["atr_share"].null_count()


def test_it_may_be_made_of_any_source_and_be_of_any_type(add: Add, inputs: Market, with_statements: Market) -> None:
    add(MINE)
    found = run(with_statements, prepare(SWING, where="in_technology", features=["cheap", "earnings_yield"])).ranked
    assert {*found["sector"]} == {"Information Technology"}
    assert found["in_technology"].dtype == pl.Boolean
    assert found["cheap"].null_count() < len(found)
    assert found["cheap"].to_list() == found["earnings_yield"].to_list()
    assert run(inputs, prepare(SWING, features=["cheap"])).frame["cheap"].null_count() == len(inputs.universe)


def test_what_it_is_made_of_has_to_be_there(add: Add) -> None:
    add(MINE)
    with pytest.raises(
        ScreenError, match="where: hopeful is made of unknown name 'alpha_xgboost_5' at character 1; no model"
    ):
        prepare(SWING, where="hopeful > 0")
    with pytest.raises(ScreenError, match="rank_by: placed is made of rank is not known before all are ranked"):
        prepare(SWING, rank_by="placed")
    with pytest.raises(OptionError, match="features: placed is made of rank"):
        prepare(SWING, features=["placed"])


def test_two_columns_of_one_name_are_refused(add: Add) -> None:
    add(HEAD + 'SOURCE = Source("mine", "mine", 90, (column("volume", ("close",), lambda of: of["close"]),))')
    with pytest.raises(ValueError, match="the column volume is declared by bars and by mine"):
        all_columns()
    add(HEAD + 'SOURCE = Source("bars", "mine", 90, ())')
    with pytest.raises(ValueError, match="two sources of columns have one name"):
        all_columns()


def test_a_column_made_of_itself_is_refused(add: Add) -> None:
    add(
        HEAD
        + """
SOURCE = Source("mine", "mine", 90, (
    column("egg", ("hen",), lambda of: of["hen"]), column("hen", ("egg",), lambda of: of["egg"])))
"""
    )
    with pytest.raises(ValueError, match="the column egg is made of itself: egg of hen of egg"):
        prepare(SWING, where="egg > 0")


def test_the_command_line_knows_it(add: Add, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(MINE)
    asked = ["--where", "atr_share > 0", "--rank-by", "atr_share desc", "--features", "atr_share,gain"]

    def told(*arguments: str) -> str:
        app(args=[*arguments], standalone_mode=False)
        return capsys.readouterr().out

    rows = json.loads(told("scan", "--store", str(store), *asked, "--format", "json"))["rows"]
    shares = [row["atr_share"] for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0
    assert "atr_share" in told("scan", "--store", str(store), *asked)
    csv = pl.read_csv(io.BytesIO(told("scan", "--store", str(store), *asked, "--format", "csv").encode()))
    told("scan", "--store", str(store), *asked, "--output", str(tmp_path / "x.parquet"))
    parquet = pl.read_parquet(tmp_path / "x.parquet")
    assert csv.columns == parquet.columns
    assert parquet["atr_share"].head(len(shares)).to_list() == shares
    np.testing.assert_allclose(csv["atr_share"].head(len(shares)).to_numpy(), shares, rtol=1e-12)
    listed = json.loads(told("columns", "--source", "mine", "--json"))
    assert listed[0]["name"] == "atr_share"
    assert listed[0]["needs"] == ["close", "atr_14"]
