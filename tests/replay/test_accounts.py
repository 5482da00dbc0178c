"""An account of so much cash: its rules by hand, and what holds whatever it trades."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from tapescan.replay.accounts import SKIPS, Account, Orders, run_account
from tapescan.replay.trades import Ahead, Rules, Trades, run_holds, run_plans
from tapescan.scan.profile import Risk
from tapescan.scan.tradeplan import plan_trades
from tests.replay.bars import HALT, Plans, ahead_of, random_plans, session
from tests.replay.test_cohorts import together

FREE = Rules(hold=3)
COSTLY = Rules(hold=5, cost=7.0, borrow=4.0, slippage=3.0)
#: Everything in one position, if it risks a half.
BOLD = Risk(account=1000.0, risk_per_trade=0.5, max_position=1.0, max_volume=1.0)

FLAT = ahead_of(*[session(10.0)] * 6)


def orders_of(
    sessions: list[int], *, symbols: list[int] | None = None, ranks: list[int] | None = None, stop: float = 9.0
) -> Orders:
    """Longs at 10 of symbols that trade a billion."""
    size = len(sessions)
    return Orders(
        session=np.array(sessions),
        symbol=np.array(symbols or list(range(size))),
        rank=np.array(ranks or list(range(size))),
        entry=np.full(size, 10.0),
        stop=np.full(size, stop),
        dollar_volume=np.full(size, 1e9),
        scale=np.ones(size),
    )


def longs(ahead: Ahead, rules: Rules = FREE, *, stop: float = 9.0, target: float = 12.0) -> Trades:
    size = len(ahead.gone)
    return run_plans(
        ahead, np.ones(size, dtype=bool), np.full(size, 10.0), np.full(size, stop), np.full(size, target), rules
    )


def skipped(account: Account) -> list[str]:
    return [str(text) for text in account.skipped.values]


def test_one_trade_by_hand() -> None:
    ahead = ahead_of(
        (10.0, 10.5, 9.9, 10.2), (10.3, 10.8, 10.2, 10.7), (10.7, 12.3, 10.6, 11.9), paid=(0.0, 0.1, 0.0)
    )
    rules = Rules(hold=3, cost=10.0)
    risk = Risk(account=1000.0, risk_per_trade=0.02, max_position=1.0, max_volume=1.0)
    account = run_account(orders_of([1]), ahead, longs(ahead, rules), rules, risk, 6)
    # $20 at the stop are 20 shares. They cost $200.20, pay a dividend of $2, and bring $240 less 24 cents.
    assert account.shares.tolist() == [20.0]
    assert account.cash.tolist() == pytest.approx([1000, 1000, 799.8, 801.8, 1041.56, 1041.56])
    assert account.positions.tolist() == pytest.approx([0, 0, 204, 214, 0, 0])
    assert account.equity.tolist() == pytest.approx([1000, 1000, 1003.8, 1015.8, 1041.56, 1041.56])
    assert account.heat.tolist() == pytest.approx([0, 0, 20 / 1003.8, 20 / 1015.8, 0, 0])
    assert skipped(account) == [""]


def test_a_short_sets_its_price_aside() -> None:
    ahead = ahead_of((10.0, 10.4, 9.8, 10.2), (10.0, 10.2, 8.0, 8.1), paid=(0.0, 0.1))
    trades = run_plans(ahead, np.array([False]), np.array([10.0]), np.array([11.0]), np.array([8.0]), FREE)
    risk = msgspec.structs.replace(BOLD, risk_per_trade=0.02)
    account = run_account(orders_of([0], stop=11.0), ahead, trades, FREE, risk, 3)
    assert account.cash.tolist() == pytest.approx([1000, 800, 1000 + 40 - 2])
    assert account.positions.tolist() == pytest.approx([0, 196, 0])


def test_sizes_are_those_of_the_trade_plan() -> None:
    """An account with as many dollars as the profile says takes the plan's shares, whichever cap binds."""
    draw = np.random.default_rng(1)
    size = 500
    close = np.round(draw.uniform(2.0, 300.0, size), 2)
    features = {
        "close": close,
        "atr_14": close * draw.uniform(0.005, 0.1, size),
        "dollar_volume_20": 10.0 ** draw.uniform(4.0, 9.0, size),
        "swing_low_10": close * draw.uniform(0.8, 1.0, size),
        "swing_high_10": close * 1.1,
    }
    everybody = np.ones(size, dtype=bool)
    plan = plan_trades(features, everybody, everybody, Risk(), 0.7)
    assert set(plan.limit.counts()) == {"risk", "position", "volume"}
    bars = np.repeat(close[:, None], 2, axis=1)
    ahead = Ahead(bars, bars, bars, bars, np.ones((size, 2)), 0.0 * bars, np.full(size, 2), np.full(size, 2))
    trades = run_plans(ahead, everybody, plan.entry, plan.stop, plan.target, FREE)
    taken = np.zeros(size)
    for at in range(size):
        one = slice(at, at + 1)
        orders = replace(
            orders_of([0]),
            entry=plan.entry[one],
            stop=plan.stop[one],
            dollar_volume=features["dollar_volume_20"][one],
            scale=np.array([0.7]),
        )
        lone = Ahead(**{name: values[one] for name, values in vars(ahead).items()})
        trade = run_plans(lone, everybody[one], plan.entry[one], plan.stop[one], plan.target[one], FREE)
        taken[at] = run_account(orders, lone, trade, FREE, Risk(), 2).shares[0]
    assert trades.traded.all()
    np.testing.assert_array_equal(taken, plan.shares)


