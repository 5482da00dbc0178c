"""Many plain CSVs of one layout, as of a folder with a file a symbol, read as one frame: a hundred times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.core.errors import FileError
from tapescan.importing.columns import carried_by, note_ignored, numeric, table_of
from tapescan.importing.frames import Input, Taken
from tapescan.importing.layout import Layout, layout_of
from tapescan.importing.readers import UNREADABLE, ReadAs
from tapescan.importing.symbols import file_symbols, other_symbol
from tapescan.importing.values import Source, finish

__all__ = ["TEXT", "plain_layout", "read_together", "shown_in"]

TEXT = (".csv", ".txt", ".tsv")
#: Bytes that tell the layout of one file of many.
_HEAD = 4096


def plain_layout(file: Path, shown: str, how: ReadAs) -> Layout | None:
    """A plain CSV's layout; None for what is to be read by itself."""
    if not file.name.lower().endswith(TEXT):
        return None
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
    try:
        layout = layout_of(head, shown, how.columns, whole=len(head) < _HEAD)
    except FileError:
        return None
    return layout if layout.is_plain and layout.named and layout.above == 1 else None


def read_together(
    found: Input, root: Path, files: Sequence[Path], layout: Layout, how: ReadAs, empty: list[str]
) -> bool:
    """Add the rows of files; False where they must be read one by one, for a clear message."""
    names = layout.names
    own = [how.symbol] * len(files) if how.symbol else file_symbols([file.name for file in files])
    symbols = dict(zip(files, own, strict=True))
    try:
        table, columns = table_of(names, files[0].name, symbol_elsewhere=True)
    except FileError:
        return False
    one_by_one = layout.decimal_comma or table.kept != "history" or other_symbol(names, columns)
    if one_by_one or len(set(names)) < len(names) or not ("symbol" in columns or all(symbols.values())):
        return False
    carried = carried_by(table, names, columns)
    numbers = numeric(table, columns)
    schema: dict[str, pl.DataType] = {name: numbers.get(name, pl.String()) for name in names}
    wanted = columns | carried
    try:
        frame = (
            pl.scan_csv(
                list(files), schema=schema, separator=layout.separator, include_file_paths="__path", glob=False
            )
            .select("__path", **{new: pl.col(old) for new, old in wanted.items()})
            .collect()
        )
        held = set(frame["__path"].unique())
        empty.extend(file.name for file in files if str(file) not in held)
        if frame.is_empty():
            return True
        notes: list[str] = []
        note_ignored(names, root.name, notes)
        frame = _named(frame, root, symbols, named="symbol" in columns)
        frames, dates = finish(frame, table, Source(root.name, strict=True), how, notes)
    except (*UNREADABLE, FileError):
        return False  # read one by one, the message names the very file and line
    for name, rows in frames.items():
        found.add(name, rows)
    found.notes += notes
    told = {name: next((new for new, old in wanted.items() if old == name), "") for name in names}
    shown = f"{shown_in(root, files[0])} and {len(files) - 1:,} more"
    found.taken.append(Taken(shown, table.name, "text", told, dates, len(frame)))
    return True


def _named(frame: pl.DataFrame, root: Path, symbols: dict[Path, str | None], *, named: bool) -> pl.DataFrame:
    """With the symbol that each file is named by, and the file as the source."""
    runs = frame["__path"].rle().struct.unnest()  # rows of a file lie together
    place = {str(file): at for at, file in enumerate(symbols)}
    at = np.repeat([place[path] for path in runs["value"]], runs["len"])
    shown = pl.Series("source", [shown_in(root, file) for file in symbols], dtype=pl.String)
    frame = frame.drop("__path").with_columns(shown.gather(at))
    if named:
        return frame
    return frame.with_columns(pl.Series("symbol", list(symbols.values()), dtype=pl.String).gather(at))


def shown_in(root: Path, file: Path) -> str:
    """A folder's file in messages and in the store."""
    return f"{root.name}/{file.relative_to(root)}"
