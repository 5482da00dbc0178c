"""`tapescan breadth`: how much of the market rises, session by session."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core.errors import FileError, OptionError
from tapescan.core.files import write_at_once
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.console import errors, notes, output, progress_line
from tapescan.interfaces.cli.scan import ProfileOption, StoreOption, chosen_market

if TYPE_CHECKING:
    from tapescan.replay.breadth import BreadthResult

__all__ = ["breadth"]

#: Between two columns.
GAP = 3


def breadth(
    store: StoreOption = "",
    profile: ProfileOption = "",
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first session to show.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last one; nothing later is read.")] = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one page with all lines there.")] = None,
    output_file: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write every session there (.parquet or .csv)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Count, on every session, how much of the market rises, and say where today stands."""
    from tapescan.api import breadth_market

    if output_file is not None and output_file.suffix not in {".parquet", ".csv"}:
        raise OptionError(output_file.name, "give a name that ends in .parquet or .csv", field="output")
    for option, file in (("--output", output_file), ("--html", html)):
        if file is not None:
            _check_writable(option, file)
    market, said = chosen_market(load_settings(), store)
    with progress_line() as progress:
        result = breadth_market(
            market, profile=profile or None, start=start or None, end=end or None, progress=progress
        )
    if output_file is not None:
        content = io.BytesIO()
        if output_file.suffix == ".csv":
            result.sessions.write_csv(content)
        else:
            result.sessions.write_parquet(content)
        write_at_once(output_file, content.getvalue())
    if html is not None:
        result.write_html(html)
    notes((*said, *result.notes))
    if as_json:
        typer.echo(ascii_json(result.to_json()))
    else:
        show_breadth(result)
    for file in (output_file, html):
        if file is not None:
            errors().print(f"written to {file}", markup=False, soft_wrap=True)


def _check_writable(option: str, file: Path) -> None:
    """Fail before the work, not after it."""
    if file.is_dir() or not file.parent.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        what = "is a folder" if file.is_dir() else "cannot be written"
        raise FileError(f"{option} {file} {what}", "name a file in a folder that exists and that you may write to")


def show_breadth(result: BreadthResult) -> None:
    """Where today stands, and the newest sessions."""
    from tapescan.replay.breadth_page import headline, newest_table

    console, shown = output(), newest_table(result)
    console.print(headline(result), markup=False, soft_wrap=True)
    console.print(result.sentence, style="bold", markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    room, hidden = console.width, list[str]()
    cells = [[row[place] for row in (shown.head, *shown.rows)] for place in range(len(shown.head))]
    for head, column in zip(shown.head, cells, strict=True):
        wide = max(map(len, column)) + GAP
        room -= wide
        if hidden or room < 0:
            hidden.append(head)
        else:
            table.add_column(escape(head), justify="right", no_wrap=True)
    for number, row in enumerate(shown.rows, start=2):
        last = number == len(shown.rows)
        table.add_row(*map(escape, row[: len(table.columns)]), end_section=last)
    console.print(table)
    if any(cell.endswith("*") for row in shown.rows for cell in row):
        console.print("* of fewer than nine tenths of the eligible: the others have too few bars yet", style="dim")
    if hidden:
        console.print(f"No room for {', '.join(hidden)}: widen the window, or --output.", style="dim", markup=False)
