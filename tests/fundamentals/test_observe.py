"""From filings to what was known when: every way in which a value is repeated, changed or told otherwise."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.core.errors import OptionError
from tapescan.fundamentals.items import CONCEPTS, ITEMS
from tapescan.fundamentals.observe import FACTS, RAW, check_facts, observations
from tests.fundamentals.filings import day, raw

EXCLUDING = "RevenueFromContractWithCustomerExcludingAssessedTax"
Q1 = ("2024-01-01", "2024-03-31")
FILED = "2024-05-01"


def told(frame: pl.DataFrame, item: str) -> list[tuple[float, str]]:
    """Values of an item and their filing dates, in the order in which they became known."""
    rows = observations(frame).filter(item=item)
    return [(value, str(filed)) for value, filed in rows.select("value", "filed").iter_rows()]


def value(item: str, *pairs: tuple[str, float]) -> float | None:
    """An item's value when these tags are told of one period in one filing."""
    kind = next(entry.kind for entry in ITEMS if entry.name == item)
    start = Q1[0] if kind == "duration" else None
    rows = observations(raw(*((tag, start, Q1[1], number, FILED) for tag, number in pairs))).filter(item=item)
    return rows["value"].item() if len(rows) else None


def test_a_value_is_known_from_the_session_after_its_filing_date() -> None:
    # A Wednesday; a Friday; the day before a holiday; a Saturday.
    for filed, known in {
        "2024-05-01": "2024-05-02",
        "2024-05-03": "2024-05-06",
        "2024-07-03": "2024-07-05",
        "2024-05-04": "2024-05-06",
    }.items():
        out = observations(raw(("NetIncomeLoss", *Q1, 5.0, filed)))
        assert out["known_at"].to_list() == [day(known)]
        assert out["filed"].to_list() == [day(filed)]
        assert out.schema == pl.Schema(FACTS)


def test_comparatives_and_repetitions_are_not_news() -> None:
    frame = raw(
        ("NetIncomeLoss", *Q1, 5.0, "2024-05-01"),
        (
            "NetIncomeLoss",
            "2023-01-01",
            "2023-03-31",
            4.0,
            "2024-05-01",
        ),  # comparative: its first filing came earlier
        ("NetIncomeLoss", "2023-01-01", "2023-03-31", 4.0, "2023-05-01"),
        ("NetIncomeLoss", *Q1, 5.0, "2025-05-01"),
        ("NetIncomeLoss", *Q1, 5.0, "2024-05-20"),  # amendment that changes nothing
    )
    assert told(frame, "net_income") == [(4.0, "2023-05-01"), (5.0, "2024-05-01")]


def test_a_restatement_is_a_row_of_its_own_and_so_is_a_return() -> None:
    frame = raw(
        ("NetIncomeLoss", *Q1, 5.0, "2024-05-01"),
        ("NetIncomeLoss", *Q1, 3.0, "2024-11-01"),
        ("NetIncomeLoss", *Q1, 3.0, "2025-02-01"),
        ("NetIncomeLoss", *Q1, 5.0, "2025-05-01"),
    )
    assert told(frame, "net_income") == [(5.0, "2024-05-01"), (3.0, "2024-11-01"), (5.0, "2025-05-01")]


def test_quarter_and_year_to_date_of_one_end_are_two_periods() -> None:
    frame = raw(
        ("NetIncomeLoss", "2024-04-01", "2024-06-30", 6.0, "2024-08-01"),
        ("NetIncomeLoss", "2024-01-01", "2024-06-30", 11.0, "2024-08-01"),
    )
    assert observations(frame).select("start", "value").rows() == [
        (day("2024-01-01"), 11.0),
        (day("2024-04-01"), 6.0),
    ]


