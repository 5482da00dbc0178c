"""What was known, on each day, of the companies that had a ticker one after the other.

A scan reads the bars of a ticker's newest life, as it is told on its day (`market.lives`). That another company took
it is seen with its first bar, or told by a later listing; until then a scan takes both for one. So a symbol has
lives, and spells: the stretches of days on which one thing was known of them. Most symbols have one of each.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from tapescan.market.lives import BREAK, begun_anew, lives_of

__all__ = ["ALWAYS", "NEVER", "SPELLS", "Lived", "apart", "owner_of", "spells_of"]

#: From all days on, and before no day: as days since 1970-01-01.
ALWAYS, NEVER = 0, int(np.iinfo(np.int32).max)

#: Between a symbol and what tells its pieces apart: no symbol has it.
_MARK = "\x01"

#: since, until : the first day of a spell or life, and the first after it. begin : the first session whose bar is
#: read in it, ended : the newest one of the company before; ALWAYS for none.
SPELLS: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    **dict.fromkeys(("since", "until", "begin", "ended"), pl.Int64()),
}


@dataclass(frozen=True)
class Lived:
    """Of the symbols among some that another company had before: spells, lives : SPELLS, by symbol and day, the last
    ones without an end. A life begins with its first bar."""

    spells: pl.DataFrame
    lives: pl.DataFrame


def spells_of(bars: pl.DataFrame, splits: pl.DataFrame, companies: pl.DataFrame) -> Lived:
    """The lives and spells of the symbols that have several.

    bars : as stored, of some symbols, sorted by symbol and session. splits : symbol, ex_date, ratio. companies : as
    `market.lives.changed_companies` gives them.
    """
    turning = _turning(bars, splits, companies)
    if turning.is_empty():
        return Lived(pl.DataFrame(schema=SPELLS), pl.DataFrame(schema=SPELLS))
    mine = bars.filter(pl.col("symbol").is_in(turning["symbol"].unique().implode()))
    # Up to each such day bars are looked at as if they were a symbol of their own, with what was known then.
    days = turning.with_row_index("piece")
    first = days.select("symbol", "piece", since=pl.lit(ALWAYS, pl.Int64), until=_number("day") + 1)
    pieces = apart(mine, first, "since")
    found = begun_anew(
        pieces,
        apart(splits, first, "since", "ex_date"),
        cast("dt.date", days["day"].max()),
        apart(companies, first, "since", "until"),
    )
    begun = found.select(_number("begin"), _number("ended"), piece=owner_of(found["symbol"]))
    told = days.join(begun, on="piece", how="left", maintain_order="left")
    spells = told.select("symbol", _number("day").alias("since"), pl.col("begin", "ended").fill_null(ALWAYS))
    names = turning.select(pl.col("symbol").unique())
    none = names.with_columns(pl.lit(ALWAYS, pl.Int64).alias(name) for name in ("since", "begin", "ended"))
    spells = pl.concat([none, spells]).sort("symbol", "since")
    symbol, begin = pl.col("symbol"), pl.col("begin")
    same = (symbol == symbol.shift()) & (begin == begin.shift())
    spells = _until(spells.filter(~same.fill_null(value=False)))
    several = spells.filter(pl.len().over("symbol") > 1)
    return Lived(several, _lives(mine, splits, companies, several))


def apart(rows: pl.DataFrame, pieces: pl.DataFrame, since: str, day: str = "session") -> pl.DataFrame:
    """Rows of pieces of symbols, each as if it were a symbol of its own, sorted by it and the day.

    pieces : symbol, piece (its number), until, and its first day (the column `since`). day : that of the rows.
    """
    named = pieces.select(
        "symbol", pl.col(since).alias("first day"), pl.col("until").alias("end"), name=_named("symbol", "piece")
    )
    found = rows.join(named, on="symbol").filter(_number(day) >= pl.col("first day"), _number(day) < pl.col("end"))
    return found.with_columns(symbol="name").select(rows.columns).sort("symbol", day)


def owner_of(names: pl.Series) -> pl.Series:
    """The piece that each of the names of `apart` is of."""
    return names.str.split(_MARK).list.get(1).cast(pl.UInt32)


def _named(symbol: str, piece: str) -> pl.Expr:
    return pl.col(symbol) + _MARK + pl.col(piece).cast(pl.String)


def _number(day: str) -> pl.Expr:
    return pl.col(day).to_physical().cast(pl.Int64)


def _until(rows: pl.DataFrame) -> pl.DataFrame:
    """With the day on which the next one of the symbol begins."""
    until = pl.col("since").shift(-1).over("symbol").fill_null(NEVER)
    return rows.with_columns(until=until).select(pl.col(name).cast(kind) for name, kind in SPELLS.items())


def _turning(bars: pl.DataFrame, splits: pl.DataFrame, companies: pl.DataFrame) -> pl.DataFrame:
    """symbol, day: the days with which what is known of a symbol's lives may become another."""
    day, symbol = bars["session"].to_physical().to_numpy(), bars["symbol"]
    same = (symbol == symbol.shift()).fill_null(value=False).to_numpy()
    after = bars.filter(pl.Series(same & (np.diff(day, prepend=day[:1]) > BREAK))).select("symbol", day="session")
    told = companies.filter(pl.col("symbol").is_in(symbol.unique().implode())).select("symbol", "until")
    # The first bar after the listing said so may be the new company's first.
    further = told.join(bars.select("symbol", "session"), on="symbol").filter(pl.col("session") > pl.col("until"))
    further = further.group_by("symbol", "until").agg(day=pl.col("session").min())
    days = pl.concat([after, told.select("symbol", day="until"), further.select("symbol", "day")])
    split = splits.join(days, on="symbol", how="semi").select("symbol", day="ex_date")
    return pl.concat([days, split]).unique().sort("symbol", "day")


def _lives(bars: pl.DataFrame, splits: pl.DataFrame, companies: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """The lives of the symbols of some spells, as all bars tell them."""
    mine = bars.filter(pl.col("symbol").is_in(spells["symbol"].unique().implode()))
    if mine.is_empty():
        return pl.DataFrame(schema=SPELLS)
    found = lives_of(mine, splits, cast("dt.date", mine["session"].max()), companies)
    found = found.sort("symbol", "begin").unique(["symbol", "begin"], keep="last", maintain_order=True)
    names = found.select(pl.col("symbol").unique())
    none = names.with_columns(pl.lit(ALWAYS, pl.Int64).alias(name) for name in ("since", "begin", "ended"))
    later = found.select("symbol", _number("begin").alias("since"), _number("begin"), _number("ended"))
    return _until(pl.concat([none, later]).sort("symbol", "since"))