def test_sizes_follow_the_equity_of_the_close_before() -> None:
    rises = ahead_of((10.0, 11.9, 9.9, 11.0), session(11.0), session(11.0))
    risk = msgspec.structs.replace(BOLD, max_position=0.5)
    ahead = together(rises, ahead_of(*[session(10.0)] * 3))
    account = run_account(orders_of([0, 1]), ahead, longs(ahead), FREE, risk, 4)
    # $500 at first; then half of $1,050, of which $500 are left.
    assert account.shares.tolist() == [50.0, 50.0]
    assert account.equity[1] == pytest.approx(1050.0)
    small = msgspec.structs.replace(BOLD, max_position=0.4)
    # $400 at first; then four tenths of $1,040.
    assert run_account(orders_of([0, 1]), ahead, longs(ahead), FREE, small, 4).shares.tolist() == [40.0, 41.0]


def test_the_best_ranks_get_the_cash() -> None:
    ahead = together(*[FLAT] * 4)
    risk = msgspec.structs.replace(BOLD, max_position=0.4)
    account = run_account(orders_of([0] * 4, ranks=[4, 1, 3, 2]), ahead, longs(ahead), FREE, risk, 3)
    # The third by rank gets what is left.
    assert account.shares.tolist() == [0.0, 40.0, 20.0, 40.0]
    assert skipped(account) == ["cash", "", "", ""]
    assert account.cash[1] == 0.0


def test_costs_are_part_of_what_cash_buys() -> None:
    rules = Rules(hold=3, cost=1.0)
    account = run_account(orders_of([0]), FLAT, longs(FLAT, rules), rules, BOLD, 3)
    # A hundred shares would cost $1,000.10.
    assert account.shares.tolist() == [99.0]


def test_heat_limits_the_risk_of_all() -> None:
    ahead = together(*[FLAT] * 3)
    risk = msgspec.structs.replace(BOLD, risk_per_trade=0.02)
    account = run_account(orders_of([0] * 3), ahead, longs(ahead), FREE, risk, 3, heat=0.03)
    assert account.shares.tolist() == [20.0, 10.0, 0.0]
    assert skipped(account) == ["", "", "heat"]
    assert account.heat[1] == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("opened", "later"),
    [
        # Stopped at this open: its money buys at the same open.
        ((8.0, 8.5, 7.9, 8.0), 80.0),
        # Stopped within the session, or sold at its close: too late for this open.
        ((9.5, 9.6, 8.9, 9.0), 0.0),
    ],
)
def test_only_what_left_by_the_open_pays_for_entries(opened: tuple[float, float, float, float], later: float) -> None:
    ahead = together(ahead_of(session(10.0), opened, session(9.0)), ahead_of(*[session(10.0)] * 3))
    account = run_account(orders_of([0, 1]), ahead, longs(ahead), FREE, BOLD, 4)
    assert account.shares.tolist() == [100.0, later]


def test_a_close_pays_for_the_next_open_only() -> None:
    ahead = together(*[FLAT] * 3)
    # The first leaves at the close of session 3: the entries of session 3 come too early, those of session 4 do not.
    account = run_account(orders_of([0, 2, 3]), ahead, longs(ahead), FREE, BOLD, 6)
    assert skipped(account) == ["", "cash", ""]


def test_a_held_symbol_is_not_entered_again() -> None:
    ahead = together(*[FLAT] * 3)
    risk = msgspec.structs.replace(BOLD, max_position=0.1)
    account = run_account(orders_of([0, 1, 3], symbols=[7, 7, 7]), ahead, longs(ahead), FREE, risk, 7)
    assert skipped(account) == ["", "held", ""]


def test_why_picks_are_skipped() -> None:
    ahead = together(
        ahead_of(HALT, *[session(10.0)] * 5),
        ahead_of(*[session(8.0)] * 6),
        ahead_of(*[session(13.0)] * 6),
        FLAT,
        FLAT,
    )
    orders = orders_of([0] * 5)
    orders.dollar_volume[3] = 5.0
    orders.stop[4] = np.nan
    trades = run_plans(ahead, np.ones(5, dtype=bool), orders.entry, orders.stop, np.full(5, 12.0), FREE)
    account = run_account(orders, ahead, trades, FREE, BOLD, 3)
    assert skipped(account) == ["no_bar", "beyond_stop", "beyond_target", "size", "no_plan"]
    # A pick of the last session waits.
    assert skipped(run_account(orders_of([2]), FLAT, longs(FLAT), FREE, BOLD, 3)) == ["awaited"]


