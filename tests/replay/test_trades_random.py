"""Trades of arrays against a plain loop, and what holds of any of them."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from tapescan.core.typing import Floats
from tapescan.replay.trades import FILLS, REASONS, Ahead, Rules, Trades, run_holds, run_plans
from tests.replay.bars import Plans, random_plans
from tests.replay.plain_trades import Bar, PlainTrade, plain_trade

#: Holds, with the sessions that are known, of 2,500 picks each.
HOLDS = ((1, 6), (2, 6), (3, 10), (5, 5), (5, 9), (10, 14), (15, 12), (21, 30))

COSTLY = Rules(hold=5, cost=7.0, borrow=4.0, slippage=3.0)


def plain(plans: Plans, rules: Rules, *, plan: bool = True) -> list[PlainTrade]:
    ahead = plans.ahead
    table = np.stack((ahead.open, ahead.high, ahead.low, ahead.close, ahead.volume, ahead.paid), axis=2).tolist()
    none = [float("nan")] * len(plans.long)
    stops, targets = (plans.stop.tolist(), plans.target.tolist()) if plan else (none, none)
    rows = zip(
        table, ahead.gone.tolist(), ahead.known.tolist(), plans.long.tolist(), stops, targets, strict=True
    )  # fmt: skip
    return [
        plain_trade([Bar(*bar) for bar in bars], gone, known, long, stop, target, rules, plan=plan)
        for bars, gone, known, long, stop, target in rows
    ]


def run(plans: Plans, rules: Rules) -> Trades:
    return run_plans(plans.ahead, plans.long, plans.entry, plans.stop, plans.target, rules)


def same(trades: Trades, expected: list[PlainTrade]) -> None:
    assert trades.fill.values.tolist() == [one.fill for one in expected]
    assert trades.reason.values.tolist() == [one.reason for one in expected]
    for name in ("column", "at_open", "ambiguous"):
        assert getattr(trades, name).tolist() == [getattr(one, name) for one in expected], name
    for name in ("entry", "exit"):
        np.testing.assert_array_equal(getattr(trades, name), [getattr(one, name) for one in expected], name)
    for name in ("gross", "net", "net_best", "risk", "mae", "mfe"):
        wanted = [getattr(one, name) for one in expected]
        np.testing.assert_allclose(getattr(trades, name), wanted, rtol=0, atol=1e-13, err_msg=name)


def test_the_plain_loop_agrees_on_20_000_plans() -> None:
    seen: dict[str, int] = {}
    for seed, (hold, columns) in enumerate(HOLDS):
        plans = random_plans(seed, 2500, columns)
        rules = replace(COSTLY, hold=hold)
        trades = run(plans, rules)
        same(trades, plain(plans, rules))
        flags = {"ambiguous": trades.ambiguous, "gap": trades.gap, "late": trades.at_open & ~trades.gap}
        for name, count in (
            *trades.fill.counts().items(),
            *trades.reason.counts().items(),
            *((name, int(flag.sum())) for name, flag in flags.items()),
        ):
            seen[name] = seen.get(name, 0) + count
    # Every rule was asked, or this proves little.
    assert {*FILLS, *REASONS, "ambiguous", "gap", "late"} == {name for name, count in seen.items() if count >= 100}


def test_the_plain_loop_agrees_on_holdings() -> None:
    for seed, (hold, columns) in enumerate(HOLDS):
        plans = random_plans(50 + seed, 500, columns)
        rules = replace(COSTLY, hold=hold)
        trades = run_holds(plans.ahead, plans.long, rules)
        same(trades, plain(plans, rules, plan=False))
        assert not set(trades.reason.counts()) & {"stop", "target"}
        assert np.isnan(trades.r).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_holds_of_any_trade(seed: int) -> None:
    plans = random_plans(seed, 5000, 12)
    trades, free = run(plans, COSTLY), run(plans, Rules(hold=5))
    done = trades.traded
    assert (trades.net <= trades.net_best)[done].all()
    assert (trades.net < trades.net_best)[trades.ambiguous].all()
    assert (trades.net == trades.net_best)[done & ~trades.ambiguous].all()
    assert (trades.r <= trades.r_best)[done].all()
    assert (trades.mae <= 0.0)[done].all()
    assert (trades.mfe >= 0.0)[done].all()
    # What was left at lies between the excursions.
    moved = np.where(plans.long, 1.0, -1.0) * (trades.exit - trades.entry) / trades.entry
    assert ((trades.mae <= moved) & (moved <= trades.mfe))[done].all()
    # Costs move no price and no exit; they only cost.
    for name in ("entry", "exit", "column", "gross", "ambiguous"):
        np.testing.assert_array_equal(getattr(trades, name), getattr(free, name))
    assert (trades.net < trades.gross)[done].all()
    assert (free.net == free.gross)[done].all()
    for dearer in (replace(COSTLY, cost=8.0), replace(COSTLY, slippage=4.0)):
        assert (run(plans, dearer).net < trades.net)[done].all()
    nights = done & ~plans.long & (trades.column > 0)
    assert ((run(plans, replace(COSTLY, borrow=9.0)).net < trades.net) == nights)[done].all()


def test_a_mirrored_short_is_a_long() -> None:
    """Around the open of the entry every price is as far on the other side; without costs all is the same."""
    plans = random_plans(7, 10_000, 12, longs=1.0, noise=False)
    ahead = replace(plans.ahead.traded(), paid=np.zeros_like(plans.ahead.paid))
    middle = 2.0 * np.nan_to_num(ahead.open[:, :1], nan=10.0)

    def mirrored(values: Floats) -> Floats:
        return middle - values

    other: Ahead = replace(
        ahead,
        open=mirrored(ahead.open),
        high=mirrored(ahead.low),
        low=mirrored(ahead.high),
        close=mirrored(ahead.close),
    )
    entry, stop, target = (middle[:, 0] - values for values in (plans.entry, plans.stop, plans.target))
    longs = run_plans(ahead, plans.long, plans.entry, plans.stop, plans.target, Rules(hold=8))
    shorts = run_plans(other, ~plans.long, entry, stop, target, Rules(hold=8))
    assert longs.ambiguous.sum() > 100
    assert longs.gap.sum() > 100
    for name in ("fill", "reason"):
        assert getattr(longs, name).values.tolist() == getattr(shorts, name).values.tolist()
    for name in ("column", "at_open", "ambiguous"):
        np.testing.assert_array_equal(getattr(longs, name), getattr(shorts, name))
    for name in ("gross", "net", "net_best", "risk", "planned", "mae", "mfe"):
        np.testing.assert_allclose(getattr(longs, name), getattr(shorts, name), rtol=0, atol=1e-12, err_msg=name)


def test_later_sessions_never_change_a_trade_that_is_over() -> None:
    plans = random_plans(3, 5000, 20)
    whole = run(plans, COSTLY)
    short = replace(
        plans.ahead,
        **{name: getattr(plans.ahead, name)[:, :8] for name in ("open", "high", "low", "close", "volume", "paid")},
        gone=np.minimum(plans.ahead.gone, 8),
        known=np.minimum(plans.ahead.known, 8),
    )
    cut = run(replace(plans, ahead=short), COSTLY)
    over = cut.left
    assert over.sum() > 2000
    assert (whole.left | ~over).all()
    for one in fields(Trades):
        if one.name not in {"fill", "reason"}:
            np.testing.assert_array_equal(getattr(whole, one.name)[over], getattr(cut, one.name)[over], one.name)
