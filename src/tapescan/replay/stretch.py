"""A stretch of sessions of all lanes: features, terms of earlier bars and forward returns, each a value a session and
symbol, from one pass of the kernels.

The value of a session is the one that a scan of it gives, to the last bit: of the history that its date begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from tapescan.core.settings import Device
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.engine.threads import Threads
from tapescan.features import device
from tapescan.features.compute import newest_rows, replayed
from tapescan.features.plan import Plan
from tapescan.market.anchor import anchor, anchors
from tapescan.market.index import MarketIndex
from tapescan.market.panel import Block
from tapescan.models.samples.labels import forward_returns_over, reach
from tapescan.replay.lanes import Laid, Lanes
from tapescan.replay.longer import NewestRows, look_longer
from tapescan.screen.earlier import Look, terms_of
from tapescan.screen.nodes import Earlier
from tapescan.screen.values import UNKNOWN

__all__ = ["Stretch", "Wanted", "compute"]


class Wanted(NamedTuple):
    """What is computed of each session.

    sessions : all that the market has, ascending; a session's number is its place among them. looks : at earlier or
    longer bars. horizons : of forward returns. exchange : the exchange's sessions. settled : the newest session of
    most of the market, with which forward returns end. device : what computes features.
    """

    sessions: Days
    plan: Plan
    looks: tuple[Look, ...]
    horizons: tuple[int, ...]
    exchange: Days
    settled: int
    device: Device = "cpu"


@dataclass(frozen=True)
class Stretch:
    """Values of some sessions, ``days`` of them, of all symbols; NaN where a symbol has no bar of a session.

    features : ``(days, names, symbols)``. terms : of each look, by term ``(days, symbols)``. forward : ``(days,
    horizons, symbols)``, as `labels.forward_returns`. bars, newest : how many bars each symbol has up to
    each session, and its newest one, ``(days, symbols)``; 0 for none.
    """

    days: Days
    features: Floats
    terms: tuple[Mapping[Earlier, Array], ...] = field(repr=False)
    forward: Floats = field(repr=False)
    bars: Ints = field(repr=False)
    newest: Days = field(repr=False)


class _Piece(NamedTuple):
    """numbers : of the sessions, ascending. against : what features are measured against. features : of the plan, as
    `replayed` gives them, where they are there already."""

    lanes: Lanes
    numbers: Ints
    wanted: Wanted
    against: MarketIndex
    features: Floats | None = None

    @property
    def days(self) -> Days:
        found: Days = self.wanted.sessions[self.numbers]
        return found

    @property
    def rows(self) -> tuple[int, int]:
        """From which row of the lanes to before which they have these sessions."""
        return self.lanes.stretch(int(self.numbers[0]), int(self.numbers[-1]) + 1)


def compute(
    laid: Laid, days: Days, wanted: Wanted, index: MarketIndex, counted: tuple[Ints, Days] | None = None
) -> Stretch:
    """The values of a stretch. days : the sessions, ascending. index : that features are measured against. counted :
    bars and newest of the stretch, where the lanes do not have all bars."""
    lanes = laid.newest
    symbols = sum(len(one.first) for one in lanes)
    height = len(wanted.plan.names) + sum(len(look.terms) for look in wanted.looks)
    # One row of all that hangs on the basis: features, then terms.
    numbers = np.searchsorted(wanted.sessions, days)
    values = np.empty((len(days), height, symbols))
    forward = np.empty((len(days), len(wanted.horizons), symbols))
    for fill, out, others in ((_values, values, laid.bases), (_forward, forward, laid.ahead)):
        into = [out[:, :, int(one.place[0]) : int(one.place[-1]) + 1] for one in lanes]
        due = _due(others, days)
        apart = [np.empty((len(days), out.shape[1], len(one.first))) for one in due]
        pieces = [_Piece(one, numbers, wanted, index) for one in (*lanes, *due)]
        if fill is _values and wanted.device == "cuda":
            pieces = _with_features(pieces)
        Threads().fill(fill, pieces, [*into, *apart])
        for one, found in zip(due, apart, strict=True):
            day, lane = np.nonzero(one.speaks(days))
            out[day, :, one.place[lane]] = found[day, :, lane]
    bars, newest = counted or _bars(laid, days, numbers)
    features = at = len(wanted.plan.names)
    terms: list[dict[Earlier, Array]] = []
    for look in wanted.looks:
        rows = {term: values[:, at + place] for place, term in enumerate(look.terms)}
        terms.append({term: _condition(row) if term.kind == "condition" else row for term, row in rows.items()})
        at += len(look.terms)
    return Stretch(days, values[:, :features], tuple(terms), forward, bars, newest)


def _bars(laid: Laid, days: Days, numbers: Ints) -> tuple[Ints, Days]:
    """As `Stretch.bars` and `Stretch.newest`."""
    bars, newest = (
        np.concatenate(parts, axis=1) for parts in zip(*(_counted(one, numbers) for one in laid.newest), strict=True)
    )
    for one in _due(laid.spells, days):
        day, lane = np.nonzero(one.speaks(days))
        many, last = _counted(one, numbers)
        bars[day, one.place[lane]] = many[day, lane]
        newest[day, one.place[lane]] = last[day, lane]
    return bars, newest


def _condition(values: Floats) -> Array:
    """The codes of a condition; unknown where there is no bar."""
    found: Array = np.where(np.isnan(values), UNKNOWN, values).astype(np.int8)
    return found


def _due(lanes: Sequence[Lanes], days: Days) -> list[Lanes]:
    """Those of which any speaks for some days."""
    return [one for one in lanes if (one.within[:, 0] <= days[-1]).any() and (one.within[:, 1] > days[0]).any()]


def _counted(lanes: Lanes, numbers: Ints) -> tuple[Ints, Days]:
    """How many bars each lane has up to each session, and the newest one's session, ``(numbers, lanes)``."""
    upto = np.clip(lanes.before(numbers + 1), lanes.first, lanes.until)
    session = lanes.sessions[np.maximum(upto - 1, 0), np.arange(len(lanes.first))]
    return upto - lanes.first, np.where(upto > lanes.first, session, 0).astype(np.int32)


