"""A kernel written over for one lane, as GPUs run it, says what the kernel says: here run by the interpreter."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tapescan.core.one_lane import CUBE, Unfit, rewritten
from tapescan.core.typing import Floats
from tapescan.features.plan import plan_features
from tapescan.indicators import Indicator, registry
from tapescan.indicators.sums import totals
from tapescan.market.panel import Block, build_panel
from tests.conftest import every_row, random_bars

#: What a GPU's compiler gives, here by the interpreter.
GIVEN: dict[str, Any] = {
    "cuda_": SimpleNamespace(local=SimpleNamespace(array=lambda shape, dtype: np.full(shape, -777.0, dtype))),
    "real_": np.float64,
    "root_": np.sqrt,
    "larger_": lambda one, other: other if other > one else one,
    "smaller_": lambda one, other: other if other < one else one,
}


def one_lane(function: Callable[..., None], **others: Any) -> Callable[..., None]:
    found = rewritten(function)
    called = {name: one_lane(one.bare, **others) for name, one in found.others.items()}
    space: dict[str, Any] = function.__globals__ | GIVEN | others | called
    exec(found.source, space)  # noqa: S102 (our own)
    made: Callable[..., None] = space[found.name]
    return made


def by_lanes(indicator: Indicator, values: tuple[Any, ...], block: Block, **others: Any) -> list[Floats]:
    """The outputs, ``(rows, lanes)`` each, lane by lane."""
    function = one_lane(indicator.function, **others)
    outputs = [np.full((block.rows, block.lanes), -888.0) for _ in indicator.outputs]
    short = np.zeros(1, np.int64)
    for j in range(block.lanes):
        mine = slice(j, j + 1)
        # What is not written before it is read is seen.
        plane = np.full((6 * block.rows + 3 * 64, 1), -999.0)
        cube = np.full((CUBE, 3 * block.rows + 64, 1), -999.0)
        carried = (0, 0, np.empty((indicator.state(*values), 1))) if indicator.recursive else (0,)
        inputs = [getattr(block, name)[:, mine] for name in indicator.inputs]
        with np.errstate(all="ignore"):
            function(
                *inputs, block.first[mine], *carried, *(out[:, mine] for out in outputs), *values,
                plane, 0, cube, 0, short,
            )  # fmt: skip
    assert not short[0]
    return outputs


def differing(indicator: Indicator, values: tuple[Any, ...], **others: Any) -> bool:
    """Whether the function for one lane says otherwise than the kernel, by more than 1e-9."""
    sessions = min(indicator.lookback(*values) + 8, 70)
    panel = build_panel(random_bars(symbols=2, sessions=sessions, seed=2))
    ours = by_lanes(indicator, values, panel.blocks[0], **others)
    _, theirs = next(every_row(panel, plan_features(indicator.feature_names(values))))
    return not all(
        np.allclose(one, other, 1e-9, 1e-9, equal_nan=True) for one, other in zip(ours, theirs, strict=True)
    )


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("indicator", registry.values(), ids=lambda one: one.name)
def test_one_lane_says_what_all_say(indicator: Indicator) -> None:
    assert not differing(indicator, tuple(p.default for p in indicator.parameters))


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("trange", {"larger_": GIVEN["smaller_"]}),
        ("trange", {"smaller_": GIVEN["larger_"]}),
        ("stddev", {"root_": lambda value: value}),
    ],
)
def test_a_mistake_in_the_writing_over_is_seen(name: str, planted: dict[str, Any]) -> None:
    indicator = registry[name]
    values = (20,) if indicator.parameters else ()
    assert not differing(indicator, values)
    assert differing(indicator, values, **planted)


def test_the_extreme_of_a_nan_is_as_of_the_interpreter() -> None:
    # A GPU's own instruction would pass over the NaN.
    larger, smaller = GIVEN["larger_"], GIVEN["smaller_"]
    for one, other in ((math.nan, 1.0), (1.0, math.nan), (2.0, 1.0), (-0.0, 0.0)):
        assert str(larger(one, other)) == str(max(one, other))
        assert str(smaller(one, other)) == str(min(one, other))
    for indicator in registry.values():
        assert not {"max(", "min("} & {word + "(" for word in _called(rewritten(indicator.function).source)}


def _called(source: str) -> set[str]:
    import ast

    calls = (one.func for one in ast.walk(ast.parse(source)) if isinstance(one, ast.Call))
    return {one.id for one in calls if isinstance(one, ast.Name)}


def test_memory_that_is_too_little_is_said_and_not_written() -> None:
    plane, cube, short = np.zeros((3, 1)), np.zeros((CUBE, 0, 1)), np.zeros(1, np.int64)
    out = np.zeros((12, 1))
    one_lane(totals.bare)(np.ones((12, 1)), 9, out, plane, 0, cube, 0, short)
    assert short[0] == 1
    assert not plane.any()


def in_a_loop(close, first, start, out, period):  # type: ignore[no-untyped-def]
    rows, lanes = close.shape
    for t in range(start, rows):
        total = np.zeros(lanes)
        out[t] = total


def of_whole_numbers(close, first, start, out, period):  # type: ignore[no-untyped-def]
    out[:] = np.zeros(6, np.int64)[0]


def left_early(close, first, start, out, period):  # type: ignore[no-untyped-def]
    rows, lanes = close.shape
    for j in range(lanes):
        if close[rows - 1, j] > 0.0:
            break


@pytest.mark.parametrize(
    ("function", "said"),
    [(in_a_loop, "in a loop"), (of_whole_numbers, "not of float64"), (left_early, "loop over lanes that is left")],
)
def test_what_no_thread_can_do_is_refused_with_its_place(function: Any, said: str) -> None:
    line = function.__code__.co_firstlineno
    with pytest.raises(Unfit, match=said) as caught:
        rewritten(function)
    assert f"{function.__name__} ({__file__}:" in str(caught.value)
    assert line < int(str(caught.value).split(":")[1].split(")")[0]) < line + 5
