"""The part of a market's past that a stretch of sessions sees: the symbols with bars in it, and those beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.replay.lanes import Laid, Lanes, side_by_side
from tapescan.replay.listings import Listings
from tapescan.replay.past import Past
from tapescan.replay.universes import Universes

__all__ = ["View"]


@dataclass(frozen=True, eq=False)
class View:
    """blocks : which of the past's lanes are seen. universes : what is known of all symbols. only : of the symbols in
    these lanes, which are seen; all for None.

    A symbol's place is that among the symbols seen; `places` are those among all.
    """

    past: Past
    blocks: tuple[int, ...]
    universes: Universes
    only: Ints | None = None

    @classmethod
    def of(cls, past: Past, sessions: Days, universes: Universes) -> View:
        """Of some sessions."""
        since, until = (int(one) for one in np.searchsorted(past.sessions, (sessions[0], sessions[-1] + 1)))
        # Of a symbol whose newest life is a later one, an earlier one may be seen.
        others = np.zeros(len(past.symbols), dtype=bool)
        for one in past.laid.spells:
            others[one.place[one.speaks(sessions).any(axis=0) & (one.until > one.first)]] = True
        seen = [
            at
            for at, one in enumerate(past.laid.newest)
            if one.stretch(since, until) != (0, 0) or others[one.place].any()
        ]
        return cls(past, tuple(seen), universes)

    @cached_property
    def places(self) -> Ints:
        own = [self.past.laid.newest[at].place for at in self.blocks]
        every = np.concatenate([np.zeros(0, np.int64), *own])
        return every if self.only is None else every[self.only]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.past.symbols[place] for place in self.places)

    @cached_property
    def _local(self) -> Ints:
        """Of each of all symbols its place among these; -1 for one that is not seen."""
        found = np.full(len(self.past.symbols), -1, dtype=np.int64)
        found[self.places] = np.arange(len(self.places))
        return found

    @cached_property
    def laid(self) -> Laid:
        """Their lanes. One of a symbol that is not seen speaks for no session seen."""
        newest = tuple(self._here(self.past.laid.newest[at]) for at in self.blocks)
        return Laid(newest, *(self._seen(some) for some in self.past.laid[1:]))

    def narrowed(self, wanted: Bools) -> View:
        """Of some of the symbols that are seen."""
        return replace(self, only=np.flatnonzero(wanted))

    def cut(self, days: Days, since: int, until: int) -> Laid:
        """As `laid`, of some days: with the rows of sessions from one number to before another, and the lanes that
        speak then. What bars are counted by is not among them."""
        own = [self.past.laid.newest[at] for at in self.blocks]
        some = [(one, np.flatnonzero(self._local[one.place] >= 0)) for one in own]
        newest = side_by_side([pair for pair in some if len(pair[1])], since, until)
        laid = self.past.laid
        bases, lives, named = (self._cut(one, days, since, until) for one in (laid.bases, laid.lives, laid.named))
        return Laid(tuple(map(self._here, newest)), bases, (), lives, named)

    def counted(self, days: Days, since: int, until: int) -> Laid:
        """As `laid`, of some days: all rows of the newest lanes, and what bars are counted by; of bases as `cut`."""
        return Laid(self.laid.newest, self._cut(self.past.laid.bases, days, since, until), self.laid.spells, ())

    def _cut(self, some: Sequence[Lanes], days: Days, since: int, until: int) -> tuple[Lanes, ...]:
        pairs = [(one, lanes) for one in some if len(lanes := self._due(one, days))]
        # Those that are alike lie together, and make few blocks.
        pairs.sort(key=lambda pair: not pair[0].alike)
        return tuple(map(self._here, side_by_side(pairs, since, until)))

    def _due(self, lanes: Lanes, days: Days) -> Ints:
        """Those of symbols that are seen, which speak for any of some days."""
        return np.flatnonzero((self._local[lanes.place] >= 0) & lanes.speaks(days).any(axis=0))

    def _seen(self, lanes: tuple[Lanes, ...]) -> tuple[Lanes, ...]:
        return tuple(self._here(one) for one in lanes if (self._local[one.place] >= 0).any())

    def _here(self, lanes: Lanes) -> Lanes:
        place = self._local[lanes.place]
        within = np.where((place >= 0)[:, None], lanes.within, 0).astype(np.int32)
        return replace(lanes, place=place, within=within)

    @cached_property
    def order(self) -> Ints:
        """The places of the symbols in the order of their names."""
        return np.array(sorted(range(len(self.symbols)), key=self.symbols.__getitem__), dtype=np.int64)

    @cached_property
    def listings(self) -> Listings:
        return Listings(self.symbols, self.order, self.places, self.universes)

    def of_all(self, values: Ints) -> Ints:
        """Values of the symbols seen as those of all; 0 for the others."""
        found = np.zeros(len(self.past.symbols), dtype=np.int64)
        found[self.places] = values
        return found

    def factor(self, day: int) -> Floats | None:
        """What the prices of a day are to be multiplied by to be what was paid; None for 1."""
        found = self.past.factors_of.get(day)
        if found is None:
            return None
        factor = np.ones(len(self.past.symbols))
        factor[found[0]] = found[1]
        return factor[self.places]
