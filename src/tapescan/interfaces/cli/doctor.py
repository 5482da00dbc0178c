"""`tapescan doctor`: what is wrong with a store's data."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from tapescan.core.errors import OptionError
from tapescan.interfaces.cli.console import output, progress_line

__all__ = ["doctor"]

#: The exit code when a defect was found.
DEFECTS = 1


def doctor(
    days: Annotated[list[str] | None, typer.Argument(metavar="[DATE]...", help="The days of --accept.")] = None,
    store: Annotated[str, typer.Option(help="Folder or URL of the store.")] = "",
    as_of: Annotated[
        str, typer.Option(metavar="DATE", help="Examine it as it was known at the close of this day.")
    ] = "",
    top: Annotated[int, typer.Option(min=1, max=1_000_000, help="Examples to give of each finding.")] = 5,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SYMBOL DATE", help="Take this suspect bar as real, until it is corrected; may be repeated."
        ),
    ] = None,
    output_format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    verify: Annotated[bool, typer.Option("--verify", help="Read every byte instead; name damaged files.")] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="Go on with what is whole; say what is put aside and lost. Then verify.")
    ] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Put right what is certain: spelling, footers, days.")] = False,
    undo: Annotated[
        str,
        typer.Option(
            metavar="TABLE=VERSION,...",
            help="Put back what --fix changed since these versions, which it names; what others stored since stays.",
        ),
    ] = "",
) -> int:
    """Examine a store: missing and short sessions, gaps, stale symbols, splits that prices and table disagree on,
    suspect bars, vendors that disagree, what was refused, missing statements and doubtful values in them, chains that
    are stale, of other prices than their shares, or of contracts that cannot be listed. Exit code 1
    when a defect was found."""
    from tapescan import api

    if output_format not in ("text", "json"):
        raise OptionError(f"--format {output_format!r}", "expected text or json")
    if accept or days:
        return _accept(accept or [], days or [], store)
    if fix or undo:
        return _mend(store, undo, output_format)
    if verify or repair:
        return _files(store, output_format, repair=repair)
    with progress_line() as progress:
        found = api.examine_store(store or None, as_of=as_of or None, progress=progress)
    if output_format == "json":
        typer.echo(json.dumps(found.to_dict(top), indent=2))
    else:
        output().print("\n".join(found.lines(top)), markup=False, soft_wrap=True)
    return DEFECTS if found.defects else 0


def _accept(symbols: list[str], days: list[str], store: str) -> int:
    """Take bars as real; a day belongs to each symbol, in their order."""
    from tapescan import api

    if len(symbols) != len(days):
        raise OptionError(
            f"--accept {' '.join([*symbols, *days])}", "give a symbol and a day: --accept GSAT 2025-02-11"
        )
    for row in api.accept_bars(list(zip(symbols, days, strict=True)), store or None).iter_rows(named=True):
        output().print(f"taken as real: {row['symbol']} {row['session']}, until it is corrected", markup=False)
    return 0


def _mend(store: str, undo: str, output_format: str) -> int:
    """Put right what is certain, or put back what was."""
    from tapescan import api

    with progress_line() as progress:
        if undo:
            lines = [f"{name}: put back" for name in api.undo_mending(undo, store or None)]
            told = {"put back": lines}
        else:
            mended = api.mend_store(store or None, progress=progress)
            lines, told = mended.lines(), mended.to_dict()
    if output_format == "json":
        typer.echo(json.dumps(told, indent=2))
    else:
        output().print("\n".join(lines or ["nothing had changed"]), markup=False, soft_wrap=True)
    return 0


def _files(store: str, output_format: str, *, repair: bool) -> int:
    """The store's files instead of its data."""
    from tapescan import api

    opened = api.open_store(store or None, made=False)
    with progress_line() as progress:
        done = opened.repair(progress) if repair else []
        damaged = opened.verify(progress)
    if output_format == "json":
        typer.echo(json.dumps({"repaired": done, "damaged": [one.to_dict() for one in damaged]}, indent=2))
    else:
        lines = [*done, *map(str, damaged)]
        lines.append(f"DAMAGED: {len(damaged):,} files" if damaged else "every file is as it was written")
        output().print("\n".join(lines), markup=False, soft_wrap=True)
    return DEFECTS if damaged else 0
