"""Recorded splits that the prices do not show: told anew of those alone whose verdict further bars may change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import polars as pl

from tapescan.market.jumps import JUMPS, NEEDED, misfits
from tapescan.market.panel import Panel, places_of
from tapescan.market.panel_bars import bars_around

__all__ = ["Fitting", "fitting"]

#: A symbol's splits, each an ex-date as a number and a ratio; and the day from which on bars were looked at for them.
_Splits: TypeAlias = tuple[tuple[int, float], ...]
_Settled: TypeAlias = tuple[_Splits, int]


@dataclass(frozen=True)
class Fitting:
    """found : the splits that do not fit, as `market.jumps.JUMPS`. settled : by symbol, those whose bars have all come
    and that no suspect bar is among."""

    found: pl.DataFrame
    settled: Mapping[str, _Settled]

    def without(self, symbols: Collection[str]) -> Fitting:
        """What stays when the bars of some symbols are others."""
        return replace(self, settled={one: what for one, what in self.settled.items() if one not in symbols})


def fitting(
    panel: Panel, splits: pl.DataFrame, wrong: pl.DataFrame, since: int, before: Fitting | None = None
) -> Fitting:
    """Hold splits against a panel's bars.

    splits, wrong : as `market.jumps.misfits` takes them. since : a day, as a number, before which no bar is looked
    at. before : what was found of earlier bars, without symbols of which one changed.
    """
    splits = splits.sort("symbol", "ex_date", "ratio")
    days, places = splits["ex_date"].to_physical(), places_of(panel.symbols)
    now: dict[str, _Splits] = {}
    for symbol, day, ratio in zip(splits["symbol"], days, splits["ratio"], strict=True):
        now[symbol] = (*now.get(symbol, ()), (day, ratio))
    left_out = {*wrong["symbol"].to_list()}
    settled: dict[str, _Settled] = {}
    for symbol, what in (before.settled if before is not None else {}).items():
        if now.get(symbol) == what[0] and what[1] >= since and symbol not in left_out:
            settled[symbol] = what
    kept = pl.DataFrame(schema=JUMPS)
    if before is not None:
        kept = before.found.filter(pl.col("symbol").is_in(list(settled)))
    rest = [symbol in places and symbol not in settled for symbol in splits["symbol"]]
    if not any(rest):
        return Fitting(kept, settled)
    splits, days = splits.filter(rest), days.filter(pl.Series(rest))
    # Bars that are left out make no other one an end.
    more = int(wrong["symbol"].value_counts()["count"].max()) if len(wrong) else 0  # type: ignore[arg-type]
    bars = bars_around(
        panel,
        splits["symbol"].to_list(),
        days.to_numpy(),
        before=NEEDED[0] + more,
        after=NEEDED[1] + more,
        since=since,
    )
    found = misfits(bars, splits, wrong)
    latest = splits.group_by("symbol").agg(latest=pl.col("ex_date").last())
    seen = bars.select("symbol", "session").join(latest, on="symbol", maintain_order="left")
    after = (pl.col("session") >= pl.col("latest")).sum()
    seen = seen.group_by("symbol").agg(begin=pl.col("session").first().to_physical(), after=after)
    for symbol, begin in seen.filter(pl.col("after") >= NEEDED[1]).select("symbol", "begin").iter_rows():
        if symbol not in left_out:
            settled[symbol] = (now[symbol], begin)
    return Fitting(pl.concat([kept, found]), settled)
