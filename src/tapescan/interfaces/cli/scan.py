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
from tapescan.core.files import write_at_once
from tapescan.core.settings import Settings, load_settings
from tapescan.core.text import as_cells, ascii_json
from tapescan.interfaces.cli.complete import column_lists, column_names, profile_names, screen_names
from tapescan.interfaces.cli.console import errors, kept_output, notes, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine
from tapescan.interfaces.cli.stores import existing_store
from tapescan.interfaces.cli.table import result_table

if TYPE_CHECKING:  # a shell that completes a name does not wait for what only a scan needs
    import polars as pl

    from tapescan.history.market import Embedded
    from tapescan.scan.result import Changes, ScanResult
    from tapescan.store import Store

__all__ = ["LISTED", "check_writable", "chosen_market", "chosen_models", "read_scan", "scan", "show_scan"]

#: Symbols that entered or left are listed up to this many.
LISTED = 100

FORMATS = ("table", "json", "csv", "parquet")

StoreOption = Annotated[
    str, typer.Option(help="Folder or URL of the store; the simulated market when there is none.")
]
AsOfOption = Annotated[str, typer.Option(metavar="DATE", help="Use only what was known at the close of this day.")]
ProfileOption = Annotated[
    str, typer.Option(autocompletion=profile_names, help="Name of a profile (`tapescan profiles`), or a TOML file.")
]
ScreenOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        autocompletion=screen_names,
        help="A named screen (`tapescan screens`), or its file; again for another one.",
    ),
]
WhereOption = Annotated[
    str,
    typer.Option(metavar="CONDITION", help='Screen: "close > sma_200 AND rsi_2 < 10 AND within(5, rsi_14[1] > 50)".'),
]
RankByOption = Annotated[
    str,
    typer.Option(
        metavar="EXPRESSION", autocompletion=column_names, help='Order: "score", "rsi_2 asc", "close / sma_50".'
    ),
]
ModelsOption = Annotated[
    str, typer.Option(metavar="DIR", help="Folder of trained models. [default: models in the store's folder]")
]
NoModelsOption = Annotated[bool, typer.Option("--no-models", help="Leave trained models out.")]


