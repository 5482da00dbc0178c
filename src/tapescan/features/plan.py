"""From feature names to kernel calls.

``rsi_14`` is an indicator's name and its parameter values; ``macd_12_26_9_signal`` adds an output. A plan
holds each kernel call once, however many of its outputs are asked for, and knows how much history it needs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate

from tapescan.core.calls import Argument, Given, Row, Table
from tapescan.core.errors import OptionError, nearest
from tapescan.indicators import registry
from tapescan.indicators.definition import GAPS, Indicator, Number
from tapescan.market.anchor import LONGEST_QUARTER, SPANS, span_of

__all__ = [
    "Calls",
    "Plan",
    "Step",
    "default_features",
    "find_feature",
    "known_features",
    "parse_feature",
    "plan_features",
]


@dataclass(frozen=True)
class Step:
    """One kernel call: an indicator with its parameters bound.

    slots : for each output, its place among the plan's names; negative, counted from the end of the scratch rows,
        for an output that nobody asked for. earlier : as in `Plan`.
    """

    indicator: Indicator
    values: tuple[Number, ...]
    slots: tuple[int, ...]
    earlier: int = 0

    @property
    def span(self) -> int:
        """Of the history that its values are made of (`market.anchor`)."""
        return span_of(self.indicator.sessions(self.values) + math.ceil(self.earlier * GAPS))

    @property
    def rows(self) -> int:
        """Bars that its values are made of; all of its history where they depend on that."""
        return (self.indicator.history(self.values) or self.span + LONGEST_QUARTER) + self.earlier

    @property
    def state(self) -> int:
        """Numbers a lane that it carries from bar to bar; 0 for a window."""
        return self.indicator.state(*self.values)

    @property
    def call(self) -> tuple[str, tuple[Number, ...]]:
        """Its name among a plan's."""
        return self.indicator.name, self.values

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What the kernel is called with, as the kernel's contract orders it."""
        inputs, outputs = map(Given, self.indicator.inputs), map(Row, self.slots)
        carried = (Given("begin"), Given("start"), Given(self.call)) if self.state else (Given("start"),)
        return (*inputs, Given("first"), *carried, *outputs, *self.values)


@dataclass(frozen=True)
class Calls:
    """Some steps of one span.

    rows : of the values that their slots are places in.
    """

    steps: tuple[Step, ...]
    rows: int

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the panel that they read."""
        return tuple(dict.fromkeys(name for step in self.steps for name in step.indicator.inputs))

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """Of the outputs that are asked for."""
        return tuple(slot for step in self.steps for slot in step.slots if slot >= 0)

    @cached_property
    def states(self) -> tuple[tuple[tuple[str, tuple[Number, ...]], int, int], ...]:
        """The recursions' calls, and where the state of each lies among all of them."""
        ends = list(accumulate(step.state for step in self.steps))
        places = zip(self.steps, (0, *ends), ends, strict=False)
        return tuple((step.call, begin, end) for step, begin, end in places if step.state)

    @cached_property
    def state(self) -> int:
        """Numbers a lane that they carry from bar to bar."""
        return sum(step.state for step in self.steps)

    @cached_property
    def table(self) -> Table:
        """Their kernel calls."""
        return Table(tuple((step.indicator.kernel, step.arguments) for step in self.steps), self.rows)

    @cached_property
    def windows(self) -> Calls:
        return Calls(tuple(step for step in self.steps if not step.state), self.rows)

    @cached_property
    def recursions(self) -> Calls:
        return Calls(tuple(step for step in self.steps if step.state), self.rows)

    @cached_property
    def measured(self) -> Calls:
        """Those that read the market index."""
        return Calls(tuple(step for step in self.steps if "market" in step.indicator.inputs), self.rows)


