"""Numbers as people write them: with a currency's sign, thousands apart, a decimal comma, K, M and B, as a ratio."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.text import printable
from tapescan.core.typing import Ints
from tapescan.importing.texts import NO_VALUE, place_of, unquoted

__all__ = ["directed", "numbers_of", "ratios_of", "refuse_wrong", "tells_decimal_comma"]

#: Marks of other money, of which nothing is read as dollars.
_FOREIGN = r"[€£¥₹₩₽]|^(?:eur|gbp|gbx|jpy|cad|aud|chf|hk\$|c\$|a\$)|(?:eur|gbp|gbx|jpy|cad|aud|chf)$"
_SPACES = "[\u00a0\u202f\u2009 '\u2019_]"
_TIMES = {"k": 1e3, "m": 1e6, "mn": 1e6, "mln": 1e6, "mio": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12, "tn": 1e12}
#: Words around a ratio: "1-for-10 reverse split", "5% stock dividend", "4 new for 1 old".
_WORDS = r"(?:forward|reverse|stock|share|split|consolidation|dividend|bonus|shares|new|old|ratio)"
_RATIO = (
    # new shares, old shares: "4:1", "4/1", "4-for-1", "4 for 1", "1-for-10", "4 to 1"
    rf"^(?:{_WORDS} )*(\d+(?:\.\d+)?)(?: (?:new|shares))* ?(?::|/|[- ]?(?:for|to|-)[- ]?) ?(\d+(?:\.\d+)?)"
    rf"(?:[ -]{_WORDS})*$"
)


def tells_decimal_comma(texts: pl.Series, *, apart: bool) -> bool:
    """Whether a comma stands before the decimals in these cells, which hold numbers and other things.

    apart : whether cells stand apart by something else than a comma, as they mostly do where the comma is a decimal
    one; where they do not, a number with a comma is one in quotes.
    """
    cells = texts.drop_nulls().str.strip_chars().str.replace_all(_SPACES, "")
    cells = cells.filter(cells.str.contains(r"^[-+$]*\d[\d.,]*[kmbt%]?$"))
    both = cells.filter(cells.str.contains(r"\d[.,].*[.,]\d") & cells.str.contains(",", literal=True))
    if both.str.contains(r"^[^,]*\.[^.]*,\d+[a-z%]?$").any():
        return True
    if both.str.contains(r"^[^.]*,.*\.\d+[a-z%]?$").any() or both.str.contains(r",.*,").any():
        return False
    commas = cells.filter(cells.str.contains(",", literal=True))
    if commas.str.contains(r",(?:\d{1,2}|\d{4,})[a-z%]?$").any():
        return True
    # Three digits after each comma and no point anywhere: where semicolons part the cells, a decimal comma.
    return apart and len(commas) > 0 and not cells.str.contains(".", literal=True).any()


def numbers_of(values: pl.Series, path: str, column: str, *, decimal_comma: bool = False) -> tuple[pl.Series, Ints]:
    """A column as float64, and the rows whose text is no number; usual marks of a missing value are null.

    Raises `FileError` for a type that holds no numbers, and for money that is not dollars.
    """
    nothing = np.empty(0, np.int64)
    if values.dtype.is_numeric() or values.dtype == pl.Null:
        return values.cast(pl.Float64), nothing
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise FileError(f"{path}: column {column} holds {values.dtype}", "a number is expected")
    text = values.cast(pl.String).str.strip_chars()
    numbers = None if decimal_comma else text.cast(pl.Float64, strict=False)
    left = text if numbers is None else text.filter(numbers.is_null())
    odd = left.unique().drop_nulls()
    odd = odd.filter(~odd.str.to_lowercase().is_in(NO_VALUE))
    if numbers is None:
        numbers = pl.Series(values.name, [None] * len(text), dtype=pl.Float64)
    if odd.is_empty():
        return numbers, nothing
    cleaned = odd.str.to_lowercase()
    foreign = odd.filter(cleaned.str.contains(_FOREIGN))
    if len(foreign):
        shown = printable(foreign[0], 40)
        raise FileError(f"{path}: {shown!r} in column {column} is not in dollars", "convert it to US dollars")
    read = _cleaned(cleaned, decimal_comma=decimal_comma)
    # Words that stand for nothing leave nothing.
    numbers = numbers.fill_null(text.replace_strict(odd, read, default=None, return_dtype=pl.Float64))
    wrong_texts = odd.filter(read.is_null())
    wrong = text.is_in(wrong_texts.implode()).arg_true().to_numpy() if len(wrong_texts) else nothing
    return numbers, wrong.astype(np.int64)


def refuse_wrong(wrong: Ints, values: pl.Series, path: str, column: str, first_row: int | None) -> None:
    """Raises `FileError` naming the first row whose text is no number."""
    if len(wrong):
        at = int(wrong[0])
        raise FileError(
            f"{path}, {place_of(at, first_row)}: {printable(str(values[at]), 60)!r} in column {column}",
            "a number is expected; correct or remove the row",
        )


def ratios_of(values: pl.Series, path: str, column: str, *, decimal_comma: bool = False) -> tuple[pl.Series, Ints]:
    """New shares for one old, from numbers, ``4:1``, ``1-for-10``, ``4/1`` and ``5 %`` (a dividend in shares)."""
    if values.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return numbers_of(values, path, column)
    text = values.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace("\uff1a", ":", literal=True)
    parts = text.str.extract_groups(_RATIO).struct.unnest()
    new, old = (parts[name].cast(pl.Float64, strict=False) for name in parts.columns[:2])
    percent = text.str.extract(rf"^(\d+(?:\.\d+)?) ?%(?: {_WORDS})*$", 1).cast(pl.Float64, strict=False)
    known = directed((new / old).fill_null(1.0 + percent / 100.0), text)
    rest = values.cast(pl.String).set(known.is_not_null(), None)
    numbers, wrong = numbers_of(rest, path, column, decimal_comma=decimal_comma)
    return known.fill_null(numbers), wrong


def directed(ratios: pl.Series, words: pl.Series) -> pl.Series:
    """New shares for one old where a word says which way: a reverse split of 10:1 gives 0.1."""
    words = words.str.to_lowercase()
    reverse = words.str.contains("reverse|consolidation").fill_null(value=False) & (ratios > 1.0)
    forward = words.str.contains("forward").fill_null(value=False) & (ratios < 1.0)
    return pl.select(pl.when(reverse | forward).then(1.0 / ratios).otherwise(ratios)).to_series().alias(ratios.name)


def _cleaned(texts: pl.Series, *, decimal_comma: bool) -> pl.Series:
    """Distinct texts in lower case as numbers; null for what is none."""
    bare = unquoted(texts).str.replace_all("\u2212", "-").str.replace(r"^\((.*)\)$", "-$1")
    bare = bare.str.replace(r"^([-+]?)(?:us ?\$|usd|\$) ?", "$1").str.replace(r" ?(?:usd|us ?\$|\$)$", "")
    bare = bare.str.replace_all(_SPACES, "")
    suffix = bare.str.extract(r"\d(k|m|mn|mln|mio|b|bn|t|tn|%)$", 1)
    times = suffix.replace_strict({**_TIMES, "%": 0.01}, default=None, return_dtype=pl.Float64).fill_null(1.0)
    bare = bare.str.replace(r"(\d)(?:k|mn|mln|mio|m|bn|b|tn|t|%)$", "$1")
    point, comma = (",", ".") if decimal_comma else (".", ",")
    apart = bare.str.contains(rf"^[-+]?\d{{1,3}}(?:\{comma}\d{{2,3}})*\{comma}\d{{3}}(?:\{point}\d*)?$")
    joined = bare.str.replace_all(comma, "", literal=True)
    bare = pl.select(pl.when(apart).then(joined).otherwise(bare)).to_series()
    if decimal_comma:
        # A point that sets nothing apart is a decimal one after all, as in 1.616718e+06.
        bare = bare.str.replace(",", ".", literal=True)
    return bare.cast(pl.Float64, strict=False) * times
