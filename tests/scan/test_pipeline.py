"""The scan as a whole, on a small simulated market."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from msgspec import structs
from polars.testing import assert_frame_equal

from tapescan.columns.factors import EVERY_FACTOR, rating
from tapescan.features.carried import CARRIED
from tapescan.features.compute import latest
from tapescan.features.plan import Plan
from tapescan.history.market import Market
from tapescan.market.eligibility import REASONS
from tapescan.scan import cross_section, pipeline
from tapescan.scan.factors import factor_values
from tapescan.scan.pipeline import run
from tapescan.scan.profile import Profile, load_profile, profile_names
from tapescan.scan.request import prepare
from tapescan.scan.result import Coverage, ScanResult
from tapescan.screen.earlier import latest_with

SWING = load_profile("swing")


@pytest.fixture(scope="module")
def result(inputs: Market) -> ScanResult:
    return run(inputs, prepare(SWING))


@pytest.mark.parametrize("name", profile_names())
def test_coverage_adds_up_in_every_profile(inputs: Market, name: str) -> None:
    found = run(inputs, prepare(load_profile(name), where="rsi_14 > 40"))
    assert found.coverage.requested == len(inputs.universe) == len(found.frame)
    assert found.coverage.ranked == found.frame["rank"].count() == (found.frame["dropped"] == "").sum()
    for reason, count in found.coverage.dropped.items():
        assert (found.frame["dropped"] == reason).sum() == count > 0
        assert reason in REASONS


def test_coverage_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(AssertionError, match="add up"):
        Coverage(10, 5, {"stale": 4})


def test_every_symbol_is_one_row(inputs: Market, result: ScanResult) -> None:
    assert sorted(result.frame["symbol"]) == sorted(inputs.universe["symbol"])


def test_the_score_is_the_sum_of_its_columns(result: ScanResult) -> None:
    parts = result.ranked.select(pl.sum_horizontal(f"score_{name}" for name in EVERY_FACTOR)).to_series()
    np.testing.assert_allclose(parts.to_numpy(), result.ranked["score"].to_numpy(), rtol=0, atol=1e-9)
    assert result.ranked["score"].is_between(0, 100).all()


def test_ranks_follow_the_score(result: ScanResult) -> None:
    ranked = result.ranked
    assert ranked["rank"].to_list() == list(range(1, len(ranked) + 1))
    assert ranked["score"].is_sorted(descending=True)


def test_each_drop_reason_is_true(inputs: Market, result: ScanResult) -> None:
    filters = SWING.filters
    frame = result.frame
    good = frame.filter(pl.col("dropped") == "")
    assert (good["newest"] == result.as_of).all()
    assert (good["bars"] >= filters.min_bars).all()
    assert (good["close"] >= filters.min_price).all()
    assert good["type"].is_in(filters.types).all()
    assert (frame.filter(pl.col("dropped") == "stale")["newest"] < result.as_of).all()
    assert not frame.filter(pl.col("dropped") == "type")["type"].is_in(filters.types).any()
    assert (frame.filter(pl.col("dropped") == "short_history")["bars"] < filters.min_bars).all()
    assert (frame.filter(pl.col("dropped") == "price")["close"] < filters.min_price).all()
    assert frame.filter(pl.col("dropped") != "")["score"].is_null().all()
    assert frame.filter(pl.col("dropped") != "")["shares"].is_null().all()


def test_a_screen_drops_those_that_do_not_match_and_moves_no_score(inputs: Market, result: ScanResult) -> None:
    screened = run(inputs, prepare(SWING, where="close > sma_50 AND rsi_14 < 60", rank_by="rsi_14 asc"))
    assert 0 < screened.coverage.ranked < result.coverage.ranked
    assert screened.coverage.ranked + screened.coverage.dropped["screen"] == result.coverage.ranked
    ranked = screened.ranked
    assert ranked.select((pl.col("close") > pl.col("sma_50")) & (pl.col("rsi_14") < 60)).to_series().all()
    assert ranked["rsi_14"].is_sorted()
    before = result.ranked.filter(pl.col("symbol").is_in(ranked["symbol"].implode())).select("symbol", "score")
    assert_frame_equal(before.sort("symbol"), ranked.select("symbol", "score").sort("symbol"))


def test_a_symbol_can_be_recomputed_from_the_result(inputs: Market) -> None:
    found = run(inputs, prepare(SWING, features=["rsi_14", "atr_14"]))
    values = latest(inputs.panel, prepare(SWING, features=["rsi_14", "atr_14"]).plan)
    by_symbol = dict(zip(inputs.panel.symbols, values["rsi_14"], strict=True))
    for symbol, rsi in found.ranked.select("symbol", "rsi_14").rows():
        assert by_symbol[symbol] == rsi


def test_factors_are_made_once_of_a_market_for_the_same_members(
    inputs: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Screens, orders and columns change nothing in them; filters do."""
    made: list[int] = []

    def counted(section: Any, members: Any, names: Any) -> dict[str, Any]:
        made.append(len(members))
        return factor_values(section, members, names)

    monkeypatch.setattr(pipeline, "factor_values", counted)
    market = replace(inputs, notes=inputs.notes)  # nothing is kept of it
    strict = structs.replace(SWING, filters=structs.replace(SWING.filters, min_price=20.0))
    asked: list[tuple[Profile, dict[str, Any]]] = [
        (SWING, {}),
        (SWING, {"where": "rsi_14 < 50"}),
        (strict, {}),
        (SWING, {"rank_by": "ret_5 desc"}),
        (strict, {}),
    ]
    for profile, more in asked:
        ours = run(market, prepare(profile, **more))
        theirs = run(replace(market), prepare(profile, **more))
        assert_frame_equal(ours.frame, theirs.frame)
        made.pop()  # theirs
    assert len(made) == 2
    assert made[0] > made[1]


