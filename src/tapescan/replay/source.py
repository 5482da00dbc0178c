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
from tapescan.scan.opening import Opened
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import KnownStore, Store
from tapescan.store.table import store_errors
from tapescan.tables.registry import find_table

__all__ = ["ADJUSTED", "Options", "Source", "no_session", "sessions_between", "source_of"]

ADJUSTED: Adjustment = "splits"


class Options:
    """Option features of all sessions. rows : symbol, session and others, sorted by session."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
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
        return option_rows(symbols, self.rows[own:until], self.rows[at:until].select(PAST), day)


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
        """symbol, ex_date, amount, adjusted_to of all that are known; None where nobody told of any."""
        if isinstance(self.data, SimulatedMarket):
            return self.data.dividends.with_columns(adjusted_to="ex_date")
        assert self.known is not None
        if "dividends" not in self.known:
            return None
        return self.known.at_newest_session().read("dividends")

    def dividends_on(self, day: dt.date, symbols: tuple[str, ...]) -> pl.DataFrame | None:
        """As `Market.dividends` of a scan of the day."""
        paid = self.dividends
        if paid is None:
            return None
        known = pl.col("ex_date") <= day
        return dividend_rows(symbols, paid.filter(known), self.history.splits.filter(known), day)

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
        splits = self.history.splits.filter(pl.col("ex_date") <= day)
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
            if self.known is not None and "option_features" in self.known:
                end = pl.col("session") <= self.history.end
                with store_errors(self.known.path, "read option_features of"):
                    rows = self.known.scan("option_features").select(names).filter(end).collect()
            self._options[columns] = Options(rows.sort("session", "symbol"))
        return self._options[columns]

    @cached_property
    def _options(self) -> dict[tuple[str, ...], Options]:
        return {}

    @cached_property
    def renamed(self) -> dt.date | None:
        """The newest day on which a company's symbol became another; None for none. On every session from it on scans
        call companies what they are called at the end."""
        if self.known is None or "renames" not in self.known:
            return None
        newest: dt.date | None = self.known.read("renames")["ex_date"].max()  # type: ignore[assignment]
        return newest

    def refuse_renames(self, first: dt.date | None, hint: str, field: str) -> None:
        """Raises OptionError where symbols were renamed after the first day; None is that of the market. hint : what
        to do, where it says the day from which on nobody was renamed. field : the argument that it is about."""
        if self.renamed is None or self.renamed <= (first or self.history.first):
            return
        raise OptionError(
            f"symbols were renamed up to {self.renamed}, and a company is not yet called what it was called before",
            hint.format(day=self.renamed),
            field=field,
        )


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
