"""Names as numbers, in the order in which they came."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Ints

__all__ = ["Numbered"]

#: So many new names are looked up one by one before all are numbered natively again.
FEW = 64


class Numbered:
    """names : those that came, each once; a name's place among them is its number. numbers : these."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.numbers: dict[str, int] = {}
        #: Most of the names as a type, of which polars tells the numbers in one go.
        self._kind = pl.Enum([])

    def of(self, names: pl.Series) -> Ints:
        """The number of each of some names; who is new gets the next one."""
        found: Ints = names.cast(self._kind, strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        rest = np.flatnonzero(found < 0)
        if len(rest):
            found = found.copy()
            others = names.gather(rest.astype(np.uint32)).to_list()
            for name in others:
                if name not in self.numbers:
                    self.numbers[name] = len(self.names)
                    self.names.append(name)
            found[rest] = [self.numbers[name] for name in others]
            if len(self.names) - len(self._kind.categories) > FEW:
                self._kind = pl.Enum(self.names)
        return found
