"""Rows of a market's symbols that are made when somebody reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

__all__ = ["Facts", "LateRows"]


@dataclass(frozen=True, eq=False)
class LateRows:
    """make : gives the rows, the same whenever it is called."""

    make: Callable[[], pl.DataFrame]

    @cached_property
    def rows(self) -> pl.DataFrame:
        return self.make()


class Facts(Mapping[str, pl.DataFrame]):
    """Rows by the source of their columns; to ask whether some are there makes none. given : without what is None."""

    def __init__(self, given: Mapping[str, pl.DataFrame | LateRows | None]) -> None:
        self._given = {name: rows for name, rows in given.items() if rows is not None}

    def __getitem__(self, name: str) -> pl.DataFrame:
        rows = self._given[name]
        return rows.rows if isinstance(rows, LateRows) else rows

    def __contains__(self, name: object) -> bool:
        return name in self._given

    def __iter__(self) -> Iterator[str]:
        return iter(self._given)

    def __len__(self) -> int:
        return len(self._given)
