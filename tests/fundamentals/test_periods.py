"""Quarters and trailing years: each way to find them, what must not be found, and the plain reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from random import Random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.fundamentals.observe import FACTS
from tapescan.fundamentals.periods import DERIVED, derive
from tests.fundamentals.filings import calendar_year, day, facts, fiscal_year, random_company, table
from tests.fundamentals.reference import Company, Fact

LATE = day("2030-01-02")


def values(frame: pl.DataFrame, period: str, item: str = "revenue", as_of: dt.date = LATE) -> dict[str, float]:
    rows = derive(frame, as_of).filter(item=item, period=period).select("period_end", "value")
    return {str(end): value for end, value in rows.iter_rows()}


def without(frame: pl.DataFrame, start: str, end: str) -> pl.DataFrame:
    left = frame.filter(~((pl.col("start") == day(start)) & (pl.col("end") == day(end))))
    assert len(left) == len(frame) - 1
    return left


YEAR_2023 = facts(*calendar_year("revenue", 2023, [10.0, 20.0, 30.0, 45.0]))
YEARS = pl.concat([YEAR_2023, facts(*calendar_year("revenue", 2024, [11.0, 22.0, 33.0, 50.0]))])


def test_the_fourth_quarter_is_the_year_less_nine_months() -> None:
    out = derive(YEAR_2023, LATE).filter(period="quarter")
    assert out["value"].to_list() == [10.0, 20.0, 30.0, 45.0]
    assert out["derived"].to_list() == [False, False, False, True]
    assert out["known_at"].to_list()[3] == day("2024-03-06")  # session after the annual report
    assert out.schema == pl.Schema(DERIVED)


def test_or_less_the_three_quarters_where_nobody_told_nine_months() -> None:
    frame = without(YEAR_2023, "2023-01-01", "2023-09-30")
    assert values(frame, "quarter")["2023-12-31"] == 45.0


def test_and_without_one_of_the_parts_there_is_none() -> None:
    frame = without(YEAR_2023, "2023-01-01", "2023-09-30")
    # The second quarter can still be had as half a year less the first, but not when that is missing as well.
    without_second = without(frame, "2023-04-01", "2023-06-30")
    assert values(without_second, "quarter") == {
        "2023-03-31": 10.0,
        "2023-06-30": 20.0,
        "2023-09-30": 30.0,
        "2023-12-31": 45.0,
    }
    bare = without(without_second, "2023-01-01", "2023-06-30")
    assert values(bare, "quarter") == {"2023-03-31": 10.0, "2023-09-30": 30.0}
    assert values(bare, "ttm") == {"2023-12-31": 105.0}


def test_cash_flows_told_only_for_the_year_to_date_are_unrolled() -> None:
    rows = [
        row for row in calendar_year("operating_cash_flow", 2023, [1.0, -2.0, 3.0, 4.0]) if "01-01" in str(row[1])
    ]
    out = values(facts(*rows), "quarter", "operating_cash_flow")
    assert out == {"2023-03-31": 1.0, "2023-06-30": -2.0, "2023-09-30": 3.0, "2023-12-31": 4.0}


def test_trailing_years_are_the_year_itself_or_four_quarters() -> None:
    ttm = derive(YEARS, LATE).filter(period="ttm")
    assert dict(ttm.select(pl.col("period_end").cast(pl.String), "value").iter_rows()) == {
        "2023-12-31": 105.0,
        "2024-03-31": 106.0,
        "2024-06-30": 108.0,
        "2024-09-30": 111.0,
        "2024-12-31": 116.0,
    }
    assert ttm["derived"].to_list() == [False, True, True, True, False]


def test_or_the_year_before_rolled_forward_where_quarters_are_missing() -> None:
    frame = YEARS
    for start, end in [("2023-04-01", "2023-06-30"), ("2023-07-01", "2023-09-30"), ("2023-01-01", "2023-03-31")]:
        frame = without(frame, start, end)
    frame = without(frame, "2023-01-01", "2023-09-30")
    # Known of 2023: half a year and the year. 2024's half year rolls it forward; its nine months cannot.
    assert values(frame, "ttm") == {"2023-12-31": 105.0, "2024-06-30": 108.0, "2024-12-31": 116.0}


@pytest.mark.parametrize("weeks", [(13, 13, 13, 13), (13, 13, 13, 14), (12, 12, 12, 16)])
def test_years_of_52_and_53_weeks(weeks: Sequence[int]) -> None:
    begin, expected = day("2023-01-29"), {}
    rows: list[tuple[object, ...]] = []
    for year in range(2):
        starts = []
        for number in weeks:
            starts.append(str(begin))
            begin += dt.timedelta(weeks=number)
        end = str(begin - dt.timedelta(days=1))
        quarters = [1.0 + year, 2.0, 4.0, 8.0]
        rows += fiscal_year("revenue", starts, end, quarters)
        expected[end] = quarters
    out = values(facts(*rows), "quarter")
    ttm = values(facts(*rows), "ttm")
    for end, quarters in expected.items():
        assert ttm[end] == sum(quarters)
        if 16 in weeks:  # sixteen weeks are no quarter: nothing is called one
            assert end not in out
        else:
            assert out[end] == quarters[3]
    if 16 not in weeks:
        assert len(out) == 8
        assert len(ttm) == 5


def test_of_several_versions_the_newest_known_counts() -> None:
    frame = pl.concat([YEAR_2023, facts(("revenue", "2023-01-01", "2023-12-31", 100.0, "2024-11-01"))])
    assert values(frame, "quarter", as_of=day("2024-11-01"))["2023-12-31"] == 45.0
    assert values(frame, "quarter", as_of=day("2024-11-04"))["2023-12-31"] == 40.0
    assert values(frame, "ttm", as_of=day("2024-11-04"))["2023-12-31"] == 100.0


def test_a_value_is_known_when_the_last_of_its_parts_is() -> None:
    frame = pl.concat([YEARS, facts(("revenue", "2024-01-01", "2024-09-30", 60.0, "2026-03-02"))])
    out = derive(frame, LATE).filter(period="quarter", period_end=day("2024-12-31"))
    assert out["known_at"].item() == day("2026-03-03")
    assert out["value"].item() == 116.0 - 60.0


def test_average_shares_are_never_added_or_subtracted() -> None:
    frame = facts(*calendar_year("diluted_shares", 2023, [100.0, 100.0, 100.0, 100.0]))
    assert list(values(frame, "quarter", "diluted_shares")) == ["2023-03-31", "2023-06-30", "2023-09-30"]
    assert values(frame, "ttm", "diluted_shares") == {"2023-12-31": 400.0}  # as reported for the year
    more = pl.concat([frame, facts(*calendar_year("diluted_shares", 2024, [100.0, 100.0, 100.0, 100.0]))])
    assert list(values(more, "ttm", "diluted_shares")) == ["2023-12-31", "2024-12-31"]


def test_balances_are_what_they_are() -> None:
    frame = facts(
        ("assets", None, "2023-12-31", 7.0, "2024-02-10"), ("assets", None, "2024-03-31", 8.0, "2024-05-10")
    )
    assert values(frame, "instant", "assets") == {"2023-12-31": 7.0, "2024-03-31": 8.0}
    assert values(frame, "instant", "assets", day("2024-05-10")) == {"2023-12-31": 7.0}


def test_companies_and_items_do_not_mix() -> None:
    one = facts(*calendar_year("revenue", 2023, [10.0, 20.0, 30.0, 45.0])[:-1])
    other = facts(*calendar_year("revenue", 2023, [1.0, 2.0, 3.0, 4.0])[-1:], company="0000000002")
    third = facts(*calendar_year("net_income", 2023, [1.0, 2.0, 3.0, 4.0])[-1:])
    out = derive(pl.concat([one, other, third]), LATE)
    assert out.filter(period="quarter").height == 3
    assert out.filter(period="ttm").select("company", "item").rows() == [
        ("0000000001", "net_income"),
        ("0000000002", "revenue"),
    ]


def test_nothing_gives_nothing() -> None:
    assert derive(pl.DataFrame(schema=FACTS), LATE).equals(pl.DataFrame(schema=DERIVED))
    assert derive(YEARS, day("2020-01-01")).is_empty()


@settings(max_examples=200)
@given(company=random_company(), other=random_company(), later=st.integers(0, 2000), seed=st.integers(0, 9))
def test_the_plain_reference_agrees(company: list[Fact], other: list[Fact], later: int, seed: int) -> None:
    as_of = dt.date(2020, 6, 1) + dt.timedelta(days=later)
    both = pl.concat([table(company, "A", sessions=False), table(other, "B", sessions=False)])
    out = derive(both.sample(fraction=1.0, shuffle=True, seed=seed), as_of)
    found = {row[:4]: row[4:] for row in out.iter_rows()}
    expected = {}
    for name, known in (("A", company), ("B", other)):
        plain = Company(known, as_of)
        for period, part in (("quarter", plain.quarters), ("ttm", plain.ttm), ("instant", plain.instants)):
            for (item, end), value in part.items():
                expected[name, item, period, end] = (value.value, value.known_at, value.derived)
    assert found == expected


@settings(max_examples=60)
@given(
    quarters=st.lists(st.integers(-(10**9), 10**9).map(float), min_size=12, max_size=12),
    item=st.sampled_from(["revenue", "net_income", "capex"]),
    lag=st.integers(20, 60),
)
def test_four_quarters_are_the_year(quarters: list[float], item: str, lag: int) -> None:
    rows = [row for n in range(3) for row in calendar_year(item, 2021 + n, quarters[4 * n : 4 * n + 4], lag)]
    frame = facts(*rows)
    assert list(values(frame, "quarter", item).values()) == quarters
    assert list(values(frame, "ttm", item).values()) == [sum(quarters[n : n + 4]) for n in range(9)]


@settings(max_examples=150)
@given(
    quarters=st.lists(st.integers(-(10**9), 10**9).map(float), min_size=12, max_size=12),
    chance=st.integers(1, 9),
    random=st.randoms(use_true_random=False),
)
def test_from_any_part_of_the_facts_come_only_true_values(quarters: list[float], chance: int, random: Random) -> None:
    """What is missing makes values fewer, never wrong: nothing absent was taken for zero."""
    rows = [row for n in range(3) for row in calendar_year("revenue", 2021 + n, quarters[4 * n : 4 * n + 4])]
    ends = [str(dt.date(2021 + n // 4, 3 * (n % 4) + 3, 31 if n % 4 in (0, 3) else 30)) for n in range(12)]
    kept = [row for row in rows if random.randrange(10) < chance]
    frame = facts(*kept) if kept else pl.DataFrame(schema=FACTS)
    assert values(frame, "quarter").items() <= dict(zip(ends, quarters, strict=True)).items()
    trailing = {end: sum(quarters[n - 3 : n + 1]) for n, end in enumerate(ends) if n >= 3}
    assert values(frame, "ttm").items() <= trailing.items()
