"""Of a period that a periodic report tells, no other form counts; and the classes of one filing add up."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.fundamentals.items import PERIODIC
from tapescan.fundamentals.observe import RAW, observations
from tapescan.fundamentals.snapshot import snapshot
from tests.fundamentals.filings import day, raw, table
from tests.fundamentals.reference import Fact

YEAR = ("2024-01-01", "2024-12-31")
COVER, SHEET = "EntityCommonStockSharesOutstanding", "CommonStockSharesOutstanding"


def filed(*rows: tuple[object, ...]) -> pl.DataFrame:
    """Reported values of the year from (form, tag, value, filed[, filing])."""
    told = [
        (tag, None if tag in (COVER, SHEET) else YEAR[0], YEAR[1], value, when, *(("shares", *more) if more else ()))
        for _, tag, value, when, *more in rows
    ]
    return raw(*told).with_columns(form=pl.Series([row[0] for row in rows], dtype=pl.String))


def told(frame: pl.DataFrame, item: str = "net_income") -> list[tuple[float, str, str]]:
    rows = observations(frame).filter(item=item).select("value", "filed", "form")
    return [(value, str(when), form) for value, when, form in rows.iter_rows()]


TEN_K = ("10-K", "NetIncomeLoss", 319e6, "2025-02-20")
PROXY = ("DEF 14A", "NetIncomeLoss", 319_065.0, "2025-04-10")


@pytest.mark.parametrize(
    "form", ["DEF 14A", "PRE 14A", "8-K", "8-K/A", "S-1", "424B4", "ARS", "6-K", "10-12B", "N-CSR"]
)
@pytest.mark.parametrize("report", sorted(PERIODIC))
def test_no_other_form_replaces_a_periodic_report(form: str, report: str) -> None:
    assert told(filed((report, *TEN_K[1:]), (form, *PROXY[1:]))) == [(319e6, "2025-02-20", report)]


@pytest.mark.parametrize("form", ["DEF 14A", "8-K", "S-1", "6-K"])
def test_before_the_report_the_other_form_is_all_that_is_known(form: str) -> None:
    frame = filed((form, "NetIncomeLoss", 310e6, "2025-02-03"), TEN_K, PROXY)
    assert told(frame) == [(310e6, "2025-02-03", form), (319e6, "2025-02-20", "10-K")]
    # Of one with the report's value there is nothing new in the report.
    same = filed((form, "NetIncomeLoss", 319e6, "2025-02-03"), TEN_K, PROXY)
    assert told(same) == [(319e6, "2025-02-03", form)]


@pytest.mark.parametrize("form", ["10-K/A", "10-KT", "10-K", "20-F/A", "40-F"])
def test_a_later_report_corrects_an_earlier_one_from_then_on(form: str) -> None:
    assert told(filed(TEN_K, (form, "NetIncomeLoss", 301e6, "2025-06-02"), PROXY)) == [
        (319e6, "2025-02-20", "10-K"),
        (301e6, "2025-06-02", form),
    ]


def test_on_one_day_the_report_counts_whatever_the_order_of_the_filings() -> None:
    for filings in (("0001-25-000001", "0001-25-000002"), ("0001-25-000002", "0001-25-000001")):
        both = [(*TEN_K[:3], "2025-02-20"), (*PROXY[:3], "2025-02-20")]
        frame = filed(*both).with_columns(accn=pl.Series(filings))
        assert told(frame) == [(319e6, "2025-02-20", "10-K")]


def test_nor_under_another_tag_of_the_item() -> None:
    frame = filed(("10-K", "ProfitLoss", 319e6, "2025-02-20"), PROXY)
    assert told(frame) == [(319e6, "2025-02-20", "10-K")]
    other = filed(TEN_K, ("DEF 14A", "Revenues", 5e9, "2025-04-10"))
    assert told(other, "revenue") == [(5e9, "2025-04-10", "DEF 14A")]  # of which no report tells anything
    parts = filed(("10-K", "Revenues", 5e9, "2025-02-20"), ("8-K", "CostOfRevenue", 3e9, "2025-04-10"))
    assert told(parts, "gross_profit") == [(2e9, "2025-04-10", "8-K")]


def test_net_income_that_is_told_for_common_shares_alone() -> None:
    to_common = ("10-K", "NetIncomeLossAvailableToCommonStockholdersBasic", 310e6, "2025-02-20")
    assert told(filed(to_common)) == [(310e6, "2025-02-20", "10-K")]
    assert told(filed(to_common, TEN_K)) == [(319e6, "2025-02-20", "10-K")]
    assert told(filed(to_common, ("10-K", "ProfitLoss", 320e6, "2025-02-20"))) == [(320e6, "2025-02-20", "10-K")]


def test_a_store_that_holds_what_a_proxy_told_passes_over_it() -> None:
    year = day(YEAR[0]), day(YEAR[1])
    report = Fact("net_income", *year, 319e6, day("2025-02-20"), day("2025-02-21"), "10-K")
    proxy = replace(report, value=319_065.0, filed=day("2025-04-10"), known_at=day("2025-04-11"), form="DEF 14A")
    frame = table([report, proxy], sessions=False)
    assert snapshot(frame, day("2025-06-02"))["net_income"].to_list() == [319e6]
    assert snapshot(frame.filter(form="DEF 14A"), day("2025-06-02"))["net_income"].to_list() == [319_065.0]
    # A day's difference in how the year is dated, and a vendor that tells no form.
    dated = table([report, replace(proxy, start=day("2024-01-02"))], sessions=False)
    assert snapshot(dated, day("2025-06-02"))["net_income"].to_list() == [319e6]
    untold = table([report, replace(proxy, value=318e6, form=None)], sessions=False)
    assert snapshot(untold, day("2025-06-02"))["net_income"].to_list() == [318e6]


# --- classes ----------------------------------------------------------------------------------------------


def counts(*rows: tuple[str, float, str, str], tag: str = COVER) -> list[tuple[float, str]]:
    """Numbers of shares from (form, value, filed, filing): what becomes known, and when."""
    frame = filed(*((form, tag, value, when, filing) for form, value, when, filing in rows))
    both = [[(value, when) for value, when, _ in told(part, "shares")] for part in (frame, frame.reverse())]
    assert both[0] == both[1]
    return both[0]


def test_the_classes_of_a_filing_are_added_up() -> None:
    assert counts(
        ("10-K", 5_824e6, "2025-02-20", "a"), ("10-K", 836e6, "2025-02-20", "a"), ("10-K", 5_456e6, "2025-02-20", "a")
    ) == [(12_116e6, "2025-02-20")]
    assert counts(("10-K", 60e6, "2025-02-20", "a"), ("10-K", 40e6, "2025-02-20", "a"), tag=SHEET) == [
        (100e6, "2025-02-20")
    ]


def test_what_an_amendment_repeats_is_not_added_and_is_no_news() -> None:
    first = [("10-K", 60e6, "2025-02-20", "a"), ("10-K", 40e6, "2025-02-20", "a")]
    assert counts(*first, ("10-K/A", 60e6, "2025-03-20", "b"), ("10-K/A", 40e6, "2025-03-20", "b")) == [
        (100e6, "2025-02-20")
    ]
    assert counts(*first, ("10-K/A", 60e6, "2025-03-20", "b")) == [(100e6, "2025-02-20")]
    assert counts(*first, ("10-K/A", 61e6, "2025-03-20", "b"), ("10-K/A", 40e6, "2025-03-20", "b")) == [
        (100e6, "2025-02-20"),
        (101e6, "2025-03-20"),
    ]
    # Two filings with a number each are two versions of one number.
    assert counts(("10-K", 60e6, "2025-02-20", "a"), ("10-K/A", 40e6, "2025-03-20", "b")) == [
        (60e6, "2025-02-20"),
        (40e6, "2025-03-20"),
    ]


def test_what_is_told_twice_in_one_filing_is_one_number() -> None:
    same = ("10-K", 60e6, "2025-02-20", "a")
    assert counts(same, same) == [(60e6, "2025-02-20")]
    assert counts(same, ("10-K", 60e3, "2025-02-20", "a")) == [(60e6, "2025-02-20")]  # in thousands
    total = [("10-K", value, "2025-02-20", "a") for value in (100e6, 60e6, 40e6)]
    assert counts(*total) == [(100e6, "2025-02-20")]
    rounded = [("10-K", 60_012_345.0, "2025-02-20", "a"), ("10-K", 60e6, "2025-02-20", "a")]
    assert counts(*rounded, tag=SHEET) == [(60_012_345.0, "2025-02-20")]
    assert counts(*rounded) == [(120_012_345.0, "2025-02-20")]  # a cover page has no rounded ones
    assert counts(("10-K", 0.0, "2025-02-20", "a"), same) == [(60e6, "2025-02-20")]


# --- properties -------------------------------------------------------------------------------------------

TAGS = ["NetIncomeLoss", "ProfitLoss", "Revenues", "CostOfRevenue", COVER]
FORMS = ["10-K", "10-K/A", "DEF 14A", "8-K", "6-K"]


@st.composite
def filings(draw: st.DrawFn) -> pl.DataFrame:
    number = draw(st.integers(0, 14))
    rows = [
        (
            draw(st.sampled_from(FORMS)),
            draw(st.sampled_from(TAGS)),
            float(draw(st.integers(1, 4))),
            dt.date(2025, 2, 1) + dt.timedelta(days=draw(st.integers(0, 5))),
            draw(st.sampled_from("abc")),
        )
        for _ in range(number)
    ]
    if not rows:
        return pl.DataFrame(schema=RAW)
    frame = filed(*((form, tag, value, when) for form, tag, value, when, _ in rows))
    # A filing has one form and one day.
    names = pl.Series([f"{when}{form}{name}" for form, _, _, when, name in rows])
    return frame.with_columns(accn=names)


@settings(max_examples=150)
@given(frame=filings(), seed=st.integers(0, 99), days=st.integers(0, 6))
@pytest.mark.long
def test_neither_the_order_nor_what_comes_later_matters(frame: pl.DataFrame, seed: int, days: int) -> None:
    out = observations(frame)
    assert out.equals(observations(frame.sample(fraction=1.0, shuffle=True, seed=seed)))
    cut = dt.date(2025, 2, 1) + dt.timedelta(days=days)
    early = observations(frame.filter(pl.col("filed") <= cut))
    assert early.equals(out.filter(pl.col("filed") <= cut))


@settings(max_examples=150)
@given(frame=filings())
@pytest.mark.long
def test_what_reports_tell_is_what_is_known_in_the_end(frame: pl.DataFrame) -> None:
    def newest(some: pl.DataFrame) -> dict[str, float]:
        out = observations(some).sort("filed").unique("item", keep="last")
        return dict(out.select("item", "value").iter_rows())

    reports = newest(frame.filter(pl.col("form").is_in(PERIODIC)))
    assert reports.items() <= newest(frame).items()
