"""A kernel's source for one lane, which is what a thread of a GPU computes: the same function, written over.

Kernels are written for all lanes of a block. One that is given arrays of a single lane does the same work, so little
is changed, and all of it here:

- ``lanes`` is 1, so that its loops are none and what it allocates a lane is of constant size;
- what it allocates is a thread's own: registers where the size is constant, else rows of a plane ``(rows, 1)`` or of
  a cube ``(4, rows, 1)`` that the thread is given;
- ``max`` and ``min`` become ``larger_`` and ``smaller_``: those of a GPU pass over a NaN, ours keep the first;
- square roots become ``root_``;
- calls of other kernels are calls of those for one lane.

``cuda_``, ``real_``, ``root_``, ``larger_`` and ``smaller_`` are given by whoever runs it.

This file knows syntax alone, and no compiler.
"""

from __future__ import annotations

import ast
import copy
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tapescan.core.jit import Kernel

__all__ = ["CUBE", "MEMORY", "OneLane", "Unfit", "rewritten"]

#: What every function is given behind its own arguments: a plane with the first row that is free, a cube with its
#: own, and where it says that there was too little of either.
MEMORY = ("plane_", "low_", "cube_", "high_", "short_")

#: The length of the cube's first axis, and the most of constant size that a thread holds itself.
CUBE, MOST_OWN = 4, 64

_FILLED = {"empty": None, "empty_like": None, "zeros": 0.0, "ones": 1.0, "full": None}


class Unfit(ValueError):  # noqa: N818 (as it is said)
    """A kernel that does what no thread can. Says what, and where."""


@dataclass(frozen=True)
class OneLane:
    """A kernel for one lane.

    name : of its function in `source`. others : the kernels that it calls, by their names there. planes, cubes : how
    often it takes rows of the plane and of the cube, by itself.
    """

    name: str
    source: str
    others: Mapping[str, Kernel]
    planes: int
    cubes: int


