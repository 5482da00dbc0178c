"""A market that is kept gives the scan of one that is read anew, whatever came into its store."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import FileError, OptionError, StoreError
from tapescan.features import carried
from tapescan.features.compute import Features
from tapescan.history import resident
from tapescan.history.stored import market_of_store
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.market.quality import BAR_COLUMNS
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars
from tests.scan.statements import facts_of

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
            assert ours.regime == theirs.regime
        assert self.market.refresh() is self.market
        return found


def differing(ours: ScanResult, theirs: ScanResult) -> list[str]:
    one, other = (found.frame.sort("symbol") for found in (ours, theirs))
    return [name for name in one.columns if not one[name].equals(other[name], null_equal=True)]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "store", upto(WHOLE, STORED), listing([f"S{i:03d}" for i in range(0, SYMBOLS, 2)]))


class Reads:
    """How often everything is read, and which symbols' histories and lanes are."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.everything, self.bars, self.lanes = 0, list[str](), 0
        read_all, read_some, compute = market_of_store, resident._bars_of, carried._chosen

        def all_of(*given: Any, **more: Any) -> Any:
            self.everything += 1
            return read_all(*given, **more)

        def some_of(known: Any, held: Any, symbols: list[str]) -> Any:
            self.bars += symbols
            return read_some(known, held, symbols)

        def lanes_of(panel: Any, places: Any) -> Any:
            self.lanes += len(places)
            return compute(panel, places)

        monkeypatch.setattr(resident, "market_of_store", all_of)
        monkeypatch.setattr(resident, "_bars_of", some_of)
        monkeypatch.setattr(carried, "_chosen", lanes_of)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def plans_kept(kept: Kept) -> int:
    return len(carried.kept_of(kept.market.panel))


def test_nothing_came(kept: Kept, reads: Reads) -> None:
    assert kept.market.refresh() is kept.market
    kept.holds()
    # What no scan hangs on is no news.
    tapescan.record_scan(kept.scan()[0], kept.store)
    assert kept.market.refresh() is kept.market
    assert not reads.everything


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
def test_a_bar_is_corrected(kept: Kept, reads: Reads, back: int) -> None:
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
    kept = Kept(tmp_path / "store", upto(raw, STORED), adjust=adjust)
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


def test_a_symbol_comes_stops_and_comes_back(tmp_path: Path, reads: Reads) -> None:
    first, stops = pl.col("symbol") == "S010", pl.col("symbol") == "S002"
    whole = WHOLE.filter(~first | (pl.col("session") > DAYS[STORED]))
    away = stops & pl.col("session").is_between(DAYS[STORED + 2], DAYS[STORED + 60])
    whole = whole.filter(~away)
    kept = Kept(tmp_path / "store", upto(whole, STORED))
    for at in (1, 2, 3, 10, 59, 60, 61, 62):
        put(kept.store, upto(whole, STORED + at).filter(pl.col("session") > kept.store.known().newest_session))
        kept.holds(CARRIED)
    assert not reads.everything
    assert "S002" in reads.bars  # back after a break, as the same company


def test_a_ticker_is_taken_by_another_company(tmp_path: Path, reads: Reads) -> None:
    """By a break and a jump; and, without a break, by what the listing says."""
    mine, named = pl.col("symbol") == "S002", pl.col("symbol") == "S004"
    away = mine & pl.col("session").is_between(DAYS[STORED - 50], DAYS[STORED])
    prices = [pl.col(one) * 9.0 for one in ("open", "high", "low", "close")]
    other = WHOLE.filter(mine, pl.col("session") > DAYS[STORED]).with_columns(prices)
    jumped = WHOLE.filter(named, pl.col("session") > DAYS[STORED + 1]).with_columns(prices)
    rest = WHOLE.filter(~mine, ~named | (pl.col("session") <= DAYS[STORED + 1]))
    whole = pl.concat([rest, WHOLE.filter(mine, pl.col("session") <= DAYS[STORED], ~away), other, jumped])

    def told(number: str, at: int) -> pl.DataFrame:
        return listing(["S004"], identifier=[number], as_of=[DAYS[at]])

    kept = Kept(tmp_path / "store", upto(whole, STORED), told("0000000001", 0))
    put(kept.store, of_day(whole, STORED + 1))
    kept.holds(CARRIED)
    assert kept.market.held is not None
    assert kept.market.held.lives["symbol"].to_list() == ["S002"]
    put(kept.store, told("0000000002", STORED + 1))
    kept.holds(CARRIED)
    for at in (2, 3):
        put(kept.store, of_day(whole, STORED + at))
        kept.holds(CARRIED)
    assert kept.market.held is not None
    assert sorted(kept.market.held.lives["symbol"].to_list()) == ["S002", "S004"]
    assert not reads.everything
    assert {*reads.bars} == {"S002", "S004"}


