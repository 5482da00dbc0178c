"""`tapescan import`: files into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from tapescan.core.settings import Adjustment
from tapescan.interfaces.cli.console import output, progress_line

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
    adjusted_to: Annotated[
        str,
        typer.Option(
            metavar="DATE", help="The day the vendor adjusted them. [default: the newest session in the files]"
        ),
    ] = "",
) -> None:
    """Import bars, splits, dividends and listings into a store. Importing a file twice adds nothing."""
    from tapescan import api

    with progress_line() as progress:
        report = api.import_files(
            files,
            store=store or None,
            adjusted=cast("Adjustment", adjusted),
            adjusted_to=adjusted_to or None,
            progress=progress,
        )
    output().print(str(report), markup=False, soft_wrap=True)
