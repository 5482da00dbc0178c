"""Prices of the simulated market: the common factors, and the bars of one group of symbols.

A session's log return of symbol i is, before splits and dividends,

    r[i, t] = beta[i] M[t] + sector_beta[i] S[sector(i), t] + s[i, t] z[i, t] - var[i] / 2 + p[i, t]

- M and S are the market's and the eleven sectors' returns. M drifts by slow regimes, calm and rising or
  nervous and falling; nothing else drifts, so that momentum predicts only what is planted.
- z is Student's t with four degrees of freedom, scaled to variance one.
- s[i, t] is the symbol's own volatility: its level times a GARCH(1,1) of its own shocks, times a part of the
  market's GARCH. Volatility clusters, and the symbols' clusters come together.
- p is the planted signal (see ``REVERSAL``).

Arrays of a group are ``(GROUP, sessions)`` float32, a symbol's sessions side by side, as a frame wants them;
only the volatility recursion runs time-major.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Floats, Ints, Singles
from tapescan.market.universe import SECTORS
from tapescan.simulation.names import GROUP, Traits, stream
from tapescan.simulation.presence import Presence

__all__ = ["MOMENTUM", "REVERSAL", "draw_factors", "draw_paths", "total_volatility"]


#: The planted signal. The next session's expected log return of a symbol, in units of its volatility, is
#: REVERSAL times minus its last 5 sessions' return plus MOMENTUM times its return from 126 to 21 sessions
#: ago, both over their own standard deviation (volatility times the root of 5 and of 105) and clipped to
#: plus or minus 3. So the daily cross-sectional information coefficient is about REVERSAL for the one and
#: MOMENTUM for the other, 0.03 for the best sum of both; over five sessions about 0.045.
REVERSAL = 0.022
MOMENTUM = 0.016
REVERSAL_SESSIONS = 5
MOMENTUM_FROM, MOMENTUM_TO = 126, 21
SIGNAL_CLIP = 3.0

#: GARCH(1,1) with unit mean: v[t + 1] = 1 - ARCH - GARCH + v[t] (GARCH + ARCH z[t] ** 2).
ARCH, GARCH = 0.08, 0.89
#: Shocks and variances stop here, beyond what real ones do in years: a GARCH fed with more would not come back.
SHOCK_CLIP = 9.0
VARIANCE_CAP = np.float32(16.0)
#: The part of the own variance that follows the market's.
COMMON_SHARE = 0.4

MARKET_VOLATILITY, SECTOR_VOLATILITY = 0.01, 0.006
#: Of each regime, calm and nervous: drift a session, volatility factor, mean length in sessions.
REGIMES = ((0.0008, 0.9, 170.0), (-0.0008, 1.5, 60.0))

#: The part of a session's variance that falls between the close and the next open.
OVERNIGHT = 0.3

#: A share is split when it trades above the larger of a price and a multiple of its first price, or below $1.
SPLIT_ABOVE, SPLIT_MULTIPLE, SPLIT_BELOW = 150.0, 2.5, 1.0
FORWARD_RATIOS = np.array([2, 3, 4, 5, 10, 20])
REVERSE_RATIOS = np.array([5, 10, 15, 20, 25, 40, 50, 100])
#: Sessions from the price that calls for a split to its ex-date, and prices that splits aim at.
SPLIT_DELAYS = range(12, 40)
FORWARD_TARGET, REVERSE_TARGET = 75.0, 7.0

#: The logarithm of the lowest price, one tick of $0.0001.
LOWEST = np.float32(np.log(1e-4))

#: Sessions between dividends.
QUARTER = 63


@dataclass(frozen=True)
class Factors:
    """What all symbols share, one value a session: returns ``market`` (T,) and ``sector`` (11, T), and the
    variance ``turmoil`` (T,) that own shocks are scaled with, around one."""

    market: Singles
    sector: Singles
    turmoil: Singles


@dataclass(frozen=True)
class Events:
    """Splits or dividends: the symbol's place in its group, the session's number, and the ratio or amount."""

    lane: Ints
    at: Ints
    value: Floats


@dataclass(frozen=True)
class Paths:
    """A group's logarithms of raw prices and of volumes, ``(GROUP, T)``; a volume of -inf is zero."""

    open: Singles
    high: Singles
    low: Singles
    close: Singles
    volume: Singles
    splits: Events
    dividends: Events


