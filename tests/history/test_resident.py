"""A market that is kept gives the scan of one that is read anew, whatever came into its store."""

from __future__ import annotations

import contextlib
import datetime as dt
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.core.errors import FileError
from tapescan.features import carried
from tapescan.features.compute import Features
from tapescan.history import resident
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.market.quality import BAR_COLUMNS
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars
from tests.history.kept import (
    CARRIED,
    DAYS,
    LONG,
    SCANS,
    STORED,
    WHOLE,
    Kept,
    Reads,
    listing,
    of_day,
    plans_kept,
    put,
    split,
    spy_of,
    upto,
)
from tests.scan.statements import facts_of


def test_nothing_came(kept: Kept, reads: Reads) -> None:
    assert kept.market.refresh() is kept.market
    kept.holds()
    # What no scan hangs on is no news.
    tapescan.record_scan(kept.scan()[0], kept.store)
    assert kept.market.refresh() is kept.market
    assert not reads.everything


def test_a_sync_that_learned_nothing_changes_versions_alone(kept: Kept, reads: Reads) -> None:
    told = {"symbols": listing(["S001", "S002"])}
    kept.store.add(told, "test", step=Step("a", 1))
    kept.holds()
    panel, versions = kept.market.panel, kept.market.provenance["store"]
    kept.store.add(told, "test", step=Step("a", 2))
    kept.holds()
    assert kept.market.panel is panel
    assert kept.market.provenance["store"] != versions
    assert (reads.everything, reads.bars) == (0, [])
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()


def test_a_session_comes(kept: Kept, reads: Reads) -> None:
    for at in range(STORED + 1, STORED + 4):
        put(kept.store, of_day(WHOLE, at))
        kept.holds()
    assert (reads.everything, reads.bars, reads.lanes) == (0, [], 0)
    assert plans_kept(kept) >= 2


def test_sessions_come_at_once(kept: Kept, reads: Reads) -> None:
    put(kept.store, of_day(WHOLE, STORED + 1), of_day(WHOLE, STORED + 2))
    kept.holds()
    put(kept.store, WHOLE.filter(pl.col("session").is_between(DAYS[STORED + 3], DAYS[STORED + 70])))
    kept.holds()  # over the turn of a quarter
    assert not reads.everything


def test_a_session_comes_in_pieces(kept: Kept, reads: Reads) -> None:
    day = of_day(WHOLE, STORED + 1)
    for begin in (0, 10, 20):
        put(kept.store, day[begin : begin + 10])
        kept.holds()
    assert (reads.everything, reads.bars) == (0, [])


@pytest.mark.parametrize("back", [0, 1, 250])
def test_a_bar_is_corrected(kept: Kept, reads: Reads, back: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "index_of_store", None)  # no bar of before that day is read for the index
    put(kept.store, of_day(WHOLE, STORED - back).filter(LONG).with_columns(close="high"))
    kept.holds()
    # Of the plans that are carried, this lane alone.
    assert (reads.everything, reads.bars, reads.lanes) == (0, ["S001"], plans_kept(kept))


def test_a_bar_five_years_old_is_corrected(tmp_path: Path, reads: Reads) -> None:
    days = pl.Series(exchange_sessions(dt.date(2019, 1, 2), dt.date(2025, 12, 31))[:1400]).cast(pl.Date)
    long = random_bars(symbols=20, sessions=1400, seed=3)
    places = pl.DataFrame({"session": long["session"].unique().sort(), "day": days})
    long = long.join(places, on="session").drop("session").rename({"day": "session"}).select(BAR_COLUMNS)
    kept = Kept(tmp_path / "store", long.filter(pl.col("session") < days[-1]))
    put(kept.store, long.filter(LONG, pl.col("session") == days[20]).with_columns(close="low"))
    kept.holds()
    put(kept.store, long.filter(pl.col("session") == days[-1]))
    kept.holds()
    assert (reads.everything, reads.bars) == (0, ["S001"])


def test_late_bars_of_older_sessions(tmp_path: Path, reads: Reads) -> None:
    late = (pl.col("symbol") == "S004") & pl.col("session").is_in([DAYS[STORED - 3], DAYS[STORED - 90]])
    behind = (pl.col("symbol") == "S005") & (pl.col("session") > DAYS[STORED - 3])
    bars = upto(WHOLE, STORED)
    kept = Kept(tmp_path / "store", bars.filter(~late, ~behind))
    put(kept.store, bars.filter(late))
    kept.holds()
    put(kept.store, bars.filter(behind, pl.col("session") == DAYS[STORED - 2]))
    kept.holds()
    put(kept.store, bars.filter(behind), of_day(WHOLE, STORED + 1))
    kept.holds()
    assert (reads.everything, reads.bars) == (0, ["S004"])


