"""Panel to features: the engines agree, and compiled code is what the source says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.engine.threads import Threads
from tapescan.features.compute import latest, replay
from tapescan.features.plan import default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.indicators import Indicator, registry
from tapescan.market.panel import Panel, build_panel
from tests.conftest import every_row, random_bars

EVERYTHING = plan_features(default_features())


def test_threads_and_block_widths_change_no_value(lively_bars: pl.DataFrame) -> None:
    market = build_panel(lively_bars).index
    reference = None
    for lanes, workers in ((256, 1), (256, 2), (16, 3), (7, 1)):
        panel = build_panel(lively_bars, lanes=lanes, index=market)
        values = latest(panel, EVERYTHING, Threads(workers)).values
        found = dict(zip(panel.symbols, values.T, strict=True))
        reference = reference or found
        assert found.keys() == reference.keys()
        assert all(np.array_equal(found[s], reference[s], equal_nan=True) for s in found)


def test_a_replay_from_a_late_row_is_the_end_of_the_whole(lively_panel: Panel) -> None:
    for (block, whole), (_, late) in zip(
        replay(lively_panel, EVERYTHING), replay(lively_panel, EVERYTHING, 500), strict=True
    ):
        begin = min(500, block.rows - 1)
        np.testing.assert_array_equal(late, whole[:, begin:])


def test_unasked_outputs_do_not_disturb_the_asked_ones(lively_panel: Panel) -> None:
    for one in registry.values():
        names = one.feature_names(tuple(p.default for p in one.parameters))
        together = latest(lively_panel, plan_features(names)).values
        for name, expected in zip(names, together, strict=True):
            alone = latest(lively_panel, plan_features([name])).values[0]
            assert np.array_equal(alone, expected, equal_nan=True), name


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("indicator", registry.values(), ids=lambda one: one.name)
def test_the_plain_python_function_is_the_definition(indicator: Indicator) -> None:
    # The kernel's source, run by the interpreter, must say what the machine code says: a compiler or a stale cache
    # that changed a value would show here.
    values = tuple(p.default for p in indicator.parameters)
    sessions = min(indicator.lookback(*values) + 12, 90)
    panel = build_panel(random_bars(symbols=5, sessions=sessions, seed=2))
    block = panel.blocks[0]
    outputs = [np.empty((block.rows, block.lanes)) for _ in indicator.outputs]
    inputs = [getattr(block, name) for name in indicator.inputs]
    with np.errstate(all="ignore"):
        carried = (0, 0, np.empty((indicator.state(*values), block.lanes))) if indicator.recursive else (0,)
        indicator.function(*inputs, block.first, *carried, *outputs, *values)
    _, compiled = next(every_row(panel, plan_features(indicator.feature_names(values))))
    for plain, ours in zip(outputs, compiled, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.long
def test_kernels_are_compiled_once_and_found_again(tmp_path: Path) -> None:
    code = (
        "from tapescan.features.plan import plan_features; from tapescan.features.warm import warm_up;"
        "print(warm_up(plan_features(['sma_5', 'rsi_14', 'ret_5'])))"
    )
    environment = {**os.environ, "TAPESCAN_CACHE": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [run.stdout.strip() for run in runs] == ["3", "0"]


@pytest.mark.long
def test_an_unwritable_cache_only_costs_time(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    code = (
        "from tapescan.features.plan import plan_features; from tapescan.features.warm import warm_up;"
        "print(warm_up(plan_features(['sma_5'])))"
    )
    environment = {**os.environ, "TAPESCAN_CACHE": str(blocked)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


def test_progress_is_told_only_when_something_compiles() -> None:
    plan = plan_features(["sma_5"])
    warm_up(plan)
    told: list[int] = []
    assert warm_up(plan, lambda done, _total, _what: told.append(done)) == 0
    assert told == []


@pytest.mark.parametrize(
    "names", [("highest_20", "lowest_20"), ("highest_20_since", "swing_low_10"), ("sma_20", "vwma_20")]
)
def test_some_members_of_a_fusion_are_computed_without_the_others(
    names: tuple[str, str], lively_panel: Panel
) -> None:
    # A fusion reads all that any of its members does, asked for or not.
    together = latest(lively_panel, plan_features(names))
    for name in names:
        assert np.array_equal(together[name], latest(lively_panel, plan_features([name]))[name], equal_nan=True)