def draw_factors(seed: int, sessions: int) -> Factors:
    """The common factors: they depend on the seed and the number of sessions only."""
    draw = stream(seed, 0)
    shock = _student(draw, (sessions, 1 + len(SECTORS)))
    variance = _garch(shock)
    drift, swing = _regimes(draw, sessions)
    scaled = shock * np.sqrt(variance)
    market = drift + swing * scaled[:, 0] * np.float32(MARKET_VOLATILITY)
    turmoil = np.minimum(swing**2 * variance[:, 0], np.float32(8.0))
    return Factors(
        market=market,
        sector=np.ascontiguousarray(scaled[:, 1:].T) * np.float32(SECTOR_VOLATILITY),
        turmoil=np.float32(1.0 - COMMON_SHARE) + np.float32(COMMON_SHARE) * turmoil,
    )


def _regimes(draw: np.random.Generator, sessions: int) -> tuple[Singles, Singles]:
    """Each session's drift and volatility factor of the market, from a chain that starts calm."""
    state = np.empty(sessions, np.int64)
    regime = 0
    for at, chance in enumerate(draw.random(sessions).tolist()):
        if chance * REGIMES[regime][2] < 1.0:
            regime = 1 - regime
        state[at] = regime
    table = np.array(REGIMES, np.float32)
    return table[state, 0], table[state, 1]


def draw_paths(seed: int, group: int, traits: Traits, presence: Presence, factors: Factors) -> Paths:
    """Draw the bars of a group: exactly one order of drawing, so that equal arguments give equal bytes."""
    draw = stream(seed, 3, group)
    shock = _student(draw, (len(factors.market), GROUP))
    variance = np.ascontiguousarray(_garch(shock).T)
    shock = np.ascontiguousarray(shock.T)

    volume = _volume(draw, shock, variance)
    swing = variance
    swing *= factors.turmoil
    np.sqrt(swing, out=swing)
    swing *= traits.volatility[:, None]
    change = shock
    change *= swing
    change += traits.beta[:, None] * factors.market
    change += traits.sector_beta[:, None] * factors.sector[traits.sector]
    change -= traits.volatility[:, None] ** 2 / np.float32(2.0)
    _plant(change, total_volatility(traits))
    payers = _pay(draw, change, traits)

    close = np.cumsum(change, axis=1, dtype=np.float32)
    close += np.log(traits.price)[:, None]
    splits = _split(close, traits, presence)
    np.maximum(close, LOWEST, out=close)
    opens, high, low = _inside(draw, close, change, swing)
    volume += traits.dollars[:, None]
    volume -= close
    dividends = _paid(close, payers, splits, presence)
    _repeat_silent(presence, close, (opens, high, low), volume)
    return Paths(opens, high, low, close, volume, splits, dividends)


def _volume(draw: np.random.Generator, shock: Singles, variance: Singles) -> Singles:
    """The logarithm of the $ traded over the usual ones: a slow wave, more in lively times and on large moves."""
    sessions = shock.shape[1]
    noise = draw.standard_normal((sessions, GROUP), np.float32)
    wave = noise * np.float32(0.12)
    for at in range(1, sessions):
        wave[at] += np.float32(0.95) * wave[at - 1]
    noise *= np.float32(0.15)
    wave += noise
    volume = np.ascontiguousarray(wave.T)
    part = np.abs(shock)
    part *= np.float32(0.4)
    volume += part
    np.minimum(variance, np.float32(6.0), out=part)
    part *= np.float32(0.15)
    volume += part
    volume -= np.float32(0.55)
    return volume


