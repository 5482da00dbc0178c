"""Splits: how many new shares came for one old one, from which session on."""

from __future__ import annotations

import polars as pl

from tapescan.tables.actions import check_actions
from tapescan.tables.definition import Field, Table
from tapescan.tables.kinds import ACTIONS
from tapescan.tables.names import EX_DATE, SYMBOL

__all__ = ["TABLE"]

TABLE = Table(
    name="splits",
    title="splits",
    fields={
        "symbol": Field(pl.String(), "in the spelling of `market.spelling`", SYMBOL, needed=True),
        "ex_date": Field(pl.Date(), "first session with the new shares", EX_DATE, needed=True),
        "ratio": Field(
            pl.Float64(),
            "new shares for one old",
            ("splitratio", "split", "splitfactor", "stocksplits"),
            needed=True,
        ),
        "source": Field(pl.String(), "the vendor or the file", given=False, compared=False),
    },
    key=("symbol", "ex_date"),
    kept="replace",
    order=10,
    known="ex_date",
    value="ratio",
    kind=ACTIONS,
    offers=("splits",),
    scanned=True,
    in_files=True,
    told=lambda found: {"ratio", "ex_date"} <= set(found),
    # A file of several kinds of actions names the kind; only its splits are taken.
    extras={"kind": ("type",)},
    check=check_actions,
    spans=True,
)
