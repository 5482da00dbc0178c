"""How sure a mean over dates is when its terms overlap, and how good the best of many trials looks by chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats

__all__ = [
    "DeflatedSharpe",
    "Mean",
    "deflated_sharpe",
    "expected_maximum",
    "freedom",
    "least_t",
    "mean_and_error",
    "probabilistic_sharpe",
]


#: Fewer dates for each lag than this say nothing about the autocovariance.
DATES_PER_LAG = 3

#: A spread of values below this part of their size is rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Mean:
    """A mean over dates and what it is worth.

    mean : of the finite values; NaN when there is none.
    deviation : their standard deviation (n - 1); NaN with fewer than two.
    error : standard error of the mean, corrected for overlap; NaN with fewer than three values for each lag of the
        correction, and where the values do not differ. t : mean / error.
    dates : how many values. independent : how many independent ones would give the same error, at most `dates`.
    """

    mean: float
    deviation: float
    error: float
    t: float
    dates: int
    independent: float


def mean_and_error(values: Floats, overlap: int) -> Mean:
    """The mean of values a date, NaN left out, and its standard error.

    values : float64 ``(dates,)`` in the order of time. overlap : how many dates in a row share a part of their
        label: horizon / every, rounded up; 1 when labels do not overlap.

    The error is that of W. Newey and K. West, A Simple, Positive Semi-Definite, Heteroskedasticity and
    Autocorrelation Consistent Covariance Matrix, 1987: n * error**2 = g(0) + 2 * sum of (1 - k / (L + 1)) * g(k)
    for lags k = 1 to L, with the autocovariances g. L is three times the overlap's own number of lags, for the
    weights shrink the lags that matter, and at least floor(4 * (n / 100)**(2/9)), for the quality of forecasts
    comes in spells. The sum is scaled by n / (n - L - 1): subtracting the mean takes that much of it away when the
    values are independent.
    """
    known = values[np.isfinite(values)]
    count = len(known)
    mean = float(known.mean()) if count else math.nan
    deviation = float(known.std(ddof=1)) if count > 1 else math.nan
    lag = _lags(count, overlap)
    if count < max(2, DATES_PER_LAG * (lag + 1)) or deviation <= ROUNDING * float(np.abs(known).max()):
        return Mean(mean, deviation, math.nan, math.nan, count, math.nan)
    centred = known - mean
    total = float(centred @ centred)
    for k in range(1, lag + 1):
        total += 2.0 * (1.0 - k / (lag + 1.0)) * float(centred[k:] @ centred[:-k])
    error = math.sqrt(total / count / (count - lag - 1))
    if error == 0.0:
        return Mean(mean, deviation, math.nan, math.nan, count, math.nan)
    return Mean(mean, deviation, error, mean / error, count, min((deviation / error) ** 2, float(count)))


def freedom(dates: int, overlap: int) -> float:
    """Degrees of freedom of the t-value of so many dates: one for each stretch as long as its error looks back.

    By simulation the t of worthless values, independent or in spells of 0.1, exceeds the quantiles of Student's
    distribution with these no more often than it should, from 12 dates to 256.
    """
    return dates / (_lags(dates, overlap) + 1.0)


def _lags(dates: int, overlap: int) -> int:
    return max(3 * (overlap - 1), int(4.0 * (dates / 100.0) ** (2.0 / 9.0)))


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


def deflated_sharpe(returns: Floats, trials: int, *, overlap: int = 1) -> DeflatedSharpe:
    """Deflated Sharpe ratio: D. Bailey and M. Lopez de Prado, The Deflated Sharpe Ratio, 2014.

    With the Sharpe ratio SR of T returns, their skewness g3 and kurtosis g4, N trials whose Sharpe ratios have
    variance V, Euler's constant e and the normal quantile Z: SR0 = sqrt(V) * ((1 - e) * Z(1 - 1/N) +
    e * Z(1 - 1/(N * exp(1)))), and the result is `probabilistic_sharpe` with SR0 for its benchmark.

    returns : float64 ``(dates,)``, NaN left out. trials : at least 1. overlap : dates in a row that share a part of
    their return. T is not above one in so many, nor above what the error of their mean says (`mean_and_error`), for
    returns come in spells. V is 1 / (T - 1), that of independent trials with a true ratio of 0.
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
    benchmark = expected_maximum(trials) / math.sqrt(count - 1)
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


def least_t(trials: int, freedom: float) -> float:
    """The t-value that the best of so many worthless trials reaches once in 44 times, as one normal number reaches 2.

    freedom : of the t-values, which are taken as Student's (`freedom`); NaN for too few dates gives NaN.
    Exact for independent trials, and more than is needed for trials that are alike. Raises OptionError without SciPy.
    """
    if trials < 1:
        raise AssertionError(f"{trials} trials")
    try:
        from scipy.special import stdtrit
    except ImportError as error:
        raise OptionError("the gate of models needs SciPy", "pip install 'tapescan[ml]'") from error
    return float(stdtrit(freedom, NormalDist().cdf(2.0) ** (1.0 / trials)))


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
