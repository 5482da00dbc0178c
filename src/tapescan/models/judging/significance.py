"""How sure a mean over dates is when its terms overlap, and how good the best of many trials looks by chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from tapescan.core.typing import Floats

__all__ = [
    "DeflatedSharpe",
    "Mean",
    "as_normal",
    "deflated_sharpe",
    "expected_maximum",
    "least_t",
    "mean_and_error",
    "probabilistic_sharpe",
    "student_quantile",
]


#: Waves that the error of a mean is measured by: so many times the dates to the power of two thirds, but at least
#: four, and in any case at most a date in so many times the overlap, since faster ones miss a part of what overlaps.
WAVES, LEAST_WAVES, DATES_PER_WAVE = 0.4, 4, 3

#: Fewer waves say nothing about an error.
FEWEST_WAVES = 3

#: Fewer Sharpe ratios of trials than this have no variance worth the name.
ENOUGH_SHARPES = 10

#: A spread of values below this part of their size is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Mean:
    """A mean over dates and what it is worth.

    mean : of the finite values; NaN when there is none.
    deviation : their standard deviation (n - 1); NaN with fewer than two.
    error : standard error of the mean, corrected for overlap; NaN with fewer than nine dates for each date of the
        overlap, and where the values do not differ.
    t : mean / error as the normal number that chance reaches as rarely: above 2 once in 44 times whatever the number
        of dates. freedom : degrees of freedom of mean / error itself, which is Student's; 0 without an error.
    dates : how many values. independent : how many independent ones would give the same error, at most `dates`.
    """

    mean: float
    deviation: float
    error: float
    t: float
    freedom: int
    dates: int
    independent: float


def mean_and_error(values: Floats, overlap: int) -> Mean:
    """The mean of values a date, NaN left out, and its standard error.

    values : float64 ``(dates,)`` in the order of time. overlap : how many dates in a row share a part of their
        label: horizon / every, rounded up; 1 when labels do not overlap.

    The error is that of E. Lazarus, D. Lewis, J. Stock and M. Watson, HAR Inference: Recommendations for Practice,
    2018: n * error**2 is the mean square of the values' products with B cosines of 1 to B half turns over the n
    dates, and mean / error is Student's with B degrees of freedom. B is their 0.4 * n**(2/3), between 4 and
    n / (3 * overlap). Weighted autocovariances (Newey and West) are too small for few dates and long overlaps, and
    how much, no table says: by them worthless values reached a t of 2 in 6 to 13 % of records, by these in 4 to
    5.5 %, for 30 dates to 2,500, overlaps of 1 to 21, normal values and wild ones (`tests/models/test_chance.py`).
    """
    known = values[np.isfinite(values)]
    count = len(known)
    mean = float(known.mean()) if count else math.nan
    deviation = float(known.std(ddof=1)) if count > 1 else math.nan
    waves = _waves(count, overlap)
    if waves < FEWEST_WAVES or deviation <= ROUNDING * float(np.abs(known).max()):
        return Mean(mean, deviation, math.nan, math.nan, 0, count, math.nan)
    along = (_cosines(count, waves) * (known - mean)).sum(axis=1)
    error = math.sqrt(float(along @ along) / waves / count)
    if error == 0.0:
        return Mean(mean, deviation, math.nan, math.nan, 0, count, math.nan)
    independent = min((deviation / error) ** 2, float(count))
    return Mean(mean, deviation, error, as_normal(mean / error, waves), waves, count, independent)


def _waves(dates: int, overlap: int) -> int:
    return int(min(max(WAVES * dates ** (2.0 / 3.0), LEAST_WAVES), dates / (DATES_PER_WAVE * overlap)))


@lru_cache(maxsize=32)
def _cosines(dates: int, waves: int) -> Floats:
    """``(waves, dates)``: each of length 1, at right angles to the others and to a constant."""
    middle = (np.arange(dates) + 0.5) * (math.pi / dates)
    found: Floats = np.cos(np.outer(np.arange(1, waves + 1), middle)) * math.sqrt(2.0 / dates)
    return found


def as_normal(t: float, freedom: float) -> float:
    """The normal number that has as much above it as a t of Student's distribution; NaN for NaN.

    freedom : at least 3. G. Hill, Algorithm 395: Student's t-Distribution, Communications of the ACM, 1970: within
    0.001 for t up to 10 with 3 degrees of freedom, and far less for more. A base install has no SciPy.
    """
    if math.isnan(t):
        return math.nan
    a = freedom - 0.5
    b = 48.0 * a * a
    y = a * math.log1p(t * t / freedom)
    more = (((-0.4 * y - 3.3) * y - 24.0) * y - 85.5) / (0.8 * y * y + 100.0 + b) + y + 3.0
    return math.copysign((more / b + 1.0) * math.sqrt(y), t)


@lru_cache(maxsize=256)
def student_quantile(probability: float, freedom: float) -> float:
    """What Student's t is below with this probability, 0 to 1, both left out: where `as_normal` is the normal one."""
    wanted = NormalDist().inv_cdf(probability)
    low, high = -1e3, 1e3
    while high - low > 1e-9 * max(1.0, abs(low)):
        middle = (low + high) / 2.0
        low, high = (middle, high) if as_normal(middle, freedom) < wanted else (low, middle)
    return (low + high) / 2.0


