"""A plan as positions: fair on average, bounded as their legs say, flagged, and the same alone or in the market."""

from __future__ import annotations

import dataclasses
import math
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from tapescan.options.black import prices
from tapescan.options.candidates import SHAPES, STRATEGIES, WEIGHTS
from tapescan.options.expressions import WHY, Budget, Expressions
from tapescan.options.flags import FLAGS
from tapescan.options.outcomes import NEITHER, STOP, TARGET
from tests.options.markets import smirk
from tests.options.oracles import Case
from tests.options.plans import RATE, SPOT, Expressed, Name, express
from tests.options.walks import walked

LONG, SHORT = Name(), Name("B", long=False, target=90.0, stop=104.0)
STOCK, DEEP, CALL, FAR, DEBIT, CREDIT, PUT, COVERED = range(len(SHAPES))


def flagged(found: Expressions, name: str) -> np.ndarray:
    return np.asarray(found.flags >> FLAGS.index(name) & 1, np.bool_)


@pytest.fixture(scope="module")
def both() -> Expressed:
    return express(LONG, SHORT)


@pytest.mark.parametrize(
    "name",
    [
        LONG,
        SHORT,
        dataclasses.replace(LONG, smile=smirk, vol=0.5, days=20),
        dataclasses.replace(SHORT, smile=smirk, vol=0.2, days=5),
        # A dividend that nobody would exercise for.
        dataclasses.replace(LONG, dividends=((7, 0.1),)),
        dataclasses.replace(SHORT, dividends=((7, 1.5), (60, 1.5))),
    ],
)
def test_without_costs_every_position_is_worth_what_it_costs(name: Name) -> None:
    """Within one percent of the premium, by what is priced in; the stock within one of its price."""
    made = express(name)
    found, premium = made.found, made.premium()
    premium[:, STOCK] = SPOT
    there = found.there
    assert there.sum() >= 18
    assert (np.abs(found.fair[there]) < 0.01 * premium[there]).all()
    assert found.chance.sum(axis=1) == pytest.approx(1.0, abs=1e-9)


def test_only_a_call_that_should_be_exercised_before_an_ex_date_loses_by_being_held() -> None:
    made = express(dataclasses.replace(LONG, dividends=((7, 1.5),)))
    lost = made.found.fair[:, 1:] / made.premium()[:, 1:]
    assert lost[0, DEEP - 1] < -0.01
    assert lost[0, COVERED - 1] > 0.01
    assert (np.abs(lost[:, [CREDIT - 1, PUT - 1]]) < 0.01).all()


def test_the_mean_is_that_of_the_three_outcomes(both: Expressed) -> None:
    found = both.found
    there = found.there
    # What it costs to get in and out is lost on average, but for interest: 0.17 % of the share's price.
    lost = found.mean - (found.fair - found.trip)
    assert (np.abs(lost[there]) < 0.0018 * SPOT * found.unit[there]).all()
    bought = [DEEP, CALL, FAR, DEBIT]
    assert np.abs(lost[:, bought]).max() < 0.01 * 1200
    assert (found.at[..., TARGET][there] > found.at[..., STOP][there]).all()
    stock = found.there[:, STOCK]
    assert found.at[stock, STOCK, TARGET] == pytest.approx([10.0, 10.0])
    assert found.at[stock, STOCK, STOP] == pytest.approx([-5.0, -4.0])
    assert found.win_rate[stock, STOCK] == pytest.approx([5.0 / 15.0, 4.0 / 14.0])


def test_a_bought_call_comes_to_what_walks_say(both: Expressed) -> None:
    """Its value by Black where each walk ends, on average, at target, stop and neither: within the walks' error."""
    found, vol = both.found, 0.35
    time, rate = both.analysis.time[found.slices[0]], both.analysis.rate[found.slices[0]]
    walks = walked(SPOT, both.analysis.carry[found.slices[0]], vol, [(14 / 365, 95.0, 110.0)])
    for shape, leg in ((DEEP, 0), (FAR, 2)):
        strike = both.chain.strike[found.legs[0, leg]]
        for outcome, spots, when in (
            (TARGET, np.full(len(walks.upper), 110.0), walks.upper),
            (STOP, np.full(len(walks.lower), 95.0), walks.lower),
            (NEITHER, walks.ends, np.full(len(walks.ends), 14 / 365)),
        ):
            left = time - when
            forward, worth = spots * np.exp(rate * left), np.empty(len(when))
            prices(np.ones(len(when)), forward, np.full(len(when), strike), vol * np.sqrt(left), worth)
            came = 100.0 * np.exp(-rate * left) * worth - 1.0 - found.cost[0, shape]
            error = 4.0 * came.std() / math.sqrt(len(came)) + 0.5
            assert abs(found.at[0, shape, outcome] - came.mean()) < error


