"""Tables in JSON: lists of objects or of lists, objects of lists, days and symbols as names, wherever they lie in a
document; tables that lie at like places, one a symbol, are one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.importing.texts import plain

__all__ = ["records_of"]

_DAY = re.compile(r"^\d{4}-?\d{2}-?\d{2}([T ].*)?$|^\d{9,19}$")
_COUNT = re.compile(r"^\d{1,8}$")
_SYMBOLS = ("symbol", "ticker", "code")
#: A name in capitals that holds rows is a symbol, but for words that vendors write so.
_SYMBOL = re.compile(r"^\^?[A-Z]{1,6}(?:[-./:^_][A-Z]{1,4})?$")
_NO_SYMBOLS = frozenset(("OHLC", "OHLCV", "EOD", "DATA", "BARS", "RESULT", "RESULTS", "META", "CHART", "QUOTE"))
#: Names of a time beside lists of prices that have none of their own.
_TIMES = ("timestamp", "timestamps", "date", "dates", "datetime", "time", "t", "index")
_PRICES = frozenset(("open", "high", "low", "close", "o", "h", "l", "c", "last", "price"))
#: How deep a table may lie.
_DEEPEST = 8

Row = dict[str, Any]


@dataclass(frozen=True)
class _Found:
    """place : where it lies, with ``*`` for a symbol's name or an element of a list. symbol : of all its rows."""

    place: tuple[str, ...]
    symbol: str
    rows: list[Row]


@dataclass(frozen=True)
class _Around:
    """What lies around a node. times : a list of times, and its name."""

    place: tuple[str, ...] = ()
    symbol: str = ""
    times: tuple[str, list[Any]] | None = None

    def inside(self, name: str, symbol: str = "") -> _Around:
        return _Around((*self.place, name), symbol or self.symbol, self.times)


def records_of(text: str, shown: str) -> tuple[dict[str, list[str | None]], str, tuple[str, ...]]:
    """The columns of the largest table in a document, as text, the symbol that it names for all rows, and what a
    person should know.

    Tables at like places, as those of several symbols, are one. A table with prices is larger than one without.
    Raises `FileError` for what is no JSON, and for a document without a table.
    """
    document = _parsed(text, shown)
    places: dict[tuple[str, ...], list[_Found]] = {}
    for found in _tables(document, _Around()):
        places.setdefault(found.place, []).append(found)
    best = max(places.values(), key=_worth, default=[])
    rows = [_with_symbol(row, one.symbol) for one in best for row in one.rows]
    if not rows:
        raise FileError(f"{shown}: no table of bars or other rows is in this JSON", "give a list of objects")
    names = dict.fromkeys(name for row in rows for name in row)
    if {"S", "T", "t"} <= set(names):
        del names["T"]  # the kind of a message
    columns = {_renamed(name, names): [_cell(row.get(name)) for row in rows] for name in names}
    symbol = "" if any(plain(name) in _SYMBOLS for name in columns) else _named_symbol(document)
    note = f"{shown}: its splits and dividends (events) are read past: import them as files of their own"
    return columns, symbol, (note,) if _has_events(document) else ()


def _has_events(node: Any, depth: int = 0) -> bool:
    """Whether a chart holds splits or dividends beside its prices, as Yahoo's does."""
    if depth > 5 or not isinstance(node, dict | list):
        return False
    if isinstance(node, list):
        return any(_has_events(one, depth + 1) for one in node[:10])
    events = node.get("events")
    if isinstance(events, dict) and any(events.get(name) for name in ("splits", "dividends", "capitalGains")):
        return True
    return any(_has_events(one, depth + 1) for one in list(node.values())[:20])


def _worth(tables: list[_Found]) -> tuple[bool, int]:
    names = {plain(name) for name in tables[0].rows[0]}
    return len(names & _PRICES) >= 2, sum(len(one.rows) for one in tables)


def _with_symbol(row: Row, symbol: str) -> Row:
    if not symbol or any(plain(name) in _SYMBOLS for name in row) or ("T" in row and "t" in row):
        return row
    return {"symbol": symbol} | row


def _renamed(name: str, names: Mapping[str, None]) -> str:
    """T is the ticker where t is the time, or S."""
    one = "S" if "S" in names else "T"
    return "symbol" if name == one and "t" in names and "symbol" not in names else name


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


# --- what may be a table ----------------------------------------------------------------------------------


def _tables(node: Any, around: _Around) -> Iterator[_Found]:
    """All that may be a table: rows with names."""
    if len(around.place) > _DEEPEST:
        return
    if isinstance(node, list):
        yield from _in_list(node, around)
    elif isinstance(node, dict) and node:
        yield from _in_object(node, around)


