"""The market of a store: what is read of its bars, and what is made of that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import StoreError
from tapescan.core.settings import Adjustment
from tapescan.history.equal_weighted import index_of_store
from tapescan.history.fitting import Fitting, fitting
from tapescan.history.listed import Listed, absent_symbols
from tapescan.history.market import Market, listed_universe, models_folder, places_among
from tapescan.history.notes import basis_note, calendar_notes, life_notes, listing_notes, thin_notes
from tapescan.history.option_rows import market_options
from tapescan.history.whole_market import read_whole_market
from tapescan.market.anchor import LONGEST_QUARTER, anchor
from tapescan.market.dividends import dividend_rows
from tapescan.market.funds import FUND_SESSIONS, QUIET_SESSIONS, funds_among, judged_through
from tapescan.market.index import MARKET_SYMBOL, MarketIndex, own_index
from tapescan.market.jumps import misfit_note
from tapescan.market.panel import Panel, build_panel
from tapescan.market.panel_bars import bars_of_panel
from tapescan.market.quality import BAR_COLUMNS
from tapescan.market.suspect import BEFORE, find_suspects
from tapescan.store import KnownStore, Store
from tapescan.store.accepted import without_accepted, wrong_alone
from tapescan.store.differences import commits_of
from tapescan.store.forming import once
from tapescan.store.later_splits import splits_inside
from tapescan.store.refused import Refused, refused_bars
from tapescan.tables.registry import stored_tables

__all__ = ["Held", "held_of_store", "market_of", "market_of_store", "scanned_of", "sessions_for"]


class Funds(NamedTuple):
    """Which of some symbols are funds by their bars up to a session."""

    asked: pl.Series
    through: dt.date
    found: pl.Series


@dataclass(frozen=True)
class Held:
    """What was read of a store's bars.

    store, day, span, adjust : as they were asked for. asked : the store as of the day. known : as of its newest
    session. commits : those of the versions of scanned tables, as `store.differences.commits_of` tells them.
    dated : symbol, newest (date of its newest bar), bars (how many it has in all), of every symbol that has a bar.
    lives : of the symbols that another company had before, as `market.lives.LIVES`. judged : the suspect bars, also
        those that were accepted.
    stamped : symbols of which some stored price may not be raw; None where that is not known of any.
    listed, fitting, refused, funds : what the market of before was made of and has not changed; None where there was
    none.
    """

    store: Store
    day: dt.date | None
    span: int | None
    adjust: Adjustment
    asked: KnownStore
    known: KnownStore
    commits: Mapping[str, object]
    panel: Panel
    dated: pl.DataFrame
    lives: pl.DataFrame
    judged: pl.DataFrame
    stamped: frozenset[str] | None = None
    listed: Listed | None = None
    fitting: Fitting | None = None
    refused: Refused | None = None
    funds: Funds | None = None

    def bars(
        self,
        symbols: Sequence[str] | None,
        names: Sequence[str] = BAR_COLUMNS[2:],
        sessions: int = QUIET_SESSIONS,
    ) -> pl.DataFrame:
        """Those of the newest sessions, at most `QUIET_SESSIONS` and a quarter's, of some symbols or all, in the
        panel's share basis, sorted by symbol and session. names : of the prices and volume, these alone."""
        since = day_number(self.known.sessions.tail(sessions)[0])
        return bars_of_panel(self.panel, symbols, since=since, names=names)


def market_of_store(
    store: Store, as_of: dt.date | None = None, *, span: int | None = None, adjust: Adjustment = "splits"
) -> Market:
    """The store's market as it was known at the close of `as_of` (its newest session when None).

    span : sessions of history that the features need (`market.anchor`); None reads all there are.
    Raises StoreError for a store without bars, and OptionError when it has none up to `as_of`.
    """
    return market_of(held_of_store(store, store.known(as_of), span=span, adjust=adjust))


def held_of_store(store: Store, asked: KnownStore, *, span: int | None = None, adjust: Adjustment = "splits") -> Held:
    """What is read for it. asked : the store as of the day; the others and errors as of `market_of_store`."""
    if not asked.has_bars:
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    commits = commits_of(store.path, scanned_of(asked.versions))  # before anything is read
    known = asked.at_newest_session()
    newest = known.newest_session
    sessions = sessions_for(known, span)
    # All that have a bar by then, also those whose newest one is too old to be read.
    dated = known.newest().select("symbol", "newest", "bars")
    index = _index(known, dated, sessions, adjust)
    bars, lives, stamped, likely = read_whole_market(known, dated, newest, sessions=sessions, adjust=adjust)
    judged = find_suspects(bars, known.read("splits"))
    panel = build_panel(bars, index=index, likely=likely, use_up=True)
    return Held(store, asked.day, span, adjust, asked, known, commits, panel, dated, lives, judged, stamped)


