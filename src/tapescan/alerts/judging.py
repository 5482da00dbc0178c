"""What a minute makes of a rule: pure functions from a state and a minute to a state and alerts, so that a replay,
and a session that is taken up again, come to the same.

    (state, what was seen of the minute) ──▶ (state, alerts)

A rule holds or does not hold of each symbol: it begins to hold where its condition is true, and ends where the
condition that ends it is true; what is unknown changes nothing. Alerts are made as it begins, or as it ends. An alert
is numbered within its rule, symbol and session: rule, symbol, session and number name it wherever it is made again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from tapescan.core.typing import Bools, Ints

__all__ = ["Alert", "Kind", "Limits", "Plan", "Seen", "State", "judge", "judge_plans", "primed"]

Kind: TypeAlias = Literal["enter", "leave", "stop", "target", "full"]


class Alert(NamedTuple):
    """One alert. symbol : empty for one of no symbol. number : from 1, of its rule, symbol, session and kind.
    kind : ``full`` says that the session's most are reached, and that no more come. quiet : it is kept, and not sent.
    """

    rule: str
    digest: str
    symbol: str
    session: dt.date
    minute: int
    number: int
    kind: Kind
    quiet: bool = False

    @property
    def key(self) -> str:
        """Names it: whoever gets two of one key drops the second."""
        return f"{self.rule}.{self.digest}/{self.symbol or '-'}/{self.session}/{self.kind}-{self.number}"


class Plan(msgspec.Struct, frozen=True):
    """A trade plan that is watched. since : the minute from which its levels count. over : it was hit, or left."""

    symbol: str
    long: bool
    entry: float
    stop: float
    target: float
    since: int
    over: bool = False


class Limits(NamedTuple):
    """How often a rule alerts. begins, ends : whether as it begins to hold, and as it ends (`Rule.edges`); again,
    cooldown, most : as `Rule`."""

    rule: str
    digest: str
    begins: bool = True
    ends: bool = False
    again: bool = False
    cooldown: int = 15
    most: int = 50


class Seen(NamedTuple):
    """A rule's part of a minute.

    symbols : those that are known. on, off : where the condition is true, and where what ends it is, bool
    ``(symbols,)``. order : the lower, the sooner alerted, int64 ``(symbols,)``.
    """

    symbols: tuple[str, ...]
    on: Bools
    off: Bools
    order: Ints


def _none() -> Bools:
    return np.zeros(0, dtype=bool)


_Last: TypeAlias = list[tuple[tuple[str, Kind], tuple[int, int, int]]]
_Stored: TypeAlias = tuple[int, tuple[str, ...], _Last, int, int, bool, tuple[Plan, ...]]


@dataclass(frozen=True, eq=False)
class State:
    """A rule within a session. Never changed.

    minute : the newest that was judged, -1 before the first. symbols, holds : of whom it is known, and of whom it
    holds, bool ``(symbols,)``. last : of each symbol and kind that was alerted, the number and the minute of the
    newest alert that was not quiet, and the number of the newest at all. told, kept : alerts that were sent, and
    quiet ones. full : whether it was said that no more come. plans : those that are watched.
    """

    minute: int = -1
    symbols: tuple[str, ...] = ()
    holds: Bools = field(default_factory=_none)
    last: dict[tuple[str, Kind], tuple[int, int, int]] = field(default_factory=dict)
    told: int = 0
    kept: int = 0
    full: bool = False
    plans: tuple[Plan, ...] = ()

    def stored(self) -> bytes:
        """As JSON text."""
        holds = list(compress(self.symbols, self.holds.tolist()))
        last = list(self.last.items())
        facts = [self.minute, holds, last, self.told, self.kept, self.full, self.plans]
        return msgspec.json.encode(facts)

    @classmethod
    def of_stored(cls, text: bytes) -> State:
        """Of `stored`."""
        minute, holds, last, told, kept, full, plans = msgspec.json.decode(text, type=_Stored)
        return cls(minute, holds, np.ones(len(holds), dtype=bool), dict(last), told, kept, full, plans)

    def of(self, symbols: tuple[str, ...]) -> tuple[tuple[str, ...], Bools]:
        """Symbols and whether it holds of each: those given first, then others of whom it holds."""
        if symbols is self.symbols or symbols == self.symbols:
            return symbols, self.holds
        held = set(compress(self.symbols, self.holds.tolist()))
        gone = tuple(sorted(held.difference(symbols)))
        every = (*symbols, *gone)
        return every, np.fromiter((one in held for one in every), dtype=bool, count=len(every))


def primed(state: State, seen: Seen) -> State:
    """A state in which it holds of whom it held before the session, without an alert."""
    return replace(state, symbols=seen.symbols, holds=seen.on.copy())


def judge(
    state: State, seen: Seen, limits: Limits, session: dt.date, minute: int, *, quiet: bool = False
) -> tuple[State, list[Alert]]:
    """A minute judged; one that was judged before changes nothing.

    minute : the one that begins. quiet : whether nothing is sent now.
    """
    if minute <= state.minute:
        return state, []
    symbols, held = state.of(seen.symbols)
    more = len(symbols) - len(seen.symbols)
    on, off = (np.concatenate([one, np.zeros(more, dtype=bool)]) if more else one for one in (seen.on, seen.off))
    holds = on | (held & ~off)
    begun = np.flatnonzero(holds & ~held) if limits.begins else np.zeros(0, dtype=np.int64)
    ended = np.flatnonzero(held & ~holds) if limits.ends else np.zeros(0, dtype=np.int64)
    state = replace(state, minute=minute, symbols=symbols, holds=holds)
    found: list[tuple[str, Kind]] = []
    kinds: tuple[tuple[Ints, Kind], ...] = ((begun, "enter"), (ended, "leave"))
    order = np.concatenate([seen.order, np.full(more, np.iinfo(np.int64).max)]) if more else seen.order
    for places, kind in kinds:
        found += [(symbols[at], kind) for at in places[np.argsort(order[places], kind="stable")].tolist()]
    return _told(state, found, limits, session, minute, quiet)


def judge_plans(
    state: State,
    reached: Callable[[str, int], tuple[float, float] | None],
    begun: Iterable[Plan],
    limits: Limits,
    session: dt.date,
    minute: int,
    *,
    quiet: bool = False,
) -> tuple[State, list[Alert]]:
    """The plans that are watched, judged; one that was hit is over, whatever its minutes are corrected to.

    reached : of a symbol, the lowest and the highest price from a minute on; None where it has not traded. begun :
    plans that begin with this minute; one of a symbol whose own is still watched is left out. limits : `begins` for
    stops, `ends` for targets. Where one minute reaches both, the stop is told: nobody knows which came first.
    """
    if minute <= state.minute:
        return state, []
    hits: list[tuple[str, Kind]] = []
    plans = []
    for plan in state.plans:
        kind = None if plan.over else _hit(plan, reached(plan.symbol, plan.since))
        if kind is not None and (limits.begins if kind == "stop" else limits.ends):
            hits.append((plan.symbol, kind))
        plans.append(plan if kind is None else msgspec.structs.replace(plan, over=True))
    watched = {plan.symbol for plan in plans if not plan.over}
    for plan in begun:
        if plan.symbol not in watched:
            watched.add(plan.symbol)
            plans.append(plan)
    state = replace(state, minute=minute, plans=tuple(plans))
    # Each plan is hit once: that is often enough, and none is left out.
    return _told(state, hits, limits._replace(again=True, cooldown=0), session, minute, quiet)


def _hit(plan: Plan, prices: tuple[float, float] | None) -> Kind | None:
    if prices is None:
        return None
    low, high = prices
    if low <= plan.stop if plan.long else high >= plan.stop:
        return "stop"
    return "target" if (high >= plan.target if plan.long else low <= plan.target) else None


def _told(
    state: State, found: Sequence[tuple[str, Kind]], limits: Limits, session: dt.date, minute: int, quiet: bool
) -> tuple[State, list[Alert]]:
    """The alerts of what was found, as far as the limits let them. found : symbol and kind, the first ones first."""
    if not found:
        return state, []
    last, told, kept, full = dict(state.last), state.told, state.kept, state.full
    alerts: list[Alert] = []

    def alert(symbol: str, number: int, kind: Kind) -> None:
        alerts.append(Alert(limits.rule, limits.digest, symbol, session, minute, number, kind, quiet))

    for symbol, kind in found:
        sent, at, newest = last.get((symbol, kind), (0, -1, 0))
        if sent and not (limits.again and minute - at >= limits.cooldown):
            continue
        if (kept if quiet else told) >= limits.most:
            if not full and not quiet:
                full = True
                alert("", 1, "full")
            continue
        alert(symbol, newest + 1, kind)
        if quiet:
            kept += 1
            last[symbol, kind] = (sent, at, newest + 1)
        else:
            told += 1
            last[symbol, kind] = (newest + 1, minute, newest + 1)
    return replace(state, last=last, told=told, kept=kept, full=full), alerts
