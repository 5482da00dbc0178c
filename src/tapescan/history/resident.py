"""A market that is kept: what came into its store is taken, and nothing else is read again.

Read are the rows of the files that a newer version of the table of bars has and the older one has not. Of a symbol
that has further bars and the same past, a row is added to its lane. All bars of a symbol are read anew where another
one of its bars changed, where a split or a dividend came or became known, or where another company may have its
ticker. What was computed of the panel is carried on with it (`features.carried`), so that a scan gives the bytes of
one that reads everything.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Collection
from dataclasses import replace
from functools import cache
from typing import TypeAlias

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import StoreError
from tapescan.features.carried import CARRIED, carry_on, kept_of
from tapescan.history.dated import counted, dated_again
from tapescan.history.equal_weighted import CLOSES, closes_before_day, index_of_store, return_of_day, with_later
from tapescan.history.judging import judged_again
from tapescan.history.market import Market
from tapescan.history.stored import Held, index_among, market_of, market_of_store, scanned_of
from tapescan.market.growing import Growth, grow
from tapescan.market.index import INDEX_GAP, MARKET_SYMBOL, MarketIndex
from tapescan.market.lives import BREAK
from tapescan.market.panel import Panel, places_of
from tapescan.market.panel_bars import bars_of_panel
from tapescan.market.quality import BAR_COLUMNS, sort_bars
from tapescan.store import KnownStore
from tapescan.store.differences import changed_rows, commits_of
from tapescan.store.forming import once
from tapescan.store.known import STORED_COLUMNS
from tapescan.store.later_splits import splits_of_any_day
from tapescan.store.table import store_errors

__all__ = ["Grower", "brought_forward", "refreshed"]

#: Gives a panel with a session more, as `market.growing.grow`.
Grower: TypeAlias = Callable[[Panel, pl.DataFrame, pl.DataFrame, Collection[str], MarketIndex | None], Growth]

#: What a panel calls it that another one grew of it: its arrays are the other's.
_USED = "used up"


def refreshed(market: Market) -> Market:
    """The market of the store as it is now; the very same where nothing came. The one before is used up.

    Raises as `market_of_store`; what was given can be refreshed again then.
    """
    held = market.held
    if held is None:
        return market
    with store_errors(held.store.path, "read"):
        return _refreshed(market, held)


def _refreshed(market: Market, held: Held) -> Market:
    store = held.store
    # Growing writes in place: of what was begun, or is another market's by now, nothing is taken.
    going_on = (
        _USED not in held.panel.kept and commits_of(store.path, scanned_of(held.asked.versions)) == held.commits
    )
    if going_on and scanned_of(store.versions()) == scanned_of(held.asked.versions):
        return market
    taken = None
    # A compaction may have dropped files of before; what else cannot be read is met again by who reads everything.
    with contextlib.suppress(StoreError):
        if going_on:
            asked = store.known(held.day)
            if (same := _without_rows(market, held, asked)) is not None:
                return same
            taken = brought_forward(held, asked)
    if taken is None:
        found = market_of_store(store, held.day, span=held.span, adjust=held.adjust)
        found.panel.kept[CARRIED] = {}
        return found
    return market_of(taken)


def _without_rows(market: Market, held: Held, asked: KnownStore) -> Market | None:
    """The market under the versions of now, where no row came with them: a sync that learned nothing tells the store
    that it asked. None where any did."""
    before, now = scanned_of(held.asked.versions), scanned_of(asked.versions)
    if before.keys() != now.keys():
        return None
    commits = commits_of(asked.path, now)  # before anything is read
    asked.take_reads(held.asked)
    for name in now:
        if now[name] != before[name] and not asked.opened(name).files().equals(held.asked.opened(name).files()):
            return None
    known = asked.at_session(held.known.sessions)
    known.take_reads(held.known)
    return replace(
        market,
        provenance={**market.provenance, "store": now},
        held=replace(held, asked=asked, known=known, commits=commits),
    )


def brought_forward(
    held: Held, asked: KnownStore, came: pl.DataFrame | None = None, grower: Grower = grow
) -> Held | None:
    """What is held with what came; None for what has to be read anew.

    came : rows of bars as `changed_rows` gives them; those that the store has and had not for None. grower : grows
    the panel; by `market.growing.grow` what was held is used up.
    """
    before, day, scanned = held.known, held.panel.as_of, scanned_of(asked.versions)
    commits = commits_of(asked.path, scanned)
    if held.day is not None or any(scanned.get(name, -1) < of for name, of in scanned_of(before.versions).items()):
        return None
    asked.take_reads(held.asked)
    if came is None:
        came = changed_rows(before.opened("bars"), asked.opened("bars"))
    _tell_sessions(before, asked, came)
    known = asked.at_newest_session()
    known.take_reads(before)
    if day_number(known.newest_session) < day or not known.spans.equals(before.spans):
        return None
    every_one = known.under_names_of_now(came, "session", nameless=True)
    came = known.under_names_of_now(came, "session")
    there = once(known, "newest of each", (), lambda: _newest(held))
    came = came.join(there, on="symbol", how="left", maintain_order="left")
    later = pl.col("came") & (pl.col("session").to_physical() > pl.col("own")).fill_null(value=False)
    new, past = came.filter(later).drop("own"), came.filter(~later)
    acted = once(known, "acted", (day,), lambda: _acted(before, known, day, held.adjust))
    others = _paused(known, new) | once(known, "renamed", (day,), lambda: _renamed(before, known))
    again = {*past["symbol"].to_list()} | acted | others
    at_hand = _at_hand(held, before, known, came, acted, past, others)
    redone, lives = _bars_of(known, held, sorted(again - at_hand))
    if at_hand:
        own, begun = _bars_at_hand(known, held, sorted(at_hand), came)
        redone, lives = pl.concat([redone, own]).sort("symbol", "session"), pl.concat([lives, begun])
    places = places_of(held.panel.symbols)
    gone = {symbol for symbol in again if symbol in places} - {*redone["symbol"].to_list()}
    stepping = new.filter(~pl.col("symbol").is_in(list(again))).select(BAR_COLUMNS)
    anew = dated_again(held, known, stepping, redone, again, lives)
    raw = pl.col("adjusted_to") == pl.col("session")
    stamped = {*came.filter(~raw)["symbol"].to_list()} | (again - at_hand)
    mine = pl.col("symbol").is_in(list(again))
    lives = pl.concat([held.lives.filter(~mine), lives]).sort("symbol", "begin")
    days = _touched(came, day, held.lives, lives, mine)
    every = cache(lambda: _index_of_all(held, before, known, every_one)) if held.adjust == "splits" else None
    panel = _grown(held.panel, stepping, redone, gone, every, grower)
    judged = judged_again(
        held.judged, known, panel, counted(stepping).select("symbol", more="bars"), redone, again, days
    )
    return replace(
        held,
        asked=asked,
        known=known,
        commits=commits,
        panel=panel,
        dated=anew,
        lives=lives,
        judged=judged,
        stamped=None if held.stamped is None else held.stamped | stamped,
        fitting=held.fitting.without(again) if held.fitting is not None else None,
        funds=None if again else held.funds,
    )


def _newest(held: Held) -> pl.DataFrame:
    """symbol, own (day of its newest bar in the panel, as a number; null for who is not there), newest (date of its
    newest bar)."""
    own = pl.DataFrame({"symbol": held.panel.symbols, "own": held.panel.newest})
    return own.join(held.dated.select("symbol", "newest"), on="symbol", how="full", coalesce=True)


def _tell_sessions(before: KnownStore, asked: KnownStore, came: pl.DataFrame) -> None:
    """Spare it the reading of all sessions, where no bar is gone with which one might be."""
    if not before.spans.is_empty():
        return
    gone = came.filter(~pl.col("came"))
    come = came if gone.is_empty() else came.filter("came")
    if gone.is_empty() or gone.join(come, on=["symbol", "session"], how="anti").is_empty():
        asked.take_sessions(pl.concat([before.sessions, come["session"].unique()]).unique().sort())


def _touched(came: pl.DataFrame, day: int, old: pl.DataFrame, new: pl.DataFrame, mine: pl.Expr) -> pl.Series | None:
    """Days up to the newest of before on which the market has other bars; None for any."""
    if not old.filter(mine).equals(new.filter(mine)):
        return None
    return came.filter(pl.col("session").to_physical() <= day)["session"].unique()


def _index_of_all(held: Held, before: KnownStore, known: KnownStore, came: pl.DataFrame) -> MarketIndex:
    """The equal-weighted index of the store as it is now, each return in the share basis of its day. came : also of
    companies that have no symbol any more."""
    old, day = held.panel.index, date_of(held.panel.as_of)

    def same_splits() -> bool:
        splits = [splits_of_any_day(one).filter(pl.col("ex_date") <= day) for one in (before, known)]
        return splits[0].equals(splits[1])

    since = None if held.span is None else date_of(int(_begin(held.panel)))
    if old.close is not None or not once(known, "same splits", (day,), same_splits):
        return index_of_store(known, since)
    later = came.filter(pl.col("session") > day)
    if len(later) < len(came) and (first := _first_other(came.filter(pl.col("session") <= day))) is not None:
        if first - date_of(int(old.session[0])) <= dt.timedelta(days=INDEX_GAP):
            return index_of_store(known, since)
        with store_errors(known.path, "read bars of"):
            bars = known.since_day(first).scan("bars", nameless=True).select(CLOSES).collect()
        return with_later(old, known, first - dt.timedelta(days=1), bars)
    if later.is_empty():
        return old
    # Nothing of before changed: what came is measured from each one's newest bar, of at most a week before.
    days = later["session"].unique()
    if len(days) > 1 or not (later["adjusted_to"] == later["session"]).all():
        return with_later(old, known, day, later.select(CLOSES))
    closes = once(known, "closes before", (day, days[0]), lambda: closes_before_day(known, day, days[0]))
    session, change = np.array([day_number(days[0])], np.int32), np.array([return_of_day(closes, later)])
    return replace(old, session=np.concatenate([old.session, session]), change=np.concatenate([old.change, change]))


def _first_other(came: pl.DataFrame) -> dt.date | None:
    """The first session of which a close came or went; None where each that went came again."""
    come, gone = (came.filter(pl.col("came") == one).select(CLOSES) for one in (True, False))
    others = [one.join(other, on=CLOSES, how="anti", nulls_equal=True) for one, other in ((come, gone), (gone, come))]
    first: dt.date | None = pl.concat(others)["session"].min()  # type: ignore[assignment]
    return first


def _begin(panel: Panel) -> int:
    """The first session that any symbol has, as a number."""
    return min(int(block.session[block.first, np.arange(block.lanes)].min()) for block in panel.blocks)


def _grown(
    panel: Panel,
    stepping: pl.DataFrame,
    redone: pl.DataFrame,
    gone: set[str],
    every: Callable[[], MarketIndex] | None,
    grower: Grower,
) -> Panel:
    """The panel session by session, and with it what was computed of it. every : gives the equal-weighted index of
    all sessions; None where it is made of the panel."""
    carried = kept_of(panel)
    if grower is grow:
        panel.kept[_USED] = True
    days = stepping["session"].unique().sort().to_list() or [None]
    for at, day in enumerate(days):
        last = at == len(days) - 1
        rows = stepping.filter(pl.col("session") == day) if day else stepping
        whole = redone if last else redone.clear()
        newest = date_of(panel.as_of)
        upto = max(day or newest, newest)
        index = index_among(_index_bars(panel, rows, whole), upto)
        if index is None and every is not None:
            index = every().until(day_number(upto))
        growth = grower(panel, rows, whole, gone if last else (), index)
        panel = growth.panel
        carry_on(carried, growth)
        if not last:
            carried = kept_of(panel)
    return panel


def _index_bars(panel: Panel, rows: pl.DataFrame, redone: pl.DataFrame) -> pl.DataFrame:
    """session and close of the symbol that stands for the market."""
    mine = redone.filter(pl.col("symbol") == MARKET_SYMBOL).select("symbol", "session", "close")
    if mine.is_empty() and MARKET_SYMBOL in panel.symbols:
        own = bars_of_panel(panel, [MARKET_SYMBOL], names=("close",))
        more = rows.filter(pl.col("symbol") == MARKET_SYMBOL)
        mine = pl.concat([one.select("symbol", "session", "close") for one in (own, more)])
    return mine


def _acted(before: KnownStore, known: KnownStore, day: int, adjust: str) -> set[str]:
    """Symbols of which an action came, or whose ex-date did, that changes prices or what is judged of them."""
    found: set[str] = set()
    for table in ("splits", "dividends") if adjust == "total" else ("splits",):
        old, new = before.read(table), known.read(table)
        if old.equals(new):
            continue
        names = [name for name in old.columns if name in new.columns]
        for one, other in ((old, new), (new, old)):
            found |= {*one.join(other, on=names, how="anti", nulls_equal=True)["symbol"].to_list()}
        found |= {*new.filter(pl.col("ex_date").to_physical() > day)["symbol"].to_list()}
    return found


def _renamed(before: KnownStore, known: KnownStore) -> set[str]:
    """Symbols of which the listing came to say that they are another company's."""
    old, new = before.companies, known.companies
    if old.equals(new):
        return set()
    apart = [one.join(other, on=["symbol", "after", "until"], how="anti") for one, other in ((old, new), (new, old))]
    return {*pl.concat(apart)["symbol"].to_list()}


