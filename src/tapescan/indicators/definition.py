"""What an indicator is: one bare kernel and its declared facts.

    @indicator(
        title="Relative strength index", group="momentum",
        inputs=("close",),
        parameters=(Period(14),),
        defaults=((2,), (14,)),
        outputs=(Output("", "index", 0, 100),),
        lookback=lambda period: period,
        memory=wilder,
        formula="100 * avg_gain / (avg_gain + avg_loss), averages smoothed after Wilder",
        reference="J. Welles Wilder, New Concepts in Technical Trading Systems, 1978",
        talib="RSI(close, period)",
    )
    def rsi(close, first, start, out, period): ...

From that alone come the features' names, the batch for the last row or for all rows, the reference
page, and the tests (parity, causality, lookback, range, ragged starts).

The kernel's contract
---------------------
``kernel(*inputs, first, start, *outputs, *parameters)``, where a value is made of a window of bars;
``kernel(*inputs, first, begin, start, state, *outputs, *parameters)``, where it is a recursion.

inputs      time-major float64 arrays ``(rows, lanes)``, oldest bar first, not to be written. A lane is one
            symbol's own bars without holes. Rows before ``first[lane]`` hold 0.0, or bars that are older than
            the history of the value and count as if they were not there. The input ``market`` holds the market
            index's return since the lane's bar before, NaN where the index has no value.
first       int64 ``(lanes,)``: each lane's first row that counts, in any order.
begin       the first row that a recursion has not taken in: 0 for all of them.
start       the first row to write, from `begin` on: ``rows - 1`` in a scan, 0 in a replay.
state       float64 ``(state(*parameters), lanes)``: what the recursion was after the row before `begin`, and, when
            the kernel returns, after the last row. Where `begin` is 0 the kernel does not read it. So a run that
            is carried on is the same code, and the same bytes, as one that is not broken off.
outputs     float64 ``(rows - start, lanes)``, every element of which the kernel writes; NaN where
            ``row - first[lane] < lookback`` or where the value is undefined.

What a window gives hangs on the bars in it alone, to the last bit: sums are summed anew for every row, or by `sums`,
whose additions are said by the window's length.

A kernel knows nothing of threads, axes, dtypes or missing data, allocates at most a few ``(lanes,)`` or
``(rows, lanes)`` work arrays, never raises, and reads no row after the one it writes. It is one self-contained
function: it calls no other kernel but those of `sums`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tapescan.core.jit import compile_kernel
from tapescan.core.signatures import Signature
from tapescan.market.anchor import SPANS

__all__ = [
    "Indicator",
    "Number",
    "Output",
    "Parameter",
    "Period",
    "exponential",
    "indicator",
    "registry",
    "wilder",
]

Number = int | float

#: Inputs a kernel may ask for; ``market`` is the market index's return since the lane's bar before.
INPUTS = ("open", "high", "low", "close", "volume", "market")

#: A seed whose weight has fallen below this no longer matters.
SEED_WEIGHT = 1e-10

#: A window that holds so many bars may reach back this many times as many sessions, for symbols that do not trade
#: every day.
GAPS = 1.5

#: Bars of history that a value which depends on all of it is given: such a level has no meaning of its own.
LEVEL = 252


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name, default and inclusive bounds. The default's type is the parameter's."""

    name: str
    default: Number
    low: Number
    high: Number

    def accepts(self, value: Number) -> bool:
        return self.low <= value <= self.high and (isinstance(self.default, float) or float(value).is_integer())


def Period(default: int, name: str = "period", low: int = 2, high: int = 5000) -> Parameter:  # noqa: N802 (reads as a type)
    """A window length in bars."""
    return Parameter(name, default, low, high)


@dataclass(frozen=True, slots=True)
class Output:
    """One output column.

    suffix : appended to the feature's name; empty for the main output.
    unit   : ``price``, ``price²``, ``ratio`` (1.0 = 100 %), ``percent``, ``index``, ``bars``, ``shares``,
             ``dollars``, ``degrees``, ``1``.
    low, high : inclusive range the value never leaves; None where unbounded.
    talib  : False for an output that the indicator's TA-Lib counterpart does not have.
    """

    suffix: str
    unit: str
    low: float | None = None
    high: float | None = None
    talib: bool = True


