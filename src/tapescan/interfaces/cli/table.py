"""Tables that fit the terminal: whole columns or none, and never a cut-off number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core import pages
from tapescan.core.text import printable
from tapescan.scan.cells import cell, fixed

if TYPE_CHECKING:
    from tapescan.scan.result import ScanResult

__all__ = ["fitted", "result_table"]

#: Between two columns; of a table of numbers.
GAP = 3
NARROW = 2

NAME_WIDTH = 24

#: What a list shows anyway.
SHOWN = {"rank", "symbol", "score", "side", "close", "stop", "target", "shares", "name", "sector"}


@dataclass(frozen=True)
class _Column:
    """name : what it is called when it has to be hidden. cells : ready texts, all of them shown whole."""

    name: str
    title: str
    cells: tuple[str, ...]
    left: bool = False

    @property
    def width(self) -> int:
        return max(len(self.title), *(len(cell) for cell in self.cells)) + GAP


def result_table(result: ScanResult, top: int, width: int) -> tuple[Table, tuple[str, ...]]:
    """The table, and the names of the columns that have no room at this width."""
    rows = result.best(top).to_dicts()
    room = width - 2
    chosen: list[_Column] = []
    hidden: list[str] = []
    for column in _candidates(result, rows):
        versions = [column] if isinstance(column, _Column) else list(column)
        fitting = next((one for one in versions if one.width <= room), None)
        if fitting is None:
            hidden.append(versions[0].name)
        else:
            chosen.append(fitting)
            room -= fitting.width
    order = ("#", "symbol", "score", "side", "close", "stop", "target", "shares")
    chosen.sort(key=lambda one: order.index(one.title) if one.title in order else len(order))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for one in chosen:
        table.add_column(one.title, justify="left" if one.left else "right", no_wrap=True)
    for cells in zip(*(one.cells for one in chosen), strict=True):
        table.add_row(*(escape(cell) for cell in cells))
    return table, tuple(hidden)


def fitted(one: pages.Table, width: int, least: Sequence[str] = ()) -> tuple[Table, tuple[str, ...]]:
    """Ready texts as a table, and the headings of the columns that have no room at this width.

    least : headings of those that go first, before those at the right. Words are folded, numbers stay whole.
    """
    heads = [head.replace("\n", " ") for head in one.head]
    columns = [[one.head[place], *(row[place] for row in one.rows)] for place in range(len(heads))]
    wide = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    words = one.left == len(heads)
    shown = [*range(len(heads))]
    leaving = [*(heads.index(name) for name in least if name in heads), *range(len(heads) - 1, 0, -1)]

    def room() -> int:
        """What is left for the first column."""
        others: int = sum(wide[place] + NARROW for place in shown[1:])
        return width - others

    while not words and leaving and room() < min(wide[0], NAME_WIDTH):
        place = leaving.pop(0)
        shown = [other for other in shown if other != place]
    table = Table(
        title=escape(one.title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
        show_header=any(heads),
    )
    for place in shown:
        left = place < one.left
        most = None if words or place or not left else max(room(), 1)
        table.add_column(
            escape(one.head[place]),
            justify="left" if left else "right",
            no_wrap=not left or (place == 0 and words),
            overflow="fold",
            max_width=most,
        )
    for row in one.rows:
        table.add_row(*(escape(row[place]) for place in shown))
    return table, tuple(name for place, name in enumerate(heads) if place not in shown)


def _candidates(result: ScanResult, rows: Sequence[dict[str, Any]]) -> list[_Column | tuple[_Column, ...]]:
    """All columns, the most wanted first; a tuple holds versions of one column, the fullest first."""
    shares = result.provenance["weights"]

    def numbers(key: str, title: str, digits: int) -> _Column:
        return _Column(title, title, tuple(fixed(row[key], digits) for row in rows))

    def texts(key: str, title: str, width: int = 100) -> _Column:
        return _Column(title, title, tuple(printable(row[key] or "")[:width].strip() for row in rows), left=True)

    wanted: list[_Column | tuple[_Column, ...]] = [
        _Column("rank", "#", tuple(str(row["rank"]) for row in rows)),
        texts("symbol", "symbol"),
        numbers("score", "score", 1),
        numbers("close", "close", 2),
        numbers("stop", "stop", 2),
        numbers("target", "target", 2),
        *(_asked(name, rows) for name in result.features if name not in SHOWN),
        _Column("shares", "shares", tuple(_shares(row) for row in rows)),
    ]
    if len({row["side"] for row in rows}) > 1 or rows[0]["side"] != "long":
        wanted.insert(3, texts("side", "side"))
    full, short = "why (points from the middle)", "why (points)"
    wanted.append(
        tuple(
            _Column("why", title, tuple(_why(row, shares, terms) for row in rows), left=True)
            for title, terms in ((full, 3), (full, 2), (short, 1))
        )
    )
    wanted.append(texts("name", "name", NAME_WIDTH))
    wanted.append(texts("sector", "sector"))
    return wanted


def _shares(row: dict[str, Any]) -> str:
    """What one account has room for; where it is not all of the plan, what limits it."""
    if row["shares"] is None:
        return f"no plan: {row['limit']}" if row["limit"] else "-"
    reason = row["account_limit"]
    return f"{reason + ' ' if reason else ''}{row['account_shares']:,}"


def _why(row: dict[str, Any], shares: dict[str, float], terms: int) -> str:
    """The factors that moved the score furthest from its middle, 50, and by how many points."""
    moved = {name: row[f"score_{name}"] - 50.0 * share for name, share in shares.items()}
    order = sorted(moved, key=lambda name: -abs(moved[name]))[:terms]
    return " ".join(f"{name.replace('_', ' ')} {moved[name]:+.0f}" for name in order)


def _asked(name: str, rows: Sequence[dict[str, Any]]) -> _Column:
    """A column that was asked for."""
    words = any(isinstance(row[name], str) for row in rows)
    return _Column(name, name, tuple(cell(row[name]) for row in rows), left=words)
