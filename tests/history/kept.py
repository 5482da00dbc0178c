"""A store, the market that is kept of it, and the comparison with one that is read anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.features import carried
from tapescan.history import resident
from tapescan.history.stored import market_of_store
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.conftest import random_bars

#: Sessions of the world's bars, and how many of them are stored at first.
SESSIONS, STORED = 480, 300
SYMBOLS = 30


def walks(symbols: int = SYMBOLS, sessions: int = SESSIONS, seed: int = 5) -> pl.DataFrame:
    return random_bars(symbols=symbols, sessions=sessions, seed=seed).sort("symbol", "session")


WHOLE = walks()
DAYS: list[dt.date] = WHOLE["session"].unique().sort().to_list()
LONG = pl.col("symbol") == "S001"


def upto(bars: pl.DataFrame, at: int) -> pl.DataFrame:
    return bars.filter(pl.col("session") <= DAYS[at])


def of_day(bars: pl.DataFrame, at: int) -> pl.DataFrame:
    return bars.filter(pl.col("session") == DAYS[at])


def put(store: Store, *frames: pl.DataFrame) -> None:
    tapescan.import_bars(*frames, store=store)


def split(symbol: str, day: dt.date, ratio: float = 2.0) -> pl.DataFrame:
    return pl.DataFrame({"symbol": [symbol], "ex_date": [day], "ratio": [ratio]})


def spy_of(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.filter(LONG).with_columns(symbol=pl.lit("SPY"), volume=pl.lit(1e7))


def listing(symbols: Sequence[str], sector: str = "Energy", **more: Any) -> pl.DataFrame:
    return pl.DataFrame({"symbol": symbols, "name": [f"{one} Inc" for one in symbols], "sector": sector, **more})


def whole(result: ScanResult) -> dict[str, Any]:
    document = result.to_dict()
    document.pop("timings")
    return document


#: What is asked at every step: two profiles, whose plans are carried, and looks back and at weeks, which are not.
SCANS: list[dict[str, Any]] = [
    {},
    {"profile": "short_swing", "features": ["rsi_5", "beta_100"]},
    {"where": "rsi_14[1] < 60 AND within(5, close > sma_20) AND weekly.close > weekly.sma_2"},
]
CARRIED = SCANS[:2]


class Kept:
    """A store and the market that is kept of it; `holds` compares it with one that is read anew."""

    def __init__(self, path: Path, bars: pl.DataFrame, *others: pl.DataFrame, adjust: Any = None) -> None:
        self.adjust: Any = adjust
        self.store = Store(path)
        put(self.store, bars, *others)
        self.market = tapescan.load_market(self.store, adjust=adjust)
        self.scan()

    def scan(self, scans: Sequence[dict[str, Any]] = SCANS) -> list[ScanResult]:
        return [tapescan.scan_market(self.market, models=False, **asked) for asked in scans]

    def holds(self, scans: Sequence[dict[str, Any]] = SCANS) -> list[ScanResult]:
        before = self.market
        self.market = before.refresh()
        found = self.scan(scans)
        for asked, ours in zip(scans, found, strict=True):
            theirs = tapescan.scan_market(self.store, models=False, adjust=self.adjust, **asked)
            assert ours.frame.schema == theirs.frame.schema
            assert ours.frame.equals(theirs.frame, null_equal=True), differing(ours, theirs)
            assert whole(ours) == whole(theirs)
            assert ours.section.suspects.equals(theirs.section.suspects, null_equal=True)
            assert ours.regime == theirs.regime
        assert self.market.refresh() is self.market
        return found


def differing(ours: ScanResult, theirs: ScanResult) -> list[str]:
    one, other = (found.frame.sort("symbol") for found in (ours, theirs))
    return [name for name in one.columns if not one[name].equals(other[name], null_equal=True)]


class Reads:
    """How often everything is read, and which symbols' histories and lanes are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.everything, self.bars, self.lanes = 0, list[str](), 0
        read_all, read_some, carry = market_of_store, resident._bars_of, carried.carried_on

        def all_of(*given: Any, **more: Any) -> Any:
            self.everything += 1
            return read_all(*given, **more)

        def some_of(known: Any, held: Any, symbols: list[str]) -> Any:
            self.bars += symbols
            return read_some(known, held, symbols)

        def carried_of(old: Any, growth: Any) -> Any:
            self.lanes += int(growth.redone.sum())
            return carry(old, growth)

        monkeypatch.setattr(resident, "market_of_store", all_of)
        monkeypatch.setattr(resident, "_bars_of", some_of)
        monkeypatch.setattr(carried, "carried_on", carried_of)


def plans_kept(kept: Kept) -> int:
    return len(carried.kept_of(kept.market.panel))
