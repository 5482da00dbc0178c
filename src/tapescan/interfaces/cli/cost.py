"""`tapescan cost`: dollars a month and a scan, for each way to run this."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table

from tapescan.interfaces.cli.console import output, progress_line

if TYPE_CHECKING:
    from tapescan.bench.costs import Cost

__all__ = ["cost"]


def cost(
    prices: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prices and deployments, TOML. [default: those of the package]"),
    ] = None,
    scan_ms: Annotated[
        float | None,
        typer.Option(metavar="MS", min=0.001, max=1e9, help="CPU time of a scan. [default: measured here]"),
    ] = None,
    job_hours: Annotated[
        float | None, typer.Option(metavar="HOURS", min=0.01, max=730, help="Hours of jobs a month. [default: 10]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Say what each deployment costs a month and a scan, by list prices and this machine's own speed."""
    from msgspec.structs import replace

    from tapescan.bench.costs import costs_of, load_prices, scan_milliseconds

    known = load_prices(prices)
    if job_hours is not None:
        known = replace(known, assumed=replace(known.assumed, job_hours=job_hours))
    if scan_ms is None:
        with progress_line() as progress:
            scan_ms = scan_milliseconds(progress=progress)
    found = costs_of(known, scan_ms)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
        return
    console = output()
    console.print(f"A scan takes {found.scan_ms:,.0f} ms of CPU; list prices of {found.as_of}, {found.region}")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("deployment", "$ a month", "$ a scan", "s a scan", "busy", "expected", "so it is"):
        table.add_column(heading, justify="left" if heading in {"deployment", "so it is"} else "right")
    for one in found.deployments:
        table.add_row(one.title, f"{one.month:,.2f}", *_scans(one), *_claimed(one))
    console.print(table)
    console.print("Data, another bill, $ a month:")
    for offer in found.data:
        console.print(f"  {offer.dollars:>4,.0f}  {offer.title}", markup=False, soft_wrap=True)
    console.print("Assumed:")
    for line in found.assumed:
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _scans(one: Cost) -> tuple[str, str, str]:
    if one.scan is None:
        return "", "", ""
    return f"{one.scan:.4f}", f"{one.seconds:.3f}", f"{one.busy:.2%}" if one.busy <= 1.0 else "too small"


def _claimed(one: Cost) -> tuple[str, str]:
    if one.claimed is None:
        return "", ""
    low, high = one.claimed
    said = f"{low:,.0f}" if low == high else f"{low:,.0f} to {high:,.0f}"
    if one.month > high:
        return said, f"{one.month / high:.1f} times the most"
    return said, f"{one.month / low:.1f} times the least" if one.month < low else "as said"
