"""Plans of a scan's rows by their options: a session's chain with its rates, cut to some names, analysed and
expressed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl

from tapescan.columns.options import EXPRESSED_OF
from tapescan.core.dates import date_of, day_number, parse_date
from tapescan.core.errors import OptionError, nearest
from tapescan.core.typing import Floats
from tapescan.history.chains import option_session, stored_chain
from tapescan.history.market import Market
from tapescan.history.option_features import RATE
from tapescan.market import calendar
from tapescan.market.closing import moments
from tapescan.options.analysis import Analysis, analyse
from tapescan.options.candidates import STRATEGIES
from tapescan.options.contracts import years
from tapescan.options.expressions import Budget, Expressions, Views, express_views
from tapescan.options.rates import Curve, imply_curve
from tapescan.options.stored import StoredChain
from tapescan.scan.opening import Opened
from tapescan.scan.profile import Risk
from tapescan.scan.tradeplan import borrowing
from tapescan.store import KnownStore, Store

__all__ = [
    "ROWS",
    "Expressing",
    "Quoted",
    "Quotes",
    "check_strategy",
    "exit_day",
    "express_rows",
    "known_of",
    "no_quotes",
    "plan_rows",
    "quoted_in",
    "read_quotes",
]

#: What is asked of a row.
ROWS = pl.Schema(
    {
        "symbol": pl.String,
        "side": pl.String,
        "stop": pl.Float64,
        "target": pl.Float64,
        "shares": pl.Float64,
        **dict.fromkeys(EXPRESSED_OF, pl.Float64),
    }
)

#: Calendar days within which so many sessions lie, surely: a year and a half for each year of them, and holidays.
_REACH = 1.6, 15


@dataclass(frozen=True, eq=False)
class Quotes:
    """A session's chain of the whole market, and the rates that it implies; whether these are a guess."""

    stored: StoredChain
    curve: Curve
    guessed: bool


@dataclass(frozen=True, eq=False)
class Expressing:
    """What came of some names: their part of the chain, its analysis, the positions."""

    stored: StoredChain
    analysis: Analysis
    found: Expressions
    exits: Floats


def check_strategy(strategy: str | None) -> None:
    """Raises OptionError for one that is not known."""
    if strategy is not None and strategy not in STRATEGIES:
        hint = nearest(strategy, STRATEGIES) or f"one of {', '.join(STRATEGIES)}"
        raise OptionError(f"{strategy!r} is no strategy", hint, field="strategy")


class Quoted(Protocol):
    """Where a session's chain comes from."""

    def lacks(self, session: dt.date) -> str:
        """Why nothing can be said of a session's options, in words; empty where its quotes are there."""
        ...

    def read(self, symbols: Sequence[str]) -> Quotes:
        """The chain of these names at least, and its rates. Raises OptionError where there is none."""
        ...


@dataclass(frozen=True, eq=False)
class _OfStore:
    known: KnownStore

    def lacks(self, session: dt.date) -> str:
        return no_quotes(self.known, session)

    def read(self, symbols: Sequence[str]) -> Quotes:
        del symbols  # rates are told by all
        return self._read

    @cached_property
    def _read(self) -> Quotes:
        return read_quotes(self.known)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Of a simulated market, whose rates are known. make : draws the chain of some names."""

    make: Callable[[Sequence[str]], StoredChain]

    def lacks(self, session: dt.date) -> str:
        del session
        return ""

    def read(self, symbols: Sequence[str]) -> Quotes:
        from tapescan.simulation.surfaces import RATES

        return Quotes(self.make(symbols), RATES, guessed=False)


class _Nothing:
    def lacks(self, session: dt.date) -> str:
        del session
        return "this market holds no option quotes"

    def read(self, symbols: Sequence[str]) -> Quotes:
        del symbols
        raise OptionError("this market holds no option quotes", "`tapescan import` of a session's quotes brings some")


def quoted_in(given: Opened, market: Market, as_of: dt.date | str | None) -> Quoted:
    """Of what a market was made of, as it was known then."""
    known = known_of(given, as_of)
    if known is not None:
        return _OfStore(known)
    return _Nothing() if market.drawn_chain is None else _Drawn(market.drawn_chain)


def no_quotes(known: KnownStore, session: dt.date) -> str:
    """As `Quoted.lacks`."""
    newest = option_session(known)
    if newest is None:
        return "this store holds no option quotes"
    return "" if newest == session else f"no option quotes of {session}: the newest are of {newest}"


def known_of(given: Opened, as_of: dt.date | str | None) -> KnownStore | None:
    """The store that a scan of this was of, as it was known then; None for a market of no store."""
    if isinstance(given, Store):
        return given.known(parse_date(as_of, "as_of"))
    return given.held.asked if isinstance(given, Market) and given.held is not None else None


def read_quotes(known: KnownStore) -> Quotes:
    """The newest session's. Raises OptionError where there is none."""
    stored = stored_chain(known)
    if stored is None:
        raise OptionError("this store holds no option quotes", "`tapescan import` of a session's quotes brings some")
    curve = imply_curve(stored.chain, stored.spots, stored.payers, stored.now)
    return Quotes(stored, curve or RATE, curve is None)


def plan_rows(row: Mapping[str, Any]) -> pl.DataFrame:
    """One row of a result as `express_rows` takes it."""
    return pl.DataFrame({name: [row[name]] for name in ROWS}, schema=ROWS)


def exit_day(session: dt.date, hold: int) -> dt.date:
    """The session that so many after it end with."""
    last = min(session + dt.timedelta(days=int(_REACH[0] * hold) + _REACH[1]), calendar.LATEST)
    return date_of(calendar.sessions(session + dt.timedelta(days=1), last)[hold - 1])


def express_rows(
    quotes: Quotes,
    rows: pl.DataFrame,
    risk: Risk,
    scale: float,
    *,
    expiry: int | None = None,
    whole: bool = False,
    workers: int | None = None,
) -> Expressing:
    """The positions of these rows' plans. Who else is among them changes no bytes.

    rows : as ROWS, null for unknown. scale : the regime's, of
    the risk a trade. expiry : as in `candidates.expiries_of`. whole : as in `analyse`.
    """
    part = quotes.stored.some(rows["symbol"].to_list())
    names = pl.DataFrame({"symbol": part.chain.underlyings}, schema={"symbol": pl.String})
    own = names.join(rows, on="symbol", how="left", maintain_order="left")
    found = analyse(part.chain, part.spots, part.dividends, quotes.curve, part.now, workers=workers, whole=whole)
    close = moments(np.array([day_number(exit_day(part.session, risk.hold))], np.int32), np.array([False]))
    exits = np.full(len(names), years(close, part.now)[0])

    def numbers(name: str) -> Floats:
        values: Floats = own[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        return values

    planned = numbers("shares") >= 1.0
    views = Views(
        (own["side"] == "long").fill_null(value=False).to_numpy(),
        np.where(planned, numbers("target"), np.nan),
        np.where(planned, numbers("stop"), np.nan),
        numbers("shares"),
        exits,
        (numbers("vrp_20") > 0.0) & np.isfinite(numbers("iv_percentile_252")),
    )
    budget = Budget(
        scale * risk.risk_per_trade * risk.account, risk.max_position * risk.account, risk.cost / 1e4, borrowing(risk)
    )
    made = express_views(
        part.chain,
        found,
        part.spots,
        part.dividends,
        part.open_interest,
        views,
        budget,
        expiry=expiry,
        workers=workers,
    )
    return Expressing(part, found, made, exits)
