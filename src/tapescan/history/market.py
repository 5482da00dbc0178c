"""Where a scan's data comes from: a store, or the simulated market when there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import OptionError, StoreError
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Ints
from tapescan.market import calendar
from tapescan.market.adjust import adjust_bars
from tapescan.market.anchor import anchor
from tapescan.market.dividends import dividend_rows
from tapescan.market.funds import QUIET_SESSIONS, funds_among
from tapescan.market.index import MARKET_SYMBOL, MarketIndex, own_index
from tapescan.market.jumps import misfit_note
from tapescan.market.panel import Panel, build_panel
from tapescan.market.quality import check_bars
from tapescan.market.suspect import BEFORE, SUSPECTS, find_suspects
from tapescan.market.universe import build_universe, listing_numbers, spelling_key
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import KnownStore, Store
from tapescan.store.accepted import suspect_bars, wrong_alone
from tapescan.store.table import is_remote
from tapescan.tables.definition import Table
from tapescan.tables.registry import stored_tables

__all__ = [
    "EMBEDDED",
    "SIMULATED_SYMBOLS",
    "Embedded",
    "Market",
    "market_of_simulated",
    "market_of_store",
    "models_folder",
    "simulated_market",
]


class Embedded:
    """Stands for the embedded simulated market, which is drawn when it is needed."""


EMBEDDED = Embedded()

SIMULATED_SYMBOLS = 6000
SIMULATED_SESSIONS = 400


@dataclass(frozen=True)
class Market:
    """The data of a scan, however it was come by.

    universe : one row a requested symbol with the columns of `build_universe` and `listing_numbers`, newest (date of
        its newest bar), bars (how many it has in all), sessions_behind (sessions after its newest bar, null without
        bars), delisted (whether it no longer was listed) and, where prices hold splits of later days, factor (by
        which they are what was paid; null for 1); first the panel's symbols in the panel's order, then those that are
        not in the panel, whose `absent` column says why (null for the panel's).
    provenance : where the data comes from. notes : lines for the reader.
    fundamentals : one row a symbol of the panel, in its order, as `companies.statement_rows` gives them; None for a
        market without statements. dividends : likewise, as `dividends.dividend_rows` gives them.
    models : the folder where models trained on this market lie, if there are any; None for a market without one.
    suspects : its suspect bars that nobody accepted, as `market.suspect.SUSPECTS`.
    adjust : what its prices are adjusted for. store : the one that it was read from; None for a market of none.
    """

    panel: Panel
    universe: pl.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fundamentals: pl.DataFrame | None = None
    dividends: pl.DataFrame | None = None
    suspects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SUSPECTS))
    models: Path | None = None
    adjust: Adjustment = "splits"
    store: Store | None = None

    @cached_property
    def by_symbol(self) -> Ints:
        """The places of the panel's symbols in the order of their names; kept for the next scan."""
        symbols = self.panel.symbols
        return np.array(sorted(range(len(symbols)), key=symbols.__getitem__), dtype=np.int64)

    def suspects_within(self, rows: int) -> pl.DataFrame:
        """The suspect ones among the newest so many bars of each symbol."""
        return self.suspects.filter(pl.col("behind") < rows)

    def __repr__(self) -> str:
        """Short: a notebook shows it for every cell that ends with a market."""
        day = date_of(self.panel.as_of)
        return f"<market of {len(self.universe):,} symbols up to {day}: {dict(self.provenance)}>"


def market_of_store(
    store: Store, as_of: dt.date | None = None, *, span: int | None = None, adjust: Adjustment = "splits"
) -> Market:
    """The store's market as it was known at the close of `as_of` (its newest session when None).

    span : sessions of history that the features need (`market.anchor`); None reads all there are.
    Raises StoreError for a store without bars, and OptionError when it has none up to `as_of`.
    """
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    asked = store.known(as_of)
    known = asked.at_newest_session()
    newest = known.newest_session
    # What is judged has to have its neighbours, too; and what is a fund does not hang on what is asked for.
    sessions = None if span is None else max(_since(known.sessions, newest, span) + BEFORE, QUIET_SESSIONS)
    bars, lives = known.bars_and_lives(adjust=adjust, sessions=sessions)
    panel = build_panel(bars, index=_market_index(bars, newest))
    # All that have a bar by then, also those whose newest one is too old to have been read.
    dated = _of_this_life(known.newest().select("symbol", "newest", "bars"), bars, lives)
    listing = known.read("symbols")
    # What is told hangs no more on what is asked for than what is a fund.
    recent = known.sessions.tail(QUIET_SESSIONS - BEFORE)[0]
    suspects, splits = suspect_bars(known, bars), known.read("splits").filter(pl.col("ex_date") >= recent)
    notes = (
        *_calendar_notes(newest, as_of),
        *_thin_notes(dated, newest),
        *_life_notes(lives.filter(pl.col("begin") >= recent)),
        *_listing_notes(listing, newest),
        *(misfit_note(bars, splits, wrong_alone(known, suspects, splits)) if adjust != "none" else ()),
    )
    versions = {table.name: known.versions[table.name] for table in stored_tables() if _is_scanned(table, known)}
    provenance = {"store": versions, "adjust": adjust}
    # Also those refused on a day after the newest bar, where no day was named: nobody who was given vanishes.
    refused = asked.refused("bars")["symbol"]
    market = _market(panel, dated, listing, refused, provenance, notes)
    inside, through = known.splits_inside() if as_of is not None else (None, None)
    universe = _with_funds(market, bars, known.sessions)
    if inside is not None and through is not None:
        universe = universe.join(inside, on="symbol", how="left", maintain_order="left")
        market = replace(market, notes=(*market.notes, _basis_note(inside, through, newest)))
    market = replace(
        market, universe=universe, models=models_folder(store), adjust=adjust, store=store, suspects=suspects
    )
    if "dividends" in known:
        paid = dividend_rows(panel.symbols, known.read("dividends"), known.read("splits"), newest)
        market = replace(market, dividends=paid)
    return replace(market, fundamentals=_fundamentals(known, market)) if "facts" in known else market


def _since(sessions: pl.Series, newest: dt.date, span: int) -> int:
    """How many of the sessions lie where a history of so many begins."""
    begin = anchor(day_number(newest), span)
    return int((sessions.to_physical() >= begin).sum())


def _of_this_life(dated: pl.DataFrame, bars: pl.DataFrame, lives: pl.DataFrame) -> pl.DataFrame:
    """With the number of bars since a symbol began anew."""
    if lives.is_empty():
        return dated
    mine = bars.filter(pl.col("symbol").is_in(lives["symbol"].implode())).group_by("symbol").agg(own=pl.len())
    counted = dated.join(mine, on="symbol", how="left", maintain_order="left")
    return counted.with_columns(bars=pl.col("own").cast(pl.Int64).fill_null(pl.col("bars"))).drop("own")


def _life_notes(lives: pl.DataFrame) -> tuple[str, ...]:
    if lives.is_empty():
        return ()
    some = ", ".join(f"{symbol} on {day}" for symbol, day in lives.select("symbol", "begin").head(3).iter_rows())
    more = f" and {len(lives) - 3} more" if len(lives) > 3 else ""
    return (f"another company took over a ticker, whose history begins anew: {some}{more}",)


def _basis_note(inside: pl.DataFrame, through: dt.date, newest: dt.date) -> str:
    """That price filters of a past day see prices that a vendor adjusted for what came later."""
    undone = f"; for {len(inside):,} with recorded later splits they take what was paid" if len(inside) else ""
    what = "price filters know later splits that are not recorded"
    return f"prices of {newest} are adjusted through {through}: {what}{undone}"


#: A listing that is so many days younger than the session says little of that day.
_LATER = dt.timedelta(days=7)


def _listing_notes(listing: pl.DataFrame, newest: dt.date) -> tuple[str, ...]:
    """That names, sectors and types are those of a later day, where the store has no others."""
    since = pl.coalesce("known_from", "as_of")
    later = listing.filter(since > newest + _LATER).select(since.min().alias("day"), number=pl.len())
    day, number = later.row(0)
    if not number:
        return ()
    return (
        f"names, sectors and types of {number:,} of {len(listing):,} listed symbols are those of {day} or later: the"
        " store has no listing of before",
    )


def _is_scanned(table: Table, known: KnownStore) -> bool:
    """Whether a scan's result hangs on a table; others (recorded scans) do not change it."""
    return table.scanned and table.name in known


def models_folder(store: Store) -> Path | None:
    """Where the models trained on a local store lie, whether or not there are any; None for a store at a URL."""
    return None if is_remote(store.path) else Path(store.path) / "models"


def simulated_market(
    as_of: dt.date | None = None,
    *,
    symbols: int = SIMULATED_SYMBOLS,
    sessions: int = SIMULATED_SESSIONS,
    adjust: Adjustment = "splits",
) -> Market:
    """The embedded simulated market: the same for everybody, on any day."""
    return market_of_simulated(simulate(symbols=symbols, sessions=sessions), as_of, adjust=adjust)


def market_of_simulated(
    simulated: SimulatedMarket,
    as_of: dt.date | None = None,
    *,
    adjust: Adjustment = "splits",
) -> Market:
    """A simulated market as it was known at the close of `as_of` (its newest session when None).

    Raises OptionError when it has no bar up to then.
    """
    bars = simulated.bars if as_of is None else simulated.bars.filter(pl.col("session") <= as_of)
    if bars.is_empty():
        first: object = simulated.bars["session"].min()
        raise OptionError(
            f"{as_of} lies before the simulated market's first bar, which is of {first}",
            "choose that date or a later one",
            field="as_of",
        )
    good, refused, _ = check_bars(bars)
    newest: dt.date = good["session"].max()  # type: ignore[assignment]
    good = adjust_bars(
        good.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date)),
        simulated.splits,
        simulated.dividends.with_columns(adjusted_to="ex_date"),
        newest,
        adjust,
    )
    panel = build_panel(good)
    about = {"symbols": len(simulated.listing), "sessions": simulated.sessions, "seed": simulated.seed}
    note = (
        f"this is a SIMULATED market: {about['symbols']:,} invented companies, no real prices. "
        "Load a real one with `tapescan import FILES... --store DIR`, then `tapescan scan --store DIR`."
    )
    known = good.group_by("symbol").agg(newest=pl.col("session").max(), bars=pl.len())
    market = _market(panel, known, simulated.listing, refused["symbol"], {"simulated": about}, (note,))
    paid = dividend_rows(
        panel.symbols, simulated.dividends.with_columns(adjusted_to="ex_date"), simulated.splits, newest
    )
    suspects = find_suspects(good, simulated.splits.filter(pl.col("ex_date") <= newest))
    return replace(market, adjust=adjust, dividends=paid, suspects=suspects)


