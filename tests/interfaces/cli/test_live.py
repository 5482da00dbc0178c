"""`tapescan live`: lines, JSON, the page, metrics, and how it ends."""

from __future__ import annotations

import asyncio
import io
import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import tapescan.api.live
from tapescan.api import follow_market
from tapescan.api.live import LiveMinute
from tapescan.core.errors import OptionError
from tapescan.interfaces.cli.live import Page, status
from tapescan.interfaces.cli.main import app
from tapescan.live.day import Merged
from tapescan.live.feed import Bars, Event, Over
from tapescan.live.following import Scanned
from tapescan.live.hours import Clock
from tapescan.live.metrics import SILENT, Metrics
from tapescan.network.serving import served
from tapescan.store import Store
from tapescan.vendors.seam import Plan
from tapescan.vendors.yahoo.vendor import Yahoo
from tests.fakes import FakeMarket, FakeServer
from tests.fakes.streams import Playing
from tests.live.minutes import SESSION, drawn
from tests.live.test_columns import store
from tests.live.test_following import Played

__all__ = ["store"]

SMALL = ("--pace", "0", "--no-models", "--top", "5")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tapescan.api.live, "SYMBOLS", 150)
    monkeypatch.setattr(tapescan.api.live, "SESSIONS", 280)
    monkeypatch.delenv("TAPESCAN_STORE", raising=False)


def live(*words: str) -> Result:
    return CliRunner().invoke(app, ["live", *SMALL, *words])


class Compiling:
    """A thread that compiles for some minutes."""

    def __init__(self, minutes: int) -> None:
        self.left = minutes

    def is_alive(self) -> bool:
        self.left -= 1
        return self.left >= 0


def test_while_kernels_compile_the_most_traded_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def beside(request: object) -> Iterator[Compiling]:
        yield Compiling(3)  # once to see that it does, and two minutes

    monkeypatch.setattr(tapescan.api.live, "_compiled_beside", beside)
    minutes = [*follow_market(pace=0.0, models=False, times=4, top=5, early=True)]
    assert [one.result is None for one in minutes] == [True, True, False, False]
    page, wide = Page(5), Console(width=140, height=40, file=io.StringIO())
    page.take(minutes[0])
    assert "most traded: " in page.line
    wide.print(page.drawn(minutes[0], wide))
    text = wide.file.getvalue()  # type: ignore[attr-defined]
    assert "$ million" in text
    assert "Kernels compile" in text
    assert minutes[0].quotes is not None
    assert all(symbol in text for symbol in minutes[0].quotes["symbol"])
    assert len(minutes[0].to_dict(5)["quotes"]) == 5
    page.take(minutes[2])
    assert "list: " in page.line


def test_a_line_a_minute_where_there_is_no_terminal() -> None:
    done = live("--times", "3", "--features", "vwap,m5.close")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert [re.match(r"SIMULATED  \d{4}-\d\d-\d\d (\d\d:\d\d)  simulated  ", line)[1] for line in lines] == [  # type: ignore[index]
        "09:31", "09:32", "09:33",
    ]  # fmt: skip
    assert re.search(r"[\d,]+ traded this minute, [\d,]+ of [\d,]+ so far  lag [\d,]+ ms", lines[0])
    assert "list: " in lines[0]
    assert done.stderr.count("a SIMULATED session: invented companies, no real prices") == 1
    assert done.stderr.startswith("simulating a market ...")


def test_json_has_a_line_a_minute_that_says_who_moved() -> None:
    done = live("--times", "12", "--json")
    assert done.exit_code == 0, done.output
    every = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["clock"] for one in every] == [f"09:{minute}" for minute in range(31, 43)]
    assert every[0]["changes"] is None
    changed = 0
    for before, one in pairwise(every):
        then, now = ([row["symbol"] for row in each["scan"]["rows"]] for each in (before, one))
        assert len(now) == 5
        assert one["changes"]["entered"] == [symbol for symbol in now if symbol not in then]
        assert {left["symbol"] for left in one["changes"]["left"]} == {*then} - {*now}
        moved = [
            {"symbol": symbol, "from": then.index(symbol) + 1, "to": now.index(symbol) + 1}
            for symbol in now
            if symbol in then and then.index(symbol) != now.index(symbol)
        ]
        assert one["moved"] == moved
        changed += len(moved) + len(one["changes"]["entered"])
        assert one["simulated"] is True
        assert one["scan"]["provenance"]["data"]["live"]["minute"] == one["clock"]
    assert changed > 0


