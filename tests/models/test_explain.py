"""Forecasts explained by family and in words."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.core.errors import OptionError
from tapescan.features.plan import known_features
from tapescan.models.explain import by_family, feature_words, in_words, value_words

NAMES = ("rsi_2", "ret_5", "cci_14", "natr_14", "bbands_20_2_percent_b", "from_high_252")


def test_families_and_base_sum_up_to_the_prediction() -> None:
    random = np.random.default_rng(1)
    parts = random.normal(size=(40, len(NAMES) + 1))
    families = by_family(NAMES, parts)
    # In the registry's order, whatever the features'.
    assert list(families) == ["extremes", "returns", "oscillators", "volatility", "bands"]
    assert np.allclose(sum(families.values()) + parts[:, -1], parts.sum(axis=1), rtol=0, atol=1e-12)
    assert np.array_equal(families["oscillators"], parts[:, 0] + parts[:, 2])
    for row in range(40):
        alone = by_family(NAMES, parts[row : row + 1])
        assert all(alone[family][0] == families[family][row] for family in families)


def test_words_name_the_largest_first() -> None:
    values = np.array([8.13, np.nan, -120.0, 3.25, 0.98, -0.25], np.float32)
    parts = np.array([0.012, -0.03, 0.012, 0.0, -0.012, 0.002, 0.4])
    assert in_words(NAMES, values, parts, top=4) == [
        "Return (5) unknown pushes down (-0.03)",
        "RSI(2) 8.1 pushes up (+0.012)",  # equal sizes in the order of the features
        "CCI(14) -120.0 pushes up (+0.012)",
        "BBANDS(20, 2) percent b 98.0% pushes down (-0.012)",
    ]
    assert in_words(NAMES, values, parts)[-1] == "Distance from the high (252) -25.0% pushes up (+0.002)"
    assert len(in_words(NAMES, values, parts, top=99)) == 5  # NATR moved nothing
    assert in_words(NAMES, values, parts, top=0) == []


def test_every_feature_has_words_of_its_own() -> None:
    said = [feature_words(name) for name in known_features()]
    assert len(set(said)) == len(said)
    assert all("_" not in words for words in said)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("ret_5", -0.0, "0.0%"),
        ("amihud_21", 1.234e-6, "0.00012%"),
        ("natr_14", 2.345, "2.3%"),
        ("highest_20_since", 3.0, "3 bars"),
        ("beta_63", 1.23456, "1.235"),
        ("linreg_14_angle", -12.0, "-12.0 degrees"),
        ("dollar_volume_20", 1234567.0, "$1,234,567"),
        ("close", 12.5, "12.5"),
        ("cci_14", float("nan"), "unknown"),
    ],
)
def test_values_are_written_by_their_unit(name: str, value: float, words: str) -> None:
    assert value_words(name, value) == words


def test_contributions_must_be_of_the_names() -> None:
    with pytest.raises(OptionError, match="6 features"):
        by_family(NAMES, np.zeros((3, 6)))
    with pytest.raises(OptionError, match="6 features"):
        in_words(NAMES, np.zeros(6), np.zeros(6))
