"""From text to tokens: what a screen may be written with, and how much of it.

Only the words and signs below become tokens of SQL. Any other word, number or text is a leaf, and the parser is shown
no more of it than its number: a text has no way to say SELECT, OVER or CAST to it. The bounds are on what parsing
costs: length, tokens, and how deep brackets nest.

A list of constants after IN becomes one leaf, since a list of 2,000 symbols is one thing to a screen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlglot.tokenizer_core import Token, TokenType

from tapescan.core.errors import ScreenError

__all__ = ["DEEPEST", "LONGEST", "MOST_TOKENS", "Leaf", "Lexed", "lex"]

#: Characters of a text, its tokens (a list of constants counts as one), and how deep brackets may nest: the parser
#: takes some twenty calls a level.
LONGEST = 40_000
MOST_TOKENS = 2_500
DEEPEST = 16

_WORDS = {
    "AND": TokenType.AND,
    "OR": TokenType.OR,
    "NOT": TokenType.NOT,
    "IN": TokenType.IN,
    "IS": TokenType.IS,
    "NULL": TokenType.NULL,
    "LIKE": TokenType.LIKE,
    "ILIKE": TokenType.ILIKE,
    "BETWEEN": TokenType.BETWEEN,
    "CASE": TokenType.CASE,
    "WHEN": TokenType.WHEN,
    "THEN": TokenType.THEN,
    "ELSE": TokenType.ELSE,
    "END": TokenType.END,
    "TRUE": TokenType.TRUE,
    "FALSE": TokenType.FALSE,
}

_SIGNS = {
    "(": TokenType.L_PAREN,
    ")": TokenType.R_PAREN,
    "[": TokenType.L_BRACKET,
    "]": TokenType.R_BRACKET,
    ",": TokenType.COMMA,
    ".": TokenType.DOT,
    "+": TokenType.PLUS,
    "-": TokenType.DASH,
    "*": TokenType.STAR,
    "/": TokenType.SLASH,
    "%": TokenType.MOD,
    "<": TokenType.LT,
    "<=": TokenType.LTE,
    ">": TokenType.GT,
    ">=": TokenType.GTE,
    "=": TokenType.EQ,
    "==": TokenType.EQ,
    "<>": TokenType.NEQ,
    "!=": TokenType.NEQ,
}

# No pattern can go back over what it has taken, so that all take time in proportion to the text.
_NUMBER = r"(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?(?![A-Za-z0-9_.])"
_TEXT = r"'(?:[^']|'')*+'"
_TOKEN = re.compile(
    rf"""
    (?P<space>[ \t\r\n]++)
  | (?P<list>list:[A-Za-z0-9_-]*+)
  | (?P<number>{_NUMBER})
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*+)
  | (?P<text>{_TEXT})
  | (?P<sign><=|>=|<>|!=|==|[()\[\],.+\-*/%<>=])
    """,
    re.VERBOSE,
)
#: The constants of an IN list, where it is nothing but texts and numbers.
_CONSTANT = rf"(?:{_TEXT}|-?{_NUMBER})"
_CONSTANTS = re.compile(rf"[ \t\r\n]*+\([ \t\r\n]*+{_CONSTANT}(?:[ \t\r\n]*+,[ \t\r\n]*+{_CONSTANT})*+[ \t\r\n]*+\)")
_ONE_CONSTANT = re.compile(_CONSTANT)
_NO_NUMBER = re.compile(r"[0-9.][A-Za-z0-9_.]*+")

_OPENS, _CLOSES = {"(": ")", "[": "]"}, {")", "]"}
_PREFIXES = {TokenType.PLUS, TokenType.DASH, TokenType.NOT}

#: The tokens of leaves; of any other kind than these it is a name, which begins so.
_LEAVES = {"number": TokenType.NUMBER, "text": TokenType.STRING}
_NAME = "_"

LeafKind: TypeAlias = Literal["word", "number", "text", "list", "constants"]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A word, number or text, the name of a list (``list:mine``), or the constants of an IN list; and where it
    stands."""

    kind: LeafKind
    value: str | float | tuple[str | float, ...]
    at: int


