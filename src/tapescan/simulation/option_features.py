"""What the options of a simulated market say of each name, by its surfaces: no chain is drawn, or measured.

That is what measuring a chain of it would give if every contract were quoted at what it is worth: maturities lie
between the listed expiries by the rules of `options.maturities`. What hangs on single contracts is of the names'
own numbers: volumes, open contracts, spreads; `gex` and `max_pain_near` are rough, and `option_quality` is 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.options.maturities import QUARTER as QUARTER_DELTA
from tapescan.options.maturities import REACH
from tapescan.options.measures import APART, LEAST_MOVE, SHARES, SOON, STANDS_OUT, STRADDLE
from tapescan.simulation.chains import closes_on
from tapescan.simulation.market import SimulatedMarket
from tapescan.simulation.surfaces import RATES, Expiries, Surfaces, expiries_on, factor

__all__ = ["simulated_features"]

#: Points of the search for a strike of a delta, which is fine to a thousandth of a deviation.
_HALVINGS = 14


def simulated_features(
    market: SimulatedMarket, columns: Sequence[str], first: dt.date, last: dt.date
) -> pl.DataFrame:
    """`columns` (of the table `option_features`) of each name with options on each session from the first to the last
    of these days, by session; null where it is unknown.

    What is in dollars is so on days on which the name has a close alone.
    """
    surfaces = market.surfaces
    begin, end = surfaces.at(first - dt.timedelta(days=1)) + 1, surfaces.at(last) + 1
    priced = {"spot", "gex", "max_pain_near", *_MOVES} & {*columns}
    closes = closes_on(market, first, last).partition_by("session", as_dict=True) if priced else {}
    names = pl.Series("symbol", surfaces.symbols, dtype=pl.String)
    found = []
    for session in range(begin, end):
        day = date_of(int(surfaces.days[session]))
        listed = np.flatnonzero((surfaces.first <= session) & (session <= surfaces.last))
        spots = np.full(len(listed), np.nan)
        if (day,) in closes:
            known = names.gather(listed).to_frame().join(closes[day,], on="symbol", how="left", maintain_order="left")
            spots = known["close"].fill_null(np.nan).to_numpy()
        said = _Session(surfaces, session, day, listed, spots)
        found.append((listed, [said.column(name) for name in columns if name not in _KEY]))
    days = surfaces.days[begin:end]
    counts = [len(listed) for listed, _ in found]
    places = np.concatenate([listed for listed, _ in found]) if found else np.empty(0, np.int64)
    values = iter(zip(*(own for _, own in found), strict=True))
    made = {
        "symbol": names.gather(places),
        "session": pl.Series(np.repeat(days, counts), dtype=pl.Int32).cast(pl.Date),
    }
    for name in columns:
        if name not in _KEY:
            made[name] = pl.Series(np.concatenate(next(values)) if found else np.empty(0), nan_to_null=True)
    return pl.DataFrame(made).select(columns)


_KEY = ("symbol", "session")
_MOVES = {"expected_move_5": 5, "expected_move_21": 21, "straddle_move_5": 5, "straddle_move_21": 21}


class _Session:
    """One session's values of some names. listed : their places. spots : $, NaN for unknown."""

    def __init__(self, surfaces: Surfaces, session: int, day: dt.date, listed: Ints, spots: Floats) -> None:
        self.surfaces, self.session, self.listed, self.spots = surfaces, session, listed, spots
        self.kinds = [
            (surfaces.weekly[listed] == weekly, expiries_on_day(day_number(day), weekly)) for weekly in (False, True)
        ]
        self.skew, self.curve = surfaces.skew[listed], surfaces.curve[listed]

    def column(self, name: str) -> Floats:
        if name.startswith("iv_") and name[3:].isdigit():
            return self.vol(int(name[3:]) / 365)
        if name in _MOVES:
            return self._move(name)
        return _COLUMNS[name](self)

    def own(self, name: str) -> Floats:
        found: Floats = getattr(self.surfaces, name)[self.listed]
        return found

    def volume(self) -> Floats:
        found: Floats = self.surfaces.traded[self.session][self.listed]
        return found

    def vol(self, time: float) -> Floats:
        found: Floats = np.sqrt(self.at(time, self.total))
        return found

    def at(self, wanted: float, value: Callable[[int, Bools, Expiries], Floats]) -> Floats:
        """A total at a maturity, a year, by name; NaN where no expiry is near. value : of an expiry's place and the
        names that have it."""
        out = np.full(len(self.listed), np.nan)
        for own, expiries in self.kinds:
            after = int(np.searchsorted(expiries.times, wanted, side="right"))
            before = after - 1
            if before >= 0 and after < len(expiries):
                low, high = expiries.times[before], expiries.times[after]
                share = (wanted - low) / (high - low)
                both = (1.0 - share) * value(before, own, expiries) + share * value(after, own, expiries)
                out[own] = both / wanted
            elif before >= 0 and expiries.times[before] >= (1.0 - REACH) * wanted:
                out[own] = value(before, own, expiries) / expiries.times[before]
            elif after < len(expiries) and expiries.times[after] <= (1.0 + REACH) * wanted:
                out[own] = value(after, own, expiries) / expiries.times[after]
        return out

    def total(self, place: int, own: Bools, expiries: Expiries) -> Floats:
        return self.surfaces.variance(self.session, expiries.times[place], expiries.ahead[place], self.listed[own])

    def of_delta(self, upper: float) -> Floats:
        """The volatility in 30 days where d1 is so much."""

        def total(place: int, own: Bools, expiries: Expiries) -> Floats:
            variance = self.total(place, own, expiries)
            deviation, skew, curve = np.sqrt(variance), self.skew[own], self.curve[own]
            low, high = np.full(len(deviation), -2.5), np.full(len(deviation), 2.5)
            for _ in range(_HALVINGS):
                z = 0.5 * (low + high)
                ratio = factor(z, skew, curve)
                right = 0.5 * deviation * ratio - z / ratio > upper
                low, high = np.where(right, z, low), np.where(right, high, z)
            found: Floats = variance * factor(0.5 * (low + high), skew, curve) ** 2
            return found

        found: Floats = np.sqrt(self.at(30 / 365, total))
        return found

    def _move(self, name: str) -> Floats:
        time = _MOVES[name] / 252
        if name.startswith("expected"):
            move: Floats = self.spots * self.vol(time) * np.sqrt(time)
            return move

        def total(place: int, own: Bools, expiries: Expiries) -> Floats:
            # Near the money a straddle costs about this much of the forward.
            found: Floats = self.total(place, own, expiries) * (2.0 / np.pi)
            return found

        straddle: Floats = STRADDLE * self.spots * np.sqrt(self.at(time, total) * time)
        return straddle

    def event(self) -> Floats:
        """The event that stands out most, by the rules of `measures.foresee`."""
        out = np.full(len(self.listed), np.nan)
        for own, expiries in self.kinds:
            totals = np.stack([self.total(place, own, expiries) for place in range(len(expiries))])
            times, totals = np.concatenate([[0.0], expiries.times]), np.concatenate([0.0 * totals[:1], totals])
            largest = np.full(totals.shape[1], LEAST_MOVE * LEAST_MOVE)
            best = np.full(totals.shape[1], np.nan)
            for at in range(1, len(times) - 1):
                if not (times[at] < SOON and min(np.diff(times[at - 1 : at + 2])) >= APART):
                    continue
                after = (totals[at + 1] - totals[at]) / (times[at + 1] - times[at])
                usual = after * (times[at] - times[at - 1])
                event = totals[at] - totals[at - 1] - usual
                hit = (after > 0.0) & (event > STANDS_OUT * usual) & (event > largest)
                best, largest = np.where(hit, np.sqrt(np.maximum(event, 0.0)), best), np.where(hit, event, largest)
            out[own] = best
        return out

    def dear(self) -> Floats:
        """`vol_spread_30`: what borrowing moves calls and puts apart by, at the forward without it."""
        time = 30 / 365
        found: Floats = np.expm1(-self.own("borrow") * time) / (0.3989422804014327 * np.sqrt(time)) + 0.0
        return found

    def gamma(self) -> Floats:
        """Of what is open, at the money in two months, calls less puts, of a move of 1 %."""
        vol, spot, puts = self.vol(60 / 365), self.spots, self.own("puts")
        each = 0.3989422804014327 / (spot * vol * np.sqrt(60 / 365)) * 0.5
        found: Floats = self.own("interest") * (1.0 - 2.0 * puts) * each * SHARES * spot * spot * 0.01
        return found


