"""`tapescan import`: files into a store."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, get_args
from zoneinfo import ZoneInfo

import typer

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.settings import Adjustment
from tapescan.interfaces.cli.console import output, progress_line
from tapescan.interfaces.cli.stores import store_place

if TYPE_CHECKING:  # a shell that completes a name does not wait for it
    import polars as pl

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
    from tapescan.store import Store

    place = store_place(store)
    if adjusted not in get_args(Adjustment):
        raise OptionError(f"--adjusted {adjusted!r}", "expected none, splits or total")
    if adjusted_to and adjusted == "none":
        raise OptionError("--adjusted-to without --adjusted", "add --adjusted splits or --adjusted total")
    through = parse_date(adjusted_to or None, "--adjusted-to")
    with progress_line() as progress:
        report = Store(place).import_files(
            files,
            adjusted=cast("Adjustment", adjusted),
            adjusted_to=through,
            sessions=_sessions_so_far(),
            progress=progress,
        )
    output().print(str(report), markup=False, soft_wrap=True)


def _sessions_so_far() -> pl.Series:
    """The exchange's sessions up to today: a bar of any other day, or of the future, is refused."""
    import polars as pl

    from tapescan.market import calendar

    days = calendar.sessions(calendar.EARLIEST, dt.datetime.now(ZoneInfo("America/New_York")).date())
    return pl.Series("session", days).cast(pl.Date)
