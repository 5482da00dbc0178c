"""Kernels without numba: the same bytes as numba's own dispatchers give, from code that stands alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.calls import Given, Row, Table
from tapescan.core.compiling import _undefined, compile_object, dispatcher
from tapescan.core.jit import Kernel, compile_kernel
from tapescan.core.typing import Floats, Ints
from tapescan.features.compute import latest, replay
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.indicators import Fusion, Indicator, fusions, registry
from tapescan.market.panel import Panel, build_panel
from tests.commands import ROOT
from tests.conftest import random_bars

BLOCK, READ, LANES = "float64[:, ::1]", "readonly float64[:, ::1]", "readonly int64[::1]"


def scale(values: Floats, first: Ints, start: int, out: Floats, by: float) -> None:
    work = np.zeros(values.shape[1])
    for t in range(start, len(values)):
        for j in range(len(work)):
            work[j] += values[t, j] * by
            out[t - start, j] = work[j] if t >= first[j] else np.nan


def shout(out: Floats) -> None:
    print("a kernel that needs the interpreter")  # noqa: T201 (what makes it need it)
    out[0, 0] = 1.0


def spoil(values: Floats, out: Floats) -> None:
    values[0, 0] = out[0, 0]


SCALE = (READ, LANES, "int64", BLOCK, "float64")


@pytest.fixture(scope="module")
def scaled() -> Kernel:
    made = compile_kernel(scale, SCALE)
    assert isinstance(made, Kernel)
    assert made.address
    return made


def everything() -> Plan:
    own = (one.feature_names(tuple(p.default for p in one.parameters)) for one in registry.values())
    return plan_features((*default_features(), *(name for names in own for name in names)))


def compare(panel: Panel, plan: Plan) -> None:
    """The values of machine code from disk and of numba's dispatchers, the newest row and all."""
    sources = [registry.get(name) or fusions[name] for name in plan.kernels(replayed=True)]
    ours, all_ours = latest(panel, plan).values, [values for _, values in replay(panel, plan)]
    with pytest.MonkeyPatch.context() as patch:
        for one in sources:
            assert isinstance(one.kernel, Kernel)
            assert one.kernel.address, f"{one.name} runs by numba alone"
            patch.setitem(one.__dict__, "kernel", dispatcher(one.function))
        theirs = Plan(plan.names, plan.steps)  # one of its own: plans keep the kernels that they were made with
        assert latest(panel, theirs).values.tobytes() == ours.tobytes()
        for (_, values), mine in zip(replay(panel, theirs), all_ours, strict=True):
            for name, one_value, other in zip(plan.names, values, mine, strict=True):
                assert one_value.tobytes() == other.tobytes(), name


@pytest.mark.long
def test_kernels_have_the_bytes_of_numbas_dispatchers() -> None:
    # A recursion, windows, work arrays, several outputs, another input, a parameter that is no whole number. Numba
    # compiles each anew, a second and more for the large ones: the long test has the others.
    names = ["bbands_20_2_upper", "sar_0p02_0p2", "mfi_14", "beta_63"]
    # And kernels for several indicators: a window's and a recursion's.
    names += ["correlation_63", "adx_14", "atr_14"]
    compare(build_panel(random_bars(symbols=40, sessions=300, seed=4), lanes=16), plan_features(names))


@pytest.mark.long
def test_all_features_have_the_bytes_of_numbas_dispatchers() -> None:
    compare(build_panel(random_bars(symbols=300, sessions=600, seed=5)), everything())


def test_every_kernel_stands_alone() -> None:
    every: list[Indicator | Fusion] = [*registry.values(), *fusions.values()]
    assert [one.name for one in every if not one.kernel.address] == []


