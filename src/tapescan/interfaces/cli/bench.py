"""`tapescan bench`: how fast, beside what."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from tapescan.interfaces.cli.console import output, progress_line

__all__ = ["bench"]

#: Kernels named in the table; --json gives all.
SHOWN_KERNELS = 12


def bench(
    symbols: Annotated[int, typer.Option(min=50, help="Symbols of the simulated market.")] = 6000,
    bars: Annotated[int, typer.Option(min=60, help="Sessions of the simulated market.")] = 260,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Measure the features and a whole warm scan against a TA-Lib and a pandas loop, and models, in one run."""
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
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in report.stages.items())
    console.print(f"Stages of the scan, ms: {stages}")
    dearest = ", ".join(f"{name} {ms:.2f}" for name, ms in report.kernels[:SHOWN_KERNELS])
    console.print(f"Dearest kernels, ms on one thread: {dearest}")
    limit = report.limit
    console.print(
        f"Limit: the features touch {limit['megabytes_touched']:,.0f} MB; reading that at "
        f"{limit['gigabytes_a_second']:.1f} GB/s would take {limit['floor_ms']:.1f} ms, "
        f"they take {limit['measured_over_floor']:.1f} times as long"
    )
    console.print(f"Peak memory: {report.peak_memory:,.0f} MiB")
