"""`tapescan scan`: the ranked list."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from rich import box
from rich.table import Table

from tapescan.cli.console import errors, notes, output, progress_line
from tapescan.errors import FileError, OptionError
from tapescan.scan.result import ScanResult
from tapescan.settings import Settings, load_settings

__all__ = ["read_scan", "scan"]

FORMATS = ("table", "json", "csv", "parquet")

StoreOption = Annotated[
    str, typer.Option(help="Folder or URL of the store; the simulated market when there is none.")
]
AsOfOption = Annotated[str, typer.Option(metavar="DATE", help="Use only what was known at the close of this day.")]
ProfileOption = Annotated[str, typer.Option(help="Name of a profile, or a TOML file.")]


def scan(
    store: StoreOption = "",
    as_of: AsOfOption = "",
    profile: ProfileOption = "",
    where: Annotated[
        str, typer.Option(metavar="SQL", help='Screen: "close > sma_200 AND rsi_2 < 10 AND dollar_volume_20 > 5e6".')
    ] = "",
    rank_by: Annotated[str, typer.Option(metavar="COLUMN", help='Order: "score", "rsi_2 asc", any column.')] = "",
    top: Annotated[
        int | None,
        typer.Option(min=1, help="Rows to give. [default: 20 for table and json, all for csv and parquet]"),
    ] = None,
    features: Annotated[
        str, typer.Option(metavar="LIST|all", help="Feature columns to add: rsi_14,atr_14 or all.")
    ] = "",
    output_format: Annotated[str, typer.Option("--format", help="table, json, csv or parquet.")] = "table",
    output_file: Annotated[
        Path | None, typer.Option("--output", help="Write there instead of standard output.")
    ] = None,
) -> None:
    """Rank the whole market and show the few names that deserve attention, why, and what the trade would be."""
    if output_format not in FORMATS:
        raise OptionError(f"--format {output_format!r}", f"expected one of {', '.join(FORMATS)}")
    if output_format == "parquet" and output_file is None:
        raise OptionError("--format parquet is binary", "add --output FILE")
    if output_file is not None:
        _check_writable(output_file)
    settings = load_settings()
    result = read_scan(settings, store, as_of, profile, where=where, rank_by=rank_by, features=features)
    whole = output_format in {"csv", "parquet"}
    rows = top or (None if whole else settings.top)
    notes(result.notes)
    if output_format == "table":
        _show(result, rows or settings.top, output_file)
        return
    frame = result.frame if rows is None else result.ranked.head(rows)
    if output_format == "parquet":
        assert output_file is not None
        frame.write_parquet(output_file)
        return
    text = result.to_json(rows) + "\n" if output_format == "json" else frame.write_csv()
    if output_file is None:
        typer.echo(text, nl=False)
    else:
        output_file.write_text(text, encoding="utf-8")


def read_scan(settings: Settings, store: str, as_of: str, profile: str, **asked: Any) -> ScanResult:
    """Run a scan with options as the command line gives them: empty text means not given."""
    from tapescan.api import scan_market

    features = asked.pop("features", "")
    names: str | list[str] = (
        "all" if features == "all" else [name for name in features.replace(" ", "").split(",") if name]
    )
    with progress_line() as progress:
        return scan_market(
            store or settings.store or None,
            as_of=as_of or None,
            profile=profile or settings.profile,
            where=asked.get("where") or None,
            rank_by=asked.get("rank_by") or None,
            features=names,
            adjust=settings.adjust,
            progress=progress,
        )


def _check_writable(path: Path) -> None:
    """Fail before the work, not after it."""
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise FileError(f"--output {path} cannot be written: {error.strerror}", "choose another place") from error


#: Column, heading, digits, least width of the terminal that shows it.
COLUMNS: tuple[tuple[str, str, int | None, int], ...] = (
    ("rank", "#", None, 0),
    ("symbol", "symbol", None, 0),
    ("score", "score", 1, 0),
    ("close", "close", 2, 0),
    ("side", "side", None, 70),
    ("entry", "entry", 2, 110),
    ("stop", "stop", 2, 60),
    ("target", "target", 2, 60),
    ("shares", "shares", 0, 60),
    ("sector", "sector", None, 160),
    ("name", "name", None, 190),
)

WIDTH_OF_FACTORS = 100


def _show(result: ScanResult, top: int, path: Path | None) -> None:
    console = output()
    if path is not None:
        console = type(console)(file=io.StringIO(), width=160, highlight=False)
    ranked = result.ranked.head(top)
    console.print(
        f"[bold]{result.as_of}[/bold]  {result.provenance['profile']['name']}  "
        f"market ({result.regime.index}): {result.regime}"
    )
    if ranked.is_empty():
        console.print("No symbol was ranked.", style="yellow")
    else:
        console.print(_table(result, ranked, console.width))
    console.print(f"Coverage: {result.coverage}", markup=False)
    stages = ", ".join(f"{stage} {seconds * 1e3:,.0f} ms" for stage, seconds in result.timings.items())
    console.print(f"Time: {sum(result.timings.values()):.2f} s ({stages})", style="dim")
    if path is not None:
        assert isinstance(console.file, io.StringIO)
        path.write_text(console.file.getvalue(), encoding="utf-8")
        errors().print(f"written to {path}", markup=False)


def _table(result: ScanResult, ranked: pl.DataFrame, width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    chosen = [(name, title, digits) for name, title, digits, least in COLUMNS if width >= least]
    if width >= WIDTH_OF_FACTORS:
        # Why: the three factors that lift the score most, the one that costs most.
        chosen.insert(4, ("why", "why (points of 100)", None))
    extra = ranked.columns[ranked.columns.index("newest") + 1 :]
    room = max((width - 90) // 14, 2)
    chosen += [(name, name, 3) for name in extra[:room]]
    for name, title, _ in chosen:
        left = name in {"symbol", "sector", "name", "why", "side"}
        table.add_column(title, justify="left" if left else "right", no_wrap=name != "name", overflow="ellipsis")
    shares = result.provenance["weights"]
    for row in ranked.iter_rows(named=True):
        row["why"] = _why(row, shares)
        table.add_row(*(_cell(row[name], digits) for name, _, digits in chosen))
    return table


def _why(row: dict[str, Any], shares: dict[str, float]) -> str:
    """The factors that moved the score furthest from the middle, as points above or below it."""
    moved = {name: row[f"score_{name}"] - 50.0 * share for name, share in shares.items()}
    order = sorted(moved, key=lambda name: -abs(moved[name]))[:3]
    return " ".join(f"{name.replace('_', ' ')} {moved[name]:+.0f}" for name in order)


def _cell(value: Any, digits: int | None) -> str:
    if value is None:
        return "-"
    if digits is None or isinstance(value, str):
        return str(value)
    if digits == 2 and abs(value) < 1.0:
        digits = 4
    return f"{value:,.{digits}f}"