def test_a_memory_map_is_read_by_the_same_code(scaled: Kernel, tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=(7, 5))
    np.save(tmp_path / "values.npy", values)
    kept = np.load(tmp_path / "values.npy", mmap_mode="r")
    outs = np.empty((2, 7, 5))
    for given, out in zip((values, kept), outs, strict=True):
        scaled(given, np.zeros(5, np.int64), 0, out, 2)
    assert not kept.flags.writeable
    assert outs[0].tobytes() == outs[1].tobytes()
    np.testing.assert_allclose(outs[0][-1], 2.0 * values.sum(axis=0))


def frozen(array: Floats) -> Floats:
    array.flags.writeable = False
    return array


WRONG: dict[str, Callable[[list[Any]], object]] = {
    "another type": lambda given: given.__setitem__(0, given[0].astype(np.float32)),
    "another shape": lambda given: given.__setitem__(0, given[0][0]),
    "other strides": lambda given: given.__setitem__(0, given[0].T.copy().T),
    "an output that must not be written": lambda given: given.__setitem__(3, frozen(given[3])),
    "no whole number": lambda given: given.__setitem__(2, 0.5),
    "a list": lambda given: given.__setitem__(1, [0, 0, 0]),
    "one too few": lambda given: given.pop(),
}


@pytest.mark.parametrize("how", WRONG)
def test_what_would_be_misread_is_refused(how: str, scaled: Kernel) -> None:
    given: list[Any] = [np.ones((4, 3)), np.zeros(3, np.int64), 1, np.ones((3, 3)), 2.0]
    scaled(*given)
    WRONG[how](given)
    with pytest.raises(TypeError):
        scaled(*given)


def test_a_kernel_that_writes_what_it_reads_does_not_compile() -> None:
    from numba.core.errors import TypingError

    with pytest.raises(TypingError, match="readonly"):
        compile_kernel(spoil, (READ, BLOCK)).compile()


def test_what_needs_more_of_numba_runs_by_numba(capfd: pytest.CaptureFixture[str]) -> None:
    assert compile_object(shout, (BLOCK,), "shout") is None
    kernel, out = compile_kernel(shout, (BLOCK,)), np.zeros((1, 1))
    assert kernel.address is None
    Table(((kernel, (Row(0),)),), 1).run({}, out[None])
    assert out[0, 0] == 1.0
    assert "needs the interpreter" in capfd.readouterr().out


class Pair(NamedTuple):
    few: Floats
    some: np.ndarray[Any, np.dtype[np.bool_]]


@compile_kernel
def add(one: Floats, by: float) -> None:
    for i in range(len(one)):
        one[i] += by


@compile_kernel
def add_some(pair: Pair, add_it: bool) -> None:
    if add_it:
        add(pair.few, 1.0)
    for i in range(len(pair.some)):
        pair.few[i] += 10.0 if pair.some[i] else 0.0


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_a_kernel_without_a_signature_takes_what_it_is_called_with(kind: Any) -> None:
    few = np.zeros(3, kind)
    add_some(Pair(few, np.array([True, False, True])), True)
    add_some(Pair(few, np.array([False, False, True])), False)
    assert few.tolist() == [11.0, 1.0, 21.0]


def test_a_table_is_its_calls_one_by_one(scaled: Kernel) -> None:
    random = np.random.default_rng(2)
    blocks = [(random.normal(size=(rows, 4)), np.array([0, 0, 1, 2]), rows - 3) for rows in (5, 9)]
    calls = [(Given("values"), Given("first"), Given("start"), Row(place), by) for place, by in ((1, 2.0), (-1, 3))]
    native = Table(tuple((scaled, call) for call in calls), 3)
    plain = Table(tuple((scaled.__call__, call) for call in calls), 3)
    for values, first, start in blocks:
        outs = np.zeros((2, 3, 3, 4))
        for table, out in zip((native, plain), outs, strict=True):
            table.run({"values": values, "first": first, "start": start}, out)
        assert outs[0].tobytes() == outs[1].tobytes()
        assert np.isfinite(outs[0][1, -1]).all()
        assert not outs[0][0].any()
    with pytest.raises(TypeError, match="int64"):
        native.run({"values": values, "first": first.astype(np.int32), "start": start}, out)
    with pytest.raises(TypeError, match="3 rows"):
        native.run({"values": values, "first": first, "start": start}, out[:2])


