"""One row a company as of a date: which values it takes, in which share basis, and never of the future."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.fundamentals.observe import FACTS
from tapescan.fundamentals.snapshot import FIELDS, SNAPSHOT, in_share_basis, snapshot
from tests.fundamentals import reference
from tests.fundamentals.filings import calendar_year, day, facts, random_company, table
from tests.fundamentals.reference import Fact

COMPANY = "0000000001"
SPLITS = {"company": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}


def splits(*rows: tuple[str, str, float]) -> pl.DataFrame:
    return pl.DataFrame([(c, day(d), r) for c, d, r in rows], schema=SPLITS, orient="row")


def balances(item: str, *rows: tuple[str, float], lag: int = 40) -> list[tuple[object, ...]]:
    return [(item, None, end, value, day(end) + dt.timedelta(days=lag)) for end, value in rows]


def history() -> pl.DataFrame:
    return facts(
        *calendar_year("revenue", 2022, [8.0, 8.0, 8.0, 8.0]),
        *calendar_year("revenue", 2023, [10.0, 20.0, 30.0, 45.0]),
        *calendar_year("revenue", 2024, [11.0, 22.0, 33.0, 50.0]),
        *calendar_year("eps", 2023, [0.5, 0.5, 0.5, 0.5]),
        *calendar_year("eps", 2024, [0.6, 0.6, 0.6, 0.7]),
        *balances("assets", ("2023-09-30", 90.0), ("2024-09-30", 120.0)),
        *balances("assets", ("2023-12-31", 100.0), ("2024-12-31", 130.0), lag=65),
        *balances("inventory", ("2023-12-31", 9.0)),
        *balances("shares", ("2023-10-20", 50.0), ("2024-10-18", 48.0), lag=0),
    )


def row(frame: pl.DataFrame, as_of: str, *actions: tuple[str, str, float]) -> dict[str, object]:
    out = snapshot(frame, day(as_of), splits(*actions))
    assert out.schema == pl.Schema(SNAPSHOT)
    assert len(out) == 1
    return out.row(0, named=True)


def test_the_newest_report_and_the_one_a_year_before_it() -> None:
    out = row(history(), "2024-12-02")
    assert out["period_end"] == day("2024-09-30")
    assert out["known_at"] == day("2024-11-11")  # filed on Saturday, 2024-11-09
    expected = {
        "revenue": 45.0 + 11.0 + 22.0 + 33.0,
        "revenue_1y": 8.0 + 10.0 + 20.0 + 30.0,
        "revenue_q": 33.0,
        "revenue_q_1y": 30.0,
        "eps": pytest.approx(0.5 + 3 * 0.6),
        "eps_q": 0.6,
        "eps_q_1y": 0.5,
        "assets": 120.0,
        "assets_1y": 90.0,
        "shares": 48.0,
        "shares_1y": 50.0,
    }
    assert {name: out[name] for name in expected} == expected
    assert all(out[name] is None for name in FIELDS if name not in expected)


def test_a_balance_of_another_day_never_stands_in() -> None:
    # Inventory was told for the end of 2023 only: it is a year before the newest report, and not its own.
    out = row(history(), "2025-04-01")
    assert out["period_end"] == day("2024-12-31")
    assert out["inventory"] is None
    assert out["inventory_1y"] == 9.0
    assert out["revenue"] == 116.0


def test_before_its_session_a_report_is_not_there() -> None:
    filed = day("2025-03-06")  # annual report: 65 days after the year
    assert row(history(), str(filed))["revenue"] == 45.0 + 11.0 + 22.0 + 33.0
    assert row(history(), str(filed + dt.timedelta(days=1)))["revenue"] == 116.0


def test_facts_that_fill_no_field_make_no_row() -> None:
    frame = facts(("research_development", "2024-01-01", "2024-12-31", 5.0, "2025-03-03"))
    assert snapshot(frame, day("2025-04-01")).is_empty()
    quarter = facts(("net_income", "2024-01-01", "2024-03-31", 5.0, "2024-05-03"))
    assert snapshot(quarter, day("2024-06-03")).is_empty()


def test_who_stopped_reporting_is_left_out() -> None:
    assert snapshot(history(), day("2024-12-31") + dt.timedelta(days=460)).height == 1
    assert snapshot(history(), day("2024-12-31") + dt.timedelta(days=461)).is_empty()
    empty = snapshot(pl.DataFrame(schema=FACTS), day("2024-01-02"))
    assert empty.equals(pl.DataFrame(schema=SNAPSHOT))


def test_a_balance_dated_after_the_report_is_not_a_newer_report() -> None:
    later = facts(("debt", None, "2024-11-20", 5.0, "2024-11-21"))  # a loan told in a note
    out = row(pl.concat([history(), later]), "2024-12-02")
    assert out["period_end"] == day("2024-09-30")
    assert out["debt"] is None


def test_what_lies_far_back_is_still_read_where_it_is_a_part() -> None:
    # The newest report is about to be too old, and its year before begins with a fourth quarter that only the
    # three others of its year tell: the first of them ended 1,370 days before the scan.
    years = [(2022, [8.0, 9.0, 10.0, 11.0]), (2023, [10.0, 20.0, 30.0, 45.0]), (2024, [11.0, 22.0, 33.0, 50.0])]
    rows = [row for year, quarters in years for row in calendar_year("revenue", year, quarters)]
    kept = [row for row in rows if not (str(row[1]).endswith("01-01") and str(row[2])[5:7] in ("06", "09"))]
    frame = facts(*kept).filter(pl.col("end") <= day("2024-09-30"))
    out = row(frame, str(day("2024-09-30") + dt.timedelta(days=455)))
    assert out["revenue_1y"] == 11.0 + 10.0 + 20.0 + 30.0


def test_annual_reports_alone_are_enough() -> None:
    frame = facts(
        ("revenue", "2023-01-01", "2023-12-31", 105.0, "2024-03-01"),
        ("revenue", "2024-01-01", "2024-12-31", 116.0, "2025-03-03"),
    )
    out = row(frame, "2025-06-02")
    assert (out["revenue"], out["revenue_1y"], out["revenue_q"]) == (116.0, 105.0, None)


def test_a_restated_year_counts_from_when_it_was_restated() -> None:
    restated = facts(("revenue", "2023-01-01", "2023-12-31", 95.0, "2025-03-06"))
    frame = pl.concat([history(), restated])
    assert row(frame, "2025-03-06")["revenue_q"] == 33.0
    assert row(frame, "2025-03-07")["revenue_1y"] == 95.0


def test_average_diluted_shares_stand_in_only_where_no_number_of_shares_is_told() -> None:
    average = facts(
        *calendar_year("diluted_shares", 2023, [60.0, 60.0, 60.0, 60.25]),
        *calendar_year("diluted_shares", 2024, [59.0, 58.0, 57.0, 57.5]),
    )
    both = pl.concat([history(), average])
    assert (row(both, "2024-12-02")["shares"], row(both, "2024-12-02")["shares_1y"]) == (48.0, 50.0)
    alone = both.filter(pl.col("item") != "shares")
    assert (row(alone, "2024-12-02")["shares"], row(alone, "2024-12-02")["shares_1y"]) == (57.0, 60.0)
    # At the end of the year there is no quarter, only the average of the year.
    assert row(alone, "2025-04-01")["shares"] == 59.0 + 58.0 + 57.0 + 57.5


def test_a_number_of_shares_of_long_ago_is_not_the_present_one() -> None:
    frame = history().filter((pl.col("item") != "shares") | (pl.col("end") < day("2024-01-01")))
    out = row(frame, "2024-12-02")
    assert out["shares"] is None


def test_a_split_moves_what_was_filed_before_it_and_nothing_else() -> None:
    frame = history()
    plain, split = row(frame, "2024-12-02"), row(frame, "2024-12-02", (COMPANY, "2024-11-20", 4.0))
    # shares and per-share values alone change
    assert split["shares"] == 4.0 * 48.0
    assert split["eps_q"] == pytest.approx(0.6 / 4.0)
    changed = {name for name in FIELDS if plain[name] != split[name]}
    assert changed == {"eps", "eps_q", "eps_q_1y", "shares", "shares_1y"}
    # a split of another company, or later than as-of, changes nothing
    assert row(frame, "2024-12-02", ("0000000002", "2024-11-20", 4.0), (COMPANY, "2024-12-03", 4.0)) == plain


def test_a_trailing_year_across_a_split_is_in_one_basis() -> None:
    # Two for one between the second and the third report: the third is filed in new shares already.
    frame = facts(
        ("eps", "2023-10-01", "2023-12-31", 1.0, "2024-02-09"),
        ("eps", "2024-01-01", "2024-03-31", 1.0, "2024-05-10"),
        ("eps", "2024-04-01", "2024-06-30", 0.5, "2024-08-09"),
        ("eps", "2024-07-01", "2024-09-30", 0.5, "2024-11-08"),
    )
    assert row(frame, "2024-12-02", (COMPANY, "2024-06-10", 2.0))["eps"] == 2.0
    # filed on the day of the split itself: in new shares
    assert row(frame, "2024-12-02", (COMPANY, "2024-05-10", 2.0))["eps"] == 2.5
    reverse = row(frame, "2024-12-02", (COMPANY, "2024-11-20", 0.1), (COMPANY, "2024-06-10", 2.0))
    assert reverse["eps"] == pytest.approx(20.0)


def test_a_restated_value_is_not_split_twice() -> None:
    frame = facts(
        ("eps", "2023-01-01", "2023-12-31", 4.0, "2024-02-09"),
        ("eps", "2023-01-01", "2023-12-31", 2.0, "2025-02-07"),
        ("eps", "2024-01-01", "2024-12-31", 2.2, "2025-02-07"),
    )
    split = (COMPANY, "2024-06-10", 2.0)
    assert row(frame, "2024-06-07", split)["eps"] == 4.0
    assert row(frame, "2024-06-10", split)["eps"] == 2.0
    out = row(frame, "2025-03-03", split)
    assert (out["eps"], out["eps_1y"]) == (2.2, 2.0)


def test_where_the_basis_cannot_be_known_the_value_is_absent() -> None:
    known = Fact("eps", day("2023-01-01"), day("2023-12-31"), 4.0, None, day("2024-09-03"))
    sales = Fact("revenue", day("2023-01-01"), day("2023-12-31"), 9.0, None, day("2024-09-03"))
    frame = table([known, sales], sessions=False)
    between = row(frame, "2024-12-02", (COMPANY, "2024-06-10", 2.0))
    assert (between["eps"], between["revenue"]) == (None, 9.0)
    assert row(frame, "2024-12-02", (COMPANY, "2024-10-10", 2.0))["eps"] == 2.0
    assert row(frame, "2024-12-02", (COMPANY, "2023-06-10", 2.0))["eps"] == 4.0


def test_basis_keeps_every_other_row() -> None:
    frame = history()
    out = in_share_basis(frame, splits((COMPANY, "2024-11-20", 4.0)), day("2024-12-02"))
    assert out.filter(~pl.col("item").is_in(["eps", "shares"])).equals(
        frame.filter(~pl.col("item").is_in(["eps", "shares"]))
    )
    assert len(out) == len(frame)


Companies = list[list[Fact]]
SOME_SPLITS = st.lists(
    st.tuples(st.dates(dt.date(2020, 1, 1), dt.date(2026, 1, 1)), st.sampled_from([2.0, 0.5, 4.0])),
    max_size=2,
    unique_by=lambda split: split[0],
)


def tables(
    companies: Companies, actions: Sequence[Sequence[tuple[dt.date, float]]]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    frame = pl.concat([table(known, f"C{n}", sessions=False) for n, known in enumerate(companies)])
    rows = [(f"C{n}", ex_date, ratio) for n, part in enumerate(actions) for ex_date, ratio in part]
    return frame, pl.DataFrame(rows, schema=SPLITS, orient="row")


DATES = st.dates(dt.date(2020, 6, 1), dt.date(2026, 6, 1))


@settings(max_examples=200)
@given(
    companies=st.lists(random_company(), min_size=1, max_size=3),
    actions=st.lists(SOME_SPLITS, min_size=3, max_size=3),
    as_of=DATES,
    seed=st.integers(0, 9),
)
def test_the_plain_reference_agrees(
    companies: Companies, actions: list[list[tuple[dt.date, float]]], as_of: dt.date, seed: int
) -> None:
    actions = actions[: len(companies)]
    frame, split = tables(companies, actions)
    out = snapshot(frame.sample(fraction=1.0, shuffle=True, seed=seed), as_of, split)
    found = {str(line["company"]): line for line in out.iter_rows(named=True)}
    for number, known in enumerate(companies):
        expected = reference.snapshot(known, as_of, actions[number])
        line = found.pop(f"C{number}", None)
        assert (line is None) == (expected is None)
        if line is None or expected is None:
            continue
        assert line["period_end"] == expected["period_end"]
        assert line["known_at"] == expected["known_at"]
        for name in FIELDS:
            ours, theirs = line[name], expected[name]
            assert (ours is None) == (theirs is None), name
            if ours is not None:
                assert isinstance(theirs, float)
                assert math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-9), name
    assert not found


@settings(max_examples=100)
@given(
    companies=st.lists(random_company(), min_size=1, max_size=3),
    actions=st.lists(SOME_SPLITS, min_size=3, max_size=3),
    as_of=DATES,
)
def test_nothing_later_leaks_in(
    companies: Companies, actions: list[list[tuple[dt.date, float]]], as_of: dt.date
) -> None:
    frame, split = tables(companies, actions)
    cut = frame.filter(pl.col("known_at") <= as_of)
    whole = snapshot(frame, as_of, split)
    assert whole.equals(snapshot(cut, as_of, split.filter(pl.col("ex_date") <= as_of)))
    assert (whole["known_at"] <= as_of).all()


@settings(max_examples=60)
@given(companies=st.lists(random_company(), min_size=2, max_size=3), as_of=DATES)
def test_companies_do_not_touch_each_other(companies: Companies, as_of: dt.date) -> None:
    frame, _ = tables(companies, [])
    whole = snapshot(frame, as_of)
    for number in range(len(companies)):
        alone = snapshot(frame.filter(company=f"C{number}"), as_of)
        assert alone.equals(whole.filter(company=f"C{number}"))
