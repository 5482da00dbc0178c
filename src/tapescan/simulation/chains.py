"""Whole chains of a simulated market on one session, their truth beside them: forwards, volatilities, dividends, and
which quotes were spoilt, and how (`simulation.spoilt`).

A contract is worth what the house's own trees, or Black's formula where no exercise before the last day can pay, say
at the volatility of its surface; another library's prices are what tests hold these against. It is quoted around that
on ticks, more widely where the name trades less. What is of a contract hangs on the seed, the market's number of
sessions, its own terms and its name's bars: a name is the same in a market of any size.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.engine.threads import Threads
from tapescan.market import calendar
from tapescan.market.closing import moments
from tapescan.options.american import Greeks, Held, Terms, held_by, settle, worth
from tapescan.options.black import Slices
from tapescan.options.dividends import dividends_of
from tapescan.options.stored import StoredChain, make_ready
from tapescan.simulation.market import SimulatedMarket
from tapescan.simulation.spoilt import noise, spoil
from tapescan.simulation.surfaces import QUARTER, RATES, Surfaces, expiries_on, factor

__all__ = ["SimulatedChains", "closes_on", "simulate_chains"]

#: Strikes reach so many deviations from the spot, and at least this far as a logarithm; so many of a slice.
REACH, LEAST_REACH, MOST_STRIKES = 3.0, 0.1, 40
#: Steps between strikes, the first that leaves no more than `MOST_STRIKES`.
STEPS = np.array([0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0])
#: Steps of a slice at the money, as a share of a month's deviation.
FINEST = 0.1
#: Contracts this far in the money, in deviations, and farther were seldom traded, and a file has few of them.
NEAR, SELDOM = 0.75, 1.5
#: Ticks of names without weekly expiries below and above this price; of others all are the first.
PENNY, TICKS, TICK_ABOVE = 0.01, (0.05, 0.1), 3.0
#: Contracts that a thread values at once.
PIECE = 4096


@dataclass(frozen=True, eq=False)
class SimulatedChains:
    """Quotes of one session, and the truth.

    quotes : as the table `option_quotes` has them, but for `source`; those of one name, expiry and root by strike.
    truth : a row a quote, in their order: volatility, value ($), what it is worth; defect (null for none), what was
        done to it; reason (null where that hangs on the rest), what it has to end with. unlisted : whether no
        exchange lists it any more.
    slices : a row a slice that is listed: symbol, expiration, time (years), rate, forward, volatility (at it), star
        (the spot less dividends).
    names : a row a name: symbol, spot, said (what the quotes say of it: of another moment for some, null for others),
        borrow, skew, curve, event (sessions until it), move.
    dividends : symbol, ex_date, amount, of those to come: every one is declared.
    """

    session: dt.date
    now: int
    quotes: pl.DataFrame
    truth: pl.DataFrame
    slices: pl.DataFrame
    names: pl.DataFrame
    dividends: pl.DataFrame

    def __len__(self) -> int:
        return len(self.quotes)

    def ready(self) -> StoredChain:
        """As a store would give it that had these quotes, and dividends, but no bars."""
        nothing = {"symbol": pl.String}
        return make_ready(
            self.quotes,
            pl.DataFrame(schema=nothing | {"price": pl.Float64}),
            pl.DataFrame(schema=nothing | {"close": pl.Float64}),
            self.dividends.with_columns(adjusted_to="ex_date"),
            pl.DataFrame(schema=nothing | {"ex_date": pl.Date, "ratio": pl.Float64}),
            self.session,
        )


@dataclass(frozen=True, eq=False)
class Contracts:
    """Arrays a contract, and the slices that `own` counts among."""

    own: Ints
    strike: Floats
    put: Bools
    z: Floats
    key: Array
    name: Ints


def simulate_chains(
    market: SimulatedMarket,
    day: dt.date | None = None,
    symbols: Collection[str] | None = None,
    *,
    defects: bool = True,
    workers: int | None = None,
) -> SimulatedChains:
    """Of a session, the newest for None; of some names, or all with options, that have a close.

    defects : whether some quotes are spoilt. workers : threads, which change no bytes; all processors for None.
    """
    session = market.surfaces.at(day or market.end)
    day = date_of(int(market.surfaces.days[session]))
    surfaces, spots = _traded(market, session, day, symbols)
    own_of, (days, times, ahead) = _slices(surfaces, day)
    now = int(moments(np.array([day_number(day)], np.int32), np.zeros(1, np.bool_))[0])
    paid = _to_come(market, surfaces, spots, day)
    dividends = dividends_of(paid, surfaces.symbols, now)
    slices = settle(spots, own_of, times, RATES.at(times), dividends)
    slices.carry[:] = slices.rate - surfaces.borrow[own_of]
    forward = slices.star * np.exp(slices.carry * times)
    at_money = np.sqrt(surfaces.variance(session, times, ahead, own_of) / times)
    contracts = _contracts(surfaces, spots, own_of, days, at_money * np.sqrt(times), forward)
    vols = at_money[contracts.own] * factor(
        contracts.z, surfaces.skew[contracts.name], surfaces.curve[contracts.name]
    )
    held = held_by(slices, own_of, dividends, np.ones(len(times), np.bool_))
    greeks = _valued(contracts, vols, slices, held, workers)
    quotes, truth = _quoted(contracts, surfaces, spots, at_money, times, greeks.value)
    truth = truth.with_columns(volatility=vols)
    quotes = _described(quotes, contracts, surfaces, spots, session, day, now, days[contracts.own])
    names = pl.DataFrame(
        {
            "symbol": pl.Series(surfaces.symbols, dtype=pl.String),
            "spot": spots,
            "borrow": surfaces.borrow,
            "skew": surfaces.skew,
            "curve": surfaces.curve,
            "event": (surfaces.event - session) % QUARTER,
            "move": surfaces.move,
            "number": surfaces.number,
        }
    )
    if defects:
        quotes, truth, names = spoil(
            quotes, truth.with_columns(vega=greeks.vega, z=contracts.z, key=contracts.key), names
        )
    else:
        names = names.with_columns(said="spot")
    return SimulatedChains(
        session=day,
        now=now,
        quotes=quotes,
        truth=truth.select("volatility", "value", "defect", "reason", "unlisted"),
        slices=pl.DataFrame(
            {
                "symbol": pl.Series(surfaces.symbols, dtype=pl.String).gather(own_of),
                "expiration": pl.Series(days).cast(pl.Date),
                "time": times,
                "rate": slices.rate,
                "forward": forward,
                "volatility": at_money,
                "star": slices.star,
            }
        ),
        names=names.drop("number"),
        dividends=paid,
    )


def closes_on(market: SimulatedMarket, first: dt.date, last: dt.date) -> pl.DataFrame:
    """symbol, session, close of all bars with a price on these days, each once."""
    bars = market.bars.lazy().filter(pl.col("session").is_between(first, last), pl.col("close").is_finite())
    return (
        bars.filter(pl.col("close") > 0.0)
        .select("symbol", "session", "close")
        .unique(["symbol", "session"], keep="first", maintain_order=True)
        .collect()
    )


def _traded(
    market: SimulatedMarket, session: int, day: dt.date, symbols: Collection[str] | None
) -> tuple[Surfaces, Floats]:
    """The names that are listed and have a close, by symbol, and what that is."""
    surfaces = market.surfaces
    closes = dict(closes_on(market, day, day).select("symbol", "close").iter_rows())
    wanted = closes.keys() if symbols is None else closes.keys() & set(symbols)
    listed = (surfaces.first <= session) & (session <= surfaces.last)
    found = [place for place, name in enumerate(surfaces.symbols) if name in wanted and listed[place]]
    found.sort(key=surfaces.symbols.__getitem__)
    places = np.array(found, np.int64)
    surfaces = surfaces.part(places)
    return surfaces, np.array([closes[name] for name in surfaces.symbols], np.float64)


def _slices(surfaces: Surfaces, day: dt.date) -> tuple[Ints, tuple[Array, Floats, Ints]]:
    """Each slice's name, and its last day, time and sessions until it; by name and expiry."""
    kinds = [expiries_on(day, weekly=weekly) for weekly in (False, True)]
    counts = np.where(surfaces.weekly, len(kinds[1]), len(kinds[0]))
    own = np.repeat(np.arange(len(counts)), counts)
    turn = np.arange(len(own)) - np.repeat(np.cumsum(counts) - counts, counts)
    weekly = surfaces.weekly[own]

    def each(name: str) -> Array:
        short, long = (getattr(kind, name) for kind in kinds)
        found: Array = np.where(weekly, long[turn.clip(max=len(long) - 1)], short[turn.clip(max=len(short) - 1)])
        return found

    return own, (each("days"), each("times"), each("ahead"))


