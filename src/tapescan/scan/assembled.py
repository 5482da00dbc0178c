"""The rows of a result: known by their order, and made into frames when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from tapescan.core.labels import Labels
from tapescan.core.typing import Array, Bools, Floats, Ints

__all__ = ["Assembled", "Gradual", "Late", "Shown", "Values"]

#: A column's values: numbers of the panel's symbols with NaN where unknown, texts, or what is neither.
Values: TypeAlias = Floats | Labels | pl.Series

RANK = "rank"


@dataclass(eq=False)
class Late:
    """A column that is made when somebody asks for it."""

    make: Callable[[], Values]

    @cached_property
    def values(self) -> Values:
        return self.make()

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.values,)


def _made(values: Values) -> Late:
    return Late(lambda: values)


@dataclass(eq=False)
class Gradual:
    """A column that is made down to the last ranked row that somebody asks for, since each hangs on those before it.

    make : all values, of which those of the first so many ranked rows count. ranked : how many there are.
    """

    make: Callable[[int], Values]
    ranked: int

    @property
    def values(self) -> Values:
        """Of all ranked rows."""
        return self.make(self.ranked)

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.values,)


@dataclass(eq=False)
class Shown:
    """A column that is made of the rows that somebody asks for, and of no others.

    make : of places among all that were requested, a value each, null for unknown. size : how many there are.
    """

    make: Callable[[Ints], pl.Series]
    size: int

    def __reduce__(self) -> tuple[object, ...]:
        return _kept, (self.make(np.arange(self.size)),)


def _kept(values: pl.Series) -> Shown:
    return Shown(lambda at: values[pl.Series(at.astype(np.uint32))], len(values))


@dataclass(frozen=True, eq=False)
class Assembled:
    """All columns of a result, and who stands where.

    columns : in the order of the result, after the rank; each of all that were requested, or of those in the panel
        alone, who are the first of them: it is null for the others. order : the places of all that were requested,
        the ranked first. ranked : how many these are.
    unseen : bool ``(symbols of the panel,)``, on whom the columns of `silent` say nothing, whatever stands there.
    """

    columns: Mapping[str, Values | Late | Gradual | Shown]
    order: Ints
    ranked: int
    unseen: Bools
    silent: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns, in the order of the result."""
        return (RANK, *self.columns)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows of all columns."""
        return self.head(len(self.order))

    def head(self, rows: int, names: Iterable[str] | None = None) -> pl.DataFrame:
        """The first so many rows, of all columns or of some; no other row is made."""
        wanted = self.names if names is None else names
        made = self._made(rows, wanted)
        return pl.DataFrame([one if there is None else there.taken(name, one) for name, one, there in made])

    def plain(self, rows: int, names: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """As `head`, each row as plain values by name: of few rows a frame costs more than they do."""
        wanted = list(self.names if names is None else names)
        made = self._made(rows, wanted)
        columns = [one.to_list() if there is None else there.listed(one) for _, one, there in made]  # type: ignore[union-attr]
        return [dict(zip(wanted, row, strict=True)) for row in zip(*columns, strict=True)]

    def _made(self, rows: int, names: Iterable[str]) -> Iterator[tuple[str, Values, _Rows | None]]:
        """Of each column its values, and where in them the first so many rows are; None for a series of these rows
        themselves."""
        at, panel = self.order[:rows], len(self.unseen)
        outside = at >= panel
        unseen = outside if panel == 0 else outside | self.unseen.take(at, mode="clip")
        whole, own, seen = (_Rows(at, np.flatnonzero(one)) for one in (np.zeros_like(outside), outside, unseen))
        for name in names:
            if name == RANK:
                yield name, _ranks(min(self.ranked, len(at)), len(at)), None
                continue
            found = self.columns[name]
            if isinstance(found, Shown):
                yield name, found.make(at).alias(name), None
                continue
            if isinstance(found, Gradual):
                values = found.make(min(len(at), self.ranked))
            else:
                values = found.values if isinstance(found, Late) else found
            yield name, values, seen if name in self.silent else own if len(values) == panel else whole


@dataclass(frozen=True)
class _Rows:
    """Some rows of a column. at : their places in it. nothing : which of the rows are null."""

    at: Ints
    nothing: Ints

    @cached_property
    def places(self) -> pl.Series:
        """As `at`, null where the row is."""
        found = pl.Series(self.at.astype(np.uint32))
        return found.scatter(self.nothing, None) if self.nothing.size else found

    def taken(self, name: str, values: Values) -> pl.Series:
        """The column's values there."""
        if isinstance(values, pl.Series):
            return values[self.places].alias(name)
        if isinstance(values, Labels):
            codes = _take(values.codes, self.at)
            if self.nothing.size:
                codes[self.nothing] = len(values.texts)
            return pl.Series(name, [*values.texts, None], pl.String)[pl.Series(codes.astype(np.uint32))]
        # An array of its own: polars takes it as it is, and who keeps a column keeps no others.
        found = _take(values, self.at)
        if self.nothing.size:
            found[self.nothing] = np.nan
        return pl.Series(name, found, nan_to_null=True)

    def listed(self, values: Values) -> list[Any]:
        """As `taken`, plain."""
        if isinstance(values, pl.Series):
            return values[self.places].to_list()
        if isinstance(values, Labels):
            texts = (*values.texts, None)
            codes = _take(values.codes, self.at)
            if self.nothing.size:
                codes[self.nothing] = len(values.texts)
            return [texts[code] for code in codes.tolist()]
        found: list[Any] = _take(values, self.at).tolist()
        for place in self.nothing.tolist():
            found[place] = None
        # What is unequal to itself is NaN.
        return [None if one != one else one for one in found]  # noqa: PLR0124


def _take(values: Array, at: Ints) -> Array:
    """The values of these places; any where there is no such place."""
    found: Array = values.take(at, mode="clip") if len(values) else np.zeros(len(at), values.dtype)
    return found


def _ranks(ranked: int, rows: int) -> pl.Series:
    return _longer(pl.Series(RANK, np.arange(1, ranked + 1, dtype=np.uint32)), rows)


def _longer(series: pl.Series, size: int) -> pl.Series:
    """With nulls behind it."""
    if len(series) == size:
        return series
    null = pl.Series(series.name, [None], series.dtype)
    return pl.concat([series, null.new_from_index(0, size - len(series))], rechunk=True)
