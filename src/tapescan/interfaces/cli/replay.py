"""`tapescan replay`: what a screen would have shown on every session, and what came of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from tapescan.core.errors import OptionError
from tapescan.core.files import write_at_once
from tapescan.core.settings import Device, load_settings
from tapescan.core.text import ascii_json
from tapescan.interfaces.cli.complete import screen_names
from tapescan.interfaces.cli.console import errors, notes, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine
from tapescan.interfaces.cli.scan import (
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    RankByOption,
    ScreenOption,
    StoreOption,
    WhereOption,
    check_writable,
    chosen_market,
    chosen_models,
)

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from tapescan.replay.result import ReplayResult

__all__ = ["replay", "show_replay", "write_rows"]

#: Headings that make room where the window is narrow.
LEAST = ("turnover times a year", "drawdown %", "picks")

#: Bars of a plot, at most.
BARS = 24


def replay(
    store: StoreOption = "",
    profile: ProfileOption = "",
    screen: ScreenOption = None,
    where: WhereOption = "",
    rank_by: RankByOption = "",
    top: Annotated[int, typer.Option(min=1, max=1000, help="Picks a session: the best so many.")] = 10,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="The first session to replay.")] = "",
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The last one; nothing later is read.")] = "",
    hold: Annotated[
        int | None,
        typer.Option(
            min=1, max=252, help="Sessions that picks are held at most. [default: 5; with --plan the profile's]"
        ),
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Trade by each pick's stop and target.")] = False,
    cost: Annotated[float, typer.Option(min=0.0, max=1000.0, help="Basis points of each purchase or sale.")] = 10.0,
    every: Annotated[int, typer.Option(min=1, max=252, help="Replay each so many sessions.")] = 1,
    keep: Annotated[
        int,
        typer.Option(
            min=0,
            max=10_000,
            metavar="N",
            help="What is held stays while it ranks among the best N; 0: the best alone.",
        ),
    ] = 0,
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
    trades_file: Annotated[
        Path | None, typer.Option("--trades", metavar="FILE", help="Write every trade there, with entry and exit.")
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            autocompletion=screen_names,
            help="A further screen or profile over the same sessions, beside it in a table; again for another one.",
        ),
    ] = None,
    device: Annotated[
        str, typer.Option(help="What computes features, cpu or cuda; cuda makes forecasts too. [default: cpu]")
    ] = "",
    engine: EngineOption = "",
    address: AddressOption = "",
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page with plots there.")] = None,
    plot: Annotated[bool, typer.Option("--plot", help="Plot it here too, as text.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Everything but the picks as JSON.")] = False,
) -> None:
    """Replay a screen over every session of the past, and say whether it was worth anything."""
    from tapescan.api import replay_market

    if plot and as_json:
        raise OptionError("--plot and --json are both given", "give one of them")
    files = (("--output", picks_file), ("--daily", daily_file), ("--trades", trades_file), ("--html", html))
    for option, file in files:
        if file is not None:
            _check_file(option, file)
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
            keep=keep,
            borrow=borrow,
            models=chosen_models(models, no_models),
            verify=verify,
            compare=compare or (),
            device=cast("Device", device) if device else None,
            engine=named_engine(engine, address),
            progress=progress,
        )
    traded = result.traded
    if trades_file is not None and traded.is_empty():
        raise _no_trades(result)
    for file, rows in ((picks_file, result.picks), (daily_file, result.daily), (trades_file, traded)):
        if file is not None:
            write_rows(file, rows)
    if html is not None:
        result.write_html(html)
    notes((*said, *result.notes))
    if as_json:
        typer.echo(ascii_json(result.to_json()))
    else:
        show_replay(result, plot=plot)
    for _, file in files:
        if file is not None:
            errors().print(f"written to {file}", markup=False, soft_wrap=True)
    if result.verified is not None and result.verified.differing:
        raise typer.Exit(1)


def _check_file(option: str, file: Path) -> None:
    """Fail before the work, not after it."""
    if option != "--html" and file.suffix not in {".parquet", ".csv"}:
        raise OptionError(f"{option} {file.name}", "give a name that ends in .parquet or .csv")
    check_writable(file, option)


def _no_trades(result: ReplayResult) -> OptionError:
    """What to say where no pick was entered, and as far as that is of all of them, why."""
    from tapescan.replay.words import counted

    what = f"--trades: none of {counted(len(result.picks), 'pick')} was entered"
    if result.trades.fills.get("awaited", 0) == len(result.picks):
        return OptionError(what, "the session after them is not in the data yet: replay earlier ones")
    return OptionError(what, "`--output` says of each of them why")


def write_rows(file: Path, rows: pl.DataFrame) -> None:
    """As the file's name ends: .csv, else Parquet."""
    content = io.BytesIO()
    if file.suffix == ".csv":
        rows.write_csv(content)
    else:
        rows.write_parquet(content)
    write_at_once(file, content.getvalue())


def show_replay(result: ReplayResult, *, plot: bool = False) -> None:
    """The verdict, the tables, and what to hold against them."""
    from tapescan.interfaces.cli.table import fitted
    from tapescan.replay.report import tables
    from tapescan.replay.report.page import headline, verified

    console = output()
    console.print(headline(result), markup=False, soft_wrap=True)
    console.print(result.verdict.sentence, style="bold", markup=False, soft_wrap=True)
    for one in result.verdict.further:
        console.print(one, markup=False, soft_wrap=True)
    if plot:
        _plot(console, result)
    found, hidden = result.statistics, list[str]()
    shown = [tables.horizons(found), tables.compounded(found), *tables.parts(found, "by_year", "by_regime")]
    shown += [tables.trades(result), tables.capacity(result)]
    if result.comparison is not None:
        shown.append(tables.comparison(result.comparison))
    for table in shown:
        drawn, left_out = fitted(table, console.width, LEAST)
        console.print()
        console.print(drawn)
        hidden += [name for name in left_out if name not in hidden]
    console.print()
    if hidden:
        console.print(f"No room for {', '.join(hidden)}: widen the window, or --json.", style="dim")
    for one in result.verdict.warnings:
        console.print(f"! {one}", style="yellow", markup=False, soft_wrap=True)
    if text := verified(result):
        console.print(text, markup=False, soft_wrap=True)


def _plot(console: Console, result: ReplayResult) -> None:
    """What became of the money, and how many were picked."""
    from tapescan.interfaces.cli import plots
    from tapescan.replay.report.figures import gains, per_period

    gained = [plots.Line(one.name, one.days, one.percent) for one in gains(result)]
    periods = per_period(result.daily, "picked", BARS)
    for text in (
        *plots.lines("Gain since the first purchase, %", gained, "%", console),
        *plots.bars("Picks a session, mean of each period", periods, console),
    ):
        console.print(text, no_wrap=True, overflow="crop", crop=True)
