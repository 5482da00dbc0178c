"""From facts to one row a symbol: who is whose share, what the company is worth, and nothing from the future."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tapescan.fundamentals.companies import statement_rows
from tapescan.fundamentals.snapshot import snapshot
from tapescan.market.calendar import sessions
from tapescan.market.panel import Panel, build_panel
from tests.scan.statements import facts_of

DAY = dt.date(2025, 9, 30)
NO_SPLITS = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64})


def panel_of(closes: dict[str, float], until: dt.date = DAY, late: tuple[str, ...] = ()) -> Panel:
    """Ten bars of each symbol at its close; those in `late` lack the newest."""
    days = pl.Series(sessions(until - dt.timedelta(days=30), until)[-10:]).cast(pl.Date)
    rows = [(s, day, close) for s, close in closes.items() for day in (days[:-1] if s in late else days)]
    bars = pl.DataFrame(rows, schema=["symbol", "session", "close"], orient="row")
    return build_panel(bars.with_columns(open="close", high="close", low="close", volume=pl.lit(1e6)))


def rows_of(
    panel: Panel,
    facts: pl.DataFrame,
    companies: dict[str, str],
    types: dict[str, str] | None = None,
    splits: pl.DataFrame = NO_SPLITS,
) -> dict[str, dict[str, object]]:
    universe = pl.DataFrame(
        {"symbol": panel.symbols, "type": [(types or {}).get(s, "common") for s in panel.symbols]}
    )
    listed = pl.DataFrame({"symbol": list(companies), "company": list(companies.values())}, schema_overrides=TEXT)
    found = statement_rows(panel, universe, facts, listed, splits)
    assert found["symbol"].to_list() == list(panel.symbols)
    return {row["symbol"]: row for row in found.to_dicts()}


TEXT = {"symbol": pl.String, "company": pl.String}
FACTS = facts_of(["0000000001", "0000000002"])


def latest(facts: pl.DataFrame, company: str, item: str, day: dt.date = DAY) -> float:
    """The newest balance that was known."""
    own = facts.filter((pl.col("company") == company) & (pl.col("item") == item) & (pl.col("known_at") <= day))
    return float(own.sort("end")["value"][-1])


def test_market_value_is_shares_times_the_newest_close() -> None:
    found = rows_of(panel_of({"AAA": 20.0, "BBB": 5.0}), FACTS, {"AAA": "0000000001", "BBB": "0000000002"})
    shares = latest(FACTS, "0000000001", "shares")
    assert found["AAA"]["market_cap"] == pytest.approx(20.0 * shares)
    income = sum(FACTS.filter(_is("0000000001", "net_income")).sort("end")["value"].to_list()[-4:])
    assert found["AAA"]["period_end"] == dt.date(2025, 6, 30)
    assert found["AAA"]["earnings_yield"] == pytest.approx(_ttm("net_income") / (20.0 * shares))
    assert found["AAA"]["earnings_yield"] != pytest.approx(income / (20.0 * shares))  # two quarters were to come
    assert found["AAA"]["leverage"] == pytest.approx(
        latest(FACTS, "0000000001", "liabilities") / latest(FACTS, "0000000001", "assets")
    )


def _is(company: str, item: str) -> pl.Expr:
    return (pl.col("company") == company) & (pl.col("item") == item)


def _ttm(item: str, company: str = "0000000001") -> float:
    known = FACTS.filter(_is(company, item) & (pl.col("known_at") <= DAY)).sort("end")
    return float(known["value"][-4:].sum())


def test_a_vendors_spelling_is_the_same_share() -> None:
    found = rows_of(panel_of({"BRK.B": 20.0}), FACTS, {"BRK-B": "0000000001"})
    assert found["BRK.B"]["company"] == "0000000001"


def test_a_source_without_company_numbers_files_under_symbols() -> None:
    facts = FACTS.with_columns(company=pl.lit("AAA")).unique(["item", "end"], keep="first")
    found = rows_of(panel_of({"AAA": 20.0, "BBB": 5.0}), facts, {})
    assert found["AAA"]["company"] == "AAA"
    assert found["AAA"]["roe"] is not None
    assert found["BBB"]["company"] is None


def test_a_symbol_without_a_company_knows_nothing() -> None:
    found = rows_of(panel_of({"AAA": 20.0, "NEW": 5.0}), FACTS, {"AAA": "0000000001", "NEW": "0000000099"})
    unknown = {name: value for name, value in found["NEW"].items() if name not in {"symbol", "f_score_tests"}}
    assert set(unknown.values()) == {None}
    assert found["NEW"]["f_score_tests"] == 0


@pytest.mark.parametrize("kind", ["preferred", "warrant", "note", "unit", "fund"])
def test_a_security_that_is_no_share_has_no_statements(kind: str) -> None:
    found = rows_of(
        panel_of({"BANK": 20.0, "BANK^C": 25.0}),
        FACTS,
        {"BANK": "0000000001", "BANK^C": "0000000001"},
        {"BANK^C": kind},
    )
    assert found["BANK^C"]["roe"] is None
    assert found["BANK^C"]["market_cap"] is None
    assert found["BANK"]["market_cap"] is not None


def test_a_receipt_has_statements_but_no_market_value() -> None:
    found = rows_of(panel_of({"ADR": 20.0}), FACTS, {"ADR": "0000000001"}, {"ADR": "adr"})["ADR"]
    assert found["roe"] is not None
    assert found["market_cap"] is None
    assert found["earnings_yield"] is None


def test_classes_that_trade_alike_share_the_market_value() -> None:
    found = rows_of(panel_of({"A.A": 20.0, "A.B": 19.0}), FACTS, {"A.A": "0000000001", "A.B": "0000000001"})
    shares = latest(FACTS, "0000000001", "shares")
    assert found["A.A"]["market_cap"] == pytest.approx(20.0 * shares)
    assert found["A.B"]["market_cap"] == pytest.approx(19.0 * shares)


def test_classes_that_are_unequal_claims_have_none() -> None:
    companies = {"B.A": "0000000001", "B.B": "0000000001"}
    found = rows_of(panel_of({"B.A": 700000.0, "B.B": 470.0}), FACTS, companies)
    assert found["B.A"]["market_cap"] is None
    assert found["B.B"]["market_cap"] is None
    assert found["B.B"]["roe"] is not None
    # A class that no longer trades says nothing of the others.
    gone = rows_of(panel_of({"B.A": 700000.0, "B.B": 470.0}, late=("B.A",)), FACTS, companies)
    assert gone["B.B"]["market_cap"] is not None


def test_a_split_after_the_report_moves_shares_and_earnings_into_todays_basis() -> None:
    """Two classes split 4 for 1 on one day: once for the company. The market value stays what it was."""
    companies = {"A.A": "0000000001", "A.B": "0000000001"}
    before = rows_of(panel_of({"A.A": 80.0, "A.B": 80.0}), FACTS, companies)["A.A"]
    split = pl.DataFrame({"symbol": ["A.A", "A-B"], "ex_date": [dt.date(2025, 9, 2)] * 2, "ratio": [4.0, 4.0]})
    after = rows_of(panel_of({"A.A": 20.0, "A.B": 20.0}), FACTS, companies, splits=split)["A.A"]
    for name in ("market_cap", "earnings_yield", "eps_growth", "f_score"):
        assert after[name] == pytest.approx(before[name]), name
    assert after["shares"] == pytest.approx(4.0 * before["shares"])  # type: ignore[operator]


def test_a_split_to_come_and_a_receipts_ratio_change_nothing() -> None:
    plain = rows_of(panel_of({"AAA": 80.0}), FACTS, {"AAA": "0000000001"})
    later = pl.DataFrame({"symbol": ["AAA"], "ex_date": [dt.date(2025, 10, 1)], "ratio": [4.0]})
    assert rows_of(panel_of({"AAA": 80.0}), FACTS, {"AAA": "0000000001"}, splits=later) == plain
    adr = {"AAA": "adr"}
    plain = rows_of(panel_of({"AAA": 80.0}), FACTS, {"AAA": "0000000001"}, adr)
    earlier = later.with_columns(ex_date=pl.lit(dt.date(2025, 9, 2)))
    assert rows_of(panel_of({"AAA": 80.0}), FACTS, {"AAA": "0000000001"}, adr, earlier) == plain


def test_of_two_companies_the_one_that_reported_last() -> None:
    old = FACTS.filter((pl.col("company") == "0000000002") & (pl.col("end") < dt.date(2025, 1, 1)))
    facts = pl.concat([FACTS.filter(pl.col("company") == "0000000001"), old])
    panel = panel_of({"AAA": 20.0})
    universe = pl.DataFrame({"symbol": ["AAA"], "type": ["common"]})
    for order in ([1, 2], [2, 1]):
        listed = pl.DataFrame({"symbol": ["AAA", "AAA"], "company": [f"{n:010d}" for n in order]})
        assert statement_rows(panel, universe, facts, listed, NO_SPLITS)["company"].to_list() == ["0000000001"]


@settings(max_examples=15)
@given(st.dates(dt.date(2023, 6, 1), dt.date(2025, 12, 1)), st.integers(0, 5))
def test_what_became_known_later_changes_nothing(day: dt.date, seed: int) -> None:
    """Whatever is added with a later `known_at`, restatements of the past included."""
    panel = panel_of({"AAA": 20.0, "BBB": 5.0}, until=day)
    as_of = dt.date(1970, 1, 1) + dt.timedelta(days=panel.as_of)
    universe = pl.DataFrame({"symbol": panel.symbols, "type": ["common"] * 2})
    listed = pl.DataFrame({"symbol": ["AAA", "BBB"], "company": ["0000000001", "0000000002"]})
    split = pl.DataFrame(
        {"symbol": ["AAA"] * 2, "ex_date": [dt.date(2024, 3, 4), dt.date(2025, 3, 4)], "ratio": [2.0] * 2}
    )
    known = FACTS.filter(pl.col("known_at") <= as_of)
    random = np.random.default_rng(seed)
    restated = known.sample(len(known) // 2, seed=seed).with_columns(
        value=pl.col("value") * pl.Series(random.uniform(0.1, 9, len(known) // 2)),
        known_at=pl.lit(as_of + dt.timedelta(days=1)),
        filed=pl.lit(as_of),
    )
    everything = pl.concat([FACTS, restated]).sample(fraction=1.0, shuffle=True, seed=seed)
    then = statement_rows(panel, universe, everything, listed, split)
    cut = statement_rows(panel, universe, known, listed, split.filter(pl.col("ex_date") <= as_of))
    assert_frame_equal(then, cut, check_exact=True)
    if day > dt.date(2023, 9, 1):
        assert then["roe"].null_count() == 0
        assert (then["known_at"] <= as_of).all()


def test_the_fields_are_those_of_the_snapshot() -> None:
    found = rows_of(panel_of({"AAA": 20.0}), FACTS, {"AAA": "0000000001"})["AAA"]
    own = snapshot(FACTS, DAY).filter(pl.col("company") == "0000000001").to_dicts()[0]
    assert {name: found[name] for name in own} == own
