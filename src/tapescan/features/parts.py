"""The rows of a block, parted by where the history of their sessions begins: what a replay computes one by one.

Lanes that have all sessions of the block lie in step: a part of them is a slice of its rows. Of the others each
quarter of each lane is a lane of its own, with its history gathered beside those of about the same length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.features.moving import bring, put_back
from tapescan.market.anchor import anchors
from tapescan.market.panel import LANES, Block

__all__ = ["Gathered", "Part", "Parted"]


@dataclass(frozen=True)
class Part:
    """Rows whose history begins on one day, of lanes that lie in step.

    begin : the first row of that history. start, end : from where to where its rows lie. first : of each lane, the
        first row of the history, counted from `begin`.
    """

    begin: int
    start: int
    end: int
    first: Ints

    def cut(self, block: Block) -> Block:
        """The part's history."""
        return block.between(self.begin, self.end, self.first)


@dataclass(frozen=True)
class Gathered:
    """Rows of several lanes, and their histories side by side, which end in one row.

    lane : the block's lane of each. begin : the row with which its history begins. start, end : from where to where
        its rows lie.
    """

    lane: Ints
    begin: Ints
    start: Ints
    end: Ints

    @property
    def rows(self) -> int:
        """Of the longest history."""
        return int((self.end - self.begin).max())

    @property
    def written(self) -> int:
        """The most rows that are of a part."""
        return int((self.end - self.start).max())

    @property
    def first(self) -> Ints:
        """The row with which each history begins, where all lie side by side."""
        return self.rows - (self.end - self.begin)

    def gather(self, block: Block, names: Sequence[str]) -> dict[str, Floats]:
        """The histories of these columns."""
        columns = {}
        for name in names:
            columns[name] = np.empty((self.rows, len(self.lane)))
            bring(getattr(block, name), self.lane, self.end, columns[name])
        return columns

    def scatter(self, found: Floats, slots: Sequence[int], values: Floats, before: int) -> None:
        """Put the rows among values where they are in the block. before : the row with which these begin."""
        put_back(found, np.array(slots, np.int64), self.lane, self.start, self.end, before, values)


