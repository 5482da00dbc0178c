"""At every moment of a session that still runs a scan is that of a store which holds the session's bars of then."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tapescan.history import stored
from tapescan.history.forming import FormingMarket
from tapescan.market import forming
from tapescan.market.funds import funds_among
from tapescan.market.panel import Panel
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.history.kept import DAYS, SCANS, STORED, WHOLE, Kept, listing, of_day, put, split, upto, whole
from tests.history.test_resident_draws import World


def told(result: ScanResult) -> dict[str, Any]:
    """All but which commits the store has."""
    found = whole(result)
    del found["provenance"]["data"]
    return found


class Moments:
    """A session of a store, moment by moment."""

    def __init__(self, kept: Kept, folder: Path, seed: int) -> None:
        self.kept, self.folder, self.rng = kept, folder, np.random.default_rng(seed)
        self.forming = FormingMarket(kept.market)

    def drawn(self, day: pl.DataFrame, share: float) -> pl.DataFrame:
        """Some of a day's bars, as they may be by some moment."""
        some = day.filter(pl.Series(self.rng.random(len(day)) < share))
        close = some["close"].to_numpy() * self.rng.uniform(0.97, 1.03, len(some))
        return some.with_columns(
            close=close.round(2), volume=(some["volume"].to_numpy() * self.rng.uniform(0.1, 1.0, len(some))).round()
        ).with_columns(high=pl.max_horizontal("high", "close", "open"), low=pl.min_horizontal("low", "close", "open"))

    def holds(self, bars: pl.DataFrame) -> None:
        market = self.forming.at(bars)
        ours = [tapescan.scan_market(market, models=False, **asked) for asked in SCANS]
        self.forming.carry(market)
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.kept.store.path, self.folder)
        put(Store(self.folder), bars)
        for asked, one in zip(SCANS, ours, strict=True):
            other = tapescan.scan_market(self.folder, models=False, **asked)
            assert one.frame.schema == other.frame.schema
            differing = [name for name in one.frame.columns if not one.frame[name].equals(other.frame[name])]
            assert not differing
            assert told(one) == told(other)
            assert one.section.suspects.equals(other.section.suspects, null_equal=True)
            assert one.regime == other.regime

    def session(self, day: pl.DataFrame) -> None:
        """From a few that have traded to all, with a bar withdrawn on the way."""
        bars = self.drawn(day, 0.5)
        for share in (0.5, 0.9):
            self.holds(bars)
            more = self.drawn(day, share)
            bars = pl.concat([more, bars.filter(~pl.col("symbol").is_in(more["symbol"].to_list()))])
            bars = bars.sort("symbol")
        self.holds(bars[1:] if len(bars) > 1 else bars)
        self.holds(day)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 4))])
def test_whatever_happened_before(tmp_path: Path, seed: int) -> None:
    """Splits, jumps, late bars, corrections, other companies, and days that some have no bar of."""
    world = World(tmp_path / "store", seed)
    for _ in range(1 if seed == 0 else 3):
        world.run(2)
        world.session()
        put(world.kept.store, split(world.a_symbol(), DAYS[world.at + 1], 2.0))
        world.kept.holds()
        moments = Moments(world.kept, tmp_path / "ends", seed)
        moments.session(of_day(world.whole, world.at + 1))
        # What the moments were laid onto is as it was, and the session may come as any other.
        put(world.kept.store, of_day(world.whole, world.at + 1))
        world.at += 1
        world.kept.holds()


def test_a_store_that_was_corrected_meanwhile(kept: Kept, tmp_path: Path) -> None:
    moments = Moments(kept, tmp_path / "ends", 1)
    day = of_day(WHOLE, STORED + 1)
    moments.holds(day[:20])
    assert not moments.forming.refresh()
    put(kept.store, of_day(WHOLE, STORED).head(3).with_columns(close="high"))
    assert moments.forming.refresh()
    moments.holds(day[:25])


def test_symbols_that_begin_on_the_day(tmp_path: Path) -> None:
    """Of which one may be another company's, too."""
    symbols = WHOLE["symbol"].unique().sort().to_list()
    before = upto(WHOLE, STORED).filter(~pl.col("symbol").is_in(symbols[-3:]))
    away = (pl.col("symbol") == symbols[4]) & (pl.col("session") > DAYS[STORED - 130])
    kept = Kept(tmp_path / "store", before.filter(~away), listing(symbols[:5]))
    Moments(kept, tmp_path / "ends", 2).session(of_day(WHOLE, STORED + 1))


def test_lanes_are_laid_out_once_a_session(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    copies: list[int] = []
    copied = forming._copied

    def counted(panel: Panel) -> Panel:
        copies.append(1)
        return copied(panel)

    monkeypatch.setattr(forming, "_copied", counted)
    market, day = FormingMarket(kept.market), of_day(WHOLE, STORED + 1)
    for many in (10, 20, 20, len(day)):
        market.at(day[:many])
    assert len(copies) == 1


def test_before_anybody_traded_it_is_the_market_of_before(kept: Kept) -> None:
    market = FormingMarket(kept.market)
    assert market.at(of_day(WHOLE, STORED + 1).clear()) is kept.market


def test_a_session_that_is_stored_is_over(kept: Kept) -> None:
    with pytest.raises(OptionError, match="a session that is stored is over"):
        FormingMarket(kept.market).at(of_day(WHOLE, STORED))
    with pytest.raises(OptionError, match="past day"):
        FormingMarket(tapescan.load_market(kept.store, as_of=DAYS[STORED]))


def test_what_is_a_fund_is_told_once_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a store without a listing, by the bars of the quarters before: of one that moves twice as another does."""
    own = WHOLE.filter(pl.col("symbol") == "S002").with_columns(volume=pl.lit(5e6))
    close = 50.0 * (own["close"] / own["close"][0]) ** 2
    twice = own.with_columns(symbol=pl.lit("TWICE"), close=close, volume=pl.lit(1e6)).with_columns(
        open="close", high=pl.col("close") * 1.001, low=pl.col("close") * 0.999
    )
    bars = pl.concat([WHOLE.filter(pl.col("symbol") != "S002"), own, twice.select(WHOLE.columns)])
    bars = bars.sort("symbol", "session")
    kept = Kept(tmp_path / "store", upto(bars, STORED))
    asked: list[int] = []
    told_of = funds_among

    def counted(*given: Any) -> Any:
        asked.append(len(given[0]))
        return told_of(*given)

    moments, day = Moments(kept, tmp_path / "ends", 3), of_day(bars, STORED + 1)
    moments.holds(day[:20])
    split_of_day = split("S002", DAYS[STORED + 2])
    monkeypatch.setattr(stored, "funds_among", counted)
    found = [moments.forming.at(day[:many]).universe for many in (22, 25, len(day))]
    assert asked == []
    assert all(one.filter(pl.col("type") == "fund")["symbol"].to_list() == ["TWICE"] for one in found)
    monkeypatch.undo()
    # Another session asks anew: what splits then is in other shares.
    put(kept.store, split_of_day, day)
    assert moments.forming.refresh()
    monkeypatch.setattr(stored, "funds_among", counted)
    moments.forming.at(of_day(bars, STORED + 2)[:20])
    assert asked