def test_a_loaded_market_carries_what_conditions_on_earlier_bars_share(
    inputs: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = "close > highest(20, high)[1] OR crosses_above(close, sma_20)"
    fresh = run(inputs, prepare(SWING, where=where, features=["rsi_14"]))
    loaded = replace(inputs, panel=replace(inputs.panel))
    loaded.panel.kept[CARRIED] = {}
    run(loaded, prepare(SWING, features=["rsi_14"]))
    again: list[int] = []

    def counted(panel: Any, plan: Plan, look: Any, engine: Any = None) -> Any:
        again.append(len(plan.names))
        return latest_with(panel, plan, look, engine)

    monkeypatch.setattr(cross_section, "latest_with", counted)
    assert_frame_equal(run(loaded, prepare(SWING, where=where, features=["rsi_14"])).frame, fresh.frame)
    assert again == [0]
    assert fresh.coverage.ranked > 0


def test_shorts_rank_the_other_end(inputs: Market, result: ScanResult) -> None:
    import msgspec

    short = run(inputs, prepare(msgspec.structs.replace(SWING, side="short")))
    assert short.ranked["symbol"].to_list() == result.ranked.sort("score", "symbol")["symbol"].to_list()
    plans = short.ranked.drop_nulls("shares")
    assert (plans["stop"] > plans["entry"]).all()
    assert (plans["target"] < plans["entry"]).all()
    both = run(inputs, prepare(msgspec.structs.replace(SWING, side="both")))
    assert both.ranked["conviction"].is_sorted(descending=True)
    assert ((both.ranked["side"] == "long") == (both.ranked["score"] >= 50)).all()


def test_two_scans_give_the_same_bytes(inputs: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    request = prepare(SWING, features=["rsi_14"])
    one = run(inputs, request).frame.write_csv()
    monkeypatch.setenv("TAPESCAN_THREADS", "1")
    assert run(inputs, request).frame.write_csv() == one


def test_the_result_as_json(result: ScanResult) -> None:
    import json

    found = json.loads(result.to_json(top=5))
    assert {"as_of", "coverage", "timings", "provenance", "rows"} <= set(found)
    assert set(found["coverage"]) == {"requested", "ranked", "dropped"}
    assert [row["rank"] for row in found["rows"]] == [1, 2, 3, 4, 5]
    assert "NaN" not in result.to_json()
    assert found["provenance"]["profile"]["digest"] == SWING.digest


def test_the_rating_is_the_mean_of_votes(inputs: Market) -> None:
    values = latest(inputs.panel, prepare(SWING).plan)
    found = rating({name: values[name] for name in values.names})
    known = found[~np.isnan(found)]
    assert known.min() >= -1.0
    assert known.max() <= 1.0
    assert known.std() > 0.2
