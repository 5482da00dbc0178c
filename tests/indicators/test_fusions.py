"""A kernel for several indicators gives the bytes of their own kernels, whatever is asked of it."""

from __future__ import annotations

import numpy as np
import pytest

from tapescan.core.calls import Table
from tapescan.core.typing import Floats
from tapescan.features.carried import computed
from tapescan.features.compute import latest, replay
from tapescan.features.plan import FEW, Fused, Step, default_features, plan_features
from tapescan.indicators import Fusion, Indicator, fusions
from tapescan.market.panel import Block, Panel, build_panel
from tests.conftest import random_bars

cases = pytest.mark.parametrize("fusion", fusions.values(), ids=list(fusions))


def drawn(fusion: Fusion, seed: int) -> Fused:
    """Some calls of its members, of which some outputs are asked for."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 12))

    def values_of(one: Indicator) -> tuple[int, ...]:
        if rng.random() < 0.5:
            return tuple(int(p.default) for p in one.parameters)
        return tuple(int(rng.integers(int(p.low), rng.choice([int(p.low) + 4, 30, 270]))) for p in one.parameters)

    shared = values_of(fusion.members[int(rng.integers(len(fusion.members)))])
    calls = {}
    for at in rng.integers(len(fusion.members), size=count):
        one = fusion.members[at]
        calls[one.name, shared if fusion.alike else values_of(one)] = one
    steps, slot = [], 0
    for (_, values), one in calls.items():
        slots = [-1 - at for at in range(len(one.outputs))]
        for at in rng.permutation(len(slots))[: int(rng.integers(1, len(slots) + 1))]:
            slots[at] = slot
            slot += 1
        steps.append(Step(one, values, tuple(slots)))
    return Fused(fusion, tuple(steps))


def shuffled(block: Block, seed: int) -> tuple[dict[str, Floats], np.ndarray]:
    """Lanes in any order, and no matter what before each one's first row."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(block.lanes)
    first = block.first[order]
    before = np.arange(block.rows)[:, None] < first
    names = ("open", "high", "low", "close", "volume", "market")
    columns = {name: np.ascontiguousarray(getattr(block, name)[:, order]) for name in names}
    for column in columns.values():
        column[before] = rng.uniform(0.5, 1000.0, int(before.sum()))
    return columns, first


def height(fused: Fused) -> int:
    """Rows of the values: all that are asked for, and scratch."""
    return max(max(one.slots) for one in fused.steps) + 1 + max(len(one.slots) for one in fused.steps)


def own(fused: Fused, columns: dict[str, Floats], first: np.ndarray, start: int) -> Floats:
    """By the members' own kernels."""
    rows, lanes = columns["close"].shape
    values = np.zeros((height(fused), rows - start, lanes))
    given = columns | {"first": first, "start": start, "begin": 0}
    given |= {one.call: np.empty((one.state, lanes)) for one in fused.steps}
    Table(tuple((one.indicator.kernel, one.arguments) for one in fused.steps), len(values)).run(given, values)
    return values[: asked(fused)]


def asked(fused: Fused) -> int:
    return sum(slot >= 0 for one in fused.steps for slot in one.slots)


def together(
    fused: Fused,
    columns: dict[str, Floats],
    first: np.ndarray,
    start: int,
    begin: int = 0,
    state: Floats | None = None,
) -> Floats:
    rows, lanes = columns["close"].shape
    # A part of a wider array, as a block has of a panel's.
    values = (
        np.zeros((height(fused), rows - start, 2 * lanes))[:, :, :lanes]
        if rows - start == 1
        else np.zeros((height(fused), rows - start + 3, lanes))[:, 3:]
    )
    given = columns | {"first": first, "start": start, "begin": begin}
    given |= {fused.call: np.full((fused.state, lanes), np.nan) if state is None else state}
    Table(((fused.source.kernel, fused.arguments),), len(values)).run(given, values)
    assert not values[asked(fused) :].any()
    return values[: asked(fused)]


