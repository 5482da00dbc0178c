"""The bars after each pick, in the share basis of its day: what its trade is run on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.typing import Bools, Days, Floats, Ints
from tapescan.replay.lanes import Lanes
from tapescan.replay.past import Past
from tapescan.replay.spells import ALWAYS, NEVER
from tapescan.replay.trades import Ahead

__all__ = ["bars_ahead", "owned"]

#: A symbol without a bar in so many of the newest sessions has stopped trading for good.
GONE = 10


def bars_ahead(
    past: Past,
    place: Ints,
    session: Days,
    close: Floats,
    columns: int,
    dividends: pl.DataFrame | None,
    splits: pl.DataFrame,
) -> Ahead:
    """place, session, close : of each pick its symbol, its day and the close that it was picked at. columns :
    sessions to look ahead. dividends, splits : of its source."""
    number = np.searchsorted(past.sessions, session)
    settled = int(np.searchsorted(past.sessions, day_number(past.history.settled), side="right"))
    prices = {name: np.full((len(place), columns), np.nan) for name in ("open", "high", "low", "close", "volume")}
    factor, last = np.ones(len(place)), np.zeros(len(place), np.int64)
    former = np.zeros(len(place), dtype=bool)
    for one, lane, mine in owned(past, place, session):
        if len(mine):
            row, there = _rows(one, lane, number[mine], columns)
            for name, values in prices.items():
                values[mine] = np.where(
                    there, getattr(one, name)[np.minimum(row, one.rows - 1), lane[:, None]], np.nan
                )
            own = one.before(number[mine] + 1)[np.arange(len(mine)), lane] - 1
            factor[mine] = close[mine] / one.close[own, lane]
            newest = one.sessions[one.until[lane] - 1, lane]
            last[mine] = np.searchsorted(past.sessions, newest)
            former[mine] = any(one is other for other in past.laid.lives)
    # A close that was split since is a multiple of what it is now; of others the quotient is 1 to the last bit.
    prices = {
        name: values * (1.0 / factor if name == "volume" else factor)[:, None] for name, values in prices.items()
    }
    known = np.clip(settled - 1 - number, 0, columns)
    over = np.arange(columns) >= known[:, None]
    for values in prices.values():
        values[over] = np.nan
    # Of what another company's bars follow, none will come either.
    gone = np.where((last < settled - GONE) | former, np.clip(last - number, 0, columns), columns)
    paid = np.zeros((len(place), columns))
    if dividends is not None and len(dividends):
        _pay(paid, past, place, session, factor, dividends, splits)
        paid[former[:, None] & (np.arange(columns) >= gone[:, None])] = 0.0
    return Ahead(**prices, paid=paid, gone=gone, known=known)


def owned(past: Past, place: Ints, session: Days) -> Iterator[tuple[Lanes, Ints, Ints]]:
    """Lanes with which of theirs some picks have, and which picks these are: each that of the company of its day."""
    rest = np.ones(len(place), dtype=bool)
    for one in past.laid.ahead:
        for lane, (own, (since, until)) in enumerate(zip(one.place, one.within, strict=True)):
            mine = np.flatnonzero((place == own) & (session >= since) & (session < until))
            rest[mine] = False
            yield one, np.full(len(mine), lane), mine
    for one in past.laid.newest:
        mine = np.flatnonzero(rest & (place >= one.place[0]) & (place <= one.place[-1]))
        yield one, place[mine] - one.place[0], mine


def _rows(lanes: Lanes, lane: Ints, number: Ints, columns: int) -> tuple[Ints, Bools]:
    """The row of each of the sessions after a number in a lane, ``(picks, columns)``, and whether it has one."""
    ahead = np.minimum(number[:, None] + 1 + np.arange(columns + 1), _numbers(lanes))
    if lanes.alike:
        row = np.clip(ahead - lanes.begin, 0, lanes.rows)
    else:
        row = lanes.earlier[ahead, lane[:, None]].astype(np.int64)
    own = row[:, :-1]
    there: Bools = (row[:, 1:] > own) & (own >= lanes.first[lane][:, None]) & (own < lanes.until[lane][:, None])
    return own, there


def _numbers(lanes: Lanes) -> int:
    """One more than the last session's number that rows can be told of."""
    return lanes.begin + lanes.rows if lanes.alike else len(lanes.earlier) - 1


def _pay(
    paid: Floats,
    past: Past,
    place: Ints,
    session: Days,
    factor: Floats,
    dividends: pl.DataFrame,
    splits: pl.DataFrame,
) -> None:
    """Put dividends where they fall."""
    end: dt.date = past.history.end
    rows = dividends.join(_named(past), on="symbol").with_row_index("row")
    # In the share basis of the end, as the lanes' prices are.
    since = (
        rows.join(splits.select("symbol", "ratio", split="ex_date"), on="symbol")
        .filter(pl.col("split") > pl.col("adjusted_to"), pl.col("split") <= end)
        .group_by("row")
        .agg(ratio=pl.col("ratio").product())
    )
    rows = rows.join(since, on="row", how="left", maintain_order="left")
    rows = rows.with_columns(amount=pl.col("amount") / pl.col("ratio").fill_null(1.0))
    ex = np.searchsorted(past.sessions, rows["ex_date"].to_physical().to_numpy())
    known = rows.select("place", "since", "until", "amount", ex=pl.Series(ex))
    number = np.searchsorted(past.sessions, session)
    picks = pl.DataFrame({"place": place, "session": session, "number": number, "pick": np.arange(len(place))})
    met = picks.join(known, on="place").with_columns(column=pl.col("ex") - pl.col("number") - 1)
    # Of the company that is called so on the day of the pick.
    met = met.filter(pl.col("session") >= pl.col("since"), pl.col("session") < pl.col("until"))
    met = met.filter(pl.col("column") >= 0, pl.col("column") < paid.shape[1], pl.col("ex") < len(past.sessions))
    at, column = met["pick"].to_numpy(), met["column"].to_numpy()
    np.add.at(paid, (at, column), met["amount"].to_numpy() * factor[at])


def _named(past: Past) -> pl.DataFrame:
    """symbol, place, since, until: on which days what `Source.dividends` calls so is the symbol of a place."""
    places = pl.DataFrame({"name": past.symbols, "place": np.arange(len(past.symbols))})
    names = past.history.names
    pieces = names.pieces.join(places, on="name").select("place", "since", "until", symbol="piece")
    always = (pl.lit(day, pl.Int64).alias(name) for name, day in (("since", ALWAYS), ("until", NEVER)))
    others = names.others(places.rename({"name": "symbol"})).with_columns(*always)
    return pl.concat([others, pieces.select(others.columns)])
