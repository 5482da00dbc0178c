"""The arithmetic on the statements of the whole US market: told as companies tell them, and recovered.

The files lack filing dates, so a fact counts as filed 45 days after its period's end; and they hold plain quarters,
so years to date and years are their sums.
"""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from tapescan.fundamentals.observe import FACTS, known_from
from tapescan.fundamentals.periods import derive
from tapescan.fundamentals.snapshot import snapshot
from tests.conftest import SHARED

STATEMENTS = SHARED / "statements_quarterly_2021_2025.parquet"
INCOME = SHARED / "income_quarterly_2022_2026.parquet"
LAG = 45
FLOWS = {
    "totalRevenue": "revenue",
    "netIncome": "net_income",
    "grossProfit": "gross_profit",
    "totalCashFromOperatingActivities": "operating_cash_flow",
    "capitalExpenditures": "capex",
}
BALANCES = {"totalAssets": "assets", "totalCurrentAssets": "current_assets", "longTermDebt": "long_term_debt"}
LATE = dt.date(2027, 1, 4)

pytestmark = pytest.mark.skipif(
    not (STATEMENTS.exists() and INCOME.exists()),
    reason="shared/data lies not beside the checkout: the arithmetic was not run on real statements",
)


@pytest.fixture(scope="module")
def quarters() -> pl.DataFrame:
    """Real quarters: company, item, start, end, value, and the place of each in a run of quarters without a gap."""
    wide = pl.read_parquet(STATEMENTS).unique(["symbol", "period_end"], keep="first").sort("symbol", "period_end")
    gap = pl.col("period_end").diff().over("symbol").dt.total_days()
    runs = wide.with_columns(run=(~gap.is_between(80, 100)).fill_null(value=True).cum_sum()).with_columns(
        place=pl.int_range(pl.len()).over("run"),
        start=pl.col("period_end").shift().over("run").dt.offset_by("1d"),
    )
    # The first of a run begins on a day that nobody told: three months before its end.
    runs = runs.with_columns(pl.col("start").fill_null(pl.col("period_end").dt.offset_by("-90d")))
    return (
        runs.rename(FLOWS)
        .unpivot(list(FLOWS.values()), index=["symbol", "start", "period_end", "run", "place"], variable_name="item")
        .rename({"symbol": "company", "period_end": "end"})
        .with_columns(pl.col("value").cast(pl.Float64))
        .filter(pl.col("value").is_finite())
    )