@cases
@pytest.mark.parametrize("seed", range(8))
def test_it_has_the_bytes_of_its_members_own_kernels(fusion: Fusion, seed: int, lively_panel: Panel) -> None:
    fused = drawn(fusion, seed)
    for block in lively_panel.blocks:
        columns, first = shuffled(block, seed)
        starts = (block.rows - 1, block.rows - FEW) if fusion.newest else (0, 1, 37, block.rows - 40, block.rows - 1)
        for start in starts:
            theirs, ours = own(fused, columns, first, start), together(fused, columns, first, start)
            for step in fused.steps:
                for slot in (slot for slot in step.slots if slot >= 0):
                    assert np.array_equal(ours[slot], theirs[slot], equal_nan=True), (step.call, slot, start)


@pytest.mark.parametrize("fusion", [one for one in fusions.values() if one.recursive], ids=lambda one: one.name)
@pytest.mark.parametrize("cuts", [(559,), (1, 2, 3), (14, 28, 29, 200, 558), (130, 131, 480)])
def test_a_run_that_is_carried_on_is_one_that_is_not_broken_off(
    fusion: Fusion, cuts: tuple[int, ...], lively_panel: Panel
) -> None:
    for seed in range(3):
        fused = drawn(fusion, seed)
        for block in lively_panel.blocks:
            columns, first = shuffled(block, seed)
            whole = together(fused, columns, first, 0)
            state, begin = np.full((fused.state, block.lanes), np.nan), 0
            for row in (*(cut for cut in cuts if cut < block.rows), block.rows):
                upto = {name: column[:row] for name, column in columns.items()}
                part = together(fused, upto, first, begin, begin, state)
                assert np.array_equal(part, whole[:, begin:row], equal_nan=True), (begin, row)
                begin = row


@cases
def test_its_members_are_fused_where_two_are_asked_for(fusion: Fusion) -> None:
    one, other = fusion.members[:2]
    both = [*one.feature_names((20,) * len(one.parameters)), *other.feature_names((20,) * len(other.parameters))]
    plan = plan_features(both)
    if len(plan.spans) == 1:
        assert plan.kernels() == (fusion.name,)
        # For all rows, the members' own kernels as well where these are the faster ones.
        assert {*plan.kernels(replayed=True)} == {fusion.name, *((one.name, other.name) if fusion.newest else ())}
    assert plan_features(one.feature_names((20,) * len(one.parameters))).kernels() == (one.name,)


def test_what_is_alike_needs_the_same_parameters() -> None:
    plan = plan_features(["dx_14", "plus_di_14", "atr_10", "plus_di_10", "minus_di_9"])
    assert plan.kernels() == ("directional_movement", "minus_di")


def test_a_replay_has_the_same_bytes_whether_kernels_are_fused_or_not(lively_panel: Panel) -> None:
    names = [
        name
        for one in fusions.values()
        for member in one.members
        for values in member.defaults
        for name in member.feature_names(values)
    ]
    plan = plan_features(names)
    for block, found in replay(lively_panel, plan):
        for at, name in enumerate(plan.names):
            alone = plan_features([name])
            other = next(values for one, values in replay(lively_panel, alone) if one.offset == block.offset)
            assert np.array_equal(found[at], other[0], equal_nan=True), name


@pytest.mark.parametrize("sessions", [90, 300, 600])
def test_spans_that_are_longer_than_the_history_are_computed_as_one(sessions: int) -> None:
    """With the bytes of each on its own, which is how they are carried from day to day."""
    panel = build_panel(random_bars(symbols=40, sessions=sessions, seed=sessions), lanes=16)
    plan = plan_features(default_features())
    together, apart = latest(panel, plan), computed(panel, plan).features
    for name in plan.names:
        assert np.array_equal(together[name], apart[name], equal_nan=True), name
