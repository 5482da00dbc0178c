"""Pages that need nothing else, and their tables, which are plain text as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from tapescan.core.text import printable

__all__ = ["Table", "as_html", "as_text", "page", "safe", "show"]

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--back:#fff;--soft:#667;--rule:#d5d9df;
--c0:#0068a8;--c1:#b35900;--c2:#00795a;--c3:#a0386e}
@media(prefers-color-scheme:dark){:root{--ink:#e4e7eb;--back:#15181c;--soft:#9aa3ae;--rule:#3a4048;
--c0:#5cb3f0;--c1:#f0a35c;--c2:#4fd0a5;--c3:#ea8fbd}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:60rem;margin:2rem auto;
padding:0 1rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:.5rem 0 1.5rem}
caption,figcaption{text-align:left;font-weight:600}td,th{padding:.15rem .8rem .15rem 0;text-align:right;
border-bottom:1px solid var(--rule)}.l{text-align:left}p.gate{border-left:4px solid var(--c0);padding-left:.8rem}
figure{margin:1rem 0 2rem}svg{width:100%;max-width:45rem;height:auto;font:12px system-ui,sans-serif}
svg text{fill:var(--ink)}.grid{stroke:var(--rule)}.zero{stroke:var(--soft)}.line{fill:none;stroke-width:1.8}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1);stroke-dasharray:7 3}.s2{stroke:var(--c2);stroke-dasharray:2 3}
.s3{stroke:var(--c3);stroke-dasharray:9 3 2 3}.bar{fill:var(--c0)}.note{color:var(--soft)}
h1,h2,p{overflow-wrap:anywhere}@media(max-width:36rem){svg{font-size:18px}h1{font-size:1.5rem}}
"""


#: Characters of a text on a page.
LONGEST = 4000


@dataclass(frozen=True)
class Table:
    """Ready texts. left : how many columns hold words."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


def page(title: str, body: str, style: str = "") -> str:
    """A whole page. body : HTML, below the title. style : further rules."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{safe(title)}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{STYLE}{style}</style></head>\n'
        f"<body><h1>{safe(title)}</h1>\n{body}</body></html>\n"
    )


def safe(text: str) -> str:
    """A text as a page can show it: on one line, without what nobody sees, nothing of it obeyed."""
    return escape(printable(text, LONGEST))


def show(form: str, value: float | None) -> str:
    """A number by a format; ``-`` where it is not known."""
    return "-" if value is None or math.isnan(value) else form.format(value)


def as_text(one: Table) -> list[str]:
    """The lines of a table in a fixed-width font."""
    cells = [tuple(printable(cell) for cell in row) for row in (one.head, *one.rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if place < one.left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]
    return [one.title, lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def as_html(one: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        kinds = [' class="l"' if place < one.left else "" for place in range(len(cells))]
        shown = (f"<{tag}{kind}>{safe(cell)}</{tag}>" for cell, kind in zip(cells, kinds, strict=True))
        return f"<tr>{''.join(shown)}</tr>\n"

    body = "".join(row(cells, "td") for cells in one.rows)
    caption = f"<caption>{safe(one.title)}</caption>"
    return (
        f'<div class="wide"><table>{caption}<thead>{row(one.head, "th")}</thead>\n<tbody>{body}</tbody></table></div>'
    )
