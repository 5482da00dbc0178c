"""`tapescan columns`: everything that a screen, a ranking, a result or an export can name."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.interfaces.cli.complete import source_names
from tapescan.interfaces.cli.console import output

__all__ = ["columns"]


def columns(
    source: Annotated[
        str, typer.Option(autocompletion=source_names, help="Only this source, as named in the last column.")
    ] = "",
    functions: Annotated[
        bool, typer.Option("--functions", help="The functions of screens instead: how each is written.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All facts as JSON.")] = False,
) -> None:
    """List all columns by name, with title, unit, group, range and source: what --where, --rank-by and --features
    may name."""
    from tapescan.columns.reference import facts, reach
    from tapescan.columns.registry import all_columns, sources

    if functions:
        _functions(as_json)
        return
    chosen = all_columns(source or None)
    if as_json:
        typer.echo(json.dumps([facts(one) for one in chosen], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("column", "title", "unit", "group", "range", "source"):
        table.add_column(heading, overflow="fold")
    for one in chosen:
        table.add_row(one.name, escape(one.title), one.unit, one.group, reach(one), one.source)
    console = output()
    if chosen:
        console.print(table)
    for of in sources():
        if source in {"", of.name} and of.families:
            console.print(f"{of.name}: {of.families}", markup=False, soft_wrap=True)
    console.print(f"{len(chosen)} columns")


def _functions(as_json: bool) -> None:
    """The functions that expressions may call."""
    from tapescan.screen.functions import FUNCTIONS

    found = list(FUNCTIONS.values())
    if as_json:
        facts = ("form", "group", "gives", "meaning", "example", "definition")
        typer.echo(json.dumps([{name: getattr(one, name) for name in ("name", *facts)} for one in found], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("function", "meaning", "as in"):
        table.add_column(heading, overflow="fold")
    for one in found:
        table.add_row(*(escape(text) for text in (one.form, one.meaning, one.example)))
    output().print(table)