@cache
def expiries_on_day(day: int, weekly: bool) -> Expiries:
    return expiries_on(date_of(day), weekly=weekly)


_COLUMNS: dict[str, Callable[[_Session], Floats]] = {
    "spot": lambda of: of.spots,
    "rate": lambda of: np.full(len(of.listed), RATES.at(np.array([30 / 365]))[0]),
    "iv_slope_30_90": lambda of: of.vol(90 / 365) / of.vol(30 / 365) - 1.0,
    "skew_25d_30": lambda of: of.of_delta(QUARTER_DELTA) - of.of_delta(-QUARTER_DELTA),
    "bf_25d_30": lambda of: 0.5 * (of.of_delta(QUARTER_DELTA) + of.of_delta(-QUARTER_DELTA)) - of.vol(30 / 365),
    "vol_spread_30": lambda of: of.dear(),
    "put_call_volume": lambda of: of.own("puts") / (1.0 - of.own("puts")),
    "put_call_oi": lambda of: of.own("puts") / (1.0 - of.own("puts")),
    "option_volume": lambda of: of.volume(),
    "volume_oi": lambda of: of.volume() / of.own("interest"),
    "oi_total": lambda of: of.own("interest"),
    "spread_atm": lambda of: 1.2 * of.own("width"),
    "borrow_30": lambda of: of.own("borrow"),
    "gex": lambda of: of.gamma(),
    "max_pain_near": lambda of: np.rint(of.spots),
    "earnings_move": lambda of: of.event(),
    "parity_gap": lambda of: np.zeros(len(of.listed)),
    "option_quality": lambda of: np.ones(len(of.listed)),
}