def _fundamentals(known: KnownStore, market: Market) -> pl.DataFrame | None:
    """The statements known at the close of the day; None when there are none."""
    # Not at the top: a store without statements does not wait for what only statements need.
    from tapescan.fundamentals.companies import FACTS_SINCE, statement_rows

    facts = known.facts(within=FACTS_SINCE)
    if facts.is_empty():
        return None
    return statement_rows(market.panel, market.universe, facts, known.read("companies"), known.read("splits"))


def _market(
    panel: Panel,
    known: pl.DataFrame,
    listing: pl.DataFrame,
    refused: pl.Series,
    provenance: Mapping[str, Any],
    notes: tuple[str, ...],
) -> Market:
    """Join the panel's symbols with the listing's, and say why the others are not in the panel.

    known : symbol, newest, bars of every symbol that has a bar. refused : symbols of refused bars.
    """
    listed = listing["symbol"] if not listing.is_empty() else pl.Series("symbol", [], dtype=pl.String)
    others = pl.concat(
        [
            known.select("symbol", absent=pl.lit("stale")),
            pl.DataFrame({"symbol": refused.drop_nulls()}).with_columns(absent=pl.lit("bars_refused")),
            pl.DataFrame({"symbol": listed.drop_nulls()}).with_columns(absent=pl.lit("no_bars")),
        ]
    )
    # A listing may spell a share another way than the bars do: it is one share all the same.
    others = others.with_columns(key=spelling_key(others["symbol"])).unique("key", keep="first", maintain_order=True)
    here = spelling_key(pl.Series("symbol", panel.symbols))
    others = others.filter(~pl.col("key").is_in(here.implode())).sort("symbol")
    universe = build_universe(listing, [*panel.symbols, *others["symbol"]])
    universe = universe.hstack(listing_numbers(listing, universe["symbol"]))
    as_of = date_of(panel.as_of)
    gone = _delisted(universe["symbol"], listing) <= as_of
    absent = pl.concat([pl.Series([None] * len(panel), dtype=pl.String), others["absent"]])
    universe = universe.join(known, on="symbol", how="left", maintain_order="left").with_columns(
        pl.col("bars").fill_null(0).cast(pl.Int64),
        delisted=gone.fill_null(value=False),
        absent=pl.when(gone & absent.is_in(["stale", "no_bars"])).then(pl.lit("delisted")).otherwise(absent),
    )
    universe = universe.with_columns(sessions_behind=_sessions_behind(universe["newest"], as_of))
    return Market(panel, universe, provenance, notes)