def test_needed_win_rates_make_the_mean_nothing(both: Expressed) -> None:
    found = both.found
    there = found.there & (found.win_rate_undecided > 0.0)
    idle = found.chance[:, None, NEITHER]
    hit = found.win_rate_undecided * (1.0 - idle)
    mean = hit * found.at[..., TARGET] + (1.0 - idle - hit) * found.at[..., STOP] + idle * found.at[..., NEITHER]
    assert np.abs(mean[there]).max() < 1e-9
    rate = found.win_rate[there]
    left = rate * found.at[..., TARGET][there] + (1.0 - rate) * np.minimum(found.at[..., STOP][there], 0.0)
    assert np.abs(left).max() < 1e-9


def test_bounds_and_break_evens_are_those_of_the_legs(both: Expressed) -> None:
    found, chain = both.found, both.chain
    for case in range(len(found.names)):
        strike = chain.strike[found.legs[case]]
        width = {DEBIT: abs(strike[3] - strike[4]), CREDIT: abs(strike[5] - strike[6])}
        for shape, wide in width.items():
            assert found.loss[case, shape] + found.gain[case, shape] == pytest.approx(100.0 * wide)
            even = found.even[case, shape][np.isfinite(found.even[case, shape])]
            assert len(even) == 1
            low, high = sorted(strike[[3, 4]] if shape == DEBIT else strike[[5, 6]])
            assert low < even[0] < high
        for shape, leg in ((DEEP, 0), (CALL, 1), (FAR, 2)):
            cost, even = found.cost[case, shape], np.nanmax(found.even[case, shape])
            assert found.loss[case, shape] == pytest.approx(cost)
            long = found.names[case] == 0
            assert even == pytest.approx(strike[leg] + cost / 100.0 * (1.0 if long else -1.0))
            assert found.gain[case, shape] == (math.inf if long else pytest.approx(100.0 * even))
    put = found.there[:, PUT]
    assert put.tolist() == [True] * 3 + [False] * 3
    assert found.loss[put, PUT] == pytest.approx(100.0 * chain.strike[found.legs[put, 5]] + found.cost[put, PUT])
    short = found.names == 1
    assert np.isinf(found.loss[short, COVERED]).all()
    assert {STRATEGIES[one] for one in found.strategy[short, COVERED]} == {"covered_put"}


def test_a_covered_call_gains_up_to_its_strike_and_loses_what_a_sold_put_of_it_does() -> None:
    """Shares and a sold call are a sold put, but for interest: by parity, at most the put's right to be early."""
    level = dataclasses.replace(LONG, target=105.0, strikes=[80.0, 85.0, 90.0, 95.0, 100.0, 105.0, 110.0])
    made = express(level)
    found, middle = made.found, 0.5 * (made.chain.bid + made.chain.ask)
    for case in range(3):
        call = found.legs[case, 4]
        put, time = call + 1, made.analysis.time[found.slices[case]]
        assert (made.chain.strike[call], made.chain.put[call], made.chain.put[put]) == (105.0, False, True)
        assert found.gain[case, COVERED] == pytest.approx(100.0 * (105.0 - SPOT + middle[call] - 0.01))
        assert found.loss[case, COVERED] == pytest.approx(100.0 * (SPOT - middle[call] + 0.01))
        interest = 105.0 * (1.0 - math.exp(-RATE * time))
        assert -0.2 < (105.0 - SPOT + middle[call] - middle[put]) - interest < 0.01


def test_how_likely_it_ends_beyond_is_the_smile_s(both: Expressed) -> None:
    found, analysis = both.found, both.analysis
    for case in range(len(found.names)):
        own = found.slices[case]
        deviation = 0.35 * math.sqrt(analysis.time[own])
        for shape in (DEEP, CALL, FAR, DEBIT):
            even = np.nanmax(found.even[case, shape])
            d = (math.log(analysis.forward[own] / even) - 0.5 * deviation**2) / deviation
            above = NormalDist().cdf(d)
            expected = above if found.names[case] == 0 else 1.0 - above
            assert found.profit[case, shape] == pytest.approx(expected, abs=4e-3)
        # A credit spread wins where its break-even is not crossed, a covered call above one.
        assert 0.5 < found.profit[case, CREDIT] < 0.95