def _index(known: KnownStore, dated: pl.DataFrame, sessions: int | None, adjust: Adjustment) -> MarketIndex | None:
    """What the others are measured against; None for the index of the bars that are read, adjusted as they are."""
    index = None
    if MARKET_SYMBOL in dated["symbol"]:
        own = known.read_bars(adjust=adjust, sessions=sessions, symbols=[MARKET_SYMBOL]).bars
        index = index_among(own, known.newest_session)
    if index is None and adjust == "splits":
        index = index_of_store(known, known.sessions[-sessions] if sessions else None, dated)
    return index


def sessions_for(known: KnownStore, span: int | None) -> int | None:
    """How many of the newest sessions are read for a span; None for all there are."""
    if span is None:
        return None
    begin = anchor(day_number(known.newest_session), span)
    since = int((known.sessions.to_physical() >= begin).sum())
    # What is judged has to have its neighbours, too; and what is a fund does not hang on what is asked for.
    needed = max(since + BEFORE, QUIET_SESSIONS + LONGEST_QUARTER)
    return None if needed >= len(known.sessions) else needed


def market_of(held: Held) -> Market:
    """What a scan needs, of what was read."""
    asked, known, panel, as_of, adjust = held.asked, held.known, held.panel, held.day, held.adjust
    newest = date_of(panel.as_of)
    listing, suspects = known.read("symbols"), without_accepted(known, held.judged)
    # What is told hangs no more on what is asked for than what is a fund.
    recent = known.sessions.tail(QUIET_SESSIONS - BEFORE)[0]
    fits = _fitting(held, recent, suspects) if adjust != "none" else None
    notes = (
        *calendar_notes(newest, as_of),
        *once(known, "thin notes", (held.dated, newest), lambda: thin_notes(held.dated, newest)),
        *life_notes(held.lives.filter(pl.col("begin") >= recent)),
        *once(known, "listing notes", (newest,), lambda: listing_notes(listing, newest)),
        *(misfit_note(fits.found) if fits is not None else ()),
    )
    provenance = {"store": scanned_of(known.versions), "adjust": adjust}
    # Also those refused on a day after the newest bar, where no day was named: nobody who was given vanishes.
    refused = once(asked, "refused", (), lambda: refused_bars(asked, held.refused))
    with_bars = held.dated.select("symbol")
    others = once(
        known,
        "absent",
        (panel.symbols, with_bars),
        lambda: absent_symbols(panel.symbols, with_bars, listing, refused.symbols),
    )
    counted, sessions = _of_this_life(held), judged_through(known.sessions)

    # Nobody loses all bars within a session.
    places = once(
        known,
        "places",
        (panel.symbols, others, len(counted)),
        lambda: places_among(panel.symbols, others, counted),
    )

    def joined() -> tuple[pl.DataFrame, Listed, Funds | None]:
        universe, said = listed_universe(panel.symbols, newest, counted, listing, others, held.listed, places)
        universe, funds = _with_funds(universe, held, sessions)
        return universe, said, funds

    # As long as the newest session's own bars take no part in it, they change nothing in who is a fund.
    settled = sessions[-1] < known.newest_session
    universe, said, funds = once(known, "universe", (panel.symbols, counted, others), joined) if settled else joined()
    market = Market(panel, universe, provenance, notes)
    inside, through = splits_inside(known) if as_of is not None else (None, None)
    if inside is not None and through is not None:
        universe = universe.join(inside, on="symbol", how="left", maintain_order="left")
        market = replace(market, notes=(*market.notes, basis_note(inside, through, newest)))
    market = replace(
        market,
        universe=universe,
        models=models_folder(held.store),
        adjust=adjust,
        store=held.store,
        suspects=suspects,
        held=replace(held, listed=said, fitting=fits, refused=refused, funds=funds),
    )
    if "dividends" in known:
        paid = once(
            known,
            "dividends",
            (panel.symbols, newest),
            lambda: dividend_rows(panel.symbols, known.read("dividends"), known.read("splits"), newest),
        )
        market = replace(market, dividends=paid)
    if "option_features" in known:
        options = market_options(known, panel.symbols, newest)
        market = replace(market, options=options.rows, notes=(*market.notes, *filter(None, (options.note,))))
    return replace(market, fundamentals=_fundamentals(known, market)) if "facts" in known else market


