"""The option quotes of a store, as they were known on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from tapescan.options.stored import READ, StoredChain, make_ready
from tapescan.store.known import KnownStore
from tapescan.store.later_splits import splits_inside
from tapescan.store.table import store_errors

__all__ = ["option_session", "stored_chain"]

_QUOTES = "option_quotes"
#: Dividends of the last year tell the next ones; who paid any in so long may pay again, and tells no rate.
_PAYING = dt.timedelta(days=3 * 366)


def option_session(known: KnownStore) -> dt.date | None:
    """The newest session with option quotes up to the store's day; None where there is none."""
    files = known.opened(_QUOTES).files()
    if known.day is not None:
        files = files.filter(pl.col("first").fill_null(known.day) <= known.day)
    if files.is_empty():
        return None
    one_each = files["first"].null_count() == 0 and (files["first"] == files["last"]).all()
    if one_each:
        newest: dt.date = files["last"].max()  # type: ignore[assignment]
        return newest
    with store_errors(known.path, f"read {_QUOTES} of"):
        return known.scan(_QUOTES).select(pl.col("session").max()).collect().item()  # type: ignore[no-any-return]


def stored_chain(known: KnownStore, symbols: Sequence[str] | None = None) -> StoredChain | None:
    """The chain of the newest session with quotes up to the store's day, of all underlyings or some; None where there
    is none.

    Prices of underlyings and splits are those of the session. Dividends are those that the store knows: as of a past
    day none behind it, since nobody says when they were declared.
    """
    session = option_session(known)
    if session is None:
        return None
    with store_errors(known.path, f"read {_QUOTES} of"):
        rows = known.since_day(session).scan(_QUOTES, symbols).filter(pl.col("session") == session)
        quotes = rows.select(READ).collect()
    if quotes.is_empty():
        return None
    then = KnownStore(known.path, known.versions, session, session)
    then.take_sessions(pl.Series("session", [session]))
    names = quotes["symbol"].unique().sort().to_list()
    paid = known.read("dividends").filter(pl.col("symbol").is_in(names), pl.col("ex_date") > session - _PAYING)
    splits = known.read("splits").filter(pl.col("symbol").is_in(names), pl.col("ex_date") <= session)
    with store_errors(known.path, "read underlyings of"):
        prices = then.scan("underlyings").filter(pl.col("session") == session).collect()
    return make_ready(quotes, prices, _closes(then, names), paid, splits, session)


def _closes(then: KnownStore, names: Sequence[str]) -> pl.DataFrame:
    """symbol, close of the session, as it was paid."""
    if not then.has_bars or then.scan("bars").select(pl.len()).collect().item() == 0:
        return pl.DataFrame(schema={"symbol": pl.String, "close": pl.Float64})
    bars = then.bars(symbols=names).select("symbol", "close")
    inside, _ = splits_inside(then)
    factor = pl.col("factor").fill_null(1.0)
    return bars.join(inside, on="symbol", how="left").select("symbol", close=pl.col("close") * factor)