def test_a_position_takes_no_more_than_the_account_allows() -> None:
    budget = Budget(loss=500.0, capital=10_000.0, cost=0.001, borrow=0.0015)
    found = express(LONG, SHORT, budget=budget).found
    sized = found.there & (found.size >= 1.0)
    sized[:, STOCK] = False
    assert sized.any()
    assert (-found.at[..., STOP] * found.size)[sized].max() <= 500.0 + 1e-6
    bounded = sized & np.isfinite(found.loss)
    assert (found.loss * found.size)[bounded].max() <= 10_000.0 + 1e-6
    # One more would be too many.
    more = found.size + 1.0
    over = (-found.at[..., STOP] * more > 500.0) | (np.minimum(found.loss, 100.0 * SPOT) * more > 10_000.0)
    assert over[sized].all()
    assert (found.size[found.there[:, STOCK], STOCK] == 100.0).all()
    small = express(LONG, budget=Budget(100.0, 10_000.0, 0.0, 0.0)).found
    why = small.why[0, DEEP]
    assert WHY[why] == "too_large"
    assert small.rank[0, DEEP] == -1
    # A short pays its lender.
    borrowed = found.at[3, STOCK] - express(SHORT, budget=dataclasses.replace(budget, borrow=0.0)).found.at[0, STOCK]
    assert borrowed == pytest.approx([-0.15] * 3)


def test_premium_is_sold_only_where_it_is_rich() -> None:
    found = express(dataclasses.replace(LONG, rich=False)).found
    sold = [CREDIT, PUT, COVERED]
    assert {WHY[one] for one in found.why[:, sold].ravel()} == {"cheap_premium"}
    assert (found.rank[:, sold] == -1).all()
    rich = express(LONG).found
    assert (rich.why[:, sold] == 0).all()


def test_ranked_are_those_who_need_least(both: Expressed) -> None:
    found = both.found
    for name in (0, 1):
        own = found.names == name
        rank, rate = found.rank[own], np.round(found.win_rate_undecided[own], 3)
        ranked = rank >= 0
        assert sorted(rank[ranked].tolist()) == [*range(int(ranked.sum()))]
        assert (np.diff(rate[ranked][np.argsort(rank[ranked])]) >= 0.0).all()


def test_what_cannot_be_traded_is_no_leg() -> None:
    """Few open contracts, or a wide market, at the strikes that would be taken."""
    tight = express(LONG)
    taken = {*tight.chain.row[tight.found.legs[tight.found.legs >= 0]].tolist()}

    def few(frame: pl.DataFrame) -> np.ndarray:
        return np.where(np.isin(np.arange(len(frame)), [*taken]), 49.0, 500.0)

    thin = express(LONG, interest=few)
    assert not taken & {*thin.chain.row[thin.found.legs[thin.found.legs >= 0]].tolist()}
    assert not flagged(thin.found, "interest_unknown").any()
    wide = express(LONG, half=0.6).found
    assert not wide.there[:, [FAR, CREDIT]].any()
    silent = express(LONG, interest=lambda frame: np.full(len(frame), np.nan)).found
    assert silent.there.tolist() == tight.found.there.tolist()
    has_legs = (WEIGHTS != 0.0).any(axis=1)
    assert flagged(silent, "interest_unknown")[silent.there & has_legs].all()


def test_adjusted_contracts_are_left_out_and_said() -> None:
    """Those of the name that deliver something else, quoted like the others."""
    odd = LONG.quoted(0.01).with_columns(root=pl.lit("A1"), bid=pl.col("bid") + 5.0, ask=pl.col("ask") + 5.0)
    plain, made = express(LONG).found, express(LONG, more=odd)
    assert flagged(made.found, "adjusted").all()
    assert not flagged(plain, "adjusted").any()
    assert (made.chain.row[made.found.legs[made.found.legs >= 0]] < len(odd)).all()
    assert np.array_equal(made.found.at, plain.at, equal_nan=True)