def _paused(known: KnownStore, new: pl.DataFrame) -> set[str]:
    """Symbols with new bars that may be another company's: after a break, or as the listing said by then."""
    if new.is_empty():
        return set()
    days, last = new.select("symbol", "session", "newest").drop_nulls("newest"), pl.col("newest")
    if days["session"].n_unique() > 1:
        days = days.sort("symbol", "session")
        last = pl.col("session").shift().over("symbol").fill_null(last)
    found = {*days.filter((pl.col("session") - last).dt.total_days() > BREAK)["symbol"].to_list()}
    if len(known.companies):
        told = known.companies.join(days, on="symbol").filter(pl.col("newest") <= pl.col("until"))
        found |= {*told["symbol"].to_list()}
    return found


def _at_hand(
    held: Held,
    before: KnownStore,
    known: KnownStore,
    came: pl.DataFrame,
    acted: set[str],
    past: pl.DataFrame,
    others: set[str],
) -> set[str]:
    """Symbols whose bars need not be read though they are others than before: they split for the first time and all
    were raw, or they are new and all their bars came."""
    if held.stamped is None or held.span is not None or held.adjust != "splits":
        return set()
    panel, rewritten = places_of(held.panel.symbols), {*past["symbol"].to_list()}
    found = {symbol for symbol in acted - rewritten - held.stamped if symbol in panel}
    if rewritten:
        found |= rewritten - {*held.dated["symbol"].to_list()}
    if not found:
        return found
    found -= others | {*before.read("splits")["symbol"].to_list()} | {*held.lives["symbol"].to_list()}
    found -= {*known.spans["symbol"].to_list(), *known.spans["name"].to_list()}
    raw = pl.col("came") & (pl.col("adjusted_to") == pl.col("session")) & pl.col("total_to").is_null()
    return found - {*came.filter(~raw)["symbol"].to_list()}


