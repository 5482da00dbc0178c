"""All tables, found by the files of this package, and what is derived from all of them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

import polars as pl

import tapescan.tables
from tapescan.core.errors import OptionError, nearest
from tapescan.tables.definition import Kind, Table

__all__ = [
    "add_table",
    "all_kinds",
    "all_offers",
    "all_tables",
    "find_kind",
    "find_table",
    "offers_of",
    "schema_of",
    "stored_tables",
    "tables_of",
]

#: Tables of other packages, and of tests.
_added: list[Table] = []


@lru_cache(maxsize=1)
def _declared() -> tuple[Table, ...]:
    names = [one.name for one in pkgutil.iter_modules(tapescan.tables.__path__)]
    modules = [importlib.import_module(f"tapescan.tables.{name}") for name in names]
    return tuple(module.TABLE for module in modules if hasattr(module, "TABLE"))


def add_table(table: Table) -> None:
    """Make a table of another package known. Raises ValueError for a name that is taken."""
    if any(table.name == other.name for other in all_tables()):
        raise ValueError(f"there is a table {table.name} already")
    _added.append(table)


def all_tables() -> list[Table]:
    """In the order of commits."""
    return sorted((*_declared(), *_added), key=lambda table: (table.order, table.name))


def stored_tables() -> list[Table]:
    """Those that lie in a store, in the order in which a reader opens them: what is committed last, first."""
    return [table for table in reversed(all_tables()) if table.stored]


def find_table(name: str) -> Table:
    """A table by its name. Raises OptionError, naming the nearest."""
    found = {table.name: table for table in all_tables()}
    if name not in found:
        raise OptionError(f"no table is called {name!r}", nearest(name, found) or f"tables are {', '.join(found)}")
    return found[name]


def all_kinds(*, stored: bool = True) -> list[Kind]:
    """The kinds of data in the order in which they are fetched. stored : only those that a store keeps."""
    kinds = {table.kind.name: table.kind for table in all_tables() if table.kind and (table.stored or not stored)}
    return sorted(kinds.values(), key=lambda kind: kind.order)


def find_kind(name: str) -> Kind:
    """A kind by its name. Raises OptionError, naming the nearest."""
    found = {kind.name: kind for kind in all_kinds(stored=False)}
    if name not in found:
        raise OptionError(
            f"no kind of data is called {name!r}", nearest(name, found) or f"there are {', '.join(found)}"
        )
    return found[name]


def tables_of(kind: Kind | str) -> list[Table]:
    """The tables that come with a kind, the one that stands for it first."""
    name = kind if isinstance(kind, str) else kind.name
    return [table for table in all_tables() if table.kind is not None and table.kind.name == name]


def offers_of(kind: Kind | str) -> tuple[str, ...]:
    """A vendor's offers that serve a kind: any of them."""
    return tuple(dict.fromkeys(offer for table in tables_of(kind) for offer in table.offers))


def all_offers() -> tuple[str, ...]:
    """Everything that a vendor can offer."""
    return tuple(dict.fromkeys(offer for table in all_tables() for offer in table.offers))


def schema_of(name: str) -> dict[str, pl.DataType]:
    """The columns of a vendor's batch of a table."""
    return find_table(name).given
