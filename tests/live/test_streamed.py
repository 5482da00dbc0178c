"""A session followed by a vendor's stream: whatever the stream does, at the end the minutes are the true ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.live.day import Day
from tapescan.live.hours import moment_of
from tapescan.live.sources import feed_of
from tapescan.live.streamed import StreamedFeed
from tests.fakes.reply import KEY
from tests.fakes.streams import Fault
from tests.live.minutes import drawn
from tests.live.streams import EARLY, QUICK, TIMING, Followed, followed, true_minutes

VENDORS = ("massive", pytest.param("alpaca", marks=pytest.mark.long))
#: Heartbeats that a busy machine answers in time.
CALM = replace(QUICK, heartbeat=30.0)


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    return true_minutes()


def check(found: Followed, rows: pl.DataFrame, *, opens: bool = True) -> None:
    """The day holds the true minutes, byte by byte, and nothing else; so do its totals."""
    assert found.error is None
    truth = Day(EARLY)
    truth.merge(rows)
    assert sorted(found.day.symbols) == sorted(truth.symbols), found.lines
    lanes = [found.day.symbols.index(symbol) for symbol in truth.symbols]
    got = np.ascontiguousarray(found.day.minutes[:, :, lanes])
    assert got.tobytes() == np.ascontiguousarray(truth.minutes).tobytes(), found.lines
    for ours, theirs in zip(found.day.totals, truth.totals, strict=True):
        assert ours[lanes].tobytes() == theirs.tobytes()
    if opens:
        assert found.day.bars(780).equals(truth.bars(780))
    assert found.overs[-1] == 780


@pytest.mark.parametrize("vendor", VENDORS)
def test_late_doubled_corrected_and_disordered_bars(
    vendor: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(vendor, rows, monkeypatch=monkeypatch, endurance=CALM, late=0.1, wrong=0.1, doubled=0.1)
    check(found, rows)
    assert found.connections == 1
    assert found.bars > len(rows)
    assert found.overs == sorted(found.overs)


@pytest.mark.long
@pytest.mark.parametrize("vendor", ["massive", "alpaca"])
def test_minutes_before_the_opening_are_fetched_too(vendor: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a feed that begins at 12:30, asked for all of the day."""
    rows = true_minutes(end=775)
    early = drawn(3, 30, 500, 569, EARLY).filter(pl.col("symbol") > "S007").with_columns(official_open=None)
    early = early.with_columns(pl.col("vwap").clip("low", "high"), pl.col("official_open").cast(pl.Float64))
    early = early.filter(pl.col("symbol").is_in(["S020", "S021"]).not_())
    every = pl.concat([early, rows])
    found = followed(vendor, every, since=240, monkeypatch=monkeypatch, endurance=CALM)
    check(found, every, opens=False)
    truth = Day(EARLY)
    truth.merge(every)
    lanes = [found.day.symbols.index(symbol) for symbol in truth.symbols]
    assert np.nansum(truth.premarket.volume) > 0.0
    for ours, theirs in zip(found.day.premarket, truth.premarket, strict=True):
        assert ours[lanes].tobytes() == theirs.tobytes()
    assert found.overs[0] >= 750  # nothing was over before, as far as anybody was told


#: Each at 12:02; lines of which one is told.
_FAULTS = {
    "drop": "the stream ended",
    "close": "the stream ended",
    "half_open": "",
    "silent": "no bar for",
    "malformed": "cannot be read",
    "huge": "larger than any",
    "clock": "minutes to come",
    "auth": "the stream ended",
    "busy": "the stream ended",
    "slow": "slow",
}


_NOW = ("drop", "malformed")