def scan(
    store: StoreOption = "",
    as_of: AsOfOption = "",
    profile: ProfileOption = "",
    screen: ScreenOption = None,
    where: WhereOption = "",
    rank_by: RankByOption = "",
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
            help='Columns to add: "rsi_14,f_score,gap = open / close[1] - 1" (see `tapescan columns`), or all.',
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
    held: Annotated[
        str,
        typer.Option(
            metavar="SYMBOLS",
            help='What your account holds: "AAPL, MSFT" or list:NAME. Says what stays and what leaves.',
        ),
    ] = "",
    record: Annotated[
        bool, typer.Option("--record", help="Keep the scan, with the rows shown, in the store's scan history.")
    ] = False,
    changes: Annotated[
        bool, typer.Option("--changes", help="Say who is new and who is gone since the last recorded scan.")
    ] = False,
    since: Annotated[
        str, typer.Option(metavar="DATE", help="Say it against the same scan as of this earlier day.")
    ] = "",
    express: Annotated[
        bool,
        typer.Option("--express", help="Add the best way to trade each row shown by options, and what it needs."),
    ] = False,
    engine: EngineOption = "",
    address: AddressOption = "",
) -> None:
    """Rank the whole market and show the few names that deserve attention, why, and what the trade would be."""
    output_format = _format(output_format, output_file)
    if output_file is not None:
        check_writable(output_file)
    settings = load_settings()
    trained = chosen_models(models, no_models)
    result = read_scan(
        settings,
        store,
        as_of,
        profile,
        screens=screen or (),
        where=where,
        rank_by=rank_by,
        features=features,
        models=trained,
        held=held,
        changes=changes,
        since=since,
        express=express,
        engine=named_engine(engine, address),
    )
    rows = top or (None if output_format in {"csv", "parquet"} else settings.top)
    if record:
        from tapescan.api import record_scan

        record_scan(result, store or settings.store, rows=rows or settings.top)
    notes(result.notes)
    if output_format == "table":
        show_scan(result, rows or settings.top, output_file, _record(settings, store, result))
    elif output_format == "parquet":
        assert output_file is not None
        content = io.BytesIO()
        _rows(result, rows).write_parquet(content)
        write_at_once(output_file, content.getvalue())
    else:
        as_json = output_format == "json"
        text = ascii_json(result.to_json(rows)) + "\n" if as_json else as_cells(_rows(result, rows)).write_csv()
        if output_file is None:
            typer.echo(text, nl=False)
        else:
            write_at_once(output_file, text.encode())
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
    from tapescan.scan.request import split_features

    features = asked.pop("features", "")
    names: str | list[str] = "all" if features == "all" else split_features(features)
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        result = scan_market(
            data,
            as_of=as_of or None,
            profile=profile or None,
            screens=asked.get("screens") or (),
            where=asked.get("where") or None,
            rank_by=asked.get("rank_by") or None,
            features=names,
            adjust=settings.adjust,
            models=asked.get("models"),
            device=settings.device,
            held=asked.get("held") or (),
            changes=bool(asked.get("changes")),
            since=asked.get("since") or None,
            express=bool(asked.get("express")),
            engine=asked.get("engine"),
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


def _show_changes(console: Console, found: Changes) -> None:
    """Who is new, and who is gone and why; the first hundred of each."""
    of = f"the scan recorded on {found.since}" if found.recorded else f"{found.since}"
    console.print(f"Since {of}: {len(found.entered):,} new, {len(found.left):,} gone, {found.stayed:,} stayed")
    why: dict[str, list[str]] = {}
    for one in found.left[:LISTED]:
        why.setdefault(one.why.replace("_", " "), []).append(one.symbol)
    lines = [("New", found.entered[:LISTED], len(found.entered))] if found.entered else []
    lines += [(f"Gone ({reason})", tuple(symbols), len(symbols)) for reason, symbols in why.items()]
    for title, symbols, count in lines:
        more = f" and {count - len(symbols):,} more" if count > len(symbols) else ""
        console.print(f"  {title}: {' '.join(symbols)}{more}", markup=False, soft_wrap=True)


def _stale(result: ScanResult) -> str:
    """How far the stale symbols are behind."""
    words = {"1": "by 1 session", "2-5": "by 2 to 5", "more": "by more"}
    parts = ", ".join(f"{count:,} {words[behind]}" for behind, count in result.stale.items() if count)
    return f"Stale: {parts}"


def check_writable(path: Path, option: str = "--output") -> None:
    """Fail before the work, not after it."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(path if path.exists() else folder, os.W_OK):
        what = "is a folder" if path.is_dir() else "cannot be written"
        raise FileError(f"{option} {path} {what}", "name a file in a folder that exists and that you may write to")


def _record(settings: Settings, store: str, result: ScanResult) -> str:
    from tapescan.api import find_record

    data = chosen_market(settings, store)[0]
    found, run = find_record(result, data), find_record(result, data, of_plans=True)
    plans = "" if run is None else run.plans()
    if run is not None and found is not None and run.market != found.market:
        plans += f" ({run.market or 'this store'})"
    return "; ".join(part for part in ("" if found is None else found.line(), plans) if part)


def show_scan(result: ScanResult, top: int, path: Path | None = None, record: str = "") -> None:
    """The table with what stands around it, on standard output or in a file. record : what a replay found of it."""
    console, kept = (output(), None) if path is None else kept_output()
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
    if result.changes is not None:
        _show_changes(console, result.changes)
    console.print(f"Coverage: {result.coverage}", markup=False, soft_wrap=True)
    if any(result.stale.values()):
        console.print(_stale(result), markup=False, soft_wrap=True)
    if record:
        console.print(f"Record: {record}", markup=False, soft_wrap=True)
    scan = {stage: seconds for stage, seconds in result.timings.items() if stage not in {"prepare", "kernels"}}
    stages = ", ".join(f"{stage} {seconds * 1e3:,.0f}" for stage, seconds in scan.items())
    console.print(
        f"Scanned {result.coverage.requested:,} symbols in {sum(scan.values()) * 1e3:,.0f} ms ({stages}); "
        f"data and kernels made ready in {result.timings['prepare']:.1f} s",
        style="dim",
        soft_wrap=True,
    )
    if path is not None and kept is not None:
        write_at_once(path, kept.getvalue().encode())