def test_another_tag_is_followed_and_an_old_value_stays_with_its_old_year() -> None:
    frame = raw(
        ("SalesRevenueNet", "2017-01-01", "2017-12-31", 90.0, "2018-02-20"),
        (EXCLUDING, "2018-01-01", "2018-12-31", 100.0, "2019-02-20"),
        ("SalesRevenueNet", "2017-01-01", "2017-12-31", 90.0, "2019-02-20"),
    )
    out = observations(frame).filter(item="revenue")
    assert out.select("end", "value").rows() == [(day("2017-12-31"), 90.0), (day("2018-12-31"), 100.0)]


def test_a_year_restated_under_the_new_tag_replaces_the_one_under_the_ended_tag() -> None:
    frame = raw(
        ("SalesRevenueNet", "2017-01-01", "2017-12-31", 90.0, "2018-02-20"),
        (EXCLUDING, "2017-01-01", "2017-12-31", 88.0, "2019-02-20"),
    )
    assert told(frame, "revenue") == [(90.0, "2018-02-20"), (88.0, "2019-02-20")]


def test_revenue_is_the_larger_total_and_a_bank_s_fees_are_not_its_revenue() -> None:
    assert value("revenue", (EXCLUDING, 2.4), ("Revenues", 77.0)) == 77.0
    assert value("revenue", (EXCLUDING, 2.4)) == 2.4
    interest = (("InterestAndDividendIncomeOperating", 9.0), ("NoninterestIncome", 2.0))
    assert value("revenue", (EXCLUDING, 1.5), *interest) == 11.0
    assert value("revenue", ("RevenuesNetOfInterestExpense", 7.0), (EXCLUDING, 1.5), *interest) == 7.0
    assert value("revenue", interest[0]) is None


def test_first_tags_win_within_one_period() -> None:
    assert value("net_income", ("ProfitLoss", 6.0), ("NetIncomeLoss", 5.0)) == 5.0
    assert value("net_income", ("ProfitLoss", 6.0)) == 6.0
    assert value("eps", ("EarningsPerShareBasic", 1.1), ("EarningsPerShareDiluted", 1.0)) == 1.0
    assert value("eps", ("EarningsPerShareBasic", 1.1)) == 1.1
    including = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
    assert value("equity", (including, 12.0), ("StockholdersEquity", 10.0)) == 10.0
    assert value("equity", (including, 12.0)) == 12.0
    cover, sheet = ("EntityCommonStockSharesOutstanding", 100.0), ("CommonStockSharesOutstanding", 99.0)
    assert value("shares", sheet, cover) == 100.0


def test_what_is_not_told_is_worked_out_only_from_parts_that_are_known() -> None:
    assert value("gross_profit", ("Revenues", 10.0), ("CostOfRevenue", 6.0)) == 4.0
    assert value("gross_profit", ("Revenues", 10.0), ("CostOfRevenue", 6.0), ("GrossProfit", 3.5)) == 3.5
    assert value("gross_profit", ("Revenues", 10.0)) is None
    assert value("gross_profit", ("CostOfRevenue", 6.0)) is None
    including = "StockholdersEquityIncludingPortionAttributableToNoncontrollingInterest"
    assert value("liabilities", ("Assets", 10.0), ("StockholdersEquity", 4.0)) == 6.0
    assert value("liabilities", ("Assets", 10.0), ("StockholdersEquity", 4.0), (including, 5.0)) == 5.0
    assert value("liabilities", ("Assets", 10.0), ("StockholdersEquity", 4.0), ("Liabilities", 5.5)) == 5.5
    assert value("liabilities", ("Assets", 10.0)) is None


