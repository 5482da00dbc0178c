"""How often values of real statements are doubted, and how many planted errors are found.

python benchmarks/statements.py INCOME.parquet [--splits SPLITS.parquet] [--show 20]

A file has symbol and period_end, or symbol, year and quarter, and one column an item, of single quarters; a quarter
counts as filed 45 days after its end. Planted: one value in fifty of an item, a number of shares as 1,000, any other
in thousands. Digits tell units only of exact numbers: a file of float32 has none beyond 16 million.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.fundamentals.items import ITEMS
from tapescan.fundamentals.observe import FACTS, known_from
from tapescan.fundamentals.snapshot import doubtful_facts

COLUMNS = {
    "totalRevenue": "revenue",
    "netIncome": "net_income",
    "grossProfit": "gross_profit",
    "operating_profit": "operating_income",
    "totalAssets": "assets",
    "totalCurrentAssets": "current_assets",
    "totalCurrentLiabilities": "current_liabilities",
    "longTermDebt": "long_term_debt",
    "commonStockSharesOutstanding": "shares",
    "totalCashFromOperatingActivities": "operating_cash_flow",
    "capitalExpenditures": "capex",
}
ONE_IN = 50


def facts_of(path: Path) -> pl.DataFrame:
    """Rows of `FACTS`."""
    table = pl.read_parquet(path)
    if "period_end" not in table.columns:
        table = table.with_columns(period_end=pl.date("year", pl.col("quarter") * 3, 1).dt.month_end())
    table = table.rename(COLUMNS, strict=False)
    kinds = {item.name: item.kind for item in ITEMS if item.name in table.columns}
    begin = pl.when(pl.col("item").is_in([name for name in kinds if kinds[name] == "duration"]))
    rows = (
        table.unique(["symbol", "period_end"], keep="first", maintain_order=True)
        .select("symbol", "period_end", pl.col(*kinds).cast(pl.Float64))
        .unpivot(list(kinds), index=["symbol", "period_end"], variable_name="item")
        .filter(pl.col("value").is_finite())
        .with_columns(
            start=begin.then(pl.col("period_end").dt.offset_by("-90d")),
            filed=pl.col("period_end").dt.offset_by("45d"),
        )
        .rename({"symbol": "company", "period_end": "end"})
    )
    return (
        rows.with_columns(known_from(rows["filed"]), form=pl.lit("10-Q"), source=pl.lit("file"))
        .select(*FACTS)
        .sort("company", "item", "end")
    )


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("file", type=Path)
    asked.add_argument("--splits", type=Path, help="symbol, date, ratio")
    asked.add_argument("--show", type=int, default=20)
    options = asked.parse_args()
    facts = facts_of(options.file)
    splits = None
    if options.splits:
        splits = pl.read_parquet(options.splits).select(
            company="symbol", ex_date="date", ratio=pl.col("ratio").cast(pl.Float64)
        )
        splits = splits.unique(["company", "ex_date"])
    newest: dt.date = facts["known_at"].max()  # type: ignore[assignment]
    # Values are counted that ended within some thirty months, as far back as a snapshot looks for balances.
    key = ["company", "item", "end"]
    days = [newest - dt.timedelta(days=365 * back) for back in range(1, 4)]
    for day in [newest, *days]:
        found = doubtful_facts(facts, day, splits)
        known = facts.filter(pl.col("known_at") <= day, pl.col("end") > day - dt.timedelta(days=940))
        counts = (
            known.group_by("item")
            .agg(values=pl.len())
            .join(
                found.filter(pl.col("end") > day - dt.timedelta(days=940)).group_by("item").agg(doubtful=pl.len()),
                on="item",
                how="left",
            )
        )
        told = ", ".join(f"{item} {doubt or 0:,} of {number:,}" for item, number, doubt in counts.sort("item").rows())
        sys.stdout.write(f"{day}: {told}\n")
        if day == newest:
            with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_hide_dataframe_shape=True):
                some = found.sample(min(options.show, len(found)), seed=1).sort(key)
                sys.stdout.write(f"{some.select(*key, 'value', 'against', 'other')}\n")
    random = np.random.default_rng(1)
    window = facts.filter(pl.col("end") > newest - dt.timedelta(days=940))
    before = doubtful_facts(window, newest, splits)
    for item in window["item"].unique().sort():
        wrong = pl.Series(random.random(len(window)) < 1 / ONE_IN) & (window["item"] == item) & (window["value"] != 0)
        value = pl.lit(1_000.0) if item == "shares" else pl.col("value") / 1e3
        planted = window.with_columns(value=pl.when(wrong).then(value).otherwise("value"))
        found = doubtful_facts(planted, newest, splits)
        hit = found.join(window.filter(wrong), on=key, how="semi").height
        more = found.join(before, on=key, how="anti").join(window.filter(wrong), on=key, how="anti").height
        sys.stdout.write(
            f"planted in {item}: {hit:,} of {wrong.sum():,} found; right values doubted because of them: {more:,}\n"
        )


if __name__ == "__main__":
    main()
