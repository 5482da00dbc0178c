"""The rows inside an answer's body, so that the same misbehaviour can be done to every vendor's answers.

A layout says where the rows are: ``json:results`` (a list of objects), ``json:bars.*`` (a list under each name),
``columns:chart`` (Yahoo's arrays side by side), ``csv`` and ``pipe`` (text with a header line; pipe with a footer),
``csv.gz`` (the same, compressed).
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

__all__ = ["KINDS", "change_rows"]

Row = dict[str, Any]
#: Changes one table of rows; how : the misbehaviour's own settings.
Change = Callable[[list[Row], dict[str, Any]], list[Row]]

_PRICES = ("o", "h", "l", "c", "open", "high", "low", "close", "OPEN", "val")
_CLOSES = ("c", "close", "val")


def change_rows(body: bytes, layout: str, kind: str, how: dict[str, Any]) -> bytes:
    """The body with its rows changed by one of `KINDS`; counts inside the body follow, unless they are to lie."""
    change, honest = KINDS[kind]
    if layout == "csv.gz":
        return gzip.compress(_text(gzip.decompress(body), ",", change, how, footer=False), mtime=0)
    if layout in ("csv", "pipe"):
        return _text(body, "," if layout == "csv" else "|", change, how, footer=layout == "pipe")
    document = json.loads(body)
    if layout == "columns:chart":
        _columns(document, change, how)
    else:
        _lists(document, layout.removeprefix("json:"), change, how, honest=honest)
    return json.dumps(document, separators=(",", ":")).encode()


# --- the changes --------------------------------------------------------------------------------------


def _fewer(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    """The first part: ``keep`` is a share of the rows."""
    return rows[: int(len(rows) * how.get("keep", 0.5))]


def _thin(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    """A sample: ``keep`` is a share of the rows."""
    keep = max(1, round(1 / how.get("keep", 0.1)))
    return rows[::keep]


def _twice(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    """The first ``rows`` come twice; ``conflicting``: with another close the second time."""
    again = [dict(row) for row in rows[: how.get("rows", 5)]]
    if how.get("conflicting"):
        for row in again:
            for name in _CLOSES:
                if row.get(name) is not None:
                    row[name] = str(float(row[name]) * 1.5) if isinstance(row[name], str) else row[name] * 1.5
    return [*rows, *again]


def _shuffled(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    rows = list(rows)
    random.Random(how.get("seed", 7)).shuffle(rows)
    return rows


def _nulls(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    """No prices in ``rows`` rows."""
    return _some(rows, how, lambda row, name: "" if isinstance(row[name], str) else None, _PRICES)


def _negative(rows: list[Row], how: dict[str, Any]) -> list[Row]:
    """A negative close in ``rows`` rows."""

    def negated(row: Row, name: str) -> Any:
        return f"-{row[name]}" if isinstance(row[name], str) else -row[name]

    return _some(rows, how, negated, _CLOSES)


def _some(
    rows: list[Row], how: dict[str, Any], change: Callable[[Row, str], Any], names: tuple[str, ...]
) -> list[Row]:
    rows = [dict(row) for row in rows]
    count = min(how.get("rows", 3), len(rows))
    for number in range(count):
        row = rows[number * len(rows) // count]
        for name in names:
            if row.get(name) is not None:
                row[name] = change(row, name)
    return rows


#: Name -> the change, and whether the counts in the body are made to agree.
KINDS: dict[str, tuple[Change, bool]] = {
    "truncate_rows": (_fewer, False),
    "short_day": (_thin, True),
    "duplicate_rows": (_twice, True),
    "shuffle_rows": (_shuffled, True),
    "null_prices": (_nulls, True),
    "negative_price": (_negative, True),
}


# --- the layouts --------------------------------------------------------------------------------------


def _lists(document: Any, path: str, change: Change, how: dict[str, Any], *, honest: bool) -> None:
    name, _, rest = path.partition(".")
    if rest == "*":
        tables = document.get(name) or {}
        for key in tables:
            tables[key] = change(tables[key], how)
    elif isinstance(document, dict) and isinstance(document.get(name), list):
        document[name] = change(document[name], how)
        if honest:
            for count in ("queryCount", "resultsCount", "count", "pts"):
                if count in document:
                    document[count] = len(document[name])


def _columns(document: dict[str, Any], change: Change, how: dict[str, Any]) -> None:
    for result in document["chart"]["result"] or ():
        quote = result["indicators"]["quote"][0]
        # Of minutes there is no such column.
        adjusted = result["indicators"].get("adjclose", [{}])[0]
        columns = {"t": result.get("timestamp", []), **quote, **adjusted}
        rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        rows = change(rows, how)
        result["timestamp"] = [row["t"] for row in rows]
        for part in (quote, adjusted):
            for name in part:
                part[name] = [row[name] for row in rows]


def _text(body: bytes, comma: str, change: Change, how: dict[str, Any], *, footer: bool) -> bytes:
    ending = "\r\n" if b"\r\n" in body else "\n"
    lines = body.decode().rstrip("\r\n").split(ending)
    names, last = lines[0].split(comma), lines[-1:] if footer else []
    rows = [dict(zip(names, line.split(comma), strict=True)) for line in lines[1 : len(lines) - len(last)]]
    changed = [comma.join(row[name] for name in names) for row in change(rows, how)]
    return (ending.join([lines[0], *changed, *last]) + ending).encode()