@dataclass(frozen=True)
class Lexed:
    """A text's tokens, and its leaves, whose tokens hold nothing but their numbers."""

    text: str
    tokens: list[Token]
    leaves: list[Leaf]

    def leaf(self, text: object) -> Leaf | None:
        """The leaf of a token's text; None where it is none: the parser takes some words of SQL for names."""
        number = str(text).removeprefix(_NAME)
        return self.leaves[int(number)] if number.isascii() and number.isdigit() else None

    def add(self, leaf: Leaf, end: int) -> None:
        """Put a leaf down, and the token that stands for it. end : where the text goes on after it."""
        number, token_type = str(len(self.leaves)), _LEAVES.get(leaf.kind, TokenType.VAR)
        self.leaves.append(leaf)
        text = _NAME + number if token_type is TokenType.VAR else number
        self.tokens.append(Token(token_type, text, 1, leaf.at + 1, leaf.at, end - 1))


def lex(text: str, field: str) -> Lexed:
    """The tokens of a text. field : the argument that it came from.

    Raises ScreenError for a text that is too long, for a character that no screen is written with, and for brackets
    that do not match or nest too deep.
    """
    if len(text) > LONGEST:
        raise ScreenError(f"it has {len(text):,} characters", f"write at most {LONGEST:,}", field=field)
    found = Lexed(text, [], [])
    brackets: list[tuple[str, int]] = []
    at, prefixes = 0, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _strange(text, at, field)
        kind, word, start = str(match.lastgroup), match.group(), at
        at = match.end()
        if kind == "space":
            continue
        sign = _SIGNS.get(word) if kind == "sign" else _WORDS.get(word.upper()) if kind == "word" else None
        prefixes = prefixes + 1 if sign in _PREFIXES else 0
        if prefixes > DEEPEST:
            what = f"{word!r} at character {start + 1} is one of more than {DEEPEST} in a row"
            raise ScreenError(what, "take some away", field=field)
        if sign is None:
            found.add(Leaf(kind, _value(kind, word), start), at)  # type: ignore[arg-type]
        else:
            _nest(brackets, word.upper(), start, field)
            found.tokens.append(Token(sign, word, 1, start + 1, start, at - 1))
        constants = _CONSTANTS.match(text, at) if sign is TokenType.IN else None
        if constants is not None:
            values = tuple(_constant(one) for one in _ONE_CONSTANT.findall(constants.group()))
            at = constants.end()
            found.add(Leaf("constants", values, constants.start()), at)
        if len(found.tokens) > MOST_TOKENS:
            hint = "make several screens of it"
            raise ScreenError(f"it has more than {MOST_TOKENS:,} words and signs", hint, field=field)
    if brackets:
        opener, start = brackets[-1]
        raise ScreenError(f"{opener!r} at character {start + 1} is not closed", "close it", field=field)
    return found


def _value(kind: str, word: str) -> str | float:
    match kind:
        case "number" | "text":
            return _constant(word)
        case "list":
            return word.removeprefix("list:")
    return word


def _constant(text: str) -> str | float:
    return text[1:-1].replace("''", "'") if text[0] == "'" else float(text)


def _nest(brackets: list[tuple[str, int]], word: str, start: int, field: str) -> None:
    """Follow the brackets; CASE and END are a pair of them."""
    if word in _OPENS or word == "CASE":
        brackets.append((word, start))
        if len(brackets) > DEEPEST:
            what = f"brackets nest deeper than {DEEPEST} at character {start + 1}"
            raise ScreenError(what, "write it flatter", field=field)
    elif word in _CLOSES or word == "END":
        opener = brackets.pop()[0] if brackets else ""
        if (_OPENS | {"CASE": "END"}).get(opener) != word:
            raise ScreenError(f"{word!r} at character {start + 1} closes nothing", "take it away", field=field)


def _strange(text: str, at: int, field: str) -> ScreenError:
    sign, place = text[at], f"at character {at + 1}"
    if sign == "'":
        return ScreenError(f"the text that begins {place} has no end", "end it with a single quote", field=field)
    if sign in '"`\u201c\u201d\u2018\u2019':
        return ScreenError(f"{sign!r} {place}", "put texts in single quotes, and names in none", field=field)
    number = _NO_NUMBER.match(text, at)
    if number is not None:
        return ScreenError(f"{number.group()[:40]!r} {place} is no number", "correct it", field=field)
    return ScreenError(f"{sign!r} {place} means nothing in a screen", "take it away", field=field)