def _to_come(market: SimulatedMarket, surfaces: Surfaces, spots: Floats, day: dt.date) -> pl.DataFrame:
    """symbol, ex_date, amount: a quarter after the last one, and so on until the last expiry is over."""
    names = pl.DataFrame(
        {"symbol": pl.Series(surfaces.symbols, dtype=pl.String), "amount": (surfaces.dividend * spots).round(2)}
    )
    recent = market.dividends.filter(pl.col("ex_date").is_between(day - dt.timedelta(days=130), day))
    recent = recent.group_by("symbol").agg(pl.col("ex_date").max())
    rows = (
        names.filter(pl.col("amount") > 0.0)
        .join(recent, on="symbol", maintain_order="left")
        .join(pl.DataFrame({"turn": range(1, 10)}), how="cross", maintain_order="left_right")
        .with_columns(ex_date=pl.col("ex_date") + pl.duration(days=91) * pl.col("turn"))
        .filter(pl.col("ex_date") > day)
    )
    sessions = calendar.sessions(day, day + dt.timedelta(days=900))
    after = sessions[np.searchsorted(sessions, rows["ex_date"].cast(pl.Int32).to_numpy())]
    return rows.select("symbol", ex_date=pl.Series(after, dtype=pl.Int32).cast(pl.Date), amount="amount")


