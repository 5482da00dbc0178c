"""A small simulated market that the scan's tests share."""

from __future__ import annotations

import pytest

from tapescan.scan.inputs import simulated_inputs
from tapescan.scan.pipeline import Inputs


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    return simulated_inputs(symbols=600, sessions=400)
