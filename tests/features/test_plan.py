"""Names to kernel calls."""

from __future__ import annotations

import pytest

from tapescan.core.errors import OptionError
from tapescan.features.plan import default_features, known_features, parse_feature, plan_features


def test_the_default_list_is_large_and_without_duplicates() -> None:
    names = default_features()
    assert len(names) == len(set(names)) >= 120


@pytest.mark.parametrize("name", known_features())
def test_every_name_parses_to_what_makes_that_name(name: str) -> None:
    indicator, values, output = parse_feature(name)
    assert indicator.feature_names(values)[output] == name


def test_one_kernel_call_serves_all_its_outputs() -> None:
    plan = plan_features(["macd_12_26_9_signal", "rsi_14", "macd_12_26_9", "rsi_14"])
    assert plan.names == ("macd_12_26_9_signal", "rsi_14", "macd_12_26_9")
    assert [(step.indicator.name, step.slots) for step in plan.steps] == [("macd", (2, 0, -3)), ("rsi", (1,))]


def test_a_plan_knows_its_history() -> None:
    assert plan_features(["ret_5", "sma_20"]).spans == (128,)
    assert plan_features(["sma_200", "ret_5"]).spans == (128, 384)
    assert plan_features(["sma_200", "obv"]).span == 384
    # What hardly forgets is cut off, and a long window is not.
    assert plan_features(["kama_10"]).span == 2560
    assert plan_features(["sma_3000"]).span == 5120


def test_a_look_back_needs_more_history() -> None:
    assert plan_features(["sma_20"], 60).span == 128
    assert plan_features(["sma_20"], 100).span == 384


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rsi14", "rsi_14"),
        ("rsi_14_signal", "rsi_14"),
        ("macd_12_26", "macd_12_26_9"),
        ("SMA_200", "sma_200"),
        ("sma_-5", "sma_5"),
        ("sma_2p5", "a whole number from"),
        ("sma_1", "a whole number from"),
        ("sma_020", "write sma_20"),
        ("bbands_20_2p0_upper", "write bbands_20_2_upper"),
        ("nonsense", "tapescan indicators"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(name: str, expected: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_feature(name)
    assert name in str(caught.value)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_decimal_points_are_written_as_p() -> None:
    indicator, values, _ = parse_feature("sar_0p02_0p2")
    assert (indicator.name, values) == ("sar", (0.02, 0.2))