def _contracts(
    surfaces: Surfaces, spots: Floats, own_of: Ints, days: Array, deviation: Floats, forward: Floats
) -> Contracts:
    """A call and a put of each strike of each slice. deviation : of slices, volatility times the root of the time."""
    spot = spots[own_of]
    reach = np.maximum(REACH * deviation, LEAST_REACH)
    low, high = spot * np.exp(-reach), spot * np.exp(reach)
    month = spot * np.sqrt(surfaces.long[own_of] * 30 / 365)
    fits = (FINEST * month[:, None] <= STEPS) & ((high - low)[:, None] / STEPS <= MOST_STRIKES)
    step = np.where(fits.any(axis=1), STEPS[fits.argmax(axis=1)], STEPS[-1])
    first = np.maximum(np.ceil(low / step), 1.0).astype(np.int64)
    counts = np.clip(np.floor(high / step).astype(np.int64) - first + 1, 1, MOST_STRIKES)
    strikes = np.repeat(np.arange(len(own_of)), counts)
    turn = np.arange(len(strikes)) - np.repeat(np.cumsum(counts) - counts, counts)
    own = np.repeat(strikes, 2)
    strike = np.repeat((first[strikes] + turn) * step[strikes], 2)
    put = np.tile([False, True], len(strikes))
    name = own_of[own]
    # What a contract is, as one number; its noise is of that.
    key = (
        (surfaces.number[name] << 40) + (days[own].astype(np.int64) << 22) + np.rint(strike * 4).astype(np.int64) * 2
    )
    key = (key + put).astype(np.uint64)
    z = np.log(strike / forward[own]) / deviation[own]
    inside = np.maximum(np.where(put, z, -z) - NEAR, 0.0)
    kept = noise(key, 6) < np.exp(-SELDOM * inside)
    return Contracts(own[kept], strike[kept], put[kept], z[kept], key[kept], name[kept])


