"""`tapescan sync`, `sources` and `doctor` as commands, against a fake vendor; and a scan of what they stored."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tapescan.market import calendar
from tapescan.store import Store
from tapescan.sync.wishes import last_ready_session
from tests.commands import Run, run
from tests.fakes import KEY, SECRET, FakeMarket, FakeServer

END = dt.date(2026, 11, 20)
SINCE = dt.date(2026, 5, 1)


@pytest.fixture(name="market", scope="module")
def _market() -> FakeMarket:
    return FakeMarket(symbols=250, sessions=160, end=END, seed=7)


@pytest.fixture(name="server", scope="module")
def _server(market: FakeMarket) -> Iterator[FakeServer]:
    with FakeServer("massive", market, limit=(0, 1)) as server:
        yield server


Command = Callable[..., Run]


@pytest.fixture(name="command")
def _command(server: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("TAPESCAN_MASSIVE_URL", server.url)
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
    monkeypatch.setenv("TAPESCAN_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def command(*words: str) -> Run:
        done = run(*words)
        assert KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return command


#: The plan is one without a limit: the free one would wait for a minute.
WEEK = (
    "sync",
    "--vendor",
    "massive",
    "--plan",
    "advanced",
    "--what",
    "bars",
    "--from",
    "2026-11-16",
    "--to",
    str(END),
)
SYNC = ("sync", "--vendor", "massive", "--plan", "advanced", "--from", str(SINCE), "--to", str(END))


def test_sync_then_scan_says_how_fresh_each_symbol_is(command: Command, market: FakeMarket, tmp_path: Path) -> None:
    planned = command(*SYNC, "--dry-run")
    assert planned.returncode == 0
    assert "nothing was fetched" in planned.stdout
    assert not (tmp_path / "store").exists()
    done = command("--verbose", *SYNC)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "asking massive for /v2/aggs/grouped" in done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "asked 142 calls, got 142" in done.stdout
    assert "nothing to fetch" in command(*SYNC).stdout
    store = Store(tmp_path / "store")
    truth = market.truth(SINCE, END)
    assert len(store.known().bars(adjust="none")) == len(truth)

    scanned = command("scan", "--format", "json", "--profile", "swing", "--top", "1000")
    assert scanned.returncode == 0, scanned.stderr
    found = json.loads(scanned.stdout)
    coverage = found["coverage"]
    assert coverage["requested"] == coverage["ranked"] + sum(coverage["dropped"].values())
    newest = dict(store.known().newest().select("symbol", "newest").rows())
    behind = {symbol for symbol, day in newest.items() if day < END}
    assert behind  # the market has symbols that stopped, or this proves nothing
    listing = store.known().read("symbols")
    gone = set(listing.filter(listing["delisted"] <= END)["symbol"])
    assert coverage["dropped"]["stale"] == len(behind - gone)
    assert coverage["dropped"]["delisted"] == len(gone & (set(newest) | set(listing["symbol"])))
    # None that is behind is ranked, and each row says how new its newest bar is.
    assert not behind & {row["symbol"] for row in found["rows"]}
    assert {row["newest"] for row in found["rows"]} == {str(END)}
    assert {row["sessions_behind"] for row in found["rows"]} == {0}


def test_a_partial_sync_exits_with_1_and_says_what_is_missing(command: Command, server: FakeServer) -> None:
    server.misbehave("truncate_rows", path="2026-11-19", times=None)
    try:
        done = command(*WEEK)
        report = command(*WEEK, "--format", "json")
    finally:
        server.behave()
    assert (done.returncode, report.returncode) == (1, 1)
    assert "PARTIAL" in done.stdout
    assert "asked 5 calls, got 4, failed 1" in done.stdout
    told = json.loads(report.stdout)
    assert told["partial"]
    assert [row["session"] for row in told["sessions"] if row["reason"] == "truncated"] == ["2026-11-19"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--vendor", "massiv"), "no vendor is called 'massiv'; did you mean massive?"),
        (("sync", "--vendor", "massive", "--plan", "fre"), "did you mean free?"),
        (("sync", "--vendor", "massive", "--what", "bar"), "did you mean bars?"),
        (("sync", "--vendor", "nasdaqtrader", "--what", "bars"), "nasdaqtrader has no bars; it offers universe"),
        (("sync", "--from", "20-01-01"), "write it as YYYY-MM-DD"),
        (("sync", "--plan", "free"), "name it too"),
        (("sync", "--vendor", "massive", "--from", "2026-11-20", "--to", "2026-11-01"), "lies before"),
        (("sync", "--vendor", "alpaca", "--what", "universe"), "set TAPESCAN_ALPACA_KEY"),
        (("sync", "--vendor", "massive", "--compare", "--replace"), "--compare: excludes --replace"),
        (("doctor", "--store", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(command: Command, words: tuple[str, ...], said: str) -> None:
    done = command(*words)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sources_names_keys_but_never_shows_them(command: Command) -> None:
    done = command("vendors")
    assert done.returncode == 0
    for name in ("massive", "alpaca", "sec", "nasdaqtrader", "yahoo", "stooq"):
        assert name in done.stdout
    assert "found in $TAPESCAN_MASSIVE_KEY" in done.stdout
    newest = last_ready_session(dt.datetime.now(dt.UTC))
    year = calendar.session_count(newest - dt.timedelta(days=365), newest)
    # A session a call, the listing's 38, and a few pages of splits and dividends.
    assert any(f" {year + 38 + pages:,} (" in done.stdout for pages in range(3, 8))


def test_two_vendors_are_compared_by_doctor(
    command: Command, market: FakeMarket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    week = ("--from", "2026-11-16", "--to", str(END))
    assert (
        command("sync", "--vendor", "massive", "--plan", "advanced", "--what", "universe,bars", *week).returncode == 0
    )
    with FakeServer("alpaca", market, limit=(0, 1)) as other:
        monkeypatch.setenv("TAPESCAN_ALPACA_URL", other.url)
        monkeypatch.setenv("TAPESCAN_ALPACA_KEY", KEY)
        monkeypatch.setenv("TAPESCAN_ALPACA_SECRET", SECRET)
        before = Store(tmp_path / "store").known().bars()
        done = command("sync", "--vendor", "alpaca", "--plan", "plus", "--what", "bars", "--compare", *week)
        assert done.returncode == 0, done.stdout + done.stderr
    assert Store(tmp_path / "store").known().bars().equals(before)
    diagnosis = json.loads(command("doctor", "--format", "json").stdout)
    assert "massive" in json.dumps(diagnosis)
    assert "alpaca" in json.dumps(diagnosis)
