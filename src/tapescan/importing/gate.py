"""What a file's bars say together, before any of them is stored: that its days are the exchange's and not those of
another clock, and that its prices are adjusted as was said."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from tapescan.core.errors import FileError
from tapescan.core.settings import Adjustment
from tapescan.importing.frames import Input, Taken
from tapescan.importing.texts import plain
from tapescan.market.distinct import distinct_days, distinct_symbols
from tapescan.market.quality import PRICES, differ, spacing
from tapescan.store import KnownStore

__all__ = ["refuse_adjusted", "refuse_other_days"]

#: A file of which more than this share of bars lies on weekends is one of other days: a day off, a fifth does.
_CLOSED = 0.1
#: Symbols and sessions that are compared with stored ones, and bars that must have been.
_SYMBOLS, _SESSIONS, _LEAST = 100, 60, 5
#: Days without a session further back are not known well.
_FROM = dt.date(1962, 1, 1)
#: A split smaller than this is not told from a day's move.
_SMALL = np.log(1.35)


def refuse_other_days(
    known: KnownStore, inputs: Sequence[Input], sessions: Collection[dt.date] | pl.Series | None
) -> None:
    """Raises `FileError` for a path whose bars lie on days without a session, or a day beside those of the store."""
    for one in inputs:
        bars = one.frames.get("bars")
        if bars is None:
            continue
        _refuse_closed(one, bars, sessions)
    for one in inputs:
        bars = one.frames.get("bars")
        # Fewer bars than tell it need not be looked for.
        if bars is not None and len(bars) >= _LEAST and "bars" in known:
            _refuse_beside(known, one, bars)


def _refuse_closed(one: Input, bars: pl.DataFrame, sessions: Collection[dt.date] | pl.Series | None) -> None:
    if not (distinct_days(bars["session"]).dt.weekday() > 5).any():
        return
    days = bars["session"].drop_nulls()
    weekend = days.filter(days.dt.weekday() > 5)
    if len(weekend) <= _CLOSED * len(days) or weekend.n_unique() < 3:
        return
    if sessions is None:
        open_days = days.filter(days.dt.weekday() < 6)
    else:
        open_days = sessions if isinstance(sessions, pl.Series) else pl.Series(list(sessions), dtype=pl.Date)
    if open_days.is_empty():
        return
    within = days.filter(days.is_between(max(open_days.min(), _FROM), open_days.max()))  # type: ignore[type-var]
    closed = within.filter(~within.is_in(open_days.implode()) & (within.dt.weekday() > 5))
    if len(closed) <= _CLOSED * len(days) or closed.n_unique() < 3:
        return
    sorted_bars = bars.select("symbol", "session").drop_nulls().unique().sort("symbol", "session")
    longer = spacing(sorted_bars)
    if len(longer) * 2 > sorted_bars["symbol"].n_unique():
        raise FileError(f"{one.path}: its bars are {longer['word'][0]}, not daily", "give daily bars")
    first: dt.date = closed.min()  # type: ignore[assignment]
    raise FileError(
        f"{one.path}: {len(closed):,} of its {len(days):,} bars lie on weekends, the first on"
        f" {first:%A}, {first}: its dates are those of another clock or market",
        "give the dates of New York",
    )


def _refuse_beside(known: KnownStore, one: Input, bars: pl.DataFrame) -> None:
    """Bars that are those of the store's session before or after, and not those of their own."""
    symbols = distinct_symbols(bars["symbol"]).sort().head(_SYMBOLS).to_list()
    newest: dt.date | None = bars["session"].max()  # type: ignore[assignment]
    if newest is None or not symbols:
        return
    since = newest - dt.timedelta(days=2 * _SESSIONS)
    stored = known.since_day(since).stamped_bars(symbols=symbols)
    if stored.is_empty():
        return
    stored = stored.select("symbol", "session", *PRICES).sort("symbol", "session")
    mine = bars.lazy().select("symbol", "session", *PRICES).filter(pl.col("session") >= since).drop_nulls().collect()

    alike = ~pl.any_horizontal(differ(pl.col(name), pl.col(f"{name}_")) for name in PRICES)

    def met(day: pl.Expr) -> pl.LazyFrame:
        """How many of these bars are of a day that the stored ones give, and how many of them are the same."""
        there = stored.lazy().select("symbol", day, *(pl.col(name).alias(f"{name}_") for name in PRICES))
        pairs = mine.lazy().join(there.drop_nulls("session"), on=["symbol", "session"])
        return pairs.select(there=pl.len(), same=alike.sum())

    session = pl.col("session")
    days = (session, session.shift(1).over("symbol"), session.shift(-1).over("symbol"))
    (own, right), *others = (found.row(0) for found in pl.collect_all([met(day) for day in days]))
    for (_, shifted), word in zip(others, ("after", "before"), strict=True):
        if shifted >= _LEAST and shifted > 0.5 * max(own, 1) and shifted > 2 * right:
            raise FileError(
                f"{one.path}: {shifted:,} of its bars are those that the store has of the session {word}:"
                " its dates are a day off",
                "give the dates of New York",
            )


def refuse_adjusted(inputs: Sequence[Input], adjusted: Adjustment) -> None:
    """Raises `FileError` for a path whose prices are adjusted otherwise than was said, by the splits in its files."""
    for one in inputs:
        bars, splits = one.frames.get("bars"), one.frames.get("splits")
        if adjusted == "none" and (own := [taken.shown for taken in one.taken if _is_yfinance(taken)]):
            one.notes.append(
                f"{own[0]}: its columns are yfinance's, whose prices are adjusted for splits and, where no Adj Close"
                " stands beside them, for dividends too: --adjusted splits or total says so"
            )
        if bars is None or splits is None:
            continue
        named = splits.filter(pl.col("symbol").is_in(bars["symbol"].unique().implode()))
        found = _seen_splits(bars, named.select("symbol", "ex_date", "ratio").drop_nulls().unique())
        if found.is_empty():
            continue
        raw = found.filter("raw")
        if adjusted == "none" and len(raw) * 2 < len(found):
            symbol, day = found.filter(~pl.col("raw")).row(0)[:2]
            raise FileError(
                f"{one.path}: its prices are adjusted already, as those of {symbol} for its split of {day}",
                "say so: --adjusted splits, or total where dividends are inside too (yfinance's auto_adjust)",
                field="adjusted",
            )
        if adjusted != "none" and len(raw) * 2 > len(found):
            symbol, day = raw.row(0)[:2]
            raise FileError(
                f"{one.path}: its prices are not adjusted, as those of {symbol} for its split of {day}",
                "import it without --adjusted",
                field="adjusted",
            )


def _is_yfinance(taken: Taken) -> bool:
    return taken.table == "bars" and {"stocksplits", "dividends"} <= {plain(name) for name in taken.columns}


def _seen_splits(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """symbol, ex_date, raw of the splits that are large enough to be seen in prices: whether the price fell by it."""
    mine = bars.filter(pl.col("symbol").is_in(splits["symbol"].unique().implode()))
    mine = mine.select("symbol", "session", "open", "close").drop_nulls().sort("symbol", "session")
    mine = mine.with_columns(previous=pl.col("close").shift().over("symbol")).drop_nulls()
    met = splits.join(mine, left_on=["symbol", "ex_date"], right_on=["symbol", "session"])
    step, seen = pl.col("ratio").log(), (pl.col("previous") / pl.col("open")).log()
    met = met.filter(pl.col("ratio") > 0.0, step.abs() > _SMALL, pl.col("previous") > 0.0, pl.col("open") > 0.0)
    return met.select("symbol", "ex_date", raw=(seen - step).abs() < seen.abs())