def _in_list(node: list[Any], around: _Around) -> Iterator[_Found]:
    if node and all(isinstance(one, dict) for one in node):
        yield _Found(around.place, around.symbol, node)
    elif len(node) > 1 and all(isinstance(one, list) for one in node):
        header = node[0]
        if header and all(isinstance(name, str) for name in header) and _are_names(header):
            yield _Found(around.place, around.symbol, _named(header, node[1:]))
    inner = around.inside("*")
    for one in node:
        if not isinstance(one, dict | list):
            continue
        if isinstance(one, list) or any(isinstance(value, dict | list) for value in one.values()):
            yield from _tables(one, inner)


def _in_object(node: Row, around: _Around) -> Iterator[_Found]:
    around = _Around(around.place, _own_symbol(node) or around.symbol, _own_times(node) or around.times)
    rows = _keyed_rows(node) or _transposed(node)
    if rows:
        yield _Found(around.place, around.symbol, rows)
        return
    lists = {name: one for name, one in node.items() if isinstance(one, list)}
    if rows := _split_rows(lists):
        yield _Found(around.place, around.symbol, rows)
        return
    columns = {name: one for name, one in lists.items() if one and not any(isinstance(x, dict | list) for x in one)}
    if len(columns) >= 3 and len({len(one) for one in columns.values()}) == 1:
        length = len(next(iter(columns.values())))
        if around.times and around.times[0] not in columns and len(around.times[1]) == length:
            columns = {around.times[0]: around.times[1], **columns}
        yield _Found(around.place, around.symbol, _named(list(columns), list(zip(*columns.values(), strict=True))))
    of_symbols = len(node) > 1 and all(_are_bars(one) for one in node.values() if one)
    for name, one in node.items():
        symbol = name if _SYMBOL.match(name) and name not in _NO_SYMBOLS else ""
        if not symbol and of_symbols and _SYMBOL.match(name.upper()):
            symbol = name
        symbol = symbol if isinstance(one, dict | list) else ""
        yield from _tables(one, around.inside("*" if symbol else name, symbol))


def _are_bars(one: Any) -> bool:
    if not (isinstance(one, list) and all(isinstance(row, dict) for row in one)):
        return False
    return len({plain(name) for name in one[0]} & _PRICES) >= 2


def _keyed_rows(node: Row) -> list[Row] | None:
    """Rows whose names are their days, or count them."""
    if not all(isinstance(one, dict) and one for one in node.values()):
        return None
    if any(isinstance(value, dict | list) for one in node.values() for value in one.values()):
        return None
    if all(_DAY.match(name) for name in node):
        return [{"date": name} | row for name, row in node.items()]
    return list(node.values()) if all(_COUNT.match(name) for name in node) else None


def _transposed(node: Row) -> list[Row] | None:
    """Columns whose cells are named by their days, or counted, as pandas writes a frame."""
    columns = {name: one for name, one in node.items() if isinstance(one, dict) and one}
    if len(columns) < 3 or len(columns) < len(node):
        return None
    keys = next(iter(columns.values())).keys()
    if any(one.keys() != keys for one in columns.values()):
        return None
    days = all(_DAY.match(key) for key in keys)
    if not days and not all(_COUNT.match(key) for key in keys):
        return None
    rows = [{name: one[key] for name, one in columns.items()} for key in keys]
    return [{"date": key} | row for key, row in zip(keys, rows, strict=True)] if days else rows


def _split_rows(lists: Mapping[str, list[Any]]) -> list[Row] | None:
    """Lists of cells, whose names stand beside them, and their index."""
    data = lists.get("data") or lists.get("values")
    names = lists.get("column_names") or lists.get("columns") or lists.get("fields")
    if not data or not names or not all(isinstance(row, list) for row in data):
        return None
    if all(isinstance(name, dict) for name in names):
        names = [name.get("name") for name in names]
    names = ["".join(str(part) for part in name) if isinstance(name, list) else str(name) for name in names]
    index = lists.get("index", [])
    if len(index) == len(data) and not any(isinstance(one, list) for one in index):
        return [{"index": key} | row for key, row in zip(index, _named(names, data), strict=True)]
    return _named(names, data)


def _named(names: list[str], rows: list[Any]) -> list[Row]:
    return [dict(zip(names, row, strict=False)) for row in rows]


def _are_names(cells: list[str]) -> bool:
    return len({plain(cell) for cell in cells} & _PRICES) >= 2 or "symbol" in {plain(cell) for cell in cells}


# --- what stands beside it --------------------------------------------------------------------------------


def _own_symbol(node: Row) -> str:
    """The symbol that an object names for what is in it, itself or in words about it."""
    about = [
        one for name, one in node.items() if isinstance(one, dict) and plain(name) in ("meta", "metadata", "security")
    ]
    for one in (node, *about):
        for name, value in one.items():
            if plain(str(name)) in _SYMBOLS and isinstance(value, str):
                return value
    return ""


def _own_times(node: Row) -> tuple[str, list[Any]] | None:
    for name, one in node.items():
        if plain(name) in _TIMES and isinstance(one, list) and one and not isinstance(one[0], dict | list):
            return name, one
    return None


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
