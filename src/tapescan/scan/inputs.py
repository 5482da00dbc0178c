"""Where a scan's data comes from: a store, or the simulated market when there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tapescan.errors import OptionError
from tapescan.market import calendar
from tapescan.market.adjust import Adjustment, adjust_bars
from tapescan.market.panel import Market, Panel, build_panel
from tapescan.market.quality import check_bars
from tapescan.market.simulate import simulate
from tapescan.market.universe import build_universe
from tapescan.scan.pipeline import Inputs
from tapescan.store import Store

__all__ = ["MARKET_SYMBOL", "SIMULATED_SYMBOLS", "simulated_inputs", "store_inputs"]

EPOCH = dt.date(1970, 1, 1)

#: The symbol that stands for the market where the store has it.
MARKET_SYMBOL = "SPY"

#: It counts only if it reaches this far back, so that betas and six-month strengths can be had from it.
MARKET_SESSIONS = 127

SIMULATED_SYMBOLS = 6000
SIMULATED_SESSIONS = 400

#: A symbol that did not trade every day needs more sessions than bars: this many times as many are read.
GAPS = 1.5


def store_inputs(
    store: Store, as_of: dt.date | None = None, *, rows: int | None = None, adjust: Adjustment = "splits"
) -> Inputs:
    """The store's market as it was known at the close of `as_of` (its newest session when None).

    rows : bars of history that the features need; None reads all there are.
    A store without any bars gives the simulated market, and a note that says so. Raises OptionError when the
    store has no bar up to `as_of`.
    """
    if store.is_empty():
        simulated = simulated_inputs(as_of, rows=rows)
        return replace(simulated, notes=(f"{store.path} holds no bars yet, so:", *simulated.notes))
    versions = store.versions()
    # Pinned, so that an import that commits meanwhile cannot mix two states in one scan.
    store = store.at(versions)
    sessions = store.sessions(as_of)
    if sessions.is_empty():
        first = store.sessions()[0]
        raise OptionError(
            f"--as-of {as_of} lies before the first bar, which is of {first}", "choose that date or a later one"
        )
    newest: dt.date = sessions[-1]
    far_back = rows is not None and len(sessions) > int(rows * GAPS)
    since = sessions[-int(rows * GAPS)] if rows is not None and far_back else None
    bars = store.bars(newest, adjust=adjust, since=since)
    panel = build_panel(bars, rows=rows, market=_market(bars, newest))
    listing = store.symbols()
    refused = store.quarantine(newest)["symbol"].unique().to_list() if "quarantine" in versions else []
    notes = _calendar_notes(newest, as_of)
    provenance = {"store": versions, "adjust": adjust}
    return _inputs(panel, listing, refused, provenance, notes)


def simulated_inputs(
    as_of: dt.date | None = None,
    *,
    symbols: int = SIMULATED_SYMBOLS,
    sessions: int = SIMULATED_SESSIONS,
    rows: int | None = None,
) -> Inputs:
    """The embedded simulated market: the same for everybody, on any day."""
    market = simulate(symbols=symbols, sessions=sessions)
    bars = market.bars if as_of is None else market.bars.filter(pl.col("session") <= as_of)
    if bars.is_empty():
        first = market.bars["session"][0]
        raise OptionError(
            f"--as-of {as_of} lies before the simulated market's first bar, which is of {first}",
            "choose that date or a later one",
        )
    good, refused = check_bars(bars)
    newest: dt.date = good["session"].max()  # type: ignore[assignment]
    good = adjust_bars(
        good.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date)),
        market.splits,
        market.dividends.with_columns(adjusted_to="ex_date"),
        newest,
    )
    panel = build_panel(good, rows=rows)
    note = (
        f"this is a SIMULATED market: {symbols:,} invented companies, no real prices. "
        "Load a real one with `tapescan import FILES... --store DIR`, then `tapescan scan --store DIR`."
    )
    provenance = {"simulated": {"symbols": symbols, "sessions": sessions, "seed": market.seed}}
    return _inputs(panel, market.listing, refused["symbol"].unique().to_list(), provenance, (note,))


def _inputs(
    panel: Panel, listing: pl.DataFrame, refused: Sequence[str], provenance: Mapping[str, Any], notes: tuple[str, ...]
) -> Inputs:
    """Join the panel's symbols with the listing's, and say why those without a bar have none."""
    here = set(panel.symbols)
    listed = listing["symbol"].to_list() if not listing.is_empty() else []
    absent = sorted({*listed, *refused} - here)
    why = set(refused)
    universe = build_universe(listing, [*panel.symbols, *absent]).with_columns(
        absent=pl.Series(
            [None] * len(panel) + ["bars_refused" if symbol in why else "no_bars" for symbol in absent],
            dtype=pl.String,
        )
    )
    return Inputs(panel, universe, provenance, notes)


def _market(bars: pl.DataFrame, newest: dt.date) -> Market | None:
    index = bars.filter(pl.col("symbol") == MARKET_SYMBOL)
    if len(index) < MARKET_SESSIONS or index["session"][-1] != newest:
        return None
    return Market(
        MARKET_SYMBOL,
        index["session"].to_physical().to_numpy().astype(np.int32),
        index["close"].to_numpy().astype(np.float64),
    )


def _calendar_notes(newest: dt.date, as_of: dt.date | None) -> tuple[str, ...]:
    if as_of is None or as_of <= newest:
        return ()
    missing = calendar.session_count(newest, as_of) - 1
    if missing <= 0:
        return ()
    return (f"the store ends at {newest}: {missing} session{'s' if missing > 1 else ''} before {as_of} not in it",)
