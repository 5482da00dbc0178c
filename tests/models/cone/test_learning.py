"""What a cone learns of a world whose truth is known, and what the gate and the recalibration say of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from tapescan.columns.ranges import HORIZONS
from tapescan.core.errors import InputError
from tapescan.models.cone.card import ConeCard
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.judge import (
    FoldRecord,
    Lead,
    Outcomes,
    decide,
    judged,
    lead_of,
    outcomes_of,
    record_of,
)
from tapescan.models.cone.law import LEVELS, scales
from tapescan.models.cone.recalibrate import RECENT, Recent
from tapescan.models.cone.train import learn_cone
from tapescan.models.learners import CONE
from tests.models.cone.worlds import TRUTH, market_of, world

SEEN = dt.date(2025, 6, 30)


@cache
def card_of(stretched: int = 0, shuffled: bool = False) -> ConeCard:
    samples = world(stretched=stretched, shuffled=shuffled)
    return learn_cone(samples, market_of(samples.session), SEEN).card


def rows_of(horizon: int = 5) -> Rows:
    samples = world()
    return Rows.of(samples, horizon, market_of(samples.session))


def test_the_truth_is_found() -> None:
    samples = world(symbols=200, dates=300)
    law = fit_law(Rows.of(samples, 1, market_of(samples.session)), np.unique(samples.session))
    # Its constant is that of the mean log of a move's size, and the moves' quantiles make up for it.
    np.testing.assert_allclose(law.weights[1:-1], TRUTH[1:-1], atol=0.05)
    middle = [low + high for low, high in zip(law.quantiles[:3], law.quantiles[:3:-1], strict=True)]
    np.testing.assert_allclose(middle, 0.0, atol=0.12)


def test_the_cone_serves_where_it_knows_more_and_covers_what_it_says() -> None:
    card = card_of()
    for one in card.records:
        assert one.counts, one.reason
        assert one.t is not None
        assert one.t < -4.0
        assert one.gain > 0.02
        assert one.loss < one.rule_loss
        assert 0.78 < one.coverage < 0.82
        np.testing.assert_allclose(one.levels, LEVELS, atol=0.02)
        for shares in (one.by_year, one.by_volatility, one.by_liquidity, one.by_season):
            assert all(0.74 < share < 0.86 for share in shares.values())
        assert set(one.by_season) == {"earnings", "other"}
    assert [law.horizon for law in card.laws] == list(HORIZONS)


def test_shuffled_returns_are_covered_and_serve_nobody() -> None:
    """No volatility says anything of them: one width fits all, and what it says of it is right."""
    card = card_of(shuffled=True)
    for one in card.records:
        assert 0.77 < one.coverage < 0.83
        assert all(0.76 < fold.coverage < 0.84 for fold in one.folds)
    for law in card.laws:
        np.testing.assert_allclose(law.weights[1:-1], 0.0, atol=0.15)


def test_twice_it_is_the_same() -> None:
    samples = world()
    one, other = (learn_cone(samples, market_of(samples.session), SEEN).card for _ in range(2))
    same = one.created_at
    first, second = (msgspec.json.encode(msgspec.structs.replace(card, created_at=same)) for card in (one, other))
    assert first == second


def test_what_lies_outside_of_the_training_dates_counts_for_nothing() -> None:
    samples = world()
    dates = np.unique(samples.session)
    later = samples.session >= dates[100]
    other = replace(
        samples,
        values=np.where(later[:, None], np.float32(3.0), samples.values),
        forward={h: np.where(later, np.float32(0.9), returns) for h, returns in samples.forward.items()},
    )
    for horizon in HORIZONS:
        ours, theirs = (Rows.of(one, horizon, market_of(dates)) for one in (samples, other))
        assert fit_law(ours, dates[:100]) == fit_law(theirs, dates[:100])
        assert fit_rule(ours, dates[:100]) == fit_rule(theirs, dates[:100])


def test_a_factor_looks_back_at_returns_that_are_known() -> None:
    rows = rows_of(5)
    recent = Recent.of(rows, fit_law(rows, rows.dates))
    day = int(rows.dates[60])
    before = recent.before(day)
    assert len(before) == RECENT
    # A date each five sessions: the return of the one before ends on the day itself, and is not known before it.
    assert int(before[-1]) == int(rows.dates[58])


def test_a_change_of_the_market_is_told_and_answered() -> None:
    calm, wild = card_of(), card_of(stretched=RECENT)
    assert not any(one.changed for one in calm.recalibrations)
    for one, usual in zip(wild.recalibrations, calm.recalibrations, strict=True):
        assert one.changed, one.says
        assert "the market moves otherwise than in the training" in one.says
        assert one.coverage < 0.6
        # Twice as wide, drawn towards 1 by two dates in fifteen.
        assert 1.5 < one.factor < 2.0
        assert 0.9 < usual.factor < 1.1
    counted = tuple(msgspec.structs.replace(one, counts=True) for one in wild.records)
    served = msgspec.structs.replace(wild, records=counted).cone.laws
    for law, mine, one in zip(wild.laws, served, wild.recalibrations, strict=True):
        assert mine == law.stretched(one.factor)


def test_where_the_gate_says_no_the_rule_serves_as_it_is() -> None:
    card = card_of()
    denied = tuple(msgspec.structs.replace(one, counts=one.horizon != 5) for one in card.records)
    cone = msgspec.structs.replace(card, records=denied).cone
    assert cone.laws[HORIZONS.index(5)] == card.rules[HORIZONS.index(5)]
    assert cone.says == "by the trained cone over 1, 10, 21 sessions and by the volatility rule over 5 sessions"


def fold(coverage: float) -> FoldRecord:
    return FoldRecord("2024-01-02", "2024-12-31", 1_000, 0.02, coverage, 0.8)


@pytest.mark.parametrize(
    ("t", "coverages", "serves", "says"),
    [
        (-2.0, (0.76, 0.84), True, "the cone serves"),
        (-1.99, (0.8, 0.8), False, "t must be at most -2"),
        (None, (0.8, 0.8), False, "a t that cannot be known"),
        (3.0, (0.8, 0.8), False, "the rule serves"),
        (-9.0, (0.8, 0.755, 0.78), False, "75.5% of the returns of 2024-01-02 to 2024-12-31"),
        (-9.0, (0.8, 0.841), False, "84.1% of the returns"),
    ],
)
def test_the_gate(t: float | None, coverages: tuple[float, ...], serves: bool, says: str) -> None:
    found, reason = decide(5, 0.02, t, 200, [fold(one) for one in coverages])
    assert found == serves
    assert says in reason


def test_pinball_loss_and_coverage_by_hand() -> None:
    rows = rows_of(5)
    dates = rows.dates[:50]
    law, rule = fit_law(rows, dates), fit_rule(rows, dates)
    factors = np.linspace(0.8, 1.2, 10)
    found = outcomes_of(law, rule, rows, rows.dates[60:70], factors)
    for at in (0, 100, len(found.at) - 1):
        row = int(found.at[at])
        date = int(np.searchsorted(rows.dates[60:70], rows.session[row]))
        scale = scales((law,), rows.logs[:, row : row + 1])[0, 0] * factors[date]
        quantiles = np.array(law.quantiles) * scale
        losses = [
            max(p * (rows.returns[row] - q), (p - 1) * (rows.returns[row] - q))
            for p, q in zip(LEVELS, quantiles, strict=True)
        ]
        assert found.by[CONE].loss[at] == pytest.approx(np.mean(losses), rel=1e-12)
        assert found.by[CONE].covered[at] == (quantiles[1] < rows.returns[row] <= quantiles[5])


def test_anybodys_quantiles_are_judged_beside_the_rule_and_the_cone() -> None:
    """The cone's own quantiles, handed over as a matrix, have the cone's record; those of the truth a better one."""
    samples = world()
    market = market_of(samples.session)
    rows = Rows.of(samples, 5, market)
    train, test = rows.dates[:80], np.split(rows.dates[82:], 2)
    law, rule = fit_law(rows, train), fit_rule(rows, train)
    law, folds = law.stretched(0.7), []  # too narrow a cone
    for dates in test:
        found = outcomes_of(law, rule, rows, dates, np.ones(len(dates)))
        scale = scales((law,), rows.logs[:, found.at])[0]
        mine = np.multiply.outer(np.array(law.quantiles), scale)
        returns = rows.returns[found.at]
        more = {"same": judged(mine, returns), "wider": judged(mine / 0.7, returns)}
        folds.append(Outcomes(found.at, {**found.by, **more}))
    cone, same, wider = (record_of(rows, folds, samples.dollar_volume, 5, who) for who in (CONE, "same", "wider"))
    assert msgspec.structs.replace(same, reason=cone.reason) == cone
    assert not cone.counts
    assert wider.counts
    assert "over 5 sessions the wider serves" in wider.reason
    assert lead_of(rows, folds, "same", CONE, 5) == Lead(0.0, None, len(rows.dates) - 82)
    over = lead_of(rows, folds, "wider", CONE, 5)
    assert over.gain == pytest.approx(1.0 - wider.loss / cone.loss, rel=1e-12)
    assert over.t is not None
    assert over.t < -3.6  # as rare as a Student t of -6.5 with the seven degrees of freedom of 78 dates
    with pytest.raises(AssertionError):
        judged(np.full((len(LEVELS), 3), np.nan), np.zeros(3))


def test_too_few_returns_are_one_clear_line() -> None:
    rows = rows_of(5)
    with pytest.raises(InputError, match="1 dates to train on have 60 returns over 5 sessions"):
        fit_law(rows, rows.dates[:1])
