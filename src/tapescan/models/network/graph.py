"""The network as an ONNX graph, for a fixed number of rows: written node by node by the same code that torch runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.typing import Array
from tapescan.models.cone.law import LEVELS
from tapescan.models.network.forward import Sizes, Tensor, explained, levels_of, network, prepared
from tapescan.models.network.inputs import Layout

__all__ = ["OUTPUTS", "as_onnx", "load_onnx"]

#: Of the standard's operators, and of the file; the first has the normalisation of a layer.
OPSET, IR = 17, 8

#: What the graph says of each row: the quantiles, log returns ``(n, k, q)``, and by what (`forward.explained`).
OUTPUTS = ("quantiles", "scalars", "channels", "days")


def load_onnx() -> Any:
    """The library that writes graphs, or an OptionError that says how to get it."""
    try:
        import onnx
    except ImportError as error:
        raise OptionError("ONNX is not installed", "pip install 'tapescan[deep]'") from error
    return onnx


def as_onnx(
    weights: Mapping[str, Array],
    constants: Mapping[str, Array],
    sizes: Sizes,
    layout: Layout,
    horizons: tuple[int, ...],
    rows: int,
    about: Mapping[str, str],
) -> bytes:
    """The file of a graph from ``values`` ``(rows, features)`` and ``season`` ``(rows, horizons, 2)`` to OUTPUTS.

    about : texts that the file carries along.
    """
    op = _Graph(load_onnx(), sizes.hidden)
    w = {name: op.constant(one) for name, one in weights.items()}
    of = {name: op.constant(one) for name, one in constants.items()}
    scalars, past, scale = prepared(op, of, _Node(op, "values"), layout)
    scalars = op.reshape(scalars, 1, -1, len(layout.scalars))
    past = op.reshape(past, 1, -1, len(layout.columns))
    known = op.reshape(_Node(op, "season"), 1, -1, 2)
    said, pick, day, attention = network(op, w, sizes, scalars, past, known, 1)
    wide = op.reshape(scale, -1, 1, 1) * np.sqrt(np.array(horizons, np.float32))[:, None]
    found = (op.mean(levels_of(op, of, said), 0) * wide, *explained(op, pick, day, attention))
    k = len(horizons)
    shapes = ((k, len(LEVELS)), (len(layout.scalars),), (k, sizes.channels), (k, sizes.days))
    return op.file(
        {"values": (rows, len(layout.features)), "season": (rows, k, 2)},
        {name: (one, (rows, *shape)) for name, one, shape in zip(OUTPUTS, found, shapes, strict=True)},
        about,
    )


@dataclass(frozen=True)
class _Node:
    """What comes of a node, by its name."""

    graph: _Graph
    name: str

    def __add__(self, other: Any) -> _Node:
        return self.graph.made("Add", self, other)

    def __sub__(self, other: Any) -> _Node:
        return self.graph.made("Sub", self, other)

    def __mul__(self, other: Any) -> _Node:
        return self.graph.made("Mul", self, other)

    def __truediv__(self, other: Any) -> _Node:
        return self.graph.made("Div", self, other)

    def __matmul__(self, other: Any) -> _Node:
        return self.graph.made("MatMul", self, other)


@dataclass(eq=False)
class _Graph:
    """The operations of `forward`, written down. hidden : the width of what is normalised."""

    onnx: Any
    hidden: int
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: Any) -> _Node:
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(np.float32)
        name = f"c{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return _Node(self, name)

    def made(self, kind: str, *inputs: Any, **attributes: Any) -> _Node:
        names = [(one if isinstance(one, _Node) else self.constant(one)).name for one in inputs]
        name = f"n{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, names, [name], **attributes))
        return _Node(self, name)

    def elu(self, x: Tensor) -> Tensor:
        return self.made("Elu", x)

    def sigmoid(self, x: Tensor) -> Tensor:
        return self.made("Sigmoid", x)

    def softmax(self, x: Tensor) -> Tensor:
        return self.made("Softmax", x, axis=-1)

    def norm(self, x: Tensor) -> Tensor:
        # Its weights, a one a column, are those of the layer that comes after.
        return self.made("LayerNormalization", x, np.ones(self.hidden, np.float32), axis=-1, epsilon=1e-5)

    def exp(self, x: Tensor) -> Tensor:
        return self.made("Exp", x)

    def log(self, x: Tensor) -> Tensor:
        return self.made("Log", x)

    def clip(self, x: Tensor, low: float, high: float) -> Tensor:
        return self.made("Clip", x, np.float32(low), np.float32(high))

    def within(self, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
        return self.made("Min", self.made("Max", x, low), high)

    def where(self, chosen: Tensor, yes: Tensor, no: Tensor) -> Tensor:
        return self.made("Where", chosen, yes, no)

    def known(self, of: Tensor, x: Tensor) -> Tensor:
        return self.made("Where", self.made("IsNaN", of), np.float32(0.0), x)

    def columns(self, x: Tensor, places: Sequence[int]) -> Tensor:
        return self.made("Gather", x, np.array(places, np.int64), axis=1)

    def reshape(self, x: Tensor, *shape: int) -> Tensor:
        return self.made("Reshape", x, np.array(shape, np.int64))

    def transpose(self, x: Tensor) -> Tensor:
        return self.made("Transpose", x, perm=[0, 1, 3, 2])

    def mean(self, x: Tensor, axis: int) -> Tensor:
        return self.made("ReduceMean", x, axes=[axis], keepdims=0)

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        return self.made("Concat", *parts, axis=-1)

    def earlier(self, x: Tensor, days: int) -> Tensor:
        if not days:
            return x
        # Zeros before, and as many off the end.
        return self.made("Pad", x, np.array([0, 0, days, 0, 0, 0, -days, 0], np.int64), np.float32(0.0))

    def drop(self, x: Tensor) -> Tensor:
        return x

    def file(
        self,
        inputs: Mapping[str, tuple[int, ...]],
        outputs: Mapping[str, tuple[Tensor, tuple[int, ...]]],
        about: Mapping[str, str],
    ) -> bytes:
        helper, real = self.onnx.helper, self.onnx.TensorProto.FLOAT
        ends = [helper.make_node("Identity", [one.name], [name]) for name, (one, _) in outputs.items()]
        graph = helper.make_graph(
            [*self.nodes, *ends],
            "network",
            [helper.make_tensor_value_info(name, real, shape) for name, shape in inputs.items()],
            [helper.make_tensor_value_info(name, real, shape) for name, (_, shape) in outputs.items()],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="tapescan"
        )
        for name, text in sorted(about.items()):
            entry = model.metadata_props.add()
            entry.key, entry.value = name, text
        self.onnx.checker.check_model(model)
        return bytes(model.SerializeToString(deterministic=True))