def _inside(
    draw: np.random.Generator, close: Singles, change: Singles, swing: Singles
) -> tuple[Singles, Singles, Singles]:
    """The logarithms of open, high and low of sessions with these closes, returns and volatilities; the last
    two are used up.

    The open divides the return into a gap and a day, whose variances are OVERNIGHT and the rest; high and low
    are the exact extremes of a Brownian bridge from open to close, each on its own.
    """
    day = change
    day *= np.float32(1.0 - OVERNIGHT)
    part: Singles = draw.standard_normal(close.shape, np.float32)
    part *= swing
    part *= np.float32(np.sqrt(OVERNIGHT * (1.0 - OVERNIGHT)))
    day += part
    opens = np.subtract(close, day, out=part)
    twice = swing
    twice *= swing
    twice *= np.float32(2.0 * (1.0 - OVERNIGHT))

    def reach() -> Singles:
        """Twice a random extreme's distance from the middle between open and close."""
        away: Singles = draw.standard_exponential(close.shape, np.float32)
        away *= twice
        away += day * day
        return np.sqrt(away, out=away)

    middle = opens + close
    high, low = reach(), reach()
    high += middle
    high *= np.float32(0.5)
    np.subtract(middle, low, out=low)
    low *= np.float32(0.5)
    return opens, high, low


def _repeat_silent(presence: Presence, close: Singles, others: tuple[Singles, ...], volume: Singles) -> None:
    """Make the bars of sessions without a trade repeat the last close, with volume zero, in place."""
    session = np.arange(close.shape[1])
    for silent, lane in zip(presence.silent, presence.thin, strict=True):
        close[lane] = close[lane, np.maximum.accumulate(np.where(silent, 0, session))]
        for prices in others:
            prices[lane, silent] = close[lane, silent]
        volume[lane, silent] = -np.inf


def total_volatility(traits: Traits) -> Singles:
    """A session's standard deviation of each symbol's log return, market and sector included, on average."""
    total: Singles = np.sqrt(
        traits.volatility**2
        + (traits.beta * np.float32(MARKET_VOLATILITY)) ** 2
        + (traits.sector_beta * np.float32(SECTOR_VOLATILITY)) ** 2
    )
    return total


def _student(draw: np.random.Generator, shape: tuple[int, int]) -> Singles:
    """Student's t with four degrees of freedom over its standard deviation, clipped.

    A chi-square of four degrees of freedom is twice the sum of two exponentials, and the variance is two, so
    a normal over the root of that sum is the scaled t.
    """
    mixing = draw.standard_exponential(shape, np.float32)
    mixing += draw.standard_exponential(shape, np.float32)
    np.sqrt(mixing, out=mixing)
    shock: Singles = draw.standard_normal(shape, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):  # two exponentials of zero: clipped, or no shock
        shock /= mixing
    np.nan_to_num(shock, copy=False, nan=0.0)
    return np.clip(shock, -SHOCK_CLIP, SHOCK_CLIP, out=shock)


def _garch(shock: Singles) -> Singles:
    """The variances ``(T, lanes)`` of shocks ``(T, lanes)``, with mean one, the first row one."""
    factor = shock * shock
    factor *= np.float32(ARCH)
    factor += np.float32(GARCH)
    variance = np.empty_like(shock)
    variance[:1] = 1.0
    base = np.float32(1.0 - ARCH - GARCH)
    for at in range(len(shock) - 1):
        row = np.multiply(variance[at], factor[at], out=variance[at + 1])
        row += base
        np.minimum(row, VARIANCE_CAP, out=row)
    return variance


def _plant(change: Singles, volatility: Singles) -> None:
    """Add the planted signal to the returns, in place. It looks at the returns without itself, whose part in
    them is a thousandth of the variance."""
    path = np.cumsum(change, axis=1, dtype=np.float32)
    over = (1.0 / volatility)[:, None]

    def add(past: Singles, sessions: int, weight: float, target: Singles) -> None:
        past *= over * np.float32(1.0 / np.sqrt(sessions))
        np.clip(past, -SIGNAL_CLIP, SIGNAL_CLIP, out=past)
        past *= (volatility * np.float32(weight))[:, None]
        target += past

    length = change.shape[1]
    if length > REVERSAL_SESSIONS + 1:
        fall = path[:, : -1 - REVERSAL_SESSIONS] - path[:, REVERSAL_SESSIONS:-1]
        add(fall, REVERSAL_SESSIONS, REVERSAL, change[:, 1 + REVERSAL_SESSIONS :])
    if length > MOMENTUM_FROM + 1:
        span = MOMENTUM_FROM - MOMENTUM_TO
        rise = path[:, span : -1 - MOMENTUM_TO] - path[:, : -1 - MOMENTUM_FROM]
        add(rise, span, MOMENTUM, change[:, 1 + MOMENTUM_FROM :])