def rewritten(function: Callable[..., None]) -> OneLane:
    """A bare kernel function for one lane. Raises Unfit for one that cannot be."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (found,) = tree.body
    assert isinstance(found, ast.FunctionDef)
    found.decorator_list = []
    if isinstance(found.body[0], ast.Expr) and isinstance(found.body[0].value, ast.Constant):
        del found.body[0]
    writer = _Writer(function)
    written = writer.function(found)
    return OneLane(
        found.name, ast.unparse(ast.fix_missing_locations(written)), writer.others, writer.planes, writer.cubes
    )


class _Writer(ast.NodeTransformer):
    def __init__(self, function: Callable[..., None]) -> None:
        self._function = function
        self._globals: dict[str, Any] = function.__globals__
        self.others: dict[str, Kernel] = {}
        self.planes = self.cubes = 0
        self._made = self._loops = 0
        self._before: list[ast.stmt] = []

    def function(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.args.args += [ast.arg(name) for name in MEMORY]
        node.body = self._statements(node.body)
        return node

    # --- statements ---------------------------------------------------------------------------------------------

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Each with what has to be done before it."""
        out: list[ast.stmt] = []
        for one in body:
            found = self.visit(one)
            out += [*self._before, *(found if isinstance(found, list) else [found])]
            self._before = []
        return out

    def visit_Assign(self, node: ast.Assign) -> Any:
        (target,) = node.targets
        if _named(target, "lanes"):
            if not isinstance(node.value, ast.Call | ast.Subscript):
                raise self._unfit(node, "lanes is no length")
            node.value = ast.Constant(1)
            return node
        if isinstance(target, ast.Tuple) and _named(target.elts[-1], "lanes"):
            if not (isinstance(node.value, ast.Attribute) and node.value.attr == "shape"):
                raise self._unfit(node, "lanes is no length")
            shape = [_expression(f"{ast.unparse(node.value)}[{axis}]") for axis in range(len(target.elts) - 1)]
            node.value = ast.Tuple([*shape, ast.Constant(1)], ast.Load())
            return node
        return self._visited(node)

    def visit_For(self, node: ast.For) -> ast.stmt | list[ast.stmt]:
        if not (_named(node.target, "j") and _over_lanes(node.iter)):
            return self._looped(node)
        # Of one lane it is no loop, which compilers need not find out; `continue` and `break` would be another's.
        if any(isinstance(one, ast.Continue | ast.Break) for one in ast.walk(node)):
            raise self._unfit(node, "a loop over lanes that is left")
        return [*ast.parse("j = 0").body, *self._statements(node.body)]

    def visit_While(self, node: ast.While) -> ast.stmt:
        return self._looped(node)

    def visit_If(self, node: ast.If) -> ast.stmt:
        node.test = self.visit(node.test)
        before, self._before = self._before, []
        node.body, node.orelse = self._statements(node.body), self._statements(node.orelse)
        self._before = before
        return node

    def _looped(self, node: Any) -> ast.stmt:
        for name in ("iter", "test"):
            if hasattr(node, name):
                setattr(node, name, self.visit(getattr(node, name)))
        self._loops += 1
        node.body, node.orelse = self._statements(node.body), self._statements(node.orelse)
        self._loops -= 1
        return node  # type: ignore[no-any-return]

    def _visited(self, node: Any) -> Any:
        """The node with what is inside it written over."""
        return super().generic_visit(node)

    # --- expressions --------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> ast.expr:
        called = node.func
        if isinstance(called, ast.Attribute) and _named(called.value, "np") and called.attr in _FILLED:
            return self._room(node, called.attr)
        node = self._visited(node)
        if isinstance(called, ast.Attribute) and called.attr == "sqrt":
            node.func = ast.Name("root_", ast.Load())
        elif isinstance(called, ast.Name) and called.id in {"max", "min"} and called.id not in self._globals:
            return self._compared(node, "larger_" if called.id == "max" else "smaller_")
        elif isinstance(called, ast.Name) and isinstance(known := self._globals.get(called.id), Kernel):
            self.others[called.id] = known
            node.args += [ast.Name(name, ast.Load()) for name in MEMORY]
        return node

    def _compared(self, node: ast.Call, name: str) -> ast.expr:
        found, *others = node.args
        if not others:
            raise self._unfit(node, "the extreme of one value")
        for one in others:
            found = ast.Call(ast.Name(name, ast.Load()), [found, one], [])
        return found

    def _room(self, node: ast.Call, how: str) -> ast.expr:
        """What stands for an allocated array, which is taken before the statement."""
        if self._loops:
            raise self._unfit(node, "it allocates in a loop")
        if how == "empty_like":
            shape = [_expression(f"len({ast.unparse(node.args[0])})"), ast.Constant(1)]
        else:
            given = self.visit(node.args[0])
            shape = [_folded(one) for one in (given.elts if isinstance(given, ast.Tuple) else [given])]
        dimensions = len(shape)
        filled = _FILLED[how] if how != "full" else ast.unparse(self.visit(node.args[1]))
        if len(node.args) > 1 + (how == "full") or node.keywords:
            raise self._unfit(node, "an array that is not of float64")
        self._made += 1
        name = f"room{self._made}_"
        if all(isinstance(one, ast.Constant) for one in shape):
            self._own(node, name, shape)
        else:
            self._taken(node, name, shape)
        if filled is not None:
            self._say(f"{name}[{', '.join(':' * dimensions)}] = {filled}")
        return ast.Name(name, ast.Load())

    def _own(self, node: ast.Call, name: str, shape: list[ast.expr]) -> None:
        """Of constant size: the thread's own."""
        lengths = tuple(_number(one) for one in shape)
        size = math.prod(lengths)
        if size > MOST_OWN:
            raise self._unfit(node, f"{size} numbers of a thread's own")
        self._say(f"{name} = cuda_.local.array({lengths if len(lengths) > 1 else lengths[0]}, real_)")

    def _taken(self, node: ast.Call, name: str, shape: list[ast.expr]) -> None:
        """Rows of the plane, or of the cube."""
        *outer, last = shape
        if len(shape) == 1:
            outer, last = [last], ast.Constant(0)  # of a plane's rows the only column
        elif not (isinstance(last, ast.Constant) and last.value == 1):
            raise self._unfit(node, "an array whose last axis is not the lanes")
        memory, free = ("plane_", "low_") if len(outer) == 1 else ("cube_", "high_")
        rows = ast.unparse(outer[-1])
        if len(outer) == 1:
            self.planes += 1
            place = f"{memory}[{free} - {name}rows:{free}" + (", 0]" if len(shape) == 1 else "]")
        else:
            self.cubes += 1
            if len(outer) > 2 or not isinstance(outer[0], ast.Constant) or not 0 < _number(outer[0]) <= CUBE:
                raise self._unfit(node, f"an array of more than {CUBE} planes")
            place = f"{memory}[:{_number(outer[0])}, {free} - {name}rows:{free}]"
        self._say(f"{name}rows = {rows}")
        self._say(f"{free} += {name}rows")
        # What is written beyond its end is somebody else's.
        self._say(f"if {free} > {memory}.shape[{len(outer) - 1}]:\n    short_[0] = 1\n    return")
        self._say(f"{name} = {place}")

    def _say(self, text: str) -> None:
        self._before += ast.parse(text).body

    def _unfit(self, node: Any, what: str) -> Unfit:
        code = self._function.__code__
        return Unfit(f"{code.co_name} ({code.co_filename}:{code.co_firstlineno + node.lineno - 1}): {what}")


def _named(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _over_lanes(node: ast.expr) -> bool:
    """Whether it is a range of the lanes' number: ``lanes``, or the length of a last axis."""
    if not (isinstance(node, ast.Call) and _named(node.func, "range") and len(node.args) == 1):
        return False
    length = node.args[0]
    return _named(length, "lanes") or isinstance(length, ast.Call | ast.Subscript)


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _number(node: ast.expr) -> int:
    return int(ast.literal_eval(node))


class _Lanes(ast.NodeTransformer):
    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(1) if node.id == "lanes" else node


def _folded(node: ast.expr) -> ast.expr:
    """A length of one lane, as a number where it is one."""
    found = _Lanes().visit(copy.deepcopy(node))
    if all(isinstance(one, ast.Constant | ast.BinOp | ast.operator) for one in ast.walk(found)):
        return ast.Constant(eval(ast.unparse(found), {}))  # noqa: S307 (numbers of our own source)
    return found  # type: ignore[no-any-return]
