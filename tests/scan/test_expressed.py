"""Plans of a scan's rows by options: of the rows asked for alone, the same whoever is beside them."""

from __future__ import annotations

import datetime as dt
import pickle
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

import tapescan
from tapescan.api.scans import explained
from tapescan.columns.options import EXPRESSED, EXPRESSED_OF
from tapescan.core.errors import OptionError
from tapescan.scan import expressed_rows
from tapescan.scan.expressed import best_of, positions_of
from tapescan.scan.expressing import Expressing, exit_day, express_rows, known_of, plan_rows, read_quotes
from tapescan.scan.profile import load_profile
from tapescan.store import Store
from tests.scan.chains import NAMES, SESSION, bars, chain, store_with_chains

COLUMNS = ["symbol", "expression", "expression_size", "expression_cost", "expression_win_rate", "stock_win_rate"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_with_chains(tmp_path_factory.mktemp("expressed") / "store")


def plans(store: Store) -> pl.DataFrame:
    return pl.concat(
        plan_rows(explained(name, store, None, "swing", None, False, None, lambda *_: None, EXPRESSED_OF)[2].row)
        for name in NAMES
    )


def test_alone_in_the_market_and_by_threads_a_name_has_the_same_bytes(store: Store) -> None:
    known = known_of(store, None)
    assert known is not None
    quotes, rows, risk = read_quotes(known), plans(store), load_profile("swing").risk

    def said(rows: pl.DataFrame, workers: int) -> dict[str, Any]:
        made: Expressing = express_rows(quotes, rows, risk, 1.0, workers=workers)
        names = made.stored.chain.underlyings
        return {name: [one.to_dict() for one in positions_of(made, at)] for at, name in enumerate(names)}

    whole = said(rows, 3)
    assert whole == said(rows, 1)
    assert {*whole} == {*NAMES}
    for name in NAMES:
        assert len(whole[name]) > 15
        assert said(rows.filter(symbol=name), 1) == {name: whole[name]}


def test_only_the_rows_asked_for_are_computed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def counted(quotes: Any, rows: pl.DataFrame, *given: Any, **more: Any) -> Expressing:
        asked.append(rows["symbol"].to_list())
        return express_rows(quotes, rows, *given, **more)

    monkeypatch.setattr(expressed_rows, "express_rows", counted)
    result = tapescan.scan_market(store, express=True, models=False)
    assert asked == []
    top = result.best(3)
    assert asked == [top["symbol"].to_list()]
    assert len(result.best(3)) == 3
    assert len(asked) == 1
    more = result.best(6)
    assert asked[1:] == [more["symbol"].to_list()[3:]]
    whole = result.ranked.select(COLUMNS)
    assert whole.head(6).equals(more.select(COLUMNS))
    assert {*whole.filter(pl.col("expression").is_not_null())["symbol"]} <= {*NAMES}
    # Who is not ranked has none.
    assert result.frame.tail(result.coverage.requested - result.coverage.ranked)["expression"].null_count() == (
        result.coverage.requested - result.coverage.ranked
    )


def test_a_result_with_expressions_goes_to_another_process(store: Store) -> None:
    result = tapescan.scan_market(store, express=True, models=False)
    again = pickle.loads(pickle.dumps(result.assembled))  # noqa: S301, our own
    assert again.head(40).equals(result.assembled.head(40))


def test_nothing_else_of_a_scan_changes(store: Store) -> None:
    plain, more = (tapescan.scan_market(store, express=one, models=False) for one in (False, True))
    added = [name for name in more.ranked.columns if name not in plain.ranked.columns]
    assert all(name.startswith("expression") or name == "stock_win_rate" for name in added)
    assert len(added) == 9
    assert more.ranked.drop(added).equals(plain.ranked)
    assert more.notes == plain.notes


def test_a_column_of_it_is_a_feature(store: Store) -> None:
    whole = tapescan.scan_market(store, express=True, models=False)
    some = tapescan.scan_market(store, features=["expression_gain", "rsi_14"], models=False)
    assert some.features == ("expression_gain", "rsi_14")
    assert some.ranked["expression_gain"].equals(whole.ranked["expression_gain"])


def test_values_stay_in_the_declared_range(store: Store) -> None:
    rows = tapescan.scan_market(store, express=True, models=False).ranked
    for column in EXPRESSED:
        assert rows[column.name].dtype == column.dtype
        known = rows[column.name].drop_nulls()
        assert len(known), column.name
        assert column.low is None or (known >= column.low).all()
        assert column.high is None or (known <= column.high).all()


def test_a_loaded_market_is_expressed_as_its_store(store: Store) -> None:
    market = tapescan.load_market(store)
    for name in NAMES:
        ours, theirs = (tapescan.express_plan(name, data, models=False).to_dict() for data in (market, store))
        for one in (ours, theirs):
            del one["scan"]
        assert ours == theirs


def test_what_comes_later_changes_no_earlier_day(store: Store, tmp_path: Path) -> None:
    """Sessions, a dividend, a split and quotes of after it, imported with it."""
    whole, later = Store(str(tmp_path / "whole")), dt.date(2026, 8, 24)
    paid = pl.DataFrame({"symbol": ["BB"], "ex_date": [dt.date(2026, 8, 27)], "amount": [3.0]})
    split = pl.DataFrame({"symbol": ["AA"], "ex_date": [later], "ratio": [2.0]})
    more = bars().filter(pl.col("session") == SESSION).with_columns(session=pl.lit(later))
    quoted = [chain(name, vol + 0.1, day) for name, vol in NAMES.items() for day in (later,)]
    before = [chain(name, vol) for name, vol in NAMES.items()]
    tapescan.import_bars(bars(), more, paid, split, *before, *quoted, store=whole)
    for name in NAMES:
        ours, theirs = (
            tapescan.express_plan(name, data, as_of=SESSION, models=False).to_dict() for data in (whole, store)
        )
        assert ours["expressions"] == theirs["expressions"]
        assert ours["contracts"] == theirs["contracts"]
        assert len(ours["expressions"]) > 15


def test_a_short_is_expressed_the_other_way_round(store: Store) -> None:
    profile = msgspec.structs.replace(load_profile("swing"), side="short")
    found = tapescan.express_plan("CC", store, profile=profile, models=False)
    assert found.plan["side"] == "short"
    strategies = {one.strategy for one in found.expressions}
    assert "covered_put" in strategies
    assert not strategies & {"cash_secured_put", "covered_call"}
    bought = [leg for one in found.expressions if one.strategy == "long_option" for leg in one.legs]
    assert {leg.kind for leg in bought} == {"put"}
    stock = next(one for one in found.expressions if one.strategy == "stock")
    assert stock.shares == -1
    assert stock.max_loss is None


def test_premium_is_sold_where_it_is_rich_and_its_history_known(store: Store) -> None:
    known = known_of(store, None)
    assert known is not None
    quotes, risk = read_quotes(known), load_profile("swing").risk
    for premium, percentile, sold in ((0.1, 60.0, True), (0.1, None, False), (-0.1, 60.0, False)):
        rows = plans(store).with_columns(
            vrp_20=pl.lit(premium), iv_percentile_252=pl.lit(percentile, dtype=pl.Float64)
        )
        made = express_rows(quotes, rows, risk, 1.0)
        ranked = [one.strategy for at in range(len(NAMES)) for one in positions_of(made, at) if one.rank]
        assert ("credit_spread" in ranked) == sold
        assert {*best_of(made)} == {*NAMES}


def test_a_market_that_halves_the_risk_halves_the_positions(store: Store) -> None:
    known = known_of(store, None)
    assert known is not None
    quotes, risk = read_quotes(known), msgspec.structs.replace(load_profile("swing").risk, risk_per_trade=0.02)
    whole, half = (express_rows(quotes, plans(store), risk, scale).found for scale in (1.0, 0.5))
    by_loss = whole.there & (whole.size * whole.loss < 5000.0) & (whole.size >= 4.0)
    by_loss[:, 0] = False
    assert by_loss.any()
    assert (half.size[by_loss] <= whole.size[by_loss] / 2.0).all()
    assert (half.size[by_loss] >= (whole.size[by_loss] - 1.0) / 2.0 - 1.0).all()


def test_the_hold_ends_with_a_session() -> None:
    assert exit_day(SESSION, 10).isoformat() == "2026-09-04"
    assert exit_day(SESSION, 252).isoformat() == "2027-08-24"


def test_a_store_without_quotes_says_so(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "bare"))
    tapescan.import_bars(bars(), store=store)
    with pytest.raises(OptionError, match="this store holds no option quotes"):
        tapescan.express_plan("AA", store, models=False)
    result = tapescan.scan_market(store, express=True, models=False)
    assert "expression: this store holds no option quotes" in result.notes
    assert result.best(5)["expression"].null_count() == 5
