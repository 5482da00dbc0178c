"""`tapescan indicators`: what can be computed, and under which names."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from tapescan.interfaces.cli.console import output

__all__ = ["indicators"]


def indicators(
    as_json: Annotated[bool, typer.Option("--json", help="All facts as JSON.")] = False,
    group: Annotated[str, typer.Option(help="Only this group.")] = "",
) -> None:
    """List all indicators: name, parameters, outputs, formula and reference."""
    from tapescan.core.errors import OptionError, nearest
    from tapescan.indicators import registry
    from tapescan.indicators.reference import facts

    groups = tuple(dict.fromkeys(one.group for one in registry.values()))
    if group and group not in groups:
        raise OptionError(f"--group {group!r}", nearest(group, groups) or f"expected one of {', '.join(groups)}")
    chosen = [one for one in registry.values() if group in {"", one.group}]
    if as_json:
        typer.echo(json.dumps([facts(one) for one in chosen], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in ("group", "indicator", "features (default parameters)", "title"):
        table.add_column(column, overflow="fold")
    for one in chosen:
        names = one.feature_names((one.defaults or (tuple(p.default for p in one.parameters),))[0])
        table.add_row(one.group, one.name, ", ".join(names), one.title)
    output().print(table)
    features = sum(len(one.defaults) * len(one.outputs) for one in chosen)
    output().print(f"{len(chosen)} indicators, {features} default features")
