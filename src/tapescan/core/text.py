"""Text that others wrote, where it comes in and where it goes out.

A name from a file or a vendor may hold what a terminal obeys (ESC), what turns a line around (bidirectional marks)
or what a spreadsheet computes (``=cmd|...``). It comes in without the first two (`clean_text`), goes to a terminal
without them (`printable`, `shown_lines`), and to a CSV file as text (`as_cells`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from tapescan.core.errors import OptionError

if TYPE_CHECKING:  # a shell that completes a name does not wait for it
    import polars as pl

__all__ = ["as_cells", "ascii_json", "clean_text", "printable", "refuse_broken", "shown_lines"]

#: What nobody sees: control and format characters, line and paragraph separators, what no font knows.
_UNSEEN = r"[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}]"
_UNSEEN_KINDS = frozenset(("Cc", "Cf", "Zl", "Zp", "Co", "Cs"))
#: No name, sector or exchange is longer.
_LONGEST = 500
#: With these a spreadsheet's formula begins; blanks before them change nothing.
_FORMULA = r"^\s*[=+\-@\t\r＝＋－＠]"  # noqa: RUF001
_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


def clean_text(text: pl.Series) -> pl.Series:
    """Each text on one line, without what nobody sees and without blanks around it, at most 500 characters."""
    odd = text.str.contains(_UNSEEN) | text.str.contains(r"^\s|\s$") | (text.str.len_chars() > _LONGEST)
    if not odd.any():
        return text
    clean = text.str.replace_all(_UNSEEN, " ").str.replace_all(r"\s+", " ").str.strip_chars().str.slice(0, _LONGEST)
    return clean.zip_with(odd.fill_null(value=False), text)


def printable(text: str, length: int = 1000) -> str:
    """A text as a message can show it: on one line, without what nobody sees, and not endless."""
    shown = " ".join("".join(" " if _unseen(c) else c for c in text[: 4 * length]).split())
    return shown if len(shown) <= length else shown[: length - 3] + "..."


def shortened(text: str, length: int = 64) -> str:
    """What a message quotes of a text: its beginning, where it is longer."""
    return text if len(text) <= length else text[: length - 3] + "..."


def refuse_broken(text: str, name: str) -> None:
    """Raises OptionError for a text that no UTF-8 can say: bytes of another encoding, as a terminal may give them.

    name : the argument that it is the value of.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise OptionError(f"{text[:100]!a} is no text in UTF-8", "write it in UTF-8", field=name) from None


def shown_lines(text: str) -> str:
    """A text for a terminal, its own line breaks and tabs kept."""
    if text.isprintable():
        return text
    return "".join(" " if _unseen(c) and c not in "\n\t" else c for c in text)


def ascii_json(text: str) -> str:
    """JSON text in which what nobody sees is written as ``\\uXXXX``, which says the same."""
    return re.sub(r"[^\x20-\x7e\n]", lambda found: _escaped(found[0]) if _unseen(found[0]) else found[0], text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def as_cells(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame for a CSV file: a text that a spreadsheet would compute has a quotation mark (') before it."""
    import polars as pl

    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    changed = []
    for name in texts:
        column = clean_text(frame[name])
        formula = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
        if formula.any():
            column = ("'" + column).zip_with(formula.fill_null(value=False), column)
        changed.append(column.alias(name))
    return frame.with_columns(changed)


def _unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN_KINDS
