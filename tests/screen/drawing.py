"""Expressions drawn at random, as trees of tuples, and their texts: see `oracle`."""

# ruff: noqa: PLR0911, PLR0912 (one branch a kind of node)

from __future__ import annotations

import random
from typing import Any

from tests.screen.oracle import BARS

__all__ = ["condition", "number", "written"]

Tree = Any


def number(rng: random.Random, depth: int, frame: str = "", *, inside: bool = False) -> Tree:
    """A number. inside : of bars of the frame alone, as what looks back is."""
    if depth <= 0 or rng.random() < 0.25:
        return _leaf(rng, frame if inside else rng.choice(("", "", "", "weekly", "monthly")))
    kinds = ["arithmetic", "function", "window", "back", "change", "case", "coalesce"]
    if not inside:
        kinds += ["across", "across"]
    match rng.choice(kinds):
        case "arithmetic":
            two = (number(rng, depth - 1, frame, inside=inside) for _ in range(2))
            return ("arithmetic", rng.choice("+-*/"), *two)
        case "function":
            name = rng.choice(("abs", "ln", "sqrt", "least", "greatest", "floor"))
            count = 2 if name in {"least", "greatest"} else 1
            return ("function", name, *(number(rng, depth - 1, frame, inside=inside) for _ in range(count)))
        case "coalesce":
            return ("function", "coalesce", *(number(rng, depth - 1, frame, inside=inside) for _ in range(2)))
        case "case":
            test = condition(rng, depth - 1, frame, inside=inside)
            return ("case", test, *(number(rng, depth - 1, frame, inside=inside) for _ in range(2)))
        case "across":
            of = number(rng, depth - 1)
            return ("across", rng.choice(("pct", "rank", "zscore")), of, rng.choice(("", "", "sector")))
    of_frame = frame if inside else rng.choice(("", "", "weekly", "monthly"))
    of = number(rng, depth - 1, of_frame, inside=True)
    match rng.choice(("window", "back", "change")):
        case "back":
            return ("back", of, rng.randrange(6))
        case "change":
            return ("change", rng.randrange(1, 6), of)
    name = rng.choice(("highest", "lowest", "sum", "mean", "count"))
    if name == "count":
        of = condition(rng, depth - 1, of_frame, inside=True)
    return ("window", name, rng.randrange(1, 8), of)


def _leaf(rng: random.Random, frame: str) -> Tree:
    match rng.randrange(4):
        case 0:
            return ("constant", round(rng.uniform(-2, 60), 2))
        case 1:
            return ("sma", rng.choice((3, 10, 20)), frame)
        case 2:
            return ("ret", rng.choice((1, 5)), frame)
    return ("bar", rng.choice(BARS), frame)


def condition(rng: random.Random, depth: int, frame: str = "", *, inside: bool = False) -> Tree:
    """A condition, as `number`."""
    if depth > 0 and rng.random() < 0.5:
        kind = rng.choice(("and", "or", "not", "window", "cross"))
        if kind in {"and", "or"}:
            count = rng.randrange(2, 4)
            return (kind, *(condition(rng, depth - 1, frame, inside=inside) for _ in range(count)))
        if kind == "not":
            return ("not", condition(rng, depth - 1, frame, inside=inside))
        of_frame = frame if inside else rng.choice(("", "", "weekly"))
        if kind == "window":
            of = condition(rng, depth - 1, of_frame, inside=True)
            return ("window", rng.choice(("within", "streak")), rng.randrange(1, 6), of)
        two = (number(rng, depth - 1, of_frame, inside=True) for _ in range(2))
        return ("cross", rng.choice(("above", "below")), *two)
    one = number(rng, depth - 1, frame, inside=inside)
    if not inside and rng.random() < 0.15:
        return ("in", ("listed", "sector"), rng.sample(["Energy", "Materials", "Utilities", "Financials"], 2))
    match rng.randrange(6):
        case 0:
            return ("null", one)
        case 1:
            return ("between", one, *(number(rng, 0, frame, inside=inside) for _ in range(2)))
    sign = rng.choice((">", ">=", "<", "<=", "=", "<>"))
    return ("compare", sign, one, number(rng, depth - 1, frame, inside=inside))


def written(tree: Tree) -> str:
    """The text of a tree."""
    kind, *rest = tree
    match kind:
        case "constant":
            return repr(rest[0])
        case "bar":
            return _framed(rest[1], rest[0])
        case "sma" | "ret":
            return _framed(rest[1], f"{kind}_{rest[0]}")
        case "listed":
            return str(rest[0])
        case "arithmetic" | "compare":
            return f"({written(rest[1])} {rest[0]} {written(rest[2])})"
        case "function":
            return f"{rest[0]}({', '.join(map(written, rest[1:]))})"
        case "between":
            return f"({written(rest[0])} BETWEEN {written(rest[1])} AND {written(rest[2])})"
        case "and" | "or":
            return "(" + f" {kind.upper()} ".join(map(written, rest)) + ")"
        case "not":
            return f"(NOT {written(rest[0])})"
        case "null":
            return f"({written(rest[0])} IS NULL)"
        case "in":
            return f"{written(rest[0])} IN ({', '.join(map(repr, rest[1]))})"
        case "case":
            return f"CASE WHEN {written(rest[0])} THEN {written(rest[1])} ELSE {written(rest[2])} END"
        case "back":
            return f"({written(rest[0])})[{rest[1]}]"
        case "cross":
            return f"crosses_{rest[0]}({written(rest[1])}, {written(rest[2])})"
        case "window":
            return f"{rest[0]}({rest[1]}, {written(rest[2])})"
        case "change":
            return f"change({rest[0]}, {written(rest[1])})"
    assert kind == "across"
    return f"{rest[0]}({written(rest[1])}{', ' + rest[2] if rest[2] else ''})"


def _framed(frame: str, name: str) -> str:
    return f"{frame}.{name}" if frame else name
