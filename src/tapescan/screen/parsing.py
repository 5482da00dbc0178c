"""From text to nodes: a plain name at once, all else by way of `translation`, which takes a while to load."""

from __future__ import annotations

import re

from tapescan.screen.nodes import Name, Node

__all__ = ["MEMBER_LIST", "parse"]

#: The function of an IN whose list has a name, which `checking` looks up.
MEMBER_LIST = "in list"

_PLAIN = re.compile(r"\s*([a-z_][a-z0-9_]*)\s*", re.IGNORECASE | re.ASCII)
#: Words that are no names.
_WORDS = {"and", "or", "not", "in", "is", "null", "like", "ilike", "between", "case", "when", "then", "else", "end"}
_WORDS |= {"true", "false"}


def parse(text: str, field: str) -> Node:
    """The expression of a text. field : the argument that it came from.

    Raises ScreenError for what is no expression of this language, with the place.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and plain.group(1).lower() not in _WORDS:
        return Name(plain.group(1).lower(), "", plain.start(1))
    from tapescan.screen.translation import translate

    return translate(text, field)
