"""Which companies have statements, and which of their values cannot be right."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import polars as pl

from tapescan.core.results import Result
from tapescan.fundamentals.snapshot import DOUBTFUL, doubtful_facts
from tapescan.market.spelling import spelling_key
from tapescan.market.universe import build_universe

__all__ = ["Statements", "find_statements"]

#: Statements of a period that ended longer ago than this are none.
STATEMENTS_WITHIN = dt.timedelta(days=2 * 366)


class Statements(Result, msgspec.Struct, frozen=True, eq=False):
    """Which listed common stocks have statements, and what in them cannot be right.

    listed : common stocks in the listing. unmatched : of them, those whose company is not known. without : symbol
    and company of those that have no statement of a period of the last two years. newest : the day on which the
    newest fact became known, None when there is none. age : days from then. doubtful : symbol, and the columns of
    `fundamentals.snapshot.DOUBTFUL`, of the values that a scan of the day does not believe, the newest period first.
    """

    listed: int
    unmatched: int
    without: pl.DataFrame
    newest: dt.date | None
    age: int | None
    doubtful: pl.DataFrame

    def lines(self, top: int) -> list[str]:
        """For a person, with the ``top`` first cases of each kind."""
        if self.newest is None:
            return ["statements: none"]
        lines = [
            f"statements: newest known on {self.newest}, {self.age:,} days ago;"
            f" of {self.listed:,} listed common stocks {self.unmatched:,} have no known company,"
            f" {len(self.without):,} have no statement of the last two years"
        ]
        lines += [f"  {symbol} (company {company})" for symbol, company in self.without.head(top).iter_rows()]
        lines += [f"  and {len(self.without) - top:,} more"] if len(self.without) > top else []
        lines.append(
            f"doubtful values in statements, not used: {f'{len(self.doubtful):,}' if len(self.doubtful) else 'none'}"
        )
        lines += [f"  {_doubt(row)}" for row in self.doubtful.head(top).iter_rows(named=True)]
        return [*lines, f"  and {len(self.doubtful) - top:,} more"] if len(self.doubtful) > top else lines


def find_statements(
    listing: pl.DataFrame, companies: pl.DataFrame, facts: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date
) -> Statements:
    """`Statements` as of a day.

    listing : as `build_universe` takes it, with delisted. companies : symbol, company. facts : as
    `fundamentals.companies.statement_rows` takes them. splits : symbol, ex_date, ratio.
    """
    all_facts, facts = facts, facts.filter(pl.col("end") >= as_of - STATEMENTS_WITHIN)
    listing = listing.filter(pl.col("delisted").is_null() | (pl.col("delisted") > as_of))
    universe = build_universe(listing, listing["symbol"].to_list())
    common = universe.filter(type="common").select(
        "symbol", key=spelling_key(universe.filter(type="common")["symbol"])
    )
    filed = facts["company"].unique()
    # A source without company numbers files under symbols.
    known = pl.concat([companies.select("symbol", "company"), pl.DataFrame({"symbol": filed, "company": filed})])
    known = known.select("company", key=spelling_key(known["symbol"])).unique()
    matched = common.join(known, on="key").with_columns(has=pl.col("company").is_in(filed.implode()))
    one = matched.group_by("symbol").agg(pl.col("company").min(), pl.col("has").any())
    newest: dt.date | None = facts["known_at"].max()  # type: ignore[assignment]
    return Statements(
        listed=len(common),
        unmatched=len(common) - len(one),
        without=one.filter(~pl.col("has")).select("symbol", "company").sort("symbol"),
        newest=newest,
        age=None if newest is None else (as_of - newest).days,
        doubtful=_doubtful(known, companies, all_facts, splits, as_of),
    )


def _doubtful(
    known: pl.DataFrame, companies: pl.DataFrame, facts: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date
) -> pl.DataFrame:
    """symbol and `DOUBTFUL`. known : company, key (of the symbol's spelling). A company's first symbol names it."""
    dated = splits.select("ex_date", "ratio", key=spelling_key(splits["symbol"]))
    # A split counts once for a company, whichever of its classes it is recorded for.
    own = known.join(dated, on="key").unique(["company", "ex_date"]).select("company", "ex_date", "ratio")
    names = companies.group_by("company").agg(pl.col("symbol").min())
    found = doubtful_facts(facts, as_of, own).join(names, on="company", how="left")
    return found.select(pl.col("symbol").fill_null(pl.col("company")), *DOUBTFUL).sort(
        "end", "symbol", "item", "start", descending=[True, False, False, False]
    )


def _doubt(row: dict[str, Any]) -> str:
    period = f"{row['start']} to {row['end']}" if row["start"] else f"{row['end']}"
    other = "" if row["other"] is None else f", {row['other']:,.6g}"
    return (
        f"{row['symbol']} (company {row['company']}): {row['item']} of {period} is {row['value']:,.6g},"
        f" against {row['against']}{other}"
    )