def _values(piece: _Piece, out: Floats) -> None:
    """The features and terms of one block of lanes: ``(days, features ... terms, lanes)``."""
    lanes, wanted = piece.lanes, piece.wanted
    begin, end = piece.rows
    if begin == end:
        out.fill(np.nan)
        return
    row, there = _rows(piece, begin, end)
    if not there.any():
        out.fill(np.nan)
        return
    count = len(wanted.plan.names)
    if count:
        found = replayed(wanted.plan, _cuts(piece), end - begin) if piece.features is None else piece.features
        _spread(found, row, out[:, :count])
    for look in wanted.looks:
        into = out[:, count : count + len(look.terms)]
        if look.frame:
            look_longer(look, lanes, piece.numbers, wanted.sessions, piece.against, into, _newest_by(wanted))
        else:
            _look(look, piece, into)
        count += len(look.terms)
    out.transpose(0, 2, 1)[~(there & lanes.speaks(piece.days))] = np.nan


def _cuts(piece: _Piece) -> dict[int, Block]:
    """What the plan's features of a piece are computed of, by span."""
    (begin, end), wanted, day = piece.rows, piece.wanted, int(piece.days[0])
    return {
        span: _since(piece.lanes, _number(wanted, anchor(day, span)), begin, end, _index(piece, wanted.plan, span))
        for span in wanted.plan.spans
    }


def _with_features(pieces: Sequence[_Piece]) -> list[_Piece]:
    """The pieces with their features, which a GPU computes beside each other."""
    found = list(pieces)
    due = [at for at, one in enumerate(pieces) if one.wanted.plan.names and one.rows[0] < one.rows[1]]
    cuts = [device.Cut(_cuts(pieces[at]), pieces[at].rows[1] - pieces[at].rows[0]) for at in due]
    for at, values in zip(due, device.replayed(pieces[0].wanted.plan, cuts) if cuts else (), strict=True):
        found[at] = pieces[at]._replace(features=values)
    return found


def _newest_by(wanted: Wanted) -> NewestRows:
    """What computes the newest rows of features."""
    return device.newest_rows if wanted.device == "cuda" else newest_rows


def _index(piece: _Piece, plan: Plan, span: int) -> MarketIndex | None:
    """What a plan's steps of a span are measured against; None where none is."""
    return piece.against if "market" in plan.calls[span].inputs else None


def _number(wanted: Wanted, day: int) -> int:
    """Of the first session of the day or later."""
    return int(np.searchsorted(wanted.sessions, day))