def _bars_at_hand(
    known: KnownStore, held: Held, symbols: list[str], came: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As `_bars_of`, of symbols that are `_at_hand`."""
    mine = came.filter(pl.col("symbol").is_in(symbols)).select(STORED_COLUMNS)

    def adjusted(more: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        own = bars_of_panel(held.panel, symbols)
        own = own.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date)).select(STORED_COLUMNS)
        return known.of_now(sort_bars(pl.concat([own, more])), held.adjust)

    days = mine["session"].unique()
    if len(days) != 1 or days[0] != known.newest_session:
        return adjusted(mine)
    # A raw bar of the day itself is adjusted by nothing, and begins no other life: who paused is not at hand.
    bars, lives = once(known, "bars at hand", (symbols,), lambda: adjusted(mine.clear()))
    return pl.concat([bars, mine.select(BAR_COLUMNS)]), lives


def _bars_of(known: KnownStore, held: Held, symbols: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All bars of some symbols as far back as the panel reaches, and their lives."""
    if not symbols:
        return bars_of_panel(held.panel, ()), held.lives.clear()
    bars, lives = known.bars_and_lives(adjust=held.adjust, symbols=symbols)
    begin = pl.col("session").to_physical() >= _begin(held.panel)
    return (bars if held.span is None else bars.filter(begin)), lives
