"""Where a scan's data comes from: a store, or the simulated market when there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from tapescan.core.dates import date_of, day_number
from tapescan.core.errors import OptionError
from tapescan.core.settings import Adjustment
from tapescan.core.typing import Ints
from tapescan.history.equal_weighted import CLOSES, index_of_bars
from tapescan.history.late_rows import LateRows
from tapescan.history.listed import Listed, absent_symbols, listed
from tapescan.history.option_rows import PAST, option_rows, window
from tapescan.market import calendar
from tapescan.market.adjust import adjust_bars
from tapescan.market.dividends import dividend_rows
from tapescan.market.eligibility import likely_ranked
from tapescan.market.gather import Gathered
from tapescan.market.panel import Panel, build_panel, order_of
from tapescan.market.quality import check_bars, sort_bars
from tapescan.market.suspect import SUSPECTS, find_suspects
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.simulation.option_features import simulated_features
from tapescan.store import Store
from tapescan.store.table import is_remote
from tapescan.tables.registry import find_table

if TYPE_CHECKING:
    from tapescan.history.stored import Held
    from tapescan.options.stored import StoredChain

__all__ = [
    "EMBEDDED",
    "LISTING",
    "SIMULATED_SYMBOLS",
    "Embedded",
    "Market",
    "listed_universe",
    "market_of_simulated",
    "models_folder",
    "places_among",
    "simulated_market",
]


class Embedded:
    """Stands for the embedded simulated market, which is drawn when it is needed."""


EMBEDDED = Embedded()

#: What a panel calls what scans worked out of its market's universe.
LISTING = "listing"

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
    options : likewise, as `option_rows.option_rows` gives them, or what makes them; None for a market without any.
    live : likewise, what the minutes of a session that still runs say (`columns.live`); None for any other market.
    minute_bars : by frame (m5, m15, m60), the panels of bars of so many minutes that are at hand.
    models : the folder where models trained on this market lie, if there are any; None for a market without one.
    suspects : its suspect bars that nobody accepted, as `market.suspect.SUSPECTS`.
    adjust : what its prices are adjusted for. store : the one that it was read from; None for a market of none.
    held : what was read of that store.
    drawn_chain : draws the options of some symbols on the session; None for a market of no simulation.
    kept : what was made of this very market, by name; another one, also a changed copy, begins with nothing.
    """

    panel: Panel
    universe: pl.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fundamentals: pl.DataFrame | None = None
    dividends: pl.DataFrame | None = None
    options: pl.DataFrame | LateRows | None = None
    live: pl.DataFrame | None = None
    minute_bars: Mapping[str, Gathered] = field(default_factory=dict, repr=False)
    suspects: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SUSPECTS))
    models: Path | None = None
    adjust: Adjustment = "splits"
    store: Store | None = None
    held: Held | None = field(default=None, repr=False)
    drawn_chain: Callable[[Sequence[str]], StoredChain] | None = field(default=None, repr=False)
    kept: dict[object, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def refresh(self) -> Market:
        """The market with what came into its store since: sessions, corrections, splits, listings. Itself where
        nothing came.

        What was computed is carried on (`features.carried`), which costs a small part of loading anew and gives the
        same bytes. This one is used up: scan the one that is returned.
        """
        from tapescan.history.resident import refreshed

        return refreshed(self)

    @property
    def option_rows(self) -> pl.DataFrame | None:
        """`options`, made."""
        return self.options.rows if isinstance(self.options, LateRows) else self.options

    @property
    def by_symbol(self) -> Ints:
        """The places of the panel's symbols in the order of their names."""
        return order_of(self.panel.symbols)

    def suspects_within(self, rows: int) -> pl.DataFrame:
        """The suspect ones among the newest so many bars of each symbol."""
        within = self.suspects["behind"].to_numpy() < rows
        # Mostly all of them are, or there are none; a filter costs more than the rest of what is seen of them.
        return self.suspects if within.all() else self.suspects.filter(pl.Series(within))

    def __repr__(self) -> str:
        """Short: a notebook shows it for every cell that ends with a market."""
        day = date_of(self.panel.as_of)
        return f"<market of {len(self.universe):,} symbols up to {day}: {dict(self.provenance)}>"


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
    good = good.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date))
    index = index_of_bars(sort_bars(good.select(CLOSES)), simulated.splits) if adjust == "splits" else None
    good = adjust_bars(
        good,
        simulated.splits,
        simulated.dividends.with_columns(adjusted_to="ex_date"),
        newest,
        adjust,
    )
    panel = build_panel(good, index=index, likely=likely_ranked(good, simulated.listing, newest))
    about = {"symbols": len(simulated.listing), "sessions": simulated.sessions, "seed": simulated.seed}
    note = (
        f"this is a SIMULATED market: {about['symbols']:,} invented companies, no real prices. "
        "Load a real one with `tapescan import FILES... --store DIR`, then `tapescan scan --store DIR`."
    )
    known = good.group_by("symbol").agg(newest=pl.col("session").max(), bars=pl.len())
    others = absent_symbols(panel.symbols, known, simulated.listing, refused["symbol"])
    universe, _ = listed_universe(panel.symbols, date_of(panel.as_of), known, simulated.listing, others)
    market = Market(panel, universe, {"simulated": about}, (note,))
    paid = dividend_rows(
        panel.symbols, simulated.dividends.with_columns(adjusted_to="ex_date"), simulated.splits, newest
    )
    suspects = find_suspects(good, simulated.splits.filter(pl.col("ex_date") <= newest))
    options = LateRows(partial(_simulated_options, simulated, panel.symbols, newest))
    return replace(
        market,
        adjust=adjust,
        dividends=paid,
        options=options,
        suspects=suspects,
        drawn_chain=partial(_simulated_chain, simulated, newest),
    )


