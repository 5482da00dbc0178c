"""`tapescan lists`: lists of symbols for `symbol IN list:NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from tapescan.core.errors import FileError, OptionError
from tapescan.interfaces.cli.console import output

__all__ = ["lists"]


def lists(
    name: Annotated[str, typer.Argument(help="Show this one's symbols, or change it.")] = "",
    add: Annotated[str, typer.Option(metavar="SYMBOLS", help='Add these: "AAPL, BRK.B".')] = "",
    remove: Annotated[str, typer.Option(metavar="SYMBOLS", help="Take these away.")] = "",
    from_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Make it of a text file of symbols.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the list.")] = False,
) -> None:
    """List your lists of symbols, show one, or change one. Each is a text file in the folder that the setting `lists`
    names; a screen names it as `symbol IN list:NAME`."""
    from tapescan.screen.lists import delete_list, list_files, list_folder, list_symbols, read_list, write_list

    if not name:
        if add or remove or from_file or delete:
            raise OptionError("no list is named", "write tapescan lists NAME --add AAPL")
        _all(list_files(), list_folder())
        return
    if delete:
        delete_list(name)
        return
    known = name in list_files()
    if not (add or remove or from_file):
        output().print("\n".join(read_list(name)), markup=False, soft_wrap=True)
        return
    given = list_symbols(_text(from_file), str(from_file)) if from_file else read_list(name) if known else ()
    added, removed = list_symbols(add, "--add"), {*list_symbols(remove, "--remove")}
    missing = sorted(removed.difference(given))
    if missing:
        raise OptionError(f"--remove: {name} does not hold {', '.join(missing)}", "`tapescan lists NAME` shows it")
    symbols = [symbol for symbol in dict.fromkeys((*given, *added)) if symbol not in removed]
    path = write_list(name, symbols)
    output().print(f"{name}: {len(symbols):,} symbols in {path}", markup=False, soft_wrap=True)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror or str(error) if isinstance(error, OSError) else "it is no text"
        raise FileError(f"{path}: {what}", "name a text file of symbols") from error


def _all(files: dict[str, Path], folder: Path) -> None:
    from tapescan.core.errors import TapescanError
    from tapescan.screen.lists import read_list

    console = output()
    if not files:
        console.print(f"No lists in {folder}; `tapescan lists NAME --add AAPL` makes one.", markup=False)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("list", "symbols", "file"):
        table.add_column(heading, overflow="fold")
    for name, path in files.items():
        try:
            count = f"{len(read_list(name)):,}"
        except TapescanError as error:  # one that is broken hides no other
            count = f"cannot be used: {error}"
        table.add_row(escape(name), escape(count), escape(str(path)))
    console.print(table)
