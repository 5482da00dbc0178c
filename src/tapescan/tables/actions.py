"""What splits and dividends have in common: how rows of several files or answers are put together.

Which file a row stands in means nothing: rows of several files meet the same rules as rows of one.

- Rows that say the same of a symbol and ex-date count once; two dividends of one amount, one of them special, are
  two.
- Two different dividends of one day, a regular and a special one, add up.
- Two different splits of one day cannot both be, and nobody can know which is right: both are refused.
- A row that is bad by itself is refused and does not condemn the good one of its day.
- An amount that is not in dollars is refused.
"""

from __future__ import annotations

import polars as pl

from tapescan.market.quality import CONFLICT, MISSING, NOT_DOLLARS, NOT_FINITE, NOT_POSITIVE
from tapescan.market.spelling import is_dollar
from tapescan.tables.definition import Checked, Rules, Table

__all__ = ["check_actions"]

#: Neither a split of a million for one nor a dividend of a million dollars a share has ever been.
OUT_OF_RANGE = "out of any range seen"

#: Words for dividends beside the regular ones, and vendors' codes of them: special, long- and short-term gains.
_SPECIAL = {
    "long": r"(?i)^lt$|long[- ]?term",
    "short": r"(?i)^st$|short[- ]?term",
    "capital": r"(?i)return of capital|liquidat",
    "special": r"(?i)special|extra|supplement|one-?time|irregular|\bgains?\b|^(?:sc|sd|xs|true)$",
}


def check_actions(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    """One good row a symbol and ex-date, by the rules above."""
    del rules
    splits = table.value == "ratio"
    judged = _judged(rows, table.value, splits=splits)
    bad = pl.col("reason").is_not_null()
    same = ["symbol", "ex_date", "same", "special"]
    refused = judged.filter(bad).unique([*same, "source"], keep="first", maintain_order=True)
    good = judged.filter(~bad).unique(same, keep="first", maintain_order=True)
    day = good.group_by("symbol", "ex_date", maintain_order=True)
    together = day.agg(pl.col(table.value).sum(), pl.col("source").first()).sort("symbol", "ex_date")
    return Checked(together, refused.drop("same", "special"))


def _judged(rows: pl.DataFrame, value: str, *, splits: bool) -> pl.DataFrame:
    """With ``reason``, null for a usable row, and ``same`` and ``special``, equal for rows that say the same."""
    number = pl.col(value)
    dollars = is_dollar(pl.col("currency")) if "currency" in rows.columns else pl.lit(value=True)
    special = (
        pl.coalesce(
            *(pl.when(pl.col("kind").str.contains(words)).then(pl.lit(kind)) for kind, words in _SPECIAL.items()),
            pl.lit("regular"),
        )
        if "kind" in rows.columns
        else pl.lit("regular")
    )
    rows = rows.with_columns(
        # Sources round a ratio their own way: within a thousandth they say the same.
        same=number.round_sig_figs(3) if splits else number.round_sig_figs(6),
        special=special,
        reason=pl.coalesce(
            pl.when(pl.any_horizontal(pl.col("symbol", "ex_date", value).is_null())).then(pl.lit(MISSING)),
            pl.when(~dollars).then(pl.lit(NOT_DOLLARS)),
            pl.when(~number.is_finite()).then(pl.lit(NOT_FINITE)),
            pl.when(number <= 0.0).then(pl.lit(NOT_POSITIVE)),
            pl.when(~number.is_between(1e-6, 1e6)).then(pl.lit(OUT_OF_RANGE)),
        ),
    )
    if not splits:
        return rows
    usable = pl.col("reason").is_null()
    several = pl.col("same").filter(usable).n_unique().over("symbol", "ex_date") > 1
    return rows.with_columns(reason=pl.when(usable & several).then(pl.lit(CONFLICT)).otherwise("reason"))
