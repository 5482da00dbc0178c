"""Tables in JSON: lists of objects, objects of lists, days and symbols as names, wherever they lie in a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.importing.texts import plain

__all__ = ["records_of"]

_DAY = re.compile(r"^\d{4}-?\d{2}-?\d{2}([T ].*)?$")
_SYMBOLS = ("symbol", "ticker")
#: How deep a table may lie.
_DEEPEST = 6


def records_of(text: str, shown: str) -> tuple[dict[str, list[str | None]], str]:
    """The columns of the largest table in a document, as text, and the symbol that it names for all rows.

    Raises `FileError` for what is no JSON, and for a document without a table.
    """
    document = _parsed(text, shown)
    rows = max(_tables(document, 0), key=len, default=[])
    if not rows:
        raise FileError(f"{shown}: no table of bars or other rows is in this JSON", "give a list of objects")
    names = dict.fromkeys(name for row in rows for name in row)
    # T is the ticker where t is the time.
    columns = {_renamed(name, names): [_cell(row.get(name)) for row in rows] for name in names}
    return columns, _named_symbol(document)


def _renamed(name: str, names: dict[str, None]) -> str:
    return "symbol" if name == "T" and "t" in names and "symbol" not in names else name


def _parsed(text: str, shown: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise FileError(f"{shown}: is nested too deeply", "give a list of objects") from error
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            return [json.loads(line) for line in lines]
        except (ValueError, RecursionError):
            what = f"{shown}: cannot be read as JSON: {printable(str(error))}"
            raise FileError(what, "check that the file is whole") from error


def _tables(node: Any, depth: int) -> Iterator[list[dict[str, Any]]]:
    """All that may be a table: rows with names."""
    if depth > _DEEPEST:
        return
    if isinstance(node, list):
        if node and all(isinstance(one, dict) for one in node):
            yield node
        for one in node[:10]:
            yield from _tables(one, depth + 1)
    elif isinstance(node, dict):
        values = list(node.values())
        if values and all(isinstance(one, dict) for one in values) and all(_DAY.match(str(name)) for name in node):
            yield [{"date": name} | row for name, row in node.items()]
            return
        lists = {name: one for name, one in node.items() if isinstance(one, list)}
        columns = {n: one for n, one in lists.items() if one and not any(isinstance(x, dict | list) for x in one)}
        lengths = {len(one) for one in columns.values()}
        if len(columns) >= 3 and len(lengths) == 1:
            yield [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        of_symbols = {n: one for n, one in lists.items() if one and all(isinstance(x, dict) for x in one)}
        if (
            of_symbols
            and len(of_symbols) == len(node)
            and not any(set(_SYMBOLS) & set(one[0]) for one in of_symbols.values())
        ):
            yield [{"symbol": name} | row for name, rows in of_symbols.items() for row in rows]
        for one in values:
            yield from _tables(one, depth + 1)


def _named_symbol(document: Any, depth: int = 0) -> str:
    """A symbol that the document names beside its table, as in ``"Meta Data": {"2. Symbol": "AAPL"}``."""
    if not isinstance(document, dict) or depth > 2:
        return ""
    for name, value in document.items():
        if plain(str(name)) in _SYMBOLS and isinstance(value, str):
            return value
    return next((found for one in document.values() if (found := _named_symbol(one, depth + 1))), "")


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
