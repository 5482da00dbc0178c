"""Fetching from a fake vendor in a test: `fetch`, also there as a fixture of that name."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import polars as pl
import pytest

from tapescan.network.limits import Pace
from tapescan.network.link import Link, Patience
from tapescan.vendors.seam import Ask, Batch, Call, Problem, Vendor, rows_of
from tests.fakes import FakeMarket
from tests.fakes.reply import KEY, SECRET

__all__ = ["SHORT", "check_actions", "fetch", "good_keys", "problems", "rows"]

#: Little of it, so that a test of a hanging server ends soon.
SHORT = Patience(connect=1.0, silence=0.5, whole=10.0, attempts=3, first_wait=0.01, longest_wait=0.05)


def good_keys(vendor: Vendor) -> dict[str, str]:
    """The keys that a fake vendor accepts, by our names."""
    return {key.name: SECRET if key.name.endswith("_SECRET") else KEY for key in vendor.keys if key.secret}


def fetch(
    vendor: Vendor,
    wanted: Ask | Call,
    url: str,
    keys: Mapping[str, str] | None = None,
    patience: Patience | None = None,
    pace: Pace | None = None,
) -> tuple[list[Batch], Link]:
    """All batches of a call, or of every call that an ask takes, and the link they came over.

    keys : those of `good_keys` when absent. pace : no limit when absent. Raises what the vendor raises.
    """
    keys = good_keys(vendor) if keys is None else keys
    link = Link(
        vendor.name,
        dict.fromkeys(vendor.hosts, url),
        pace or Pace(0, 1.0),
        headers=vendor.headers(keys),
        secrets={key.name: keys[key.name] for key in vendor.keys if key.secret and key.name in keys},
        judge=vendor.judge,
        patience=patience or SHORT,
    )
    calls = [wanted] if isinstance(wanted, Call) else vendor.calls(wanted)

    async def run() -> list[Batch]:
        async with link:
            return [batch for call in calls async for batch in vendor.fetch(call, link)]

    return asyncio.run(run()), link


def rows(batches: Sequence[Batch], table: str) -> pl.DataFrame:
    """The rows of one table in all batches."""
    frames = [batch.rows for batch in batches if batch.table == table]
    return pl.concat(frames) if frames else rows_of(table)


def problems(batches: Sequence[Batch]) -> list[Problem]:
    """The problems of all batches."""
    return [problem for batch in batches for problem in batch.problems]


def check_actions(
    batches: Sequence[Batch], market: FakeMarket, since: dt.date, until: dt.date, more_than: int
) -> None:
    """The splits and dividends that came are the market's: all of them, once each, and more splits than so many."""
    splits = {(row.symbol, row.ex_date): row.ratio for row in market.splits if since <= row.ex_date <= until}
    got = rows(batches, "splits")
    assert {(symbol, day): ratio for symbol, day, ratio in got.iter_rows()} == pytest.approx(splits)
    assert len(got) == len(splits) > more_than
    dividends: dict[tuple[str, dt.date], float] = {}
    for paid in market.dividends:
        if since <= paid.ex_date <= until:
            dividends[paid.symbol, paid.ex_date] = dividends.get((paid.symbol, paid.ex_date), 0.0) + paid.amount
    got = rows(batches, "dividends")
    assert {(symbol, day): amount for symbol, day, amount in got.iter_rows()} == pytest.approx(dividends)
    assert len(got) == len(dividends)


@pytest.fixture(name="fetch")
def _fetch() -> Callable[..., tuple[list[Batch], Link]]:
    return fetch
