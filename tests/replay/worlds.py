"""Stores with all that may happen to a market, and the comparison of a replay's sessions with scans of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import tapescan
from tapescan.core.dates import date_of
from tapescan.replay.past import past_of
from tapescan.replay.source import source_of
from tapescan.replay.walk import Walk
from tapescan.scan.named import chosen_screens
from tapescan.scan.pipeline import rank
from tapescan.scan.profile import Profile
from tapescan.scan.request import Request, prepare, shown_columns
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import Store

#: Every row that was ranked.
ALL = 100_000

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class World:
    """Frames of a store. days : its sessions. whole : symbols that trade on all of them and are common shares."""

    bars: pl.DataFrame
    splits: pl.DataFrame
    dividends: pl.DataFrame
    listing: pl.DataFrame
    days: tuple[dt.date, ...]
    whole: tuple[str, ...]

    def stored(self, folder: Path, *others: pl.DataFrame, listing: bool = True, **more: Any) -> Store:
        store = Store(folder)
        frames = [self.bars, self.splits, self.dividends, *([self.listing] if listing else []), *others]
        tapescan.import_bars(*(one for one in frames if len(one)), store=store, **more)
        return store

    def until(self, day: dt.date) -> World:
        """Nothing of a later day in it."""
        return replace(
            self,
            bars=self.bars.filter(pl.col("session") <= day),
            splits=self.splits.filter(pl.col("ex_date") <= day),
            dividends=self.dividends.filter(pl.col("ex_date") <= day),
            days=tuple(one for one in self.days if one <= day),
        )

    def with_spy(self) -> World:
        """A share that trades on every session is the one that stands for the market, also before its time."""
        spy = self.bars.filter(symbol=self.whole[-1]).with_columns(symbol=pl.lit("SPY"), volume=pl.lit(1e7))
        mine = self.splits["symbol"] == self.whole[-1]
        splits = self.splits.filter(mine).with_columns(symbol=pl.lit("SPY"))
        return replace(self, bars=pl.concat([self.bars, spy]), splits=pl.concat([self.splits, splits]))

    def with_faults(self, seed: int, many: int = 40) -> World:
        """Bars that are possible by themselves and not beside their neighbours."""
        rng = np.random.default_rng(seed)
        bars, splits = self.bars, self.splits
        for number in range(many):
            symbol = str(rng.choice(self.whole))
            at = int(rng.integers(30, len(self.days) - 1))
            mine = pl.col("symbol") == symbol
            here, prices = mine & (pl.col("session") == self.days[at]), {}
            if number % 5 == 0:
                prices = {"high": pl.col("high") * 8.0}
            elif number % 5 == 1:
                prices = {"close": pl.col("close") * 10.0, "high": pl.col("close") * 10.0}
            elif number % 5 == 2:
                prices = {"volume": pl.col("volume") * 3000.0 + 1e7}
            elif number % 5 == 3:  # a split whose day was adjusted already
                splits = pl.concat([splits, self._split(symbol, self.days[at], 3.0)])
                before = mine & (pl.col("session") < self.days[max(at - 1, 0)])
                bars = bars.with_columns(pl.when(before).then(pl.col(one) * 3.0).otherwise(one) for one in _PRICES)
            else:  # a feed that stands still
                last = self.days[min(at + int(rng.integers(14, 25)), len(self.days) - 1)]
                one = bars.filter(here)
                if len(one):
                    here = mine & pl.col("session").is_between(self.days[at], last)
                    prices = {name: pl.lit(one[name][0]) for name in (*_PRICES, "volume")}
            bars = bars.with_columns(
                pl.when(here).then(one).otherwise(name).alias(name) for name, one in prices.items()
            )
            bars = bars.with_columns(high=pl.max_horizontal("high", "open", "close"))
        return replace(
            self, bars=bars, splits=splits.unique(["symbol", "ex_date"], keep="first").sort("symbol", "ex_date")
        )

    def with_splits(self, seed: int, many: int = 12) -> World:
        """More splits, of symbols that had one already, too: with them prices are quoted anew."""
        rng = np.random.default_rng(seed)
        bars, splits = self.bars, self.splits
        for _ in range(many):
            symbol, ratio = str(rng.choice(self.whole[:8])), float(rng.choice([3.0, 7.0, 0.1, 1.5]))
            day = self.days[int(rng.integers(10, len(self.days)))]
            if len(splits.filter(symbol=symbol, ex_date=day)):
                continue
            splits = pl.concat([splits, self._split(symbol, day, ratio)])
            since = (pl.col("symbol") == symbol) & (pl.col("session") >= day)
            bars = bars.with_columns(
                *(pl.when(since).then(pl.col(one) / ratio).otherwise(one).alias(one) for one in _PRICES),
                volume=pl.when(since).then(pl.col("volume") * ratio).otherwise("volume"),
            )
        return replace(self, bars=bars, splits=splits.sort("symbol", "ex_date"))

    def with_taken_tickers(self, seed: int, apart: int = 90) -> World:
        """Tickers that another company took: after a break, at another price; some twice, some with splits. And one
        that resumed where it stopped."""
        rng = np.random.default_rng(seed)
        bars = self.bars
        for number, symbol in enumerate(self.whole[14:22]):
            for _ in range(1 + number % 2):
                at = int(rng.integers(20, len(self.days) - apart))
                mine, back = pl.col("symbol") == symbol, self.days[min(at + apart - 20, len(self.days) - 2)]
                gone = mine & pl.col("session").is_between(self.days[at], back, closed="left")
                factor = 1.2 if number == 0 else float(rng.choice([0.2, 4.0]))
                prices = [
                    pl.when(mine & (pl.col("session") >= back)).then(pl.col(one) * factor).otherwise(one).alias(one)
                    for one in _PRICES
                ]
                bars = bars.filter(~gone).with_columns(prices)
        return replace(self, bars=bars)

    def with_listings(self, seed: int) -> World:
        """Versions of the listing: sectors that change, companies that change (some jump, some go on), delistings."""
        rng = np.random.default_rng(seed)
        oldest = self.listing.with_columns(as_of=pl.lit(self.days[0]), identifier=pl.lit(None, pl.String))
        some = self.listing.filter(pl.col("symbol").is_in(self.whole))
        versions, bars = [oldest], self.bars
        for number in range(5):
            at = int(rng.integers(30, len(self.days) - 5))
            mine = some.sample(12, seed=seed + number)
            sector = str(rng.choice(["Energy", "Materials", "Utilities"]))
            versions.append(
                mine.with_columns(
                    sector=pl.lit(sector), as_of=pl.lit(self.days[at]), identifier=pl.lit(None, pl.String)
                )
            )
        for number, symbol in enumerate(self.whole[22:28]):
            at = int(rng.integers(60, len(self.days) - 40))
            mine = self.listing.filter(symbol=symbol)
            for day, name in ((at - 40, "0000000001"), (at + int(rng.integers(-3, 15)), "0000000002")):
                versions.append(mine.with_columns(as_of=pl.lit(self.days[day]), identifier=pl.lit(name)))
            if number % 3:  # it jumps on its first day, or pauses before
                since = (pl.col("symbol") == symbol) & (pl.col("session") >= self.days[at])
                bars = bars.with_columns(
                    pl.when(since).then(pl.col(one) * 3.0).otherwise(one).alias(one) for one in _PRICES
                )
            if number % 3 == 2:
                gone = (pl.col("symbol") == symbol) & pl.col("session").is_between(
                    self.days[at - 8], self.days[at], closed="left"
                )
                bars = bars.filter(~gone)
        found = pl.concat([one.select(oldest.columns) for one in versions])
        found = found.unique(["symbol", "as_of"], keep="last", maintain_order=True)
        ends = {symbol: self.days[int(rng.integers(60, len(self.days)))] for symbol in self.whole[28:32]}
        delisted = pl.col("symbol").replace_strict(ends, default=None, return_dtype=pl.Date)
        return replace(self, bars=bars, listing=found.with_columns(delisted=delisted))

    def with_renames(self) -> tuple[World, pl.DataFrame]:
        """And the renames: one after the other (one company twice, one whose ticker another then took, one that was
        given whole under its new symbol), on one day where two swap tickers, and one that takes the ticker of a
        company which has none from then on."""
        a, b, c, d, e, f, g, h = self.whole[33:41]
        at = [self.days[len(self.days) - back] for back in (200, 170, 140, 120, 100, 90, 80)]
        told = [
            ("NEWA", at[0], a),
            ("NEWB", at[1], "NEWA"),
            ("NEWC", at[2], b),
            (b, at[3], c),  # its ticker is another's now
            ("NEWD", at[4], d),
            (f, at[5], e),
            (e, at[5], f),
            (g, at[6], h),
        ]
        renames = pl.DataFrame(told, schema=["symbol", "ex_date", "former"], orient="row")

        def under(rows: pl.DataFrame, day: str) -> pl.DataFrame:
            name, now = pl.col("symbol"), pl.col(day)
            return rows.filter((name != g) | (now < at[6])).with_columns(
                pl.when(name == a, now >= at[1]).then(pl.lit("NEWB"))
                .when(name == a, now >= at[0]).then(pl.lit("NEWA"))
                .when(name == b, now >= at[2]).then(pl.lit("NEWC"))
                .when(name == c, now >= at[3]).then(pl.lit(b))
                .when(name == d).then(pl.lit("NEWD"))
                .when(name == e, now >= at[5]).then(pl.lit(f))
                .when(name == f, now >= at[5]).then(pl.lit(e))
                .when(name == h, now >= at[6]).then(pl.lit(g))
                .otherwise("symbol").alias("symbol")
            )  # fmt: skip

        paid, split = under(self.dividends, "ex_date"), under(self.splits, "ex_date")
        return replace(self, bars=under(self.bars, "session"), splits=split, dividends=paid), renames

    def _split(self, symbol: str, day: dt.date, ratio: float) -> pl.DataFrame:
        return pl.DataFrame({"symbol": [symbol], "ex_date": [day], "ratio": [ratio]})

    def with_holes(self, seed: int, share: float = 0.01) -> World:
        """Bars that are not there, and some weeks that are not."""
        rng = np.random.default_rng(seed)
        missed = pl.Series(rng.random(len(self.bars)) < share) & (self.bars["symbol"] != "SPY")
        bars = self.bars.filter(~missed)
        for symbol in self.whole[8:14]:
            at = int(rng.integers(20, len(self.days) - 20))
            gone = pl.col("session").is_between(self.days[at], self.days[at + int(rng.integers(3, 15))])
            bars = bars.filter(~((pl.col("symbol") == symbol) & gone))
        return replace(self, bars=bars)


@cache
def drawn(symbols: int, sessions: int, seed: int) -> SimulatedMarket:
    return simulate(symbols=symbols, sessions=sessions, seed=seed, dirty=False)


def world(symbols: int = 120, sessions: int = 420, seed: int = 3) -> World:
    market = drawn(symbols, sessions, seed)
    days = market.bars["session"].unique().sort().to_list()
    common = market.listing.filter(type="common")["symbol"]
    count = market.bars.group_by("symbol").len().filter(pl.col("len") == len(days))
    whole = count.filter(pl.col("symbol").is_in(common.implode()))["symbol"].sort().to_list()
    return World(market.bars, market.splits, market.dividends, market.listing, tuple(days), tuple(whole))


def eventful(seed: int, sessions: int = 420, symbols: int = 110) -> World:
    """Splits in numbers, faults of all kinds, holes."""
    return world(symbols, sessions, seed).with_splits(seed).with_faults(seed + 1).with_holes(seed + 2)


def request_of(
    *,
    profile: str | Profile | None = None,
    screens: Sequence[str] = (),
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] | str = (),
) -> Request:
    """As `scan_market` makes it."""
    named, ranked_by, _ = chosen_screens(screens, profile)
    return prepare(ranked_by, where=where, rank_by=rank_by, features=shown_columns(features), screens=named)


def walk_of(data: Any, end: dt.date | None = None, **asked: Any) -> Walk:
    source = source_of(data, end)
    return Walk(source, past_of(source.history), request_of(**asked), (1, 5, 10))


def sessions_of(walk: Walk, count: int, seed: int) -> list[int]:
    """So many days at random and a few more: the first, the last, some in a row, and those around which it became
    known that another company has a ticker."""
    rng, every = np.random.default_rng(seed), walk.past.sessions
    at = int(rng.integers(len(every) - 4))
    turning = np.searchsorted(every, walk.past.spells.filter(pl.col("since") > 0)["since"].to_numpy())
    around = rng.permutation(np.clip((turning[:, None] + [-1, 0]).ravel(), 0, len(every) - 1))[:count]
    chosen = [0, *rng.integers(len(every), size=count), *range(at, at + 3), *around, len(every) - 1]
    return [int(day) for day in every[np.unique(chosen)]]


def holds(data: Any, walk: Walk, days: Sequence[int], **asked: Any) -> list[ScanResult]:
    """Each session's ranked rows are those of a scan as of it, in all columns."""
    found = []
    for seen in walk.sections(np.array(days, dtype=np.int32)):
        ours = rank(seen.section, walk.request)
        theirs = tapescan.scan_market(data, as_of=seen.section.as_of, models=False, **asked)
        same(ours, theirs)
        found.append(theirs)
    assert [one.as_of for one in found] == [date_of(day) for day in days]
    return found


