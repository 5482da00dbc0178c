"""A user's own screen: a SQL predicate and a ranking over any column of the result or feature name.

    --where "close > sma_200 AND rsi_2 < 10 AND dollar_volume_20 > 5e6" --rank-by "rsi_2 asc"

The predicate is parsed by polars' SQL parser; the features it needs are found from the names in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl
from polars.exceptions import PolarsError

from tapescan.core.errors import InputError, OptionError, ScreenError, nearest
from tapescan.features.plan import known_features, parse_feature

__all__ = ["Ranking", "Screen", "features_among", "parse_ranking", "parse_screen"]


#: Forecasts of models, and their parts in the score.
ALPHA = re.compile(r"(score_)?alpha_\w+_\d+")

#: The parser's time grows faster than the text.
LONGEST = 4000


@dataclass(frozen=True)
class Screen:
    """A parsed predicate: its text, its expression and the names in it."""

    text: str
    expression: pl.Expr
    names: tuple[str, ...]

    def matches(self, frame: pl.DataFrame) -> pl.Series:
        """True for the rows that satisfy the predicate.

        An absent value (null) satisfies nothing, nor does a row for which any part of the predicate comes out as
        no number (a division of zero by zero, the logarithm of a negative number): polars would rank such a NaN
        above all numbers. Aggregates such as ``AVG(close)`` are over the rows given.
        """
        try:
            found = frame.select(self.expression)
            parts = frame.select(part.alias(str(i)) for i, part in enumerate(_parts(self.expression)))
        except PolarsError as error:
            raise ScreenError(
                f"--where {self.text!r}: {_first_line(error)}", "compare numbers with numbers and texts with texts"
            ) from error
        column = found.to_series()
        if column.dtype != pl.Boolean:
            raise ScreenError(f"--where {self.text!r} is not a condition", 'write a comparison, as in "rsi_14 < 30"')
        if len(column) == 1 and len(frame) != 1:  # a constant such as 1 = 1
            column = column.new_from_index(0, len(frame))
        numbers = parts.select(pl.col(pl.Float32, pl.Float64).is_nan().fill_null(value=False))
        undefined = numbers.select(pl.any_horizontal(pl.all())).to_series() if numbers.width else None
        satisfied = column.fill_null(value=False)
        return satisfied if undefined is None else satisfied & ~undefined


@dataclass(frozen=True)
class Ranking:
    """The column that orders the result, highest first unless `ascending`."""

    column: str
    ascending: bool


def parse_screen(text: str) -> Screen:
    """Raises ScreenError when the text is no SQL expression, or longer than anybody writes."""
    if len(text) > LONGEST:
        raise ScreenError(f"--where has {len(text):,} characters", f"write at most {LONGEST:,}")
    try:
        expression = pl.sql_expr(text)
        names = tuple(dict.fromkeys(expression.meta.root_names()))
    except PolarsError as error:
        raise ScreenError(
            f"--where {text!r}: {_first_line(error)}",
            'expected a SQL condition such as "close > sma_200 AND rsi_2 < 10"',
        ) from error
    return Screen(text, expression, names)


def parse_ranking(text: str) -> Ranking:
    """``score``, ``rsi_2 asc``, ``ret_21 desc``."""
    column, _, way = text.strip().partition(" ")
    way = way.strip().lower()
    if way not in {"", "asc", "desc"} or not column:
        raise ScreenError(f"--rank-by {text!r}", 'expected a column and, if wanted, asc or desc: "rsi_2 asc"')
    return Ranking(column, way == "asc")


def features_among(
    names: Iterable[str], columns: Collection[str], where: str, error_type: type[InputError] = ScreenError
) -> tuple[str, ...]:
    """Those of `names` that are features, not columns of the result.

    where : the option the names come from, for the message. Raises `error_type` for a name that is neither,
    with the nearest known ones.
    """
    found = []
    for name in names:
        if name in columns:
            continue
        try:
            parse_feature(name)
        except OptionError as error:
            if not error.what.startswith("unknown"):
                raise error_type(f"{where}: {error.what}", error.hint) from error
            if ALPHA.fullmatch(name):
                hint = "no model that may be used makes it: `tapescan train`, `tapescan models`"
            else:
                hint = nearest(name, (*columns, *known_features())) or error.hint
            raise error_type(f"{where}: unknown name {name!r}", hint) from error
        found.append(name)
    return tuple(found)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]


def _parts(expression: pl.Expr) -> list[pl.Expr]:
    """The expression's own parts, and theirs, without plain columns and constants."""
    found: list[pl.Expr] = []
    for part in expression.meta.pop():
        if part.meta.pop():
            found += [part, *_parts(part)]
    return found
