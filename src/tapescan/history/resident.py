"""A market that is kept: what came into its store is taken, and nothing else is read again.

Read are the rows of the files that a newer version of the table of bars has and the older one has not. Of a symbol
that has further bars and the same past, a row is added to its lane. All bars of a symbol are read anew where another
one of its bars changed, where a split or a dividend came or became known, or where another company may have its
ticker. What was computed of the panel is carried on with it (`features.carried`), so that a scan gives the bytes of
one that reads everything.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.features.carried import CARRIED, carried_on, kept_of
from tapescan.history.market import Market
from tapescan.history.stored import Held, index_among, market_of, market_of_store
from tapescan.market.growing import grow
from tapescan.market.index import MARKET_SYMBOL
from tapescan.market.lives import BREAK, changed_companies
from tapescan.market.panel import Panel
from tapescan.market.panel_bars import bars_of_panel, ranges_of
from tapescan.market.quality import BAR_COLUMNS
from tapescan.market.suspect import AFTER, BEFORE, find_suspects
from tapescan.store import KnownStore
from tapescan.store.differences import changed_rows

__all__ = ["brought_forward", "refreshed"]

#: Bars of each symbol that are judged again: those whose verdict may change, and what they are judged by.
JUDGED = 2 * (BEFORE + AFTER + 15)

#: What changes the past of symbols in a way that is not followed.
_WHOLE = ("renames",)


def refreshed(market: Market) -> Market:
    """The market of the store as it is now; the very same where nothing came. The one before is used up.

    Raises as `market_of_store`.
    """
    held = market.held
    if held is None or held.store.versions() == held.asked.versions:
        return market
    asked = held.store.known(held.day)
    known = asked.at_newest_session()
    taken = brought_forward(held, asked, known)
    if taken is None:
        found = market_of_store(held.store, held.day, span=held.span, adjust=held.adjust)
        found.panel.kept[CARRIED] = {}
        return found
    return market_of(taken)


def brought_forward(held: Held, asked: KnownStore, known: KnownStore) -> Held | None:
    """What is held with what came; None for what has to be read anew. What was held is used up."""
    before, day = held.known, held.panel.as_of
    if held.day is not None or any(before.versions.get(name) != known.versions.get(name) for name in _WHOLE):
        return None
    if day_number(known.newest_session) < day:
        return None
    came = changed_rows(known.path, "bars", before.versions.get("bars"), known.versions.get("bars"))
    number = pl.col("session").to_physical()
    new = came.filter("came", number > day)
    again = {*came.filter(number <= day)["symbol"].to_list()}
    again |= _acted(before, known, day, held.adjust) | _renamed(before, known) | _paused(held, new)
    there = {*held.panel.symbols}
    again |= {*new["symbol"].to_list()} - there
    redone, lives = _bars_of(known, held, sorted(again))
    gone = (again & there) - {*redone["symbol"].to_list()}
    stepping = new.filter(~pl.col("symbol").is_in(list(again))).select(BAR_COLUMNS)
    panel = _grown(held.panel, stepping, redone, gone)
    anew = _dated(held, known, stepping, sorted(again))
    mine = pl.col("symbol").is_in(list(again))
    lives = pl.concat([held.lives.filter(~mine), lives]).sort("symbol", "begin")
    judged = _judged(held.judged, known, panel, stepping, redone, again)
    return replace(held, asked=asked, known=known, panel=panel, dated=anew, lives=lives, judged=judged)


def _grown(panel: Panel, stepping: pl.DataFrame, redone: pl.DataFrame, gone: set[str]) -> Panel:
    """The panel session by session, and with it what was computed of it."""
    carried = kept_of(panel)
    days = stepping["session"].unique().sort().to_list() or [None]
    for at, day in enumerate(days):
        last = at == len(days) - 1
        rows = stepping.filter(pl.col("session") == day) if day else stepping
        whole = redone if last else redone.clear()
        index = index_among(_index_bars(panel, rows, whole), day or date_of(panel.as_of))
        growth = grow(panel, rows, whole, gone if last else (), index)
        carried = {names: carried_on(one, growth) for names, one in carried.items()}
        panel = growth.panel
    panel.kept[CARRIED] = carried
    return panel


def _index_bars(panel: Panel, rows: pl.DataFrame, redone: pl.DataFrame) -> pl.DataFrame:
    """session and close of the symbol that stands for the market."""
    mine = redone.filter(pl.col("symbol") == MARKET_SYMBOL).select("symbol", "session", "close")
    if mine.is_empty() and MARKET_SYMBOL in panel.symbols:
        own = bars_of_panel(panel, [MARKET_SYMBOL])
        more = rows.filter(pl.col("symbol") == MARKET_SYMBOL)
        mine = pl.concat([one.select("symbol", "session", "close") for one in (own, more)])
    return mine


def _acted(before: KnownStore, known: KnownStore, day: int, adjust: str) -> set[str]:
    """Symbols whose prices an action changes that came, or whose ex-date did."""
    found: set[str] = set()
    for table in ("splits", "dividends") if adjust == "total" else ("splits",) if adjust == "splits" else ():
        old, new = before.read(table), known.read(table)
        names = [name for name in old.columns if name in new.columns]
        for one, other in ((old, new), (new, old)):
            found |= {*one.join(other, on=names, how="anti", nulls_equal=True)["symbol"].to_list()}
        found |= {*new.filter(pl.col("ex_date").to_physical() > day)["symbol"].to_list()}
    return found


def _renamed(before: KnownStore, known: KnownStore) -> set[str]:
    """Symbols of which the listing came to say that they are another company's."""
    if before.versions.get("symbols") == known.versions.get("symbols"):
        return set()
    old, new = (changed_companies(one.versions_of("symbols")) for one in (before, known))
    apart = [one.join(other, on=["symbol", "after", "until"], how="anti") for one, other in ((old, new), (new, old))]
    return {*pl.concat(apart)["symbol"].to_list()}


