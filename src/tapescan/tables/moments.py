"""Moments of files, and days on which nothing is quoted."""

from __future__ import annotations

import polars as pl

from tapescan.market.clock import NEW_YORK
from tapescan.tables.definition import Rules

__all__ = ["is_closed", "moments_of"]


def moments_of(given: pl.Series) -> pl.Series:
    """Moments out of text: with a zone, or in New York's time, or as seconds (and finer) since 1970."""
    text = given.cast(pl.String).str.strip_chars().str.replace("T", " ").str.replace(r"Z$|(?: UTC)$", "+00:00")
    bare = text.str.replace(r"\.\d+", "")
    zoned = bare.str.to_datetime("%Y-%m-%d %H:%M:%S%#z", time_unit="us", time_zone="UTC", strict=False)
    form = bare.str.replace(r"^(.* \d{1,2}:\d{2})$", "$1:00")
    local = form.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    local = local.dt.replace_time_zone(NEW_YORK.key, ambiguous="earliest", non_existent="null")
    count = bare.str.extract(r"^(\d{10,19})$").cast(pl.Float64)
    digits = count.log10().floor().fill_nan(None)
    micro = count * 10.0 ** (15.0 - 3.0 * ((digits - 9.0) / 3.0).floor() - 9.0)
    since = micro.cast(pl.Int64, strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return zoned.fill_null(local.dt.convert_time_zone("UTC")).fill_null(since)


def is_closed(day: pl.Expr, rules: Rules) -> pl.Expr:
    """Whether a day is no session."""
    if rules.sessions is None:
        return day.dt.weekday() > 5
    open_days = rules.sessions if isinstance(rules.sessions, pl.Series) else pl.Series(list(rules.sessions))
    return ~day.is_in(open_days.cast(pl.Date).implode())
