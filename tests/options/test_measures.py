"""What a chain says of each underlying, where the answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

from tapescan.core.typing import Floats
from tapescan.market.option_measures import MEASURES
from tapescan.options.analysis import analyse
from tapescan.options.chains import Chain, build_chain
from tapescan.options.dividends import no_dividends
from tapescan.options.measures import measure
from tapescan.options.rates import Curve
from tests.options.markets import NOW, both_sides, quotes
from tests.options.oracles import Case

RATE, SPOT = 0.045, 100.0
CURVE = Curve.flat(RATE)
STRIKES = [float(one) for one in range(60, 165, 4)] + [100.0]
EXPIRIES = (14, 28, 56, 84, 182, 364, 728)

Vol = Callable[[Case], float]


def market(
    name: str, vols: dict[int, float], smile: Vol | None = None, dividend_yield: float = 0.0, half: float = 0.005
) -> pl.DataFrame:
    """Quotes of a name whose options to each expiry (days) have one volatility, or a smile of it."""
    cases = [
        case
        for days, vol in vols.items()
        for case in both_sides(Case(SPOT, SPOT, False, days, vol, RATE, dividend_yield), sorted({*STRIKES}), smile)
    ]
    return quotes(name, cases, half=half)


def measured(
    frame: pl.DataFrame,
    *,
    spots: Sequence[float] = (SPOT,),
    volume: pl.Expr | None = None,
    interest: pl.Expr | None = None,
    workers: int | None = None,
) -> dict[str, Floats]:
    """volume, interest : of the frame's rows; unknown where None."""
    chain = build_chain(frame)
    counts = [
        np.full(len(frame), np.nan) if one is None else frame.select(one.cast(pl.Float64)).to_series().to_numpy()
        for one in (volume, interest)
    ]
    at = np.array(spots)
    found = analyse(chain, at, no_dividends(len(at)), CURVE, NOW, workers=workers)
    return measure(chain, found, at, *(one[chain.row] for one in counts))


@pytest.fixture(scope="module")
def flat() -> dict[str, Floats]:
    return measured(market("A", dict.fromkeys(EXPIRIES, 0.3), dividend_yield=0.01))


def test_one_volatility_of_all_options_is_that_of_every_maturity(flat: dict[str, Floats]) -> None:
    for days in (30, 60, 90, 180, 365):
        assert flat[f"iv_{days}"][0] == pytest.approx(0.3, abs=1e-3)
    for name in ("iv_slope_30_90", "skew_25d_30", "bf_25d_30", "vol_spread_30"):
        # The yield counts as borrowing: calls are worth less beside puts.
        expected = -0.01 * math.sqrt(30 / 365) / 0.3989 if name == "vol_spread_30" else 0.0
        assert flat[name][0] == pytest.approx(expected, abs=2e-3), name
    assert flat["borrow_30"][0] == pytest.approx(0.01, abs=2e-3)
    assert flat["parity_gap"][0] == pytest.approx(0.0, abs=2e-4)
    assert math.isnan(flat["earnings_move"][0])
    assert flat["option_quality"][0] > 0.9


def test_moves_are_of_sessions(flat: dict[str, Floats]) -> None:
    assert flat["expected_move_21"][0] == pytest.approx(100.0 * 0.3 * math.sqrt(21 / 252), rel=5e-3)
    # No expiry is as near as five sessions.
    assert math.isnan(flat["expected_move_5"][0])
    # The straddle at the money is worth 2 / root(2 pi) deviations.
    deviations = 0.85 * 2.0 / math.sqrt(2.0 * math.pi)
    assert flat["straddle_move_21"][0] == pytest.approx(deviations * 100.0 * 0.3 * math.sqrt(21 / 252), rel=1e-2)


def test_total_variance_is_linear_between_two_expiries() -> None:
    found = measured(market("A", {28: 0.2, 56: 0.4}))
    total = (0.04 * 28 * (56 - 30) + 0.16 * 56 * (30 - 28)) / (56 - 28)
    assert found["iv_30"][0] == pytest.approx(math.sqrt(total / 30), abs=1e-3)


@pytest.mark.parametrize(("expiry", "known"), [(20, False), (22, True), (38, True), (40, False)])
def test_an_expiry_stands_for_a_month_within_thirty_percent(expiry: int, *, known: bool) -> None:
    found = measured(market("A", {expiry: 0.3}))
    assert math.isfinite(found["iv_30"][0]) is known


def test_the_skew_is_of_the_deltas_solved_on_the_smile() -> None:
    def tilted(strike: float) -> float:
        z = math.log(strike / SPOT) / (0.3 * math.sqrt(28 / 365))
        return 0.3 - 0.03 * z + 0.01 * z * z

    forward, root = SPOT * math.exp(RATE * 28 / 365), math.sqrt(28 / 365)

    def of_delta(share: float) -> float:
        low, high = 50.0, 200.0
        for _ in range(80):
            strike = 0.5 * (low + high)
            total = tilted(strike) * root
            upper = math.log(forward / strike) / total + 0.5 * total
            low, high = (strike, high) if NormalDist().cdf(upper) > share else (low, strike)
        return tilted(low)

    found = measured(market("A", {28: 0.3}, lambda case: tilted(case.strike)))
    put, call = of_delta(0.75), of_delta(0.25)
    assert put - call > 0.03
    assert found["skew_25d_30"][0] == pytest.approx(put - call, abs=1e-3)
    assert found["bf_25d_30"][0] == pytest.approx(0.5 * (put + call) - tilted(forward), abs=1e-3)


