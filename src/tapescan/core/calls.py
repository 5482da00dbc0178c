"""Many kernel calls as one: the interpreter is left once for a whole block, not once for each kernel.

A table is made once of calls whose arguments are given by name, and run with the arrays behind the names, block after
block.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from tapescan.core.jit import Kernel
from tapescan.core.signatures import Kind, flat, kind_of
from tapescan.core.typing import Floats, Ints

__all__ = ["Argument", "Given", "Row", "Table", "Whole"]


class Given(NamedTuple):
    """An argument that a run gives under this name: an array or a whole number."""

    name: Hashable


class Row(NamedTuple):
    """A part of the values that a run is given, ``values[place]``."""

    place: int


class Whole(Enum):
    """All of the values that a run is given, as one flat array; and how many of its items lie from the beginning of
    one row to that of the next."""

    VALUES = "values"
    STRIDE = "stride"


#: A number, or an array of whole numbers, is the same in all runs.
Argument: TypeAlias = Given | Row | Whole | Ints | int | float


@dataclass(frozen=True)
class Table:
    """Calls in the order in which they run: kernels (or plain functions) and their arguments.

    rows : length of the values' first axis.
    """

    calls: tuple[tuple[Any, tuple[Argument, ...]], ...]
    rows: int

    def run(self, given: Mapping[Any, Any], values: Floats) -> None:
        """Make the calls. given : what the names stand for. values : float64 ``(rows, ...)`` of which each row is
        C-contiguous.

        Raises TypeError for arrays that the kernels do not take, MemoryError when there is no room for a work array.
        """
        native = self._native
        if native is None:
            for kernel, arguments in self.calls:
                kernel(*[_value(one, given, values) for one in arguments])
            return
        slots = native.fill(given, values)
        begin: int = slots.ctypes.data
        table = native.pairs + native.is_slots * begin
        if (failed := native.run(len(self.calls), table.ctypes.data)) >= 0:
            raise MemoryError(f"kernel {self.calls[failed][0]} found no room for its work")

    @cached_property
    def _native(self) -> _Native | None:
        """None where a call is by the interpreter: it is no kernel, or one that numba runs."""
        if not all(isinstance(kernel, Kernel) and kernel.address for kernel, _ in self.calls):
            return None
        return _Native(self.calls, self.rows)


def _value(argument: Argument, given: Mapping[Any, Any], values: Floats) -> Any:
    if isinstance(argument, Given):
        return given[argument.name]
    if isinstance(argument, Whole):
        stride = values.strides[0] // values.itemsize
        length = (len(values) - 1) * stride + values[0].size
        flat_values = np.lib.stride_tricks.as_strided(values, (length,), (values.itemsize,))
        return flat_values if argument is Whole.VALUES else stride
    return values[argument.place] if isinstance(argument, Row) else argument


class _Native:
    """The calls' slots, each as a place in one short list: what the names stand for, the rows' addresses, the length
    of their axes, the length and the stride of all values, and all numbers.

    pairs : int64 ``(2 * calls,)``, for each call its kernel's address and its slots' offset in bytes. is_slots : 1
    for the latter, else 0.
    """

    def __init__(self, calls: Sequence[tuple[Kernel, tuple[Argument, ...]]], rows: int) -> None:
        from tapescan.core.linking import runner

        self.run = runner()
        self._rows = rows
        met = [_met(kernel, arguments) for kernel, arguments in calls]
        self._given: dict[tuple[Hashable, Kind], int] = {}
        width = 0
        for argument, kind in (one for call in met for one in call):
            if isinstance(argument, Given) and (argument.name, kind) not in self._given:
                self._given[argument.name, kind] = width
                width += len(kind.pack)
        self._first_row, axes = width, range(width + rows, width + rows + _ROW.dimensions)
        length, stride = axes.stop, axes.stop + 1
        self._arrays = [one for call in met for one, _ in call if isinstance(one, np.ndarray)]
        numbers: list[int] = []
        places: list[int] = []
        pairs: list[int] = []
        for (kernel, _), call in zip(calls, met, strict=True):
            pairs += (kernel.address or 0, 8 * len(places))
            for argument, kind in call:
                if isinstance(argument, Given):
                    at = self._given[argument.name, kind]
                    places += range(at, at + len(kind.pack))
                elif isinstance(argument, Row):
                    places += (width + argument.place % rows, *axes)
                elif isinstance(argument, Whole):
                    places += (width, length) if argument is Whole.VALUES else (stride,)
                else:
                    bits = kind.slots(argument) if kind.dimensions else (_bits(kind, argument),)
                    places += range(stride + 1 + len(numbers), stride + 1 + len(numbers) + len(bits))
                    numbers += bits
        self._axes, self._places = axes, np.array(places, np.int64)
        self._all = np.array([0] * (stride + 1) + numbers, np.int64)
        self.pairs = np.array(pairs, np.int64)
        self.is_slots = np.arange(len(pairs)) % 2

    def fill(self, given: Mapping[Any, Any], values: Floats) -> Ints:
        """All calls' slots, one after the other."""
        every = self._all.copy()
        for (name, kind), at in self._given.items():
            value = given[name]
            every[at : at + len(kind.pack)] = kind.slots(value) if kind.dimensions else _bits(kind, value)
        if len(values) != self._rows:
            raise TypeError(f"the calls write {self._rows} rows of values, not {len(values)}")
        if self._rows:
            begin, step = _ROW.address(values[0]), values.strides[0]
            every[self._first_row : self._axes.start] = begin + step * np.arange(self._rows)
            every[self._axes.start : self._axes.stop] = values.shape[1:]
            stride = step // values.itemsize
            every[self._axes.stop : self._axes.stop + 2] = (self._rows - 1) * stride + values[0].size, stride
        return every[self._places]


#: A row of the values, and what all of them and their stride are.
_ROW = kind_of("float64[:, ::1]")
_WHOLE = {Whole.VALUES: kind_of("float64[::1]"), Whole.STRIDE: kind_of("int64")}


def _met(kernel: Kernel, arguments: tuple[Argument, ...]) -> list[tuple[Argument, Kind]]:
    """Each argument with its kind."""
    taken = tuple(flat(kernel.signature))
    if len(arguments) != len(taken):
        raise TypeError(f"a kernel takes {len(taken)} arguments, not {len(arguments)}")
    for one, kind in zip(arguments, taken, strict=True):
        if (isinstance(one, Row) and kind != _ROW) or (isinstance(one, Whole) and kind != _WHOLE[one]):
            raise TypeError("values are given where a kernel takes something else")
    return list(zip(arguments, taken, strict=True))


def _bits(kind: Kind, number: Any) -> int:
    """A number as a slot's whole number. Raises TypeError for one of another type."""
    bits: int = struct.unpack("=q", struct.pack(f"={kind.pack}", *kind.slots(number)))[0]
    return bits
