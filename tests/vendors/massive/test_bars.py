"""Massive: every row against the invented market's truth, and what is done about answers that are wrong."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import polars as pl
import pytest

from tapescan.core.errors import OptionError
from tapescan.market import calendar
from tapescan.market.clock import final_at, ready_at
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Patience
from tapescan.vendors.massive import bars as massive_bars
from tapescan.vendors.massive.files import ACCESS_KEY, SECRET_KEY, signed
from tapescan.vendors.massive.vendor import KEY, Massive, to_vendor
from tests.fakes import SPECIAL, FakeMarket, FakeServer, spelled
from tests.vendors.conftest import fetch, good_keys, problems, rows
from tests.vendors.massive.asking import END, NOW, ask, refusal, scripted

PATIENT = Patience(silence=20.0, whole=60.0)


# --- bars ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", ["", "files"])
def test_every_bar_is_the_truth(market: FakeMarket, server: FakeServer, via: str) -> None:
    """Across splits, the end of daylight saving, late listings and delistings; the file's column order is its own."""
    batches, _ = fetch(Massive(), ask("bars", *market.sessions, via=via), server.url, patience=PATIENT)
    got = rows(batches, "bars")
    assert got["adjusted_to"].null_count() == len(got)
    assert got.drop("adjusted_to").sort("symbol", "session").equals(market.truth())
    assert not problems(batches)
    assert len(server.requests) == len(market.sessions)


def test_one_request_a_session_asks_for_raw_listed_bars(server: FakeServer) -> None:
    fetch(Massive(), ask("bars", END), server.url)
    (seen,) = server.requests
    assert seen.query == {"adjusted": "false", "include_otc": "false"}
    assert seen.headers["authorization"].startswith("Bearer ")


def test_calls_are_named_for_ever(market: FakeMarket) -> None:
    sessions = market.sessions[-2:]
    first = Massive().calls(ask("bars", *sessions))
    later = Massive().calls(ask("bars", *sessions, now=NOW + dt.timedelta(hours=3)))
    assert [call.key for call in first] == [call.key for call in later] == [f"bars/{day}" for day in sessions]
    assert first[0].final_at == final_at(sessions[0])
    assert Massive().calls(ask("bars", END, via="files"))[0].key != first[1].key


@pytest.mark.parametrize("via", ["", "files"])
def test_a_day_without_bars_is_early_or_a_hole(market: FakeMarket, server: FakeServer, via: str) -> None:
    after = calendar.next_session(market.end)
    close = ready_at(after, 0)
    assert refusal(ask("bars", after, now=close + dt.timedelta(minutes=5), via=via), server.url).reason == "not_ready"
    late = final_at(after) + dt.timedelta(minutes=1)
    assert refusal(ask("bars", after, now=late, via=via), server.url).reason == "empty"


def test_an_unfinished_session_is_not_asked_for(server: FakeServer) -> None:
    noon = ready_at(END, -240)
    assert refusal(ask("bars", END, now=noon), server.url).reason == "not_ready"
    assert not server.requests


def test_the_free_plans_refusal_of_today_is_not_ready() -> None:
    message = "Attempted to request today's data before end of day. Please upgrade your plan"
    with FakeServer(scripted({r"/v2/.*": ({"status": "NOT_AUTHORIZED", "message": message}, 403)})) as server:
        assert refusal(ask("bars", END), server.url).reason == "not_ready"


@pytest.mark.parametrize(
    ("kind", "how", "reason"),
    [
        ("truncate_rows", {}, "truncated"),
        ("adjusted_anyway", {}, "adjusted"),
        ("wrong_date", {}, "wrong_day"),
        ("error_200", {}, "bad_reply"),
        ("error_200", {"code": 401}, "bad_key"),
        ("error_200", {"code": 403}, "not_entitled"),
        ("error_200", {"code": 429}, "throttled"),
        ("wrong_type", {}, "bad_reply"),
        ("bad_json", {}, "bad_reply"),
        ("null_prices", {"rows": 100_000}, "bad_reply"),
        ("status", {"code": 403}, "not_entitled"),
        ("redirect", {}, "bad_reply"),
    ],
)
def test_a_wrong_answer_is_refused_whole(server: FakeServer, kind: str, how: dict[str, Any], reason: str) -> None:
    server.misbehave(kind, times=None, **how)
    assert refusal(ask("bars", END), server.url).reason == reason


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("wrong_date", "wrong_day"), ("wrong_type", "bad_reply"), ("bad_json", "truncated"), ("cut_gzip", "truncated")],
)
def test_a_wrong_file_is_refused_whole(server: FakeServer, kind: str, reason: str) -> None:
    server.misbehave(kind, times=None)
    assert refusal(ask("bars", END, via="files"), server.url).reason == reason


@pytest.mark.parametrize("via", ["", "files"])
def test_rows_without_a_price_are_left_out_and_told(market: FakeMarket, server: FakeServer, via: str) -> None:
    server.misbehave("null_prices", rows=3)
    batches, _ = fetch(Massive(), ask("bars", END, via=via), server.url)
    got, found = rows(batches, "bars"), problems(batches)
    assert [problem.reason for problem in found] == ["refused_rows"] * 3
    truth = market.truth(END, END)
    assert set(truth["symbol"]) - set(got["symbol"]) == {problem.symbol for problem in found}
    assert len(got) == len(truth) - 3


