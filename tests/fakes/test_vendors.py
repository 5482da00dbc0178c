"""What the fake vendors serve is the invented market's truth, in each vendor's form.

Clients here are plain ones (the standard library, botocore's signature, yfinance), none of them tapescan's.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
import subprocess
import sys
import time
import zipfile
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.fakes import KEY, SECRET, FakeMarket, FakeServer, spelled
from tests.fakes.client import AGENT, ALPACA, BEARER, GROUPED, Answer, get
from tests.fakes.stooq import write_stooq


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket()


def test_massive_grouped_is_the_truth_raw_and_adjusted(market: FakeMarket) -> None:
    half = market.sessions[len(market.sessions) // 2]
    before = market.sessions[len(market.sessions) // 2 - 1]
    with FakeServer("massive", market) as server:
        raw = get(server, f"{GROUPED}{before}?adjusted=false", BEARER).json
        adjusted = get(server, f"{GROUPED}{before}", BEARER).json
        after = get(server, f"{GROUPED}{half}?adjusted=true", BEARER).json
        saturday = get(server, f"{GROUPED}2026-11-21?adjusted=false", BEARER).json
    truth = {spelled(r["symbol"], "massive"): r for r in market.truth(before, before).iter_rows(named=True)}
    rows = {row["T"]: row for row in raw["results"]}
    assert raw["resultsCount"] == len(rows) == len(truth)
    for ticker, row in rows.items():
        wanted = truth[ticker]
        assert (row["o"], row["h"], row["l"], row["c"], row["v"]) == (
            wanted["open"], wanted["high"], wanted["low"], wanted["close"], wanted["volume"],
        )  # fmt: skip
    assert "KIMpL" in rows
    assert "vw" not in rows["NOVW"]
    assert rows["FLOT"]["v"] != int(rows["FLOT"]["v"])
    closed = dt.datetime.fromtimestamp(raw["results"][0]["t"] / 1000, ZoneInfo("America/New_York"))
    assert (closed.date(), closed.hour) == (before, 16)
    split = {row["T"]: row for row in adjusted["results"]}["SPLT"]
    assert split["c"] == pytest.approx(rows["SPLT"]["c"] / 4, abs=1e-4)
    assert split["v"] == pytest.approx(rows["SPLT"]["v"] * 4, abs=1e-4)
    assert {row["T"]: row for row in after["results"]}["SPLT"]["c"] == market.history("SPLT").filter(session=half)[
        "close"
    ][0]
    assert saturday["resultsCount"] == 0
    assert "results" not in saturday


def test_massive_pages_need_the_key_on_every_page_and_never_name_it(market: FakeMarket) -> None:
    with FakeServer("massive", market) as server:
        first = get(server, "/v3/reference/tickers?active=true&limit=50", BEARER).json
        found, page = list(first["results"]), first
        assert get(server, first["next_url"]).status == 401
        assert get(server, first["next_url"], {"Authorization": "Bearer wrong"}).json["error"] == "Unknown API Key"
        while "next_url" in page:
            assert page["next_url"].startswith(server.url)
            assert KEY not in page["next_url"]
            page = get(server, page["next_url"], BEARER).json
            found += page["results"]
    listed = {spelled(s.symbol, "massive") for s in market.listing if not s.delisted and s.exchange != "OTC"}
    assert [row["ticker"] for row in found] == sorted(listed)


def test_massive_splits_carry_the_factor_that_its_rule_needs(market: FakeMarket) -> None:
    with FakeServer("massive", market) as server:
        path = "/stocks/v1/splits?ticker=TWOS&sort=execution_date.asc&order=desc"
        first, second = get(server, path, BEARER).json["results"]
    assert (first["split_to"], first["historical_adjustment_factor"]) == (3, pytest.approx(2 / 9, abs=1e-6))
    assert second["historical_adjustment_factor"] == pytest.approx(2 / 3, abs=1e-6)


def test_massive_flat_files_want_a_true_signature(market: FakeMarket) -> None:
    why = "signatures of flat files were not checked: botocore is missing"
    auth, requests, credentials = (
        pytest.importorskip(f"botocore.{name}", reason=why) for name in ("auth", "awsrequest", "credentials")
    )

    def signed(server: FakeServer, path: str, secret: str) -> Answer:
        request = requests.AWSRequest("GET", server.url + path, headers={"x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
        auth.S3SigV4Auth(credentials.Credentials(KEY, secret), "s3", "us-east-1").add_auth(request)
        return get(server, path, dict(request.headers.items()))

    path = f"/flatfiles/us_stocks_sip/day_aggs_v1/{market.end:%Y/%m}/{market.end}.csv.gz"
    with FakeServer("massive", market) as server:
        good = signed(server, path, SECRET)
        assert signed(server, path, "wrong").status == 403
        assert get(server, path).status == 403
        missing = signed(server, path.replace(f"{market.end}", "2026-11-21"), SECRET)
    assert (missing.status, b"<Code>NoSuchKey</Code>" in missing.body) == (404, True)
    lines = gzip.decompress(good.body).decode().splitlines()
    assert lines[0] == "ticker,volume,open,close,high,low,window_start,transactions"
    assert len(lines) - 1 == market.truth(market.end, market.end).height
    assert good.headers["etag"].startswith('"')


def test_alpaca_pages_count_points_over_all_symbols_and_merge_to_the_truth(market: FakeMarket) -> None:
    path = "/v2/stocks/bars?symbols=SPLT,BRK.B,KIM.PRL,NOPE&timeframe=1Day&start=2026-08-01&limit=50&adjustment=raw"
    bars: dict[str, list[dict[str, Any]]] = {}
    with FakeServer("alpaca", market) as server:
        page, straddled = get(server, path, ALPACA).json, False
        while True:
            straddled |= any(symbol in bars for symbol in page["bars"])
            for symbol, rows in page["bars"].items():
                bars.setdefault(symbol, []).extend(rows)
            if page["next_page_token"] is None:
                break
            page = get(server, f"{path}&page_token={page['next_page_token']}", ALPACA).json
        refused = get(server, path)
    assert straddled
    assert set(bars) == {"SPLT", "BRK.B", "KIM.PRL"}
    assert [row["c"] for row in bars["SPLT"]] == market.history("SPLT")["close"].to_list()
    assert {row["t"][10:] for row in bars["SPLT"]} == {"T04:00:00Z", "T05:00:00Z"}  # the clocks change in November
    assert refused.status == 401


def test_alpaca_free_plan_refuses_the_newest_quarter_of_an_hour(market: FakeMarket) -> None:
    now = dt.datetime(2026, 11, 20, 22, 0, tzinfo=dt.UTC)
    path = "/v2/stocks/bars?symbols=AAPL&timeframe=1Day&start=2026-11-18&end="
    with FakeServer("alpaca", market, plan="free", now=lambda: now) as server:
        recent = get(server, path + "2026-11-20T21:50:00Z", ALPACA)
        older = get(server, path + "2026-11-20T21:44:00Z", ALPACA)
    assert (recent.status, recent.json["message"]) == (403, "subscription does not permit querying recent SIP data")
    assert len(older.json["bars"]["AAPL"]) == 3


def test_alpaca_tells_its_limit_when_it_is_exceeded(market: FakeMarket) -> None:
    with FakeServer("alpaca", market, limit=(2, 30.0)) as server:
        server.misbehave("clock_off", times=None, seconds=7200)
        answers = [get(server, "/v2/clock", ALPACA) for _ in range(3)]
        assert server.statuses() == {200: 2, 429: 1}
    assert [answer.status for answer in answers] == [200, 200, 429]
    reset = int(answers[2].headers["x-ratelimit-reset"]) - time.time()
    assert 7200 + 25 < reset < 7200 + 35
    assert parsedate_to_datetime(answers[2].headers["date"]).timestamp() > time.time() + 7000


def test_sec_wants_an_address_and_blocks_who_is_too_fast(market: FakeMarket) -> None:
    with FakeServer("sec", market, limit=(3, 60.0)) as server:
        undeclared = get(server, "/files/company_tickers.json")
        statuses = [get(server, "/files/company_tickers.json", AGENT).status for _ in range(5)]
    assert (undeclared.status, b"Undeclared Automated Tool" in undeclared.body) == (403, True)
    assert statuses == [200, 200, 429, 403, 403]


def test_sec_facts_and_frames_tell_the_same(market: FakeMarket) -> None:
    tag, frame = "NetIncomeLoss", "CY2026Q2"
    with FakeServer("sec", market, limit=(0, 1.0)) as server:
        rows = get(server, f"/api/xbrl/frames/us-gaap/{tag}/USD/{frame}.json", AGENT).json["data"]
        assert len(rows) > 50
        for row in rows[::10]:
            path = f"/api/xbrl/companyfacts/CIK{row['cik']:010d}.json"
            facts = get(server, path, AGENT).json["facts"]["us-gaap"][tag]["units"]["USD"]
            named = [fact for fact in facts if fact.get("frame") == frame]
            assert [(f["start"], f["end"], f["val"], f["accn"]) for f in named] == [
                (row["start"], row["end"], row["val"], row["accn"])
            ]
        assert "filed" not in rows[0]
        fund = next(s.cik for s in market.listing if s.symbol == "FNDX")
        assert get(server, f"/api/xbrl/companyfacts/CIK{fund:010d}.json", AGENT).status == 404
        archive = get(server, "/Archives/edgar/daily-index/xbrl/companyfacts.zip", AGENT, timeout=60)
    with zipfile.ZipFile(io.BytesIO(archive.body)) as file:
        assert len(file.namelist()) == len(market.statements.companies)


def test_sec_facts_hold_every_trap(market: FakeMarket) -> None:
    statements = market.statements
    restated = next(
        c for c in statements.companies.values() if c.restated >= 0 and statements.fiscal(c, c.restated)[1] < 4
    )
    with FakeServer("sec", market, limit=(0, 1.0)) as server:
        facts = get(server, f"/api/xbrl/companyfacts/CIK{restated.cik:010d}.json", AGENT).json["facts"]
        split = get(
            server, f"/api/xbrl/companyfacts/CIK{market.listing[market.place['SPLT']].cik:010d}.json", AGENT
        ).json
        foreign = get(
            server, f"/api/xbrl/companyfacts/CIK{market.listing[market.place['FORN']].cik:010d}.json", AGENT
        ).json
    income = facts["us-gaap"]["NetIncomeLoss"]["units"]["USD"]
    end = statements.ends(restated, restated.restated).isoformat()
    quarter = [
        fact
        for fact in income
        if fact["end"] == end and fact["start"] == statements.starts(restated, restated.restated).isoformat()
    ]
    assert len({fact["val"] for fact in quarter}) == 2  # as first filed, and corrected
    assert quarter[0]["form"] == "10-Q"
    assert quarter[1]["form"] == "10-Q/A"
    flows = facts["us-gaap"]["NetCashProvidedByUsedInOperatingActivities"]["units"]["USD"]
    days = {(dt.date.fromisoformat(f["end"]) - dt.date.fromisoformat(f["start"])).days // 85 for f in flows}
    assert days >= {1, 2, 3, 4}  # a quarter, half a year, nine months, a year
    shares = split["facts"]["dei"]["EntityCommonStockSharesOutstanding"]["units"]["shares"]
    after = [fact for fact in shares if fact["filed"] > "2026-10-09"]
    assert after[-1]["val"] / shares[-len(after) - 1]["val"] == pytest.approx(4.0, rel=0.05)
    assert set(foreign["facts"]) == {"ifrs-full", "dei"}
    assert list(foreign["facts"]["ifrs-full"]["Revenue"]["units"]) == ["EUR"]


def test_nasdaq_trader_files_have_their_oddities(market: FakeMarket) -> None:
    with FakeServer("nasdaqtrader", market) as server:
        nasdaq = get(server, "/dynamic/SymDir/nasdaqlisted.txt").body.decode().splitlines()
        other = get(server, "/dynamic/SymDir/otherlisted.txt").body.decode().splitlines()
    assert nasdaq[-1].startswith("File Creation Time: ")
    assert len({line.count("|") for line in nasdaq}) == 1
    rows = {line.split("|")[0]: line.split("|") for line in nasdaq[1:-1]}
    assert {"NA", "TRUE", "ZVZZT"} <= set(rows)
    assert rows["BLNK"][6] == ""
    assert rows["ZVZZT"][3] == "Y"
    preferred = next(line.split("|") for line in other if line.startswith("KIM$L"))
    assert (preferred[3], preferred[7]) == ("KIMpL", "KIM-L")
    assert any(line.startswith("RAC.W|") and line.endswith("|RAC+") for line in other)


def test_yahoo_serves_what_yfinance_asks_for(market: FakeMarket, tmp_path: Path) -> None:
    pytest.importorskip("yfinance", reason="yfinance against the fake was not checked: it is not installed")
    with FakeServer("yahoo", market) as server:
        # In a process of its own: yfinance keeps one session and its caches for the life of a process.
        code = f"""
