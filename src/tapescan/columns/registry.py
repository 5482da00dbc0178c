"""All columns of all sources by name. A source is a file of this package that holds a ``SOURCE``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from importlib import import_module

import tapescan.columns
from tapescan.columns.definition import Column, Source
from tapescan.core.errors import OptionError, nearest
from tapescan.core.text import shortened

__all__ = ["all_columns", "find_column", "needs_of", "sources", "sources_of", "with_needs"]

#: The files of this package that are no sources.
_NO_SOURCES = {"definition", "reference", "registry"}


def sources() -> tuple[Source, ...]:
    """All sources, in the order of lists."""
    return _load()[0]


def all_columns(source: str | None = None) -> tuple[Column, ...]:
    """The columns that are listed, of one source or of all, without those that only a rule names.

    Raises OptionError for a source that is not known, with the known ones.
    """
    known = [one.name for one in sources()]
    if source is not None and source not in known:
        raise OptionError(repr(source), nearest(source, known) or f"one of {', '.join(known)}", field="source")
    return tuple(column for column in _load()[1].values() if source in {None, column.source})


def find_column(name: str) -> Column:
    """The column of that name.

    Raises OptionError for a name that no source knows, with the nearest known ones, and for one whose rule is broken
    (``rsi_1``).
    """
    declared, written = _load()[1].get(name), None
    if declared is not None:
        return declared
    for source in sources():
        written = source.resolve(name)
        if written is not None:
            return replace(written, source=source.name)
    raise OptionError(
        f"unknown name {shortened(name)!r}", nearest(name, _load()[1]) or "`tapescan columns` lists all names"
    )


def with_needs(names: Iterable[str]) -> dict[str, Column]:
    """The columns of these names and all that they are made of, each before what is made of it.

    Raises OptionError as `find_column` does, and ValueError for a column that is made of itself.
    """
    found: dict[str, Column] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"the column {name} is made of itself: {' of '.join((*above, name))}")
        if name not in found:
            column = find_column(name)
            for need in column.needs:
                add(need, (*above, name))
            found[name] = column

    for name in names:
        add(name, ())
    return found


@lru_cache(maxsize=128)
def needs_of(names: tuple[str, ...], source: str) -> tuple[str, ...]:
    """The columns of a source among `with_needs`. Kept, since most screens name what others did."""
    return tuple(column.name for column in with_needs(names).values() if column.source == source)


def sources_of(name: str) -> set[str]:
    """The sources of a column and of all that it is made of. Raises OptionError as `find_column` does."""
    column = find_column(name)
    if not column.needs:
        return {column.source}
    return {column.source for column in with_needs([name]).values()}


@lru_cache(maxsize=1)
def _load() -> tuple[tuple[Source, ...], dict[str, Column]]:
    """The sources, and the columns that they list. Raises ValueError when two have one name."""
    package = tapescan.columns
    files = sorted(file.name for file in pkgutil.iter_modules(package.__path__) if file.name not in _NO_SOURCES)
    found: list[Source] = [import_module(f"{package.__name__}.{name}").SOURCE for name in files]
    found.sort(key=lambda source: source.order)
    if len({source.name for source in found}) < len(found):
        raise ValueError(f"two sources of columns have one name: {', '.join(source.name for source in found)}")
    columns: dict[str, Column] = {}
    for source in found:
        for column in source.columns:
            if column.name in columns:
                other = columns[column.name].source
                raise ValueError(f"the column {column.name} is declared by {other} and by {source.name}")
            columns[column.name] = replace(column, source=source.name)
    return tuple(found), columns
