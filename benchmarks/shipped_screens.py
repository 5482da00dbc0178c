"""Each shipped screen over a real market, on 20 days: how many match, and the time.

python benchmarks/shipped_screens.py BARS.parquet --adjusted splits --listing LISTING.parquet \
    --dividends DIVIDENDS.parquet --statements STATEMENTS.parquet --snapshot SNAPSHOT.parquet

STATEMENTS holds a row a company and quarter (totalRevenue, netIncome ...) without filing dates: each counts as known
45 days after its period's end. SNAPSHOT holds a book value a share of one day, which stands for every quarter: enough
to see whether a screen matches anybody, and good for nothing else.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time

import numpy as np
import polars as pl

from tapescan.api import import_files
from tapescan.features.warm import warm_up
from tapescan.fundamentals.observe import FACTS, known_from
from tapescan.history.stored import market_of_store
from tapescan.scan.named import load_screen, screen_files
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.store import Store
from tapescan.store.fetched import Step

DAYS = 20
#: Bars before the first day: as many as the screens need.
BEFORE = 255
FLOWS = {
    "totalRevenue": "revenue",
    "netIncome": "net_income",
    "grossProfit": "gross_profit",
    "ebit": "operating_income",
    "totalCashFromOperatingActivities": "operating_cash_flow",
}
BALANCES = {
    "totalAssets": "assets",
    "totalCurrentAssets": "current_assets",
    "totalCurrentLiabilities": "current_liabilities",
    "longTermDebt": "long_term_debt",
    "commonStockSharesOutstanding": "shares",
    "equity": "equity",
    "liabilities": "liabilities",
}


def facts(statements: str, snapshot: str) -> pl.DataFrame:
    wide = pl.read_parquet(statements).unique(["symbol", "period_end"], keep="first").sort("symbol", "period_end")
    if snapshot:
        book = pl.read_parquet(snapshot).select(
            symbol="Ticker", book=pl.col("Book/sh").cast(pl.Float64, strict=False)
        )
        wide = wide.join(book, on="symbol", how="left", maintain_order="left").with_columns(
            equity=pl.col("book") * pl.col("commonStockSharesOutstanding")
        )
        owed = pl.col("totalAssets") - pl.col("equity")
        wide = wide.with_columns(liabilities=pl.when(owed > 0).then(owed))
    named = {old: new for old, new in (FLOWS | BALANCES).items() if old in wide.columns}
    long = (
        wide.select("symbol", "period_end", *(pl.col(old).cast(pl.Float64).alias(new) for old, new in named.items()))
        .unpivot(list(named.values()), index=["symbol", "period_end"], variable_name="item")
        .filter(pl.col("value").is_finite())
        .rename({"symbol": "company", "period_end": "end"})
    )
    # A quarter is three months; a balance begins nowhere.
    begin = pl.when(pl.col("item").is_in(list(FLOWS.values()))).then(pl.col("end").dt.offset_by("-90d"))
    filed = long["end"].dt.offset_by("45d").alias("filed")
    return long.with_columns(
        filed, known_from(filed), start=begin, form=pl.lit("10-Q"), source=pl.lit("test")
    ).select(*FACTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars")
    parser.add_argument("--adjusted", default="none")
    for name in ("listing", "dividends", "statements", "snapshot"):
        parser.add_argument(f"--{name}", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/store"
        import_files([asked.bars], store=place, adjusted=asked.adjusted)
        for other in (asked.listing, asked.dividends):
            if other:
                import_files([other], store=place, adjusted=asked.adjusted)
        store = Store(place)
        if asked.statements:
            store.add({"facts": facts(asked.statements, asked.snapshot)}, "test", step=Step("facts", 1))
        show(store)


def show(store: Store) -> None:
    sessions = store.known().bars()["session"].unique().sort()
    days = [sessions[int(at)] for at in np.linspace(BEFORE, len(sessions) - 1, DAYS)]
    names = list(screen_files())
    found: dict[str, list[tuple[int, int, float]]] = {name: [] for name in names}
    for day in days:
        market = market_of_store(store, day)
        for name in names:
            screen = load_screen(name)
            profile = load_profile(screen.profile or "swing")
            everybody = prepare(profile)
            request = prepare(profile, screens=[screen])
            for plan in request.plans:
                warm_up(plan)
            whole = run(market, everybody).coverage.ranked
            run(market, request)
            market.kept.clear()  # a scan is timed whole
            begin = time.perf_counter()
            result = run(market, request)
            found[name].append((result.coverage.ranked, whole, time.perf_counter() - begin))
    sys.stdout.write(f"{DAYS} days from {days[0]} to {days[-1]}\n")
    sys.stdout.write(f"{'screen':28}{'least':>7}{'median':>8}{'most':>7}{'of':>8}{'days':>6}{'ms':>6}\n")
    for name, rows in found.items():
        counts = [count for count, _, _ in rows]
        ranked = statistics.median(of for _, of, _ in rows)
        took = statistics.median(seconds for _, _, seconds in rows) * 1e3
        matching = sum(count > 0 for count in counts)
        numbers = f"{min(counts):>7,}{statistics.median(counts):>8,.0f}{max(counts):>7,}{ranked:>8,.0f}"
        sys.stdout.write(f"{name:28}{numbers}{matching:>6}{took:>6.0f}\n")
    always = [name for name, rows in found.items() if all(count == of for count, of, _ in rows)]
    never = [name for name, rows in found.items() if not any(count for count, _, _ in rows)]
    sys.stdout.write(
        f"always everybody: {', '.join(always) or 'none'}; never anybody: {', '.join(never) or 'none'}\n"
    )


if __name__ == "__main__":
    main()
