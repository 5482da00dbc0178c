"""The factors: each one idea, and the columns that it makes.

A factor is the mean of its terms' z-scores (values winsorised at 1 % on each side, z-scores cut at plus and minus 3,
then, where the factor is sector-neutral, less the sector's mean; `scan.factors` does it). A term a symbol has no
value for is left out of that symbol's mean; a symbol with none of the terms has no value for the factor.

A factor is declared here and nowhere else: its columns, the profiles' weights and the reference follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tapescan.columns.definition import Column, Source
from tapescan.columns.options import SOURCE as OPTIONS
from tapescan.core.logs import logarithm
from tapescan.core.typing import Floats
from tapescan.fundamentals.ratios import RATIOS

__all__ = [
    "AVERAGES",
    "CUT",
    "EVERY_FACTOR",
    "FACTORS",
    "OSCILLATORS",
    "RELATIVE_HORIZONS",
    "SOURCE",
    "Factor",
    "Term",
    "mean_of_known",
    "points_column",
    "rating",
    "value_column",
]

_OF_OPTIONS = {column.name for column in OPTIONS.columns}

Value = Callable[[Mapping[str, Floats]], Floats]

#: z-scores are cut here, so that one extreme term cannot outvote the others.
CUT = 3.0

#: Horizons, in sessions, of the strength relative to the market.
RELATIVE_HORIZONS = (21, 63, 126)


@dataclass(frozen=True)
class Term:
    """One column (or a value made from several) as it enters a factor: higher counts as better.

    words : what it is, for explanations. needs : the columns that `value` is made of.
    value : from these to float64 ``(symbols,)``. shown : from these to what a person reads, before any sign or
        logarithm. style : how that is written. less : whether less of what is shown is better. log : whether
        it enters by its logarithm.
    """

    words: str
    needs: tuple[str, ...]
    value: Value
    shown: Value
    style: str
    less: bool = False
    log: bool = False


@dataclass(frozen=True)
class Factor:
    """neutral : whether the sector's mean is taken out. asked : whether it is computed, and shown, only where
    a weight or a name asks for it; the others are of every scan."""

    name: str
    title: str
    terms: tuple[Term, ...]
    neutral: bool = False
    asked: bool = False

    @property
    def of_options(self) -> bool:
        """Whether it takes what options say."""
        return any(name in _OF_OPTIONS for term in self.terms for name in term.needs)

    @property
    def of_statements(self) -> bool:
        """Whether it takes company statements."""
        return any(name in RATIOS for term in self.terms for name in term.needs)


def _plain(feature: str, words: str, style: str, sign: float = 1.0) -> Term:
    return Term(words, (feature,), lambda f: sign * f[feature], lambda f: f[feature], style, less=sign < 0.0)


def _log(feature: str, words: str, style: str, sign: float = 1.0) -> Term:
    def value(f: Mapping[str, Floats]) -> Floats:
        return sign * logarithm(f[feature])

    return Term(words, (feature,), value, lambda f: f[feature], style, less=sign < 0.0, log=True)


# The technical rating, after the votes that charting sites publish: each moving average votes +1 when the
# close is above it and -1 when below; each oscillator votes +1 or -1 by the side of its middle it is on.
# Averages and oscillators count one half each.
AVERAGES = (
    "sma_10", "sma_20", "sma_50", "sma_100", "sma_200", "ema_10", "ema_20", "ema_50", "ema_100", "hma_20",
)  # fmt: skip
OSCILLATORS: tuple[tuple[str, tuple[str, ...], Value], ...] = (
    ("RSI above 50", ("rsi_14",), lambda f: f["rsi_14"] - 50.0),
    ("MACD above its signal", ("macd_12_26_9_histogram",), lambda f: f["macd_12_26_9_histogram"]),
    ("+DI above -DI", ("plus_di_14", "minus_di_14"), lambda f: f["plus_di_14"] - f["minus_di_14"]),
    ("CCI above 0", ("cci_20",), lambda f: f["cci_20"]),
    ("Aroon up above down", ("aroon_25_oscillator",), lambda f: f["aroon_25_oscillator"]),
    ("regression slopes up", ("linreg_50_slope",), lambda f: f["linreg_50_slope"]),
    ("Stochastic above 50", ("stoch_14_3_3_k",), lambda f: f["stoch_14_3_3_k"] - 50.0),
)


def rating(features: Mapping[str, Floats]) -> Floats:
    """The technical rating, -1 (all votes down) to 1 (all up); votes without a value are left out."""
    close = features["close"]
    votes = np.sign([close - features[name] for name in AVERAGES])
    others = np.sign([value(features) for _, _, value in OSCILLATORS])
    return (mean_of_known(votes) + mean_of_known(others)) / 2.0


def _excess(horizon: int, words: str) -> Term:
    own, beta, market = f"ret_{horizon}", "beta_252", f"market_ret_{horizon}"

    def value(f: Mapping[str, Floats]) -> Floats:
        return f[own] - f[beta] * f[market]

    return Term(words, (own, beta), value, value, "{:+.1%}")


FACTORS: tuple[Factor, ...] = (
    Factor(
        "trend",
        "technical rating of ten moving averages and seven oscillators",
        (
            Term(
                "rating from -1 to 1",
                ("close", *AVERAGES, *(name for _, names, _ in OSCILLATORS for name in names)),
                rating,
                rating,
                "{:+.2f}",
            ),
        ),
    ),
    Factor(
        "momentum",
        "risen over the past year, beside its sector",
        (
            _plain("momentum_252_21", "return from 12 to 1 months ago", "{:+.1%}"),
            _plain("momentum_126_21", "from 6 to 1 months ago", "{:+.1%}"),
        ),
        neutral=True,
    ),
    Factor(
        "reversal",
        "fallen in the last days, beside its sector",
        (
            _plain("ret_1", "return of the last session", "{:+.1%}", -1.0),
            _plain("ret_5", "return over 5 sessions", "{:+.1%}", -1.0),
            _plain("rsi_2", "RSI(2)", "{:.0f}", -1.0),
            _plain("zscore_20", "deviations from its 20-session mean", "{:+.1f}", -1.0),
        ),
        neutral=True,
    ),
    Factor(
        "relative_strength",
        "return beyond what its beta to the market explains",
        (_excess(21, "over 1 month"), _excess(63, "3 months"), _excess(126, "6 months")),
    ),
    Factor(
        "volatility",
        "moves little",
        (
            _log("realised_volatility_63", "volatility a year", "{:.0%}", -1.0),
            _log("natr_14", "average true range", "{:.1f}%", -1.0),
            _plain("beta_252", "beta", "{:.2f}", -1.0),
        ),
    ),
    Factor(
        "liquidity",
        "trades much and moves little for it",
        (
            _log("dollar_volume_63", "dollars a session", "{:,.0f}"),
            _log("amihud_21", "return for a million dollars traded", "{:.4%}", -1.0),
            _plain("zero_volume_days_21", "sessions without a trade in 21", "{:.0f}", -1.0),
        ),
    ),
    Factor(
        "breakout",
        "near its high, out of a quiet base",
        (
            _plain("from_high_252", "from its 52-week high", "{:+.1%}"),
            _plain("range_position_20", "place in its 20-session range", "{:.0%}"),
            _plain("bbands_20_2_percent_b", "in its Bollinger bands", "{:.0%}"),
            _log("bbands_20_2_bandwidth", "their width", "{:.1%}", -1.0),
        ),
    ),
    Factor(
        "volume",
        "volume that confirms",
        (
            _plain("cmf_20", "Chaikin money flow", "{:+.2f}"),
            _plain("mfi_14", "money flow index", "{:.0f}"),
            _log("relative_volume_20", "times its usual volume", "{:.2f}"),
            _plain("volume_zscore_20", "deviations from its mean volume", "{:+.1f}"),
        ),
    ),
    Factor(
        "value",
        "cheap for what it earns, sells and owns, beside its sector",
        (
            _plain("earnings_yield", "12 months' earnings to market value", "{:+.1%}"),
            _plain("sales_yield", "sales", "{:.0%}"),
            _plain("cash_flow_yield", "operating cash flow", "{:+.1%}"),
            _plain("book_to_price", "book value", "{:.0%}"),
        ),
        neutral=True,
    ),
    Factor(
        "quality",
        "earns well and soundly, beside its sector",
        (
            _plain("roe", "return on equity", "{:+.1%}"),
            _plain("roa", "on assets", "{:+.1%}"),
            _plain("gross_margin", "gross margin", "{:.1%}"),
            _plain("accruals", "earnings without cash, to assets", "{:+.1%}", -1.0),
            _plain("leverage", "liabilities to assets", "{:.0%}", -1.0),
            _plain("f_score", "Piotroski's F-score", "{:.3g}/9"),
        ),
        neutral=True,
    ),
    Factor(
        "growth",
        "has grown over the year, beside its sector",
        (
            _plain("revenue_growth", "12 months' sales over a year ago", "{:+.1%}"),
            _plain("eps_growth", "earnings a share", "{:+.1%}"),
        ),
        neutral=True,
    ),
    # Shares did worse after a steep skew (Xing, Zhang and Zhao, 2010), better where calls were dear beside their puts
    # (Cremers and Weinbaum, 2010) and implied volatility beside the realised one (Bali and Hovakimian, 2009). That a
    # rising term structure is better is known of straddles alone (Vasquez, 2017).
    Factor(
        "options",
        "what its options say",
        (
            _plain("skew_25d_30", "skew, put less call", "{:+.1%}", -1.0),
            _plain("vol_spread_30", "calls' volatility less puts'", "{:+.1%}"),
            _log("iv_hv_ratio", "implied to realised volatility", "{:.2f}"),
            _plain("iv_slope_30_90", "slope from 30 to 90 days", "{:+.1%}"),
        ),
        asked=True,
    ),
)

#: The names of those that every scan has.
EVERY_FACTOR = tuple(factor.name for factor in FACTORS if not factor.asked)


def value_column(factor: str) -> str:
    """The column of a factor's own values."""
    return f"factor_{factor}"