def test_a_stray_row_of_another_day_is_left_out() -> None:
    moment = int(dt.datetime(2026, 11, 20, 21, tzinfo=dt.UTC).timestamp() * 1000)
    bar = {"o": 1.0, "h": 1.0, "l": 1.0, "c": 1.0, "v": 5}
    found = [{"T": f"AA{place:03d}", "t": moment - (place == 7) * 86_400_000, **bar} for place in range(200)]
    document = {"status": "OK", "adjusted": False, "resultsCount": 200, "results": found}
    with FakeServer(scripted({r"/v2/.*": (document, 200)})) as server:
        batches, _ = fetch(Massive(), ask("bars", END), server.url)
    assert "AA007" not in rows(batches, "bars")["symbol"]
    assert [(problem.reason, problem.symbol) for problem in problems(batches)] == [("refused_rows", "AA007")]


def test_a_text_where_a_price_should_be_is_refused() -> None:
    document = {"status": "OK", "adjusted": False, "resultsCount": 1, "results": [{"T": "AA", "c": "1.5"}]}
    with FakeServer(scripted({r"/v2/.*": (document, 200)})) as server:
        assert refusal(ask("bars", END), server.url).reason == "bad_reply"


def test_twice_told_and_shuffled_rows_pass(market: FakeMarket, server: FakeServer) -> None:
    server.misbehave("shuffle_rows")
    server.misbehave("duplicate_rows", rows=5)
    batches, _ = fetch(Massive(), ask("bars", END), server.url)
    got = rows(batches, "bars").drop("adjusted_to")
    assert got.unique().sort("symbol").equals(market.truth(END, END))
    assert len(got) == len(market.truth(END, END)) + 5


def test_named_symbols_and_why_they_did_not_come(market: FakeMarket, server: FakeServer) -> None:
    named = ("AAPL", "KIM^L", "GONE", "HALT", "NOBODY")
    halted = market.sessions[len(market.sessions) // 2]
    batches, _ = fetch(Massive(), ask("bars", halted, symbols=named), server.url)
    assert rows(batches, "bars")["symbol"].sort().to_list() == ["AAPL", "KIM^L"]
    found = {problem.symbol: problem.reason for problem in problems(batches)}
    assert found["HALT"] == "no_trades"
    assert found["NOBODY"] == "unknown_symbol"
    batches, _ = fetch(Massive(), ask("bars", END, symbols=named), server.url)
    assert {problem.symbol: problem.reason for problem in problems(batches)} == {
        "GONE": "delisted",
        "NOBODY": "unknown_symbol",
    }


@pytest.mark.parametrize("via", ["", "files"])
def test_a_bad_key_ends_everything_and_is_not_shown(server: FakeServer, via: str) -> None:
    keys = {KEY: "wrong-horse", ACCESS_KEY: "wrong-horse", SECRET_KEY: "battery-staple"}
    error = refusal(ask("bars", END, via=via), server.url, keys=keys)
    assert (error.reason, error.fatal) == ("bad_key", True)
    assert "horse" not in str(error)
    assert "battery" not in str(error)
    assert len(server.requests) == 1


def test_the_file_key_pair_is_asked_for_and_never_sent(server: FakeServer) -> None:
    error = refusal(ask("bars", END, via="files"), server.url, keys={KEY: "test-key"})
    assert (error.reason, error.fatal) == ("no_key", True)
    assert not server.requests
    fetch(Massive(), ask("bars", END, via="files"), server.url)
    assert good_keys(Massive())[SECRET_KEY] not in str(server.requests)


def test_signature_of_amazons_own_example() -> None:
    """The lifecycle example of "Authenticating Requests: Using the Authorization Header" in Amazon's S3 guide."""
    access, secret = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    moment = dt.datetime(2013, 5, 24, tzinfo=dt.UTC)
    headers = signed("https://examplebucket.s3.amazonaws.com/?lifecycle=", access, secret, moment)
    assert headers["Authorization"].endswith(
        "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    )


def test_12_000_rows_become_a_table_at_once() -> None:
    """Under 50 ms on an idle machine; the bound is wide since others may be busy here."""
    row = '{"T":"%s","v":4369.5,"vw":26.04,"o":26.07,"c":25.91,"h":26.25,"l":25.9,"t":%d,"n":74}'
    moment = int(dt.datetime(2026, 11, 20, 21, tzinfo=dt.UTC).timestamp() * 1000)
    text = ",".join(row % (f"S{place:05d}", moment) for place in range(12_000))
    body = f'{{"status":"OK","adjusted":false,"queryCount":12000,"resultsCount":12000,"results":[{text}]}}'

    class Canned:
        async def get(self, _path: str, decoder: Any, _params: Any) -> Any:
            return decoder.decode(body.encode())

    call = Massive().calls(ask("bars", END))[0]
    best = 1.0
    for _ in range(5):
        begun = time.perf_counter()
        with pytest.raises(StopIteration) as finished:
            massive_bars.grouped(call, Canned()).send(None)  # type: ignore[arg-type]
        best = min(best, time.perf_counter() - begun)
    assert len(finished.value.value.rows) == 12_000
    assert best < 0.15


# --- what it offers -----------------------------------------------------------------------------------


def test_what_a_plan_lacks_is_said_before_anything_is_asked() -> None:
    free = Massive.plans[0]
    with pytest.raises(OptionError, match="flat files"):
        Massive().calls(ask("bars", END, plan=free, via="files"))
    with pytest.raises(OptionError, match="snapshot"):
        Massive().calls(ask("snapshot", plan=free))
    with pytest.raises(OptionError, match="carrier pigeon"):
        Massive().calls(ask("bars", END, via="carrier pigeon"))


def test_every_special_symbol_both_ways() -> None:
    theirs = [to_vendor(symbol) for symbol in SPECIAL]
    assert theirs == [spelled(symbol, "massive") for symbol in SPECIAL]
    assert normal_spelling(pl.Series(theirs)).to_list() == list(SPECIAL)