def _rows(piece: _Piece, begin: int, end: int) -> tuple[Ints, Bools]:
    """Where each session stands among the rows from one to another: ``(days,)``, or ``(days, lanes)`` where that
    differs; and whether a lane has a bar on it, ``(days, lanes)``."""
    lanes, mine = piece.lanes, piece.lanes.bars(begin, end)
    before, upto = lanes.before(piece.numbers), lanes.before(piece.numbers + 1)
    row = np.clip(before - begin, 0, end - begin - 1)
    there = mine[row, np.arange(row.shape[1])] & (upto > before)
    return row[:, 0] if lanes.alike else row, there


def _spread(values: Floats, row: Ints, out: Floats) -> None:
    """``(names, rows, lanes)`` to ``(days, names, lanes)``."""
    if row.ndim == 1:
        if len(row) == row[-1] - row[0] + 1:
            out[:] = values[:, row[0] : row[-1] + 1].transpose(1, 0, 2)
            return
        for at, one in enumerate(row):
            out[at] = values[:, one]
        return
    out[:] = values[:, row, np.arange(row.shape[1])].transpose(1, 0, 2)


def _since(lanes: Lanes, number: int, own: int, end: int, index: MarketIndex | None) -> Block:
    """The rows up to one in which any lane has a bar of a session or later ones, and all from the row `own` on: of
    few lanes none may have a bar in the first of those. Bars of before do not count."""
    first = np.maximum(lanes.before(number), lanes.first)
    begin = min(int(first.min()), own, end - 1)
    return replace(lanes.block(begin, end, index), first=first - begin)


def _look(look: Look, piece: _Piece, out: Floats) -> None:
    """A look's terms at bars of a session: ``(days, terms, lanes)``. All that a term is made of is of the history of
    its own session, so sessions are taken together as long as no history begins anew."""
    lanes, wanted, days = piece.lanes, piece.wanted, piece.days
    spans = sorted({span for _, plan in look.plans for span in plan.spans})
    histories = np.array([anchors(days, span) for span in spans]).reshape(len(spans), len(days))
    edges = np.flatnonzero((np.diff(histories, axis=1) != 0).any(axis=0)) + 1
    for lo, hi in zip([0, *edges], [*edges, len(days)], strict=True):
        some = piece._replace(numbers=piece.numbers[lo:hi])
        begin, end = some.rows
        row, there = _rows(some, begin, end) if end > begin else (np.zeros(0, np.int64), np.zeros((0, 0), bool))
        if not there.any():
            out[lo:hi] = np.nan
            continue
        rows, features = end - begin, dict[str, Floats]()
        for newest, plan in look.plans:
            since = {span: _number(wanted, anchor(int(days[lo]), span)) for span in plan.spans}
            cuts = tuple(_since(lanes, one, begin, end, _index(piece, plan, span)) for span, one in since.items())
            features |= _newest_by(wanted)(plan, cuts, rows + newest - 1)
        for values in features.values():
            values[np.isinf(values)] = np.nan  # unknown to expressions
        found = terms_of(look, features, rows)
        values = np.array([found[term] for term in look.terms], dtype=np.float64)
        # Of constants alone a term is the same in all lanes.
        _spread(np.broadcast_to(values, (*values.shape[:2], out.shape[2])), row, out[lo:hi])


def _forward(piece: _Piece, out: Floats) -> None:
    """The forward returns of one block of lanes: ``(days, horizons, lanes)``."""
    lanes, wanted = piece.lanes, piece.wanted
    begin, end = piece.rows
    if begin == end or not wanted.horizons:
        out.fill(np.nan)
        return
    row, there = _rows(piece, begin, end)
    last = min(end + reach(max(wanted.horizons)), lanes.rows)
    session = np.where(
        np.arange(begin, last)[:, None] < lanes.until, lanes.sessions[begin:last], np.iinfo(np.int32).max
    )
    nothing = np.empty((0, 0))
    block = Block(
        open=lanes.open[begin:last],
        high=nothing,
        low=nothing,
        close=lanes.close[begin:last],
        volume=nothing,
        session=session.astype(np.int32),
        market=nothing,
        first=np.maximum(lanes.first - begin, 0),
        offset=0,
    )
    found = forward_returns_over(block, wanted.horizons, wanted.exchange, wanted.settled)
    _spread(found[:, : end - begin], row, out)
    out.transpose(0, 2, 1)[~there] = np.nan
