"""`tapescan screens`: the named screens."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core.errors import ScreenError
from tapescan.interfaces.cli.complete import screen_names
from tapescan.interfaces.cli.console import output

__all__ = ["screens"]


def screens(
    name: Annotated[
        str, typer.Argument(autocompletion=screen_names, help="Show this one whole; a name, or a file.")
    ] = "",
    check: Annotated[bool, typer.Option("--check", help="Say which cannot be used, and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the named screens: name, title, side, and where each was published. None is recommended. Your own lie in
    the folder that the setting `screens` names, and come before a shipped one of the same name."""
    from tapescan.scan.named import load_screen, screen_files

    if name:
        _show(load_screen(name), as_json)
        return
    found = [_row(one, str(path), checked=check) for one, path in screen_files().items()]
    broken = [row for row in found if row["error"]]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in ("screen", "title", "side", "source"):
            table.add_column(heading, overflow="fold")
        for row in found:
            title = escape(f"cannot be used: {row['error']}" if row["error"] else row["title"])
            if row.get("record"):
                title += f"\n[dim]{escape(row['record'])}[/dim]"
            table.add_row(escape(row["name"]), title, row["side"], escape(row["source"]))
        output().print(table)
    if check and broken:
        names = ", ".join(row["name"] for row in broken)
        raise ScreenError(f"{len(broken)} of {len(found)} screens cannot be used: {names}", "correct their files")


def _row(name: str, file: str, *, checked: bool) -> dict[str, Any]:
    from tapescan.core.errors import TapescanError
    from tapescan.replay.records import named_record
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.request import prepare

    row = {"name": name, "title": "", "side": "", "source": "", "file": file, "error": "", "record": ""}
    try:
        (one,), profile, _ = chosen_screens(name, None)
        if checked:
            prepare(profile, screens=[one])
    except TapescanError as error:  # one that is broken hides no other
        return row | {"error": str(error)}
    record = named_record(profile, one)
    facts = {"title": one.title, "side": one.side, "source": one.source}
    return row | facts | {"record": "" if record is None else record.line()}


def _show(screen: Any, as_json: bool) -> None:
    facts = msgspec.to_builtins(screen)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    console = output()
    for field, value in facts.items():
        if value:
            text = ", ".join(value) if isinstance(value, tuple | list) else str(value).strip()
            console.print(f"[bold]{field}[/bold]  {escape(text)}", soft_wrap=True)
