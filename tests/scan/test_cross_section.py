"""A cross-section is observed once and ranked as often as one likes; explanations look into it."""

from __future__ import annotations

import time
from dataclasses import replace

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.api import explain_symbol, scan_market
from tapescan.columns.registry import all_columns
from tapescan.core.errors import OptionError, ScreenError
from tapescan.engine.threads import Threads
from tapescan.features.compute import latest
from tapescan.history.market import Market
from tapescan.scan import cross_section
from tapescan.scan.cross_section import observe
from tapescan.scan.explain import explain
from tapescan.scan.pipeline import rank, run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.screen.earlier import look_back
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars

SWING = load_profile("swing")


def test_observed_once_and_ranked_twice(inputs: Market) -> None:
    one, two = prepare(SWING), prepare(SWING, where="rsi_14 < 60", rank_by="rsi_14 asc")
    section = observe(inputs, two.plan)
    assert_frame_equal(rank(section, two).frame, run(inputs, two).frame, check_exact=True)
    assert_frame_equal(rank(section, one).frame, run(inputs, one).frame, check_exact=True)


def test_a_section_that_lacks_features_is_refused(inputs: Market) -> None:
    section = observe(inputs, prepare(SWING).plan)
    with pytest.raises(OptionError, match=r"lacks sma_37; observe it with the request's plan"):
        rank(section, prepare(SWING, where="sma_37 > 5"))


def test_who_is_excluded_is_who_is_dropped(inputs: Market) -> None:
    request = prepare(SWING, where="rsi_14 < 60")
    section = observe(inputs, request.plan)
    frame = rank(section, request).frame
    dropped = dict(frame.select("symbol", "dropped").iter_rows())
    excluded = section.excluded(SWING.filters).values
    assert {*excluded} >= {"", "stale", "type", "illiquid"}
    for symbol, why in zip(section.symbols, excluded, strict=True):
        assert dropped[symbol] == why or (dropped[symbol] == "screen" and why == "")


def test_explaining_computes_no_features_again(inputs: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(*arguments: object, **named: object) -> object:
        calls.append(arguments)
        return latest(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(cross_section, "latest", counted)
    result = scan_market(inputs, models=False)
    # By which it is told who may be ranked, then the others.
    assert len(calls) == 2
    best, dropped = result.frame["symbol"][0], result.frame["symbol"][-1]
    for symbol in (best, dropped):
        assert explain(result, symbol).symbol == symbol
    assert explain(result, best).factors
    assert len(calls) == 2
    row = explain_symbol(best, inputs, models=False).row
    ranges = {column.name for column in all_columns("ranges")}
    assert {name: value for name, value in row.items() if name not in ranges} == explain(result, best).row
    assert len(calls) == 4


def test_features_run_where_the_engine_says(inputs: Market) -> None:
    request = prepare(SWING)

    class Counting(Threads):
        filled = 0

        def fill(self, function, pieces, into) -> None:  # type: ignore[no-untyped-def]
            self.filled += len(pieces)
            super().fill(function, pieces, into)

    engine = Counting(1)
    found = run(inputs, request, engine)
    complete = found.section.complete
    assert complete is not None
    ranked = sum(bool(complete[block.offset]) for block in inputs.panel.blocks)
    assert engine.filled == len(inputs.panel.blocks) + ranked
    assert_frame_equal(found.frame, run(inputs, request).frame, check_exact=True)


def test_the_section_is_no_part_of_what_a_result_says(inputs: Market) -> None:
    result = run(inputs, prepare(SWING))
    assert "section" not in repr(result)
    assert "section" not in result.to_dict(1)
    assert len(repr(result.section)) < 100


def test_stages_are_timed_by_their_names(inputs: Market) -> None:
    assert {*run(inputs, prepare(SWING)).timings} == {
        *("features", "regime", "filters", "factors", "score", "plan", "result")
    }


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Sixty symbols, a third of them with a market value in the listing; one is listed and has no bars."""
    symbols = [f"S{i:03d}" for i in range(0, 60, 3)]
    listing = pl.DataFrame(
        {
            "symbol": [*symbols, "NEW"],
            "market_cap": [1e9 * (i + 1) for i in range(20)] + [5e9],
            "ipo_year": [*range(2000, 2020), 2026],
        },
        schema_overrides={"ipo_year": pl.Int32},
    )
    made = Store(tmp_path_factory.mktemp("listed") / "store")
    bars = random_bars(symbols=60, sessions=300, seed=5)
    made.add({"bars": bars, "symbols": listing}, "test", step=Step("a", 1))
    return made


def test_the_listings_own_market_value(listed: Store) -> None:
    found = scan_market(
        listed, features=["listed_market_cap", "ipo_year", "market_cap"], rank_by="listed_market_cap desc"
    )
    told = dict(found.frame.select("symbol", "listed_market_cap").iter_rows())
    assert told["S003"] == 2e9
    assert told["S001"] is None
    assert told["NEW"] == 5e9  # also of those without a bar
    assert dict(found.frame.select("symbol", "ipo_year").iter_rows())["NEW"] == 2026
    assert found.frame.schema["ipo_year"] == pl.Int64
    assert found.frame["market_cap"].null_count() == len(found.frame)
    ranked = found.ranked["listed_market_cap"].drop_nulls()
    assert len(ranked) > 3
    assert ranked.is_sorted(descending=True)
    plain = scan_market(listed).frame
    assert not {"listed_market_cap", "ipo_year"} & {*plain.columns}
    some = scan_market(listed, where="listed_market_cap > 1e10 AND ipo_year < 2018").ranked
    assert len(some) > 0
    assert some["ipo_year"].max() < 2018  # type: ignore[operator]


def test_a_market_whose_listing_names_none(inputs: Market) -> None:
    found = run(inputs, prepare(SWING, where="listed_market_cap > 0 OR ipo_year > 0"))
    assert found.coverage.ranked == 0
    bare = replace(inputs, universe=inputs.universe.drop("listed_market_cap", "ipo_year"))
    frame = run(bare, prepare(SWING, features=["ipo_year"])).frame
    assert frame["ipo_year"].null_count() == len(frame)


def test_any_column_may_be_asked_for(inputs: Market) -> None:
    found = run(inputs, prepare(SWING, features=["sector", "rank", "score", "factor_trend", "newest", "rsi_14"]))
    assert found.features == ("sector", "score", "factor_trend", "newest", "rsi_14")
    plain = run(inputs, prepare(SWING)).frame
    assert found.frame.columns == [*plain.columns[:-1], "rsi_14", "dropped"]
    with pytest.raises(ScreenError, match="where: rank is not known before all are ranked"):
        prepare(SWING, where="rank < 5")
    with pytest.raises(ScreenError, match="rank_by: dropped is not known before all are ranked"):
        prepare(SWING, rank_by="dropped")


def test_each_kind_of_longer_bars_counts_into_its_stage(inputs: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*arguments: object) -> object:
        time.sleep(0.05)
        return look_back(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(cross_section, "look_back", slow)
    found = run(inputs, prepare(SWING, where="weekly.close > 0 AND monthly.close > 0"))
    assert found.timings["longer bars"] >= 0.1
