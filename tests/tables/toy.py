"""A table, and a vendor that offers it, each declared here and nowhere else: what a new kind of data takes."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.network.link import Link, Reply
from tapescan.tables.definition import Field, Kind, Table
from tapescan.tables.names import SYMBOL
from tapescan.tables.registry import add_table, all_tables
from tapescan.vendors.registry import add_vendor, vendor_names
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, rows_of

__all__ = ["NEWEST", "RATINGS", "Boutique", "declare"]

RATINGS = Table(
    name="ratings",
    title="analysts' ratings",
    fields={
        "symbol": Field(pl.String(), "in our spelling", SYMBOL, needed=True),
        "published": Field(pl.Date(), "day", ("publishedon",), needed=True),
        "stars": Field(pl.Float64(), "1 to 5", needed=True, plausible=(1.0, 5.0)),
        "source": Field(pl.String(), "who says so", given=False, compared=False),
    },
    key=("symbol", "published"),
    kept="replace",
    order=60,
    known="published",
    kind=Kind("opinions", "what analysts say", 35, "whole"),
    offers=("ratings",),
    in_files=True,
)

NEWEST = dt.date(2026, 11, 20)


class Boutique:
    """Gives ratings of two symbols, without any network."""

    name: ClassVar[str] = "boutique"
    title: ClassVar[str] = "A boutique"
    offers: ClassVar[tuple[str, ...]] = ("ratings",)
    preferred: ClassVar[Mapping[str, int]] = {"opinions": 1}
    needs_symbols: ClassVar[tuple[str, ...]] = ()
    plans: ClassVar[tuple[Plan, ...]] = (Plan("free", 0),)
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {"": "https://boutique.invalid"}
    notes: ClassVar[tuple[str, ...]] = ("invented",)

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:  # noqa: ARG002 (has no keys)
        return {}

    def judge(self, reply: Reply) -> VendorError | None:  # noqa: ARG002 (never refuses)
        return None

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.what != "opinions":
            raise OptionError(f"{self.name} has no {ask.what}", "it offers ratings")
        return [Call(f"ratings/{part}", "opinions", lasts=dt.timedelta(hours=12)) for part in range(4)]

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:  # noqa: ARG002 (no network)
        part = int(call.key.rpartition("/")[2])
        day = NEWEST - dt.timedelta(days=7 * part)
        yield Batch("ratings", rows_of("ratings", [("AAPL", day, 5.0 - part), ("MSFT", day, 3.0)]))


def declare() -> None:
    """Make both known in this process."""
    if RATINGS not in all_tables():
        add_table(RATINGS)
    if Boutique.name not in vendor_names():
        add_vendor(Boutique.name, Boutique)
