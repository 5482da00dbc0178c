"""From text to nodes by way of sqlglot's parser.

What comes back from the parser is translated node by node; a node that is not in the list below does not exist in
this language. Chains of one operator become one node, so that 250 terms of AND do not nest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.parser import Parser

from tapescan.core.errors import ScreenError
from tapescan.screen.lexing import Leaf, Lexed, lex
from tapescan.screen.nodes import MINUTE_FRAMES, Call, Constant, Frame, Kind, Members, Name, Node
from tapescan.screen.parsing import MEMBER_LIST

__all__ = ["translate"]

#: How deep nodes may nest, chains aside; what goes beyond it nobody reads.
DEEPEST_NODE = 60

_BINARY: dict[type[exp.Expression], str] = {
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
}
_CHAINS: dict[type[exp.Expression], tuple[tuple[type[exp.Expression], ...], str]] = {
    exp.And: ((exp.And,), "and"),
    exp.Or: ((exp.Or,), "or"),
    exp.Add: ((exp.Add, exp.Sub), "+"),
    exp.Sub: ((exp.Add, exp.Sub), "+"),
}
_FRAMES: dict[str, Frame] = {
    "daily": "",
    "weekly": "weekly",
    "monthly": "monthly",
    **{name: name for name in MINUTE_FRAMES},
}


@lru_cache(maxsize=256)
def translate(text: str, field: str) -> Node:
    """As `parsing.parse`, of any text; read once, as the condition of a profile is with each scan."""
    lexed = lex(text, field)
    if not lexed.tokens:
        raise ScreenError("it is empty", 'write a condition such as "close > sma_200 AND rsi_2 < 10"', field=field)
    try:
        trees = Parser().parse(lexed.tokens, text)
    except ParseError as error:
        told = error.errors[0] if error.errors else {}
        raise _unreadable(lexed, int(told.get("col") or 1) - 1, field) from error
    except RecursionError as error:
        raise ScreenError("it nests too deep", "write it flatter", field=field) from error
    except (TokenError, AttributeError, TypeError, KeyError, IndexError, ValueError, AssertionError) as error:
        # What the parser's own defects raise when tokens come in an order that it does not expect.
        raise _unreadable(lexed, 0, field) from error
    if len(trees) != 1 or trees[0] is None:
        raise _unreadable(lexed, 0, field)
    return _Translation(lexed, field).node(cast("exp.Expression", trees[0]), 0)


def _unreadable(lexed: Lexed, at: int, field: str) -> ScreenError:
    token = next((token for token in lexed.tokens if token.start >= at), lexed.tokens[-1])
    word = lexed.text[token.start : min(token.end + 1, token.start + 40)]
    hint = "docs/guides/screens.md shows how conditions are written"
    return ScreenError(f"it cannot be read near {word!r} at character {token.start + 1}", hint, field=field)


class _Translation:
    """From one parsed text to nodes."""

    def __init__(self, lexed: Lexed, field: str) -> None:
        self.lexed = lexed
        self.field = field

    def node(self, tree: Any, depth: int) -> Node:
        """The node of a part of the tree."""
        if depth > DEEPEST_NODE:
            raise ScreenError(f"it nests deeper than {DEEPEST_NODE}", "write it flatter", field=self.field)
        while isinstance(tree, exp.Paren):
            tree = tree.this
        kind = type(tree)
        if kind in _CHAINS:
            return self._chain(tree, depth)
        if kind in _BINARY:
            return self._call(_BINARY[kind], (tree.this, tree.expression), depth)
        translate = _TRANSLATED.get(kind)
        if translate is None:
            raise self._refused(tree)
        return translate(self, tree, depth)

    def _call(self, function: str, trees: Any, depth: int, at: int | None = None) -> Call:
        arguments = tuple(self.node(tree, depth + 1) for tree in trees)
        return Call(function, arguments, _at(arguments) if at is None else at)

    def _chain(self, tree: Any, depth: int) -> Node:
        """``a AND b AND c``, ``a + b - c``: one node. A subtraction adds the negative, which is the same number."""
        kinds, function = _CHAINS[type(tree)]
        found: list[Node] = []
        while isinstance(tree, kinds):
            right = self.node(tree.expression, depth + 1)
            found.append(Call("0 -", (right,), right.at) if isinstance(tree, exp.Sub) else right)
            tree = tree.this
        found.append(self.node(tree, depth + 1))
        arguments = tuple(reversed(found))
        return Call(function, arguments, arguments[0].at)

    def literal(self, tree: Any, depth: int) -> Node:
        del depth
        leaf = self.lexed.leaf(tree.this)
        if leaf is None or leaf.kind not in {"number", "text"}:
            raise self._refused(tree)
        return Constant(cast("float | str", leaf.value), cast("Kind", leaf.kind), leaf.at)

    def boolean(self, tree: Any, depth: int) -> Node:
        del depth
        return Constant(bool(tree.this), "condition")

    def null(self, tree: Any, depth: int) -> Node:
        del tree, depth
        return Constant(None, "nothing")

    def negative(self, tree: Any, depth: int) -> Node:
        inner = self.node(tree.this, depth + 1)
        if isinstance(inner, Constant) and inner.kind == "number":
            return Constant(-cast("float", inner.value), "number", inner.at)
        return Call("0 -", (inner,), inner.at)

    def negation(self, tree: Any, depth: int) -> Node:
        return self._call("not", (tree.this,), depth)

    def column(self, tree: Any, depth: int) -> Node:
        del depth
        leaf = self._word(tree.this)
        if tree.args.get("db") is not None:
            raise self._refused(tree)
        if tree.args.get("table") is None:
            return Name(str(leaf.value).lower(), "", leaf.at)
        frame = self._word(tree.args["table"])
        if str(frame.value).lower() not in _FRAMES:
            what = f"{frame.value!r} at character {frame.at + 1} is no kind of bars"
            raise ScreenError(
                what, "write weekly., monthly., m5., m15. or m60. before a column of bars", field=self.field
            )
        return Name(str(leaf.value).lower(), _FRAMES[str(frame.value).lower()], frame.at)

    def function(self, tree: Any, depth: int) -> Node:
        if not isinstance(tree.this, str):
            raise self._refused(tree)
        leaf = self.lexed.leaf(tree.this)
        if leaf is None or leaf.kind != "word":
            raise self._refused(tree)
        return self._call(str(leaf.value).lower(), tree.expressions, depth, leaf.at)

    def back(self, tree: Any, depth: int) -> Node:
        if len(tree.expressions) != 1:
            raise self._refused(tree)
        return self._call("back", (tree.this, tree.expressions[0]), depth)

    def between(self, tree: Any, depth: int) -> Node:
        if tree.args.get("symmetric") is not None:
            raise self._refused(tree)
        return self._call("between", (tree.this, tree.args.get("low"), tree.args.get("high")), depth)

    def like(self, tree: Any, depth: int) -> Node:
        found = self._call("ilike" if isinstance(tree, exp.ILike) else "like", (tree.this, tree.expression), depth)
        return Call("not", (found,), found.at) if tree.args.get("negate") else found

    def is_null(self, tree: Any, depth: int) -> Node:
        right = tree.expression
        if isinstance(right, exp.Null):
            found = self._call("is null", (tree.this,), depth)
        elif isinstance(right, exp.Boolean):
            found = self._call("is true" if right.this else "is false", (tree.this,), depth)
        else:
            raise self._refused(tree)
        return Call("not", (found,), found.at) if tree.args.get("negate") else found

    def members(self, tree: Any, depth: int) -> Node:
        value = self.node(tree.this, depth + 1)
        if tree.args.get("expressions"):
            options = tuple(self.node(one, depth + 1) for one in tree.expressions)
            return Call("in", (value, *options), value.at)
        listed = tree.args.get("field")
        name = listed.this if isinstance(listed, exp.Column) and listed.args.get("table") is None else None
        leaf = self.lexed.leaf(name.this) if isinstance(name, exp.Identifier) else None
        match leaf:
            case Leaf(kind="constants", value=tuple(values)):
                kinds = {type(one) for one in values}
                if len(kinds) > 1:
                    what = f"the list at character {leaf.at + 1} holds texts and numbers"
                    raise ScreenError(what, "write two lists", field=self.field)
                return Call("in", (value, Members(frozenset(cast("Any", values)), leaf.at)), value.at)
            case Leaf(kind="list"):
                return Call(MEMBER_LIST, (value, Constant(cast("str", leaf.value), "text", leaf.at)), value.at)
        what = f"IN at character {value.at + 1} is not followed by a list"
        raise ScreenError(what, "write IN ('A', 'B') or IN list:NAME", field=self.field)

    def choice(self, tree: Any, depth: int) -> Node:
        """CASE: its pairs of condition and value in a row, then the value of ELSE; with what is compared before them
        where it names that."""
        pairs = [(one.this, one.args.get("true")) for one in tree.args.get("ifs") or ()]
        if not pairs:
            raise ScreenError("CASE has no WHEN", "write CASE WHEN condition THEN value END", field=self.field)
        compared = () if tree.this is None else (tree.this,)
        trees = (*compared, *(one for pair in pairs for one in pair), tree.args.get("default") or exp.Null())
        return self._call("case of" if compared else "case", trees, depth)

    def _word(self, identifier: Any) -> Leaf:
        """The leaf of a name."""
        leaf = self.lexed.leaf(identifier.this) if isinstance(identifier, exp.Identifier) else None
        if leaf is None or leaf.kind not in {"word", "list"}:
            raise self._refused(identifier)
        if leaf.kind == "list":
            what = f"list:{leaf.value} at character {leaf.at + 1} is a list"
            raise ScreenError(what, f"write symbol IN list:{leaf.value}", field=self.field)
        return leaf

    def _refused(self, tree: Any) -> ScreenError:
        """What the language does not have, with its place as far as it can be told."""
        found = tree.find(exp.Identifier, exp.Literal) if isinstance(tree, exp.Expression) else None
        leaf = self.lexed.leaf(found.this) if found is not None else None
        return _unreadable(self.lexed, leaf.at if leaf is not None else 0, self.field)


def _at(nodes: Any) -> int:
    return int(nodes[0].at) if nodes else 0


_TRANSLATED: dict[type[exp.Expression], Callable[[_Translation, Any, int], Node]] = {
    exp.Literal: _Translation.literal,
    exp.Boolean: _Translation.boolean,
    exp.Null: _Translation.null,
    exp.Neg: _Translation.negative,
    exp.Not: _Translation.negation,
    exp.Column: _Translation.column,
    exp.Anonymous: _Translation.function,
    exp.Bracket: _Translation.back,
    exp.Between: _Translation.between,
    exp.Like: _Translation.like,
    exp.ILike: _Translation.like,
    exp.Is: _Translation.is_null,
    exp.In: _Translation.members,
    exp.Case: _Translation.choice,
}
