"""The functions of the language, each declared once: how it is written, what it takes and gives, and how it is
computed. The reference page and the messages follow from these declarations.

Three kinds: of one session's values (`plain`), of earlier bars (`earlier`), and across the market (`across`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from tapescan.core.logs import exponential, logarithm, power
from tapescan.core.typing import Floats, Ints
from tapescan.features.cross import percentile, zscore
from tapescan.screen.nodes import Kind
from tapescan.screen.values import TRUE, Value, choose, compare, finite, is_null
from tapescan.screen.windows import greatest, least, totals

__all__ = ["FUNCTIONS", "MOST_BARS", "Argument", "Function", "Group", "Rows"]

#: How many bars back an expression may look in all.
MOST_BARS = 504

#: What an argument may be: a whole number written out (bars), a value of a kind, a value of any kind (all of such
#: arguments of one), or a column of texts that says who belongs together.
Argument: TypeAlias = Literal["bars", "number", "condition", "any", "group"]
Group: TypeAlias = Literal["earlier bars", "across the market", "numbers", "choices"]

#: An argument's values at the newest so many bars, ``(bars, lanes)``, the newest last.
Rows: TypeAlias = Callable[[int], Any]


@dataclass(frozen=True)
class Function:
    """One function.

    form : how it is written. takes : its arguments. optional : how many of the last ones may be left out.
    many : whether the last argument may come again and again. gives : the kind of its value; ``any`` for that of its
        arguments. meaning : one sentence. example : a condition that uses it.
    definition : the expression that it stands for, where it is one in this language.
    plain : from the arguments' values to its own.
    across : from a value ``(symbols,)``, the places of the ranked, in the order in which sums are taken, and all
        symbols' groups (None for one group) to its own.
    earlier : from the number of bars n, the arguments, and how many bars are wanted, to its values at these.
    reach : how many bars before the first one wanted the arguments must reach, of n.
    """

    name: str
    form: str
    group: Group
    takes: tuple[Argument, ...]
    gives: Kind | Literal["any"]
    meaning: str
    example: str
    optional: int = 0
    many: bool = False
    definition: str = ""
    plain: Callable[..., Value] | None = None
    across: Callable[[Floats, Ints, Ints | None], Floats] | None = None
    earlier: Callable[[int, tuple[Rows, ...], int], Any] | None = None
    reach: Callable[[int], int] = lambda n: n - 1


# --- earlier bars -----------------------------------------------------------------------------------------------


def _back(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    return of[0](wanted + n)[:wanted]


def _crosses(sign: str) -> Callable[[int, tuple[Rows, ...], int], Any]:
    def crosses(_: int, of: tuple[Rows, ...], wanted: int) -> Any:
        beyond = compare(sign, of[0](wanted + 1), of[1](wanted + 1))
        return np.minimum(beyond[1:], TRUE - beyond[:-1])

    return crosses


def _change(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    values = of[0](wanted + n)
    return finite(values[n:] - values[:wanted])


def _held(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    return least(of[0](wanted + n - 1), n)


def _any_of(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    return greatest(of[0](wanted + n - 1), n)


def _count(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    held = of[0](wanted + n - 1)
    return totals(np.where(is_null(held) == TRUE, np.nan, (held == TRUE).astype(np.float64)), n)


def _sum(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    return finite(totals(of[0](wanted + n - 1), n))


def _mean(n: int, of: tuple[Rows, ...], wanted: int) -> Any:
    return finite(totals(of[0](wanted + n - 1), n) / n)


# --- across the market ------------------------------------------------------------------------------------------


def _by_group(function: Callable[[Floats], Floats], values: Floats, ranked: Ints, groups: Ints | None) -> Floats:
    """The function over the ranked, or over each group of them; null for all others."""
    out = np.full(values.shape, np.nan)
    if groups is None:
        out[ranked] = function(values[ranked])
        return out
    for group in np.unique(groups[ranked]):
        if group >= 0:  # who belongs nowhere has nobody beside it
            some = ranked[groups[ranked] == group]
            out[some] = function(values[some])
    return out


def _pct(values: Floats, ranked: Ints, groups: Ints | None) -> Floats:
    return _by_group(lambda some: 100.0 * percentile(some), values, ranked, groups)


def _rank(values: Floats, ranked: Ints, groups: Ints | None) -> Floats:
    def places(some: Floats) -> Floats:
        known = some[~np.isnan(some)]
        above = known.size - np.searchsorted(np.sort(known), some, side="right")
        return np.where(np.isnan(some), np.nan, above + 1.0)

    return _by_group(places, values, ranked, groups)


def _zscore(values: Floats, ranked: Ints, groups: Ints | None) -> Floats:
    return _by_group(zscore, values, ranked, groups)


# --- numbers and choices ----------------------------------------------------------------------------------------


def _numeric(function: Callable[..., Any]) -> Callable[..., Value]:
    """What comes out as no finite number is null."""

    def quiet(*values: Value) -> Value:
        with np.errstate(all="ignore"):
            return finite(function(*values))

    return quiet


def _rounded(value: Value, digits: Value = 0.0) -> Value:
    """Half away from zero, as SQL does; by the decimal places that the number has."""
    scale = 10.0 ** np.trunc(digits)
    scaled = np.abs(value) * scale
    whole = np.floor(scaled)
    # 2.675 is stored a little below itself: what lies that close to the half counts as the half.
    half = scaled - whole >= 0.5 - 1e-9 * np.maximum(scaled, 1.0)
    return np.copysign((whole + half) / scale, value)


def _extreme(function: Callable[[Any, Any], Any]) -> Callable[..., Value]:
    def extreme(*values: Value) -> Value:
        found = values[0]
        for value in values[1:]:
            found = function(found, value)
        return found

    return extreme


def _coalesce(*values: Value) -> Value:
    return choose([(2 - is_null(value), value) for value in values[:-1]], values[-1])


_DECLARED = (
    Function("back", "x[k]", "earlier bars", ("any", "bars"), "any", "x as it was k bars ago; k is 0 or more",
             "close > high[1]", earlier=_back, reach=lambda n: n),
    Function("crosses_above", "crosses_above(a, b)", "earlier bars", ("number", "number"), "condition",
             "a is above b, and one bar ago it was not", "crosses_above(sma_50, sma_200)",
             earlier=_crosses(">"), reach=lambda _: 1),
    Function("crosses_below", "crosses_below(a, b)", "earlier bars", ("number", "number"), "condition",
             "a is below b, and one bar ago it was not", "crosses_below(close, sma_50)",
             earlier=_crosses("<"), reach=lambda _: 1),
    Function("within", "within(n, condition)", "earlier bars", ("bars", "condition"), "condition",
             "true on at least one of the newest n bars, the newest included",
             "within(5, crosses_above(close, sma_50))", earlier=_any_of),
    Function("streak", "streak(n, condition)", "earlier bars", ("bars", "condition"), "condition",
             "true on each of the newest n bars", "streak(3, close < close[1])", earlier=_held),
    Function("count", "count(n, condition)", "earlier bars", ("bars", "condition"), "number",
             "on how many of the newest n bars it is true; null where it is unknown on one of them",
             "count(10, close > close[1]) >= 8", earlier=_count),
    Function("highest", "highest(n, x)", "earlier bars", ("bars", "number"), "number",
             "the highest x of the newest n bars; null where one has none", "close > highest(20, high)[1]",
             earlier=_any_of),
    Function("lowest", "lowest(n, x)", "earlier bars", ("bars", "number"), "number",
             "the lowest x of the newest n bars; null where one has none", "low < lowest(20, low)[1]",
             earlier=_held),
    Function("mean", "mean(n, x)", "earlier bars", ("bars", "number"), "number",
             "the mean x of the newest n bars; null where one has none", "volume > 2 * mean(50, volume)[1]",
             earlier=_mean),
    Function("sum", "sum(n, x)", "earlier bars", ("bars", "number"), "number",
             "the sum of x over the newest n bars; null where one has none", "sum(5, ret_1) < -0.2", earlier=_sum),
    Function("change", "change(n, x)", "earlier bars", ("bars", "number"), "number",
             "x less x as it was n bars ago, in the unit of x", "change(10, rsi_14) > 30",
             earlier=_change, reach=lambda n: n),
    Function("pct", "pct(x) or pct(x, sector)", "across the market", ("number", "group"), "number",
             "the percentile of x among the ranked, or among those of its sector, industry, exchange, country or "
             "type: above 0 (lowest) to below 100; equal values share one", "pct(ret_126) > 90", optional=1,
             across=_pct),
    Function("rank", "rank(x) or rank(x, sector)", "across the market", ("number", "group"), "number",
             "the place of x among the ranked, or among its group: 1 for the highest; equal values share the best",
             "rank(dollar_volume_20) <= 500", optional=1, across=_rank),
    Function("zscore", "zscore(x) or zscore(x, sector)", "across the market", ("number", "group"), "number",
             "how many standard deviations x lies above its mean among the ranked, or among its group",
             "zscore(ret_21, sector) > 2", optional=1, across=_zscore),
    Function("rs", "rs", "across the market", (), "number",
             "relative strength from 1 to 99: the percentile of the year's return, in which the last quarter counts "
             "double", "rs >= 80",
             definition="1 + floor(0.99 * pct(0.4 * ret_63 + 0.2 * ret_126 + 0.2 * ret_189 + 0.2 * ret_252))"),
    Function("abs", "abs(x)", "numbers", ("number",), "number", "x without its sign", "abs(ret_1) > 0.1",
             plain=np.abs),
    Function("ln", "ln(x)", "numbers", ("number",), "number", "natural logarithm; null where x is not above 0",
             "ln(close) > 3", plain=_numeric(logarithm)),
    Function("sqrt", "sqrt(x)", "numbers", ("number",), "number", "square root; null where x is below 0",
             "sqrt(dollar_volume_20) > 1000", plain=_numeric(np.sqrt)),
    Function("exp", "exp(x)", "numbers", ("number",), "number", "e to the power of x", "exp(ret_1) > 1",
             plain=_numeric(exponential)),
    Function("pow", "pow(x, y)", "numbers", ("number", "number"), "number",
             "x to the power of y; null where that is no number", "pow(1 + ret_252, 2) > 2",
             plain=_numeric(power)),
    Function("round", "round(x) or round(x, digits)", "numbers", ("number", "number"), "number",
             "x rounded to whole numbers, or to digits after the point; a half away from zero",
             "round(close, 2) = 10", optional=1, plain=_numeric(_rounded)),
    Function("floor", "floor(x)", "numbers", ("number",), "number", "the greatest whole number that is not above x",
             "floor(close) = close", plain=_numeric(np.floor)),
    Function("least", "least(x, y, ...)", "numbers", ("number", "number"), "number",
             "the lowest of them; null where one is null", "least(open, close) > sma_20", many=True,
             plain=_extreme(np.minimum)),
    Function("greatest", "greatest(x, y, ...)", "numbers", ("number", "number"), "number",
             "the highest of them; null where one is null", "greatest(open, close) < sma_20", many=True,
             plain=_extreme(np.maximum)),
    Function("coalesce", "coalesce(x, y, ...)", "choices", ("any", "any"), "any",
             "the first of them that is not null", "coalesce(f_score, 0) >= 7", many=True, plain=_coalesce),
)  # fmt: skip

#: All functions by name; ``back`` is what ``x[k]`` stands for.
FUNCTIONS: Mapping[str, Function] = {one.name: one for one in _DECLARED}
