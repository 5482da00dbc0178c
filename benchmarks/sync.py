"""What a sync costs, against fake vendors on this machine: backfill, refresh, statements, and the pace at a limit.

    python benchmarks/sync.py [--symbols 12000] [--companies 5000] [--latency 0.05] [--only backfill,...]

The fakes of `tests/fakes` serve an invented market from a process of their own, on the same cores. "One request a
symbol" is the way of a scanner that asks for each symbol by itself, with as many requests under way and the same
code for connections; it is measured on some symbols and scaled, and its rows are not even stored.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

from tapescan.market import calendar
from tapescan.market.clock import final_at
from tapescan.network.limits import Pace
from tapescan.network.link import Link
from tapescan.store import Store
from tapescan.sync import SyncReport, sync
from tapescan.sync.planning import seconds_at_limit
from tapescan.sync.wishes import Wishes
from tapescan.vendors.registry import load_vendor
from tapescan.vendors.seam import Plan
from tests.fakes import KEY

END = dt.date(2026, 11, 20)
NO_LIMIT = Plan("paid", 0, concurrency=8)
#: Requests made for the way of one request a symbol; the rest is scaled.
SAMPLE = 600


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


@contextlib.contextmanager
def fake(vendor: str, *options: str) -> Iterator[str]:
    """The address of a fake vendor in a process of its own."""
    command = [sys.executable, "-m", "tests.fakes", vendor, "--end", str(END), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1], text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def requests_seen(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{url}/_fake/requests") as answer:  # noqa: S310 (our own fake)
        return list(json.load(answer))


def backfill_and_refresh(symbols: int, latency: float) -> None:
    days = calendar.sessions(END - dt.timedelta(days=500), END)[-253:]
    first, newest = (dt.date(1970, 1, 1) + dt.timedelta(days=int(day)) for day in (days[0], days[-1]))
    before = calendar.previous_session(newest)
    store = Store(tempfile.mkdtemp())
    options = ("--symbols", str(symbols), "--sessions", "260", "--latency", str(latency), "--limit", "0/1")
    with fake("massive", *options) as url:
        # When the day before the newest session is final, as on any evening.
        evening = dt.datetime.combine(newest, dt.time(22), dt.UTC)
        assert evening > final_at(before)
        wishes = Wishes(what=("bars",), start=first, end=before)
        report = _sync(store, wishes, url, evening)
        rows = report.parts[0].rows
        say(f"backfill: {report.parts[0].made} calls, {rows:,} rows in {report.seconds:.1f} s")
        refresh = _sync(store, Wishes(what=("bars",)), url, evening)
        part = refresh.parts[0]
        say(f"refresh: {part.made} call, {part.rows:,} rows in {refresh.seconds:.2f} s")
        seconds = asyncio.run(_one_by_one(url, first, before))
        scaled = seconds * symbols / SAMPLE
        say(
            f"one request a symbol: {SAMPLE} in {seconds:.1f} s, {symbols:,} would take {scaled:.0f} s, not stored; "
            f"backfill: {scaled / report.seconds:.1f} times less, refresh: {scaled / refresh.seconds:.0f} times less"
        )


def _sync(store: Store, wishes: Wishes, url: str, now: dt.datetime, source: str = "massive") -> SyncReport:
    plan = NO_LIMIT if source == "massive" else ""
    report = sync(store, wishes, vendor=source, plan=plan, now=now, addresses=_addresses(source, url))
    if report.partial:
        raise SystemExit(str(report))
    return report


def _addresses(source: str, url: str) -> dict[str, str]:
    return dict.fromkeys(load_vendor(source).hosts, url)


async def _one_by_one(url: str, start: dt.date, end: dt.date) -> float:
    """Seconds for SAMPLE symbols, one request each."""
    decoder = msgspec.json.Decoder(dict[str, Any])
    vendor = load_vendor("massive")
    headers = vendor.headers({vendor.keys[0].name: KEY})
    async with Link("massive", {"": url}, Pace(0, 1.0, 8), headers=headers) as link:
        wanted: dict[str, str | int] = {"limit": 1000, "market": "stocks", "active": "true"}
        page = await link.get("/v3/reference/tickers", decoder, wanted)
        tickers = [row["ticker"] for row in page["results"]][:SAMPLE]
        params: dict[str, str | int] = {"adjusted": "false", "limit": 50000}
        begun = time.perf_counter()
        await asyncio.gather(
            *(link.get(f"/v2/aggs/ticker/{ticker}/range/1/day/{start}/{end}", decoder, params) for ticker in tickers)
        )
        return (time.perf_counter() - begun) * SAMPLE / len(tickers)


def statements(companies: int, latency: float) -> None:
    options = ("--symbols", str(int(companies * 1.4)), "--latency", str(latency))
    evening = dt.datetime.combine(END, dt.time(22), dt.UTC)
    for limit, plan in (("0/1", Plan("no limit", 0, concurrency=8)), ("10/1", Plan("free", 10, 1.0, concurrency=8))):
        with fake("sec", *options, "--limit", limit) as url:
            store = Store(tempfile.mkdtemp())
            wishes = Wishes(what=("fundamentals",), via="frames")
            addresses = _addresses("sec", url)
            report = sync(store, wishes, vendor="sec", plan=plan, now=evening, addresses=addresses)
            facts, requests = store.known().read("facts"), sum(part.requests for part in report.parts)
            say(
                f"frames, {plan.name}: {requests} requests, {len(facts):,} facts of {facts['company'].n_unique():,} "
                f"companies in {report.seconds:.1f} s; 429s: {throttled(requests_seen(url))}"
            )
            later = evening + dt.timedelta(days=8)
            again = sync(store, wishes, vendor="sec", plan=plan, now=later, addresses=addresses)
            say(
                f"the same eight days later, periods that still change: {sum(part.requests for part in again.parts)} "
                f"requests in {again.seconds:.1f} s"
            )
    with fake("sec", *options, "--limit", "10/1") as url:
        store = Store(tempfile.mkdtemp())
        few = store_companies(store, url, evening)[:200]
        report = _sync(store, Wishes(what=("fundamentals",), symbols=few), url, evening, "sec")
        seen = [one for one in requests_seen(url) if "companyfacts" in one["path"]]
        rate = (len(seen) - 1) / (max(one["at"] for one in seen) - min(one["at"] for one in seen))
        say(
            f"company facts one by one: {len(seen)} requests at {rate:.2f} a second, 429s: {throttled(seen)}; "
            f"at that rate {companies:,} companies take {companies / rate / 60:.1f} min"
        )


def store_companies(store: Store, url: str, now: dt.datetime) -> tuple[str, ...]:
    _sync(store, Wishes(what=("universe",)), url, now, "sec")
    return tuple(store.known().read("companies")["symbol"].sort())


def throttled(seen: list[dict[str, Any]]) -> int:
    return sum(one["status"] == 429 for one in seen)


def pace() -> None:
    """A minute of the limit lasts `minute` seconds; the fake keeps it three ways and answers in 5 ms."""
    for requests, minute, calls in ((5, 1.5, 41), (200, 6.0, 1001)):
        for style in ("sliding", "fixed", "bucket"):
            _at_limit(requests, minute, calls, style)


def _at_limit(requests: int, minute: float, calls: int, style: str) -> None:
    options = ("--symbols", "50", "--sessions", "1250", "--latency", "0.005", "--limit-style", style)
    with fake("massive", *options, "--limit", f"{requests}/{minute}") as url:
        days = calendar.sessions(dt.date(2021, 12, 1), END)[-calls:]
        start = dt.date(1970, 1, 1) + dt.timedelta(days=int(days[0]))
        plan = Plan("scaled", requests, minute, concurrency=8)
        evening = dt.datetime.combine(END, dt.time(22), dt.UTC)
        wishes = Wishes(what=("bars",), start=start)
        store = Store(tempfile.mkdtemp())
        addresses = _addresses("massive", url)
        report = sync(store, wishes, vendor="massive", plan=plan, now=evening, addresses=addresses)
        seen = requests_seen(url)
        spent = max(one["at"] for one in seen) - min(one["at"] for one in seen)
        # The last request is the first of its window, so whole windows have passed when it may leave.
        least = seconds_at_limit(plan, len(seen))
        say(
            f"{requests} a minute (lasting {minute} s, {style}): {len(seen)} requests in {spent:.1f} s, "
            f"{least / spent:.1%} of the permitted rate; 429s: {throttled(seen)}; stored: {report.parts[0].made}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=12_000)
    parser.add_argument("--companies", type=int, default=5_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--only", default="backfill,statements,pace")
    given = parser.parse_args()
    os.environ.setdefault("TAPESCAN_MASSIVE_KEY", KEY)
    os.environ.setdefault("TAPESCAN_SEC_CONTACT", "benchmark@example.com")
    wanted = given.only.split(",")
    if "backfill" in wanted:
        backfill_and_refresh(given.symbols, given.latency)
    if "statements" in wanted:
        statements(given.companies, given.latency)
    if "pace" in wanted:
        pace()


if __name__ == "__main__":
    main()
