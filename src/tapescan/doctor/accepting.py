"""Taking suspect bars as real, after a look at them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError, StoreError, nearest
from tapescan.market.universe import spelling_key
from tapescan.store import Store
from tapescan.store.accepted import stored_of, suspect_bars
from tapescan.store.committing import append_alone
from tapescan.tables.registry import find_table

__all__ = ["accept_bars"]


def accept_bars(store: Store, bars: Sequence[tuple[str, dt.date | str]]) -> pl.DataFrame:
    """Take suspect bars as real: scans rank by them again, until one of their values changes.

    Args:
        store: Which.
        bars: Symbol and session of each; all of them are taken, or none.

    Returns:
        The bars as they are stored, with the ``reason`` that each was suspect for.

    Raises:
        OptionError: One is no bar of the store, or no suspect one.
        StoreError: The store holds no bars, or cannot be written.
    """
    store.check_writable()
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    known = store.known().at_newest_session()
    market = known.bars()
    found = suspect_bars(known, market)
    chosen = pl.concat([_chosen(market, found, symbol, parse_date(day, "accept")) for symbol, day in bars]).unique()
    taken = stored_of(known, chosen).join(chosen, on=["symbol", "session"]).sort("symbol", "session")
    table = find_table("accepted")
    append_alone(
        store.path, table, taken.with_columns(accepted_at=pl.lit(dt.datetime.now(dt.UTC))).select(list(table.fields))
    )
    return taken


def _chosen(market: pl.DataFrame, found: pl.DataFrame, symbol: str, day: dt.date | None) -> pl.DataFrame:
    """symbol, session, reason of one that is suspect."""
    symbols = market["symbol"].unique().sort()
    own = symbols.filter(symbols == symbol)
    if own.is_empty():
        key = spelling_key(pl.Series([symbol.strip().upper()]))[0]
        own = symbols.filter(spelling_key(symbols) == key)
    if own.is_empty():
        hint = nearest(symbol, symbols.to_list()) or "`tapescan doctor` names the suspect bars"
        raise OptionError(f"no symbol {symbol!r} in this store", hint, field="accept")
    name = own[0]
    if market.filter(pl.col("symbol") == name, pl.col("session") == day).is_empty():
        raise OptionError(f"{name} has no bar of {day}", "`tapescan doctor` names the suspect bars", field="accept")
    one = found.filter(pl.col("symbol") == name, pl.col("session") == day).select("symbol", "session", "reason")
    if one.is_empty():
        hint = "`tapescan doctor` names those that are"
        raise OptionError(f"the bar of {name} of {day} is not suspect, or accepted already", hint, field="accept")
    return one