@dataclass(frozen=True)
class Parted:
    """A block whose rows from `start` on are parted."""

    block: Block
    start: int

    @cached_property
    def _valid(self) -> Bools:
        valid: Bools = np.arange(self.block.rows)[:, None] >= self.block.first
        return valid

    @cached_property
    def days(self) -> Days:
        """The block's sessions, each once, ascending."""
        session = self.block.session
        own = session[self._valid]
        earliest = int(own.min(initial=session.max()))
        seen = np.zeros(int(session.max()) - earliest + 1, bool)
        seen[own - earliest] = True
        return (np.flatnonzero(seen) + earliest).astype(np.int32)

    @cached_property
    def odd(self) -> Ints:
        """The lanes that lack a session after their first one."""
        days = np.zeros(self.block.rows, np.int32)
        count = min(len(days), len(self.days))
        days[len(days) - count :] = self.days[len(self.days) - count :]
        lacking = ((self.block.session != days[:, None]) & self._valid).any(axis=0)
        # Where most are odd the few others are no work less.
        return np.arange(self.block.lanes) if 2 * lacking.sum() > len(lacking) else np.flatnonzero(lacking)

    @cached_property
    def _before(self) -> Ints:
        """Of each odd lane, how many rows lie before each of the days and before the end, ``(days + 1, odd)``."""
        valid, session = self._valid[:, self.odd], self.block.session[:, self.odd]
        row, lane = np.nonzero(valid)
        count = np.zeros((len(self.days) + 1, len(self.odd)), np.int64)
        count[0] = np.minimum(self.block.first[self.odd], self.block.rows)
        place = np.zeros(int(self.days[-1] - self.days[0]) + 1 if len(self.days) else 0, np.int64)
        place[self.days - self.days[:1]] = np.arange(len(self.days))
        count[place[session[row, lane] - self.days[:1]] + 1, lane] = 1
        return np.cumsum(count, axis=0)

    def _quarters(self, span: int) -> tuple[Ints, Ints]:
        """The places among the days at which the quarters begin that share a history, and the end; and the places of
        the first days of their histories."""
        return _quarters_of(self.days.tobytes(), span)

    def slices(self, span: int) -> Iterator[Part]:
        """The parts of the lanes that lie in step; of the others they hold nothing of use."""
        if len(self.odd) == self.block.lanes:
            return
        edges, histories = self._quarters(span)
        before = self.block.rows - len(self.days)  # negative where no lane has all days
        edges = np.maximum(edges + before, self.start)
        edges[0] = self.start  # with the rows before any bar
        for history, start, end in zip(histories + before, edges[:-1], edges[1:], strict=True):
            if end > start:
                begin = min(max(int(history), 0), int(start))
                yield Part(begin, int(start), int(end), np.maximum(self.block.first - begin, int(history) - begin))

    def gathered(self, span: int) -> Iterator[Gathered]:
        """The rows of the odd lanes."""
        begin, start, end, lane = self._odd_quarters(span)
        order = np.argsort(end - begin, kind="stable")
        for lo in range(0, len(order), LANES):
            some = order[lo : lo + LANES]
            yield Gathered(lane[some], begin[some], start[some], end[some])

    @cached_property
    def unborn(self) -> Ints:
        """Where odd lanes have no bar yet: places in the rows from `start` on, counted in a flat array."""
        before = np.zeros((self.block.rows - self.start, self.block.lanes), bool)
        before[:, self.odd] = ~self._valid[self.start :, self.odd]
        return np.flatnonzero(before)

    def _odd_quarters(self, span: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Of each quarter of each odd lane the first row of its history, from where to where its rows lie, and the
        lane."""
        edges, histories = self._quarters(span)
        rows, begin = self._before[edges], self._before[histories]
        start, end = np.maximum(rows[:-1], self.start), rows[1:]
        quarter, at = np.nonzero(end > start)
        return begin[quarter, at], start[quarter, at], end[quarter, at], self.odd[at]

    def short(self, span: int, most: int) -> tuple[Ints, Ints]:
        """Where a history that is cut off has no more bars than `most`: their numbers, ascending, and places in the
        rows from `start` on, counted in flat arrays."""
        begin, start, end, lane = self._odd_quarters(span)
        if len(self.odd) < self.block.lanes:
            steps = [(part.begin + part.first, part.start, part.end) for part in self.slices(span)]
            usual = np.setdiff1d(np.arange(self.block.lanes), self.odd)
            begin = np.concatenate([begin, *(first[usual] for first, _, _ in steps)])
            start, end = (
                np.concatenate([own, np.repeat([step[which] for step in steps], len(usual))])
                for which, own in ((1, start), (2, end))
            )
            lane = np.concatenate([lane, np.tile(usual, len(steps))])
        until = np.minimum(begin + most, end)
        some = (begin > self.block.first[lane]) & (until > start)
        begin, start, until, lane = begin[some], start[some], until[some], lane[some]
        size = until - start
        row = np.repeat(start - (np.cumsum(size) - size), size) + np.arange(size.sum())
        bars = row - np.repeat(begin, size) + 1
        order = np.argsort(bars, kind="stable")
        return bars[order], ((row - self.start) * self.block.lanes + np.repeat(lane, size))[order]


@lru_cache(maxsize=64)
def _quarters_of(days: bytes, span: int) -> tuple[Ints, Ints]:
    """Of `Parted.days`, which are the same for most blocks."""
    sessions = np.frombuffer(days, np.int32)
    begins, at = np.unique(anchors(sessions, span), return_index=True)
    return np.append(at, len(sessions)), np.searchsorted(sessions, begins)
