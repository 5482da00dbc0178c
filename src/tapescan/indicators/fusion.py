"""Kernels that write the outputs of several indicators: what these have in common is computed once.

    @fusion(members=(beta, correlation), inputs=("close", "market"))
    def against_market(close, market, first, start, values, stride, calls): ...

The indicators stay as they are declared: their own kernels say what their values are, and compute them where one is
asked for alone. A fusion takes the place of two or more calls of its members, and gives the same bytes.

``kernel(*inputs, first, start, values, stride, calls)`` for windows and
``kernel(*inputs, first, begin, start, state, values, stride, calls)`` for recursions, of which `first`, `begin` and
`start` are as in `definition`.

values, stride  all rows of all outputs as one flat float64 array: the output with place p is written for row t from
                ``p * stride + (t - start) * lanes`` on.
calls           int64, a row for each call, as `table` makes them; by default: the member's number, the places of its
                outputs, -1 for one that nobody asked for, and its parameters; both filled up with -1 to the longest.
state           float64 ``(state(calls), lanes)``, which is the fusion's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from tapescan.core.jit import compile_kernel
from tapescan.core.signatures import Signature
from tapescan.core.typing import Ints
from tapescan.indicators.definition import Indicator, Number, registry

__all__ = ["Asked", "Fusion", "fusion", "fusions"]

#: From calls of a fusion's members to what its kernel is told of them.
Table = Callable[[Sequence["Asked"]], Ints]


class Asked(NamedTuple):
    """A call of a member.

    kind : its number among the fusion's members. slots : places of its outputs, -1 for one that nobody asked for.
    """

    kind: int
    values: tuple[Number, ...]
    slots: tuple[int, ...]


@dataclass(frozen=True)
class Fusion:
    """A kernel for several indicators.

    members : all windows or all recursions, whose parameters are whole numbers. alike : whether calls that are fused
    have the same parameters. newest : whether it is for few rows, as a scan has them: more rows are faster by the
    members' own kernels.
    """

    name: str
    members: tuple[Indicator, ...]
    inputs: tuple[str, ...]
    alike: bool
    newest: bool
    table: Table
    state: Callable[[Ints], int]
    function: Callable[..., None]

    @property
    def recursive(self) -> bool:
        return self.members[0].recursive

    @cached_property
    def kernel(self) -> Any:
        """The compiled function."""
        return compile_kernel(self.function, self.signature)

    @cached_property
    def signature(self) -> Signature:
        """The one signature that the kernel is compiled for."""
        carried = ("int64", "int64", "float64[:, ::1]") if self.recursive else ("int64",)
        whole = ("float64[::1]", "int64", "readonly int64[:, ::1]")
        inputs = ("readonly float64[:, ::1]",) * len(self.inputs)
        return (*inputs, "readonly int64[::1]", *carried, *whole)


#: Every fusion by name.
fusions: dict[str, Fusion] = {}


def _rows(members: Sequence[Indicator]) -> Table:
    """A row for each call."""
    outputs = max(len(one.outputs) for one in members)
    parameters = max(len(one.parameters) for one in members)

    def table(asked: Sequence[Asked]) -> Ints:
        rows = np.full((len(asked), 1 + outputs + parameters), -1, np.int64)
        for row, (kind, values, slots) in zip(rows, asked, strict=True):
            row[0] = kind
            row[1 : 1 + len(slots)] = slots
            row[1 + outputs : 1 + outputs + len(values)] = values
        return rows

    return table


def fusion(
    *,
    members: tuple[Indicator, ...],
    inputs: tuple[str, ...],
    alike: bool = True,
    newest: bool = False,
    table: Table | None = None,
    state: Callable[[Ints], int] = lambda _: 0,
) -> Callable[[Callable[..., None]], Fusion]:
    """Register the decorated kernel under its function's name, for these members."""
    if len({one.recursive for one in members}) > 1:
        raise ValueError("a fusion is of windows or of recursions")

    def register(function: Callable[..., None]) -> Fusion:
        name = function.__name__
        if name in fusions or name in registry:
            raise ValueError(f"a kernel named {name} exists already")
        made = Fusion(name, members, inputs, alike, newest, table or _rows(members), state, function)
        fusions[name] = made
        return made

    return register
