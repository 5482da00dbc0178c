"""Cards of what goes wrong: networks and answers, keys and addresses."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tapescan.core.errors import VendorError
from tests.fakes import KEY, SECRET
from tests.vendors.card import card, keyed, network
from tests.vendors.cases import STEADY, Bench, Got, Place
from tests.vendors.conftest import SHORT


def broken(place: Place, kind: str, times: int | None = None, **how: Any) -> None:
    """The main ask's answers go wrong from now on."""
    assert place.server is not None
    place.server.misbehave(kind, path=place.case.path, times=times, **how)


def refused(place: Place, *reasons: str, **how: Any) -> VendorError:
    """The error that the main ask ends with, for one of these reasons."""
    with pytest.raises(VendorError) as caught:
        place.fetch(**how)
    assert caught.value.reason in reasons, caught.value
    return caught.value


def same(one: Got, other: Got) -> None:
    """Nothing lost, nothing invented, in whatever order it came."""
    assert [table for table, _ in one.all] == [table for table, _ in other.all]
    for (table, rows), (_, expected) in zip(one.all, other.all, strict=True):
        assert rows.equals(expected), table


# --- answers that are wrong ---------------------------------------------------------------------------


@card("P10", "an answer cut short is refused, and one with fewer rows than it says itself")
def cut_short(bench: Bench) -> None:
    with bench.place() as place:
        if place.server is None:
            path = Path(place.via.partition("?")[0])
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
            refused(place, "bad_reply")
            return
        broken(place, "bad_json")
        refused(place, "bad_reply", "truncated")
        if bench.case.counts:
            place.server.behave()
            broken(place, "truncate_rows")
            refused(place, "truncated")


@card("P11", "an error in the body is an error, whatever the status", network)
def error_under_200(bench: Bench) -> None:
    with bench.place() as place:
        broken(place, "error_200")
        refused(place, "bad_reply", "server_error", "not_entitled", "unknown_symbol")


@card("P12", "a page instead of data is refused", network)
def wrong_type(bench: Bench) -> None:
    with bench.place() as place:
        broken(place, "wrong_type")
        assert "maintenance" in str(refused(place, "bad_reply"))


@card("P13", "a vendor that goes silent is given up after its time", network)
def silence(bench: Bench) -> None:
    patience = replace(SHORT, silence=0.3)
    for kind in ("hang", "stall"):
        with bench.place() as place:
            broken(place, kind)
            begun = time.monotonic()
            refused(place, "unreachable", "truncated", patience=patience)
            longest = patience.attempts * (patience.silence + patience.longest_wait + patience.first_wait)
            assert time.monotonic() - begun < longest + 1.5, kind


@card("P14", "a compressed answer cut short is refused", network)
def cut_gzip(bench: Bench) -> None:
    with bench.place() as place:
        broken(place, "cut_gzip")
        refused(place, "truncated", "bad_reply", "unreachable")


@card("P15", "a broken connection is tried again, then reported", network)
def reset(bench: Bench) -> None:
    with bench.place() as place:
        expected = place.fetch()
        broken(place, "reset", times=1)
        got = place.fetch()
        same(got, expected)
        assert got.link.traffic.retries >= 1
        broken(place, "reset")
        refused(place, "unreachable", "truncated")


@card(
    "P16",
    "after too many requests the vendor's own pause is kept, and the run ends where a second try prolongs it",
    network,
)
def retry_after(bench: Bench) -> None:
    with bench.place() as place:
        assert place.server is not None
        expected = place.fetch()
        place.server.requests.clear()
        broken(place, "status", times=1, code=429, retry_after=1)
        if bench.case.blocks:
            assert refused(place, "throttled").fatal
            assert len(place.server.requests) == 1
            return
        same(place.fetch(), expected)
        asked = [seen for seen in place.server.requests if re.search(bench.case.path, seen.path)]
        at = next(number for number, seen in enumerate(asked) if seen.status == 429)
        # What was under way at the same time may still arrive; the next of all leaves after the pause.
        after = [seen.at - asked[at].ended for seen in asked[at + 1 :]]
        assert sum(wait < 0.95 for wait in after) < bench.case.plan.concurrency
        assert not [wait for wait in after if 0.3 < wait < 0.95]
        assert max(after) >= 0.95


@card("P17", "a failing server is tried again, then reported", network)
def server_error(bench: Bench) -> None:
    with bench.place() as place:
        expected = place.fetch()
        broken(place, "status", times=2, code=503)
        same(place.fetch(), expected)
        broken(place, "status", code=503)
        refused(place, "server_error")


@card("P18", "an answer larger than any that is plausible is refused, packed or not", network)
def huge(bench: Bench) -> None:
    for packed in (False, True):
        with bench.place() as place:
            broken(place, "huge", megabytes=40, compressed=packed)
            refused(place, "too_large", patience=replace(STEADY, body=4_000_000))


# --- keys and addresses -------------------------------------------------------------------------------


@card("P19", "no key in an address, an error or a repr", keyed)
def keys_stay_secret(bench: Bench) -> None:
    shown = []
    for kind, how in (
        ("status", {"code": 500}),
        ("status", {"code": 403}),
        ("error_200", {}),
        ("redirect", {}),
        ("wrong_type", {}),
        ("reset", {}),
    ):
        with bench.place() as place:
            assert place.server is not None
            link = place.open_from_environment(bench.monkeypatch)
            broken(place, kind, **how)
            with pytest.raises(VendorError) as caught:
                place.fetch(link=link)
            shown += [str(caught.value), repr(caught.value), repr(link), repr(link.traffic)]
            shown += [f"{seen.path}?{seen.query}" for seen in place.server.requests]
            assert all(seen.headers["host"] == place.url.removeprefix("http://") for seen in place.server.requests)
    assert not [text for text in shown if KEY in text or SECRET in text]


@card("P20", "a wrong key ends the run, and is not tried again", keyed)
def bad_key(bench: Bench) -> None:
    with bench.place() as place:
        assert place.server is not None
        wrong = {key.name: "not-the-key-42" for key in bench.case.made.keys if key.secret}
        error = refused(place, "bad_key", keys={**bench.case.keys, **wrong})
        assert error.fatal
        assert len(place.server.requests) == 1
        assert "not-the-key-42" not in str(error)


@card("P21", "its address comes from the environment")
def address_from_environment(bench: Bench) -> None:
    with bench.place() as place:
        if place.server is None:
            bench.monkeypatch.setenv("TAPESCAN_STOOQ_PATH", place.via)
            assert len(place.fetch(place.ask(via="")).rows("bars"))
            return
        link = place.open_from_environment(bench.monkeypatch)
        ask = place.ask()
        got = place.fetch(replace(ask, symbols=ask.symbols[:2]), link=link)
        assert sum(len(rows) for _, rows in got.all)
        assert place.server.requests