def test_a_work_array_without_room_is_an_error(scaled: Kernel) -> None:
    # So many lanes that nobody has memory for their sums; the array itself is a view of one number.
    wide = np.lib.stride_tricks.as_strided(np.zeros(1), (0, 1 << 58), (8, 8))
    with pytest.raises(MemoryError):
        scaled(np.ascontiguousarray(wide), np.zeros(1, np.int64), 0, np.empty((0, 0)), 1.0)


@partial(compile_kernel, signature=("readonly float64[::1]", "bool", "float64", "float64[::1]"))
def raised(values: Floats, twice: bool, by: float, out: Floats) -> None:
    for i in range(len(out)):
        out[i] = (values[i] + by) * (2.0 if twice else 1.0)


@partial(compile_kernel, signature=("int64", BLOCK))
def roomy(size: int, out: Floats) -> None:
    work = np.empty(size)
    work[:1] = 1.0
    out[0, 0] = work[0]


@partial(compile_kernel, signature=(READ, "int64", BLOCK))
def calling(values: Floats, size: int, out: Floats) -> None:
    for t in range(len(out)):
        raised(values[t], t % 2 == 0, 0.5 * t, out[t])
    if size:
        roomy(size, out)


def test_a_kernel_calls_others_that_are_compiled_by_themselves() -> None:
    assert calling.called == (raised, roomy)
    assert calling.address
    values, out = np.arange(6.0).reshape(3, 2), np.zeros((3, 2))
    calling(values, 0, out)
    assert out.tolist() == [[0.0, 2.0], [2.5, 3.5], [10.0, 12.0]]
    calling(values, 5, out)
    assert out[0, 0] == 1.0
    # Its own code holds none of theirs, but asks for them by name.
    code = compile_object(
        calling._function, calling.signature, "calling", ("test_kernels.raised", "test_kernels.roomy")
    )
    assert code is not None
    assert {"test_kernels.raised", "test_kernels.roomy"} <= set(_undefined(code))
    assert compile_object(calling._function, calling.signature, "calling") is None
    # Nor is it otherwise in a kernel that numba runs itself.
    out[:] = 0.0
    dispatcher(calling._function, calling.signature)(values, 0, out)
    assert out.tolist() == [[0.0, 2.0], [2.5, 3.5], [10.0, 12.0]]


def test_what_a_called_kernel_ends_with_reaches_who_called() -> None:
    with pytest.raises(MemoryError):
        calling(np.ones((3, 2)), 1 << 58, np.zeros((3, 2)))


HEAVY = ("numba", "scipy", "xgboost", "pandas", "exchange_calendars", "sqlglot", "aiohttp")


def loaded(code: str, arguments: Sequence[str] = ()) -> set[str]:
    """What of the heavy libraries a process of its own has imported after some code."""
    said = f"\nimport sys; print('loaded', *[name for name in {HEAVY} if name in sys.modules])"
    variables = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    command = [sys.executable, "-c", code + said, *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()[1:])


SCAN = """
import sys
from tapescan.interfaces.cli.main import app
app(args=["scan", "--store", sys.argv[1]], standalone_mode=False)
"""


def test_a_scan_with_its_kernels_on_disk_imports_no_compiler(tmp_path: Path) -> None:
    bars = random_bars(symbols=40, sessions=400, seed=6).with_columns(pl.col("volume") * 10)
    tapescan.import_bars(bars, store=str(tmp_path / "store"))
    loaded(SCAN, [str(tmp_path / "store")])
    assert loaded(SCAN, [str(tmp_path / "store")]) == set()


def test_the_package_imports_next_to_nothing() -> None:
    code = "import sys, tapescan; assert not {'numpy', 'polars', 'llvmlite'} & set(sys.modules)"
    assert loaded(code) == set()
