"""`tapescan bench`: how fast, beside what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from tapescan.interfaces.cli.console import output, progress_line

if TYPE_CHECKING:
    from tapescan.bench.bench import BenchReport

__all__ = ["bench"]

#: Kernels named in the table; --json gives all.
SHOWN_KERNELS = 12


def bench(
    symbols: Annotated[int, typer.Option(min=50, help="Symbols of the simulated market.")] = 6000,
    bars: Annotated[int, typer.Option(min=60, help="Sessions of the simulated market.")] = 260,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 5,
    options: Annotated[
        bool, typer.Option("--options", help="Chains of options instead, beside loops of QuantLib.")
    ] = False,
    contracts: Annotated[
        int, typer.Option(min=20_000, help="With --options: contracts of the simulated chain, about.")
    ] = 1_400_000,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Measure the features and a whole warm scan against a TA-Lib and a pandas loop, and models, in one run."""
    if options:
        _options(contracts, rounds, as_json)
        return
    from tapescan.bench.bench import run_bench

    with progress_line() as progress:
        report = run_bench(symbols, bars, rounds, progress)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    console = output()
    console.print(f"{report.symbols:,} simulated symbols, {report.bars} sessions; {report.machine}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "ms", "against", "ms", "times faster", "wanted"):
        table.add_column(heading, justify="right" if heading in {"ms", "times faster", "wanted"} else "left")
    for one in report.comparisons:
        wanted = f"{one.target:g}" if one.target else ""
        table.add_row(one.what, f"{one.ours:,.1f}", one.against, f"{one.theirs:,.0f}", f"{one.ratio:,.1f}", wanted)
    console.print(table)
    if report.left_out:
        console.print(f"Left out: {report.left_out}", markup=False, soft_wrap=True)
    speed = f"{report.reading / 1e9:.1f} GB/s"
    floor = f"the floor is its inputs and outputs once, at the {speed} that this machine reads"
    console.print(f"Stages of (d), the models' of (f); {floor}:", soft_wrap=True)
    console.print(_stages(report))
    dearest = ", ".join(f"{name} {ms:.2f}" for name, ms in report.kernels[:SHOWN_KERNELS])
    console.print(f"Dearest kernels, ms on one thread: {dearest}")
    console.print(f"Peak memory: {report.peak_memory:,.0f} MiB")


def _options(contracts: int, rounds: int, as_json: bool) -> None:
    from tapescan.bench.options import run_option_bench

    with progress_line() as progress:
        report = run_option_bench(contracts, rounds, progress)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
        return
    console = output()
    console.print(
        f"{report.contracts:,} simulated contracts of {report.names:,} names, {report.valued:,} with a volatility, "
        f"{report.trees:,} of them by trees; {report.machine}",
        markup=False,
        soft_wrap=True,
    )
    parts = " + ".join(f"{name} {one:.2f}" for name, one in report.seconds.items())
    console.print(
        f"From the stored chain to columns: {report.total:.2f} s = {parts}; {report.cpu:.2f} s of CPU", soft_wrap=True
    )
    console.print(
        f"The limit: {report.computing:.2f} s of arithmetic, {report.memory:.3f} s of memory; "
        f"this takes {report.total / report.computing:.1f} times as long",
        soft_wrap=True,
    )
    for one in report.rivals:
        wanted = f" (wanted {one.target:g})" if one.target else ""
        failed = f", which gives none for {one.failed:.0%}" if one.failed else ""
        console.print(
            f"QuantLib {one.name}, volatilities alone, a sample scaled{failed}: {one.seconds:,.0f} s, "
            f"{one.seconds / report.total:,.0f} times as long{wanted}",
            soft_wrap=True,
        )
    if report.left_out:
        console.print(f"Left out: {report.left_out}", markup=False, soft_wrap=True)
    console.print(f"Peak memory: {report.peak_memory:,.0f} MiB")


def _stages(report: BenchReport) -> Table:
    """The stages of the scan beside what reading and writing once would take."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("stage", "ms", "MB", "floor, ms", "times the floor"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for one in report.stages:
        floor, size = (f"{one.floor:.3f}", f"{one.bytes_once / 1e6:.2f}") if one.floor else ("", "")
        times = "" if one.ratio is None else f"{one.ratio:,.1f}"
        table.add_row(one.name, f"{one.ms:.2f}", size, floor, times)
    return table