def _paused(held: Held, new: pl.DataFrame) -> set[str]:
    """Symbols with a first bar after a break, which may be another company's."""
    first = new.group_by("symbol").agg(pl.col("session").min())
    gap = first.join(held.dated, on="symbol").filter((pl.col("session") - pl.col("newest")).dt.total_days() > BREAK)
    # A company that the listing names by then.
    return {*gap["symbol"].to_list()} | ({*held.lives["symbol"].to_list()} & {*new["symbol"].to_list()})


def _bars_of(known: KnownStore, held: Held, symbols: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All bars of some symbols as far back as the panel reaches, and their lives."""
    if not symbols:
        return pl.DataFrame(schema=known.bars_and_lives(symbols=[], sessions=1)[0].schema), held.lives.clear()
    bars, lives = known.bars_and_lives(adjust=held.adjust, symbols=symbols)
    begin = min(int(block.session[block.first, np.arange(block.lanes)].min()) for block in held.panel.blocks)
    return (bars if held.span is None else bars.filter(pl.col("session").to_physical() >= begin)), lives


def _dated(held: Held, known: KnownStore, stepping: pl.DataFrame, again: list[str]) -> pl.DataFrame:
    day = pl.col("session")
    found = known.scan("bars", again).group_by("symbol")
    read = found.agg(newest=day.max(), bars=pl.len().cast(pl.Int64)).collect().select("symbol", "newest", "bars")
    more = stepping.group_by("symbol").agg(last=day.max(), more=pl.len().cast(pl.Int64))
    kept = held.dated.filter(~pl.col("symbol").is_in(again)).join(
        more, on="symbol", how="left", maintain_order="left"
    )
    kept = kept.select(
        "symbol", newest=pl.coalesce("last", "newest"), bars=pl.col("bars") + pl.col("more").fill_null(0)
    )
    return pl.concat([kept, read]).sort("symbol")


def _judged(
    old: pl.DataFrame, known: KnownStore, panel: Panel, stepping: pl.DataFrame, redone: pl.DataFrame, again: set[str]
) -> pl.DataFrame:
    """Suspect bars: those that more bars may change, and those of symbols with another past, are judged anew."""
    splits, ranges = known.read("splits"), ranges_of(panel)
    more = stepping.group_by("symbol").agg(more=pl.len().cast(pl.Int64))
    kept = old.filter(~pl.col("symbol").is_in(list(again))).join(more, on="symbol", how="left", maintain_order="left")
    kept = kept.with_columns(pl.col("behind") + pl.col("more").fill_null(0))
    settled = pl.col("more").is_null() | (pl.col("behind") >= JUDGED // 2)
    kept = kept.filter(settled).drop("more")
    newest = bars_of_panel(panel, more["symbol"].to_list(), rows=JUDGED)
    late = find_suspects(newest, splits, ranges).filter(pl.col("behind") < JUDGED // 2)
    whole = find_suspects(redone, splits, ranges) if len(redone) else old.clear()
    return pl.concat([kept, late, whole]).sort("symbol", "session")
