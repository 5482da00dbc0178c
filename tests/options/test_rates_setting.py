"""Rates that somebody says, in the setting."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tapescan.core.errors import OptionError
from tapescan.options.rates import Curve


def test_one_rate_is_that_of_every_time() -> None:
    np.testing.assert_allclose(Curve.read("0.045").at(np.array([0.01, 1.0, 5.0])), 0.045)


def test_rates_by_days_lie_on_a_line_between() -> None:
    curve = Curve.read("365:0.05, 30:0.04")
    found = curve.at(np.array([1 / 365, 30 / 365, 197.5 / 365, 1.0, 3.0]))
    np.testing.assert_allclose(found, [0.04, 0.04, 0.045, 0.05, 0.05])


@pytest.mark.parametrize("text", ["4.5", "x", "30:0.04, 30:0.05", "-3:0.04", "30:0.04:2", "nan", "30:", "0:0.04"])
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="rates are"):
        Curve.read(text)
    assert not math.isnan(Curve.read("0.04").rates[0])