@dataclass(frozen=True)
class Plan:
    """The kernel calls behind some features.

    names : the features, in the order asked for. earlier : how many bars before the newest their values are wanted at
        as well.
    """

    names: tuple[str, ...]
    steps: tuple[Step, ...]
    earlier: int = 0

    def __reduce__(self) -> tuple[object, tuple[tuple[str, ...], int]]:
        # Compiled kernels stay where they are: a plan travels as names, and is built anew where it arrives.
        return plan_features, (self.names, self.earlier)

    def without(self, names: Collection[str]) -> Plan:
        """The plan of the other features."""
        return plan_features((name for name in self.names if name not in names), self.earlier) if names else self

    def span_of(self, name: str) -> int | None:
        """Of the history that a feature is made of; None for one that it does not have."""
        if name not in self.names:
            return None
        slot = self.names.index(name)
        return next(step.span for step in self.steps if slot in step.slots)

    @property
    def plans(self) -> tuple[Plan, ...]:
        """Itself: what is asked for may hold several."""
        return (self,)

    @cached_property
    def spans(self) -> tuple[int, ...]:
        """Those of its steps, ascending, each once: each has a history of its own."""
        return tuple(sorted({step.span for step in self.steps}))

    @property
    def span(self) -> int:
        """Sessions of history that all of it needs."""
        return max(self.spans, default=SPANS[0])

    @property
    def rows(self) -> int:
        """Bars of a symbol that its values are made of; what came before has no weight."""
        return max((step.rows for step in self.steps), default=1)

    @cached_property
    def calls(self) -> Mapping[int, Calls]:
        """Its steps by span."""
        rows = len(self.names) + self.scratch
        return {span: Calls(tuple(step for step in self.steps if step.span == span), rows) for span in self.spans}

    @cached_property
    def state(self) -> int:
        """Numbers a lane that all of its steps carry from bar to bar."""
        return sum(step.state for step in self.steps)

    @cached_property
    def scratch(self) -> int:
        """Rows for outputs that nobody asked for: one for each output of a call, since kernels may read them back."""
        return max((-slot for step in self.steps for slot in step.slots if slot < 0), default=0)


#: A parameter's value of more digits is none.
_MOST_DIGITS = 30


def plan_features(names: Iterable[str], earlier: int = 0) -> Plan:
    """The plan for these features, at the newest bar and so many before it; a name given twice counts once.

    Raises OptionError, naming the nearest known features, for a name that is no feature.
    """
    ordered = tuple(dict.fromkeys(names))
    slots: dict[tuple[str, tuple[Number, ...]], list[int]] = {}
    for slot, name in enumerate(ordered):
        indicator, values, output = parse_feature(name)
        unasked = [-1 - i for i in range(len(indicator.outputs))]
        call = slots.setdefault((indicator.name, values), unasked)
        call[output] = slot
    steps = tuple(Step(registry[name], values, tuple(at), earlier) for (name, values), at in slots.items())
    return Plan(ordered, steps, earlier)


def parse_feature(name: str) -> tuple[Indicator, tuple[Number, ...], int]:
    """The indicator, parameter values and output index that a feature's name stands for.

    Raises OptionError for what is no feature, naming the nearest ones, and as `find_feature` does.
    """
    found = find_feature(name)
    if found is None:
        raise OptionError(
            f"unknown feature {name!r}", nearest(name, known_features()) or "`tapescan indicators` lists them"
        )
    return found


@lru_cache(maxsize=4096)
def find_feature(name: str) -> tuple[Indicator, tuple[Number, ...], int] | None:
    """As `parse_feature`; None for what is no feature.

    Raises OptionError for one with an odd spelling or with parameter values out of their bounds.
    """
    parts = name.split("_")
    for cut in range(len(parts), 0, -1):
        found = registry.get("_".join(parts[:cut]))
        if found is None:
            continue
        count = len(found.parameters)
        values = tuple(_number(part) for part in parts[cut : cut + count])
        suffix = "_".join(parts[cut + count :])
        output = next((i for i, o in enumerate(found.outputs) if o.suffix == suffix), None)
        if len(values) == count and None not in values and output is not None:
            bound = tuple(_bind(name, found, i, value) for i, value in enumerate(values) if value is not None)
            plain = found.feature_names(bound)[output]
            if name != plain:
                # Two spellings of one value would be two columns of which a kernel writes one.
                raise OptionError(f"feature {name!r} has an odd spelling", f"write {plain}")
            return found, bound, output
    return None


def _bind(name: str, found: Indicator, index: int, value: Number) -> Number:
    parameter = found.parameters[index]
    if not parameter.accepts(value):
        kind = "a number" if isinstance(parameter.default, float) else "a whole number"
        raise OptionError(
            f"feature {name!r}: {parameter.name} is {value}",
            f"expected {kind} from {parameter.low} to {parameter.high}",
        )
    return type(parameter.default)(value)


def _number(text: str) -> Number | None:
    whole, point, fraction = text.partition("p")
    digits = whole + fraction
    if len(digits) > _MOST_DIGITS or not whole or (point and not fraction):
        return None
    if not (digits.isascii() and digits.isdigit()):
        return None
    return float(f"{whole}.{fraction}") if point else int(whole)


@lru_cache(maxsize=1)
def default_features() -> tuple[str, ...]:
    """The default feature list: every indicator with each of its default parameter sets."""
    return tuple(name for one in registry.values() for values in one.defaults for name in one.feature_names(values))


def known_features() -> Sequence[str]:
    """The default features and every indicator with its own default parameters."""
    own = (one.feature_names(tuple(p.default for p in one.parameters)) for one in registry.values())
    return tuple(dict.fromkeys((*default_features(), *(name for names in own for name in names))))