def points_column(name: str) -> str:
    """The column of what a factor, or a model's forecast, adds to the score."""
    return f"score_{name}"


def _columns(factor: Factor) -> tuple[Column, Column]:
    terms = "; ".join(f"{term.words}{' (less is better)' if term.less else ''}" for term in factor.terms)
    words = factor.name.replace("_", " ")
    # A z-score less its sector's mean lies within twice the cut.
    reach = 2.0 * CUT if factor.neutral else CUT
    return (
        Column(
            points_column(factor.name),
            f"points of {words}",
            "points",
            "score",
            f"what {words} adds to the score: its weight's share of 100 times its percentile among the ranked",
            low=0.0,
            high=100.0,
            always=not factor.asked,
        ),
        Column(
            value_column(factor.name),
            factor.title,
            "1",
            "factors",
            f"mean z-score of its terms{', less the sector mean' if factor.neutral else ''}: {terms}",
            low=-reach,
            high=reach,
            always=not factor.asked,
        ),
    )


SOURCE = Source(
    name="factors",
    title="Factors",
    order=40,
    columns=tuple(column for pair in zip(*map(_columns, FACTORS), strict=True) for column in pair),
)


def mean_of_known(rows: Floats) -> Floats:
    """Mean over the first axis of what is known; NaN where nothing is."""
    known = ~np.isnan(rows)
    if known.all() and len(rows):
        whole: Floats = rows.sum(axis=0) / len(rows)
        return whole
    count = known.sum(axis=0)
    total = np.where(known, rows, 0.0).sum(axis=0)
    out = np.full(rows.shape[1:], np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out