def test_a_rename_reads_everything(kept: Kept, reads: Reads) -> None:
    put(kept.store, pl.DataFrame({"symbol": ["NEW"], "former": ["S002"], "ex_date": [DAYS[STORED + 1]]}))
    kept.holds()
    bars = WHOLE.with_columns(
        symbol=pl.when(pl.col("symbol") == "S002", pl.col("session") > DAYS[STORED])
        .then(pl.lit("NEW"))
        .otherwise("symbol")
    )
    for at in (1, 2):
        put(kept.store, of_day(bars, STORED + at))
        kept.holds()
    assert reads.everything == 1
    # A correction of what is stored under the former symbol.
    put(kept.store, of_day(bars, STORED - 5).filter(pl.col("symbol") == "S002").with_columns(close="high"))
    kept.holds()
    assert (reads.everything, reads.bars) == (1, ["NEW"])


def test_the_index_changes_stops_and_comes(tmp_path: Path, reads: Reads) -> None:
    bars, spy = WHOLE, spy_of(WHOLE)
    kept = Kept(tmp_path / "store", upto(bars, STORED))
    put(kept.store, upto(spy, STORED))  # comes
    assert kept.holds(CARRIED)[0].regime.index == "SPY"
    put(kept.store, of_day(spy, STORED - 40).with_columns(close="high"))  # is corrected
    kept.holds(CARRIED)
    put(kept.store, of_day(bars, STORED + 1), of_day(spy, STORED + 1))
    kept.holds(CARRIED)
    put(kept.store, of_day(bars, STORED + 2))  # stops
    assert kept.holds(CARRIED)[0].regime.index == "equal-weighted"
    put(kept.store, of_day(spy, STORED + 2))  # was late
    assert kept.holds(CARRIED)[0].regime.index == "SPY"
    put(kept.store, of_day(bars, STORED + 3), of_day(spy, STORED + 3), of_day(bars, STORED + 4))
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


def test_an_older_version_is_put_back(kept: Kept, tmp_path: Path, reads: Reads) -> None:
    """Also where it has grown to the same numbers since."""
    place, copy = Path(kept.store.path), tmp_path / "copy"
    shutil.copytree(place, copy)
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    versions = kept.store.versions()
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    kept.holds()
    assert reads.everything == 1
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    assert reads.everything == 1
    shutil.rmtree(place)
    shutil.copytree(copy, place)
    put(kept.store, of_day(WHOLE, STORED + 2))
    assert kept.store.versions() == versions
    kept.holds()
    assert reads.everything == 2


def test_another_store_takes_the_place(kept: Kept, tmp_path: Path, reads: Reads) -> None:
    other = Store(tmp_path / "other")
    put(other, upto(walks(seed=8), STORED), listing([f"S{i:03d}" for i in range(0, SYMBOLS, 2)]))
    assert other.versions() == kept.store.versions()
    assert other.identity != kept.store.identity
    shutil.rmtree(kept.store.path)
    with pytest.raises(StoreError):
        kept.market.refresh()
    shutil.move(other.path, kept.store.path)
    kept.holds()
    assert reads.everything == 2  # one of them found nothing


def test_a_compaction_between(kept: Kept, reads: Reads, monkeypatch: pytest.MonkeyPatch) -> None:
    for at in (1, 2):
        put(kept.store, of_day(WHOLE, STORED + at))
    kept.holds()
    before = kept.store.versions()
    assert any(one.merged for one in kept.store.compact(dt.timedelta(days=30), apply=True))
    assert kept.store.versions() != before
    kept.holds()
    assert (reads.everything, reads.bars) == (0, [])
    # Where the files of before are gone by now, everything is read.
    put(kept.store, of_day(WHOLE, STORED + 3))
    monkeypatch.setattr("tapescan.store.compacting.UNDER_WAY", dt.timedelta(0))
    kept.store.compact(dt.timedelta(0), apply=True)
    kept.holds()


def test_what_fails_in_between_is_read_anew(kept: Kept, monkeypatch: pytest.MonkeyPatch, reads: Reads) -> None:
    put(kept.store, of_day(WHOLE, STORED + 1), of_day(WHOLE, STORED - 3).filter(LONG).with_columns(close="high"))

    def torn(*given: Any) -> Any:
        raise StoreError("torn")

    with monkeypatch.context() as patch:
        patch.setattr(resident, "market_of", torn)
        with pytest.raises(StoreError, match="torn"):
            kept.market.refresh()
    kept.holds()
    assert reads.everything == 1