def test_a_smile_that_ends_before_a_delta_does_not_say_it() -> None:
    near = [96.0, 98.0, 100.0, 102.0, 104.0]
    cases = both_sides(Case(SPOT, SPOT, False, 28, 0.3, RATE, 0.0), near)
    found = measured(quotes("A", cases, half=0.005))
    assert found["iv_30"][0] == pytest.approx(0.3, abs=1e-3)
    assert math.isnan(found["skew_25d_30"][0])


def test_calls_that_are_dear_beside_their_puts_are_told() -> None:
    """By what the forward costs more than one at the rate, over vega."""
    found = measured(market("A", {28: 0.3, 56: 0.3}, dividend_yield=-0.03))
    vega = SPOT * math.sqrt(30 / 365) * 0.3989  # less beside the money
    assert found["vol_spread_30"][0] == pytest.approx(1.05 * SPOT * 0.03 * 30 / 365 / vega, rel=0.04)
    assert found["borrow_30"][0] == pytest.approx(-0.03, abs=1e-3)


def test_a_spot_of_another_moment_than_the_quotes_is_told() -> None:
    found = measured(market("A", {21: 0.3, 28: 0.3, 56: 0.3, 84: 0.3}), spots=(99.8,))
    assert found["parity_gap"][0] == pytest.approx(0.2 / 99.8, rel=0.15)


def test_what_hangs_on_the_spot_hangs_on_that_of_the_quotes() -> None:
    """A share that moved by half a percent after its options were quoted changes nothing but the gap."""
    frame = market("A", {14: 0.3, 21: 0.3, 28: 0.3, 56: 0.3, 84: 0.3}, dividend_yield=0.02)
    right, late = measured(frame), measured(frame, spots=(100.5,))
    assert right["borrow_30"][0] == pytest.approx(0.02, abs=2e-3)
    assert late["borrow_30"][0] == pytest.approx(right["borrow_30"][0], abs=3e-4)
    assert late["vol_spread_30"][0] == pytest.approx(right["vol_spread_30"][0], abs=1e-4)
    assert late["iv_30"][0] == pytest.approx(right["iv_30"][0], abs=1e-6)
    assert late["parity_gap"][0] == pytest.approx(math.log(100.0 / 100.5), abs=2e-4)


def test_a_spot_is_not_moved_by_noise() -> None:
    """Forwards that are off by a cent here and there, and no gap beyond that."""
    frame = market("A", {14: 0.3, 21: 0.3, 28: 0.3, 56: 0.3, 84: 0.3})
    noise = np.random.default_rng(3).normal(0.0, 0.02, len(frame))
    frame = frame.with_columns(bid=pl.col("bid") + noise, ask=pl.col("ask") + noise)
    chain = build_chain(frame)
    found = analyse(chain, np.array([SPOT]), no_dividends(1), CURVE, NOW)
    assert found.spot[0] == SPOT
    assert abs(found.gap[0]) < 2e-3


def test_what_an_event_adds_is_told_from_the_interval_after_it() -> None:
    """Six percent of a move between the second and the third expiry."""
    event = {
        days: math.sqrt((0.09 * days / 365 + (0.0036 if days >= 35 else 0.0)) / (days / 365))
        for days in (21, 28, 35, 56, 84)
    }
    assert measured(market("A", event))["earnings_move"][0] == pytest.approx(0.06, abs=2e-3)


