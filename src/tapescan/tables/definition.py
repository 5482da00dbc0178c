"""The words of a declaration: a table, its columns, and the kind of data that a sync asks for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import polars as pl

from tapescan.core.settings import Adjustment

__all__ = ["Checked", "Field", "File", "Kind", "Rules", "Span", "Table", "Whole", "check_keys", "stamp_nothing"]

#: How a vendor is asked for a kind of data: for the sessions that are missing; for a span of dates since it was asked
#: the last time; for the statements of companies; for all there is; for the newest session, until that is over.
Asked = Literal["sessions", "span", "companies", "whole", "newest"]

#: How new rows meet the stored ones of their key.
#:
#: - ``history``: in files by year; another value replaces the old one, which stays readable as a past version. Of two
#:   vendors the first keeps its place, and what the other says goes to the table `beside`.
#: - ``replace``: a small table, written as a whole; a value that is null says nothing and replaces nothing.
#: - ``sessions``: in a file a session, of a table with many rows in each; another row replaces the old one whole, and
#:   only files with a row that changes are written anew.
#: - ``versions``: a row when it was first known, and one for each later change of it, whole; a past day sees its own.
#: - ``changes``: a row when a value was first known, and one for each later change of it; none is ever replaced.
#: - ``append``: rows are added, and never compared.
Kept = Literal["history", "replace", "sessions", "versions", "changes", "append"]


@dataclass(frozen=True)
class Field:
    """A column of a table.

    type : as it is stored. meaning : with its unit. names : in files, besides its own; the first that is there
    counts.
    needed : in a file of this table. given : whether a vendor gives it; else the store sets it.
    plausible : inclusive range in files; what lies outside is taken as missing.
    compared : whether another value of it alone makes a row another one.
    cleared : an absent value takes the stored one away, where the row names its source.
    ratio : whether files may write it as one number for another: ``4:1``, ``1-for-10``.
    """

    type: pl.DataType
    meaning: str
    names: tuple[str, ...] = ()
    needed: bool = False
    given: bool = True
    plausible: tuple[float, float] | None = None
    compared: bool = True
    cleared: bool = False
    ratio: bool = False


@dataclass(frozen=True)
class Kind:
    """A kind of data as a person asks a sync for it; one or more tables come with it.

    order : in which a sync fetches. usual : whether a sync that names nothing fetches it.
    again : so far back a vendor that is asked for spans is asked again each time, since it corrects late.
    """

    name: str
    title: str
    order: int
    asked: Asked
    usual: bool = False
    again: dt.timedelta = dt.timedelta(0)


@dataclass(frozen=True)
class Span:
    """A span of dates, both included, of which a call brings a piece or the whole.

    part : the table that it is of; empty for all tables of the call's kind. pieces : calls that make it up.
    whole : whether the call brings all that the vendor has of the span.
    """

    first: dt.date
    last: dt.date
    part: str = ""
    pieces: int = 1
    whole: bool = False


@dataclass(frozen=True)
class Rules:
    """What rows are checked against.

    sessions : the exchange's; None refuses weekends only. keep : which of two rows of one key counts, where nothing
    else decides.
    """

    sessions: Collection[dt.date] | pl.Series | None = None
    keep: Literal["first", "last"] = "first"


@dataclass(frozen=True)
class Checked:
    """Rows after their check: the good ones, each key once, the refused ones with their ``reason``, and what a person
    should know of it."""

    good: pl.DataFrame
    refused: pl.DataFrame
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    """What is known of an import as a whole when its rows are stamped.

    adjusted : what is inside the prices of its files. adjusted_to : through which day; None for the newest usable bar
    of its path (for actions: of the whole import). newest : given (a path's number), newest; those bars.
    last : of the whole import, else of the store.
    """

    adjusted: Adjustment = "none"
    adjusted_to: dt.date | None = None
    newest: pl.DataFrame | None = None
    last: dt.date | None = None


@dataclass(frozen=True)
class File:
    """The file, or frame, whose rows are made ready.

    shown : its name in messages. notes : what a person should know, one line each. gather : whether intraday bars are
    made daily ones.
    """

    shown: str
    notes: list[str]
    gather: bool = False


Check: TypeAlias = Callable[["Table", pl.DataFrame, Rules], Checked]
Stamp: TypeAlias = Callable[[pl.DataFrame, Whole], pl.DataFrame]
#: Rows of a file in the table's columns and extras, made ready for the check.
Prepare: TypeAlias = Callable[[pl.DataFrame, File], pl.DataFrame]
#: Whether a file that has these of a table's columns is one of that table.
Told: TypeAlias = Callable[[Collection[str]], bool]


def check_keys(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    """Refuses rows without their whole key; of several of one key, one counts."""
    missing = pl.any_horizontal(pl.col(name).is_null() for name in table.key)
    refused = rows.filter(missing).with_columns(reason=pl.lit("missing value"))
    # Of a table of versions, two days of a key are two rows.
    one = [*table.key, *(("as_of",) if table.kept == "versions" and "as_of" in rows.columns else ())]
    good = rows.filter(~missing).unique(one, keep=rules.keep, maintain_order=True).sort(table.key)
    return Checked(good, refused)


def prepare_nothing(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """For a table whose rows are ready as they stand."""
    del file
    return rows


def stamp_nothing(good: pl.DataFrame, whole: Whole) -> pl.DataFrame:
    """For a table without columns of the store's own."""
    del whole
    return good


@dataclass(frozen=True)
class Table:
    """A table of the store.

    order : of the commits, low first. known : the column that says from which
    day on a row was known; empty where the table has no history. value : the column that a refused row's reason
    shows. shown : others that it shows.
    kind : with which it is fetched; None for what no vendor brings. offers : a vendor's, each of which brings it.
    scanned : whether a scan's result hangs on it. in_files : whether files may hold it.
    spans : whether a vendor's whole answer for a span of `known` takes out what it no longer has.
    beside : the table for what a second source says of a stored key. extras : columns of its files that are looked at
    and not stored. instead : a needed column that a file need not have, and the extras of which `prepare` makes it.
    carried : whether files of bars may have its value in a column; values there that say nothing, None for not.
    """

    name: str
    title: str
    fields: Mapping[str, Field]
    key: tuple[str, ...]
    kept: Kept
    order: int
    known: str = ""
    value: str = ""
    shown: tuple[str, ...] = ()
    kind: Kind | None = None
    offers: tuple[str, ...] = ()
    scanned: bool = False
    in_files: bool = False
    told: Told | None = None
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    carried: tuple[float, ...] | None = None
    prepare: Prepare = prepare_nothing
    check: Check = check_keys
    stamp: Stamp = stamp_nothing
    spans: bool = False
    beside: str = ""
    stored: bool = True

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Its columns and their types, without the partition."""
        return {name: one.type for name, one in self.fields.items()}

    @property
    def given(self) -> dict[str, pl.DataType]:
        """The columns of a vendor's batch of it."""
        return {name: one.type for name, one in self.fields.items() if one.given}

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns that a file of it must have."""
        return tuple(name for name, one in self.fields.items() if one.needed)

    @property
    def row_key(self) -> tuple[str, ...]:
        """What it has one row of: its key, and of versions the day from which on each was known."""
        return (*self.key, self.known) if self.kept == "versions" else self.key

    @property
    def dated(self) -> bool:
        """Whether its rows, in files, have the day from which on they were known."""
        return bool(self.known) and self.fields[self.known].needed

    def is_told_by(self, found: Collection[str]) -> bool:
        """Whether a file with these of its columns is one of this table."""
        if not self.in_files:
            return False
        return self.told(found) if self.told else all(name in found for name in self.needed)

    def empty(self) -> pl.DataFrame:
        """No row of it."""
        return pl.DataFrame(schema=self.schema)
