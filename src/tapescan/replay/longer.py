"""Looks at weekly and monthly bars through a stretch of sessions: of each session, the periods that were over by it,
and what was known of its own.

The periods that are over are gathered once a stretch. They lie on a grid of the calendar's periods, the same row for
all lanes; a lane that lacks some has its bars moved up to those that follow, when it has one again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np

from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.features.compute import Cuts
from tapescan.features.plan import Plan
from tapescan.market.anchor import anchor
from tapescan.market.gather import MOST_SESSIONS, Period, gathered_block, number_of, volume_of
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Block, begin_of, market_moves
from tapescan.replay.lanes import Lanes
from tapescan.screen.earlier import Look, terms_of

__all__ = ["NewestRows", "look_longer"]

#: `compute.newest_rows`, or what is in its place on a GPU.
NewestRows: TypeAlias = Callable[[Plan, Cuts, int], dict[str, Floats]]

_BARS = ("open", "high", "low", "close", "volume", "session")


def look_longer(
    look: Look,
    lanes: Lanes,
    numbers: Ints,
    sessions: Days,
    index: MarketIndex,
    out: Floats,
    newest_rows: NewestRows,
) -> None:
    """A look's terms: ``(numbers, terms, lanes)``; of use where a lane has a bar of the session.

    numbers : of the sessions, ascending; lanes have a bar of one. sessions : all that the market has. index : that
    features are measured against. newest_rows : what computes features.
    """
    assert look.frame in ("weekly", "monthly")
    period = look.frame
    measured = any("market" in plan.calls[span].inputs for _, plan in look.plans for span in plan.spans)
    grid = _Grid.of(look, period, lanes, numbers, sessions, index if measured else None)
    for at, number in enumerate(numbers):
        grid.move(int(number))
        features: dict[str, Floats] = {}
        for newest, plan in look.plans:
            features |= newest_rows(plan, grid.cuts(plan), newest)
        for values in features.values():
            values[np.isinf(values)] = np.nan  # unknown to expressions
        for place, row in enumerate(terms_of(look, features, 1).values()):
            out[at, place] = row[0]


@dataclass
class _Grid:
    """The longer bars of some lanes.

    sessions : all that the market has. periods : their numbers, ascending, one a row. first : the row of `lanes` from
    which each lane's bars count. whole : the bars of periods that are over, by name ``(periods, lanes)``; there :
    where a lane has one. index : that they are measured against; None where nothing is.
    now : the bars as of a session, whose period is the row `row`; since : the row of each lane's first one.
    """

    lanes: Lanes
    period: Period
    sessions: Days
    periods: Ints
    first: Ints
    whole: Mapping[str, Array]
    there: Bools
    index: MarketIndex | None
    now: dict[str, Array]
    since: Ints
    row: int = -1
    day: int = 0

    @classmethod
    def of(
        cls, look: Look, period: Period, lanes: Lanes, numbers: Ints, sessions: Days, index: MarketIndex | None
    ) -> _Grid:
        """As far back as the first session's history begins."""
        begin = int(np.searchsorted(sessions, anchor(int(sessions[numbers[0]]), look.span * MOST_SESSIONS[period])))
        first = np.maximum(lanes.before(begin), lanes.first)
        end = int(lanes.before(int(numbers[-1]) + 1).max())
        row = min(int(first.min()), end - 1)
        block = lanes.block(row, end, None)
        none = np.broadcast_to(np.nan, block.close.shape)
        counting = np.minimum(first - row, end - row)
        found, order = gathered_block((replace(block, market=none, first=counting), period))
        periods = np.unique(number_of(sessions[begin : int(numbers[-1]) + 1], period))
        own, lane = np.nonzero(np.arange(found.rows)[:, None] >= found.first)
        place = np.searchsorted(periods, number_of(found.session[own, lane], period))
        known = place < len(periods)  # lanes that lack sessions have some of later ones
        own, lane, place = own[known], lane[known], place[known]
        there = np.zeros((len(periods), len(first)), dtype=bool)
        there[place, order[lane]] = True
        whole: dict[str, Array] = {}
        for name in _BARS:
            values = getattr(found, name)
            whole[name] = np.zeros(there.shape, dtype=values.dtype)
            whole[name][place, order[lane]] = values[own, lane]
        since = np.where(there.any(axis=0), there.argmax(axis=0), len(periods))
        if index is not None:
            whole["market"] = market_moves(index, whole["session"], since)
        now = {name: values.copy() for name, values in whole.items()}
        return cls(lanes, period, sessions, periods, first, whole, there, index, now, since)

    @cached_property
    def broken(self) -> Ints:
        """The lanes that lack periods between their first and their last one."""
        last = len(self.periods) - self.there[::-1].argmax(axis=0)
        return np.flatnonzero(self.there.any(axis=0) & (last - self.since > self.there.sum(axis=0)))

    def move(self, number: int) -> None:
        """To a session that is later than the one before."""
        self.day = int(self.sessions[number])
        mine = number_of(self.sessions[number : number + 1], self.period)
        row = int(np.searchsorted(self.periods, mine[0]))
        if row != self.row:
            if self.row >= 0:
                for name, values in self.whole.items():
                    self.now[name][self.row] = values[self.row]
            self.row = row
            self._close_ranks()
        self._gather(number)

    def _close_ranks(self) -> None:
        """Of the lanes that lack periods, all before the current one right before it."""
        lanes, row = self.broken, self.row
        if not len(lanes):
            return
        there = self.there[:row, lanes]
        order = np.argsort(there, axis=0, kind="stable")  # what is not there first
        for name in _BARS:
            self.now[name][:row, lanes] = np.take_along_axis(self.whole[name][:row, lanes], order, axis=0)
        self.since[lanes] = row - there.sum(axis=0)
        if self.index is not None:
            moves = market_moves(self.index, self.now["session"][:row, lanes], self.since[lanes])
            self.now["market"][:row, lanes] = moves

    def _gather(self, number: int) -> None:
        """The current period's bars up to a session."""
        lanes, begin = self.lanes, self._begin(number)
        start = np.maximum(lanes.before(begin), self.first)
        count = np.maximum(lanes.before(number + 1) - start, 0)
        for many in np.unique(count[count > 0]).tolist():  # of most lanes it is the same
            lane = np.flatnonzero(count == many)
            rows = start[lane] + np.arange(many)[:, None]
            found = {name: getattr(lanes, name)[rows, lane] for name in _BARS[:5]}
            for name, values in (
                ("open", found["open"][0]),
                ("high", found["high"].max(axis=0)),
                ("low", found["low"].min(axis=0)),
                ("close", found["close"][-1]),
                ("volume", volume_of(found["volume"])),
            ):
                self.now[name][self.row, lane] = values
        self.now["session"][self.row] = self.day
        if self.index is not None:
            before = self.now["session"][self.row - 1] if self.row else np.zeros_like(self.now["session"][0])
            moves = np.where(self.since < self.row, self.index.between(before, self.now["session"][self.row]), np.nan)
            self.now["market"][self.row] = moves

    def _begin(self, number: int) -> int:
        """The number of the first session of a session's period."""
        earlier = self.sessions[max(number - MOST_SESSIONS[self.period] + 1, 0) : number + 1]
        same = number_of(earlier, self.period) == self.periods[self.row]
        return number - int(same.sum()) + 1

    def cuts(self, plan: Plan) -> tuple[Block, ...]:
        """The bars as of the current session, where the histories of a plan begin."""
        return tuple(self._cut(span) for span in plan.spans)

    def _cut(self, span: int) -> Block:
        day, end = begin_of(self.day, span, MOST_SESSIONS[self.period]), self.row + 1
        held = int(np.searchsorted(self.periods, number_of(np.array([day]), self.period)[0]))
        first = np.maximum(self.since, held)
        if len(self.broken):
            early = self.now["session"][: self.row, self.broken] < day
            first[self.broken] = np.maximum(self.since[self.broken], early.sum(axis=0))
        first = np.minimum(first, end)
        begin = min(int(first.min()), end - 1)
        bars: dict[str, Any] = {name: values[begin:end] for name, values in self.now.items()}
        bars.setdefault("market", np.empty((0, 0)))
        return Block(**bars, first=first - begin, offset=0)