@dataclass(frozen=True)
class DeflatedSharpe:
    """A Sharpe ratio beside what the best of many worthless trials would show.

    probability : that the true one is above it, 0 to 1.
    sharpe, benchmark : the observed Sharpe ratio and that of the best worthless trial, a date (not a year).
    skewness, kurtosis : of the returns; a normal distribution has 0 and 3. observations : how many independent
        returns they are worth.
    All NaN but the counts when there are fewer than three independent returns, or they do not differ.
    """

    probability: float
    sharpe: float
    benchmark: float
    skewness: float
    kurtosis: float
    observations: int
    trials: int


def deflated_sharpe(
    returns: Floats, trials: int, *, overlap: int = 1, sharpes: Sequence[float] = ()
) -> DeflatedSharpe:
    """Deflated Sharpe ratio: D. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio, 2014.

    With the Sharpe ratio SR of T returns, their skewness g3 and kurtosis g4, N trials whose Sharpe ratios have
    variance V, Euler's constant e and the normal quantile Z: SR0 = sqrt(V) * ((1 - e) * Z(1 - 1/N) +
    e * Z(1 - 1/(N * exp(1)))), and the result is `probabilistic_sharpe` with SR0 for its benchmark.

    returns : float64 ``(dates,)``, NaN left out. trials : at least 1. overlap : dates in a row that share a part of
    their return. T is not above one in so many, nor above what the error of their mean says (`mean_and_error`), for
    returns come in spells.
    sharpes : those of the other trials, a date, as far as they are known. V is the variance of at least ten, with
    this one; else 1 / (T - 1), that of independent trials with a true ratio of 0.
    """
    known = returns[np.isfinite(returns)]
    independent = mean_and_error(known, overlap).independent
    count = 0 if math.isnan(independent) else min(len(known) // overlap, round(independent))
    centred = known - known.mean() if len(known) else known
    deviation = float(np.sqrt((centred**2).mean())) if len(known) else 0.0
    if count < 3 or deviation <= ROUNDING * float(np.abs(known).max()):
        return DeflatedSharpe(math.nan, math.nan, math.nan, math.nan, math.nan, count, trials)
    sharpe = float(known.mean() / known.std(ddof=1))
    skewness = float((centred**3).mean() / deviation**3)
    kurtosis = float((centred**4).mean() / deviation**4)
    tried = [*(one for one in sharpes if math.isfinite(one)), sharpe]
    variance = float(np.var(tried, ddof=1)) if len(tried) >= ENOUGH_SHARPES else 1.0 / (count - 1)
    benchmark = expected_maximum(trials) * math.sqrt(variance)
    probability = probabilistic_sharpe(sharpe, benchmark, count, skewness, kurtosis)
    return DeflatedSharpe(probability, sharpe, benchmark, skewness, kurtosis, count, trials)


def probabilistic_sharpe(
    sharpe: float, benchmark: float, observations: int, skewness: float, kurtosis: float
) -> float:
    """The probability that the true Sharpe ratio is above the benchmark: Bailey and Lopez de Prado, 2012.

    The normal distribution at (SR - SR0) * sqrt(T - 1) / sqrt(1 - g3 * SR + (g4 - 1) / 4 * SR**2).
    """
    # Never negative, since kurtosis >= skewness**2 + 1; zero only for returns of two values.
    spread = max(1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2, ROUNDING)
    return NormalDist().cdf((sharpe - benchmark) * math.sqrt((observations - 1) / spread))


def least_t(trials: int) -> float:
    """The t (`Mean.t`) that the best of so many worthless trials reaches once in 44 times, as one alone reaches 2.

    Exact for independent trials, and more than is needed for trials that are alike.
    """
    if trials < 1:
        raise AssertionError(f"{trials} trials")
    # Of all but the rest, which is small: 1 - Phi(2) ** (1 / trials) keeps its digits so.
    beyond = -math.expm1(math.log(NormalDist().cdf(2.0)) / trials)
    return -NormalDist().inv_cdf(beyond)


def expected_maximum(trials: int) -> float:
    """About the largest of that many independent standard normal numbers, as `deflated_sharpe` has it; 0 for one."""
    if trials < 1:
        raise AssertionError(f"{trials} trials")
    if trials == 1:
        return 0.0
    quantile = NormalDist().inv_cdf
    return (1.0 - np.euler_gamma) * quantile(1.0 - 1.0 / trials) + np.euler_gamma * quantile(
        1.0 - 1.0 / (trials * math.e)
    )