def _with_funds(market: Market, bars: pl.DataFrame, sessions: pl.Series) -> pl.DataFrame:
    """The universe, in which what no listing names and what behaves as a fund is one."""
    universe = market.universe
    unknown = universe["symbol"].filter(universe["type"] == "unknown")
    if unknown.is_empty():
        return universe
    index = bars.filter(pl.col("symbol") == MARKET_SYMBOL).select("session", "close")
    funds = unknown.filter(funds_among(unknown, bars, sessions, index if len(index) else None))
    fund = pl.when((pl.col("type") == "unknown") & pl.col("symbol").is_in(funds.implode())).then(pl.lit("fund"))
    return universe.with_columns(fund.otherwise("type").alias("type"))


def _delisted(symbols: pl.Series, listing: pl.DataFrame) -> pl.Series:
    """The first day on which each symbol was no longer listed; null where the listing names none."""
    if "delisted" not in listing.columns:
        return pl.Series([None] * len(symbols), dtype=pl.Date)
    days = listing.select("delisted", key=spelling_key(listing["symbol"])).unique("key", keep="first")
    keys = pl.DataFrame({"key": spelling_key(symbols)})
    return keys.join(days, on="key", how="left", maintain_order="left")["delisted"]


def _sessions_behind(newest: pl.Series, as_of: dt.date) -> pl.Series:
    """Sessions after each symbol's newest bar up to `as_of`, int64: 0 for a fresh one, null for one without bars."""
    days = newest.drop_nulls().unique()
    behind = np.zeros(len(days), np.int64)
    late = (days < as_of).to_numpy()
    if late.any():
        oldest: dt.date = days.min()  # type: ignore[assignment]
        sessions = calendar.sessions(max(oldest, calendar.EARLIEST), as_of)
        passed = len(sessions) - np.searchsorted(sessions, days.to_physical().to_numpy(), side="right")
        # A bar of a day that the calendar does not know is behind all the same.
        behind[late] = np.maximum(passed, 1)[late]
    return newest.replace_strict(days, behind, default=None, return_dtype=pl.Int64)


def _market_index(bars: pl.DataFrame, newest: dt.date) -> MarketIndex | None:
    spy = bars.filter(pl.col("symbol") == MARKET_SYMBOL)
    session = spy["session"].to_physical().to_numpy()
    return own_index(MARKET_SYMBOL, session, spy["close"].to_numpy(), day_number(newest))


def _calendar_notes(newest: dt.date, as_of: dt.date | None) -> tuple[str, ...]:
    if as_of is None or as_of <= newest:
        return ()
    missing = calendar.session_count(newest, as_of) - 1
    if missing <= 0:
        return ()
    return (f"the store ends at {newest}: {missing} session{'s' if missing > 1 else ''} before {as_of} not in it",)


def _thin_notes(known: pl.DataFrame, newest: dt.date) -> tuple[str, ...]:
    """A warning when most symbols lack a bar of the newest session: one stray bar would make the market stale."""
    lately = known.filter(pl.col("newest") >= newest - dt.timedelta(days=10))
    current = int((known["newest"] == newest).sum())
    if current * 2 >= len(lately):
        return ()
    return (
        f"only {current:,} of {len(lately):,} symbols that traded lately have a bar of {newest}: the session is not "
        "complete in the store, or a stray bar made it the newest; --as-of names another one",
    )