class TestCounts:
    VOLUME = pl.when(pl.col("side") == "put").then(pl.col("strike") % 7).otherwise(pl.col("strike") % 11)
    OPEN = pl.when(pl.col("side") == "put").then(pl.col("strike") % 13).otherwise(pl.col("strike") % 17)

    @pytest.fixture
    def frame(self) -> pl.DataFrame:
        return market("A", {28: 0.3, 56: 0.3})

    @pytest.fixture
    def found(self, frame: pl.DataFrame) -> dict[str, Floats]:
        return measured(frame, volume=self.VOLUME, interest=self.OPEN)

    def sums(self, frame: pl.DataFrame, counted: pl.Expr) -> tuple[float, float]:
        rows = frame.with_columns(many=counted)
        calls, puts = (rows.filter(side=side)["many"].sum() for side in ("call", "put"))
        return float(calls), float(puts)

    def test_volume_and_open_interest(self, frame: pl.DataFrame, found: dict[str, Floats]) -> None:
        calls, puts = self.sums(frame, self.VOLUME)
        open_calls, open_puts = self.sums(frame, self.OPEN)
        assert found["option_volume"][0] == calls + puts
        assert found["put_call_volume"][0] == puts / calls
        assert found["oi_total"][0] == open_calls + open_puts
        assert found["put_call_oi"][0] == open_puts / open_calls
        assert found["volume_oi"][0] == (calls + puts) / (open_calls + open_puts)

    def test_a_volume_of_which_a_part_is_unknown_is_unknown(self, frame: pl.DataFrame) -> None:
        part = pl.when(pl.col("strike") == 100.0).then(None).otherwise(self.VOLUME)
        found = measured(frame, volume=part, interest=self.OPEN)
        assert math.isnan(found["option_volume"][0])
        assert math.isnan(found["put_call_volume"][0])
        assert math.isfinite(found["oi_total"][0])

    def test_gamma_is_that_of_calls_less_puts(self, frame: pl.DataFrame, found: dict[str, Floats]) -> None:
        chain = build_chain(frame)
        values = analyse(chain, np.array([SPOT]), no_dividends(1), CURVE, NOW)
        held = frame.select(self.OPEN.cast(pl.Float64)).to_series().to_numpy()[chain.row]
        total = 0.0
        for place in range(len(chain)):
            if math.isfinite(values.gamma[place]):
                total += (-1 if chain.put[place] else 1) * values.gamma[place] * held[place] * 100 * SPOT**2 * 0.01
        assert found["gex"][0] == pytest.approx(total, rel=1e-12)

    def test_max_pain_is_the_strike_that_pays_holders_least(
        self, frame: pl.DataFrame, found: dict[str, Floats]
    ) -> None:
        rows = frame.with_columns(many=self.OPEN).filter(pl.col("expiration") == pl.col("expiration").min())

        def paid(price: float) -> float:
            sign = {"call": 1.0, "put": -1.0}
            return math.fsum(
                many * max(sign[side] * (price - strike), 0.0)
                for side, strike, many in rows.select("side", "strike", "many").iter_rows()
            )

        strikes = sorted({*rows["strike"]})
        assert found["max_pain_near"][0] == min(strikes, key=paid)

    def test_contracts_that_nobody_holds_have_no_pain(self, frame: pl.DataFrame) -> None:
        later = pl.when(pl.col("expiration") > pl.col("expiration").min()).then(5.0).otherwise(0.0)
        calls = pl.when(pl.col("side") == "call").then(later).otherwise(0.0)
        # Of the nearest expiry that anybody holds; calls alone pay least at the lowest strike.
        assert measured(frame, interest=calls)["max_pain_near"][0] == 60.0
        assert math.isnan(measured(frame)["max_pain_near"][0])


def test_the_spread_at_the_money_is_that_of_call_and_put() -> None:
    found = measured(market("A", {28: 0.3, 56: 0.3}, half=0.05))
    cases = both_sides(Case(SPOT, SPOT, False, 28, 0.3, RATE, 0.0), [100.0])
    middles = float(quotes("A", cases).select((pl.col("bid") + pl.col("ask")) / 2).to_series().sum())
    assert found["spread_atm"][0] == pytest.approx(0.2 / middles, rel=0.04)


def test_another_deliverable_says_nothing() -> None:
    plain = market("A", {28: 0.3, 56: 0.3})
    other = plain.with_columns(root=pl.lit("A1"), bid=pl.col("bid") * 3.0, ask=pl.col("ask") * 3.0)
    alone = measured(plain, interest=pl.col("strike") * 0 + 1)
    both = measured(pl.concat([plain, other]), interest=pl.col("strike") * 0 + 1)
    for name, values in alone.items():
        assert np.array_equal(values, both[name], equal_nan=True), name


def test_a_name_without_a_price_has_what_needs_none() -> None:
    found = measured(market("A", {28: 0.3}), spots=(np.nan,), interest=pl.col("strike") * 0 + 2)
    known = {name for name, values in found.items() if math.isfinite(values[0])}
    assert known == {"oi_total", "put_call_oi", "max_pain_near"}


def test_alone_or_within_a_market_and_by_any_threads_the_bytes_are_the_same() -> None:
    names = {"A": 0.2, "B": 0.3, "C": 0.5}
    frames = {name: market(name, {14: vol, 28: vol * 1.1, 84: vol}) for name, vol in names.items()}
    ones = pl.col("strike") % 5

    def of(some: Sequence[str], workers: int) -> dict[str, Floats]:
        frame = pl.concat([frames[name] for name in some])
        return measured(frame, spots=[SPOT] * len(some), volume=ones, interest=ones, workers=workers)

    whole = of(["A", "B", "C"], 1)
    assert set(whole) == {one.name for one in MEASURES}
    for workers in (2, 7):
        for name, values in of(["A", "B", "C"], workers).items():
            assert values.tobytes() == whole[name].tobytes(), name
    for place, name in enumerate(names):
        for measure_name, values in of([name], 1).items():
            assert values.tobytes() == whole[measure_name][place : place + 1].tobytes(), measure_name


def test_an_empty_chain_has_no_rows() -> None:
    chain: Chain = build_chain(market("A", {28: 0.3}).clear())
    nothing = np.empty(0)
    found = measure(chain, analyse(chain, nothing, no_dividends(0), CURVE, NOW), nothing, nothing, nothing)
    assert all(len(values) == 0 for values in found.values())
