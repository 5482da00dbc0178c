"""Dates as people and programs write them, brought to few forms before they are read."""

from __future__ import annotations

import polars as pl

from tapescan.importing.texts import NO_VALUE, unquoted

__all__ = ["days_in_words", "written"]

#: What stands around a stamp: a zone's name in brackets, words for it in parentheses.
_AROUND = r"(?:\[[a-z_/+-]+\]| *\([a-z ]+\))$"
#: As C and Unix write it: the time of day before the year.
_YEAR_LAST = r"^(?:[a-z]{3} )?([a-z]{3}) +(\d{1,2}) (\d{1,2}:\d{2}:\d{2})(?: ([a-z]{3,4}))? (\d{4})$"


def written(texts: pl.Series) -> pl.Series:
    """In lower case, without what stands around; digits alone with their parts apart; null for no value."""
    bare = unquoted(texts).str.to_lowercase()
    bare = bare.set(bare.is_in(NO_VALUE), None)
    bare = bare.str.replace(_AROUND, "").str.replace(_YEAR_LAST, "$1 $2 $5 $3 $4")
    bare = bare.str.replace(r"^(\d{4})\s*\u5e74\s*(\d{1,2})\s*\u6708\s*(\d{1,2})\s*\u65e5", "$1-$2-$3")
    bare = bare.str.replace(r"^(\d{1,4})\. ?(\d{1,2})\. ?(\d{1,4})\.?( |$)", "$1.$2.$3$4")
    digits = r"^((?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))[t ]?([01]\d|2[0-3])([0-5]\d)([0-5]\d)?"
    stamps = bare.str.contains(digits + "(?:\\.0*)?$").fill_null(value=False)
    apart = bare.str.replace(digits + "(?:\\.0*)?$", "$1 $2:$3:$4").str.replace(r":$", ":00")
    bare = pl.select(pl.when(stamps).then(apart).otherwise(bare)).to_series()
    return bare.str.replace(r"^(\d{8})[t ](\d{2})(\d{2})(\d{2})", "$1 $2:$3:$4")


def days_in_words(day: pl.Series) -> pl.Series:
    """Without the name of a weekday, and with one space between words."""
    spelled = day.str.replace(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +", "")
    words = spelled.str.contains(r"[a-z]{3}")
    apart = spelled.str.replace_all(r"(\d)(?:st|nd|rd|th)\b", "$1").str.replace_all(r"[-/,. ']+", " ")
    apart = apart.str.replace(r"^(\d{1,2})([a-z]{3,9})(\d{2,4})$", "$1 $2 $3").str.replace(r"\bsept\b", "sep")
    return pl.select(pl.when(words).then(apart.str.strip_chars()).otherwise(spelled)).to_series()
