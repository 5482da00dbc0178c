"""What a profile's weights come to, against a plain reckoning and markets in which it is known."""

from __future__ import annotations

import json
import math

import msgspec
import numpy as np
import polars as pl
import pytest
from scipy import stats

import tapescan
from tapescan.history.market import Market
from tapescan.scan.profile import Profile, Regime, Weights, load_profile


def profile(**weights: float) -> Profile:
    weighed = Weights(**weights, alpha=0.0)
    return msgspec.structs.replace(load_profile("swing"), weights=weighed, regime=Regime(), name="mine")


def test_it_is_what_a_plain_reckoning_says(inputs: Market) -> None:
    mine = profile(trend=40, momentum=30, reversal=20, volatility=10)
    found = tapescan.check_profile(mine, inputs, models=False)
    rows = tapescan.scan_market(inputs, profile=mine, models=False).ranked
    assert found.ranked == len(rows)
    assert found.as_of == str(tapescan.scan_market(inputs, profile=mine, models=False).as_of)
    total = rows["score"]
    for one in found.factors:
        share = {"trend": 0.4, "momentum": 0.3, "reversal": 0.2, "volatility": 0.1}.get(one.name, 0.0)
        assert one.share == pytest.approx(share)
        if share:
            cov = np.cov(rows[f"score_{one.name}"], total)
            assert one.decides == pytest.approx(cov[0, 1] / cov[1, 1])
        known = rows.filter(pl.col(f"factor_{one.name}").is_not_null())
        if len(known) == len(rows):
            spearman = stats.spearmanr(known[f"factor_{one.name}"], known["score"]).statistic
            assert one.with_score == pytest.approx(spearman, abs=1e-6)
    assert sum(one.decides for one in found.factors) == pytest.approx(1.0)
    assert 1.0 <= found.effective <= 4.0
    names = [one.name for one in found.factors if one.share]
    assert names == ["trend", "momentum", "reversal", "volatility"]
    json.dumps(found.to_dict())


def test_one_factor_is_worth_one_and_decides_all(inputs: Market) -> None:
    found = tapescan.check_profile(profile(momentum=5), inputs, models=False)
    assert found.effective == pytest.approx(1.0)
    assert found.factors[0].name == "momentum"
    assert found.factors[0].decides == pytest.approx(1.0)
    assert found.factors[0].with_score == pytest.approx(1.0)
    assert found.words == ()


def test_a_factor_that_the_others_outvote_is_named(inputs: Market) -> None:
    found = tapescan.check_profile(profile(trend=60, breakout=60, reversal=8), inputs, models=False)
    (said,) = [one for one in found.words if "outvote" in one]
    assert said.startswith("reversal has 6% of the weights")
    assert any("say nearly the same" in one for one in found.words)
    assert found.effective < 2.5


def test_a_market_in_which_nobody_ranks_is_checked_too(inputs: Market) -> None:
    nobody = msgspec.structs.replace(
        profile(momentum=1), filters=msgspec.structs.replace(load_profile("swing").filters, min_price=1e8)
    )
    found = tapescan.check_profile(nobody, inputs, models=False)
    assert found.ranked == 0
    assert math.isnan(found.effective)
