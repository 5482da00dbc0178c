"""Values on their way into a model: the same rule in training and in a scan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tapescan.core.errors import OptionError
from tapescan.features.compute import Features
from tapescan.models.forecast import Model
from tapescan.models.registry.cards import stored_model
from tapescan.models.samples.inputs import as_inputs, check_inputs
from tests.scan.trained import FEATURES, trained


@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 1e39, -1e300])
def test_what_is_no_number_of_float32_is_unknown(odd: float) -> None:
    values = np.array([[0.25, odd], [1e-50, -3.0]])
    found = as_inputs(values)
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, np.array([[0.25, np.nan], [0.0, -3.0]], np.float32))
    assert values[0, 1] == odd or np.isnan(odd)  # the caller's own array is left as it was


def test_an_infinite_feature_is_forecast_as_an_unknown_one(tmp_path: Path) -> None:
    model = Model(stored_model(trained(tmp_path, 5, 0.5)))
    values: NDArray[np.float64] = np.random.default_rng(3).uniform(0.0, 100.0, (len(FEATURES), 40))
    unknown, infinite = values.copy(), values.copy()
    at = FEATURES.index("rsi_2")
    unknown[at, ::2], infinite[at, ::4], infinite[at, 2::4] = np.nan, np.inf, -np.inf
    with_unknown = model.forecast(model.inputs(Features(FEATURES, unknown)))
    with_infinite = model.forecast(model.inputs(Features(FEATURES, infinite)))
    np.testing.assert_array_equal(with_infinite, with_unknown)
    assert (with_unknown != model.forecast(model.inputs(Features(FEATURES, values)))).any()


def test_what_hangs_on_the_price_is_refused() -> None:
    assert check_inputs(["rsi_14", "rsi_14", "ret_5"]) == ("rsi_14", "ret_5")
    for name in ("close", "sma_20", "var_20", "obv", "dollar_volume_20"):
        with pytest.raises(OptionError, match="a model cannot take"):
            check_inputs([name])
    with pytest.raises(OptionError, match="at least one"):
        check_inputs([])