def _pay(draw: np.random.Generator, change: Singles, traits: Traits) -> Events:
    """Take the quarterly dividends out of the returns, in place; gives where, and the share of the price."""
    sessions = change.shape[1]
    start = draw.integers(0, QUARTER, GROUP)
    number = np.where((traits.dividend > 0.0) & (start < sessions), (sessions - 1 - start) // QUARTER + 1, 0)
    lane = np.repeat(np.arange(GROUP), number)
    turn = np.arange(len(lane)) - np.repeat(np.cumsum(number) - number, number)
    at = start[lane] + QUARTER * turn
    lane, at = lane[at > 0], at[at > 0]
    change[lane, at] += np.log1p(-traits.dividend[lane])
    return Events(lane, at, traits.dividend[lane].astype(np.float64))


def _paid(path: Singles, payers: Events, splits: Events, presence: Presence) -> Events:
    """The dividends in $, rounded to cents, of symbols that are listed on the ex-date and the session before."""
    amount = np.round(payers.value * np.exp(path[payers.lane, payers.at - 1].astype(np.float64)), 2)
    listed = (payers.at > presence.first[payers.lane]) & (payers.at <= presence.last[payers.lane])
    key, split = (events.lane * path.shape[1] + events.at for events in (payers, splits))
    kept = listed & (amount >= 0.01) & ~np.isin(key, split)
    return Events(payers.lane[kept], payers.at[kept], amount[kept])


def _split(path: Singles, traits: Traits, presence: Presence) -> Events:
    """Divide the paths of shares that ran far or fell below $1 at their splits, in place; gives the splits."""
    above = np.log(np.maximum(np.float32(SPLIT_ABOVE), np.float32(SPLIT_MULTIPLE) * traits.price))
    below = np.float32(np.log(SPLIT_BELOW))
    shares = traits.is_type("common", "adr")
    shares[presence.thin] = False  # a bar without a trade repeats the last close, which a split would belie
    calls = shares & ((path.max(axis=1) > above) | (path.min(axis=1) < below))
    found: list[tuple[int, int, float]] = []
    for lane in np.flatnonzero(calls).tolist():
        row, at = path[lane], 0
        while True:
            called = np.flatnonzero((row[at:] > above[lane]) | (row[at:] < below))
            if not len(called):
                break
            # Ex-dates differ from symbol to symbol without a draw, whose number would depend on the path.
            at += int(called[0]) + SPLIT_DELAYS[(lane * 7 + int(called[0])) % len(SPLIT_DELAYS)]
            if at >= len(row):
                break
            ratio = _ratio(float(np.exp(row[at - 1])))
            if ratio != 1.0:
                row[at:] -= np.float32(np.log(ratio))
                found.append((lane, at, ratio))
    table = np.array(found, np.float64).reshape(-1, 3)
    lanes, days = table[:, :2].astype(np.int64).T
    listed = (days > presence.first[lanes]) & (days <= presence.last[lanes])
    return Events(lanes[listed], days[listed], table[listed, 2])


def _ratio(price: float) -> float:
    """New shares for one old share that bring a price near where boards like it; 1.0 when it is there."""
    if price > 1.5 * FORWARD_TARGET:
        return float(FORWARD_RATIOS[np.abs(np.log(FORWARD_RATIOS * FORWARD_TARGET / price)).argmin()])
    if price < 2.0 * SPLIT_BELOW:
        return 1.0 / float(REVERSE_RATIOS[np.abs(np.log(REVERSE_TARGET / (REVERSE_RATIOS * price))).argmin()])
    return 1.0
