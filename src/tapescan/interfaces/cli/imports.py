"""`tapescan import`: files into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from tapescan.core.settings import Adjustment
from tapescan.interfaces.cli.console import output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine

__all__ = ["import_files"]


def import_files(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files, archives, or folders of them: CSV, Parquet, Feather, JSON, spreadsheets; bars, splits, "
            "dividends or a listing, told from the columns."
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
    columns: Annotated[
        str, typer.Option(metavar="NAMES", help="Columns of files without a header line, as symbol,date,-,close.")
    ] = "",
    symbol: Annotated[str, typer.Option(help="Symbol of files that tell none.")] = "",
    date_format: Annotated[
        str, typer.Option(metavar="FORM", help="How dates are written, where that is not sure: %d/%m/%Y.")
    ] = "",
    gather: Annotated[bool, typer.Option("--gather", help="Make daily bars of intraday ones.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what each file is taken for, column by column; store nothing.")
    ] = False,
    engine: EngineOption = "",
    address: AddressOption = "",
) -> None:
    """Import bars, splits, dividends, listings and option quotes into a store. Importing twice adds nothing."""
    from tapescan import api

    how = {"columns": columns, "symbol": symbol, "date_format": date_format, "gather": gather}
    with progress_line() as progress:
        if dry_run:
            looked = api.look_at_files(files, progress=progress, **how)
        else:
            report = api.import_files(
                files,
                store=store or None,
                adjusted=cast("Adjustment", adjusted),
                adjusted_to=adjusted_to or None,
                columns=columns,
                symbol=symbol,
                date_format=date_format,
                gather=gather,
                engine=named_engine(engine, address),
                progress=progress,
            )
    told = "\n".join(str(one) for one in looked) if dry_run else str(report)
    output().print(told, markup=False, soft_wrap=True)
