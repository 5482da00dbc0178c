"""`tapescan options SYMBOL`: a symbol's chain, and its plan by options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from tapescan.core.pages import Table
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.console import errors, notes, output, progress_line
from tapescan.interfaces.cli.scan import (
    AsOfOption,
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    StoreOption,
    check_writable,
    chosen_market,
    chosen_models,
)

if TYPE_CHECKING:  # imported, it would load all kernels before the command line is even checked
    from tapescan.scan.expressed import ExpressedPlan

__all__ = ["options"]

#: Headings that make room where the window is narrow.
LEAST = ("vega", "theta", "delta", "trip", "P(profit)", "mean")


def options(
    symbol: Annotated[str, typer.Argument(help="The symbol, as in the scan: AAPL, BRK.B.")],
    expiry: Annotated[
        str, typer.Option(metavar="DATE", help="This expiry alone. [default: the next that leave room for the hold]")
    ] = "",
    strategy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="This strategy alone: stock, long_option, debit_spread, credit_spread, cash_secured_put, "
            "covered_call or covered_put.",
        ),
    ] = "",
    store: StoreOption = "",
    as_of: AsOfOption = "",
    profile: ProfileOption = "",
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one page with pictures there.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Show a symbol's option chain, and the ways to trade its plan with it: cost, bounds, and the win rate needed."""
    from tapescan.api import express_plan

    if html is not None:
        check_writable(html, "--html")
    settings, trained = load_settings(), chosen_models(models, no_models)
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        found = express_plan(
            symbol,
            data,
            as_of=as_of or None,
            expiry=expiry or None,
            strategy=strategy or None,
            profile=profile or settings.profile,
            adjust=settings.adjust,
            models=trained,
            device=settings.device,
            progress=progress,
        )
    if html is not None:
        found.write_html(html)
    notes((*said, *found.scan.notes, *found.notes))
    if as_json:
        typer.echo(ascii_json(found.to_json()))
    else:
        show_options(found, expiry)
    if html is not None:
        errors().print(f"written to {html}", markup=False, soft_wrap=True)


def show_options(found: ExpressedPlan, expiry: str) -> None:
    """The plan, the positions that trade it, and the chain of one expiry."""
    from tapescan.scan.options_tables import chain_table, expiries_table, headline, positions_table, remarks

    console = output()
    console.print(headline(found), markup=False, soft_wrap=True)
    if found.no_plan:
        console.print(found.no_plan[0].upper() + found.no_plan[1:], style="yellow", markup=False, soft_wrap=True)
    if found.expressions:
        _print(console, positions_table(found), LEAST)
        for line in remarks(found):
            console.print(line, style="dim", markup=False, soft_wrap=True)
    elif not found.no_plan:
        console.print("No position of this strategy is at hand.", style="yellow")
    _print(console, expiries_table(found), ("rate",))
    chain = chain_table(found, expiry)
    if chain.rows:
        _print(console, chain, ("theta", "vega", "gamma", "smile", "volume"))


def _print(console: Console, shown: Table, least: tuple[str, ...]) -> None:
    from tapescan.interfaces.cli.table import fitted

    table, hidden = fitted(shown, console.width, least)
    console.print()
    console.print(table)
    if hidden:
        console.print(f"No room for {', '.join(escape(name) for name in hidden)}: widen the window, or --json.")
