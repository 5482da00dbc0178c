"""What the recipes of trees on ranks do: industries, weights by age, signs, seeds, labels over several horizons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats, Singles
from tapescan.models.learners import find_learner
from tapescan.models.learners.ridge import Recipe as Ridge
from tapescan.models.learners.seam import Fitted, Recipe, forecast_rows
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tests.models.records import days

ranks = pytest.importorskip("tapescan.models.learners.ranks")
pytest.importorskip("xgboost", reason="trees on ranks were not checked: xgboost is not installed")

FEATURES = ("ret_5", "natr_14", "beta_252")
DATES, SYMBOLS = 60, 60
INDUSTRIES = np.arange(SYMBOLS, dtype=np.int32) % 6
QUICK: dict[str, Any] = {"rounds": 40, "rate": 0.1, "columns": 1.0}


def made(returns: str = "own", seed: int = 5) -> Samples:
    """Returns hang on the row's first feature (own), on the mean of its industry's (industry), or on the second,
    first downwards and in the later half upwards (turned)."""
    random, rows = np.random.default_rng(seed), DATES * SYMBOLS
    session, symbol = np.repeat(days(DATES, 5), SYMBOLS), np.tile(np.arange(SYMBOLS, dtype=np.int32), DATES)
    values = random.normal(size=(rows, 3))
    shared = random.normal(size=(DATES, 6))
    date = np.repeat(np.arange(DATES), SYMBOLS)
    values[:, 0] += shared[date, INDUSTRIES[symbol]] if returns == "industry" else 0.0
    signal = {
        "own": values[:, 0],
        "industry": shared[date, INDUSTRIES[symbol]],
        "turned": np.where(date < DATES // 2, -values[:, 1], values[:, 1]),
    }[returns]
    forward = 0.02 * (signal + random.normal(size=rows))
    return Samples(
        FEATURES,
        values.astype(np.float32),
        session,
        symbol,
        tuple(f"S{at:02d}" for at in range(SYMBOLS)),
        {5: forward.astype(np.float32)},
        np.full(rows, 1e7, np.float32),
        industries=INDUSTRIES + 1,
    )


def fit(samples: Samples, horizon: int = 5, **chosen: Any) -> Fitted:
    recipe = ranks.Recipe(**(QUICK | chosen))
    labels = rank_labels(samples.forward[horizon], samples.session)
    dates = np.unique(samples.session)
    fitted: Fitted = ranks.LEARNER.fit(samples, dates, labels, horizon, ranks.LEARNER.prepare(recipe))
    return fitted


def likeness(fitted: Fitted, samples: Samples) -> float:
    found = forecast_rows(fitted, samples, np.arange(len(samples)))
    return float(np.corrcoef(found, samples.forward[5])[0, 1])


def test_an_industry_is_seen_where_the_recipe_asks_for_it() -> None:
    samples, later = made("industry"), made("industry", seed=6)
    blind, seeing = fit(samples), fit(samples, industry=("ret_5",))
    assert likeness(seeing, later) > likeness(blind, later) + 0.1
    # What the industry adds is the feature's.
    assert next(iter(seeing.importance())) == "ret_5"
    session, industry = later.session, later.industry()
    explained = seeing.explain(later.values, session, np.arange(90), industry)
    assert explained is not None
    forecasts = seeing.forecast(later.values, session, industry)
    np.testing.assert_allclose(explained.sum(axis=1), forecasts[:90], rtol=1e-5, atol=1e-6)
    # Stored, it is the same; by other numbers of the same industries, too; and it asks for its feature.
    loaded = ranks.LEARNER.load(seeing.save(), FEATURES)
    assert industry is not None
    np.testing.assert_array_equal(loaded.forecast(later.values, session, industry * 3), forecasts)
    assert not np.array_equal(loaded.forecast(later.values, session, None), forecasts)


def test_what_is_long_ago_counts_less() -> None:
    samples, later = made("turned"), made("turned", seed=6)
    newer = later.session >= np.unique(later.session)[DATES // 2]
    part = replace(
        later,
        values=later.values[newer],
        session=later.session[newer],
        symbol=later.symbol[newer],
        forward={5: later.forward[5][newer]},
    )
    assert abs(likeness(fit(samples), part)) < 0.2
    assert likeness(fit(samples, half_life=0.1), part) > 0.4


def test_a_sign_is_kept() -> None:
    samples = made("own")
    along = np.zeros((SYMBOLS, 3), np.float32)
    along[:, 0] = np.arange(SYMBOLS)

    def rises(fitted: Fitted) -> Floats:
        return np.diff(fitted.forecast(along, np.zeros(SYMBOLS, np.int32)))

    assert (rises(fit(samples, monotone=(("ret_5", 1), ("absent", -1)))) >= 0.0).all()
    assert (rises(fit(samples)) < 0.0).any()
    # Against what is there, nothing is learnt of it.
    assert (rises(fit(samples, monotone=(("ret_5", -1),))) <= 0.0).all()


def test_seeds_are_averaged() -> None:
    samples = made()
    one, other, both = fit(samples, seed=1), fit(samples, seed=2), fit(samples, seed=1, seeds=2)
    rows = np.arange(200)
    ours, theirs = (forecast_rows(some, samples, rows) for some in (one, other))
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(forecast_rows(both, samples, rows), (ours + theirs) / 2.0, rtol=1e-12)


def test_labels_are_averaged_over_shorter_horizons_alone() -> None:
    samples = made()
    random = np.random.default_rng(9)

    def some() -> Singles:
        return random.normal(size=len(samples)).astype(np.float32)

    short, long_ = some(), some()
    alone = replace(samples, forward={**samples.forward, 10: long_})
    with_short = replace(samples, forward={1: short, **samples.forward, 10: long_})
    plain = fit(samples).save()
    assert fit(alone, averaged=True).save() == plain
    assert fit(with_short).save() == plain
    averaged = fit(with_short, averaged=True).save()
    assert averaged != plain
    assert averaged == fit(replace(with_short, forward={**with_short.forward, 10: some()}), averaged=True).save()


def test_neutral_labels_need_no_industry() -> None:
    samples = made("industry")
    nobody = fit(replace(samples, industries=None), neutral=True)
    # The industry's part of the returns is what its feature knows; without it, nothing is left to learn.
    assert likeness(fit(samples, neutral=True), samples) < likeness(nobody, samples) - 0.1


def test_pairs_of_a_session_are_learnt_from() -> None:
    samples, later = made(), made(seed=6)
    fitted = fit(samples, pairs=True)
    assert likeness(fitted, later) > 0.4
    assert fitted.save() == fit(samples, pairs=True).save() != fit(samples).save()
    loaded = ranks.LEARNER.load(fitted.save(), FEATURES)
    np.testing.assert_array_equal(
        loaded.forecast(later.values, later.session), fitted.forecast(later.values, later.session)
    )


@pytest.mark.parametrize(
    "chosen", [{"pairs": True, "half_life": 1.0}, {"seeds": 0}, {"half_life": -1.0}, {"monotone": (("ret_5", 2),)}]
)
def test_a_recipe_that_cannot_be_is_refused_before_any_work(chosen: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=r"seeds|pairs"):
        ranks.LEARNER.prepare(ranks.Recipe(**chosen))


def test_a_ridge_on_ranks_hangs_on_no_scale() -> None:
    learner, samples = find_learner("ridge"), made()
    stretched = replace(samples, values=np.exp(3.0 * samples.values))
    labels, dates = rank_labels(samples.forward[5], samples.session), np.unique(samples.session)

    def forecasts(some: Samples, recipe: Recipe) -> Floats:
        fitted = learner.fit(some, dates, labels, 5, recipe)
        again = learner.load(fitted.save(), FEATURES)
        found = forecast_rows(fitted, some, np.arange(len(some)))
        np.testing.assert_array_equal(forecast_rows(again, some, np.arange(len(some))), found)
        return found

    np.testing.assert_array_equal(forecasts(stretched, Ridge(ranked=True)), forecasts(samples, Ridge(ranked=True)))
    assert not np.allclose(forecasts(stretched, Ridge()), forecasts(samples, Ridge()))


def test_recipes_say_what_they_take_more_and_older_trials_stay_the_same() -> None:
    assert [*msgspec.to_builtins(Ridge())] == ["penalties", "choosing"]
    assert Ridge().more_features == ()
    assert Ridge(more=("overnight_21",)).more_features == ("overnight_21",)
    assert ranks.Recipe(more=("overnight_21",)).more_features == ("overnight_21",)
    assert find_learner("momentum").prepare().more_features == ()
