"""A result's frame against one that is put together the plain way, to the byte; and what of it is made when."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tapescan.core.labels import Labels
from tapescan.features.plan import default_features
from tapescan.history.market import Market
from tapescan.models.forecast import load_models
from tapescan.scan.assembled import Assembled
from tapescan.scan.frame import in_order
from tapescan.scan.listing import Listing
from tapescan.scan.named import load_screen
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare, shown_columns
from tapescan.scan.result import ScanResult
from tests.scan.reference_frame import reference_frame

SWING = load_profile("swing")
BOTH, SHORT = (structs.replace(SWING, side=side) for side in ("both", "short"))
SCREENS = tuple(load_screen(name) for name in ("nr7", "turtle-20", "breakdown-short", "low-volatility-momentum"))
COMPUTED = [
    "up = close > open",
    "jump = open / close[1] - 1",
    "place = pct(ret_21, sector)",
    "label = case when rsi_14 > 60 then 'high' when rsi_14 < 40 then 'low' end",
    "seen = newest",
    "lists = unknown_factors = ''",
]

ASKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "all columns": {"features": default_features()},
    "shorts": {"profile": SHORT},
    "both sides": {"profile": BOTH, "features": ["rsi_14"]},
    "a condition": {"where": "close > sma_50 AND rsi_14 < 60"},
    "nobody": {"where": "close < 0"},
    "computed columns": {"features": [*COMPUTED, "f_score", "market_cap", "dividend_yield", "ipo_year"]},
    "the listing's numbers": {"features": ["listed_market_cap", "ipo_year"], "rank_by": "listed_market_cap desc"},
    "screens": {"screens": SCREENS, "where": "dollar_volume_20 > 1e6"},
    "one screen": {"screens": SCREENS[:1]},
    "a profile's condition": {
        "profile": structs.replace(
            SWING, filters=structs.replace(SWING.filters, where="rsi_14 > 50", sectors=("Energy",))
        )
    },
    "statements": {"profile": load_profile("fundamental"), "features": ["f_score", "roe", "earnings_yield"]},
    "by an expression": {"rank_by": "round(rsi_14, -1) desc"},
    "by equals, of both signs": {"rank_by": "0 * ret_5 asc"},
    "by a condition": {"features": ["up = close > open"], "rank_by": "up desc"},
    "by a text that some lack": {"features": COMPUTED, "rank_by": "label asc"},
    "by texts downwards": {"rank_by": "sector desc"},
    "by a label": {"profile": BOTH, "rank_by": "side asc"},
    "by whole numbers": {"rank_by": "ipo_year desc"},
    "by shares": {"rank_by": "shares asc"},
    "by a day": {"rank_by": "newest asc"},
    "by what is missing": {"rank_by": "market_cap asc", "features": ["market_cap"]},
}


def same(found: ScanResult, asked: Any) -> None:
    wanted, counts = reference_frame(found, asked)
    assert found.frame.schema == wanted.schema
    assert found.frame.columns == wanted.columns
    for name in wanted.columns:
        assert bits(found.frame[name]) == bits(wanted[name]), name
    assert found.coverage.ranked == counts.pop("", 0)
    assert list(found.coverage.dropped.items()) == sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    for rows in (0, 1, 20, len(wanted)):
        best = wanted.head(min(rows, found.coverage.ranked)).drop("dropped")
        assert found.best(rows).equals(best)
        assert found.best(rows).schema == best.schema
    assert found.symbols == wanted["symbol"].head(found.coverage.ranked).to_list()


def bits(series: pl.Series) -> list[object]:
    """The values, in which 0.0 is not -0.0."""
    return [one.hex() if isinstance(one, float) else one for one in series.to_list()]


@pytest.fixture(scope="module")
def holed(with_statements: Market) -> Market:
    """With symbols that are listed and not in the panel: before, between and behind the others."""
    rows = with_statements.universe.sample(40, seed=1)
    why = ["stale", "no_bars", "delisted", "bars_refused"] * 10
    others = rows.with_columns(
        symbol=pl.concat([pl.Series(["0A", "~Z"]), rows["symbol"][2:] + ".X"]),
        absent=pl.Series(why),
        sessions_behind=pl.Series([3, None] * 20, dtype=pl.Int64),
        listed_market_cap=pl.Series([1e9, None] * 20),
    )
    return replace(with_statements, universe=pl.concat([with_statements.universe, others]))


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("which", ["inputs", "with_statements", "holed"])
@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_the_frame_is_the_plain_one(request: pytest.FixtureRequest, which: str, asked: str) -> None:
    wanted = {**ASKED[asked]}
    prepared = prepare(wanted.pop("profile", SWING), **wanted)
    same(run(request.getfixturevalue(which), prepared), prepared)


@pytest.mark.parametrize("side", ["long", "both"])
def test_it_is_with_forecasts(holed: Market, tmp_path: Path, side: str) -> None:
    trained = pytest.importorskip("tests.scan.trained", reason="xgboost is not installed").trained
    pytest.importorskip("xgboost", reason="forecasts in a frame were not checked: xgboost is not installed")
    for horizon, weight in ((5, 0.5), (10, 0.0)):
        trained(tmp_path, horizon, weight)
    profile = structs.replace(SWING, side=side)
    features = [*default_features(), "alpha_xgboost_5"]
    prepared = prepare(profile, features=features, models=load_models(tmp_path), rank_by="alpha_xgboost_10 asc")
    same(run(holed, prepared), prepared)


numbers = st.one_of(st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, -np.inf]), st.floats(allow_nan=True))
KEYS: dict[str, tuple[st.SearchStrategy[Any], Callable[[list[Any]], Any]]] = {
    "numbers": (numbers, lambda some: np.array(some, dtype=np.float64)),
    "labels": (st.integers(0, 3), lambda some: Labels(("b", "", "é", "a"), np.array(some, dtype=np.int64))),
    "texts": (st.one_of(st.none(), st.text(max_size=2)), lambda some: pl.Series("key", some, pl.String)),
    "conditions": (st.sampled_from([None, True, False]), lambda some: pl.Series("key", some, pl.Boolean)),
    "whole numbers": (
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        lambda some: pl.Series("key", some, pl.Int64),
    ),
}


@pytest.mark.sampled(one_in=5)
@pytest.mark.parametrize("kind", KEYS)
@given(data=st.data())
def test_the_order_is_that_of_a_sort_by_key_and_symbol(kind: str, data: st.DataObject) -> None:
    element, made = KEYS[kind]
    size = data.draw(st.integers(1, 12))
    key = made(data.draw(st.lists(element, min_size=size, max_size=size)))
    here = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    symbols = data.draw(st.lists(st.text(min_size=1, max_size=2), min_size=size, max_size=size + 2, unique=True))
    rows = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String})
    by_name = np.array(sorted(range(size), key=symbols.__getitem__), dtype=np.int64)
    ranking = replace(prepare(SWING).ranking, ascending=data.draw(st.booleans()))
    found, ranked = in_order(Listing(rows, tuple(symbols[:size]), by_name), np.array(here), key, ranking)
    assert ranked == sum(here)
    plain = pl.Series(key.values if isinstance(key, Labels) else key, nan_to_null=True)
    missing = len(symbols) - size
    rows = rows.with_columns(key=plain.extend_constant(None, missing), here=pl.Series(here + [False] * missing))
    wanted = rows.sort(
        [~pl.col("here"), pl.when("here").then("key"), "symbol"],
        descending=[False, not ranking.ascending, False],
        nulls_last=True,
    )
    assert [symbols[at] for at in found] == wanted["symbol"].to_list()


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.booleans(), min_size=7, max_size=7)))
def test_names_of_flags_stand_with_commas_between(flags: dict[str, list[bool]]) -> None:
    found = Labels.of_flags({name: np.array(here) for name, here in flags.items()}, 7)
    assert found.values.tolist() == [",".join(name for name in flags if flags[name][at]) for at in range(7)]


def test_a_frame_is_made_once_and_only_for_who_asks(inputs: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    for name in ("head", "plain"):
        method = getattr(Assembled, name)

        def counted(self: Assembled, rows: int, names: Any = None, method: Any = method) -> Any:
            whole = names is None or len([*names]) > len(self.columns) - 2
            made.append(rows if whole else 0)
            return method(self, rows, names)

        monkeypatch.setattr(Assembled, name, counted)
    result = run(inputs, prepare(SWING))
    told = (result.to_dict(5), result.stale, result.symbols, result._repr_html_(), repr(result))
    assert {*made} == {0, 5, 20}
    result = structs.replace(result, notes=("another",))
    assert result.frame is structs.replace(result, notes=()).frame
    assert made.count(len(result.frame)) == 1
    assert (result.ranked.head(5).to_dicts(), result.symbols) == (told[0]["rows"], result.ranked["symbol"].to_list())
    assert made.count(len(result.frame)) == 1


def test_plain_rows_are_those_of_the_frame(holed: Market) -> None:
    """Also of who has no bar, and of every column that a scan can show."""
    result = run(holed, prepare(SWING, features=[*shown_columns("all"), "up = close > open", "sector", "newest"]))
    assert result.assembled.plain(len(result.frame)) == result.frame.to_dicts()
    assert result.assembled.plain(0) == []
    assert result.to_dict()["rows"] == result.ranked.to_dicts()


@pytest.mark.parametrize("again", [lambda one: pickle.loads(pickle.dumps(one)), copy.copy, copy.deepcopy])  # noqa: S301
def test_a_result_travels_with_its_rows(holed: Market, again: Callable[[ScanResult], ScanResult]) -> None:
    result = run(holed, prepare(SWING, features=["rsi_14", "up = close > open"]))
    assert again(result).frame.equals(result.frame)
    assert again(result).frame.equals(result.frame)  # made by now


def test_two_markets_of_one_panel_do_not_mix(inputs: Market) -> None:
    moved = replace(inputs, universe=inputs.universe.with_columns(sector=pl.lit("Energy"), type=pl.lit("fund")))
    first = run(inputs, prepare(SWING))
    assert run(moved, prepare(SWING)).coverage.ranked == 0
    assert run(inputs, prepare(SWING)).frame.equals(first.frame)
