"""Of everybody who has a bar: the newest one's day, and how many there are, brought forward with what came."""

from __future__ import annotations

import polars as pl

from tapescan.history.stored import Held
from tapescan.store import KnownStore
from tapescan.store.forming import once

__all__ = ["counted", "dated_again"]


def dated_again(
    held: Held, known: KnownStore, stepping: pl.DataFrame, redone: pl.DataFrame, again: set[str], lives: pl.DataFrame
) -> pl.DataFrame:
    """`Held.dated` of now. redone, lives : of the symbols of `again`."""
    # With as many bars in all of them the others have those of the moment before: none is taken back in a session.
    given = (stepping.select("symbol", "session"), sorted(again), len(redone), lives)
    return once(known, "dated", given, lambda: _anew(held, known, stepping, redone, again, lives))


def _anew(
    held: Held, known: KnownStore, stepping: pl.DataFrame, redone: pl.DataFrame, again: set[str], lives: pl.DataFrame
) -> pl.DataFrame:
    if stepping["session"].n_unique() == 1:
        found = _stepped(held.dated, stepping)
    else:
        more = counted(stepping).select("symbol", last="newest", more="bars")
        found = held.dated.join(more, on="symbol", how="left", maintain_order="left").select(
            "symbol", newest=pl.coalesce("last", "newest"), bars=pl.col("bars") + pl.col("more").fill_null(0)
        )
    if not again:
        return found
    # Those of earlier lives count, too.
    whole = redone.lazy() if held.span is None and lives.is_empty() else known.scan("bars", sorted(again))
    read = counted(whole.select("symbol", "session").collect())
    kept = found.filter(~pl.col("symbol").is_in(list(again)))
    return pl.concat([kept, read.select(kept.columns)]).sort("symbol")


def _stepped(dated: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """`Held.dated` with a bar more of each of some symbols, all of one session."""
    mine = pl.col("symbol").is_in(bars["symbol"].implode())
    newest = pl.when(mine).then(pl.lit(bars["session"][0])).otherwise("newest")
    return dated.with_columns(newest=newest, bars=pl.col("bars") + mine.cast(pl.Int64))


def counted(bars: pl.DataFrame) -> pl.DataFrame:
    """symbol, newest, bars (how many) of each symbol among some bars."""
    day, many = pl.col("session"), pl.len().cast(pl.Int64)
    if bars["session"].n_unique() == 1:
        return bars.select("symbol", newest=day, bars=pl.lit(1, pl.Int64))
    return bars.group_by("symbol").agg(newest=day.max(), bars=many)
