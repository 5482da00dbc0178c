"""The pass over the sessions: each is ranked as a scan ranks it, and its picks are written down with what came of
them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.labels import Labels
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.market.eligibility import TRADED
from tapescan.replay.matched import draw_matched
from tapescan.replay.parts import PickReturns
from tapescan.replay.returns import DRAWS, SessionReturns
from tapescan.replay.walk import Seen, Walk
from tapescan.scan.cross_section import CrossSection
from tapescan.scan.pipeline import rank
from tapescan.scan.result import ScanResult

__all__ = ["PICKED", "PICKING", "Collected", "Picked", "collect", "picked_of"]

#: What is written down of a pick, beside its session.
PICKED = (
    "rank",
    "symbol",
    "sector",
    "score",
    "side",
    "close",
    "entry",
    "stop",
    "target",
    "shares",
    "dollars",
    "risk",
)

#: The feature by which random picks are matched in volatility.
VOLATILITY = "realised_volatility_63"

#: The features that are asked of picks, and of those like them.
PICKING = ("close", TRADED, VOLATILITY)

#: Why a symbol is not picked that could have been.
_COULD = ("", "screen")


@dataclass
class Picked:
    """sessions : replayed, ascending. picks : session (date) and PICKED, in the order of session and rank. place :
    int64, of each pick's symbol in the walk's order. number : int64, the place of its session among `sessions`.
    traded : its mean dollars a session; paid : its close as it was paid, in dollars; scale : the regime's multiplier
    of the risk of its trade.
    returns : of the sessions; those of shorts are turned where longs are picked beside them. single : of the picks,
    over `hold`. regime : of each session, by its day number. ranked : how many satisfied all, ``(sessions,)``.
    shown : the rows of some sessions, by day number. stopped : whether the pass was broken off.
    """

    sessions: Days
    picks: pl.DataFrame
    place: Ints
    number: Ints
    traded: Floats
    paid: Floats
    scale: Floats
    returns: SessionReturns
    single: PickReturns
    short: bool
    regime: dict[int, str]
    ranked: Ints
    shown: dict[int, pl.DataFrame]
    stopped: bool = False


@dataclass
class Collected:
    """One entry a session. days : the last that is written down of each."""

    frames: list[pl.DataFrame] = field(default_factory=list)
    places: list[Ints] = field(default_factory=list)
    way: list[Floats] = field(default_factory=list)
    forward: list[Floats] = field(default_factory=list)
    eligible: list[Floats] = field(default_factory=list)
    index: list[Floats] = field(default_factory=list)
    matched: list[Floats] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    ranked: list[int] = field(default_factory=list)
    liquidity: list[Floats] = field(default_factory=list)
    traded: list[Floats] = field(default_factory=list)
    paid: list[Floats] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)
    regime: list[str] = field(default_factory=list)
    days: list[int] = field(default_factory=list)
    shown: dict[int, pl.DataFrame] = field(default_factory=dict)

    def cut(self, done: int) -> None:
        """Leave so many sessions."""
        for name in self.__dataclass_fields__:
            if name != "shown":
                del getattr(self, name)[done:]
        self.shown = {day: rows for day, rows in self.shown.items() if day in self.days}

    def part(self, first: int, until: int) -> Collected:
        """The sessions from one place to before another."""
        lists = {name: getattr(self, name)[first:until] for name in self.__dataclass_fields__ if name != "shown"}
        return Collected(**lists, shown={day: rows for day, rows in self.shown.items() if day in lists["days"]})

    def add(self, later: Collected) -> None:
        """Another's sessions, which come after these."""
        for name in self.__dataclass_fields__:
            if name != "shown":
                getattr(self, name).extend(getattr(later, name))
        self.shown |= later.shown


def _bought(places: list[Ints], step: int) -> Floats:
    """The share of each session's picks that is bought where they take the place of those so many steps before, each
    being an equal part."""
    out = np.full(len(places), np.nan)
    for at, one in enumerate(places):
        if len(one):
            before = places[at - step] if at >= step else one[:0]
            kept = np.isin(one, before).sum() * min(1.0 / len(one), 1.0 / max(len(before), 1))
            out[at] = 1.0 - kept
    return out


