"""Every rule of a trade, with a bar that triggers it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from tapescan.replay.trades import Ahead, Rules, Trades, run_holds, run_plans
from tests.replay.bars import HALT, Bar, ahead_of, random_plans, session

FREE = Rules(hold=3)


def trade(
    ahead: Ahead,
    rules: Rules = FREE,
    *,
    long: bool = True,
    entry: float = 10.0,
    stop: float | None = None,
    target: float | None = None,
) -> Trades:
    """A long planned at 10 with its stop at 9 and its target at 12, or a short that mirrors it."""
    way = 1.0 if long else -1.0
    stop = entry - way if stop is None else stop
    target = entry + 2.0 * way if target is None else target
    return run_plans(
        ahead, np.array([long]), np.array([entry]), np.array([stop]), np.array([target]), rules
    )  # fmt: skip


def fill(trades: Trades) -> str:
    return str(trades.fill.values[0])


def end(trades: Trades) -> tuple[str, float, int]:
    """Why it left, at what price, on which column."""
    assert fill(trades) == "filled"
    return str(trades.reason.values[0]), float(trades.exit[0]), int(trades.column[0])


QUIET = session(10.0)


def test_entry_is_the_next_open_and_the_time_exit_a_close() -> None:
    trades = trade(ahead_of((10.1, 10.5, 10.0, 10.2), QUIET, (10.3, 10.9, 10.2, 10.6), QUIET))
    assert trades.entry[0] == 10.1
    assert end(trades) == ("time", 10.6, 2)
    assert not trades.at_open[0]
    assert trades.gross[0] == trades.net[0] == pytest.approx(0.5 / 10.1)
    assert trades.r[0] == pytest.approx(0.5 / 1.1)
    assert trades.r_planned[0] == pytest.approx(0.5 / 1.0)


def test_a_hold_of_one_session_ends_at_its_own_close() -> None:
    assert end(trade(ahead_of((10.0, 10.5, 9.5, 10.4), QUIET), Rules(hold=1))) == ("time", 10.4, 0)


def test_no_bar_on_the_next_session_is_no_trade() -> None:
    trades = trade(ahead_of(HALT, QUIET, QUIET, QUIET))
    assert fill(trades) == "no_bar"
    assert trades.column[0] == -1
    assert np.isnan([trades.entry[0], trades.exit[0], trades.net[0], trades.r[0], trades.mae[0]]).all()


def test_a_bar_without_a_trade_is_no_bar() -> None:
    ahead = ahead_of(QUIET, (8.0, 13.0, 8.0, 8.0), QUIET, QUIET)
    ahead.volume[0, 1] = 0.0
    assert end(trade(ahead))[0] == "time"
    ahead.volume[0, 0] = 0.0
    assert fill(trade(ahead)) == "no_bar"


def test_a_symbol_gone_before_the_entry_is_no_trade() -> None:
    assert fill(trade(ahead_of(HALT, HALT, gone=0))) == "no_bar"


def test_a_pick_of_the_newest_session_is_awaited() -> None:
    assert fill(trade(ahead_of(HALT, HALT, known=0))) == "awaited"


def test_a_pick_without_a_stop_is_no_plan() -> None:
    assert fill(trade(ahead_of(QUIET, QUIET), stop=np.nan)) == "no_plan"
    assert fill(trade(ahead_of(HALT, HALT), stop=np.nan)) == "no_plan"


@pytest.mark.parametrize("opened", [9.0, 8.7])
def test_opening_at_or_beyond_the_stop_is_no_trade(opened: float) -> None:
    assert fill(trade(ahead_of((opened, 11.0, 8.5, 11.0), QUIET))) == "beyond_stop"
    assert fill(trade(ahead_of((20 - opened, 11.5, 9.0, 9.0), QUIET), long=False)) == "beyond_stop"


@pytest.mark.parametrize("opened", [12.0, 12.4])
def test_opening_at_or_beyond_the_target_is_no_trade(opened: float) -> None:
    assert fill(trade(ahead_of((opened, 12.5, 11.0, 11.0), QUIET))) == "beyond_target"
    assert fill(trade(ahead_of((20 - opened, 9.0, 7.5, 9.0), QUIET), long=False)) == "beyond_target"


def test_a_touched_stop_fills_at_the_stop() -> None:
    trades = trade(ahead_of(QUIET, (9.8, 9.9, 9.0, 9.5), QUIET))
    assert end(trades) == ("stop", 9.0, 1)
    assert trades.r[0] == pytest.approx(-1.0)
    assert not trades.gap[0]
    assert end(trade(ahead_of(QUIET, (9.8, 9.9, 9.01, 9.5), QUIET)))[0] == "time"


def test_a_touched_target_fills_at_the_target() -> None:
    trades = trade(ahead_of(QUIET, (10.2, 12.0, 10.1, 11.0), QUIET))
    assert end(trades) == ("target", 12.0, 1)
    assert trades.r[0] == pytest.approx(2.0)
    assert end(trade(ahead_of(QUIET, (10.2, 11.99, 10.1, 11.0), QUIET)))[0] == "time"


def test_levels_count_on_the_entry_session_too() -> None:
    assert end(trade(ahead_of((10.0, 10.5, 8.9, 10.2), QUIET))) == ("stop", 9.0, 0)
    assert end(trade(ahead_of((10.0, 12.1, 9.5, 10.2), QUIET))) == ("target", 12.0, 0)


def test_levels_come_before_the_close_of_the_time_exit() -> None:
    assert end(trade(ahead_of(QUIET, QUIET, (10.0, 10.2, 8.8, 9.9), QUIET))) == ("stop", 9.0, 2)


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    trades = trade(ahead_of(QUIET, (8.2, 8.8, 8.0, 8.5), QUIET))
    assert end(trades) == ("stop", 8.2, 1)
    assert trades.gap[0]
    assert trades.r[0] == pytest.approx(-1.8)


def test_a_gap_through_the_target_fills_at_the_open() -> None:
    trades = trade(ahead_of(QUIET, (12.6, 12.9, 12.1, 12.2), QUIET))
    assert end(trades) == ("target", 12.6, 1)
    assert trades.gap[0]
    assert trades.r[0] == pytest.approx(2.6)


def test_a_gap_through_the_target_comes_before_the_stop_of_the_same_bar() -> None:
    trades = trade(ahead_of(QUIET, (12.6, 12.9, 8.0, 8.5), QUIET))
    assert end(trades) == ("target", 12.6, 1)
    assert not trades.ambiguous[0]


def test_a_gap_through_the_stop_comes_before_the_target_of_the_same_bar() -> None:
    trades = trade(ahead_of(QUIET, (8.6, 12.5, 8.5, 12.5), QUIET))
    assert end(trades) == ("stop", 8.6, 1)
    assert not trades.ambiguous[0]
    assert trades.net_best[0] == trades.net[0]


@pytest.mark.parametrize("wide", [(10.0, 12.3, 8.8, 11.0), (10.0, 12.0, 9.0, 9.5)])
@pytest.mark.parametrize("column", [0, 1])
def test_a_bar_with_both_levels_takes_the_stop_and_says_so(wide: Bar, column: int) -> None:
    trades = trade(ahead_of(*[QUIET] * column, wide, QUIET, QUIET))
    assert end(trades) == ("stop", 9.0, column)
    assert trades.ambiguous[0]
    assert trades.r[0] == pytest.approx(-1.0)
    assert trades.r_best[0] == pytest.approx(2.0)


def test_a_halt_on_the_time_exit_leaves_at_the_next_open() -> None:
    trades = trade(ahead_of(QUIET, QUIET, HALT, HALT, (7.0, 13.0, 6.0, 12.0), QUIET))
    assert end(trades) == ("time", 7.0, 4)
    assert trades.at_open[0]
    assert not trades.gap[0]


def test_a_halt_before_the_time_exit_changes_nothing() -> None:
    assert end(trade(ahead_of(QUIET, HALT, (10.0, 10.4, 9.9, 10.3), QUIET))) == ("time", 10.3, 2)
    assert end(trade(ahead_of(QUIET, HALT, (8.5, 9.4, 8.4, 9.3), QUIET))) == ("stop", 8.5, 2)


def test_a_delisted_symbol_leaves_at_its_last_close() -> None:
    trades = trade(ahead_of(QUIET, (10.0, 10.2, 9.4, 9.6), HALT, HALT, gone=2))
    assert end(trades) == ("delisted", 9.6, 1)
    # Its last bar on the session of the time exit is a time exit.
    assert end(trade(ahead_of(QUIET, QUIET, QUIET, HALT, gone=3)))[0] == "time"


def test_data_that_ends_leaves_a_trade_unfinished_at_its_last_close() -> None:
    trades = trade(ahead_of((10.0, 10.5, 9.6, 10.2), (10.2, 10.5, 10.1, 10.4), HALT, HALT, known=2))
    assert fill(trades) == "unfinished"
    assert trades.reason.values[0] == ""
    assert (trades.exit[0], trades.column[0]) == (10.4, 1)
    assert trades.traded[0]
    assert not trades.left[0]
    # So do columns that are fewer than the hold.
    assert fill(trade(ahead_of(QUIET, QUIET), Rules(hold=3))) == "unfinished"


def test_levels_are_touched_within_the_last_bits() -> None:
    just = 1.0 + 1e-12
    assert end(trade(ahead_of(QUIET, (9.8, 9.9, 9.0 * just, 9.5), QUIET)))[0] == "stop"
    assert end(trade(ahead_of(QUIET, (10.2, 12.0 / just, 10.1, 11.0), QUIET)))[0] == "target"
    assert fill(trade(ahead_of((9.0 * just, 11.0, 8.5, 11.0), QUIET))) == "beyond_stop"
    assert end(trade(ahead_of(QUIET, (9.8, 9.9, 9.0 * (1 + 1e-7), 9.5), QUIET)))[0] == "time"


def test_a_short_mirrors_the_rules() -> None:
    stopped = trade(ahead_of(QUIET, (10.2, 11.0, 10.1, 10.5), QUIET), long=False)
    assert end(stopped) == ("stop", 11.0, 1)
    assert stopped.r[0] == pytest.approx(-1.0)
    assert end(trade(ahead_of(QUIET, (9.0, 9.2, 8.0, 9.0), QUIET), long=False)) == ("target", 8.0, 1)
    assert end(trade(ahead_of(QUIET, (11.8, 12.0, 11.5, 11.6), QUIET), long=False)) == ("stop", 11.8, 1)
    assert trade(ahead_of(QUIET, (10.0, 11.2, 7.9, 10.0), QUIET), long=False).ambiguous[0]


def test_a_target_may_be_missing() -> None:
    assert end(trade(ahead_of(QUIET, (11.0, 19.0, 10.9, 18.0), QUIET), target=np.nan))[0] == "time"


def test_costs_by_hand() -> None:
    rules = Rules(hold=2, cost=10.0, borrow=2.52, slippage=5.0)
    ahead = ahead_of(QUIET, (10.4, 10.6, 10.3, 10.5), QUIET)
    # 15 basis points of 10 dollars and of 10.50.
    long = trade(ahead, rules)
    assert long.gross[0] == pytest.approx(0.05)
    assert long.net[0] == pytest.approx(0.05 - 0.0015 - 0.0015 * 1.05)
    # And one night's borrowing, a hundredth of a percent.
    assert trade(ahead, rules, long=False).net[0] == pytest.approx(-0.05 - 0.0015 - 0.0015 * 1.05 - 0.0001)
    # A target is a limit order: it slips not.
    won = trade(ahead_of(QUIET, (11.0, 12.5, 10.9, 12.0)), rules)
    assert won.net[0] == pytest.approx(0.2 - 0.0015 - 0.0010 * 1.2)
    # What has not left has not paid for it.
    assert trade(ahead_of(QUIET), rules).net[0] == pytest.approx(-0.0015)


def test_dividends_by_hand() -> None:
    # Who enters on the ex-day has no part in it; who leaves on one has.
    ahead = ahead_of(QUIET, QUIET, QUIET, QUIET, paid=(1.0, 0.2, 0.1, 3.0))
    assert trade(ahead).gross[0] == pytest.approx(0.03)
    assert trade(ahead, long=False).gross[0] == pytest.approx(-0.03)
    assert trade(ahead).net[0] == trade(ahead).gross[0]


def test_excursions_by_hand() -> None:
    won = trade(ahead_of((10.0, 10.6, 9.4, 10.2), (10.2, 12.5, 9.1, 11.0), QUIET))
    # On the bar of the target the low of 9.10 may have come after.
    assert won.mae_r[0] == pytest.approx(-0.6)
    assert won.mfe_r[0] == pytest.approx(2.0)
    lost = trade(ahead_of((10.0, 10.6, 9.4, 10.2), (9.8, 11.0, 8.5, 9.5), QUIET))
    assert lost.mae_r[0] == pytest.approx(-1.0)
    assert lost.mfe_r[0] == pytest.approx(0.6)
    held = trade(ahead_of((10.0, 10.6, 9.4, 10.2), HALT, (10.0, 11.1, 9.2, 10.0), session(14.0)))
    assert (held.mae[0], held.mfe[0]) == (pytest.approx(-0.08), pytest.approx(0.11))
    short = trade(ahead_of((10.0, 10.6, 9.4, 10.2), QUIET, QUIET), long=False)
    assert (short.mae[0], short.mfe[0]) == (pytest.approx(-0.06), pytest.approx(0.06))


def test_holding_has_no_levels() -> None:
    ahead = ahead_of(session(10.0), session(3.0), session(30.0), session(20.0))
    trades = run_holds(ahead, np.array([True]), Rules(hold=3))
    assert end(trades) == ("time", 30.0, 2)
    assert trades.gross[0] == pytest.approx(2.0)
    assert np.isnan(trades.r[0])
    assert trades.mae[0] == pytest.approx(-0.75)


def test_no_picks() -> None:
    plans = random_plans(1, 5, 4)
    none = Ahead(**{name: values[:0] for name, values in vars(plans.ahead).items()})
    empty = np.empty(0)
    assert len(run_plans(none, np.empty(0, dtype=bool), empty, empty, empty, FREE)) == 0
    assert len(run_holds(none, np.empty(0, dtype=bool), FREE)) == 0


def test_25_000_plans_of_63_sessions_take_well_under_a_second() -> None:
    plans = random_plans(1, 25_000, 63)
    begin = time.process_time()
    trades = run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, Rules(hold=63, cost=5.0))
    taken = time.process_time() - begin
    assert trades.traded.sum() > 15_000
    assert taken < 1.0
