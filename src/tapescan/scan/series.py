"""One symbol of a market through time: its bars, and columns made of bars as scans of their sessions give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from tapescan.columns.registry import sources_of, with_needs
from tapescan.core.errors import OptionError, nearest
from tapescan.core.typing import Floats
from tapescan.features.compute import replay
from tapescan.features.plan import plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import Market
from tapescan.market.panel import COLUMNS, Block, Panel, places_of

__all__ = ["PRICES", "series_of"]

PRICES = ("open", "high", "low", "close", "volume")


def series_of(market: Market, symbol: str, columns: Sequence[str] = (), sessions: int = 250) -> pl.DataFrame:
    """The newest bars of a symbol, oldest first, in the shares of the market's newest session.

    columns : made of bars, by name. sessions : how many bars at most.
    Returns session, the prices and the columns, null where unknown; the last row's are those of a scan.
    Raises OptionError for a symbol that the market has no bars of, and for a column that is made of something else.
    """
    wanted = tuple(dict.fromkeys(name for name in columns if name not in PRICES))
    for name in wanted:
        if sources_of(name) != {"bars"}:
            hint = "columns of bars have a value on every session: `tapescan columns --source bars`"
            raise OptionError(f"{name} is not made of bars", hint, field="columns")
    if sessions < 1:
        raise OptionError(f"{sessions}", "give 1 or more", field="sessions")
    panel = market.panel
    place = places_of(panel.symbols).get(symbol)
    if place is None:
        raise OptionError(f"no bars of {symbol!r} in this market", nearest(symbol, panel.symbols), field="symbol")
    block = _alone(panel, place)
    start = max(int(block.first[0]), block.rows - sessions)
    known: dict[str, Floats] = {name: getattr(block, name)[start:, 0] for name in PRICES}
    known |= _values(replace(panel, blocks=(block,), symbols=(symbol,)), wanted, start, known)
    session = pl.Series("session", block.session[start:, 0].astype(np.int32)).cast(pl.Date)
    frame = pl.DataFrame({"session": session, **{name: known[name] for name in (*PRICES, *wanted)}})
    return frame.with_columns(pl.col(*PRICES, *wanted).fill_nan(None))


def _values(panel: Panel, wanted: Sequence[str], start: int, known: dict[str, Floats]) -> dict[str, Floats]:
    """Of each column, ``(sessions,)``."""
    needed = with_needs(wanted)
    features = [name for name, column in needed.items() if column.value is None and name not in PRICES]
    found: dict[str, Floats] = dict(known)
    if features:
        plan = plan_features(features)
        warm_up(plan, replayed=True)
        ((_, values),) = replay(panel, plan, start)
        found |= {name: values[at, :, 0] for at, name in enumerate(plan.names)}
    with np.errstate(all="ignore"):  # unknown values, and divisions by nothing
        for name, column in needed.items():
            if column.value is not None:
                made = np.asarray(column.value(found), np.float64)
                found[name] = np.where(np.isfinite(made), made, np.nan)
    return {name: found[name] for name in wanted}


def _alone(panel: Panel, place: int) -> Block:
    """A block of one lane, copied."""
    block = next(one for one in reversed(panel.blocks) if one.offset <= place)
    lane = place - block.offset
    own = {name: np.ascontiguousarray(getattr(block, name)[:, lane : lane + 1]) for name in COLUMNS}
    return replace(block, **own, first=block.first[lane : lane + 1].copy(), offset=0, room=None)
