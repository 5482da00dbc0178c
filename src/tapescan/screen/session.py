"""Expressions over one session: every symbol's values to one value a symbol."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, Protocol

import numpy as np

from tapescan.core.typing import Array, Ints
from tapescan.screen.functions import FUNCTIONS, Function
from tapescan.screen.nodes import Call, Constant, Earlier, Kind, Members, Name, Node
from tapescan.screen.values import TRUE, Value, choose, compare, constant, finite, is_member, is_null, like, truth

__all__ = ["Session", "combine", "evaluate"]


class Session(Protocol):
    """What expressions are computed from: all symbols of a session, ``(symbols,)``."""

    @property
    def size(self) -> int:
        """How many symbols."""
        ...

    @property
    def ranked(self) -> Ints:
        """The places of those who take part in what looks across the market, in the order in which sums are taken."""
        ...

    def column(self, name: str) -> Value:
        """A column's values."""
        ...

    def term(self, term: Earlier) -> Value:
        """What was computed of the bars."""
        ...

    def groups(self, name: str) -> Ints:
        """Each symbol's group by a column of texts, from 0 on; below 0 for none."""
        ...


def evaluate(node: Node, kind: Kind, session: Session) -> Array:
    """Its value of each symbol, ``(symbols,)``: as `values` says for its kind."""
    found = np.asarray(_value(node, session), dtype=object if kind == "text" else None)
    return np.broadcast_to(found, session.size) if found.shape != (session.size,) else found


def _value(node: Node, session: Session) -> Value:
    if isinstance(node, Constant):
        return constant(node)
    if isinstance(node, Name):
        return session.column(node.name)
    if isinstance(node, Earlier):
        return session.term(node)
    assert isinstance(node, Call)
    declared = FUNCTIONS.get(node.function)
    if declared is not None and declared.across is not None:
        return _across(declared, node, session)
    return combine(node, lambda argument: _value(argument, session))


def _across(declared: Function, call: Call, session: Session) -> Value:
    assert declared.across is not None
    values = np.broadcast_to(_value(call.arguments[0], session), session.size)
    group = call.arguments[1] if len(call.arguments) > 1 else None
    groups = session.groups(group.name) if isinstance(group, Name) else None
    return declared.across(np.asarray(values, dtype=np.float64), session.ranked, groups)


def combine(call: Call, value: Callable[[Node], Value]) -> Value:
    """The value of an operator, or a function of plain values, of its arguments' values."""
    declared = FUNCTIONS.get(call.function)
    rule = declared.plain if declared is not None else _COMBINED.get(call.function)
    if rule is not None:
        return rule(*map(value, call.arguments))
    special = _SPECIAL.get(call.function)
    if special is not None:
        return special(call, value)
    return compare(call.function, *map(value, call.arguments))


def _in(call: Call, value: Callable[[Node], Value]) -> Value:
    it, members = value(call.arguments[0]), call.arguments[1]
    if isinstance(members, Members):
        return is_member(it, members.values)
    return reduce(np.maximum, (compare("=", it, value(one)) for one in call.arguments[1:]))


def _like(call: Call, value: Callable[[Node], Value]) -> Value:
    pattern = call.arguments[1]
    assert isinstance(pattern, Constant)
    return like(value(call.arguments[0]), str(pattern.value), fold=call.function == "ilike")


def _case(call: Call, value: Callable[[Node], Value]) -> Value:
    tests, results = call.arguments[:-1:2], call.arguments[1::2]
    pairs = [(value(test), value(result)) for test, result in zip(tests, results, strict=True)]
    return choose(pairs, value(call.arguments[-1]))


#: Operators that look at more than their arguments' values.
_SPECIAL = {"in": _in, "like": _like, "ilike": _like, "case": _case}


def _quiet(function: Callable[..., Any]) -> Callable[..., Value]:
    def quiet(*values: Value) -> Value:
        with np.errstate(all="ignore"):
            return finite(function(*values))

    return quiet


def _between(value: Value, low: Value, high: Value) -> Value:
    return np.minimum(compare(">=", value, low), compare("<=", value, high))


#: Operators by the name of their nodes.
_COMBINED: dict[str, Callable[..., Value]] = {
    "and": lambda *values: reduce(np.minimum, values),
    "or": lambda *values: reduce(np.maximum, values),
    "not": lambda value: TRUE - value,
    "is true": lambda value: truth(value == TRUE),
    "is false": lambda value: truth(value == 0),
    "is null": is_null,
    "between": _between,
    "+": _quiet(lambda *values: reduce(np.add, values)),
    "*": _quiet(np.multiply),
    "/": _quiet(np.divide),
    "%": _quiet(np.fmod),
    "0 -": np.negative,
}