@pytest.mark.parametrize(
    "kind", [one if one in _NOW else pytest.param(one, marks=pytest.mark.long) for one in _FAULTS]
)
@pytest.mark.parametrize("vendor", ["massive", pytest.param("alpaca", marks=pytest.mark.long)])
def test_a_misbehaviour_loses_nothing(
    vendor: str, kind: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    lasts = {"silent": 20.0}.get(kind, 10.0)  # this machine may be busy while it lasts
    found = followed(vendor, rows, [Fault(752.0, kind, lasts)], monkeypatch=monkeypatch)
    check(found, rows, opens=False)
    assert _FAULTS[kind] in found.lines
    if kind not in ("malformed", "clock"):
        assert found.connections >= 2
        assert any(one.lost for one in found.said)
        assert not found.said[-1].lost


@pytest.mark.long
def test_minutes_that_a_stream_leaves_out_are_fetched_without_a_lost_connection(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed("massive", rows, [Fault(755.0, "silent", 3.0)], monkeypatch=monkeypatch, endurance=CALM)
    check(found, rows)
    assert found.connections == 1


@pytest.mark.long
def test_many_misbehaviours_one_after_another(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = ["drop", "clock", "slow", "malformed", "half_open", "auth", "busy", "close", "silent", "drop"]
    faults = [Fault(692.0 + 8 * at, kind, 3.0) for at, kind in enumerate(kinds)]
    found = followed("alpaca", rows, faults, begin=690.0, monkeypatch=monkeypatch)
    check(found, rows, opens=False)
    assert found.connections >= 6


@pytest.mark.long
@pytest.mark.parametrize(("vendor", "plan"), [("massive", "starter"), ("alpaca", "free")])
def test_a_delayed_feed_ends_minutes_by_its_own_time(
    vendor: str, plan: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the stream missed is there for requests when they are a minute later than it."""
    late = replace(TIMING, linger=1500.0)
    found = followed(
        vendor, rows, [Fault(785.0, "drop")], begin=760.0, plan=plan, timing=late, monkeypatch=monkeypatch
    )
    check(found, rows, opens=False)
    for minute, at in found.at.items():
        assert at >= moment_of(EARLY, minute) + dt.timedelta(minutes=15), minute


@pytest.mark.long
def test_a_fast_clock_of_the_vendor_ends_no_minute_early(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    found = followed("massive", rows, [Fault(752.0, "clock", 15.0)], monkeypatch=monkeypatch)
    check(found, rows)
    assert found.at
    for minute, at in found.at.items():
        assert at >= moment_of(EARLY, minute), minute


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_session_of_before_is_fetched_whole(
    vendor: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(vendor, rows, begin=900.0, monkeypatch=monkeypatch)
    check(found, rows, opens=False)
    assert found.overs == [780]
    assert found.connections == 0


def test_a_session_that_is_taken_up_asks_for_what_came_since(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed("alpaca", rows, begin=740.0, since=735, monkeypatch=monkeypatch)
    assert found.error is None
    first = int(np.flatnonzero(~np.isnan(found.day.minutes[:, 3]).all(axis=1))[0]) + 570
    assert 725 <= first <= 735  # minutes that are stored may lack what came late


@pytest.mark.long
def test_a_reader_that_is_too_slow_loses_its_connection_and_no_bar(
    rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded; what does not fit is fetched."""
    little = replace(QUICK, queued=1_000)
    found = followed("alpaca", rows, begin=745.0, endurance=little, monkeypatch=monkeypatch)
    check(found, rows, opens=False)
    assert "wait to be read" in found.lines


# --- who is not let in ----------------------------------------------------------------------------


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_wrong_key_is_one_error_without_the_key(
    vendor: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = followed(vendor, rows, begin=770.0, key="a-wrong-key", monkeypatch=monkeypatch)
    assert isinstance(found.error, VendorError)
    assert (found.error.vendor, found.error.reason) == (vendor, "bad_key")
    assert "a-wrong-key" not in f"{found.error}{found.error.hint}{found.lines}"
    assert found.server is not None
    assert len(found.server.paths()) == 1  # tried once


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_key_that_is_used_by_another_program_is_one_error(
    vendor: str, rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the beginning at once; in the middle when it does not pass."""
    found = followed(vendor, rows, [Fault(771.0, "busy")], begin=770.0, monkeypatch=monkeypatch)
    assert found.error is None  # it passed
    found = followed(
        vendor, rows, [Fault(721.0 + at, "busy") for at in range(0, 40, 2)], begin=720.0, monkeypatch=monkeypatch,
        endurance=replace(QUICK, steady=30.0),
    )  # fmt: skip
    assert isinstance(found.error, VendorError)
    assert found.error.reason == "key_in_use"
    assert "one connection a key" in found.error.hint


def test_a_vendor_that_is_away_is_one_error(monkeypatch: pytest.MonkeyPatch, rows: pl.DataFrame) -> None:
    monkeypatch.setenv("TAPESCAN_MASSIVE_STREAM_URL", "http://127.0.0.1:9")
    found = followed("massive", rows, begin=770.0, monkeypatch=monkeypatch)
    assert isinstance(found.error, VendorError)
    assert found.error.reason == "unreachable"


def test_plans_without_a_stream_and_missing_keys_are_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TAPESCAN_MASSIVE_KEY", "MASSIVE_API_KEY", "POLYGON_API_KEY", "TAPESCAN_MASSIVE_PLAN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(VendorError, match="'free' has no stream"):
        feed_of("massive")
    monkeypatch.setenv("TAPESCAN_MASSIVE_PLAN", "starter")
    with pytest.raises(VendorError, match="needs an API key"):
        feed_of("massive")
    monkeypatch.setenv("TAPESCAN_MASSIVE_KEY", KEY)
    feed = feed_of("massive")
    assert isinstance(feed, StreamedFeed)
    assert feed.delay == dt.timedelta(minutes=15)
    assert "15 minutes behind" in feed.note
    with pytest.raises(OptionError, match="no feed is called 'sec'"):
        feed_of("sec")


@pytest.mark.long
def test_a_gap_that_takes_too_many_requests_is_said(rows: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(TIMING, requests=11)
    found = followed("massive", rows, begin=760.0, timing=few, monkeypatch=monkeypatch)
    assert found.error is None
    assert "symbols are missing: Massive is asked ticker by ticker, at most 11 times" in found.lines
