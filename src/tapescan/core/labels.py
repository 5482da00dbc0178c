"""Texts of which there are few, one a symbol: numbers until somebody reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Ints, Texts

__all__ = ["Labels"]


@dataclass(frozen=True, eq=False)
class Labels:
    """texts : the different ones. codes : int64, of any shape: for each place, which of them."""

    texts: tuple[str, ...]
    codes: Ints

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def values(self) -> Texts:
        """The texts themselves, in the shape of the codes."""
        found: Texts = np.array(self.texts)[self.codes]
        return found

    def among(self, wanted: Collection[str]) -> Bools:
        """Where the text is one of those."""
        found: Bools = np.array([text in wanted for text in self.texts], dtype=bool)[self.codes]
        return found

    def where(self, flags: Bools, text: str) -> Labels:
        """With this text where a flag is set."""
        texts = self.texts if text in self.texts else (*self.texts, text)
        return Labels(texts, np.where(flags, texts.index(text), self.codes))

    def then(self, more: Labels) -> Labels:
        """These, and others after them."""
        texts = tuple(dict.fromkeys((*self.texts, *more.texts)))
        moved = np.array([texts.index(text) for text in more.texts], dtype=np.int64)
        return Labels(texts, np.concatenate((self.codes, moved[more.codes])))

    def counts(self) -> dict[str, int]:
        """How often each text that occurs does."""
        found = np.bincount(self.codes, minlength=len(self.texts)).tolist()
        return {text: count for text, count in zip(self.texts, found, strict=True) if count}

    @classmethod
    def of(cls, words: pl.Series) -> Labels:
        """A series' texts, numbered in their order; what is null is empty."""
        words = words.fill_null("")
        texts = words.unique().sort()
        codes = words.cast(pl.Enum(texts)).to_physical().to_numpy().astype(np.int64)
        return cls(tuple(texts), codes)

    @classmethod
    def of_flags(cls, flags: Mapping[str, Bools], size: int) -> Labels:
        """For each of so many places the names whose flag is set there, with commas between."""
        texts, codes = {"": 0}, np.zeros(size, dtype=np.int64)
        for name, here in flags.items():
            at = np.flatnonzero(here)
            before = [*texts]
            longer = np.zeros(len(before), dtype=np.int64)
            for code in np.flatnonzero(np.bincount(codes[at], minlength=len(before))).tolist():
                text = f"{before[code]},{name}" if before[code] else name
                longer[code] = texts.setdefault(text, len(texts))
            codes[at] = longer[codes[at]]
        return cls(tuple(texts), codes)