def put_value(spot: float, strike: float, days: int, vol: float = 0.35) -> float:
    """Black's, of a European put."""
    time = days / 365
    forward, total, of = spot * math.exp(RATE * time), vol * math.sqrt(time), NormalDist().cdf
    d = math.log(forward / strike) / total + 0.5 * total
    return math.exp(-RATE * time) * (strike * of(total - d) - forward * of(-d))


def test_a_short_call_in_the_money_over_an_ex_date_is_said() -> None:
    """An ex-date before the exit; after it there is none."""
    near = express(dataclasses.replace(LONG, target=106.0, dividends=((7, 1.5),))).found
    later = express(dataclasses.replace(LONG, target=106.0, dividends=((40, 1.5),))).found
    for found, said in ((near, True), (later, False)):
        assert flagged(found, "ex_date")[:, [DEBIT, COVERED]].tolist() == [[said, said]] * 3
        assert not flagged(found, "ex_date")[:, [STOCK, CALL, CREDIT, PUT]].any()
        assert not flagged(found, "assignment").any()
    # Who holds the call gives up the put of its strike for the dividend: only a large one is worth it.
    deep = dataclasses.replace(LONG, target=120.0, strikes=(70.0, 80.0, 90.0, 95.0, 100.0, 112.0, 130.0))
    for amount in (0.5, 3.0, 4.0):
        puts = [put_value(120.0 - amount, 112.0, days - 7) for days in deep.expiries]
        found = express(dataclasses.replace(deep, dividends=((7, amount),))).found
        assert flagged(found, "ex_date")[:, COVERED].all()
        assert flagged(found, "assignment")[:, COVERED].tolist() == [amount > put for put in puts]
        assert not flagged(found, "assignment")[:, [STOCK, CALL, CREDIT, PUT]].any()
    # A bear's sold call lies out of the money: above the stop.
    assert not flagged(express(dataclasses.replace(SHORT, dividends=((7, 1.5),))).found, "ex_date").any()


def test_an_event_before_the_exit_is_said() -> None:
    """More variance to the first expiry than any later one has: an event, which the plan's days may meet."""
    vols = {21: 0.60, 28: 0.55, 56: 0.43, 84: 0.38}

    def humped(case: Case) -> float:
        return vols[case.days]

    event = dataclasses.replace(LONG, smile=humped, expiries=tuple(vols))
    assert flagged(express(event).found, "earnings").all()
    # Here it lies between the second and the third, after the exit.
    later = {21: 0.30, 28: 0.30, 56: 0.45, 84: 0.40}

    def after(case: Case) -> float:
        return later[case.days]

    calm = dataclasses.replace(LONG, smile=after, expiries=tuple(later), days=14)
    assert not flagged(express(calm).found, "earnings").any()


def test_a_name_alone_or_in_its_market_has_the_same_bytes() -> None:
    names = [
        Name("A", dividends=((5, 0.4), (40, 0.4))),
        Name("B", long=False, target=90.0, stop=104.0, vol=0.5),
        Name("C", smile=smirk, days=20),
        Name("D", target=math.nan),
        Name("E", long=False, target=85.0, stop=106.0, dividends=((9, 1.0),)),
    ]
    whole = express(*names, workers=3)
    assert {*whole.found.names.tolist()} == {0, 1, 2, 4}
    again = express(*names, workers=1)
    places = ("names", "slices", "legs")
    for one in dataclasses.fields(Expressions):
        assert getattr(whole.found, one.name).tobytes() == getattr(again.found, one.name).tobytes(), one.name
    for at, name in enumerate(names):
        own = whole.found.names == at
        alone = express(name).found
        for one in dataclasses.fields(Expressions):
            if one.name not in places:
                assert getattr(whole.found, one.name)[own].tobytes() == getattr(alone, one.name).tobytes(), one.name


def test_a_price_beyond_the_plan_expresses_nothing() -> None:
    for target, stop in ((99.0, 90.0), (110.0, 101.0), (math.nan, 95.0)):
        assert len(express(dataclasses.replace(LONG, target=target, stop=stop)).found.names) == 0
    assert len(express(dataclasses.replace(LONG, days=70)).found.names) == 0


def test_expiries_leave_room_behind_the_hold() -> None:
    found = express(dataclasses.replace(LONG, days=28, expiries=(28, 35, 42, 56, 84))).found
    # 1.3 times 28 days are 36.4.
    assert found.slices.tolist() == [2, 3, 4]