@pytest.mark.parametrize(
    ("tags", "debt", "long_term"),
    [
        ({"LongTermDebt": 10.0}, 10.0, 10.0),
        ({"LongTermDebt": 10.0, "ShortTermBorrowings": 2.0}, 12.0, 10.0),
        ({"LongTermDebtNoncurrent": 8.0, "LongTermDebtCurrent": 2.0}, 10.0, 10.0),
        ({"LongTermDebtNoncurrent": 8.0, "LongTermDebtCurrent": 2.0, "ShortTermBorrowings": 1.0}, 11.0, 10.0),
        # DebtCurrent holds the current portion: added to the noncurrent part, never to the whole.
        ({"LongTermDebtNoncurrent": 8.0, "LongTermDebtCurrent": 2.0, "DebtCurrent": 3.0}, 11.0, 10.0),
        ({"LongTermDebt": 10.0, "DebtCurrent": 3.0}, 10.0, 10.0),
        ({"LongTermDebtNoncurrent": 8.0}, 8.0, 8.0),
        ({"ShortTermBorrowings": 2.0}, None, None),
        ({"LongTermDebtCurrent": 2.0}, None, None),
        ({"DebtCurrent": 2.0}, None, None),
    ],
)
def test_debt_is_put_together_without_counting_twice(
    tags: dict[str, float], debt: float | None, long_term: float | None
) -> None:
    assert value("debt", *tags.items()) == debt
    assert value("long_term_debt", *tags.items()) == long_term


def test_a_part_told_later_changes_the_whole_only_from_then() -> None:
    frame = raw(
        ("LongTermDebtNoncurrent", None, Q1[1], 8.0, "2024-05-01"),
        ("DebtCurrent", None, Q1[1], 3.0, "2024-06-03"),
        ("LongTermDebtNoncurrent", None, Q1[1], 7.0, "2025-05-01"),
    )
    assert told(frame, "debt") == [(8.0, "2024-05-01"), (11.0, "2024-06-03"), (10.0, "2025-05-01")]


def test_units_currencies_and_taxonomies_are_chosen_and_the_others_refused_with_the_reason() -> None:
    frame = pl.concat(
        [
            raw(
                ("NetIncomeLoss", *Q1, 5.0, FILED),
                ("NetIncomeLoss", *Q1, 700.0, FILED, "JPY"),
                ("EarningsPerShareDiluted", *Q1, 5.0, FILED, "USD"),
                ("EarningsPerShareDiluted", *Q1, 0.5, FILED),
                ("Assets", None, Q1[1], float("nan"), FILED),
                ("Assets", None, Q1[1], None, FILED),
                ("Assets", Q1[0], Q1[1], 1.0, FILED),  # a balance over a period
                ("Assets", None, "2024-06-30", 1.0, "2024-06-01"),  # filed before its end
                ("NetIncomeLoss", "2024-03-31", "2024-01-01", 5.0, FILED),
                ("NetIncomeLoss", None, Q1[1], 5.0, FILED),
                ("SomeTagThatNobodyReads", *Q1, 5.0, FILED, "JPY"),
            ),
            raw(("Revenue", *Q1, 9.0, FILED, "EUR")).with_columns(taxonomy=pl.lit("ifrs-full")),
        ]
    )
    good, refused = check_facts(frame)
    counts = dict(refused["reason"].value_counts().iter_rows())
    assert counts == {
        "another unit or currency": 2,
        "no finite value": 2,
        "impossible dates": 3,
        "no date": 1,
        "IFRS, not US GAAP": 1,
    }
    assert good.select("tag", "value").rows() == [("NetIncomeLoss", 5.0), ("EarningsPerShareDiluted", 0.5)]
    out = observations(frame)
    assert out.select("item", "value").rows() == [("eps", 0.5), ("net_income", 5.0)]


def test_of_two_filings_on_one_day_the_later_counts() -> None:
    frame = raw(
        ("NetIncomeLoss", *Q1, 5.0, FILED, "USD", "0001-24-000002"),
        ("NetIncomeLoss", *Q1, 6.0, FILED, "USD", "0001-24-000001"),
    )
    assert told(frame, "net_income") == [(5.0, FILED)]


def test_facts_without_a_filing_date_are_known_from_the_session_after_the_fetch() -> None:
    frame = raw(("NetIncomeLoss", *Q1, 5.0, None), ("Assets", None, Q1[1], 7.0, None))
    with pytest.raises(OptionError, match="filing date"):
        observations(frame)
    out = observations(frame, "sec:frames", fetched=day("2024-05-17"))
    assert out["filed"].null_count() == 2
    assert set(out["known_at"]) == {day("2024-05-20")}
    assert set(out["source"]) == {"sec:frames"}


