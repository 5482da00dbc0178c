"""`tapescan profiles`: the profiles that can be asked for by name."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.interfaces.cli.console import output

__all__ = ["profiles"]


def profiles(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List the profiles: name, title, side, and the file. Your own lie in the folder that the setting `profiles`
    names, and come before a shipped one of the same name."""
    from tapescan.core.errors import ProfileError
    from tapescan.replay.records import named_record
    from tapescan.scan.profile import load_profile, profile_files

    found = []
    for name, path in profile_files().items():
        try:
            one = load_profile(name)
        except ProfileError as error:  # one that is broken hides no other
            found.append(
                {"name": name, "title": "", "side": "", "file": str(path), "error": str(error), "record": ""}
            )
        else:
            record = named_record(one)
            facts = {"name": name, "title": one.title, "side": one.side, "file": str(path), "error": ""}
            found.append(facts | {"record": "" if record is None else record.line()})
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("profile", "title", "side", "file"):
        table.add_column(heading, overflow="fold")
    for row in found:
        title = escape(row["title"] or f"cannot be used: {row['error']}")
        if row.get("record"):
            title += f"\n[dim]{escape(row['record'])}[/dim]"
        table.add_row(escape(row["name"]), title, row["side"], escape(row["file"]))
    output().print(table)
