"""The numbers behind the plots."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import polars as pl
import pytest

from tapescan.replay.report.figures import by_month, drawdown, gains, histogram, per_period
from tests.replay.replays import replayed


def days(count: int, **column: list[float | None]) -> pl.DataFrame:
    begin = dt.date(2023, 11, 29)
    return pl.DataFrame({"session": [begin + dt.timedelta(days=number) for number in range(count)], **column})


def test_a_period_is_the_finest_of_which_there_are_few_enough() -> None:
    rows = days(400, value=[float(number) for number in range(400)])
    assert per_period(rows, "value", 24)[0] == ("2023-11", 0.5)
    assert len(per_period(rows, "value", 15)) == 15
    assert [name for name, _ in per_period(rows, "value", 14)][:3] == ["2023-Q4", "2024-Q1", "2024-Q2"]
    assert [name for name, _ in per_period(rows, "value", 5)] == ["2023", "2024", "2025"]
    assert [name for name, _ in per_period(rows, "value", 1)] == ["2023", "2024", "2025"]


def test_what_is_null_is_in_no_mean() -> None:
    assert per_period(days(4, value=[1.0, None, None, 4.0]), "value", 24) == [("2023-11", 1.0), ("2023-12", 4.0)]
    assert per_period(days(2, value=[None, None]), "value", 24) == []


def test_a_month_and_a_year_count_each_session_alike() -> None:
    found = by_month(days(5, net_over_eligible=[0.01, 0.03, None, -0.01, 0.09]))
    assert found == {2023: {0: pytest.approx(0.03), 11: pytest.approx(0.02), 12: pytest.approx(0.04)}}


def test_every_value_is_in_a_bar() -> None:
    random = np.random.default_rng(3)
    values = [*random.standard_t(2, 999), math.nan]
    found = histogram(values)
    assert found is not None
    assert found.counts.sum() == 999
    assert found.edges[0] > min(values[:-1])
    inner = np.histogram(values[:-1], found.edges)[0]
    np.testing.assert_array_equal(found.counts[1:-1], inner[1:-1])
    same = histogram([2.0] * 5)
    assert same is not None
    assert same.counts.sum() == 5
    assert histogram([math.nan]) is None


def test_a_drawdown_is_below_the_highest_so_far() -> None:
    assert drawdown(pl.Series([1.0, 2.0, 1.5, 2.0, 1.0])).to_list() == [0.0, 0.0, -0.25, 0.0, -0.5]


def test_trades_by_a_plan_are_an_account_of_their_own() -> None:
    held, traded = replayed(), replayed(plan=True)
    assert [one.name for one in gains(held)] == ["picks, net", "all eligible"]
    named = {one.name: one for one in gains(traded)}
    assert list(named) == ["picks, net", "all eligible", "by stop and target, net"]
    own = named["by stop and target, net"]
    within = traded.daily.filter(pl.col("session").is_between(own.days[0], own.days[-1]))
    assert own.percent[-1] == pytest.approx(100.0 * ((1.0 + within["net"]).product() - 1.0))