def test_a_market_that_is_used_up_can_be_refreshed(kept: Kept) -> None:
    old = kept.market
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    newest = kept.scan()
    again = Kept.__new__(Kept)
    again.store, again.market, again.adjust = kept.store, old, None
    again.holds()
    put(kept.store, of_day(WHOLE, STORED + 2))
    again.holds()
    kept.holds()
    assert newest[0].as_of == DAYS[STORED + 1]


def test_an_older_result_stays_as_it_was(kept: Kept) -> None:
    result = kept.scan()[0]
    said, values = whole(result), result.section.features.values.copy()
    newest = result.section.newest.copy()
    put(kept.store, of_day(WHOLE, STORED - 2).filter(LONG).with_columns(close="high"))
    kept.holds()
    put(kept.store, of_day(WHOLE, STORED + 1))
    kept.holds()
    assert whole(result) == said
    np.testing.assert_array_equal(result.section.features.values, values)
    np.testing.assert_array_equal(result.section.newest, newest)


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


# --- anything, in any order -----------------------------------------------------------------------------------


class World:
    """A store to which something happens."""

    def __init__(self, path: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        whole = walks(symbols=26, seed=seed)
        missed = pl.Series(self.rng.random(len(whole)) < 0.02)
        self.whole = pl.concat([whole.filter(~missed), spy_of(whole)])
        self.symbols = self.whole["symbol"].unique().sort().to_list()
        self.at = STORED
        self.kept = Kept(path, upto(self.whole, STORED), listing(self.symbols[:9]))

    def a_symbol(self) -> str:
        return str(self.rng.choice(self.symbols))

    def session(self) -> None:
        self.at += 1
        day = of_day(self.whole, self.at)
        put(self.kept.store, day.filter(pl.Series(self.rng.random(len(day)) > 0.05)))

    def late(self) -> None:
        day = of_day(self.whole, self.at - int(self.rng.integers(0, 3)))
        put(self.kept.store, day)

    def correction(self) -> None:
        rows = upto(self.whole, self.at).sample(3, seed=int(self.rng.integers(1 << 30)))
        factor = float(self.rng.choice([1.0, 1.0, 30.0]))
        put(self.kept.store, rows.with_columns(close=pl.col("high") * factor, high=pl.col("high") * factor))

    def split(self) -> None:
        day = DAYS[self.at + int(self.rng.integers(-40, 4))]
        put(self.kept.store, split(self.a_symbol(), day, float(self.rng.choice([2.0, 7.0, 0.1]))))

    def listed(self) -> None:
        number = f"{int(self.rng.integers(1, 4)):010d}"
        put(self.kept.store, listing([self.a_symbol()], identifier=[number], as_of=[DAYS[self.at]]))

    def jump(self) -> None:
        mine = (pl.col("symbol") == self.a_symbol()) & (pl.col("session") > DAYS[self.at])
        away = mine & (pl.col("session") <= DAYS[min(self.at + int(self.rng.integers(1, 60)), SESSIONS - 1)])
        prices = [pl.when(mine).then(pl.col(one) * 5.0).otherwise(one).alias(one) for one in ("open", "high")]
        prices += [pl.when(mine).then(pl.col(one) * 5.0).otherwise(one).alias(one) for one in ("low", "close")]
        self.whole = self.whole.filter(~away).with_columns(prices)

    def sessions(self) -> None:
        self.at += int(self.rng.integers(1, 30))
        newest = self.kept.store.known().newest_session
        put(self.kept.store, upto(self.whole, self.at).filter(pl.col("session") > newest))

    def compaction(self) -> None:
        self.kept.store.compact(dt.timedelta(days=30), apply=True)

    def acceptance(self) -> None:
        found = self.kept.market.suspects
        if len(found):
            with contextlib.suppress(OptionError):  # corrected meanwhile
                tapescan.accept_bars([found.select("symbol", "session").row(0)], self.kept.store)

    @property
    def events(self) -> list[Callable[[], None]]:
        some = [self.late, self.correction, self.split, self.listed, self.jump, self.sessions]
        return [self.session] * 4 + some + [self.compaction, self.acceptance]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            if self.at > SESSIONS - 35:
                return
            many = int(self.rng.integers(1, 4))
            happened = [self.events[int(self.rng.integers(len(self.events)))] for _ in range(many)]
            for event in happened:
                event()
            self.kept.holds()


@pytest.mark.parametrize("seed", range(3))
def test_anything_in_any_order(tmp_path: Path, seed: int) -> None:
    World(tmp_path / "store", seed).run(5)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 130))
def test_much_in_any_order(tmp_path: Path, seed: int) -> None:
    World(tmp_path / "store", seed).run(40)