def test_a_late_bar_of_one_acquits_another(tmp_path: Path) -> None:
    """A bar is held against the range of all: where those of a wild day come late, it is suspect no more."""
    bars, wild, odd = upto(WHOLE, STORED), DAYS[STORED - 30], pl.col("symbol") == "S002"
    on = pl.col("session") == wild
    ranged = bars.filter(on, ~odd).with_columns(high=pl.col("high") * 1.5, low=pl.col("low") / 1.5)
    mine = bars.filter(on, odd).with_columns(low=pl.col("low") / 1.7)
    calm = bars.filter(~on)
    kept = Kept(tmp_path / "store", pl.concat([calm, mine]))
    assert kept.market.suspects["symbol"].to_list() == ["S002"]
    put(kept.store, ranged)
    kept.holds()
    assert "S002" not in kept.market.suspects["symbol"].to_list()


@pytest.mark.parametrize("adjust", ["splits", "none"])
def test_splits(tmp_path: Path, reads: Reads, adjust: str) -> None:
    day = DAYS[STORED + 1]
    after = (pl.col("session") >= day) & LONG
    prices = ("open", "high", "low", "close")
    raw = WHOLE.with_columns(pl.when(after).then(pl.col(one) / 2.0).otherwise(one).alias(one) for one in prices)
    odd = (pl.col("symbol") == "S005") & (pl.col("session") == DAYS[STORED - 10])
    raw = raw.with_columns(pl.when(odd).then(pl.col(one) / 4.0).otherwise(one).alias(one) for one in prices)
    kept = Kept(tmp_path / "store", upto(raw, STORED), adjust=adjust)
    assert kept.market.suspects["reason"].to_list() == ["bar"]
    put(kept.store, split("S005", DAYS[STORED - 9], 4.0))  # which tells another reason
    kept.holds(CARRIED)
    put(kept.store, of_day(raw, STORED + 1), split("S001", day))  # on its day
    kept.holds(CARRIED)
    put(kept.store, split("S002", DAYS[STORED - 10], 3.0), split("S004", DAYS[STORED + 3], 0.1))  # late, and early
    kept.holds(CARRIED)
    for at in (STORED + 2, STORED + 3):
        put(kept.store, of_day(raw, at))
        kept.holds(CARRIED)
    put(kept.store, split("S002", DAYS[STORED - 10], 4.0))  # other than was said
    kept.holds(CARRIED)
    assert not reads.everything


def test_a_split_is_taken_out(tmp_path: Path, reads: Reads) -> None:
    store, day = Store(tmp_path / "store"), DAYS[STORED - 5]
    covers = {"splits": (DAYS[0], DAYS[STORED])}
    nothing = split("S001", day).clear()
    store.add({"bars": upto(WHOLE, STORED)}, "vendor", step=Step("a", 1))
    store.add({"splits": split("S001", day)}, "vendor", step=Step("a", 2), covers=covers)
    kept = Kept.__new__(Kept)
    kept.store, kept.adjust = store, None
    kept.market = tapescan.load_market(store)
    kept.scan()
    assert len(store.known().read("splits")) == 1
    store.add({"splits": nothing}, "vendor", step=Step("a", 3), covers=covers)
    assert store.known().read("splits").is_empty()
    kept.holds()
    assert (reads.everything, reads.bars) == (0, ["S001"])


@pytest.mark.parametrize("adjust", ["total", "splits"])
def test_dividends(tmp_path: Path, reads: Reads, adjust: str) -> None:
    kept = Kept(tmp_path / "store", upto(WHOLE, STORED), adjust=adjust)
    for at, symbol, paid in ((STORED - 20, "S001", 0.3), (STORED + 1, "S002", 0.1), (STORED + 2, "S004", 1.0)):
        put(kept.store, pl.DataFrame({"symbol": [symbol], "ex_date": [DAYS[at]], "amount": [paid]}))
        kept.holds(CARRIED)
    for at in (STORED + 1, STORED + 2):
        put(kept.store, of_day(WHOLE, at))
        kept.holds(CARRIED)
    assert not reads.everything


def test_an_accepted_bar(kept: Kept) -> None:
    odd = of_day(WHOLE, STORED - 30).filter(LONG).with_columns(high=pl.col("high") * 30.0)
    put(kept.store, odd)
    kept.holds()
    assert kept.market.suspects["symbol"].to_list() == ["S001"]
    tapescan.accept_bars([("S001", DAYS[STORED - 30])], kept.store)
    kept.holds()
    assert kept.market.suspects.is_empty()
    put(kept.store, odd.with_columns(high=pl.col("high") * 2.0))  # another value: suspect again
    kept.holds()
    assert kept.market.suspects["symbol"].to_list() == ["S001"]


