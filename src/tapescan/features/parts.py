"""The rows of a block, parted by where the history of their sessions begins: what a replay computes one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Bools, Days, Ints
from tapescan.indicators.definition import GAPS
from tapescan.market.anchor import anchors
from tapescan.market.panel import Block

__all__ = ["Part", "parts", "whole"]


@dataclass(frozen=True)
class Part:
    """Rows whose history begins on one day.

    begin : the first row of that history. start, end : from where to where its rows lie. first : of each lane, the
        first row of the history, counted from `begin`. mine : ``(end - start, lanes)``, which rows are of the part;
        None where all are, but for those before a lane's first bar.
    """

    begin: int
    start: int
    end: int
    first: Ints
    mine: Bools | None

    def cut(self, block: Block) -> Block:
        """The part's history."""
        return block.between(self.begin, self.end, self.first)


def parts(block: Block, span: int, start: int) -> Iterator[Part]:
    """The parts of the rows from `start` on."""
    valid = np.arange(block.rows)[:, None] >= block.first
    longest = int(block.first.argmin())
    if ((block.session == block.session[:, longest, None]) | ~valid).all():
        yield from _usual(block, block.session[:, longest], span, start)
    else:
        yield from _odd(block, valid, span, start)


def whole(block: Block, span: int, start: int) -> bool:
    """Whether the history of every row from `start` on holds all windows of its span that the lane has bars for: then
    they need no parting."""
    least = int(np.ceil(span / GAPS))
    return all(_enough(block, part, least) for part in parts(block, span, start))


def _enough(block: Block, part: Part, least: int) -> bool:
    """Whether each lane whose history is cut off has so many bars of it at each row of the part."""
    cut = part.first + part.begin > block.first
    if part.mine is None:
        at = np.full(block.lanes, part.start)
    else:
        cut &= part.mine.any(axis=0)
        at = part.start + part.mine.argmax(axis=0)
    bars = at - (part.begin + part.first) + 1
    return bool((bars[cut] >= least).all())


def _usual(block: Block, days: Days, span: int, start: int) -> Iterator[Part]:
    """Of lanes with the same sessions."""
    own = int(block.first.min())
    begins, at = np.unique(anchors(days[own:], span), return_index=True)
    edges = np.append(at + own, block.rows)
    if start < own:  # rows before any bar
        edges[0] = start
    for day, lo, hi in zip(begins, edges[:-1], edges[1:], strict=True):
        if hi > start:
            begin = min(own + int(np.searchsorted(days[own:], day)), int(lo))
            first = np.maximum(block.first - begin, own + int(np.searchsorted(days[own:], day)) - begin)
            yield Part(begin, max(int(lo), start), int(hi), first, None)


def _odd(block: Block, valid: Bools, span: int, start: int) -> Iterator[Part]:
    """Of lanes with sessions of their own."""
    days, at = np.unique(block.session, return_inverse=True)
    begins, number = np.unique(anchors(days, span), return_inverse=True)
    part = np.where(valid, number[at.reshape(block.session.shape)], -1)
    for which, day in enumerate(begins):
        mine = part == which
        own = np.flatnonzero(mine.any(axis=1))
        own = own[own >= start]
        if own.size:
            lo, hi = int(own[0]), int(own[-1]) + 1
            first = np.maximum(block.first, block.rows_before(int(day)))
            begin = min(int(first[mine.any(axis=0)].min()), lo)
            yield Part(begin, lo, hi, np.maximum(first - begin, 0), mine[lo:hi])