def same(ours: ScanResult, theirs: ScanResult) -> None:
    assert ours.as_of == theirs.as_of
    one, other = ours.best(ALL), theirs.best(ALL)
    day = f"{ours.as_of}, {ours.provenance['market_index']}"
    assert one.schema == other.schema, day
    assert one["symbol"].to_list() == other["symbol"].to_list(), (day, apart(ours, theirs))
    differing = [name for name in one.columns if not one[name].equals(other[name], null_equal=True)]
    assert not differing, (day, {name: _examples(one, other, name) for name in differing[:4]})
    assert repr(ours.regime) == repr(theirs.regime), day  # NaN is NaN
    for name in ("market_index", "weights", "risk_scale"):
        assert ours.provenance[name] == theirs.provenance[name], (day, name)


def apart(ours: ScanResult, theirs: ScanResult) -> list[tuple[Any, ...]]:
    """Symbols with another reason for being dropped."""
    pair = [one.frame.select("symbol", "dropped") for one in (ours, theirs)]
    both = pair[0].join(pair[1], on="symbol", how="full", coalesce=True)
    return both.filter(~pl.col("dropped").eq_missing(pl.col("dropped_right"))).rows()[:8]


def _examples(one: pl.DataFrame, other: pl.DataFrame, name: str) -> Any:
    at = (~one[name].eq_missing(other[name])).arg_true()
    return [(one["symbol"][i], one[name][i], other[name][i]) for i in at[:3]] + [len(at)]