@dataclass(frozen=True)
class Indicator:
    """A registered indicator: see the module's docstring for what each field means to the kernel.

    lookback(*parameters) : rows from a lane's first bar to its first value.
    memory(*parameters)   : further bars until the seed no longer matters (weight below 1e-10); 0 for a
                            pure window; None when the value depends on all history (OBV).
    state(*parameters)    : numbers a lane that a recursion carries from bar to bar; 0 for a pure window.
    talib                 : the same value as a TA-Lib call over one symbol's inputs; empty if TA-Lib has none.
    """

    name: str
    title: str
    group: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    defaults: tuple[tuple[Number, ...], ...]
    outputs: tuple[Output, ...]
    lookback: Callable[..., int]
    memory: Callable[..., int | None]
    state: Callable[..., int]
    formula: str
    reference: str
    talib: str
    note: str
    function: Callable[..., None]

    def feature_names(self, values: tuple[Number, ...]) -> tuple[str, ...]:
        """The names of the output columns with these parameter values: ``macd_12_26_9_signal``."""
        stem = "_".join((self.name, *(spell(value) for value in values)))
        return tuple(f"{stem}_{output.suffix}" if output.suffix else stem for output in self.outputs)

    def history(self, values: tuple[Number, ...]) -> int | None:
        """Bars the last value needs; None for all there are."""
        memory = self.memory(*values)
        return None if memory is None else self.lookback(*values) + 1 + memory

    @property
    def recursive(self) -> bool:
        """Whether it carries a state from bar to bar."""
        return self.state(*(p.default for p in self.parameters)) > 0

    def sessions(self, values: tuple[Number, ...]) -> int:
        """Sessions of history that the last value is to have; its span (`market.anchor`) is no shorter."""
        window, memory = self.lookback(*values) + 1, self.memory(*values)
        # A recursion that hardly forgets is cut off at the longest span.
        recursion = min(window + (LEVEL if memory is None else memory), SPANS[-1])
        return max(math.ceil(window * GAPS), recursion)

    @cached_property
    def kernel(self) -> Any:
        """The compiled function."""
        return compile_kernel(self.function, self.signature)

    @cached_property
    def signature(self) -> Signature:
        """The one signature that the kernel is compiled for."""
        inputs, outputs = "readonly float64[:, ::1]", "float64[:, ::1]"
        numbers = tuple("float64" if isinstance(p.default, float) else "int64" for p in self.parameters)
        carried = ("int64", "int64", outputs) if self.recursive else ("int64",)
        lanes = "readonly int64[::1]"
        return (*(inputs,) * len(self.inputs), lanes, *carried, *(outputs,) * len(self.outputs), *numbers)


#: Every indicator by name, filled by the decorator as the family modules are imported.
registry: dict[str, Indicator] = {}


def indicator(
    *,
    title: str,
    group: str,
    inputs: tuple[str, ...],
    outputs: tuple[Output, ...],
    lookback: Callable[..., int],
    formula: str,
    reference: str,
    parameters: tuple[Parameter, ...] = (),
    defaults: tuple[tuple[Number, ...], ...] | None = None,
    memory: Callable[..., int | None] = lambda *_: 0,
    state: Callable[..., int] = lambda *_: 0,
    talib: str = "",
    note: str = "",
) -> Callable[[Callable[..., None]], Indicator]:
    """Register the decorated kernel under its function's name. ``defaults`` are the parameter sets of the
    default feature list (the parameters' own defaults when left out; empty for none)."""
    unknown = [name for name in inputs if name not in INPUTS]
    if unknown:
        raise ValueError(f"unknown inputs {unknown}; an indicator may ask for {INPUTS}")

    def register(function: Callable[..., None]) -> Indicator:
        name = function.__name__
        if name in registry:
            raise ValueError(f"an indicator named {name} exists already")
        own = (tuple(p.default for p in parameters),)
        made = Indicator(
            name=name,
            title=title,
            group=group,
            inputs=inputs,
            parameters=parameters,
            defaults=own if defaults is None else defaults,
            outputs=outputs,
            lookback=lookback,
            memory=memory,
            state=state,
            formula=formula,
            reference=reference,
            talib=talib,
            note=note,
            function=function,
        )
        registry[name] = made
        return made

    return register


def spell(value: Number) -> str:
    """A parameter value as part of a name: 14 -> ``14``, 2.0 -> ``2``, 0.02 -> ``0p02``."""
    return str(int(value)) if float(value).is_integer() else repr(float(value)).replace(".", "p")


def exponential(period: int) -> int:
    """Bars until the seed of an exponential average, alpha = 2 / (period + 1), has no weight."""
    return math.ceil(math.log(SEED_WEIGHT) / math.log1p(-2.0 / (period + 1))) if period > 1 else 0


def wilder(period: int) -> int:
    """Bars until the seed of a Wilder average, alpha = 1 / period, has no weight."""
    return math.ceil(math.log(SEED_WEIGHT) / math.log1p(-1.0 / period)) if period > 1 else 0
