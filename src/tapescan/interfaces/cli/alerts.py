"""`tapescan alerts`: rules checked, their addresses tried, what was sent, and what would have been."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core.errors import OptionError
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.console import output, progress_line

if TYPE_CHECKING:
    from tapescan.api.alerts import AlertRow

__all__ = ["alerts"]

alerts = typer.Typer(
    help="Alerts: rules that `tapescan live --alerts` judges each minute. Checks them, tries their addresses, shows"
    " what was sent, and what a session that is over would have sent.",
    add_completion=False,
    rich_markup_mode="markdown",
)

RulesArgument = Annotated[
    str, typer.Argument(help="A file of rules, a folder, or the name of a file. [default: the setting alerts]")
]
StoreOption = Annotated[str, typer.Option(help="Folder or URL of the store.")]
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON, one line an alert.")]


@alerts.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """List all rules: your own, then the shipped examples, which are used where they are named."""
    import msgspec

    from tapescan.alerts.rules import read_rules, rule_files

    rules = [rule for path in rule_files() for rule in read_rules(path)]
    if as_json:
        typer.echo(json.dumps([msgspec.to_builtins(rule) for rule in rules], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("rule", "title", "on", "to", "file"):
        table.add_column(heading, overflow="fold")
    for rule in rules:
        table.add_row(*map(escape, (rule.name, rule.title, rule.on, ", ".join(rule.to), rule.file)))
    output().print(table)


@alerts.command()
def check(rules: RulesArgument = "", store: StoreOption = "") -> None:
    """Check rules as a session that is followed does, their addresses among them."""
    from tapescan.api.alerts import check_alerts

    found = check_alerts(rules or True, store or None)
    names = ", ".join(rule.name for rule in found)
    output().print(f"{len(found)} rules can be used: {names}", markup=False, soft_wrap=True)


@alerts.command("test")
def try_(rules: RulesArgument = "") -> None:
    """Send a test message to each address of the rules."""
    from tapescan.api.alerts import try_addresses

    found = try_addresses(rules or True)
    for one in found:
        output().print(f"{one.address}: {'came' if one.taken else 'did not come'} ({one.said})", markup=False)
    failed = [one.address for one in found if not one.taken]
    if failed:
        raise OptionError(f"{', '.join(failed)}: no test message came", "check the address and its receiver")


@alerts.command()
def log(
    store: StoreOption = "",
    top: Annotated[int, typer.Option(min=1, max=1_000_000, help="Show so many, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show the outbox: each alert to each address, and what came of it."""
    from tapescan.api.alerts import alert_log

    rows = alert_log(store or None, top)
    if not as_json and not rows:
        output().print("no alert was ever made", markup=False)
        return
    _show(rows, as_json)


@alerts.command()
def replay(
    session: Annotated[str, typer.Argument(help="A session whose minutes are stored, as 2025-07-09.")],
    rules: RulesArgument = "",
    store: StoreOption = "",
    profile: Annotated[str, typer.Option(help="Whose filters and plans count. [default: the setting profile]")] = "",
    as_json: JsonOption = False,
) -> None:
    """Judge the stored minutes of a session, and show what would have been sent. Nothing is sent."""
    from tapescan.api.alerts import replay_alerts

    with progress_line() as progress:
        found = list(
            replay_alerts(session, store or None, alerts=rules or True, profile=profile or None, progress=progress)
        )
    if not as_json and not found:
        output().print(f"nothing would have been sent on {session}", markup=False)
        return
    _show(found, as_json)


def _show(rows: Iterable[AlertRow], as_json: bool) -> None:
    if as_json:
        for one in rows:
            typer.echo(ascii_json(json.dumps(one.to_dict(), ensure_ascii=False)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("session", "clock", "alert", "to", "state"):
        table.add_column(heading, overflow="fold")
    for one in rows:
        tried = f" after {one.tries} tries: {one.said}" if one.state in {"failed", "given up"} else ""
        shown: tuple[Any, ...] = (f"{one.title}\n{one.text}", one.address, f"{one.state}{tried}")
        table.add_row(str(one.session), one.clock, *map(escape, shown))
    output().print(table)