def test_suspects_of_the_newest_bars(kept: Kept, reads: Reads) -> None:
    """A verdict comes, and goes with the bars after."""
    for at in range(1, 9):
        day = of_day(WHOLE, STORED + at)
        if at == 2:
            day = day.with_columns(close=pl.when(LONG).then(pl.col("high") * 20).otherwise("close"))
            day = day.with_columns(high=pl.max_horizontal("high", "close"))
        put(kept.store, day)
        kept.holds(CARRIED)
    assert (reads.everything, reads.bars) == (0, [])
    assert "S001" in kept.market.suspects["symbol"].to_list()


def test_rows_that_are_refused(kept: Kept, reads: Reads) -> None:
    bad = of_day(WHOLE, STORED + 1).with_columns(
        symbol=pl.when(LONG).then(pl.lit("ODD")).otherwise("symbol"), low=pl.when(LONG).then(1e6).otherwise("low")
    )
    put(kept.store, bad)
    kept.holds()
    with contextlib.suppress(FileError):  # nothing else
        put(kept.store, bad.filter(pl.col("symbol") == "ODD").with_columns(symbol=pl.lit("ODDER")))
    kept.holds()
    assert not reads.everything


def test_statements_and_listings(tmp_path: Path, reads: Reads) -> None:
    kept = Kept(tmp_path / "store", upto(WHOLE, STORED))
    companies = pl.DataFrame({"symbol": ["S001", "S002"], "company": ["0000000001", "0000000002"]})
    facts = facts_of(companies["company"].to_list(), first=2021, years=3)
    scans = [{"features": ["roe", "f_score", "market_cap"], "profile": "fundamental"}, *SCANS]
    kept.store.add({"companies": companies, "facts": facts}, "test", step=Step("a", 1))
    kept.holds(scans)
    put(kept.store, upto(WHOLE, STORED + 30).filter(pl.col("session") > DAYS[STORED]))  # some are known by then
    kept.holds(scans)
    put(kept.store, listing(["S001", "S002", "GONE"]))
    kept.holds(scans)
    put(kept.store, listing(["S001"], sector="Utilities"))
    kept.holds(scans)
    assert not reads.everything


@pytest.mark.parametrize("threads", ["1", "4"])
def test_all_features_by_one_thread_and_by_four(
    tmp_path: Path, threads: str, monkeypatch: pytest.MonkeyPatch, reads: Reads
) -> None:
    monkeypatch.setenv("TAPESCAN_THREADS", threads)
    monkeypatch.setattr("tapescan.market.growing.LANES", 8)
    scans: list[dict[str, Any]] = [{"features": "all"}, {}]
    kept = Kept(tmp_path / "store", upto(pl.concat([WHOLE, spy_of(WHOLE)]), STORED))
    kept.scan(scans)
    for at in (1, 2):
        put(kept.store, of_day(pl.concat([WHOLE, spy_of(WHOLE)]), STORED + at))
        kept.holds(scans)
    put(kept.store, of_day(WHOLE, STORED - 7).head(12).with_columns(close="high"))
    kept.holds(scans)
    assert not reads.everything


def test_values_are_carried_not_computed(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan after a refresh takes what the refresh brought forward."""
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.market = kept.market.refresh()

    def never(*given: Any) -> Features:
        raise AssertionError("computed anew")

    monkeypatch.setattr(carried, "computed", never)
    monkeypatch.setattr(carried, "latest", never)
    kept.scan(SCANS[:1])


def test_the_bars_of_a_first_split_are_at_hand(tmp_path: Path, reads: Reads) -> None:
    day = DAYS[STORED + 1]
    kept = Kept(tmp_path / "store", upto(WHOLE, STORED).filter(pl.col("symbol") != "S003"))
    put(kept.store, of_day(WHOLE, STORED + 1), split("S001", day), split("S002", DAYS[STORED - 40], 0.1))
    kept.holds()  # and a new symbol
    assert (reads.everything, reads.bars) == (0, [])
    put(kept.store, of_day(WHOLE, STORED + 2), split("S001", DAYS[STORED + 2], 3.0))  # what was raw is known no more
    kept.holds()
    assert (reads.everything, reads.bars) == (0, ["S001"])


def test_the_bars_of_a_split_that_a_vendor_had_adjusted_are_read(tmp_path: Path, reads: Reads) -> None:
    store = Store(tmp_path / "store")
    adjusted = upto(WHOLE, STORED).with_columns(
        adjusted_to=pl.when(LONG).then(pl.lit(DAYS[STORED])).otherwise("session")
    )
    store.add({"bars": adjusted}, "vendor", step=Step("a", 1))
    kept = Kept.__new__(Kept)
    kept.store, kept.adjust, kept.market = store, None, tapescan.load_market(store)
    kept.scan()
    late = split("S001", DAYS[STORED - 40]), split("S002", DAYS[STORED - 40])
    put(store, *late)
    kept.holds()
    assert (reads.everything, reads.bars) == (0, ["S001"])