def index_among(bars: pl.DataFrame, newest: dt.date) -> MarketIndex | None:
    """The index that a symbol among these bars is; None for none."""
    spy = bars.filter(pl.col("symbol") == MARKET_SYMBOL)
    session = spy["session"].to_physical().to_numpy()
    return own_index(MARKET_SYMBOL, session, spy["close"].to_numpy(), day_number(newest))


def scanned_of(versions: Mapping[str, int]) -> dict[str, int]:
    """Of the tables that a scan's result hangs on; others (recorded scans) do not change it."""
    return {table.name: versions[table.name] for table in stored_tables() if table.scanned and table.name in versions}


def _fitting(held: Held, recent: dt.date, suspects: pl.DataFrame) -> Fitting:
    """Which recorded splits fit the prices."""
    known = held.known
    splits = known.read("splits").filter(pl.col("ex_date") >= recent)
    since = day_number(known.sessions.tail(QUIET_SESSIONS)[0])
    near = (suspects.select("symbol", "session"), recent)
    wrong = once(known, "wrong alone", near, lambda: wrong_alone(known, suspects, splits))
    return fitting(held.panel, splits, wrong, since, held.fitting)


def _of_this_life(held: Held) -> pl.DataFrame:
    """With the number of bars since a symbol began anew."""
    if held.lives.is_empty():
        return held.dated
    bars = held.known.scan("bars", held.lives["symbol"].to_list()).select("symbol", "session")
    mine = bars.join(held.lives.lazy().select("symbol", "begin"), on="symbol").filter(
        pl.col("session") >= pl.col("begin")
    )
    own = mine.group_by("symbol").agg(own=pl.len().cast(pl.Int64)).collect()
    counted = held.dated.join(own, on="symbol", how="left", maintain_order="left")
    return counted.with_columns(bars=pl.col("own").fill_null(pl.col("bars"))).drop("own")


def _with_funds(universe: pl.DataFrame, held: Held, sessions: pl.Series) -> tuple[pl.DataFrame, Funds | None]:
    """The universe, in which what no listing names and what behaved as a fund is one. And what told it, where the
    newest session's own bars took no part in it: as long as nothing of before changes, it stays as it is.

    sessions : those by whose bars funds are told.
    """
    unknown = universe["symbol"].filter(universe["type"] == "unknown")
    if unknown.is_empty():
        return universe, None
    before, through = held.funds, sessions[-1]
    settled = through < held.known.newest_session
    if before is None or before.through != through or not before.asked.equals(unknown):

        def told() -> pl.Series:
            return _funds_among(unknown, held, sessions)

        found = once(held.known, "funds", (unknown.to_frame(), through), told) if settled else told()
        before = Funds(unknown, through, found)
    funds = unknown.filter(before.found).implode()
    fund = pl.when((pl.col("type") == "unknown") & pl.col("symbol").is_in(funds)).then(pl.lit("fund"))
    universe = universe.with_columns(fund.otherwise("type").alias("type"))
    return universe, before if settled else None


def _funds_among(unknown: pl.Series, held: Held, sessions: pl.Series) -> pl.Series:
    """sessions : those by whose bars funds are told."""
    since = len(held.known.sessions) - len(sessions)

    def bars_of(symbols: list[str] | None, many: int) -> pl.DataFrame:
        found = held.bars(symbols, ("close", "volume"), since + many)
        return found.filter(pl.col("session") <= sessions[-1]) if since else found

    bars = bars_of(None, FUND_SESSIONS)
    index = bars.filter(pl.col("symbol") == MARKET_SYMBOL).select("session", "close")
    return funds_among(
        unknown, bars, sessions, index if len(index) else None, lambda some: bars_of(some, QUIET_SESSIONS)
    )


def _fundamentals(known: KnownStore, market: Market) -> pl.DataFrame | None:
    """The statements known at the close of the day; None when there are none."""
    # Not at the top: a store without statements does not wait for what only statements need.
    from tapescan.fundamentals.companies import FACTS_SINCE, statement_rows

    facts = known.facts(within=FACTS_SINCE)
    if facts.is_empty():
        return None
    return statement_rows(market.panel, market.universe, facts, known.read("companies"), known.read("splits"))