def collect(
    walk: Walk,
    sessions: Days,
    top: int,
    hold: int,
    every: int = 1,
    *,
    keep: int = 0,
    shown: Collection[int] = (),
    into: Sequence[Collected] = (),
    told: Callable[[int], None] | None = None,
) -> tuple[Sequence[Collected], bool]:
    """Rank each session by each of the walk's requests, and write the best down: of each request; and whether the
    pass was broken off.

    top : how many. hold : sessions, one of the walk's horizons. every : from one of the sessions to the next. keep :
    what a cohort holds stays in the one that takes its place while it ranks among so many; 0 for none of it.
    shown : day numbers whose rows are kept whole. into : what is written down of the sessions before, to go on with.
    told : called with the sessions that are written down by now.
    An interruption ends the pass with the sessions that are done.
    """
    found = into or [Collected() for _ in walk.requests]
    done, step = len(found[0].days), max(hold // every, 1)
    try:
        for seen in walk.sections(sessions):
            ranked = [rank(section, one) for section, one in zip(seen.sections, walk.ranked, strict=True)]
            # An interruption within leaves all with the sessions before.
            for one, section, result in zip(found, seen.sections, ranked, strict=True):
                before = one.places[-step] if keep and len(one.places) >= step else None
                _add(one, section, seen, result, _chosen(result, seen, top, keep, before))
                day = day_number(section.as_of)
                if day in shown:
                    one.shown[day] = result.best(top)
            done += 1
            if told is not None:
                told(done)
    except KeyboardInterrupt:
        for one in found:
            one.cut(done)  # what it left half done
        return found, True
    return found, False


def _chosen(result: ScanResult, seen: Seen, top: int, keep: int, before: Ints | None) -> Ints:
    """Where the picks stand among the ranked, ascending: what stays of those before, and the best of the others.

    before : places among all symbols.
    """
    ranked = result.coverage.ranked
    if before is None:
        return np.arange(min(top, ranked))
    stays = np.isin(seen.places[result.assembled.order[: min(keep, ranked)]], before)
    stay = np.flatnonzero(stays)[:top]
    others = np.delete(np.arange(min(top, ranked)), stay[stay < top])
    return np.sort(np.concatenate((stay, others[: top - len(stay)])))


def _add(found: Collected, section: CrossSection, seen: Seen, result: ScanResult, chosen: Ints) -> None:
    forward = seen.forward
    order = result.assembled.order[chosen]
    dropped = result.assembled.columns["dropped"]
    assert isinstance(dropped, Labels)
    eligible: Bools = dropped.among(_COULD)[: len(section.symbols)]
    day = day_number(section.as_of)
    own = _own(result.assembled.columns, order)
    rows = result.assembled.head(int(chosen[-1]) + 1 if len(chosen) else 0, PICKED)
    rows = rows if len(rows) == len(chosen) else rows[chosen.tolist()]
    found.frames.append(rows.insert_column(0, _dates(section.as_of, len(order))))
    found.places.append(seen.places[order])
    found.way.append(own)
    found.forward.append(forward[:, order])
    with_return = forward[:, eligible]
    known = ~np.isnan(with_return)
    found.eligible.append(_mean(np.where(known, with_return, 0.0).sum(axis=1), known.sum(axis=1)))
    index = section.listing.places.get(section.index)
    found.index.append(np.full(len(forward), np.nan) if index is None else forward[:, index])
    traded = section.features[TRADED]
    size = np.sort(traded[eligible])
    found.liquidity.append(np.searchsorted(size, traded[order]) / max(len(size), 1))
    found.traded.append(traded[order])
    listed, close = section.listed, section.features["close"][order]
    inside = listed["factor"].fill_null(1.0).to_numpy()[order] if "factor" in listed.columns else 1.0
    found.paid.append(close * inside)
    if len(order):
        volatility = section.features[VOLATILITY]
        drawn = draw_matched(order, eligible, volatility, traded, section.sector, DRAWS, day)
        returns = forward[:, drawn] * own
        known = ~np.isnan(returns)
        found.matched.append(_mean(np.where(known, returns, 0.0).sum(axis=2), known.sum(axis=2)))
    else:
        found.matched.append(np.full((len(forward), DRAWS), np.nan))
    found.counts.append(int(eligible.sum()))
    found.ranked.append(result.coverage.ranked)
    found.scale.append(float(result.provenance["risk_scale"]))
    found.regime.append(str(result.regime))
    found.days.append(day)


def _dates(day: Any, count: int) -> pl.Series:
    return pl.Series("session", [day], dtype=pl.Date).new_from_index(0, count)


def _own(columns: Mapping[str, Any], order: Ints) -> Floats:
    """1 for each long of some picks, -1 for each short."""
    side = columns["side"]
    assert isinstance(side, Labels)
    return np.where(side.codes[order] == side.texts.index("long"), 1.0, -1.0)


def _mean(total: Floats, count: Ints) -> Floats:
    out: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return out


def picked_of(found: Collected, horizons: tuple[int, ...], hold: int, every: int, stopped: bool) -> Picked:
    """What was picked on the sessions that are written down."""
    counts = np.array([len(one) for one in found.places])
    place, way = np.concatenate(found.places), np.concatenate(found.way)
    short = bool(len(way)) and bool((way < 0.0).all())
    # Where all are short, who reads the returns turns them; where some are, it is done here.
    turn = np.ones(len(way)) if short else way
    edges = np.concatenate([[0], np.cumsum(counts)])
    forward = np.concatenate(found.forward, axis=1) * turn if len(way) else np.zeros((len(horizons), 0))
    pieces = [forward[:, lo:hi] for lo, hi in pairwise(edges)]
    means = np.array([_mean(np.nansum(one, axis=1), (~np.isnan(one)).sum(axis=1)) for one in pieces])
    matched = np.array(found.matched) * (-1.0 if short else 1.0)
    eligible, index = np.array(found.eligible), np.array(found.index)
    sessions = np.array(found.days, dtype=np.int32)
    number = np.repeat(np.arange(len(sessions)), counts)
    returns = SessionReturns(
        session=sessions,
        eligible=np.array(found.counts, dtype=np.int64),
        picked=counts.astype(np.int64),
        new=_new(found.places),
        bought={one: _bought(found.places, one // every) for one in horizons if one % every == 0},
        picks={one: means[:, at] for at, one in enumerate(horizons)},
        eligible_mean={one: eligible[:, at] for at, one in enumerate(horizons)},
        index={one: index[:, at] for at, one in enumerate(horizons)},
        matched={one: matched[:, at] for at, one in enumerate(horizons)},
    )
    picks = pl.concat(found.frames, how="vertical_relaxed")
    single = PickReturns(
        place=number,
        symbol=place,
        forward=forward[horizons.index(hold)],
        liquidity=np.concatenate(found.liquidity),
        sector=Labels.of(picks["sector"]),
    )
    return Picked(
        sessions=sessions,
        picks=picks,
        place=place,
        number=number,
        traded=np.concatenate(found.traded),
        paid=np.concatenate(found.paid),
        scale=np.repeat(np.array(found.scale), counts),
        returns=returns,
        single=single,
        short=short,
        regime=dict(zip(found.days, found.regime, strict=True)),
        ranked=np.array(found.ranked, dtype=np.int64),
        shown=found.shown,
        stopped=stopped,
    )


def _new(places: list[Ints]) -> Floats:
    """The share of each session's picks that the one before did not have."""
    out = np.full(len(places), np.nan)
    before: set[int] = set()
    for at, one in enumerate(places):
        now = set(one.tolist())
        if now:
            out[at] = len(now - before) / len(now)
        before = now
    return out