import json, warnings
warnings.simplefilter("ignore")
import yfinance, curl_cffi.requests
from urllib.parse import urlsplit
yfinance.set_tz_cache_location({str(tmp_path)!r})
class Session(curl_cffi.requests.Session):
    def request(self, method, url, *args, **kwargs):
        return super().request(method, {server.url!r} + (urlsplit(url).path or "/"), *args, **kwargs)
frame = yfinance.download(["SPLT", "BRK-B", "NOPE"], start="2026-09-01", end="2026-11-21", auto_adjust=False,
    actions=True, threads=False, progress=False, session=Session())
print(json.dumps({{name: frame[name]["SPLT"].dropna().tolist() for name in ("Close", "Volume", "Stock Splits")}}))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
        missing = get(server, "/v8/finance/chart/NOPE")
        crumbless = get(server, "/v10/finance/quoteSummary/AAPL")
        server.misbehave("status", path="chart", code=429)
        limited = get(server, "/v8/finance/chart/AAPL")
    columns = json.loads(done.stdout.strip().splitlines()[-1])
    wanted = market.history("SPLT").filter(pl.col("session") >= dt.date(2026, 9, 1))
    factors = [market.factor("SPLT", day) for day in wanted["session"]]
    assert columns["Close"] == pytest.approx([c * f for c, f in zip(wanted["close"], factors, strict=True)], rel=1e-6)
    assert [ratio for ratio in columns["Stock Splits"] if ratio] == [4.0]
    assert missing.json["chart"]["error"]["code"] == "Not Found"
    assert (crumbless.status, limited.status, limited.body) == (401, 429, b"Too Many Requests\r\n")


