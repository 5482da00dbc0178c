"""What a kernel takes: the types of its arguments, and how they lie in the row of eight-byte slots its code reads.

A type is written as numba writes it, with NumPy's name of the items: ``float64[:, ::1]`` is a C-contiguous array of
two dimensions, ``int64`` a number. ``readonly`` before an array says that the kernel does not write it: numba refuses
to compile one that does, and the array may be a read-only one (a memory map). A named tuple is its class and the
types of its fields.

An array takes a slot for its address and one for each dimension's length; a number takes one; a named tuple those of
its fields.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Kind", "Layout", "Signature", "Type", "flat", "kind_of", "signature_of"]

#: A type's text; of a named tuple its class and the types of its fields.
Type: TypeAlias = str | tuple[type, tuple["Type", ...]]
Signature: TypeAlias = tuple[Type, ...]

_WRITTEN = re.compile(r"(readonly )?(\w+)(\[(?:(?::, )*)::1\])?")

#: Of a number: how `struct` writes its slot, and what is taken for one.
_NUMBERS: dict[str, tuple[str, tuple[type, ...]]] = {
    "int64": ("q", (int, np.integer)),
    "float64": ("d", (float, int, np.floating, np.integer)),
    "bool": ("q", (bool, np.bool_)),
}


@dataclass(frozen=True)
class Kind:
    """What a type's text says. dimensions : 0 for a number. pack : how `struct` writes its slots. numbers : what is
    taken for a number of it."""

    dtype: np.dtype[Any]
    dimensions: int
    readonly: bool
    pack: str
    numbers: Any = ()

    def slots(self, value: Any) -> tuple[Any, ...]:
        """The value as the slots of its kind. Raises TypeError for one of another type."""
        if not self.dimensions:
            if not isinstance(value, self.numbers):
                raise TypeError(f"a kernel takes {self.dtype} here, not {value!r}")
            return (float(value) if self.pack == "d" else int(value),)
        return (self.address(value), *value.shape)

    def address(self, array: Any) -> int:
        """Where an array's items begin. Raises TypeError for one that a kernel could only misread."""
        if not isinstance(array, np.ndarray) or array.dtype != self.dtype or array.ndim != self.dimensions:
            found = f"{array.dtype} of {array.ndim}" if isinstance(array, np.ndarray) else repr(type(array).__name__)
            raise TypeError(f"a kernel takes an array of {self.dtype} of {self.dimensions} dimensions, not {found}")
        flags = array.flags
        if not (flags.c_contiguous and flags.aligned and (self.readonly or flags.writeable)):
            raise TypeError("a kernel takes C-contiguous arrays, and writable ones for what it writes")
        at: int = array.__array_interface__["data"][0]
        return at


@lru_cache(maxsize=256)
def kind_of(written: str) -> Kind:
    """Raises ValueError for a text that is no type of ours."""
    found = _WRITTEN.fullmatch(written)
    dimensions = found[3].count(":") - 1 if found and found[3] else 0
    if not found or (not dimensions and (found[1] or found[2] not in _NUMBERS)):
        raise ValueError(f"{written!r} is no type of a kernel's argument")
    pack, numbers = ("q" * (1 + dimensions), ()) if dimensions else _NUMBERS[found[2]]
    return Kind(np.dtype(found[2]), dimensions, bool(found[1]), pack, numbers)


def flat(signature: Signature) -> Iterator[Kind]:
    """The kinds of all arguments, named tuples taken apart."""
    for one in signature:
        if isinstance(one, str):
            yield kind_of(one)
        else:
            yield from flat(one[1])


def signature_of(arguments: tuple[Any, ...]) -> Signature:
    """What fits the arguments. Raises TypeError for what no kernel takes."""
    return tuple(_type_of(value) for value in arguments)


def _type_of(value: Any) -> Type:
    if isinstance(value, np.ndarray):
        return _array_type(value.dtype, value.ndim, value.flags.writeable)
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, int | np.integer):
        return "int64"
    if isinstance(value, float | np.floating):
        return "float64"
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value), signature_of(value)
    raise TypeError(f"a kernel takes arrays and numbers, not {type(value).__name__}")


@lru_cache(maxsize=256)
def _array_type(dtype: np.dtype[Any], dimensions: int, writable: bool) -> str:
    shape = ", ".join((*":" * (dimensions - 1), "::1"))
    return f"{'' if writable else 'readonly '}{dtype.name}[{shape}]"


class Layout:
    """How the arguments of a signature lie in slots."""

    def __init__(self, signature: Signature) -> None:
        self.kinds = tuple(flat(signature))
        self._takes = tuple(kind_of(one).slots if isinstance(one, str) else _Fields(one) for one in signature)
        self._pack = struct.Struct("=" + "".join(kind.pack for kind in self.kinds)).pack

    def pack(self, arguments: tuple[Any, ...]) -> bytes:
        """The arguments as slots. Raises TypeError for others than the signature says."""
        if len(arguments) != len(self._takes):
            raise TypeError(f"the kernel takes {len(self._takes)} arguments, not {len(arguments)}")
        slots: list[Any] = []
        for take, value in zip(self._takes, arguments, strict=True):
            slots += take(value)
        return self._pack(*slots)


class _Fields:
    """The slots of a named tuple."""

    def __init__(self, written: tuple[type, Signature]) -> None:
        self._class: Any = written[0]
        self._takes = tuple(kind_of(one).slots if isinstance(one, str) else _Fields(one) for one in written[1])

    def __call__(self, value: Any) -> list[Any]:
        if not isinstance(value, self._class):
            raise TypeError(f"a kernel takes a {self._class.__name__} here, not {type(value).__name__}")
        slots: list[Any] = []
        for take, field in zip(self._takes, value, strict=True):
            slots += take(field)
        return slots
