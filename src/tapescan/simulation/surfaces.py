"""What the simulated market's options are priced with: volatility by time and strike, borrowing, how well they trade.

The variance to a time T is ``long T + (now - long) (1 - e^(-k T)) / k``, and the square of a move for each event
(earnings) before it. `now` wanders about `long`, with the market's turmoil and by itself, from one session to the
next. At a strike volatility is that at the forward times ``1 + skew z + curve z^2``, with z as in `options.smile`,
flat beyond |z| = 2.5. The bars know nothing of events: no more moves on those days than on others.

Groups draw from streams of their own, as the bars do: what is of a name hangs on the seed, its place and the number
of sessions, and what is of a session on none after it.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np

from tapescan.core.dates import day_number
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.market import calendar
from tapescan.market.closing import last_session, moments
from tapescan.options.contracts import expiries, years
from tapescan.options.rates import Curve
from tapescan.simulation.names import GROUP, group_order, group_traits, stream
from tapescan.simulation.paths import draw_factors, total_volatility
from tapescan.simulation.presence import draw_listed

__all__ = ["QUARTER", "RATES", "WIDEST", "Expiries", "Surfaces", "draw_surfaces", "expiries_on", "factor"]

#: The rate by time.
RATES = Curve((0.1, 1.0, 3.0), (0.042, 0.044, 0.047))

#: How fast a variance comes back, a year; how its level remembers itself from session to session, and wanders.
FADING, MEMORY, WANDER = 4.0, 0.96, 0.05
#: What of the level follows the market's turmoil, and over how many sessions that is averaged.
COMMON, SMOOTHED = 0.4, 10
#: Volatility that is asked for above what the bars have, and its bounds a year.
DEAR, LEAST, MOST = 1.08, 0.08, 2.5

#: Beyond so many deviations a smile is flat.
WIDEST = 2.5
#: Sessions between events.
QUARTER = 63

#: Names with options trade above this many $ a session, as a logarithm, and began above this price; those with weekly
#: and long ones trade more.
TRADED, TRADED_WEEKLY, CHEAPEST = 13.0, 16.0, 3.0


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Of each name with options, ``(names,)``, in the order of the symbols' numbers.

    number : that of the symbol, whatever the market's size. weekly : has weekly and long expiries. current : the
    variance that fades, ``(sessions, names)``. event : the number of a session after which one comes, as others do
    every `QUARTER` sessions. move : one deviation of it, as a logarithm; 0 for names without. dividend : quarterly, a
    share of the price. width : of a quote, a share of what is at the money. interest : contracts open. puts : their
    share. traded : in each session, ``(sessions, names)``, contracts. first, last : sessions listed.
    """

    days: Days
    symbols: tuple[str, ...]
    number: Ints
    weekly: Bools
    current: Floats
    long: Floats
    skew: Floats
    curve: Floats
    event: Ints
    move: Floats
    borrow: Floats
    dividend: Floats
    width: Floats
    interest: Floats
    puts: Floats
    traded: Floats
    first: Ints
    last: Ints

    def at(self, day: dt.date) -> int:
        """The number of a session; that of the last one before a day that is none."""
        return int(np.searchsorted(self.days, day_number(day), side="right")) - 1

    def part(self, places: Ints) -> Surfaces:
        """Of some names."""
        of = {one.name: getattr(self, one.name) for one in fields(self)}
        cut = {name: values[..., places] for name, values in of.items() if name not in {"days", "symbols"}}
        return Surfaces(days=self.days, symbols=tuple(self.symbols[place] for place in places.tolist()), **cut)

    def variance(self, session: int, times: Floats, ahead: Ints, places: Ints | slice = slice(None)) -> Floats:
        """Total to each expiry. session : its number. times, ahead : of expiries, years and sessions until them, that
        go with the names at `places` as numpy has it."""
        fade = -np.expm1(-FADING * times) / FADING
        long, move = self.long[places], self.move[places]
        total: Floats = long * (times - fade) + self.current[session][places] * fade
        return total + move * move * self.events(session, ahead, places)

    def events(self, session: int, ahead: Ints, places: Ints | slice = slice(None)) -> Ints:
        """How many come before an expiry."""
        until = (self.event[places] - session) % QUARTER
        found: Ints = np.maximum(-((until - ahead) // QUARTER), 0)
        return found


def factor(z: Floats, skew: Floats, curve: Floats) -> Floats:
    """Volatility at a strike to that at the forward."""
    inside = np.clip(z, -WIDEST, WIDEST)
    found: Floats = 1.0 + inside * (skew + inside * curve)
    return found


@dataclass(frozen=True, eq=False)
class Expiries:
    """Ascending: days since 1970-01-01, years from the session's close, sessions until then."""

    days: Days
    times: Floats
    ahead: Ints

    def __len__(self) -> int:
        return len(self.days)


def expiries_on(day: dt.date, *, weekly: bool) -> Expiries:
    """Of a name, as they are listed at the close of a session: the third Fridays of the next two months and of the
    next three quarters' firsts; and the next six Fridays and the Januaries of the next two years."""
    found = set()
    for month in range(11):
        third = _third_friday(day.year, day.month + month)
        found |= {third} if month < 3 or third.month % 3 == 1 else set()
    months = sorted(one for one in found if one > day)
    chosen = {*months[:2], *[one for one in months[2:] if one.month % 3 == 1][:3]}
    if weekly:
        friday = day + dt.timedelta(days=(4 - day.weekday()) % 7 or 7)
        chosen |= {friday + dt.timedelta(days=7 * week) for week in range(6)}
        chosen |= {_third_friday(day.year + year, 1) for year in (1, 2)}
    last = sorted({one for one in map(last_session, chosen) if one > day})
    days = np.array([day_number(one) for one in last], np.int32)
    now = int(moments(np.array([day_number(day)], np.int32), np.zeros(1, np.bool_))[0])
    expires = expiries(days, np.zeros(len(days), np.bool_))
    sessions = calendar.sessions(day, last[-1])
    return Expiries(days, years(expires, now), np.searchsorted(sessions, days).astype(np.int64))


def _third_friday(year: int, month: int) -> dt.date:
    """month : from 1; beyond 12 of the years after."""
    first = dt.date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)
    return first + dt.timedelta(days=(4 - first.weekday()) % 7 + 14)


def draw_surfaces(
    seed: int, symbols: int, days: Days, names: Collection[str] | None = None, threads: int | None = None
) -> Surfaces:
    """Of the first so many symbols over the sessions of these days. names : of some alone; of all for None."""
    wanted = None if names is None else frozenset(names)
    level = _common(seed, len(days))
    order = sorted(group_order(symbols))
    with ThreadPoolExecutor(threads or os.cpu_count()) as workers:
        counts = [min(GROUP, symbols - group * GROUP) for group in order]
        drawn = [
            one
            for one in workers.map(
                lambda group, count: _group(seed, group, count, days, level, wanted), order, counts
            )
            if one is not None
        ]
    if not drawn:
        drawn = [_empty(days)]
    joined = {
        one.name: np.concatenate([getattr(part, one.name) for part in drawn], axis=-1)
        for one in fields(Surfaces)
        if one.name not in {"days", "symbols"}
    }
    return Surfaces(days=days, symbols=tuple(name for part in drawn for name in part.symbols), **joined)


def _common(seed: int, sessions: int) -> Floats:
    """What all variances share, one value a session, about 1."""
    turmoil = draw_factors(seed, sessions).turmoil.astype(np.float64)
    smooth, mean = np.empty(sessions), 1.0
    for at, one in enumerate(turmoil.tolist()):
        mean += (one - mean) / SMOOTHED
        smooth[at] = mean
    return 1.0 - COMMON + COMMON * smooth


def _group(
    seed: int, group: int, count: int, days: Days, level: Floats, wanted: frozenset[str] | None
) -> Surfaces | None:
    """None where nothing is wanted of it."""
    traits = group_traits(seed, group)
    if wanted is not None and wanted.isdisjoint(traits.symbols):
        return None
    first, last, thin = draw_listed(seed, group, len(days))
    draw = stream(seed, 5, group)
    company, dollars = traits.is_type("common", "adr"), traits.dollars.astype(np.float64)
    fate = draw.random((3, GROUP))
    skew = draw.normal(-0.07, 0.03, GROUP).clip(-0.14, 0.02)
    curve, move = draw.uniform(0.008, 0.03, GROUP), draw.uniform(0.02, 0.1, GROUP)
    event, borrow = draw.integers(0, QUARTER, GROUP), draw.uniform(0.02, 0.4, GROUP)
    open_, puts, wide = draw.normal(0.0, 0.7, GROUP), draw.uniform(0.25, 0.55, GROUP), draw.normal(0.0, 0.4, GROUP)
    interest = np.rint(np.exp(0.8 * dollars - 3.5 + open_)) + 50.0
    noise = stream(seed, 6, group).standard_normal((2, len(days), GROUP), np.float32)
    places = np.flatnonzero(
        (company | traits.is_type("fund"))
        & ~thin
        & (dollars > TRADED)
        & (traits.price >= CHEAPEST)
        & (np.arange(GROUP) < count)
    )
    if wanted is not None:
        places = np.array([place for place in places.tolist() if traits.symbols[place] in wanted], np.int64)
    long = (total_volatility(traits)[places] * (DEAR * 252**0.5)).clip(LEAST, MOST).astype(np.float64) ** 2
    usual = 0.1 * interest[places]
    return Surfaces(
        days=days,
        symbols=tuple(traits.symbols[place] for place in places.tolist()),
        number=places + group * GROUP,
        weekly=dollars[places] > TRADED_WEEKLY,
        current=long * level[:, None] * np.exp(2.0 * _wandered(noise[0][:, places])),
        long=long,
        skew=skew[places],
        curve=curve[places],
        event=event[places],
        move=np.where(company & (fate[0] < 0.65), move, 0.0)[places],
        borrow=np.where(company & (fate[1] < 0.04), borrow, 0.0)[places],
        dividend=traits.dividend[places].astype(np.float64),
        width=np.exp(np.log(0.05) - 0.3 * (dollars - 16.0) + wide).clip(0.004, 0.3)[places],
        interest=interest[places],
        puts=puts[places],
        traded=np.rint(usual * np.exp(0.4 * noise[1][:, places])),
        first=first[places],
        last=last[places],
    )


def _wandered(shocks: Floats) -> Floats:
    """What remembers itself, ``(sessions, names)``, of deviation ``WANDER / sqrt(1 - MEMORY^2)`` in the long run."""
    found = np.empty(shocks.shape)
    now = np.zeros(shocks.shape[1])
    for at, row in enumerate(shocks):
        now = MEMORY * now + WANDER * row
        found[at] = now
    return found


def _empty(days: Days) -> Surfaces:
    none, table = np.empty(0), np.empty((len(days), 0))
    whole, flags = np.empty(0, np.int64), np.empty(0, np.bool_)
    return Surfaces(
        days,
        (),
        whole,
        flags,
        table,
        none,
        none,
        none,
        whole,
        none,
        none,
        none,
        none,
        none,
        none,
        table,
        whole,
        whole,
    )
