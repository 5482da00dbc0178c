"""The index of all symbols, each return in the share basis of its own day.

A scan as of some day divides prices by the splits known then, which changes the last bits of earlier returns. Here a
day's return is from the close before as it was quoted on that day, so it hangs on dates alone: on any later day, and
in a replay, it has the same bytes. All bars of a ticker count, also those that another company had before: which
company it was may become known later. Likewise those of companies that have no symbol any more: they had one.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.history.whole_market import symbols_in_parts
from tapescan.market.adjust import closes_before
from tapescan.market.index import INDEX_GAP, IndexOfAll, MarketIndex, mean_return
from tapescan.market.quality import sort_bars
from tapescan.store import KnownStore
from tapescan.store.later_splits import splits_of_any_day
from tapescan.store.table import store_errors

__all__ = [
    "CLOSES",
    "add_to",
    "closes_before_day",
    "closes_of_week",
    "index_of_bars",
    "index_of_store",
    "return_of_day",
    "with_later",
]

#: What is read of each bar, as it is stored.
CLOSES = ("symbol", "session", "close", "adjusted_to")


def add_to(index: IndexOfAll, bars: pl.DataFrame, splits: pl.DataFrame) -> None:
    """Add bars of some symbols: CLOSES, as stored, sorted by symbol and session. splits : symbol, ex_date, ratio, of
    any day: those that lie inside prices which were adjusted beyond their session."""
    begin = np.flatnonzero((bars["symbol"] != bars["symbol"].shift()).fill_null(value=True).to_numpy())
    session = bars["session"].to_physical().to_numpy().astype(np.int32)
    close = bars["close"].to_numpy().astype(np.float64, copy=False)
    index.add(session, close, begin, closes_before(bars, splits))


def index_of_bars(bars: pl.DataFrame, splits: pl.DataFrame) -> MarketIndex:
    """Of all bars at once. Arguments as of `add_to`."""
    first: dt.date = bars["session"].min()  # type: ignore[assignment]
    last: dt.date = bars["session"].max()  # type: ignore[assignment]
    found = IndexOfAll(day_number(first), day_number(last))
    add_to(found, bars, splits)
    return found.index()


def with_later(index: MarketIndex, known: KnownStore, day: dt.date, bars: pl.DataFrame) -> MarketIndex:
    """An index up to a day, with the returns of what comes after it. bars : CLOSES of all later bars, as stored."""
    own, end = index.until(day_number(day)), day_number(day)
    new = index_of_bars(sort_bars(pl.concat([closes_of_week(known, day), bars])), splits_of_any_day(known))
    later = new.session > end
    # Where nobody traded in the week before, nobody has a return, which is a market that stood still.
    change = np.nan_to_num(new.change[later])
    return replace(
        own, session=np.concatenate([own.session, new.session[later]]), change=np.concatenate([own.change, change])
    )


def closes_of_week(known: KnownStore, day: dt.date) -> pl.DataFrame:
    """CLOSES of each symbol's newest bar up to a day, where it is at most a week old, sorted by symbol: what returns
    of later days are measured from."""
    source = known.since_day(day - dt.timedelta(days=INDEX_GAP))
    with store_errors(known.path, "read bars of"):
        bars = source.scan("bars", nameless=True).filter(pl.col("session") <= day).select(CLOSES).collect()
    return bars.sort("symbol", "session").unique("symbol", keep="last", maintain_order=True)


def closes_before_day(known: KnownStore, day: dt.date, later: dt.date) -> pl.DataFrame:
    """symbol, before, was: the session and the close of `closes_of_week`, in the share basis of a later day."""
    closes = closes_of_week(known, day)
    both = pl.concat([closes, closes.with_columns(session=pl.lit(later), adjusted_to=pl.lit(later))])
    both = both.sort("symbol", "session")
    was = closes_before(both, splits_of_any_day(known))[1::2]
    return closes.select("symbol", before="session", was=pl.Series(was))


def return_of_day(closes: pl.DataFrame, bars: pl.DataFrame) -> float:
    """Of the bars of one session: symbol, session, close, raw. closes : as `closes_before_day` gives them."""
    rows = bars.select("symbol", "session", "close").join(closes, on="symbol")
    near = rows.filter((pl.col("session") - pl.col("before")).dt.total_days() <= INDEX_GAP)
    return mean_return(*(near[name].cast(pl.Float64).to_numpy() for name in ("close", "was")))


def index_of_store(known: KnownStore, since: dt.date | None = None, dated: pl.DataFrame | None = None) -> MarketIndex:
    """Of the bars of a session or later; of all for None.

    dated : symbol, bars (how many), of everybody who has any, sorted by symbol: then some symbols are read at a time.
    """
    source, splits = known if since is None else known.since_day(since), splits_of_any_day(known)
    days = [day_number(day) for day in known.sessions[[0, -1]]]
    found, parts = (
        IndexOfAll(*days),
        [None] if dated is None else symbols_in_parts(known, _with_nameless(known, dated)),
    )
    for some in parts:
        with store_errors(known.path, "read bars of"):
            bars = source.scan("bars", some, nameless=True).select(CLOSES).collect()
        bars = sort_bars(bars, use_up=True)
        if len(bars):
            add_to(found, bars, splits)
    return found.index()


def _with_nameless(known: KnownStore, dated: pl.DataFrame) -> pl.DataFrame:
    """With what stands for companies that have no symbol any more."""
    nameless = known.spans["nameless"].drop_nulls().unique().alias("symbol").to_frame()
    counted = dated.select("symbol", "bars")
    return pl.concat([counted, nameless.with_columns(bars=pl.lit(0, counted.schema["bars"]))]).sort("symbol")
