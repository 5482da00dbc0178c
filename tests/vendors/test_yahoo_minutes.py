"""Yahoo's charts of minutes: what is a minute's bar in them, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from tapescan.live.hours import moment_of
from tapescan.vendors.streams import Gap
from tapescan.vendors.yahoo.bars import Answer, Unusable
from tapescan.vendors.yahoo.minutes import read_minutes

DAY = dt.date(2026, 11, 20)
GAP = Gap(moment_of(DAY, 585), moment_of(DAY, 590), ("ABC",), 1)


def seconds(minute: float, day: dt.date = DAY) -> int:
    return round(moment_of(day, 0).timestamp() + minute * 60.0)


def read(times: list[int], closes: list[float | None], volumes: list[float | None] | None = None, **meta: Any) -> Any:
    """What is read of a chart with these closes, also as its other prices; by default of 100 shares each."""
    quote = dict.fromkeys(("open", "high", "low", "close"), closes)
    result = {
        "meta": {"symbol": "ABC", "dataGranularity": "1m", **meta},
        "timestamp": times,
        "indicators": {"quote": [{**quote, "volume": volumes or [100] * len(closes)}]},
    }
    return read_minutes(msgspec.convert({"chart": {"result": [result]}}, Answer), "ABC", GAP)


def test_single_precision_numbers_are_the_prices_of_the_tape() -> None:
    (bar, _) = read([seconds(585), seconds(589)], [25.909999847412109, 101.12000274658203])
    assert bar == ("ABC", seconds(585), 25.91, 25.91, 25.91, 25.91, 100.0, None, None)


def test_only_whole_minutes_of_the_gap_are_bars() -> None:
    """Not those around it, and no live quote, whatever minute its second lies in."""
    times = [seconds(at) for at in (584, 585, 589, 589.5, 589.97, 590, 590.1)]
    assert [bar.time for bar in read(times, [10.0] * 7)] == [seconds(585), seconds(589)]


def test_rows_without_a_price_or_a_volume_are_left_out() -> None:
    times = [seconds(at) for at in (585, 586, 587)]
    assert [bar.time for bar in read(times, [10.0, None, 10.0], [5, 5, None])] == [seconds(585)]


def test_of_two_rows_of_a_minute_the_later_one_counts() -> None:
    times = [seconds(at) for at in (585, 586, 585)]
    assert [(bar.time, bar.close) for bar in read(times, [10.0, 11.0, 12.0])] == [(times[0], 12.0), (times[1], 11.0)]


def test_a_symbol_that_did_not_trade_has_no_bars() -> None:
    empty = {
        "chart": {"result": [{"meta": {"symbol": "ABC", "dataGranularity": "1m"}, "indicators": {"quote": [{}]}}]}
    }
    assert read_minutes(msgspec.convert(empty, Answer), "ABC", GAP) == []
    assert read([seconds(590.2)], [10.0]) == []  # a live quote alone
    assert read([seconds(957.0, DAY - dt.timedelta(days=1)) + 7], [10.0]) == []  # of the day before


@pytest.mark.parametrize(
    ("reason", "times", "closes", "meta"),
    [
        ("bad_reply", [585], 1, {"symbol": "OTHER"}),
        ("bad_reply", [585], 1, {"dataGranularity": "1d"}),
        ("bad_reply", [585], 1, {"dataGranularity": "5m"}),
        ("truncated", [585, 586], 1, {}),
        ("wrong_day", [585 - 1440, 586 - 1440], 2, {}),
        ("wrong_day", [585 + 1440], 1, {}),
    ],
)
def test_a_chart_of_something_else_is_refused(
    reason: str, times: list[float], closes: int, meta: dict[str, Any]
) -> None:
    with pytest.raises(Unusable) as caught:
        read([seconds(at) for at in times], [10.0] * closes, **meta)
    assert caught.value.reason == reason