def test_no_facts_give_no_rows() -> None:
    out = observations(pl.DataFrame(schema=RAW))
    assert out.is_empty()
    assert out.schema == pl.Schema(FACTS)


TAGS = ["NetIncomeLoss", "ProfitLoss", "Revenues", "SalesRevenueNet", "CostOfRevenue", "Assets", "StockholdersEquity"]


@st.composite
def filings(draw: st.DrawFn) -> pl.DataFrame:
    """A few tags told again and again of a few periods of two companies."""
    frames = []
    for company in ("0000000001", "0000000002"):
        rows = []
        for number in range(draw(st.integers(0, 25))):
            tag = draw(st.sampled_from(TAGS))
            year = draw(st.sampled_from([2022, 2023]))
            start = None if CONCEPTS[tag].kind == "instant" else f"{year}-01-01"
            filed = dt.date(year + 1, 2, 1) + dt.timedelta(days=draw(st.integers(0, 6)))
            rows.append((tag, start, f"{year}-12-31", float(draw(st.integers(1, 3))), filed, "USD", f"{number:03d}"))
        frames.append(raw(*rows, company=company))
    return pl.concat(frames)


@pytest.mark.long
@settings(max_examples=60)
@given(frame=filings(), days=st.integers(0, 380))
def test_what_was_known_does_not_depend_on_what_came_later(frame: pl.DataFrame, days: int) -> None:
    cut = dt.date(2023, 2, 1) + dt.timedelta(days=days)
    early = observations(frame.filter(pl.col("filed") <= cut))
    assert early.equals(observations(frame).filter(pl.col("filed") <= cut))


@pytest.mark.long
@settings(max_examples=40)
@given(frame=filings(), seed=st.integers(0, 99))
def test_the_order_of_the_rows_does_not_matter(frame: pl.DataFrame, seed: int) -> None:
    out = observations(frame)
    assert out.equals(observations(frame.sample(fraction=1.0, shuffle=True, seed=seed)))
    assert out.equals(observations(pl.concat([frame, frame])))


@settings(max_examples=60)
@given(frame=filings())
def test_the_newest_row_is_the_rule_applied_to_the_newest_values(frame: pl.DataFrame) -> None:
    out = observations(frame).sort("filed").unique(["company", "item", "start", "end"], keep="last")
    found = {(c, i, e): v for c, i, e, v in out.select("company", "item", "end", "value").iter_rows()}
    newest: dict[tuple[str, dt.date], dict[str, float]] = {}
    for company, tag, end, number in frame.sort("filed", "accn").select("company", "tag", "end", "value").iter_rows():
        newest.setdefault((company, end), {})[tag] = number
    expected: dict[tuple[str, str, dt.date], float] = {}
    for (company, end), tags in newest.items():
        revenue = tags.get("Revenues", tags.get("SalesRevenueNet"))
        cost, assets, equity = (tags.get(tag) for tag in ("CostOfRevenue", "Assets", "StockholdersEquity"))
        rules = {
            "net_income": tags.get("NetIncomeLoss", tags.get("ProfitLoss")),
            "revenue": revenue,
            "cost_of_revenue": cost,
            "gross_profit": None if revenue is None or cost is None else revenue - cost,
            "assets": assets,
            "equity": equity,
            "liabilities": None if assets is None or equity is None else assets - equity,
        }
        expected |= {(company, item, end): number for item, number in rules.items() if number is not None}
    assert found == expected


def test_every_item_is_told_by_some_tag_and_every_tag_has_one_unit() -> None:
    for item in ITEMS:
        assert item.tags, item.name
        assert {CONCEPTS[tag].unit for tag in item.tags} == {item.unit}
        assert {CONCEPTS[tag].kind for tag in item.tags} == {item.kind}
        assert set(item.rule.meta.root_names()) <= {tag for other in ITEMS for tag in other.tags}
