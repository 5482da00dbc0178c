"""`tapescan scan`: the ranked list."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from tapescan.core.errors import FileError, OptionError
from tapescan.core.settings import Settings, load_settings
from tapescan.interfaces.cli.complete import column_lists, column_names, profile_names
from tapescan.interfaces.cli.console import PLAIN_WIDTH, errors, notes, output, progress_line
from tapescan.interfaces.cli.stores import existing_store
from tapescan.interfaces.cli.table import result_table

if TYPE_CHECKING:  # a shell that completes a name does not wait for what only a scan needs
    import polars as pl

    from tapescan.history.market import Embedded
    from tapescan.scan.result import ScanResult
    from tapescan.store import Store

__all__ = ["chosen_market", "chosen_models", "read_scan", "scan"]

FORMATS = ("table", "json", "csv", "parquet")

StoreOption = Annotated[
    str, typer.Option(help="Folder or URL of the store; the simulated market when there is none.")
]
AsOfOption = Annotated[str, typer.Option(metavar="DATE", help="Use only what was known at the close of this day.")]
ProfileOption = Annotated[
    str, typer.Option(autocompletion=profile_names, help="Name of a profile (`tapescan profiles`), or a TOML file.")
]
ModelsOption = Annotated[
    str, typer.Option(metavar="DIR", help="Folder of trained models. [default: models in the store's folder]")
]
NoModelsOption = Annotated[bool, typer.Option("--no-models", help="Leave trained models out.")]


def scan(
    store: StoreOption = "",
    as_of: AsOfOption = "",
    profile: ProfileOption = "",
    where: Annotated[
        str, typer.Option(metavar="SQL", help='Screen: "close > sma_200 AND rsi_2 < 10 AND dollar_volume_20 > 5e6".')
    ] = "",
    rank_by: Annotated[
        str,
        typer.Option(metavar="COLUMN", autocompletion=column_names, help='Order: "score", "rsi_2 asc", any column.'),
    ] = "",
    top: Annotated[
        int | None,
        typer.Option(
            min=1, max=1_000_000, help="Rows to give. [default: 20 for table and json, all for csv and parquet]"
        ),
    ] = None,
    features: Annotated[
        str,
        typer.Option(
            metavar="LIST|all",
            autocompletion=column_lists,
            help="Columns to add: rsi_14,f_score,ipo_year (see `tapescan columns`), or all default indicators.",
        ),
    ] = "",
    output_format: Annotated[
        str, typer.Option("--format", help="table, json, csv or parquet. [default: by --output's ending, else table]")
    ] = "",
    output_file: Annotated[
        Path | None, typer.Option("--output", help="Write there instead of standard output.")
    ] = None,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
    record: Annotated[
        bool, typer.Option("--record", help="Keep the rows shown in the store's scan history.")
    ] = False,
) -> None:
    """Rank the whole market and show the few names that deserve attention, why, and what the trade would be."""
    output_format = _format(output_format, output_file)
    if output_file is not None:
        _check_writable(output_file)
    settings = load_settings()
    trained = chosen_models(models, no_models)
    result = read_scan(
        settings, store, as_of, profile, where=where, rank_by=rank_by, features=features, models=trained
    )
    rows = top or (None if output_format in {"csv", "parquet"} else settings.top)
    if record:
        _record(result, store or settings.store, rows or settings.top)
    notes(result.notes)
    if output_format == "table":
        _show(result, rows or settings.top, output_file)
    elif output_format == "parquet":
        assert output_file is not None
        _rows(result, rows).write_parquet(output_file)
    else:
        text = result.to_json(rows) + "\n" if output_format == "json" else _rows(result, rows).write_csv()
        if output_file is None:
            typer.echo(text, nl=False)
        else:
            output_file.write_text(text, encoding="utf-8")
    if output_file is not None:
        errors().print(f"written to {output_file}", markup=False, soft_wrap=True)


def _rows(result: ScanResult, rows: int | None) -> pl.DataFrame:
    """Every requested symbol, or the best `rows` of those that were ranked."""
    return result.frame if rows is None else result.frame.head(min(rows, result.coverage.ranked))


def _format(asked: str, path: Path | None) -> str:
    """The format asked for, else the one that the file's name ends with, else a table."""
    ending = path.suffix.removeprefix(".") if path is not None else ""
    found = asked or (ending if ending in FORMATS else "table")
    if found not in FORMATS:
        raise OptionError(f"--format {asked!r}", f"expected one of {', '.join(FORMATS)}")
    if found == "parquet" and path is None:
        raise OptionError("--format parquet is binary", "add --output FILE")
    return found