def _simulated_chain(simulated: SimulatedMarket, day: dt.date, symbols: Sequence[str]) -> StoredChain:
    # Not at the top: it brings the trees, which no scan needs.
    from tapescan.simulation.chains import simulate_chains

    return simulate_chains(simulated, day, symbols).ready()


def _simulated_options(simulated: SimulatedMarket, symbols: Sequence[str], day: dt.date) -> pl.DataFrame:
    """Drawn when a scan reads them: most do not, and it takes as long as one."""
    columns = [name for name in find_table("option_features").schema if name != "method"]
    own = simulated_features(simulated, columns, day, day)
    return option_rows(symbols, own, simulated_features(simulated, PAST, window(day)[0], day), day)


def listed_universe(
    symbols: tuple[str, ...],
    as_of: dt.date,
    known: pl.DataFrame,
    listing: pl.DataFrame,
    others: pl.DataFrame,
    before: Listed | None = None,
    places: pl.Series | None = None,
) -> tuple[pl.DataFrame, Listed]:
    """A market's universe: a panel's symbols joined with the listing's, and why the others are not in the panel; and
    what the listing says of them all.

    known : symbol, newest, bars of every symbol that has a bar. others : as `absent_symbols` gives them. before : as
    `listed` takes it. places : as `places_among` gives them.
    """
    said = listed(listing, [*symbols, *others["symbol"]], before)
    universe = said.rows
    at = places_among(symbols, others, known) if places is None else places
    gone = universe["gone"] <= as_of
    absent = pl.concat([pl.Series([None] * len(symbols), dtype=pl.String), others["absent"]])
    universe = universe.drop("gone").with_columns(
        newest=known["newest"].gather(at),
        bars=known["bars"].gather(at).fill_null(0).cast(pl.Int64),
        delisted=gone.fill_null(value=False),
        absent=pl.when(gone & absent.is_in(["stale", "no_bars"])).then(pl.lit("delisted")).otherwise(absent),
    )
    return universe.with_columns(sessions_behind=_sessions_behind(universe["newest"], as_of)), said


def places_among(symbols: tuple[str, ...], others: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
    """The row of each of a panel's symbols, then of the others, among all that have a bar; null for none."""
    asked = pl.concat([pl.Series("symbol", symbols, pl.String), others["symbol"].cast(pl.String)])
    return asked.cast(pl.Enum(known["symbol"]), strict=False).to_physical()


def _sessions_behind(newest: pl.Series, as_of: dt.date) -> pl.Series:
    """Sessions after each symbol's newest bar up to `as_of`, int64: 0 for a fresh one, null for one without bars."""
    days, at = np.unique(newest.fill_null(as_of).to_physical().to_numpy(), return_inverse=True)
    behind = np.zeros(len(days), np.int64)
    late = days < day_number(as_of)
    if late.any():
        sessions = calendar.sessions(max(date_of(int(days[0])), calendar.EARLIEST), as_of)
        passed = len(sessions) - np.searchsorted(sessions, days, side="right")
        # A bar of a day that the calendar does not know is behind all the same.
        behind[late] = np.maximum(passed, 1)[late]
    return pl.Series(behind[at]).set(newest.is_null(), None)