def test_once_is_a_minute_shown_as_a_scan_is() -> None:
    done = live("--once")
    assert done.exit_code == 0, done.output
    assert "Coverage: 150 requested" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("SIMULATED  ")
    assert "4% of a session's volume is usual by then" in done.stderr
    assert json.loads(live("--once", "--json").stdout)["clock"] == "09:31"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--once", "--times", "2"), "--once and --times are both given"),
        (("--source", "nobody"), "none is named"),
        (("--session", "2025-12-25", "--times", "1"), "no session of the exchange"),
        (("--where", "close > vwapp"), "did you mean vwap"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: tuple[str, ...], message: str) -> None:
    done = live(*words)
    assert done.exit_code != 0
    assert message in str(done.exception)


@pytest.mark.parametrize("refused", [False, True])
def test_a_vendor_that_is_asked_each_minute_is_followed(
    store: Store, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    """A session that is over comes at once; who is not followed is told, and a refusal is one line."""
    monkeypatch.setattr(Yahoo, "plans", (Plan("free", 100, 200.0, concurrency=4),))
    rows = drawn(2, end=600)
    with FakeServer("yahoo", FakeMarket(20, 5), limit=(0, 1.0)) as server:
        server.vendor.playing = Playing(rows, Clock(), "yahoo", None)  # type: ignore[arg-type]
        if refused:
            server.misbehave("status", "/v8/", times=None, code=403)
        monkeypatch.setenv("TAPESCAN_YAHOO_URL", server.url)
        done = live("--source", "yahoo", "--store", str(store.path))
    if refused:
        assert done.exit_code != 0
        assert re.fullmatch(r"yahoo: .*HTTP 403.*; Yahoo refuses this address for now; .*", str(done.exception))
        return
    assert done.exit_code == 0, done.output
    (line,) = done.stdout.splitlines()
    ours = store.minutes(SESSION)
    traded = ours.filter(pl.col("minute") >= 570)["symbol"].n_unique()
    assert line.startswith(f"{SESSION} 16:00  yahoo  0 traded this minute, {traded} of 29 so far  lag ")
    assert "yahoo: the 24 symbols that matter most are followed, of 29" in done.stderr
    assert "yahoo's interface is unofficial and its limit a guess" in done.stderr
    assert 20 <= ours["symbol"].n_unique() <= 24
    true = rows.filter(pl.col("symbol").is_in(ours["symbol"].unique().implode()))
    values = ["symbol", "minute", "open", "high", "low", "close", "volume"]
    assert ours.select(values).sort(values).equals(true.select(values).sort(values))


# --- the page -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def minutes() -> Iterator[list[LiveMinute]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tapescan.api.live, "SYMBOLS", 150)
        patch.setattr(tapescan.api.live, "SESSIONS", 280)
        patch.delenv("TAPESCAN_STORE", raising=False)
        yield list(follow_market(pace=0, times=10, models=False, top=5))


@pytest.mark.parametrize(("width", "height"), [(30, 12), (80, 24), (200, 50)])
def test_a_page_fits_its_terminal(minutes: list[LiveMinute], width: int, height: int) -> None:
    page, text = Page(20), io.StringIO()
    console = Console(file=text, width=width, height=height, force_terminal=True, color_system=None)
    for one in minutes:
        page.take(one)
    console.print(page.drawn(minutes[-1], console))
    lines = text.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    assert lines[0].startswith("SIMULATED")
    assert minutes[-1].result is not None
    assert any(minutes[-1].result.symbols[0] in line for line in lines)
    assert len(lines) <= max(height, 16)


def test_a_page_keeps_what_happened_last(minutes: list[LiveMinute]) -> None:
    page = Page(5)
    for one in minutes:
        page.take(one)
    assert page.happened
    assert all(re.match(r"09:\d\d  (list|entered|left|moved): ", line) for line in page.happened)


def test_a_minute_that_lacks_bars_is_marked(minutes: list[LiveMinute]) -> None:
    partial = msgspec.structs.replace(minutes[0], partial=True, simulated=False, delay=900.0, corrected=3)
    assert status(partial).endswith("PARTIAL")
    assert "15 min behind" in status(partial)
    assert "3 corrected" in status(partial)
    assert "SIMULATED" not in status(partial)


# --- metrics --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rules", "said"), [("pullback", ""), ("no-such-rules", "no-such-rules")])
def test_minutes_are_judged_by_rules_where_some_are_named(rules: str, said: str) -> None:
    done = live("--times", "2", "--json", "--alerts", rules)
    assert (done.exit_code == 0) == (not said), done.output
    assert said in str(done.exception or "")


def read(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 (this machine's)
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scanned(minute: int, *, lost: bool = False) -> Scanned:
    return Scanned(SESSION, minute, None, 3, 4, 5, Merged(7, 2, 1, 1), 0.25, lost=lost)


def test_metrics_and_health_are_served_on_this_machine() -> None:
    now = [0.0]
    metrics = Metrics(outbox=lambda: 4, clock=lambda: now[0])
    with served(metrics.pages, 0) as port:
        at = f"http://127.0.0.1:{port}"
        assert json.loads(read(f"{at}/health")[1])["status"] == "starting"
        metrics(scanned(600))
        metrics(scanned(603))
        code, text = read(f"{at}/metrics?x=1")
        assert code == 200
        values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert values["tapescan_missed_minutes_total"] == "4"  # two passed over, two without a scan
        assert values["tapescan_minutes_total"] == "2"
        assert values["tapescan_feed_lag_seconds"] == "0.25"
        assert values['tapescan_bars_total{kind="corrected"}'] == "4.0"
        assert values["tapescan_outbox_depth"] == "4"
        assert (read(f"{at}/health")[0], json.loads(read(f"{at}/health")[1])["status"]) == (200, "ok")
        metrics(scanned(604, lost=True))
        assert (read(f"{at}/health")[0], json.loads(read(f"{at}/health")[1])["status"]) == (503, "partial")
        metrics(scanned(605))
        now[0] = SILENT + 1.0
        assert json.loads(read(f"{at}/health")[1])["status"] == "silent"
        assert read(f"{at}/none")[0] == 404
        with pytest.raises(OptionError, match=f"metrics: port {port} cannot be had"), served({}, port):
            pass
    with pytest.raises(urllib.error.URLError):
        read(f"{at}/metrics")


def test_every_line_of_metrics_is_of_the_format(minutes: list[LiveMinute]) -> None:
    metrics = Metrics()
    one = minutes[-1]
    metrics(Scanned(one.session, 580, one.result, 3, 4, 5, Merged(), 0.25))
    text = metrics.pages["/metrics"]()[2]
    sample = re.compile(r'tapescan_[a-z_]+(\{[a-z]+="[^"\\\n]*"\})? -?[0-9.e+-]+')
    for line in text.splitlines():
        assert line.startswith(("# HELP tapescan_", "# TYPE tapescan_")) or sample.fullmatch(line), line
    assert 'tapescan_stage_seconds{stage="features"}' in text


# --- its end --------------------------------------------------------------------------------------------------


@dataclass
class Stalling(Played):
    """Brings what it is given, then waits."""

    async def events(self, session: object, since: int, symbols: object = ()) -> AsyncIterator[Event]:
        del session, since, symbols
        for event in self.given:
            await asyncio.sleep(0)
            yield event
        await asyncio.sleep(3600)


def test_who_stops_reading_between_two_minutes_leaves_all_that_came_stored(store: Store) -> None:
    rows = drawn(2, begin=570, end=580)
    first, more = rows.filter(pl.col("minute") < 571), rows.filter(pl.col("minute") >= 571)
    seen = follow_market(
        store, source=Stalling([Bars(first), Over(571), Bars(more)]), session=SESSION, models=False
    )  # fmt: skip
    assert next(seen).clock == "09:31"
    time.sleep(0.5)
    begin = time.monotonic()
    seen.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begin < 8.0
    assert len(store.minutes(SESSION)) == len(rows)


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    code = (
        "import sys, tapescan.api.live as live; live.SYMBOLS, live.SESSIONS = 150, 280\n"
        "from tapescan.interfaces.cli.main import main; sys.argv[0] = 'tapescan'; main()"
    )
    words = [sys.executable, "-c", code, "live", "--pace", "0.3", "--no-models"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert child.stdout is not None
    assert child.stdout.readline().startswith("SIMULATED")
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    assert "stopped; what came until now is stored" in err
    assert "Traceback" not in out + err
