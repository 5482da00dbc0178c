"""From the store's facts of companies to one row a symbol of the panel: statements, market value and ratios."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl

from tapescan.core.dates import date_of
from tapescan.fundamentals.ratios import f_score_tests, ratios
from tapescan.fundamentals.snapshot import FIELDS, snapshot
from tapescan.market.panel import Panel
from tapescan.market.spelling import spelling_key

__all__ = ["FACTS_SINCE", "rows_of_shares", "statement_rows"]

#: How far before the scan a period may end and still count: the newest statement, the year before it that it is
#: compared with, and the year that such a year's quarters are derived from.
FACTS_SINCE = dt.timedelta(days=4 * 366)

#: Securities that are a share of the company that files. A preferred, a warrant or a note of a bank is none, and
#: its price says nothing of what the bank is worth.
_OWN = ("common", "spac", "unknown")

#: A receipt stands for some number of shares that no listing tells, so it has statements but no market value.
_RECEIPTS = ("adr",)

#: Two classes of one company whose prices differ more than this are not claims to equal parts of it.
_CLASSES_APART = 1.5


def statement_rows(
    panel: Panel, universe: pl.DataFrame, facts: pl.DataFrame, companies: pl.DataFrame, splits: pl.DataFrame
) -> pl.DataFrame:
    """What was known of each of the panel's symbols' companies at the panel's close.

    universe : symbol and type, the panel's symbols first, in its order. The others, and what comes of it, as of
    `rows_of_shares`.
    """
    shares = pl.DataFrame(
        {
            "symbol": pl.Series(panel.symbols, dtype=pl.String),
            "type": universe["type"].head(len(panel)),
            "close": np.concatenate([block.close[-1] for block in panel.blocks]),
            "current": panel.newest == panel.as_of,
        }
    )
    return rows_of_shares(shares, date_of(panel.as_of), facts, companies, splits)


def rows_of_shares(
    rows: pl.DataFrame, as_of: dt.date, facts: pl.DataFrame, companies: pl.DataFrame, splits: pl.DataFrame
) -> pl.DataFrame:
    """What was known of each symbol's company at the close of a day.

    rows : symbol, type, close ($), current (whether that is of the day). facts : as `fundamentals.snapshot` takes
    them; what became known later does not count. companies : symbol and company. splits : symbol, ex_date, ratio.

    Returns one row a symbol, in their order: symbol, company, period_end and known_at (dates), the
    snapshot's fields, market_cap ($), the ratios, and f_score_tests; null for what is unknown.

    A company's shares are those of all its classes. They are multiplied by each class's own close, which is right
    where the classes are equal claims and trade close to each other; where their closes lie more than a factor
    of 1.5 apart (BRK.A and BRK.B) the market value is unknown. A split counts once for a company, whichever of its
    classes it is recorded for: classes split together as a rule. Which symbol is of which company is what is known
    today, as it is for sectors and names.
    """
    named = _companies_of(rows, facts, companies)
    found = snapshot(facts, as_of, _company_splits(named, splits.filter(pl.col("ex_date") <= as_of)))
    newest = (
        named.join(found, on="company")
        # A symbol that two sources file under two companies: the one that reported last.
        .sort("period_end", "company", descending=[True, False])
        .unique("symbol", keep="first", maintain_order=True)
        .select("symbol", "company", "period_end", "known_at", *FIELDS)
    )
    joined = rows.join(newest, on="symbol", how="left", maintain_order="left")
    joined = joined.with_columns(market_cap=_market_cap()).drop("type", "close", "current")
    values = {name: joined[name].to_numpy() for name in (*FIELDS, "market_cap")}
    computed = {**ratios(values), "f_score_tests": f_score_tests(values)}
    return joined.with_columns(pl.Series(name, computed[name], nan_to_null=True) for name in computed)


def _companies_of(rows: pl.DataFrame, facts: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """symbol, type, company of the symbols that are shares. A source without company numbers files under symbols."""
    ids = facts["company"].unique()
    listed = pl.concat([companies.select("symbol", "company"), pl.DataFrame({"symbol": ids, "company": ids})])
    listed = listed.select("company", key=spelling_key(listed["symbol"])).unique()
    shares = rows.filter(pl.col("type").is_in([*_OWN, *_RECEIPTS]))
    return (
        shares.select("symbol", "type", key=spelling_key(shares["symbol"]))
        .join(listed, on="key")
        .select("symbol", "type", "company")
        .sort("symbol", "company")
    )


def _company_splits(named: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """company, ex_date, ratio. A receipt's change of ratio is no split of the company's shares."""
    own = named.filter(pl.col("type").is_in(_OWN))
    own = own.select("company", key=spelling_key(own["symbol"]))
    dated = splits.select("ex_date", "ratio", key=spelling_key(splits["symbol"]))
    found = own.join(dated, on="key", maintain_order="left_right")
    return found.unique(["company", "ex_date"], keep="first", maintain_order=True).drop("key")


def _market_cap() -> pl.Expr:
    """Shares times the newest close, in dollars; both are in the share basis of the scan's day."""
    own = pl.when(pl.col("current") & pl.col("type").is_in(_OWN) & (pl.col("close") > 0.0)).then("close")
    apart = own.max().over("company") > _CLASSES_APART * own.min().over("company")
    value = pl.when(pl.col("shares") > 0.0).then(pl.col("shares") * own)
    return pl.when(~apart).then(value)
