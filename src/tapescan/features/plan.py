"""From feature names to kernel calls.

``rsi_14`` is an indicator's name and its parameter values; ``macd_12_26_9_signal`` adds an output. A plan
holds each kernel call once, however many of its outputs are asked for, and knows how much history it needs.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import TypeAlias

from tapescan.core.calls import Argument, Given, Row, Table, Whole
from tapescan.core.errors import OptionError, nearest
from tapescan.core.typing import Ints
from tapescan.indicators import fusions, registry
from tapescan.indicators.definition import GAPS, Indicator, Number
from tapescan.indicators.fusion import Asked, Fusion
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

#: A kernel call's name among a plan's: whose kernel, and its parameters or what it stands for.
Name: TypeAlias = tuple[str, tuple[object, ...]]

#: Up to so many rows, a fusion for the newest rows is faster than its members.
FEW = 4


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
    def is_window(self) -> bool:
        """Whether what it gives hangs on the bars of its window alone."""
        return self.indicator.memory(*self.values) == 0

    @property
    def call(self) -> Name:
        """Its name among a plan's."""
        return self.indicator.name, self.values

    @property
    def source(self) -> Indicator:
        """Whose kernel it calls."""
        return self.indicator

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """What the kernel is called with, as the kernel's contract orders it."""
        inputs, outputs = map(Given, self.indicator.inputs), map(Row, self.slots)
        carried = (Given("begin"), Given("start"), Given(self.call)) if self.state else (Given("start"),)
        return (*inputs, Given("first"), *carried, *outputs, *self.values)


@dataclass(frozen=True)
class Fused:
    """One kernel call for several steps: of the members of a fusion."""

    fusion: Fusion
    steps: tuple[Step, ...]

    @cached_property
    def table(self) -> Ints:
        """What the kernel is told about its calls."""
        kinds = [one.name for one in self.fusion.members]
        return self.fusion.table(
            [
                Asked(kinds.index(one.indicator.name), one.values, tuple(max(slot, -1) for slot in one.slots))
                for one in self.steps
            ]
        )

    @property
    def state(self) -> int:
        """As of a step: its own, not that of its steps."""
        return self.fusion.state(self.table)

    @property
    def call(self) -> Name:
        """Its name among a plan's."""
        return self.fusion.name, tuple(step.call for step in self.steps)

    @property
    def source(self) -> Fusion:
        """Whose kernel it calls."""
        return self.fusion

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """As of a step."""
        carried = (Given("begin"), Given("start"), Given(self.call)) if self.state else (Given("start"),)
        return (*map(Given, self.fusion.inputs), Given("first"), *carried, *Whole, self.table)


def _fused(steps: Sequence[Step], few: bool) -> Iterator[Step | Fused]:
    """The steps' kernel calls, each fused with those it can be. few : for few rows."""
    members = {one.name: made for made in fusions.values() if few or not made.newest for one in made.members}
    groups: dict[tuple[object, ...], list[Step]] = {}
    for step in steps:
        made = members.get(step.indicator.name)
        key = step.call if made is None else (made.name, step.values if made.alike else None)
        groups.setdefault(key, []).append(step)
    for group in groups.values():
        if len(group) > 1:
            yield Fused(members[group[0].indicator.name], tuple(group))
        else:
            yield group[0]


@dataclass(frozen=True)
class Calls:
    """Some steps of one span.

    rows : of the values that their slots are places in.
    """

    steps: tuple[Step, ...]
    rows: int

    @cached_property
    def made(self) -> tuple[Step | Fused, ...]:
        """Their kernel calls for few rows, as a scan has them."""
        return tuple(_fused(self.steps, few=True))

    @cached_property
    def all_made(self) -> tuple[Step | Fused, ...]:
        """Their kernel calls for many rows. Recursions are called as for few."""
        return tuple(_fused(self.steps, few=False))

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The columns of the panel that they read."""
        # A fusion reads all that any of its members does.
        made = (*self.steps, *self.made, *self.all_made)
        return tuple(dict.fromkeys(name for one in made for name in one.source.inputs))

    @cached_property
    def slots(self) -> tuple[int, ...]:
        """Of the outputs that are asked for."""
        return tuple(slot for step in self.steps for slot in step.slots if slot >= 0)

    @cached_property
    def states(self) -> tuple[tuple[Name, int, int], ...]:
        """The recursions' calls, and where the state of each lies among all of them."""
        ends = list(accumulate(one.state for one in self.made))
        places = zip(self.made, (0, *ends), ends, strict=False)
        return tuple((one.call, begin, end) for one, begin, end in places if one.state)

    @cached_property
    def state(self) -> int:
        """Numbers a lane that they carry from bar to bar."""
        return sum(one.state for one in self.made)

    def table(self, rows: int) -> Table:
        """Their kernel calls that are fastest for so many rows. They give the same bytes."""
        return self._few if rows <= FEW else self._many

    @cached_property
    def _few(self) -> Table:
        return self._table(self.made)

    @cached_property
    def _many(self) -> Table:
        return self._table(self.all_made)

    def _table(self, made: Sequence[Step | Fused]) -> Table:
        return Table(tuple((one.source.kernel, one.arguments) for one in made), self.rows)

    @cached_property
    def windows(self) -> Calls:
        """Those whose values hang on the bars of their window alone."""
        return Calls(tuple(step for step in self.steps if step.is_window), self.rows)

    @cached_property
    def recursions(self) -> Calls:
        """The others."""
        return Calls(tuple(step for step in self.steps if not step.is_window), self.rows)

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

    @cached_property
    def span(self) -> int:
        """Sessions of history that all of it needs."""
        return max(self.spans, default=SPANS[0])

    @cached_property
    def rows(self) -> int:
        """Bars of a symbol that its values are made of; what came before has no weight."""
        return max((step.rows for step in self.steps), default=1)

    @cached_property
    def calls(self) -> Mapping[int, Calls]:
        """Its steps by span."""
        return {span: self.calls_of((span,)) for span in self.spans}

    def calls_of(self, spans: tuple[int, ...]) -> Calls:
        """The steps of some spans, for lanes whose histories of these are the same."""
        if spans not in self._calls:
            steps = tuple(step for step in self.steps if step.span in spans)
            self._calls[spans] = Calls(steps, len(self.names) + self.scratch)
        return self._calls[spans]

    @cached_property
    def _calls(self) -> dict[tuple[int, ...], Calls]:
        return {}

    def kernels(self, replayed: bool = False) -> tuple[str, ...]:
        """The names of whose kernels its calls need, each once. replayed : also of many rows."""
        # What some spans together fuse, all do; what is alone among them is alone in its own.
        together = (*self.calls.values(), self.calls_of(self.spans))
        made = [one for calls in together for one in (calls.made + calls.all_made * replayed)]
        return tuple(dict.fromkeys(one.source.name for one in made))

    @cached_property
    def state(self) -> int:
        """Numbers a lane that all of its steps carry from bar to bar."""
        return sum(calls.state for calls in self.calls.values())

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
    return _planned(tuple(dict.fromkeys(names)), earlier)


@lru_cache(maxsize=128)
def _planned(ordered: tuple[str, ...], earlier: int) -> Plan:
    """Kept, since what a plan makes of its calls costs more than a scan of them."""
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
