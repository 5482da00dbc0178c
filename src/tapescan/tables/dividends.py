"""Dividends: what was paid on each share, from which session on."""

from __future__ import annotations

import polars as pl

from tapescan.tables.actions import check_actions
from tapescan.tables.definition import Field, Table, Whole
from tapescan.tables.kinds import ACTIONS
from tapescan.tables.names import CURRENCY, EX_DATE, SYMBOL

__all__ = ["TABLE"]


def _stamp(good: pl.DataFrame, whole: Whole) -> pl.DataFrame:
    """With the day in whose share basis the amounts are: their own, unless the files are adjusted for splits."""
    through = pl.col("ex_date")
    if whole.adjusted != "none":
        through = pl.max_horizontal("ex_date", pl.lit(whole.adjusted_to or whole.last, pl.Date))
    return good.with_columns(adjusted_to=through)


TABLE = Table(
    name="dividends",
    title="dividends",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "ex_date": Field(pl.Date(), "first session without the claim", EX_DATE, needed=True),
        "amount": Field(
            pl.Float64(),
            "$ a share, in the share basis of adjusted_to",
            (
                *("dividend", "dividends", "cashamount", "dividendamount", "div", "divcash", "exdividend"),
                *("cashdividend", "dividendcash", "cashdividends", "dividendpershare", "dps", "payoutamount"),
                *("distribution", "distributionamount", "unadjustedvalue"),
            ),
            needed=True,
        ),
        "adjusted_to": Field(pl.Date(), "day through which splits are inside the amount", given=False),
        "source": Field(pl.String(), "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "ex_date"),
    kept="replace",
    order=20,
    known="ex_date",
    value="amount",
    kind=ACTIONS,
    offers=("dividends",),
    scanned=True,
    in_files=True,
    told=lambda found: {"amount", "ex_date"} <= set(found),
    # Two equal ones of a day, a regular and a special one, are told apart by their type.
    extras={"kind": ("type", "dividendtype", "distributiontype", "payouttype", "special"), "currency": CURRENCY},
    carried=(0.0,),
    check=check_actions,
    stamp=_stamp,
    spans=True,
)
