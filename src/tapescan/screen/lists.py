"""Lists of symbols by name: ``symbol IN list:mine``.

A list is a text file in one folder (the setting `lists`): symbols in any usual spelling, with blanks, commas or new
lines between; what follows ``#`` on a line is a note. A name is looked up among the files that are there, so no text
of a screen ever becomes a path.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from tapescan.core.errors import FileError, OptionError, nearest
from tapescan.core.files import write_at_once
from tapescan.core.settings import setting
from tapescan.market.spelling import normal_spelling

__all__ = [
    "delete_list",
    "given_symbols",
    "list_files",
    "list_folder",
    "list_symbols",
    "lists_digest",
    "read_list",
    "write_list",
]

#: The ending of a list's file, and what its name may be.
ENDING = ".txt"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

#: Bytes of a list's file, and symbols of a list: many times what any market has.
LARGEST = 4_000_000
MOST_SYMBOLS = 100_000

#: A symbol, in any vendor's spelling.
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9.^$=+/_-]{0,23}")


def list_folder() -> Path:
    """Where the lists lie: the setting `lists`, else the user's configuration folder."""
    named = setting("lists")
    if named:
        return Path(named)
    import platformdirs  # only where it is needed: it costs a start some milliseconds

    return platformdirs.user_config_path("tapescan") / "lists"


def list_files() -> dict[str, Path]:
    """The lists' files by name, in order."""
    folder = list_folder()
    try:
        found = [path for path in folder.iterdir() if path.suffix == ENDING and _NAME.fullmatch(path.stem)]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise FileError(f"{folder}: {error.strerror or error}", "check the folder of lists") from error
    return {path.stem: path for path in sorted(found)}


def read_list(name: str) -> tuple[str, ...]:
    """The symbols of a list in our spelling, in the order of its file.

    Raises OptionError for a list that is not there, with the nearest ones, and FileError for a file that is none.
    """
    files = list_files() if _NAME.fullmatch(name) else {}
    if name not in files:
        hint = nearest(name, files) or (f"known: {', '.join(files)}" if files else "`tapescan lists` makes one")
        raise OptionError(f"there is no list {name!r}", hint)
    path = files[name]
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}", "make it readable") from error
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: it is no text", "write symbols, a line each") from error
    if len(content) > LARGEST:
        raise FileError(f"{path}: it is larger than {LARGEST:,} bytes", "a list holds symbols alone")
    return list_symbols(text, str(path))


def list_symbols(text: str, where: str) -> tuple[str, ...]:
    """The symbols of a text, each once, in our spelling.

    Raises FileError for a word that is no symbol, and for too many.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        for word in re.split(r"[\s,;]+", line.partition("#")[0]):
            if word and not _SYMBOL.fullmatch(word):
                raise FileError(f"{where}: line {number}: {word[:40]!r} is no symbol", "write symbols, a line each")
            if word:
                found[word] = None
    if len(found) > MOST_SYMBOLS:
        raise FileError(f"{where}: it holds more than {MOST_SYMBOLS:,} symbols", "make several lists of it")
    if not found:
        return ()
    # A lower-case p before a preferred's series is a spelling of its own; all else is capitals.
    words = [word if re.fullmatch(r"[A-Z]+p[A-Z]*", word) else word.upper() for word in found]
    return tuple(dict.fromkeys(normal_spelling(pl.Series(words, dtype=pl.String)).to_list()))


def given_symbols(given: str | Iterable[str], where: str) -> tuple[str, ...]:
    """Symbols as a person names them, in our spelling: ``"AAPL, BRK-B"``, ``"list:NAME"``, or one by one.

    Raises as `read_list` and `list_symbols`. where : what they are given for.
    """
    if isinstance(given, str) and given.strip().lower().startswith("list:"):
        return read_list(given.strip()[len("list:") :])
    return list_symbols(given if isinstance(given, str) else "\n".join(given), where)


def write_list(name: str, symbols: Iterable[str]) -> Path:
    """Write a list, in place of what it was. Raises OptionError for a name that no list may have."""
    if not _NAME.fullmatch(name):
        raise OptionError(f"{name!r} is no name of a list", "use letters, digits, - and _", field="name")
    path = list_folder() / f"{name}{ENDING}"
    write_at_once(path, "".join(f"{symbol}\n" for symbol in symbols).encode())
    return path


def delete_list(name: str) -> None:
    """Delete a list. Raises OptionError for one that is not there."""
    files = list_files()
    if name not in files:
        raise OptionError(f"there is no list {name!r}", nearest(name, files) or "`tapescan lists` names them")
    try:
        files[name].unlink()
    except OSError as error:
        raise FileError(f"{files[name]}: {error.strerror or error}", "check the folder of lists") from error


def lists_digest(symbols: Iterable[str]) -> str:
    """Names what a list held, whatever its order."""
    return hashlib.sha256("\n".join(sorted(symbols)).encode()).hexdigest()[:16]