def test_yahoo_has_null_rows(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        result = get(server, "/v8/finance/chart/HALT?range=max&interval=1d").json["chart"]["result"][0]
    closes = result["indicators"]["quote"][0]["close"]
    assert closes.count(None) == 1
    assert len(closes) == len(result["timestamp"]) == len(market.sessions)


@pytest.mark.parametrize("name", ["folder", "d_us_txt.zip"])
def test_stooq_writes_one_file_a_symbol(market: FakeMarket, tmp_path: Path, name: str) -> None:
    path = write_stooq(market, tmp_path / name, adjusted=False)
    if path.is_dir():
        files = {file.name: file.read_text() for file in path.rglob("*.txt")}
    else:
        with zipfile.ZipFile(path) as archive:
            files = {entry.rsplit("/", 1)[-1]: archive.read(entry).decode() for entry in archive.namelist()}
    lines = files["brk-b.us.txt"].splitlines()
    assert lines[0] == "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>"
    assert [float(line.split(",")[7]) for line in lines[1:]] == market.history("BRK.B")["close"].to_list()
    assert lines[-1].startswith("BRK-B.US,D,20261120,000000,")
    assert files["blnk.us.txt"] == ""


def test_alpaca_names_the_symbol_that_spoils_a_request_and_what_is_left(market: FakeMarket) -> None:
    path = "/v2/stocks/bars?timeframe=1Day&start=2026-11-18&symbols="
    with FakeServer("alpaca", market, limit=(100, 60.0)) as server:
        refused = get(server, path + "AAPL,KIM$L", ALPACA)
        server.vendor.bad_key_status = 403  # type: ignore[attr-defined]
        other = get(server, path + "AAPL")
    assert (refused.status, refused.json["message"]) == (400, "invalid symbol: KIM$L")
    assert refused.headers["x-ratelimit-remaining"] == "99"
    assert (other.status, other.json["message"]) == (403, "forbidden.")


def test_massive_statements_hold_derived_quarters_and_newest_versions(market: FakeMarket) -> None:
    statements = market.statements
    company = statements.companies[market.listing[market.place["AAPL"]].cik or 0]
    query = "tickers=AAPL&timeframe.any_of=quarterly,annual&limit=50000&sort=period_end.desc"
    with FakeServer("massive", market) as server:
        rows = get(server, f"/stocks/financials/v1/income-statements?{query}", BEARER).json["results"]
        flows = get(server, f"/stocks/financials/v1/cash-flow-statements?{query}", BEARER).json["results"]
        ratios = get(server, "/stocks/financials/v1/ratios?ticker=AAPL", BEARER).json["results"]
    quarters = [row for row in rows if row["timeframe"] == "quarterly"]
    year = next(row for row in rows if row["timeframe"] == "annual")
    newest = statements.filings(company)[-1]
    assert quarters[0]["revenue"] == statements.values["revenue"][company.place, newest.quarter]
    parts = [row["revenue"] for row in quarters if row["fiscal_year"] == year["fiscal_year"]]
    assert (len(parts), sum(parts)) == (4, year["revenue"])
    assert quarters[0]["cik"] == f"{company.cik:010d}"
    assert flows[0]["purchase_of_property_plant_and_equipment"] < 0
    assert (ratios[0]["cik"], ratios[0]["price"]) == (str(company.cik), market.history("AAPL")["close"][-1])
