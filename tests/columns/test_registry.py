"""The registry: every name has one column, every column keeps what it declares, and results hold what it lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tapescan.columns.definition import Column
from tapescan.columns.factors import FACTORS
from tapescan.columns.options import EXPRESSED
from tapescan.columns.reference import facts, reach, reference_page
from tapescan.columns.registry import all_columns, find_column, sources, with_needs
from tapescan.core.errors import OptionError
from tapescan.features.plan import default_features, known_features
from tapescan.fundamentals.ratios import RATIOS
from tapescan.history.market import Market
from tapescan.scan.expressed_rows import with_expressions
from tapescan.scan.expressing import quoted_in
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tests.scan.option_features import invented_options

UNITS = {
    *("price", "price²", "dollars", "shares", "ratio", "percent", "points", "bars", "minutes", "sessions", "year"),
    *("index", "degrees", "1"),
}

#: Names that only a rule knows.
FAMILIES = ("sma_37", "macd_8_21_5_signal", "alpha_xgboost_5", "score_alpha_xgboost_5", "alpha_ridge_10", "alpha_5")


PLANS = {one.name for one in EXPRESSED}


@pytest.fixture(scope="module")
def everything(with_statements: Market) -> ScanResult:
    """A scan with every column that is listed, of a market with invented options and an invented running session."""
    many = len(with_statements.panel)
    # What a session's minutes really say: `tests/live/test_columns.py`.
    session = {column.name: np.linspace(0.0, 1.0, many) for column in all_columns("live") if column.value is None}
    market = replace(with_statements, options=invented_options(many), live=pl.DataFrame(session))
    profile = load_profile("fundamental")
    scanned = run(market, prepare(profile, features=[one.name for one in all_columns()]))
    return with_expressions(scanned, quoted_in(market, market, None), profile.risk)


def test_every_name_is_known_to_one_source() -> None:
    for name in (*(column.name for column in all_columns()), *FAMILIES):
        declared = [one.name for one in sources() if name in {column.name for column in one.columns}]
        ruled = [one.name for one in sources() if one.resolve(name) is not None]
        assert len({*declared, *ruled}) == 1, (name, declared, ruled)
        assert find_column(name).source in {*declared, *ruled}


def test_all_that_can_be_named_is_there() -> None:
    names = {column.name for column in all_columns()}
    assert names >= {*known_features(), *RATIOS}
    for factor in FACTORS:
        assert {f"factor_{factor.name}", f"score_{factor.name}"} <= names
    assert [column.name for column in all_columns("statements")] == list(RATIOS)
    assert len(names) == len(all_columns()) == sum(len(all_columns(source.name)) for source in sources())


@pytest.mark.parametrize("column", all_columns(), ids=lambda column: column.name)
def test_a_column_says_what_it_is(column: Column) -> None:
    assert column.title
    assert column.meaning
    assert column.group
    assert (column.unit in UNITS) != (column.kind in {"String", "Date"})
    assert column.low is None or column.high is None or column.low < column.high
    assert isinstance(column.dtype, pl.DataType)
    assert facts(column)["name"] == column.name


def test_a_result_holds_what_is_listed(everything: ScanResult, with_statements: Market) -> None:
    schema = everything.frame.schema
    assert {name: schema[name] for name in schema} == {column.name: column.dtype for column in all_columns()}
    plain = run(with_statements, prepare(load_profile("fundamental"))).frame
    assert {*plain.columns} == {column.name for column in all_columns() if column.always}


@pytest.mark.parametrize(
    "column",
    # Those of plans by options are known of a store's chains alone: `tests/scan/test_expressed.py`.
    [one for one in all_columns() if (one.low is not None or one.high is not None) and one.name not in PLANS],
    ids=lambda column: column.name,
)
def test_values_stay_in_the_declared_range(everything: ScanResult, column: Column) -> None:
    values = everything.ranked[column.name].drop_nulls()
    # A simulated listing names no market value and no year, and this market has not the years that a season takes.
    assert values.is_empty() == (column.name in {"listed_market_cap", "ipo_year", "seasonality_3"})
    slack = 1e-9 * max(abs(column.low or 0.0), abs(column.high or 0.0), 1.0)
    assert column.low is None or values.filter(values < column.low - slack).is_empty()
    assert column.high is None or values.filter(values > column.high + slack).is_empty()


def test_a_volume_is_a_number_of_shares(with_statements: Market) -> None:
    """It was the factor's value once, under the indicator's name."""
    found = run(with_statements, prepare(load_profile("swing"), where="volume > 1000000", features=["volume"])).ranked
    block = with_statements.panel.blocks[0]
    newest = dict(zip(with_statements.panel.symbols, block.volume[-1], strict=False))
    assert len(found) > 5
    assert found["volume"].min() > 1_000_000  # type: ignore[operator]
    known = found.filter(pl.col("symbol").is_in(list(newest)))
    assert [newest[symbol] for symbol in known["symbol"]] == known["volume"].to_list()


def test_values_are_those_of_the_features(everything: ScanResult) -> None:
    section, names = everything.section, default_features()
    values = section.values()
    assert all(np.array_equal(values[name], section.features[name], equal_nan=True) for name in names)
    with pytest.raises(KeyError, match="score"):
        values["score"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rsi14", "unknown name 'rsi14'; did you mean rsi_14"),
        ("factor_trnd", "factor_trend"),
        ("trend", "factor_trend"),
        ("listed_cap", "listed_market_cap"),
        ("earnings_yeld", "earnings_yield"),
        ("qqqqqqqq", "`tapescan columns` lists all names"),
        ("rsi_1", "expected a whole number from 2 to"),
        ("rsi_014", "write rsi_14"),
        ("alpha_xgboost_05", "unknown name"),
    ],
)
def test_an_unknown_name_is_one_clear_line(name: str, says: str) -> None:
    with pytest.raises(OptionError) as caught:
        find_column(name)
    assert says in str(caught.value)


def test_what_a_column_is_made_of_comes_before_it() -> None:
    assert list(with_needs(["rsi_14", "f_score", "rsi_14"])) == ["rsi_14", "f_score"]


def test_a_column_says_how_it_is_made_or_nothing() -> None:
    plain = find_column("close")
    with pytest.raises(ValueError, match="both"):
        replace(plain, needs=("open",))
    with pytest.raises(ValueError, match="both"):
        replace(plain, value=lambda of: of["open"])
    with pytest.raises(ValueError, match="asked for"):
        replace(plain, always=True, needs=("open",), value=lambda of: of["open"])


@pytest.mark.parametrize(
    ("low", "high", "words"), [(None, None, ""), (0, None, "from 0"), (None, 1, "up to 1"), (0, 9, "0 to 9")]
)
def test_a_range_in_words(low: float | None, high: float | None, words: str) -> None:
    assert reach(replace(find_column("obv"), low=low, high=high)) == words


def test_the_reference_names_every_column_and_factor() -> None:
    page = reference_page()
    assert all(f"| `{column.name}` |" in page for column in all_columns())
    assert all(f"| {factor.name}: " in page for factor in FACTORS)
    assert all(f"## {source.title}" in page for source in sources())
    assert "`relative_volume_20`), by its logarithm" in page
    assert "beta (`beta_252`), less is better" in page
