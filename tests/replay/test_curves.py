"""The accounts that are drawn: they are those that the statistics are made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tapescan.replay.curves import net_over_eligible, trace_accounts
from tapescan.replay.returns import DRAWS, SessionReturns
from tapescan.replay.statistics import measure_replay
from tests.replay.made import Made, made, with_picks

#: Every weekday, more than enough.
SESSIONS = np.arange(16_000, 20_000, dtype=np.int32)

HELD: dict[str, Any] = {"hold": 5, "every": 1, "cost": 10.0, "short": False}


def record(seed: int = 1, **more: Any) -> SessionReturns:
    found = made(seed, Made(sessions=120, every=1, **more))
    return replace(found, session=SESSIONS[100 : 100 + len(found)])


def traced(returns: SessionReturns, **more: Any) -> pl.DataFrame:
    return trace_accounts(returns, SESSIONS, **(HELD | more))


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize(("hold", "every"), [(5, 1), (5, 2), (1, 1)])
def test_an_account_ends_and_falls_as_the_statistics_say(hold: int, every: int, short: bool) -> None:
    returns = made(3, Made(sessions=90, every=every, horizons=(hold,), edge=0.0004))
    returns = replace(returns, session=SESSIONS[50 : 50 + 90 * every : every])
    terms: dict[str, Any] = {"hold": hold, "every": every, "cost": 10.0, "short": short}
    found = trace_accounts(returns, SESSIONS, **terms)
    growth = measure_replay(returns, **terms).growth
    for name in ("net", "picks", "eligible", "index"):
        account = found[name].to_numpy()
        assert account[0] == 1.0
        assert (account / np.maximum.accumulate(account) - 1.0).min() == pytest.approx(growth[name].drawdown)
    if hold == 1:
        years = len(found[1:]) / (252 / every)
        assert found["net"][-1] == pytest.approx((1.0 + growth["net"].annual) ** years)


def test_a_row_is_the_session_at_whose_open_the_cohort_ends() -> None:
    found = traced(record())
    numbers = found["session"].to_physical().to_numpy()
    # The first is bought at the open after its session, 100, and sold five sessions later.
    assert numbers[:3].tolist() == [SESSIONS[101], SESSIONS[106], SESSIONS[107]]
    assert len(found) == 121


def test_nine_of_ten_players_lie_in_the_band_and_pay_what_the_picks_pay() -> None:
    returns = record(horizons=(5,))
    alike = replace(returns, matched={5: np.repeat(returns.picks[5][:, None], DRAWS, axis=1)})
    found = traced(alike)
    np.testing.assert_allclose(found["matched_low"], found["net"])
    np.testing.assert_allclose(found["matched_high"], found["net"])
    spread = replace(returns, matched={5: returns.matched[5] * 0.0 + np.linspace(-0.01, 0.01, DRAWS)})
    low, high = (traced(spread, cost=0.0)[name].to_numpy()[1] for name in ("matched_low", "matched_high"))
    # Of a fifth of the account, once.
    assert (low - 1.0, high - 1.0) == pytest.approx((-0.0018, 0.0018), rel=1e-6)


def test_without_picks_the_money_is_in_cash_and_the_market_goes_on() -> None:
    returns = record()
    idle = np.arange(len(returns)) < 40
    picked = np.where(idle, 0, returns.picked)
    nothing = replace(returns, picked=picked, new=np.where(idle, np.nan, returns.new))
    nothing = with_picks(nothing, 5, np.where(idle, np.nan, returns.picks[5]))
    nothing = replace(nothing, matched={5: np.where(idle[:, None], np.nan, returns.matched[5])})
    found = traced(nothing)[:41]
    for name in ("net", "picks", "matched_low", "matched_high"):
        assert set(found[name].to_list()) == {1.0}
    assert found["eligible"].n_unique() == 41


def test_what_is_not_known_is_left_out_and_an_index_that_is_not_there_is_null() -> None:
    returns = record()
    late = np.arange(len(returns)) >= 100
    cut = with_picks(returns, 5, np.where(late, np.nan, returns.picks[5]))
    cut = replace(cut, index={5: np.full(len(returns), np.nan)})
    found = traced(cut)
    assert len(found) == 101
    assert found["index"].null_count() == 101
    np.testing.assert_array_equal(found["net"], traced(returns)["net"][:101])
    assert traced(with_picks(returns, 5, np.full(len(returns), np.nan))).is_empty()


def test_the_lead_of_each_session_has_the_mean_of_the_statistics() -> None:
    returns = record(edge=0.0002)
    for short in (False, True):
        ahead = net_over_eligible(returns, **(HELD | {"short": short}))
        found = measure_replay(returns, hold=5, every=1, cost=10.0, short=short)
        assert ahead.mean() == pytest.approx(found.held.net_over_eligible.mean)
