"""Where a replay's past comes from, and how any of its days is scanned anew."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import OptionError
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Bools, Days, Floats
from tapescan.fundamentals.companies import FACTS_SINCE, rows_of_shares
from tapescan.history.history import History, history_of
from tapescan.history.market import SIMULATED_SESSIONS, SIMULATED_SYMBOLS, Embedded, Market, market_of_simulated
from tapescan.history.option_rows import PAST, option_rows, window
from tapescan.history.stored import market_of_store, scanned_of
from tapescan.market.dividends import dividend_rows
from tapescan.market.names import NOBODY, Names
from tapescan.scan.opening import Opened
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.simulation.option_features import simulated_features
from tapescan.store import KnownStore, Store
from tapescan.store.table import store_errors
from tapescan.tables.registry import find_table

__all__ = ["ADJUSTED", "Options", "Source", "no_session", "sessions_between", "source_of"]

ADJUSTED: Adjustment = "splits"


class Options:
    """Option features of all sessions. rows : symbol, session and others, sorted by session; of symbols of renames
    under their pieces."""

    def __init__(self, rows: pl.DataFrame, names: Names = NOBODY) -> None:
        self.rows, self.names = rows, names
        self.days = rows["session"].to_physical().to_numpy()

    @property
    def first(self) -> dt.date | None:
        """The first session with any."""
        return date_of(int(self.days[0])) if len(self.days) else None

    def has(self, days: Days) -> Bools:
        """On which of some sessions there are any."""
        return np.isin(days, self.days)

    def on(self, day: dt.date, symbols: tuple[str, ...]) -> pl.DataFrame:
        """As `Market.options` of a scan of the day, the columns that were read."""
        begin, first, end = (day_number(one) for one in (window(day)[0], day, day + dt.timedelta(days=1)))
        at, own, until = np.searchsorted(self.days, [begin, first, end]).tolist()
        now, past = (self.names.on(rows, day) for rows in (self.rows[own:until], self.rows[at:until].select(PAST)))
        return option_rows(symbols, now, past, day)


@dataclass(frozen=True, eq=False)
class Source:
    """data : the store or simulated market. history : its bars up to the end. known : all that the store knows,
    pinned to its versions; None for a simulated market."""

    data: Store | SimulatedMarket
    history: History
    known: KnownStore | None

    @property
    def store(self) -> Store | None:
        return self.data if isinstance(self.data, Store) else None

    @property
    def provenance(self) -> dict[str, object]:
        """As a scan of it has it."""
        if self.known is None:
            return {name: one for name, one in self.history.provenance.items() if name != "end"}
        return {"store": scanned_of(self.known.versions), "adjust": ADJUSTED}

    def market(self, day: dt.date, span: int) -> Market:
        """The market as a scan of a day reads it, anew."""
        if isinstance(self.data, Store):
            return market_of_store(self.data, day, span=span, adjust=ADJUSTED)
        return market_of_simulated(self.data, day, adjust=ADJUSTED)

    @cached_property
    def dividends(self) -> pl.DataFrame | None:
        """symbol, ex_date, amount, adjusted_to of all that are known, of symbols of renames under their pieces; None
        where nobody told of any."""
        if isinstance(self.data, SimulatedMarket):
            return self.data.dividends.with_columns(adjusted_to="ex_date")
        assert self.known is not None
        if "dividends" not in self.known:
            return None
        known, names = self.known.at_newest_session(), self.history.names
        paid = names.others(known.read("dividends"))
        return (
            pl.concat([paid, names.under(known.stored("dividends").collect(), "ex_date")]) if names.symbols else paid
        )

    @cached_property
    def splits(self) -> pl.DataFrame:
        """symbol, ex_date, ratio of all that are known, named as `dividends`."""
        history = self.history
        if not history.names.symbols:
            return history.splits
        of_pieces = history.pieces.splits.select(history.splits.columns)
        return pl.concat([history.names.others(history.splits), of_pieces])

    def dividends_on(self, day: dt.date, symbols: tuple[str, ...]) -> pl.DataFrame | None:
        """As `Market.dividends` of a scan of the day."""
        paid = self.dividends
        if paid is None:
            return None
        names, known = self.history.names, pl.col("ex_date") <= day
        paid, splits = (names.on(rows.filter(known), day) for rows in (paid, self.splits))
        return dividend_rows(symbols, paid, splits, day)

    @property
    def has_statements(self) -> bool:
        return self.known is not None and "facts" in self.known

    def statements_on(
        self, day: dt.date, symbols: tuple[str, ...], types: pl.Series, close: Floats, current: Bools
    ) -> pl.DataFrame | None:
        """As `Market.fundamentals` of a scan of the day. close, current : each symbol's newest close, and whether it
        is of the day."""
        if not self.has_statements:
            return None
        assert self.known is not None
        facts = self._facts.filter(pl.col("end") >= day - FACTS_SINCE, pl.col("known_at") <= day)
        if facts.is_empty():
            return None
        rows = pl.DataFrame(
            {"symbol": pl.Series(symbols, dtype=pl.String), "type": types, "close": close, "current": current}
        )
        splits = self.history.names.on(self.splits.filter(pl.col("ex_date") <= day), day)
        return rows_of_shares(rows, day, facts, self.known.read("companies"), splits)

    @cached_property
    def _facts(self) -> pl.DataFrame:
        assert self.known is not None
        return self.known.scan("facts").collect()

    def options(self, columns: tuple[str, ...]) -> Options:
        """What options said, of these columns of `option_features`; nothing where nobody told of any."""
        if columns not in self._options:
            names = list(dict.fromkeys((*PAST, *columns)))
            rows = pl.DataFrame(schema={name: find_table("option_features").schema[name] for name in names})
            if isinstance(self.data, SimulatedMarket):
                day = date_of(int(self.data.surfaces.days[0]))
                rows = simulated_features(self.data, names, day, self.history.end)
            elif self.known is not None and "option_features" in self.known:
                end = pl.col("session") <= self.history.end
                renamed = self.history.names
                with store_errors(self.known.path, "read option_features of"):
                    rows = renamed.others(self.known.scan("option_features").select(names).filter(end).collect())
                    if renamed.symbols:
                        stored = self.known.stored("option_features", [*renamed.symbols]).select(names).filter(end)
                        rows = pl.concat([rows, renamed.under(stored.collect(), "session")])
            self._options[columns] = Options(rows.sort("session", "symbol"), self.history.names)
        return self._options[columns]

    @cached_property
    def _options(self) -> dict[tuple[str, ...], Options]:
        return {}


def source_of(data: Opened, end: dt.date | None) -> Source:
    """Raises as `history_of`, and OptionError for a market that is loaded without its past."""
    if isinstance(data, Embedded):
        data = simulate(symbols=SIMULATED_SYMBOLS, sessions=SIMULATED_SESSIONS)
    if isinstance(data, Market):
        if data.store is None:
            raise OptionError("a loaded market has one day only", "give its store", field="data")
        data = data.store
    try:
        history = history_of(data, end)
    except OptionError as error:
        if error.field != "as_of":
            raise
        raise OptionError(error.what, error.hint, field="end") from error
    return Source(data, history, None if isinstance(data, SimulatedMarket) else data.known(None))


def sessions_between(sessions: Days, start: dt.date | None, end: dt.date | None, every: int) -> Days:
    """Every so many sessions of a market from one day to another, counted from the first.

    Raises OptionError where there is none.
    """
    first, last = date_of(int(sessions[0])), date_of(int(sessions[-1]))
    lo, hi = day_number(start or first), day_number(end or last)
    if lo > hi:
        raise OptionError(f"{start or first} lies after {end or last}", "give the earlier day first", field="start")
    found = sessions[(sessions >= lo) & (sessions <= hi)][::every]
    if not len(found):
        raise no_session(start or first, end, first, last)
    return found


def no_session(start: dt.date, end: dt.date | None, first: dt.date, last: dt.date) -> OptionError:
    """What to say of days among which the market, from its first to its last one, has no session."""
    what = f"there is no session from {start} {f'to {end}' if end else 'on'}: the bars are of {first} to {last}"
    return OptionError(what, "choose other days", field="start")