def read_scan(settings: Settings, store: str, as_of: str, profile: str, **asked: Any) -> ScanResult:
    """Run a scan with options as the command line gives them: empty text means not given."""
    from tapescan.api import scan_market

    features = asked.pop("features", "")
    names: str | list[str] = (
        "all" if features == "all" else [name for name in features.replace(" ", "").split(",") if name]
    )
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        result = scan_market(
            data,
            as_of=as_of or None,
            profile=profile or settings.profile,
            where=asked.get("where") or None,
            rank_by=asked.get("rank_by") or None,
            features=names,
            adjust=settings.adjust,
            models=asked.get("models"),
            device=settings.device,
            progress=progress,
        )
    return msgspec.structs.replace(result, notes=(*said, *result.notes))


def chosen_models(models: str, no_models: bool) -> str | Literal[False] | None:
    """What the API takes: a folder, False for no models, None for where they lie by default."""
    if models and no_models:
        raise OptionError("--models and --no-models are both given", "give one of them")
    return False if no_models else models or None


def chosen_market(settings: Settings, store: str) -> tuple[Store | Embedded, tuple[str, ...]]:
    """The store that is named, or the simulated market: when none is named, or the named one is still empty.

    A store that is named but not there is a StoreError: a mistyped path must not turn into invented prices.
    """
    from tapescan.history.market import EMBEDDED

    place = store or settings.store
    if not place:
        return EMBEDDED, ()
    named = existing_store(place)
    return (
        (EMBEDDED, (f"{place} holds no bars yet, so the simulated market stands in for it",))
        if named.is_empty()
        else (named, ())
    )


def _stale(result: ScanResult) -> str:
    """How far the stale symbols are behind."""
    words = {"1": "by 1 session", "2-5": "by 2 to 5", "more": "by more"}
    parts = ", ".join(f"{count:,} {words[behind]}" for behind, count in result.stale.items() if count)
    return f"Stale: {parts}"


def _record(result: ScanResult, place: str, rows: int) -> None:
    if "store" not in result.provenance["data"]:
        raise OptionError("--record needs a store with bars", "the simulated market has no history; add --store DIR")
    from tapescan.store import Store

    Store(place).record_scan(result.as_of, result.provenance["profile"]["name"], result.to_json(rows))


def _check_writable(path: Path) -> None:
    """Fail before the work, not after it."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        what = "is a folder" if path.is_dir() else "cannot be written"
        raise FileError(f"--output {path} {what}", "name a file in a folder that exists and that you may write to")


def _show(result: ScanResult, top: int, path: Path | None) -> None:
    console = output() if path is None else Console(file=io.StringIO(), width=PLAIN_WIDTH, highlight=False)
    data = result.provenance["data"]
    market = "SIMULATED market" if "simulated" in data else "market"
    console.print(
        f"[bold]{result.as_of}[/bold]  profile {escape(result.provenance['profile']['name'])}  "
        f"{market} ({result.regime.index}): {result.regime}",
        soft_wrap=True,
    )
    if result.coverage.ranked:
        table, hidden = result_table(result, top, console.width)
        console.print(table)
        if hidden:
            console.print(f"No room for {', '.join(hidden)}: widen the window, or --format csv.", style="dim")
    else:
        console.print("No symbol was ranked.", style="yellow")
    console.print(f"Coverage: {result.coverage}", markup=False, soft_wrap=True)
    if any(result.stale.values()):
        console.print(_stale(result), markup=False, soft_wrap=True)
    scan = {stage: seconds for stage, seconds in result.timings.items() if stage not in {"prepare", "kernels"}}
    stages = ", ".join(f"{stage} {seconds * 1e3:,.0f}" for stage, seconds in scan.items())
    console.print(
        f"Scanned {result.coverage.requested:,} symbols in {sum(scan.values()) * 1e3:,.0f} ms ({stages}); "
        f"data and kernels made ready in {result.timings['prepare']:.1f} s",
        style="dim",
        soft_wrap=True,
    )
    if path is not None:
        assert isinstance(console.file, io.StringIO)
        path.write_text(console.file.getvalue(), encoding="utf-8")