def test_holding_is_sized_without_a_stop() -> None:
    trades = run_holds(FLAT, np.array([True]), FREE)
    risk = msgspec.structs.replace(BOLD, max_position=0.3)
    account = run_account(orders_of([0], stop=np.nan), FLAT, trades, FREE, risk, 3, heat=0.01)
    assert account.shares.tolist() == [30.0]
    assert account.heat.tolist() == [0.0, 0.0, 0.0]


def test_a_short_that_loses_more_than_all_cash_is_owed() -> None:
    ahead = ahead_of(session(10.0), (45.0, 46.0, 44.0, 45.0), session(45.0))
    trades = run_plans(ahead, np.array([False]), np.array([10.0]), np.array([11.0]), np.array([8.0]), FREE)
    account = run_account(orders_of([0], stop=11.0), ahead, trades, FREE, BOLD, 4)
    assert account.cash[2] == 0.0
    assert account.owed[2] == pytest.approx(2500.0)
    assert account.equity[2] == pytest.approx(-2500.0)


def drawn(seed: int, longs: float) -> tuple[Plans, Orders]:
    plans = random_plans(seed, 1500, 9, longs=longs)
    draw = np.random.default_rng(seed)
    orders = Orders(
        session=draw.integers(0, 80, 1500),
        symbol=draw.integers(0, 300, 1500),
        rank=draw.permutation(1500),
        entry=plans.entry,
        stop=plans.stop,
        dollar_volume=10.0 ** draw.uniform(2.0, 8.0, 1500),
        scale=np.asarray(draw.choice([0.5, 1.0], 1500), np.float64),
    )
    return plans, orders


@pytest.mark.parametrize(("heat", "binds"), [(0.02, "heat"), (1.0, "cash")])
@pytest.mark.parametrize("longs", [1.0, 0.6])
@pytest.mark.parametrize("seed", range(2))
def test_what_holds_of_any_account(seed: int, longs: float, heat: float, binds: str) -> None:
    plans, orders = drawn(seed, longs)
    trades = run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, COSTLY)
    risk = Risk(account=50_000.0, risk_per_trade=0.01)
    account = run_account(orders, plans.ahead, trades, COSTLY, risk, 95, heat)
    assert {"", "held", "size", binds} <= set(account.skipped.counts()) <= set(SKIPS)
    np.testing.assert_allclose(account.equity, account.cash - account.owed + account.positions, rtol=1e-12)
    assert (account.cash >= 0.0).all()
    assert (account.owed == 0.0).all()
    taken = account.shares > 0.0
    assert (taken == (account.skipped.codes == 0)).all()
    assert (account.shares == np.floor(account.shares)).all()
    assert trades.traded[taken].all()

    # The account made what its trades made, every cent of it.
    made = (account.shares * trades.entry * trades.net)[taken].sum()
    assert account.equity[-1] == pytest.approx(50_000.0 + made, rel=1e-12)

    # Nobody is larger than the limits of the equity of then, none is held twice, and all together are not too hot.
    equity = account.equity[orders.session]
    dollars = account.shares * orders.entry
    assert (dollars <= equity * risk.max_position + 1e-9)[taken].all()
    assert (dollars <= orders.dollar_volume * risk.max_volume + 1e-9)[taken].all()
    at_stop = account.shares * np.abs(orders.entry - orders.stop)
    assert (at_stop <= equity * risk.risk_per_trade * orders.scale + 1e-9)[taken].all()
    first, last = orders.session + 1, np.where(trades.left, orders.session + 1 + trades.column, 95)
    for symbol in range(300):
        own = np.flatnonzero(taken & (orders.symbol == symbol))
        own = own[np.argsort(first[own])]
        assert (first[own][1:] >= last[own][:-1] + np.where(trades.at_open[own][:-1], 0, 1)).all()
    lost = account.shares * trades.risk * trades.entry
    for now in range(1, 95):
        if (taken & (first == now)).any():
            held = taken & (first <= now) & ((last > now) | ((last == now) & ~trades.at_open))
            assert lost[held].sum() <= heat * account.equity[now - 1] * (1.0 + 1e-12)


def test_dearer_trades_leave_less() -> None:
    plans, orders = drawn(4, 1.0)

    def end(rules: Rules) -> float:
        trades = run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, rules)
        return float(run_account(orders, plans.ahead, trades, rules, Risk(), 95).equity[-1])

    assert end(Rules(hold=5, cost=20.0)) < end(Rules(hold=5, cost=10.0)) < end(Rules(hold=5))


def test_later_sessions_change_no_earlier_ones() -> None:
    plans, orders = drawn(5, 0.6)
    trades = run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, COSTLY)
    whole = run_account(orders, plans.ahead, trades, COSTLY, Risk(), 95)
    cut = run_account(orders, plans.ahead, trades, COSTLY, Risk(), 40)
    for name in ("equity", "cash", "owed", "positions", "heat"):
        np.testing.assert_array_equal(getattr(whole, name)[:40], getattr(cut, name))
