"""`tapescan profiles`: the profiles that can be asked for by name, and what the weights of one come to."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.complete import profile_names
from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.scan import AsOfOption, StoreOption, chosen_market

if TYPE_CHECKING:
    from tapescan.scan.weighing import ProfileCheck

__all__ = ["profiles"]


def profiles(
    check: Annotated[
        str,
        typer.Option(
            "--check",
            metavar="NAME",
            autocompletion=profile_names,
            help="Say what this one's weights come to on the market: who decides the score, who says the same.",
        ),
    ] = "",
    store: StoreOption = "",
    as_of: AsOfOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the profiles: name, title, side, and the file. Your own lie in the folder that the setting `profiles`
    names, and come before a shipped one of the same name."""
    if check:
        _check(check, store, as_of, as_json=as_json)
        return
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
            title = one.title if record is None else record.titled(one.title)
            facts = {"name": name, "title": title, "side": one.side, "file": str(path), "error": ""}
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


def _check(name: str, store: str, as_of: str, *, as_json: bool) -> None:
    from tapescan.api import check_profile

    with progress_line() as progress:
        data, said = chosen_market(load_settings(), store)
        found = check_profile(name, data, as_of=as_of or None, progress=progress)
    notes(said)
    if as_json:
        typer.echo(ascii_json(json.dumps(found.to_dict(), indent=2)))
    else:
        _show(found)


def _show(found: ProfileCheck) -> None:
    console = output()
    weighed = [one for one in found.factors if one.share > 0.0]
    worth = "unknown" if math.isnan(found.effective) else f"{found.effective:.1f}"
    console.print(
        f"[bold]{found.as_of}[/bold]  profile {escape(found.profile)}: {found.ranked:,} ranked; "
        f"{len(weighed)} factor{'s' * (len(weighed) != 1)} with a weight, worth {worth} independent",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("factor", no_wrap=True)
    for heading in ("weight", "decides", "with score"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("most like", overflow="fold")
    for one in found.factors:
        table.add_row(
            escape(one.name.replace("_", " ")),
            f"{one.share:.0%}" if one.share else "-",
            f"{one.decides:.0%}" if one.share and not math.isnan(one.decides) else "-",
            "-" if math.isnan(one.with_score) else f"{one.with_score:+.2f}",
            "" if math.isnan(one.correlation) else f"{one.nearest.replace('_', ' ')} {one.correlation:+.2f}",
        )
    console.print(table)
    for line in found.words:
        console.print(line, markup=False, soft_wrap=True, style="yellow")
    console.print(
        "decides: the part of the score's variance; with score, most like: rank correlations among the ranked",
        style="dim",
        soft_wrap=True,
    )
