"""What vendors' streams send, read: bars in our columns, words, and what cannot be read."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import msgspec
import pytest

from tapescan.core.errors import VendorError
from tapescan.live.day import MINUTES
from tapescan.vendors.registry import load_vendor
from tapescan.vendors.streams import Gap, load_minutes, load_stream, polled, streaming, table_of
from tests.fakes.reply import KEY, SECRET

#: 2021-01-08 17:24 New York, and 14:15 on 2021-02-22.
_MASSIVE = b"""[{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,
 "h":0.4489,"l":0.4486,"a":0.4352,"z":685,"s":1610144640000,"e":1610144700000},
 {"ev":"AM","sym":"KIMpL","v":1.5,"o":25.9,"c":25.9,"h":25.9,"l":25.9,"s":1610144640000,"e":1610144700000}]"""
_ALPACA = b"""[{"T":"d","S":"SPY","o":387.5,"h":390,"l":386,"c":388,"v":1,"t":"2021-02-22T05:00:00Z","n":1,"vw":388},
 {"T":"b","S":"SPY","o":388.985,"h":389.13,"l":388.975,"c":389.12,"v":49378,"t":"2021-02-22T19:15:00Z","n":461,
  "vw":389.0626},
 {"T":"u","S":"KIM.PRL","o":26,"h":26,"l":26,"c":26,"v":10,"t":"2021-02-22T19:15:00Z"}]"""


def test_massives_minutes() -> None:
    heard = load_stream("massive").read(_MASSIVE)
    assert (heard.bad, heard.stage, heard.error) == (0, "", None)
    rows = table_of(heard.bars)
    assert dict(rows.schema) == MINUTES
    day = dt.date(2021, 1, 8)
    assert rows.drop("received").rows() == [
        ("GTE", day, 17 * 60 + 24, 0.4488, 0.4489, 0.4486, 0.4486, 4110.0, 0.4488, 0.4372),
        ("KIM^L", day, 17 * 60 + 24, 25.9, 25.9, 25.9, 25.9, 1.5, None, None),
    ]


def test_alpacas_minutes_with_the_open_of_its_daily_bar() -> None:
    rows = table_of(load_stream("alpaca").read(_ALPACA).bars)
    assert dict(rows.schema) == MINUTES
    day = dt.date(2021, 2, 22)
    assert rows.drop("received").rows() == [
        ("SPY", day, 14 * 60 + 15, 388.985, 389.13, 388.975, 389.12, 49378.0, 389.0626, 387.5),
        ("KIM^L", day, 14 * 60 + 15, 26.0, 26.0, 26.0, 26.0, 10.0, None, None),
    ]


def test_no_bars_are_an_empty_table() -> None:
    assert dict(table_of([]).schema) == MINUTES


@pytest.mark.parametrize(("name", "good"), [("massive", _MASSIVE), ("alpaca", _ALPACA)])
def test_what_cannot_be_read_is_counted_and_what_is_beside_it_kept(name: str, good: bytes) -> None:
    stream = load_stream(name)
    for bad in (b"", b"{", b"[", b"\xff\xfe", b"null", b'"text"', good[: len(good) // 2], b"[" * 5000):
        heard = stream.read(bad)
        assert heard.bad >= 1, bad[:20]
        assert not heard.bars
    spoilt = [
        b'{"ev":"AM","T":"b","sym":"A","S":"A","s":"soon","t":"soon"}',  # a time that is none
        b'{"ev":"AM","T":"b","sym":"A","S":"A","s":1610144640000,"t":"2021-02-22T19:15:00Z"}',  # without values
        b'{"ev":"AM","T":"b","sym":"A","S":"A","s":9e99,"t":"2021-02-22T19:15:00"}',
        b'{"ev":"AM","T":"b","S":"A","sym":"A","o":1,"h":1,"l":1,"c":1,"v":1,"s":1,"t":"1971-01-01T00:00:00Z"}',
        b"7",
    ]
    count = len(stream.read(good).bars)
    for one in spoilt:
        heard = stream.read(good[:-1] + b"," + one + b"]")
        assert (len(heard.bars), heard.bad) == (count, 1), one
    unknown = good[:-1] + b',{"ev":"XYZ","T":"xyz"}]'
    assert (len(stream.read(unknown).bars), stream.read(unknown).bad) == (count, 0)


def test_words_and_errors() -> None:
    def said(name: str, **word: object) -> tuple[str, str, bool]:
        heard = load_stream(name).read(msgspec.json.encode([word]))
        return heard.stage, heard.error.reason if heard.error else "", bool(heard.error and heard.error.fatal)

    assert said("massive", ev="status", status="connected", message="") == ("connected", "", False)
    assert said("massive", ev="status", status="auth_success", message="") == ("authenticated", "", False)
    assert said("massive", ev="status", status="auth_failed", message="no") == ("", "bad_key", True)
    assert said("massive", ev="status", status="max_connections", message="") == ("", "key_in_use", True)
    assert said("alpaca", T="subscription", bars=["*"]) == ("subscribed", "", False)
    codes = {
        402: ("bad_key", True),
        406: ("key_in_use", True),
        407: ("throttled", False),
        409: ("not_entitled", True),
        500: ("server_error", False),
    }
    for code, expected in codes.items():
        assert said("alpaca", T="error", code=code, msg="why") == ("", *expected)


def test_what_is_sent() -> None:
    keys = {"TAPESCAN_MASSIVE_KEY": KEY, "TAPESCAN_ALPACA_KEY": KEY, "TAPESCAN_ALPACA_SECRET": SECRET}
    assert msgspec.json.decode(load_stream("massive").authentication(keys)) == {"action": "auth", "params": KEY}
    assert msgspec.json.decode(load_stream("massive").subscription()) == {"action": "subscribe", "params": "AM.*"}
    sent = msgspec.json.decode(load_stream("alpaca").authentication(keys))
    assert sent == {"action": "auth", "key": KEY, "secret": SECRET}
    sent = msgspec.json.decode(load_stream("alpaca").subscription())
    assert sent == {"action": "subscribe", "bars": ["*"], "updatedBars": ["*"], "dailyBars": ["*"]}


def test_alpaca_is_asked_first_for_those_that_matter_most() -> None:
    asked: list[str] = []

    class Taken:
        async def get(self, path: str, decoder: Any, params: dict[str, str]) -> Any:
            del path
            asked.extend(params["symbols"].split(","))
            return decoder.decode(b'{"next_page_token":null,"bars":{}}')

    symbols = [f"S{at:03d}" for at in range(500, 0, -1)]
    gap = Gap(dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC), dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC), symbols, 9)

    async def fill() -> None:
        async for _ in load_stream("alpaca").fill(gap, Taken()):  # type: ignore[arg-type]
            pass

    asyncio.run(fill())
    assert asked == symbols


@pytest.mark.parametrize("name", [*streaming(), *polled()])
def test_each_plan_has_a_way_over_the_vendors_own_hosts_or_says_that_it_has_none(name: str) -> None:
    load = load_stream if name in streaming() else load_minutes
    vendor, ways = load_vendor(name), 0
    for plan in vendor.plans:
        if (name, plan.name) == ("massive", "free"):
            with pytest.raises(VendorError, match="no stream") as caught:
                load(name).way(plan)
            assert caught.value.reason == "not_entitled"
            assert "TAPESCAN_MASSIVE_PLAN" in caught.value.hint
            continue
        way = load(name).way(plan)
        ways += 1
        assert way.host in vendor.hosts
        assert bool(way.delay) == ("15 minutes behind" in way.note)
        assert way.fetched_after >= way.delay
    assert ways
