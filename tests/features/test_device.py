"""What a GPU would compute: kernels compile for one without one, and its simulator gives the processor's values."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.commands import ROOT

#: Windows with and without work arrays, recursions, sums, what is measured against the index; of several spans.
SOME = ["sma_20", "rsi_14", "beta_63"]

COMPILED = """
import sys
from tapescan.core.cuda import compile_ptx
from tapescan.features.plan import known_features, plan_features
steps = {one.indicator.name: one for one in plan_features(sys.argv[1:] or known_features()).steps}
for name, one in steps.items():
    code = compile_ptx(one.source.kernel, one.arguments, {one.call: one.state} if one.state else {})
    assert ".target sm_75" in code and ".visible .entry" in code, name
    print(name)
"""


def simulated(*words: str) -> Any:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-m", "tests.features.simulated", *words]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


def check(found: Any) -> None:
    assert not [name for name, (_, missing) in found["features"].items() if not missing]
    assert not {name: apart for name, (apart, _) in found["features"].items() if not apart < 1e-9}
    assert found["newest"] < 1e-9


def compiled(*names: str) -> list[str]:
    command = [sys.executable, "-c", COMPILED, *names]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    environment.pop("NUMBA_ENABLE_CUDASIM", None)
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout.split()


@pytest.mark.long
def test_some_features_are_the_processors_in_the_simulator() -> None:
    check(simulated("features", *SOME))


@pytest.mark.long
def test_all_features_are_the_processors_in_the_simulator() -> None:
    found = simulated("features")
    assert len(found["features"]) > 160
    check(found)


@pytest.mark.long
def test_a_kernel_compiles_for_a_gpu_that_is_not_there() -> None:
    assert compiled("rsi_14") == ["rsi"]


@pytest.mark.long
def test_all_kernels_compile_for_a_gpu_that_is_not_there() -> None:
    from tapescan.indicators import registry

    assert set(compiled()) == set(registry)
