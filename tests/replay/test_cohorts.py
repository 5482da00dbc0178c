"""Overlapping cohorts: worked by hand, against a plain ledger, and as properties."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tapescan.core.typing import Floats, Ints
from tapescan.replay.cohorts import annual_return, find_capacity, run_cohorts, volume_needed
from tapescan.replay.trades import Ahead, Rules, Trades, run_holds, run_plans
from tests.replay.bars import HALT, Bar, Plans, ahead_of, random_plans, session

COSTLY = Rules(hold=4, cost=7.0, borrow=4.0, slippage=3.0)


def together(*one: Ahead) -> Ahead:
    return Ahead(**{name: np.concatenate([getattr(each, name) for each in one]) for name in vars(one[0])})


def held(ahead: Ahead, rules: Rules) -> Trades:
    return run_holds(ahead, np.ones(len(ahead.gone), dtype=bool), rules)


def market(seed: int, picks: int = 600, sessions: int = 60) -> tuple[Plans, Ints]:
    plans = random_plans(seed, picks, 9)
    return plans, np.random.default_rng(seed).integers(0, sessions - 1, picks)


def run(plans: Plans, rules: Rules = COSTLY) -> Trades:
    return run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, rules)


def plain_cohorts(session: Ints, plans: Plans, trades: Trades, rules: Rules, sessions: int) -> list[list[float]]:
    """Positions in shares and a cash balance, one session after another: net return, turnover, exposure."""
    capital, positions, lines = 1.0, [], []
    closes = plans.ahead.marks()
    for now in range(sessions):
        due = [pick for pick in np.flatnonzero(session == now - 1) if trades.fill.values[pick] != "no_plan"]
        start, dealt, worth = capital, 0.0, 0.0
        for pick in due:
            if trades.traded[pick]:
                dollars = start / rules.hold / len(due)
                positions.append((pick, dollars / trades.entry[pick]))
                capital -= dollars * rules.entry_cost
                dealt += dollars
        kept = []
        for pick, shares in positions:
            column, way = now - 1 - int(session[pick]), 1.0 if trades.long[pick] else -1.0
            price = closes[pick, min(column, 8)]
            before = trades.entry[pick] if column == 0 else closes[pick, min(column, 9) - 1]
            if 0 < column <= trades.column[pick]:
                capital += way * shares * plans.ahead.paid[pick, column]
                if way < 0.0:
                    capital -= shares * trades.entry[pick] * rules.night_cost
            if trades.left[pick] and column == trades.column[pick]:
                price = trades.exit[pick]
                capital -= shares * price * trades.exit_cost[pick]
                dealt += shares * price
            else:
                kept.append((pick, shares))
                worth += shares * price
            capital += way * shares * (price - before)
        positions = kept
        lines.append([capital / start - 1.0, dealt / start, worth / capital])
    return lines


def test_one_cohort_by_hand() -> None:
    bars: tuple[Bar, ...] = ((10.0, 11.0, 9.0, 10.5), (10.4, 12.0, 10.0, 11.0), session(12.0))
    ahead = together(ahead_of(*bars), ahead_of(HALT, *bars[1:]))
    rules = Rules(hold=2, cost=10.0)
    found = run_cohorts(np.array([1, 1]), ahead, held(ahead, rules), rules, 5)
    # Half of the capital, of which half stays in cash for the pick that had no bar.
    assert found.gross.tolist() == pytest.approx([0.0, 0.0, 0.0125, 0.0125 / 1.0125, 0.0])
    first = 1.0 + 0.0125 - 0.00025
    assert found.net.tolist() == pytest.approx([0.0, 0.0, first - 1.0, (0.0125 - 0.000275) / first, 0.0])
    assert found.turnover.tolist() == pytest.approx([0.0, 0.0, 0.25, 0.275 / first, 0.0])
    assert found.exposure.tolist() == pytest.approx([0.0, 0.0, 0.2625 / first, 0.0, 0.0])


def test_a_halted_position_stays_in_the_exposure() -> None:
    ahead = ahead_of(session(10.0), HALT, HALT, session(9.0))
    found = run_cohorts(np.array([0]), ahead, held(ahead, Rules(hold=2)), Rules(hold=2), 6)
    assert found.exposure.tolist() == pytest.approx([0.0, 0.5, 0.5, 0.5, 0.0, 0.0])
    assert found.gross.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, -0.05, 0.0])


@pytest.mark.parametrize("seed", range(3))
def test_a_plain_ledger_agrees(seed: int) -> None:
    plans, session = market(seed)
    trades = run(plans)
    found = run_cohorts(session, plans.ahead, trades, COSTLY, 60)
    expected = np.array(plain_cohorts(session, plans, trades, COSTLY, 60)).T
    np.testing.assert_allclose([found.net, found.turnover, found.exposure], expected, rtol=0, atol=1e-12)


def test_the_order_of_picks_does_not_matter() -> None:
    plans, session = market(5)
    there = run_cohorts(session, plans.ahead, run(plans), COSTLY, 60)
    back = replace(
        plans,
        ahead=Ahead(**{name: values[::-1] for name, values in vars(plans.ahead).items()}),
        long=plans.long[::-1],
        entry=plans.entry[::-1],
        stop=plans.stop[::-1],
        target=plans.target[::-1],
    )
    other = run_cohorts(session[::-1], back.ahead, run(back), COSTLY, 60)
    np.testing.assert_allclose(there.net, other.net, rtol=0, atol=1e-13)


def test_costs_reduce() -> None:
    plans, session = market(6)

    def end(rules: Rules) -> float:
        return float(np.prod(1.0 + run_cohorts(session, plans.ahead, run(plans, rules), rules, 60).net))

    assert end(replace(COSTLY, cost=8.0)) < end(COSTLY) < end(Rules(hold=4))
    found = run_cohorts(session, plans.ahead, run(plans, Rules(hold=4)), Rules(hold=4), 60)
    np.testing.assert_array_equal(found.gross, found.net)


def test_a_steady_market_is_invested_once() -> None:
    """Everybody gains alike, so however cohorts overlap, the whole gains that, and is invested whole."""
    growth = 1.01 ** np.arange(110.0)
    picks = np.arange(100)
    close = np.stack([growth[at : at + 6] for at in picks])
    opened = close / 1.01
    ahead = Ahead(
        open=opened,
        high=close,
        low=opened,
        close=close,
        volume=np.ones_like(close),
        paid=np.zeros_like(close),
        gone=np.full(100, 6),
        known=np.full(100, 6),
    )
    found = run_cohorts(picks, ahead, held(ahead, Rules(hold=5)), Rules(hold=5), 100)
    # Once the first cohorts, begun with less, are forgotten. The oldest has left at the close.
    assert found.gross[80:].tolist() == pytest.approx([0.01] * 20)
    assert found.exposure[80:].tolist() == pytest.approx([0.8] * 20)


def test_what_is_lost_stays_lost() -> None:
    """A short that rises beyond all capital ends it: a position that gains afterwards begins nothing new."""
    ahead = together(
        ahead_of(session(10.0), session(40.0), session(40.0)),
        ahead_of(session(10.0), session(10.0), session(20.0)),
        ahead_of(session(10.0), session(15.0), session(15.0)),
    )
    trades = run_holds(ahead, np.array([False, True, True]), Rules(hold=3))
    found = run_cohorts(np.array([0, 0, 3]), ahead, trades, Rules(hold=1), 7)
    assert found.net.tolist() == found.gross.tolist() == [0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]
    assert found.exposure.tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert annual_return(found.net) == -1.0


def test_annual_return() -> None:
    assert annual_return(np.full(504, 0.0)) == 0.0
    assert annual_return(np.full(126, 1.21 ** (1 / 126) - 1.0)) == pytest.approx(1.21**2 - 1.0)
    assert np.isnan(annual_return(np.empty(0)))


def one_winner() -> tuple[Ahead, Ints, Floats]:
    """Ten sessions with one pick each, of $1,000,000 traded a session, that gains a tenth within two."""
    one = ahead_of((10.0, 10.5, 9.9, 10.5), (10.5, 11.0, 10.4, 11.0), session(11.0))
    return together(*[one] * 10), np.arange(10), np.full(10, 1e6)


def test_capacity_by_hand() -> None:
    ahead, session, traded = one_winner()
    rules = Rules(hold=2)
    trades = held(ahead, rules)
    found = find_capacity(session, ahead, trades, rules, 12, traded, 0.01, (1e3, 2e4, 1e7, 1e9))
    free = run_cohorts(session, ahead, trades, rules, 12)
    # Half of $1,000 is far below 1 % of the volume.
    assert found.annual[0] == annual_return(free.net)
    assert found.exposure[0] == free.exposure.mean()
    # $10,000 a pick gain $1,000 each, whatever the account.
    assert found.annual[2] == pytest.approx((1.0 + 10 * 1e3 / 1e7) ** (252 / 12) - 1.0)
    assert (np.diff(found.annual) < 0.0).all()
    assert (np.diff(found.exposure) < 0.0).all()


def test_an_unknown_volume_has_room_for_nothing() -> None:
    ahead, session, _ = one_winner()
    rules = Rules(hold=2)
    found = find_capacity(session, ahead, held(ahead, rules), rules, 12, np.full(10, np.nan), 0.01, (1e3,))
    assert found.annual[0] == 0.0


def test_the_volume_that_picks_need() -> None:
    plans, _ = market(1, picks=4)
    plans.stop[:] = (9.0, 9.0, np.nan, 9.0)
    session, traded = np.array([3, 3, 3, 5]), np.array([1e6, 2e6, 1e6, 1e6])
    trades = run_plans(plans.ahead, np.ones(4, dtype=bool), plans.entry, plans.stop, plans.target, COSTLY)
    needed = volume_needed(session, trades, COSTLY, traded, 80_000.0)
    # A quarter of the account a session: $10,000 for each of two picks, $20,000 for one alone.
    np.testing.assert_allclose(needed, [0.01, 0.005, np.nan, 0.02])
