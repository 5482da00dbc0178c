"""From parsed nodes to a checked expression: every name found, every kind right, every look back within bounds.

All of it happens before any data is read. What looks at earlier bars, or at weekly and monthly ones, is gathered into
`Earlier` nodes, which are computed where the bars are; the rest is computed once a session.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from tapescan.columns.definition import Column
from tapescan.core.dates import day_number
from tapescan.core.errors import InputError, ScreenError, nearest
from tapescan.screen.framed import why_not
from tapescan.screen.functions import FUNCTIONS, MOST_BARS, Function
from tapescan.screen.nodes import Call, Constant, Earlier, Frame, Kind, Members, Name, Node, names_in, parts
from tapescan.screen.parsing import MEMBER_LIST, parse
from tapescan.screen.reach import check_cost, reach
from tapescan.screen.values import kind_of

__all__ = ["Expression", "Scope", "check"]

#: Parts and depth of an expression whose names are spelt out, and the characters of a pattern of LIKE.
MOST_NODES = 20_000
DEEPEST = 100
LONGEST_PATTERN = 200

#: Columns that say who belongs together, for `pct(x, sector)`.
GROUPS = ("sector", "industry", "exchange", "country", "type")

_WORDS: dict[Kind, str] = {
    "number": "a number", "condition": "a condition", "text": "a text", "date": "a day", "nothing": "NULL",
}  # fmt: skip


@dataclass(frozen=True)
class Expression:
    """A checked expression.

    text : as it was written. parsed : its nodes as parsed, for where its name is used. kind : what its value is.
    columns : what it needs of the session, by name. written : those of them that the text names itself.
    terms : what it needs of the bars.
    lists : the symbols of the lists that it names.
    """

    text: str
    parsed: Node
    node: Node
    kind: Kind
    columns: tuple[str, ...]
    written: tuple[str, ...]
    terms: tuple[Earlier, ...]
    lists: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Scope:
    """What an expression may name.

    find : the column of a name; raises InputError for what is none, or may not be named here.
    members : the symbols of a list; raises InputError for one that is not there.
    named : expressions that have a name.
    """

    find: Callable[[str], Column]
    members: Callable[[str], frozenset[str]]
    named: Mapping[str, Expression] = field(default_factory=dict)


def check(text: str, scope: Scope, argument: str, wanted: Kind | None = None) -> Expression:
    """Parse and check an expression.

    argument : the one that the text came from. wanted : what it has to be; None for anything but nothing.
    Raises ScreenError, which names the place in the text.
    """
    parsed = parse(text, argument)
    checking = _Checking(scope, argument)
    node, kind = checking.node(parsed, inside=False)
    if wanted is not None and kind != wanted:
        hint = 'write a comparison, as in "rsi_14 < 30"' if wanted == "condition" else 'name a column, as in "score"'
        raise ScreenError(f"{text[:60]!r} is {_WORDS[kind]}, not {_WORDS[wanted]}", hint, field=argument)
    if kind == "nothing":
        raise ScreenError(f"{text[:60]!r} says nothing", "name a column", field=argument)
    terms = tuple(dict.fromkeys(one for one in parts(node) if isinstance(one, Earlier)))
    check_cost(text, terms, len(checking.columns), argument)
    written = tuple(name for name, is_written in checking.columns.items() if is_written)
    return Expression(text, parsed, node, kind, tuple(checking.columns), written, terms, checking.lists)


class _Checking:
    """The checking of one expression."""

    def __init__(self, scope: Scope, argument: str) -> None:
        self.scope = scope
        self.argument = argument
        self.columns: dict[str, bool] = {}
        self.spelt_out = 0
        self.lists: dict[str, frozenset[str]] = {}
        self.count = 0
        self.depth = 0

    def error(self, what: str, at: int, hint: str) -> ScreenError:
        return ScreenError(f"{what} at character {at + 1}", hint, field=self.argument)

    def node(self, node: Node, *, inside: bool) -> tuple[Node, Kind]:
        """The node as it is computed, and the kind of its value. inside : whether it is part of a look at bars."""
        self.count += 1
        if self.count > MOST_NODES:
            hint = "name less of it, or make several screens"
            raise ScreenError(f"it comes to more than {MOST_NODES:,} parts", hint, field=self.argument)
        if self.depth > DEEPEST:
            hint = "name less of it, or make several screens"
            raise ScreenError(
                f"it nests deeper than {DEEPEST} once its names are spelt out", hint, field=self.argument
            )
        self.depth += 1
        try:
            return self._part(node, inside=inside)
        finally:
            self.depth -= 1

    def _part(self, node: Node, *, inside: bool) -> tuple[Node, Kind]:
        if isinstance(node, Constant):
            return node, node.kind
        if isinstance(node, Name):
            return self._name(node, inside=inside)
        if not isinstance(node, Call):
            raise self.error("a list stands alone", node.at, "write IN before it")
        declared = FUNCTIONS.get(node.function)
        if declared is not None:
            return self._function(declared, node, inside=inside)
        rule = _OPERATORS.get(node.function)
        if rule is None:
            hint = nearest(node.function, FUNCTIONS) or "`tapescan columns --functions` lists them"
            raise self.error(f"unknown function {node.function!r}", node.at, hint)
        return rule(self, node, inside)

    # --- names ------------------------------------------------------------------------------------------------

    def _name(self, name: Name, *, inside: bool) -> tuple[Node, Kind]:
        declared = FUNCTIONS.get(name.name)
        if declared is not None and declared.definition and not name.frame:
            return self._defined(declared, name, inside=inside)
        named = self.scope.named.get(name.name)
        if named is not None and not name.frame:
            return self._spelt_out(name, named.parsed, inside=inside)
        column = self._column(name)
        if not inside and not name.frame:
            self._use(name)
            return name, kind_of(column)
        refused = why_not(name)
        if refused is not None:
            raise self.error(refused[0], name.at, refused[1])
        return (name if inside else Earlier(name, name.frame, kind_of(column), name.at)), kind_of(column)

    def _column(self, name: Name) -> Column:
        try:
            return self.scope.find(name.name)
        except InputError as error:
            hint = error.hint
            if name.name in FUNCTIONS:
                hint = f"write {FUNCTIONS[name.name].form}"
            elif error.what.startswith("unknown name"):
                defined = (one for one in FUNCTIONS if FUNCTIONS[one].definition)
                near = nearest(name.name, [*self.scope.named, *defined])
                hint = near if near and "did you mean" not in hint else hint
            raise self.error(error.what, name.at, hint) from error

    def _defined(self, declared: Function, name: Name, *, inside: bool) -> tuple[Node, Kind]:
        if inside:
            raise self._looks_across(declared, name.at)
        return self._spelt_out(name, parse(declared.definition, self.argument), inside=False)

    def _spelt_out(self, name: Name, meant: Node, *, inside: bool) -> tuple[Node, Kind]:
        """What a name stands for, in its place."""
        self.spelt_out += 1
        try:
            return self.node(meant, inside=inside)
        except ScreenError as error:
            what = f"{name.name} at character {name.at + 1}: {error.what}"
            raise ScreenError(what, error.hint, field=self.argument) from error
        finally:
            self.spelt_out -= 1

    def _use(self, name: Name) -> None:
        self.columns[name.name] = self.columns.get(name.name, False) or not self.spelt_out

    # --- functions --------------------------------------------------------------------------------------------

    def _function(self, declared: Function, call: Call, *, inside: bool) -> tuple[Node, Kind]:
        takes, count = list(declared.takes), len(call.arguments)
        if declared.many and count > len(takes):
            takes += [takes[-1]] * (count - len(takes))
        if not len(declared.takes) - declared.optional <= count <= len(takes) or declared.definition:
            raise self.error(f"{declared.form} has {count} arguments", call.at, f"write {declared.form}")
        if declared.across is not None and inside:
            raise self._looks_across(declared, call.at)
        within = inside or declared.earlier is not None
        arguments: list[Node] = []
        given: Kind = "nothing"
        for argument, takes_one in zip(call.arguments, takes, strict=False):
            if takes_one == "bars":
                arguments.append(self._bars(declared, argument))
                continue
            if takes_one == "group":
                arguments.append(self._group(declared, argument))
                continue
            found, kind = self.node(argument, inside=within)
            if takes_one != "any" and kind not in {takes_one, "nothing"}:
                what = f"{declared.form} takes {_WORDS[takes_one]}, not {_WORDS[kind]}"
                raise self.error(what, argument.at, f"as in {declared.example}")
            given = self._same(given, kind, argument.at)
            arguments.append(_typed(found, takes_one if takes_one != "any" else given))
        kind = given if declared.gives == "any" else declared.gives
        found = Call(declared.name, tuple(_typed(one, kind) if declared.gives == "any" else one for one in arguments),
                     call.at)  # fmt: skip
        if declared.earlier is None or inside:
            return found, kind
        return self._earlier(found, kind), kind

    def _earlier(self, call: Call, kind: Kind) -> Earlier:
        """The look at bars that a call is."""
        frames: set[Frame] = {name.frame for name in names_in(call)}
        if len(frames) > 1:
            words = " and ".join(sorted(frame or "daily" for frame in frames))
            raise self.error(f"{words} bars stand in one look back", call.at, "write one for each, with AND between")
        found = Earlier(call, next(iter(frames), ""), kind, call.at)
        reached = reach(call)
        if reached.bars > MOST_BARS + 1:
            what = f"it looks back {reached.bars - 1:,} bars in all"
            raise self.error(what, call.at, f"look back at most {MOST_BARS}")
        return found

    def _bars(self, declared: Function, node: Node) -> Constant:
        least = 0 if declared.name == "back" else 1
        value = node.value if isinstance(node, Constant) else None
        if not isinstance(value, float) or not value.is_integer() or not least <= value <= MOST_BARS:
            what = f"{declared.form} needs a whole number of bars from {least} to {MOST_BARS}"
            raise self.error(what, node.at, f"as in {declared.example}")
        return cast("Constant", node)

    def _group(self, declared: Function, node: Node) -> Name:
        if not isinstance(node, Name) or node.name not in GROUPS or node.frame:
            what = f"{declared.name}() compares within one of {', '.join(GROUPS)}"
            raise self.error(what, node.at, f"as in {declared.name}(ret_21, sector)")
        self._column(node)
        self._use(node)
        return node

    def _looks_across(self, declared: Function, at: int) -> ScreenError:
        what = f"{declared.form.split(' ')[0]} compares today's market, and is not known of earlier bars"
        return self.error(what, at, f"take the earlier value inside, as in {declared.name}(ret_5[3])")

    # --- operators --------------------------------------------------------------------------------------------

    def conditions(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        return self._all(call, "condition", "condition", inside)

    def numbers(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        return self._all(call, "number", "number", inside)

    def _all(self, call: Call, takes: Kind, gives: Kind, inside: bool) -> tuple[Node, Kind]:
        arguments = []
        for argument in call.arguments:
            found, kind = self.node(argument, inside=inside)
            if kind not in {takes, "nothing"}:
                hint = (
                    'write comparisons, as in "rsi_14 < 30"'
                    if takes == "condition"
                    else "calculate with numbers alone"
                )
                raise self.error(
                    f"{call.function.upper()} takes {_WORDS[takes]}, not {_WORDS[kind]}", argument.at, hint
                )
            arguments.append(_typed(found, takes))
        return Call(call.function, tuple(arguments), call.at), gives

    def compared(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        found = [self.node(argument, inside=inside) for argument in call.arguments]
        kinds = {kind for _, kind in found}
        if "date" in kinds:
            found = [self._dated(node, kind) for node, kind in found]
        common: Kind = "nothing"
        for (_, kind), argument in zip(found, call.arguments, strict=True):
            common = self._same(common, kind, argument.at)
        if common == "condition" and call.function not in {"=", "<>", "case of", "in"}:
            raise self.error("a condition is neither more nor less than another", call.at, "compare numbers")
        return Call(call.function, tuple(_typed(node, common) for node, _ in found), call.at), "condition"

    def _dated(self, node: Node, kind: Kind) -> tuple[Node, Kind]:
        """A text that is compared with a day, as the day."""
        if kind != "text" or not isinstance(node, Constant):
            return node, kind
        return Constant(self._day(str(node.value), node.at), "date", node.at), "date"

    def _day(self, text: str, at: int) -> float:
        try:
            return float(day_number(dt.date.fromisoformat(text)))
        except ValueError as error:
            raise self.error(f"{text!r} is no day", at, "write it as '2025-07-09'") from error

    def _same(self, one: Kind, other: Kind, at: int) -> Kind:
        if "nothing" in {one, other} or one == other:
            return other if one == "nothing" else one
        hint = "compare numbers with numbers and texts with texts"
        raise self.error(f"{_WORDS[one]} meets {_WORDS[other]}", at, hint)

    def patterned(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        value, pattern = call.arguments
        found, kind = self.node(value, inside=inside)
        if kind != "text":
            raise self.error(f"LIKE takes a text, not {_WORDS[kind]}", value.at, "as in name LIKE '%Bank%'")
        if not isinstance(pattern, Constant) or pattern.kind != "text":
            raise self.error("LIKE takes a written pattern", pattern.at, "as in name LIKE '%Bank%'")
        if len(str(pattern.value)) > LONGEST_PATTERN:
            hint = f"write at most {LONGEST_PATTERN} characters"
            raise self.error("the pattern is too long", pattern.at, hint)
        return Call(call.function, (found, pattern), call.at), "condition"

    def listed(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        value, members = call.arguments[0], call.arguments[-1]
        if not isinstance(members, Members):
            return self.compared(call, inside)
        found, kind = self.node(value, inside=inside)
        texts = isinstance(next(iter(members.values)), str)
        if kind == "date" and texts:
            days = frozenset(self._day(str(one), members.at) for one in members.values)
            members, texts = Members(days, members.at), False
            kind = "number"
        self._same(kind, "text" if texts else "number", members.at)
        return Call("in", (_typed(found, "text" if texts else "number"), members), call.at), "condition"

    def of_list(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        value, name = call.arguments
        found, kind = self.node(value, inside=inside)
        assert isinstance(name, Constant)
        if kind != "text":
            raise self.error(
                f"a list holds symbols, and this is {_WORDS[kind]}", value.at, "write symbol IN list:NAME"
            )
        try:
            symbols = self.scope.members(str(name.value))
        except InputError as error:
            raise self.error(error.what, name.at, error.hint) from error
        self.lists[str(name.value)] = symbols
        return Call("in", (found, Members(symbols, name.at)), call.at), "condition"

    def nulled(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        found, kind = self.node(call.arguments[0], inside=inside)
        return Call(call.function, (_typed(found, kind),), call.at), "condition"

    def chosen(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        """CASE: conditions and values in turn, a value at the end."""
        conditions, values = list(call.arguments[:-1:2]), [*call.arguments[1::2], call.arguments[-1]]
        first, _ = self.conditions(Call("when", tuple(conditions), call.at), inside)
        return self._values(call, list(cast("Call", first).arguments), values, inside)

    def chosen_of(self, call: Call, inside: bool) -> tuple[Node, Kind]:
        """CASE x: x, then what it is compared with and values in turn, a value at the end."""
        compared, rest = call.arguments[0], call.arguments[1:]
        first, _ = self.compared(Call("case of", (compared, *rest[:-1:2]), call.at), inside)
        one, *others = cast("Call", first).arguments
        tests: list[Node] = [Call("=", (one, other), other.at) for other in others]
        return self._values(call, tests, [*rest[1::2], rest[-1]], inside)

    def _values(self, call: Call, tests: list[Node], values: list[Node], inside: bool) -> tuple[Node, Kind]:
        common: Kind = "nothing"
        found = []
        for value in values:
            node, kind = self.node(value, inside=inside)
            common = self._same(common, kind, value.at)
            found.append(node)
        pairs = [one for pair in zip(tests, found, strict=False) for one in pair]
        return Call("case", tuple(_typed(one, common) for one in (*pairs, found[-1])), call.at), common


def _typed(node: Node, kind: Kind) -> Node:
    """A bare NULL as a null of a kind."""
    return replace(node, kind=kind) if isinstance(node, Constant) and node.kind == "nothing" else node


_Rule = Callable[[_Checking, Call, bool], tuple[Node, Kind]]
_OPERATORS: dict[str, _Rule] = {
    **dict.fromkeys(("and", "or", "not", "is true", "is false"), _Checking.conditions),
    **dict.fromkeys(("+", "*", "/", "%", "0 -"), _Checking.numbers),
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "between"), _Checking.compared),
    **dict.fromkeys(("like", "ilike"), _Checking.patterned),
    "in": _Checking.listed,
    MEMBER_LIST: _Checking.of_list,
    "is null": _Checking.nulled,
    "case": _Checking.chosen,
    "case of": _Checking.chosen_of,
}
