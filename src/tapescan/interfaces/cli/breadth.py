"""`tapescan breadth`: how much of the market rises, session by session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapescan.core.errors import OptionError
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.console import errors, notes, output, progress_line
from tapescan.interfaces.cli.replay import write_rows
from tapescan.interfaces.cli.scan import ProfileOption, StoreOption, check_writable, chosen_market

if TYPE_CHECKING:
    from tapescan.replay.breadth import BreadthResult

__all__ = ["breadth"]

#: Headings that make room where the window is narrow.
LEAST = ("Zweig", "eligible", "-25 %q", "+25 %q", "10d", "upvol %")


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
            check_writable(file, option)
    market, said = chosen_market(load_settings(), store)
    with progress_line() as progress:
        result = breadth_market(
            market, profile=profile or None, start=start or None, end=end or None, progress=progress
        )
    if output_file is not None:
        write_rows(output_file, result.sessions)
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


def show_breadth(result: BreadthResult) -> None:
    """Where today stands, and the newest sessions."""
    from tapescan.interfaces.cli.table import fitted
    from tapescan.replay.breadth_page import headline, newest_table

    console, shown = output(), newest_table(result)
    console.print(headline(result), markup=False, soft_wrap=True)
    console.print(result.sentence, style="bold", markup=False, soft_wrap=True)
    console.print()
    table, hidden = fitted(shown, console.width, LEAST)
    if len(shown.rows) > 1:
        table.rows[-2].end_section = True
    console.print(table)
    if any(cell.endswith("*") for row in shown.rows for cell in row):
        console.print("* of fewer than nine tenths of the eligible: the others have too few bars yet", style="dim")
    if hidden:
        console.print(f"No room for {', '.join(hidden)}: widen the window, or --output.", style="dim", markup=False)
