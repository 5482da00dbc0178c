"""`tapescan replay`: what a screen would have shown on every session, and what came of it."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from tapescan.core.errors import OptionError
from tapescan.core.files import write_at_once
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json, printable
from tapescan.interfaces.cli.complete import column_names, screen_names
from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.scan import (
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    StoreOption,
    chosen_market,
    chosen_models,
)

if TYPE_CHECKING:
    import polars as pl

    from tapescan.replay.result import ReplayResult
    from tapescan.replay.statistics import AtHorizon
    from tapescan.replay.worth import Worth

__all__ = ["replay"]


def replay(
    store: StoreOption = "",
    profile: ProfileOption = "",
    screen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=screen_names,
            help="A named screen (`tapescan screens`), or its file; again for another one.",
        ),
    ] = None,
    where: Annotated[str, typer.Option(metavar="CONDITION", help='Screen: "close > sma_200 AND rsi_2 < 10".')] = "",
    rank_by: Annotated[
        str,
        typer.Option(metavar="EXPRESSION", autocompletion=column_names, help='Order: "score", "rsi_2 asc".'),
    ] = "",
    top: Annotated[int, typer.Option(min=1, max=1000, help="Picks a session: the best so many.")] = 10,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first session to replay.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last one; nothing later is read.")] = "",
    hold: Annotated[
        int | None,
        typer.Option(min=1, max=252, help="Sessions that picks are held at most. [default: 5, or 21 with --plan]"),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Trade by each pick's stop and target.")] = False,
    cost: Annotated[float, typer.Option(min=0.0, max=1000.0, help="Basis points of each purchase or sale.")] = 10.0,
    every: Annotated[int, typer.Option(min=1, max=252, help="Replay each so many sessions.")] = 1,
    borrow: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="Percent a year that a short pays in trades and portfolios.")
    ] = 3.0,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
    verify: Annotated[
        int, typer.Option(min=0, max=10_000, help="Scan so many sessions anew, and compare byte for byte.")
    ] = 0,
    picks_file: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write every pick there (.parquet or .csv).")
    ] = None,
    daily_file: Annotated[
        Path | None, typer.Option("--daily", metavar="FILE", help="Write each session's returns there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything but the picks as JSON.")] = False,
) -> None:
    """Replay a screen over every session of the past, and say whether it was worth anything."""
    from tapescan.api import replay_market

    for file, field in ((picks_file, "output"), (daily_file, "daily")):
        if file is not None and file.suffix not in {".parquet", ".csv"}:
            raise OptionError(f"{file.name}", "give a name that ends in .parquet or .csv", field=field)
    market, said = chosen_market(load_settings(), store)
    with progress_line() as progress:
        result = replay_market(
            market,
            profile=profile or None,
            screens=screen or (),
            where=where or None,
            rank_by=rank_by or None,
            top=top,
            start=start or None,
            end=end or None,
            hold=hold,
            plan=plan,
            cost=cost,
            every=every,
            borrow=borrow,
            models=chosen_models(models, no_models),
            verify=verify,
            progress=progress,
        )
    for file, rows in ((picks_file, result.picks), (daily_file, result.daily)):
        if file is not None:
            _write(file, rows)
    notes((*said, *result.notes))
    if as_json:
        typer.echo(ascii_json(result.to_json()))
    else:
        show_replay(result)
    if result.verified is not None and result.verified.differing:
        raise typer.Exit(1)


def _write(file: Path, rows: pl.DataFrame) -> None:
    content = io.BytesIO()
    if file.suffix == ".csv":
        rows.write_csv(content)
    else:
        rows.write_parquet(content)
    write_at_once(file, content.getvalue())


def show_replay(result: ReplayResult) -> None:
    """The verdict, the tables, and what to hold against them."""
    console, found = output(), result.statistics
    line = f"{result.title}: {found.sessions:,} sessions from {result.first} to {result.last}"
    held = f"stop, target or {found.hold} sessions" if result.provenance["plan"] else f"{found.hold} sessions"
    each = "every session" if found.every == 1 else f"each {found.every} sessions"
    line += f", the best {result.provenance['top']} of {each}, held for {held}, {found.cost:g} bp a side"
    partial = " (PARTIAL: broken off)" if result.partial else ""
    console.print(printable(line) + partial, markup=False, soft_wrap=True)
    console.print(result.verdict.sentence, style="bold", markup=False, soft_wrap=True)
    for one in result.verdict.further:
        console.print(one, markup=False, soft_wrap=True)
    console.print(_horizons(result))
    console.print(_years(result))
    console.print(_trades(result), markup=False, soft_wrap=True)
    for one in result.verdict.warnings:
        console.print(f"! {one}", style="yellow", markup=False, soft_wrap=True)
    if result.verified is not None:
        same = len(result.verified.sessions) - len(result.verified.differing)
        days = ", ".join(str(day) for day in result.verified.differing)
        text = f"verified: {same} of {len(result.verified.sessions)} sessions scanned anew gave the same bytes"
        console.print(text + (f"; not {days}" if days else ""), markup=False, soft_wrap=True)


def _horizons(result: ReplayResult) -> Table:
    table = Table(title="Mean return a cohort, %, with its t", title_justify="left")
    table.add_column("held", justify="right")
    for name in ("picks", "net", "over eligible, net", "over the index, net", "over matched", "chance as good"):
        table.add_column(name, justify="right")
    for horizon, one in result.statistics.horizons.items():
        mark = "*" if horizon == result.statistics.hold else ""
        table.add_row(f"{horizon}{mark}", *_cells(one))
    return table


def _cells(one: AtHorizon) -> tuple[str, ...]:
    chance = "" if math.isnan(one.as_good) else f"{one.as_good:.2f}"
    worths = (one.picks, one.net, one.net_over_eligible, one.net_over_index, one.over_matched)
    return (*(_worth(worth) for worth in worths), chance)


def _worth(one: Worth) -> str:
    if math.isnan(one.mean):
        return "-"
    t = "" if math.isnan(one.t) else f" ({one.t:+.1f})"
    return f"{one.mean * 100:+.2f}{t}"


def _years(result: ReplayResult) -> Table:
    table = Table(title="By year: mean a cohort over all eligible after costs, %", title_justify="left")
    for name in result.statistics.by_year:
        table.add_column(name, justify="right")
    table.add_row(*(_worth(part.net_over_eligible) for part in result.statistics.by_year.values()))
    return table


def _trades(result: ReplayResult) -> str:
    found, account = result.trades, result.account
    fills = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found.fills.items())
    exits = ", ".join(f"{name} {count:,}" for name, count in found.exits.items())
    parts = [f"trades: {fills}; exits: {exits}", f"{found.positive:.0%} gained after costs"]
    if not math.isnan(found.r.mean):
        best = "" if math.isnan(found.r_best) else f", at best {found.r_best:+.3f}"
        parts.append(f"{found.r.mean:+.3f} R a trade (t {found.r.t:+.1f}{best})")
    parts.append(
        f"an account of ${account.dollars:,.0f} made {account.annual * 100:+.1f} % a year (drawdown "
        f"{account.drawdown * 100:.0f} %), {account.taken:,} picks taken"
    )
    sizes = ", ".join(f"${float(size):,.0f} {annual * 100:+.1f} %" for size, annual in result.capacity.items())
    return "; ".join(parts) + f"\ncapacity, net a year by size of account: {sizes}"
