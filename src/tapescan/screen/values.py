"""Values of expressions, and SQL's three-valued logic over them.

A number is float64 with NaN for null; what comes out as no finite number is null. A condition is int8, FALSE, UNKNOWN
or TRUE in this order, so that AND is the least and OR the greatest. A text is an object array with None for null, or
one ``str``. A day is a number. Arrays are ``(symbols,)`` or ``(rows, lanes)``; constants are scalars.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tapescan.columns.definition import Column
from tapescan.core.typing import Array, Conditions
from tapescan.screen.nodes import Constant, Kind

__all__ = [
    "FALSE",
    "TRUE",
    "UNKNOWN",
    "Value",
    "choose",
    "compare",
    "constant",
    "finite",
    "is_member",
    "is_null",
    "like",
    "of_column",
    "truth",
]

FALSE, UNKNOWN, TRUE = np.int8(0), np.int8(1), np.int8(2)

#: Numbers, conditions, texts or days; or one of them.
Value: TypeAlias = Any

_COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "<>": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def constant(node: Constant) -> Value:
    """The value of a constant."""
    match node.kind:
        case "condition":
            return UNKNOWN if node.value is None else TRUE if node.value else FALSE
        case "text":
            return _null_text() if node.value is None else node.value
    return np.float64(np.nan if node.value is None else node.value)


def _null_text() -> Array:
    return np.array(None, dtype=object)


def of_column(values: Array | Sequence[Any], kind: Kind) -> Value:
    """A column's values as this language takes them."""
    array = np.asarray(values)
    match kind:
        case "text":
            return array.astype(object)
        case "date":
            return np.where(np.isnat(array), np.nan, array.astype("datetime64[D]").astype(np.float64))
        case "condition":
            return np.where(array.astype(bool), TRUE, FALSE)
    return finite(array.astype(np.float64, copy=False))


def kind_of(column: Column) -> Kind:
    """What the values of a column are."""
    kinds: dict[str, Kind] = {"String": "text", "Date": "date", "Boolean": "condition"}
    return kinds.get(column.kind, "number")


def finite(values: Value) -> Value:
    """Numbers, null where they are not finite."""
    return np.where(np.isfinite(values), values, np.nan)


def is_null(value: Value) -> Conditions:
    """TRUE where there is no value."""
    return truth(_nulls(value))


def _nulls(value: Value) -> Any:
    if isinstance(value, str):
        return np.False_
    array = np.asarray(value)
    if array.dtype == np.int8:
        return array == UNKNOWN
    return np.equal(array, np.array(None, dtype=object)) if array.dtype == object else np.isnan(array)


def truth(flags: Any) -> Conditions:
    """TRUE where a flag is set, else FALSE."""
    found: Conditions = np.multiply(flags, TRUE, dtype=np.int8)
    return found


def compare(sign: str, left: Value, right: Value) -> Conditions:
    """A comparison; unknown where either side is null."""
    if _is_number(left) and _is_number(right):
        flags = _COMPARED[sign](left, right)
        # A sum is NaN where one of its parts is; numbers here are never infinite.
        unknown = np.isnan(left + right)
        # NaN is unlike everything, and like nothing.
        found: Conditions = truth(flags & ~unknown if sign == "<>" else flags) + unknown
        return found
    known = ~(_nulls(left) | _nulls(right))
    if _is_text(left) and sign not in {"=", "<>"}:
        # None has no order: put a text in its place, for what is unknown anyway.
        left, right = (np.where(_nulls(one), "", one) if _is_text(one) else one for one in (left, right))
    flags = np.asarray(_COMPARED[sign](_plain(left), _plain(right)), dtype=bool)
    return np.where(known, truth(flags), UNKNOWN)


def _is_number(value: Value) -> bool:
    return getattr(value, "dtype", None) == np.float64


def _is_text(value: Value) -> bool:
    return isinstance(value, str) or np.asarray(value).dtype == object


def _plain(value: Value) -> Any:
    return np.array(value, dtype=object) if isinstance(value, str) else value


def is_member(value: Value, members: frozenset[Any]) -> Conditions:
    """Whether it is one of them; unknown where it is null."""
    if _is_text(value):
        array = np.atleast_1d(np.asarray(value, dtype=object))
        flags = np.fromiter((one in members for one in array.ravel()), dtype=bool, count=array.size)
        found = flags.reshape(np.shape(value))
    else:
        found = np.isin(value, list(members))
    return np.where(_nulls(value), UNKNOWN, truth(found))


def like(value: Value, pattern: str, *, fold: bool) -> Conditions:
    """Whether a text fits a pattern, in which % stands for any characters and _ for one. fold : whatever the case."""
    array = np.atleast_1d(np.asarray(value, dtype=object))
    # The pattern is a text with every sign of a regular expression taken out but two; the engine's time is linear.
    signs = "".join({"%": ".*", "_": "."}.get(sign, _quoted(sign)) for sign in pattern)
    regex = f"(?s{'i' if fold else ''})^{signs}$"
    found = pl.Series(array.ravel().tolist(), dtype=pl.String).str.contains(regex)
    flags = found.fill_null(value=False).to_numpy().reshape(np.shape(value))
    return np.where(_nulls(value), UNKNOWN, truth(flags))


def _quoted(sign: str) -> str:
    return sign if sign.isalnum() or ord(sign) > 127 else f"\\x{{{ord(sign):x}}}"


def choose(pairs: Sequence[tuple[Conditions, Value]], default: Value) -> Value:
    """The value of the first condition that is true, else the default."""
    found = default
    for condition, value in reversed(pairs):
        found = np.where(np.asarray(condition) == TRUE, _plain(value), _plain(found))
    return found
