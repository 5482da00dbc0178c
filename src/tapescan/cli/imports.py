"""`tapescan import`: files into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from tapescan.cli.console import output, progress_line
from tapescan.errors import OptionError
from tapescan.market.adjust import Adjustment
from tapescan.settings import load_settings

__all__ = ["import_files"]


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Parquet or CSV files, or folders with one CSV a symbol: bars, splits, dividends or a listing; "
            "which one is told from the columns."
        ),
    ],
    store: Annotated[str, typer.Option(help="Folder or URL of the store; made when missing.")] = "",
    adjusted: Annotated[
        str, typer.Option(help="What the files' prices are adjusted for: none, splits or total.")
    ] = "none",
) -> None:
    """Import bars, splits, dividends and listings into a store. Importing a file twice adds nothing."""
    from tapescan.store import Store

    place = store or load_settings().store
    if not place:
        raise OptionError("no store is named", "add --store DIR, or set TAPESCAN_STORE")
    if adjusted not in get_args(Adjustment):
        raise OptionError(f"--adjusted {adjusted!r}", "expected none, splits or total")
    with progress_line() as progress:
        report = Store(place).import_files(
            files,
            adjusted=cast("Adjustment", adjusted),
            progress=lambda done, total, what: progress(what, done, total),
        )
    output().print(str(report), markup=False, soft_wrap=True)