@pytest.fixture(scope="module")
def told(quarters: pl.DataFrame) -> pl.DataFrame:
    """The same as filed: first quarters, half years, nine months and years; no second, third or fourth quarter.

    A fiscal year is taken to begin with each fourth quarter of a run.
    """
    year = ["company", "item", "run", pl.col("place") // 4]
    known = quarters.sort("company", "item", "end").with_columns(
        number=pl.col("place") % 4,
        begin=pl.col("start").first().over(year),
        sums=pl.col("value").cum_sum().over(year),
        whole=(pl.int_range(pl.len()).over(year) == pl.col("place") % 4),  # nothing of the year is missing
    )
    return as_facts(known.filter("whole").select("company", "item", start="begin", end="end", value="sums"))


def as_facts(rows: pl.DataFrame) -> pl.DataFrame:
    filed = rows["end"].dt.offset_by(f"{LAG}d").alias("filed")
    return rows.with_columns(filed, known_from(filed), form=pl.lit("10-Q"), source=pl.lit("test")).select(*FACTS)


def test_every_quarter_is_recovered_from_years_to_date(quarters: pl.DataFrame, told: pl.DataFrame) -> None:
    assert len(told) > 300_000
    spans = (told["end"] - told["start"]).dt.total_days()
    assert spans.is_between(100, 400).mean() > 0.7  # type: ignore[operator]
    out = derive(told, LATE).filter(period="quarter").select("company", "item", end="period_end", found="value")
    both = told.join(quarters, on=["company", "item", "end"]).join(out, on=["company", "item", "end"], how="left")
    lost = both.filter(pl.col("found").is_null())
    assert lost.is_empty(), lost
    error = (both["found"] - both["value_right"]).abs()
    assert (error <= 1e-9 * both["value"].abs() + 1e-3).all()
    assert len(out) == len(both)


def test_trailing_years_are_sums_of_four_real_quarters(quarters: pl.DataFrame, told: pl.DataFrame) -> None:
    run = ("company", "item", "run")
    told_ones = quarters.join(told, on=["company", "item", "end"], how="semi").sort("company", "item", "end")
    sums = told_ones.with_columns(
        expected=pl.col("value").rolling_sum(4).over(run),
        size=pl.col("value").abs().rolling_sum(4).over(run),
        on_end=(pl.col("place") - pl.col("place").shift(3).over(run) == 3),
    ).filter(pl.col("on_end").fill_null(value=False))
    assert len(sums) > 300_000
    out = derive(told, LATE).filter(period="ttm").select("company", "item", end="period_end", found="value")
    both = sums.join(out, on=["company", "item", "end"], how="left")
    lost = both.filter(pl.col("found").is_null())
    assert lost.is_empty(), lost
    assert ((both["found"] - both["expected"]).abs() <= 1e-9 * both["size"] + 1e-3).all()
    # Of any other end there is hardly one: where two runs of a company meet, three months apart or nearly.
    other = out.join(sums, on=["company", "item", "end"], how="anti")
    assert len(other) / len(out) < 0.002


def test_a_snapshot_of_a_past_day_knows_what_was_filed_by_then(quarters: pl.DataFrame) -> None:
    facts = as_facts(quarters.select("company", "item", "start", "end", "value"))
    day = dt.date(2024, 5, 20)
    out = snapshot(facts, day)
    assert len(out) > 4000
    assert (out["known_at"] <= day).all()
    newest = (
        facts.filter(pl.col("known_at") <= day, pl.col("item").is_in(["revenue", "net_income"]))
        .group_by("company")
        .agg(pl.col("end").max())
    )
    both = out.join(newest, on="company")
    assert (both["period_end"] == both["end"]).all()
    assert out.equals(snapshot(facts.filter(pl.col("known_at") <= day), day))


def test_two_vendors_agree_on_most_trailing_years(told: pl.DataFrame) -> None:
    """The second file's quarters are of another vendor. It names fiscal quarters and no dates, so each company's
    are laid on the calendar where most of its revenues agree; 82% of the trailing years agree within 1%.
    """
    nearest = pl.col("period_end").dt.offset_by("-45d")
    place = (nearest.dt.year() * 4 + nearest.dt.quarter()).cast(pl.Int64)
    other = pl.read_parquet(INCOME).select(
        "net_income", "revenue", company="symbol", place=(pl.col("year") * 4 + pl.col("quarter")).cast(pl.Int64)
    )
    derived = derive(told, LATE).with_columns(place=place)
    quarter = derived.filter(period="quarter", item="revenue").select("company", "place", "value")
    near = (pl.col("value") - pl.col("revenue")).abs() <= 0.005 * pl.col("revenue").abs()
    shifts = [
        quarter.join(other.with_columns(pl.col("place") + shift), on=["company", "place"])
        .group_by("company")
        .agg(hits=near.sum(), shift=pl.lit(shift))
        for shift in range(-4, 5)
    ]
    best = pl.concat(shifts).sort("hits", descending=True).unique("company", keep="first").filter(pl.col("hits") > 0)
    other = other.join(best, on="company").with_columns(pl.col("place") + pl.col("shift")).sort("company", "place")
    on_end = pl.col("place") - pl.col("place").shift(3).over("company") == 3
    for item in ("revenue", "net_income"):
        sums = other.with_columns(theirs=pl.col(item).rolling_sum(4).over("company")).filter(on_end)
        both = derived.filter(period="ttm", item=item).join(sums, on=["company", "place"]).drop_nulls("theirs")
        assert len(both) > 25_000
        agree = ((both["value"] - both["theirs"]).abs() <= 0.01 * both["theirs"].abs()).mean()
        assert isinstance(agree, float)
        assert agree > 0.8
