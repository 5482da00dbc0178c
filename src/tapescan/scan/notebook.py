"""A scan as a notebook shows it: plain HTML without any script, every text escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

from tapescan.scan.cells import cell, fixed

if TYPE_CHECKING:
    from tapescan.scan.result import ScanResult

__all__ = ["as_html"]

#: Rows that are shown.
TOP = 20

#: Of all rows, in this order, with the digits after the point of those that are prices or points.
_DIGITS = {"score": 1, "close": 2, "stop": 2, "target": 2, "shares": 0}


def as_html(result: ScanResult) -> str:
    """The best rows as a table, what market they are of, the coverage, and the notes."""
    rows = result.best(TOP).to_dicts()
    simulated = "SIMULATED market" if "simulated" in result.provenance["data"] else "market"
    about = f"{result.as_of}, profile {result.provenance['profile']['name']}, {simulated} ({result.regime.index}): "
    said = [f"Coverage: {result.coverage}", *result.notes]
    return (
        f"<div><p><b>{escape(about)}</b>{escape(str(result.regime))}</p>"
        f"{_table(_names(result, rows), rows) if rows else '<p>No symbol was ranked.</p>'}"
        f"{''.join(f'<p>{escape(line)}</p>' for line in said)}</div>"
    )


def _names(result: ScanResult, rows: list[dict[str, Any]]) -> tuple[str, ...]:
    sides = ("side",) if {row["side"] for row in rows} != {"long"} else ()
    leading = ("rank", "symbol", "score", *sides, "close", "stop", "target")
    return tuple(dict.fromkeys((*leading, *result.features, "shares", "name", "sector")))


def _table(names: Iterable[str], rows: list[dict[str, Any]]) -> str:
    def text(row: dict[str, Any], name: str) -> str:
        shown = fixed(row[name], _DIGITS[name]) if name in _DIGITS else cell(row[name])
        return f"<td>{escape(shown)}</td>"

    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(text(row, name) for name in names)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
