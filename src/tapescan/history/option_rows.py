"""What the stored option features say of each symbol of a market on its session, and of the sessions before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from tapescan.core.dates import date_of
from tapescan.market import calendar
from tapescan.market.option_measures import LEAST_SESSIONS, MEASURES, WINDOW
from tapescan.store import KnownStore
from tapescan.store.table import store_errors

__all__ = ["PAST", "OptionRows", "market_options", "option_rows", "read_features", "window"]

_TABLE = "option_features"

#: What the past of a symbol is told by.
PAST = ("symbol", "session", "iv_30", "option_volume")

#: A volume is compared with the mean of so many sessions before, of which so many have to be known.
BEFORE, LEAST_BEFORE = 20, 10

#: More calendar days than `WINDOW` sessions take.
_REACH = dt.timedelta(days=2 * WINDOW)


class OptionRows(NamedTuple):
    """rows : one a symbol, in their order, as `option_rows`; None for a store that knew of no options by then.
    note : what a reader should know of them; empty for nothing."""

    rows: pl.DataFrame | None
    note: str


def market_options(known: KnownStore, symbols: Sequence[str], day: dt.date) -> OptionRows:
    """Of a store as it was known on the session `day`. Rows of another session are not used."""
    files = known.opened(_TABLE).files()
    if files.is_empty():
        return OptionRows(None, "")
    own, past = read_features(known, day)
    if own.is_empty():
        with store_errors(known.path, f"read {_TABLE} of"):
            newest = known.scan(_TABLE).select(pl.col("session").max()).collect().item()
        if newest is None:
            return OptionRows(None, "")
        note = f"the newest options are of {newest}, so that nothing is known of options on {day}"
        return OptionRows(option_rows(symbols, own, past, day), note)
    return OptionRows(option_rows(symbols, own, past, day), "")


def read_features(known: KnownStore, day: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a session, whole, and `PAST` of all sessions of the window that ends with it."""
    with store_errors(known.path, f"read {_TABLE} of"):
        own = known.since_day(day).scan(_TABLE).filter(pl.col("session") == day).collect()
        if own.is_empty():
            return own, own.select(PAST)
        past = known.since_day(window(day)[0]).scan(_TABLE).select(PAST)
        return own, past.filter(pl.col("session") <= day).collect()


def window(day: dt.date) -> list[dt.date]:
    """The exchange's sessions that count up to a day, itself the last."""
    begin = max(day - _REACH, calendar.EARLIEST)
    sessions = calendar.sessions(begin, day - dt.timedelta(days=1))[-(WINDOW - 1) :]
    return [*(date_of(one) for one in sessions.tolist()), day]


def option_rows(symbols: Sequence[str], own: pl.DataFrame, past: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """One row a symbol, in their order: the measures of the session `day`, option_volume_ratio_20, iv_rank_252,
    iv_percentile_252 and iv_sessions_252; null where it is unknown.

    own : the day's rows of `option_features`, with what is wanted of them, and `PAST` at least. past : `PAST`, of the
    window's sessions at least, and none after it.
    """
    days = window(day)
    past = past.filter(pl.col("session") >= days[0]).join(
        own.select("symbol", now="iv_30"), on="symbol", maintain_order="left"
    )
    volatility, volume = pl.col("iv_30"), pl.col("option_volume")
    before = pl.col("session").is_between(days[-BEFORE - 1 :][0], day, closed="left")
    told = past.group_by("symbol").agg(
        least=volatility.min(),
        most=volatility.max(),
        many=volatility.count().cast(pl.Float64),
        below=(volatility < pl.col("now")).sum().cast(pl.Float64),
        usual=pl.when(volume.filter(before).count() >= LEAST_BEFORE).then(volume.filter(before).mean()),
    )
    now, enough = pl.col("iv_30"), pl.col("many") >= LEAST_SESSIONS
    found = (
        pl.DataFrame({"symbol": pl.Series(symbols, dtype=pl.String)})
        .join(own, on="symbol", how="left", maintain_order="left")
        .join(told, on="symbol", how="left", maintain_order="left")
    )
    found = found.with_columns(
        option_volume_ratio_20=volume / pl.when(pl.col("usual") > 0.0).then("usual"),
        iv_rank_252=pl.when(enough & (pl.col("most") > pl.col("least"))).then(
            100.0 * (now - pl.col("least")) / (pl.col("most") - pl.col("least"))
        ),
        iv_percentile_252=pl.when(enough & now.is_not_null()).then(100.0 * pl.col("below") / pl.col("many")),
        iv_sessions_252="many",
    )
    derived = ("option_volume_ratio_20", "iv_rank_252", "iv_percentile_252", "iv_sessions_252")
    return found.select(*(one.name for one in MEASURES if one.name in own.columns), *derived)
