"""Yahoo: raw numbers out of adjusted ones, refusals told apart, and the way through yfinance."""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.clock import NEW_YORK
from tapescan.market.spelling import normal_spelling
from tapescan.network.limits import Pace
from tapescan.network.link import Link, Patience
from tapescan.vendors.seam import Ask, Batch, Call
from tapescan.vendors.yahoo.bars import Answer, Chart, Unusable, read_chart
from tapescan.vendors.yahoo.vendor import CHUNK, Yahoo, to_vendor
from tests.fakes import FakeMarket, FakeServer, spelled
from tests.vendors.conftest import fetch, problems, rows

DAYS = [dt.date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
BARS = ["symbol", "session", "open", "high", "low", "close", "volume"]


def ask(what: Any = "bars", **changed: Any) -> Ask:
    wanted = {"sessions": tuple(DAYS), "symbols": ("AAPL",), "until": DAYS[-1], "now": NOW, **changed}
    return Ask(what, Yahoo.plans[0], **wanted)


def seconds(day: dt.date, hour: float = 9.5) -> int:
    begin = dt.datetime.combine(day, dt.time(), NEW_YORK)
    return int((begin + dt.timedelta(hours=hour)).timestamp())


def chart(
    closes: list[float | None],
    days: list[dt.date] = DAYS,
    splits: dict[dt.date, tuple[int, int]] | None = None,
    dividends: dict[dt.date, float] | None = None,
    **meta: Any,
) -> Chart:
    """What is read from a chart with these closes (also as its other prices), and volumes of 1,000 shares."""
    events = {
        "splits": {
            str(n): {"date": seconds(day), "numerator": new, "denominator": old}
            for n, (day, (new, old)) in enumerate((splits or {}).items())
        },
        "dividends": {
            str(n): {"date": seconds(day), "amount": amount}
            for n, (day, amount) in enumerate((dividends or {}).items())
        },
    }
    quote = dict.fromkeys(("open", "high", "low", "close"), closes)
    result = {
        "meta": {"symbol": "ABC", "dataGranularity": "1d", **meta},
        "timestamp": [seconds(day) for day in days],
        "indicators": {"quote": [{**quote, "volume": [1000] * len(days)}]},
        "events": events,
    }
    answer = msgspec.convert({"chart": {"result": [result], "error": None}}, Answer)
    return read_chart(answer, "ABC", DAYS[-1])


# --- the chart ----------------------------------------------------------------------------------------


def test_single_precision_numbers_are_the_prices_of_the_tape() -> None:
    read = chart([25.909999847412109, 0.34999999403953552, 612345.0, 101.12000274658203, 1.0])
    assert read.bars["close"].to_list() == [25.91, 0.35, 612345.0, 101.12, 1.0]


def test_prices_before_a_split_are_multiplied_back_and_volumes_divided() -> None:
    read = chart([25.0, 25.5, 25.25, 26.0, 26.5], splits={DAYS[3]: (4, 1)})
    assert read.bars["close"].to_list() == [100.0, 102.0, 101.0, 26.0, 26.5]
    assert read.bars["volume"].to_list() == [250.0, 250.0, 250.0, 1000.0, 1000.0]
    assert read.splits.rows() == [(DAYS[3], 4.0)]


def test_splits_multiply_and_only_earlier_days_feel_them() -> None:
    read = chart([2.0, 2.0, 2.0, 2.0, 2.0], splits={DAYS[1]: (3, 1), DAYS[3]: (3, 2)})
    assert read.bars["close"].to_list() == [9.0, 3.0, 3.0, 2.0, 2.0]


def test_a_reverse_split_divides() -> None:
    read = chart([50.0, 51.0, 50.0, 52.0, 50.0], splits={DAYS[2]: (1, 10)})
    assert read.bars["close"].to_list() == [5.0, 5.1, 50.0, 52.0, 50.0]
    assert read.bars["volume"].to_list() == [10000.0, 10000.0, 1000.0, 1000.0, 1000.0]


def test_a_split_on_a_day_without_a_bar_keeps_its_day() -> None:
    # yfinance's own table would move it to the bar before, and make that bar one of new shares.
    days = [DAYS[0], DAYS[1], DAYS[3], DAYS[4]]
    read = chart([10.0, 10.0, 10.0, 10.0], days, splits={DAYS[2]: (2, 1)})
    assert read.splits["ex_date"].to_list() == [DAYS[2]]
    assert read.bars["close"].to_list() == [20.0, 20.0, 10.0, 10.0]


def test_an_announced_split_is_not_applied_and_not_reported() -> None:
    read = chart([10.0] * 5, splits={DAYS[-1] + dt.timedelta(days=3): (2, 1)})
    assert read.bars["close"].to_list() == [10.0] * 5
    assert read.splits.is_empty()


def test_a_split_that_is_listed_but_not_inside_the_prices_is_refused() -> None:
    with pytest.raises(Unusable, match="not inside the prices") as caught:
        chart([100.0, 101.0, 25.0, 25.5, 26.0], splits={DAYS[2]: (4, 1)})
    assert caught.value.reason == "adjusted"


def test_dividends_are_as_paid_on_the_shares_of_their_day() -> None:
    read = chart([10.0] * 5, splits={DAYS[2]: (4, 1)}, dividends={DAYS[1]: 0.25, DAYS[2]: 0.25, DAYS[4]: 0.3})
    assert read.dividends.rows() == [(DAYS[1], 1.0), (DAYS[2], 0.25), (DAYS[4], 0.3)]


def test_rows_without_prices_are_left_out_and_named() -> None:
    read = chart([10.0, None, 11.0, None, 12.0])
    assert read.bars["session"].to_list() == [DAYS[0], DAYS[2], DAYS[4]]
    assert read.empty == [DAYS[1], DAYS[3]]


def test_of_the_newest_day_the_later_row_counts() -> None:
    read = chart([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [*DAYS, DAYS[-1]])
    # Same second: both stay, for the store to judge; a later second: the quote replaces the day.
    assert len(read.bars) == 6
    prices = [1.0, 2.0, 3.0]
    answer = {
        "meta": {"symbol": "ABC"},
        "timestamp": [seconds(DAYS[3]), seconds(DAYS[4]), seconds(DAYS[4], 12)],
        "indicators": {"quote": [dict.fromkeys(("open", "high", "low", "close", "volume"), prices)]},
    }
    live = read_chart(msgspec.convert({"chart": {"result": [answer]}}, Answer), "ABC", DAYS[-1])
    assert live.bars["close"].to_list() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("reason", "changed"),
    [
        ("bad_reply", {"symbol": "OTHER"}),
        ("bad_reply", {"dataGranularity": "1wk"}),
        ("truncated", {"days": DAYS[:4]}),
        ("wrong_day", {"days": [dt.date(2026, 11, day) for day in (15, 16, 17, 18, 21)]}),
        ("bad_reply", {"splits": {DAYS[2]: (0, 1)}}),
    ],
)
def test_a_chart_that_contradicts_itself_is_refused(reason: str, changed: dict[str, Any]) -> None:
    with pytest.raises(Unusable) as caught:
        chart(**{"closes": [1.0] * 5, **changed})
    assert caught.value.reason == reason


def test_the_date_is_that_of_new_york_in_summer_and_winter() -> None:
    days = [dt.date(2026, 10, 30), dt.date(2026, 11, 2)]  # daylight saving time ended between them
    read = chart([1.0, 2.0], days)
    assert read.bars["session"].to_list() == days


# --- calls --------------------------------------------------------------------------------------------


def test_spelling_there_and_back() -> None:
    ours = ["AAPL", "BRK.B", "KIM^L", "RAC.WS", "RAC.U", "ABC^", "NA", "TRUE", "XYZ.R"]
    theirs = [to_vendor(symbol) for symbol in ours]
    assert theirs[:5] == [spelled(symbol, "yahoo") for symbol in ours[:5]]
    assert normal_spelling(pl.Series(theirs)).to_list() == ours


def test_calls_are_chunks_of_symbols_and_the_same_ask_gives_the_same_keys() -> None:
    symbols = tuple(f"S{number:03d}" for number in range(2 * CHUNK + 1))
    calls = Yahoo().calls(ask(symbols=symbols))
    assert [len(call.symbols) for call in calls] == [CHUNK, CHUNK, 1]
    assert sum(call.requests for call in calls) == len(symbols)
    again = Yahoo().calls(ask(symbols=symbols[::-1], now=NOW + dt.timedelta(hours=5)))
    assert [call.key for call in again] == [call.key for call in calls]
    assert len({call.key for call in calls}) == 3


def test_an_unfinished_session_is_not_asked_for() -> None:
    noon = dt.datetime(2026, 11, 20, 17, tzinfo=dt.UTC)
    (call,) = Yahoo().calls(ask(now=noon))
    assert call.sessions == tuple(DAYS[:-1])
    assert Yahoo().calls(ask(now=noon, sessions=(DAYS[-1],))) == []


def test_the_whole_market_cannot_be_asked_for() -> None:
    with pytest.raises(OptionError, match="named symbols only"):
        Yahoo().calls(ask(symbols=()))


def test_without_yfinance_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(OptionError, match=re.escape("pip install 'tapescan[yahoo]'")):
        fetch(Yahoo(), ask(), "http://127.0.0.1:9")


# --- against the fake ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def market() -> FakeMarket:
    return FakeMarket(symbols=40, sessions=60)


SYMBOLS = ("AAPL", "BRK.B", "KIM^L", "SPLT", "RSPL", "TWOS", "DIVI", "THIN", "PNNY")


def market_ask(market: FakeMarket, what: Any = "bars", **changed: Any) -> Ask:
    wanted = {"sessions": tuple(market.sessions), "symbols": SYMBOLS, "until": market.end, **changed}
    return ask(what, **wanted)


def test_bars_are_the_truth_in_raw_numbers(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        batches, link = fetch(Yahoo(), market_ask(market), server.url)
    truth = market.truth(symbols=SYMBOLS)
    got = rows(batches, "bars").sort("symbol", "session")
    assert got.select("symbol", "session").equals(truth.select("symbol", "session"))
    for name in ("open", "high", "low", "close"):
        # Seven digits are what Yahoo's numbers carry.
        assert ((got[name] - truth[name]).abs() <= truth[name] * 5e-7).all(), name
    ratio = (got["volume"] - truth["volume"]).abs()
    # Whole shares; before a 1-for-10 split Yahoo's own volumes count tens of them.
    assert (ratio <= pl.select(pl.when(truth["symbol"] == "RSPL").then(5.5).otherwise(0.75)).to_series()).all()
    assert link.traffic.requests >= len(SYMBOLS)


def test_bars_bring_the_actions_of_their_time_before_them(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        with_bars, _ = fetch(Yahoo(), market_ask(market), server.url)
        charts = server.paths("/v8/")
        alone, _ = fetch(Yahoo(), market_ask(market, "actions", since=market.sessions[0]), server.url)
    assert [batch.table for batch in with_bars] == ["splits", "dividends", "bars"]
    assert len(charts) == len(SYMBOLS)  # no request more
    for table in ("splits", "dividends"):
        assert len(rows(alone, table)) > 0
        assert rows(with_bars, table).equals(rows(alone, table))


def test_splits_and_dividends_are_the_truth(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        batches, _ = fetch(Yahoo(), market_ask(market, "actions", since=market.sessions[0]), server.url)
    splits = {(row[0], row[1]): row[2] for row in rows(batches, "splits").rows()}
    assert splits == {
        (split.symbol, split.ex_date): pytest.approx(split.ratio)
        for split in market.splits
        if split.symbol in SYMBOLS and split.ex_date <= market.end
    }
    paid = sorted(rows(batches, "dividends").rows())
    truth = sorted((d.symbol, d.ex_date, d.amount) for d in market.dividends if d.symbol in SYMBOLS)
    assert [row[:2] for row in paid] == [row[:2] for row in truth]
    assert [row[2] for row in paid] == pytest.approx([row[2] for row in truth], abs=1e-6)


def test_an_unknown_symbol_is_a_problem_and_the_others_come(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        batches, _ = fetch(Yahoo(), market_ask(market, symbols=("AAPL", "NOSUCH")), server.url)
    assert rows(batches, "bars")["symbol"].unique().to_list() == ["AAPL"]
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol) == ("unknown_symbol", "NOSUCH")


def test_throttling_is_an_error_and_ends_the_call(market: FakeMarket) -> None:
    symbols = tuple(market.symbols[:20])
    with FakeServer("yahoo", market) as server:
        server.misbehave("status", path="/v8/", times=None, code=429, retry_after=0)
        with pytest.raises(VendorError) as caught:
            fetch(Yahoo(), market_ask(market, symbols=symbols), server.url)
        charts = server.paths("/v8/")
    assert caught.value.reason == "throttled"
    assert "of 20 symbols did not come" in str(caught.value)
    # Those under way are tried again, the others are left alone.
    assert len(set(charts)) < len(symbols)


def test_what_came_before_an_error_is_brought(market: FakeMarket) -> None:
    vendor = Yahoo()
    with FakeServer("yahoo", market) as server:
        server.misbehave("bad_json", path="/v8/finance/chart/SPLT", times=None)
        (call,) = vendor.calls(market_ask(market))
        got: list[Batch] = []
        with pytest.raises(VendorError) as caught:
            fetch(_Recording(vendor, got), call, server.url)
    assert caught.value.reason == "bad_reply"
    assert "SPLT" in str(caught.value)
    assert set(rows(got, "bars")["symbol"]) == set(SYMBOLS) - {"SPLT"}


class _Recording(Yahoo):
    """Keeps the batches that came before an error."""

    def __init__(self, inner: Yahoo, got: list[Batch]) -> None:
        super().__init__()
        self.inner, self.got = inner, got

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        async for batch in self.inner.fetch(call, link):
            self.got.append(batch)
            yield batch


def test_rows_without_prices_are_reported(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        server.misbehave("null_prices", path="/v8/finance/chart/AAPL", rows=3)
        batches, _ = fetch(Yahoo(), market_ask(market, symbols=("AAPL",)), server.url)
    assert len(rows(batches, "bars")) == len(market.truth(symbols=["AAPL"])) - 3
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol) == ("refused_rows", "AAPL")
    assert "3" in problem.detail


def test_an_answer_that_ends_before_its_newest_trade_is_reported(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        server.misbehave("truncate_rows", path="/v8/finance/chart/AAPL", keep=0.5)
        batches, _ = fetch(Yahoo(), market_ask(market, symbols=("AAPL",)), server.url)
    got = rows(batches, "bars")
    assert len(got) == 30
    (problem,) = problems(batches)
    assert (problem.reason, problem.symbol, problem.session) == ("truncated", "AAPL", got["session"].max())


def test_a_refused_crumb_is_told_from_a_missing_symbol(market: FakeMarket) -> None:
    with FakeServer("yahoo", market) as server:
        server.misbehave("status", path="/v8/", times=None, code=401)
        with pytest.raises(VendorError) as caught:
            fetch(Yahoo(), market_ask(market, symbols=("AAPL",)), server.url)
    assert caught.value.reason == "not_entitled"
    assert caught.value.fatal


def test_everything_goes_to_the_given_address(market: FakeMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    # yfinance keeps one cookie and crumb for a process; here it begins anew.
    monkeypatch.setattr(importlib.import_module("yfinance.data").SingletonMeta, "_instances", {})
    with FakeServer("yahoo", market) as server:
        fetch(Yahoo(), market_ask(market, symbols=("AAPL",)), server.url)
        hosts = {seen.headers["host"] for seen in server.requests}
        paths = set(server.paths())
    assert hosts == {server.url.removeprefix("http://")}
    assert {"/", "/v1/test/getcrumb"} <= paths  # asked of other hosts of Yahoo, for a cookie and a crumb


def test_cancelled_it_ends_at_once(market: FakeMarket) -> None:
    async def run(url: str) -> float:
        vendor = Yahoo()
        link = Link("yahoo", {"": url}, Pace(0, 1.0), judge=vendor.judge, patience=Patience(silence=1.0))
        (call,) = vendor.calls(market_ask(market))

        async def fetching() -> None:
            async with link:
                async for _ in vendor.fetch(call, link):
                    pass

        task = asyncio.create_task(fetching())
        while not link.traffic.requests:
            await asyncio.sleep(0.01)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        took = time.monotonic() - begun
        vendor._charts.threads.shutdown()  # what is left of them ends with its requests
        return took

    with FakeServer("yahoo", market) as server:
        server.misbehave("hang", times=None)
        assert asyncio.run(run(server.url)) < 0.5
