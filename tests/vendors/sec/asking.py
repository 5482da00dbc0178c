"""Asking EDGAR's fake, and what its companies really reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from tapescan.fundamentals.observe import FACTS
from tapescan.vendors.seam import Ask, Batch
from tapescan.vendors.sec.vendor import CONTACT, Sec
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.statements import Company
from tests.vendors.conftest import SHORT, rows
from tests.vendors.conftest import fetch as fetch_with

__all__ = ["ARCHIVE", "END", "KEYS", "ask", "cik", "companies_of", "fetch", "newest", "quick", "stored", "truth"]

END = dt.date(2026, 11, 20)
NOW = dt.datetime(2026, 11, 20, 23, tzinfo=dt.UTC)
KEYS = {CONTACT: "someone@example.com"}
ARCHIVE = "companyfacts.zip"


def ask(what: Any = "fundamentals", companies: tuple[str, ...] = (), via: str = "") -> Ask:
    return Ask(what, Sec.plans[0], NOW, END, companies=companies, via=via)


def fetch(wanted: Ask, server: FakeServer, keys: Mapping[str, str] | None = None) -> list[Batch]:
    patience = replace(SHORT, silence=10.0) if wanted.via == "zip" else SHORT  # the fake makes the archive first
    return fetch_with(Sec(), wanted, server.url, keys=KEYS if keys is None else keys, patience=patience)[0]


def quick(market: FakeMarket) -> FakeServer:
    """Without a limit: these tests are about what comes, and ask faster than a sync."""
    return FakeServer("sec", market, limit=(0, 1.0))


def stored(batches: list[Batch]) -> pl.DataFrame:
    """As the store keeps facts."""
    return rows(batches, "facts").with_columns(source=pl.lit("sec")).select(*FACTS)


def companies_of(market: FakeMarket, *kinds: str) -> list[Company]:
    found = [c for c in market.statements.companies.values() if not kinds or c.kind in kinds]
    assert found
    return found


def cik(company: Company) -> str:
    return f"{company.cik:010d}"


def truth(market: FakeMarket, company: Company, item: str, quarters: int, last: int, *, restated: bool = True) -> int:
    """The sum over some quarters up to one, with corrections or without."""
    return market.statements.total(company, item, last - quarters + 1, last, restated=restated)


def newest(market: FakeMarket, company: Company, as_of: dt.date = END) -> int:
    """The newest quarter that a scan of a day may know of."""
    return max(filing.quarter for filing in market.statements.filings(company) if filing.filed < as_of)
