"""Text of files: as a message can show it, and what stands for nothing."""

from __future__ import annotations

import re
import unicodedata

import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable

__all__ = ["NO_VALUE", "place_of", "plain", "refuse_no_text", "unquoted"]

#: What stands for "no value" among numbers and dates. Never applied to symbols: NA, NULL and TRUE are tickers.
NO_VALUE = ("", "na", "n/a", "null", "none", "nan", "nat", "-", "--", "#n/a")


def plain(name: str) -> str:
    """A column name without case, spaces and punctuation, without a number before it (``4. close``) and without
    dollars as a unit behind it (``Close (USD)``)."""
    bare = re.sub(r"\s*[\[(](?:in )?(?:us ?\$|usd|\$|us dollars?)[\])]$", "", name.lower().strip())
    if not bare.isascii():
        bare = unicodedata.normalize("NFKD", bare)  # an accent apart from its letter, and dropped
    return re.sub(r"[^a-z0-9]", "", re.sub(r"^\d+[a-z]?\.\s*", "", bare))


def unquoted(texts: pl.Series) -> pl.Series:
    """Without blanks around, and without the marks by which spreadsheets keep text: ``="AAPL"``, ``'AAPL``."""
    return texts.str.strip_chars().str.replace(r"^(?:=\"(.*)\"|'(.*?)'?)$", "$1$2")


def place_of(at: int, first_row: int | None) -> str:
    """A row's place. first_row : the file's line of the first value; None counts rows from 1."""
    return f"row {at + 1}" if first_row is None else f"line {at + first_row}"


def refuse_no_text(values: pl.Series, path: str, column: str) -> None:
    """Raises `FileError` for a column that is no text."""
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise FileError(
            f"{path}: column {printable(column)} holds {values.dtype}", "text is expected; write symbols as text"
        )