def _valued(contracts: Contracts, vols: Floats, slices: Slices, held: Held, workers: int | None) -> Greeks:
    out = Greeks(*(np.empty(len(vols)) for _ in Greeks._fields))
    terms = Terms(contracts.strike, np.where(contracts.put, -1.0, 1.0), contracts.own)
    places = np.arange(len(vols))
    pieces = [places[begin : begin + PIECE] for begin in range(0, len(places), PIECE)]
    Threads(workers).map(lambda piece: worth(piece, vols, terms, slices, held, out), pieces)
    return out


def _quoted(
    contracts: Contracts, surfaces: Surfaces, spots: Floats, at_money: Floats, times: Floats, value: Floats
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bid and ask around what contracts are worth; and the truth of quotes that nobody spoilt."""
    own, name = contracts.own, contracts.name
    straddled = 0.4 * spots[name] * at_money[own] * np.sqrt(times[own]) * np.exp(-0.25 * contracts.z**2)
    half = surfaces.width[name] * (0.3 * value + 0.3 * straddled)
    tick = np.where(surfaces.weekly[name], PENNY, np.where(value < TICK_ABOVE, *TICKS))
    middle = value + half * (noise(contracts.key, 1) - 0.5)
    bid = np.maximum(np.floor((middle - half) / tick + 1e-9) * tick, 0.0)
    ask = np.maximum(np.ceil((middle + half) / tick - 1e-9) * tick, tick)
    count = len(value)
    truth = pl.DataFrame(
        {
            "value": value,
            "defect": pl.Series([None], dtype=pl.String).new_from_index(0, count),
            "reason": pl.Series([None], dtype=pl.String).new_from_index(0, count),
            "unlisted": np.zeros(count, np.bool_),
        }
    )
    return pl.DataFrame({"bid": bid.round(4), "ask": ask.round(4)}), truth


def _described(
    quotes: pl.DataFrame,
    contracts: Contracts,
    surfaces: Surfaces,
    spots: Floats,
    session: int,
    day: dt.date,
    now: int,
    days: Array,
) -> pl.DataFrame:
    """All columns of the table."""
    name, key = contracts.name, contracts.key
    weight = np.exp(-0.5 * contracts.z**2) * (0.2 + noise(key, 2)) + 1e-3
    side = contracts.put.astype(np.int64)
    group = name * 2 + side
    total = np.bincount(group, weight, minlength=2 * len(spots))
    share = weight / total[group] * np.where(contracts.put, surfaces.puts[name], 1.0 - surfaces.puts[name])
    traded = np.rint(share * surfaces.traded[session][name] * (0.5 + noise(key, 3)))
    sizes = np.rint(1.0 + 40.0 * np.stack([noise(key, 4), noise(key, 5)]) ** 3)
    own = pl.Series(surfaces.symbols, dtype=pl.String).gather(name)
    count = len(quotes)

    def all_of(value: object, kind: pl.DataType) -> pl.Series:
        return pl.Series([value], dtype=kind).new_from_index(0, count)

    return pl.DataFrame(
        {
            "symbol": own,
            "session": all_of(day, pl.Date()),
            "expiration": pl.Series(days).cast(pl.Date),
            "root": own.str.replace_all(r"[^A-Z0-9]", ""),
            "strike": contracts.strike,
            "side": pl.select(
                pl.when(pl.Series(contracts.put)).then(pl.lit("put")).otherwise(pl.lit("call"))
            ).to_series(),
            "bid": quotes["bid"],
            "ask": quotes["ask"],
            "bid_size": sizes[0],
            "ask_size": sizes[1],
            "last": (0.5 * (quotes["bid"] + quotes["ask"])).round(2),
            "volume": traded,
            "traded": all_of(day, pl.Date()),
            "open_interest": np.rint(share * surfaces.interest[name]),
            "underlying_price": spots[name],
            "quoted": all_of(dt.datetime.fromtimestamp(now, dt.UTC), pl.Datetime("us", "UTC")),
        }
    )
