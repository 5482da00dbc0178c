"""Funds among symbols without a listing: by name, by what their bars show; companies are left alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl

import tapescan
from tapescan.history.stored import market_of_store
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.market.funds import KNOWN_FUNDS, funds_among, judged_through
from tapescan.store import Store

DAYS = pl.Series("session", exchange_sessions(dt.date(2024, 1, 2), dt.date(2025, 7, 9))[-300:]).cast(pl.Date)
RANDOM = np.random.default_rng(4)
MARKET = RANDOM.normal(0.0004, 0.010, len(DAYS))


def bars(symbol: str, returns: np.ndarray, dollars: float = 5e7) -> pl.DataFrame:
    close = 50.0 * np.exp(returns.cumsum())
    return pl.DataFrame({"symbol": [symbol] * len(DAYS), "session": DAYS, "close": close, "volume": dollars / close})


def noise(size: float) -> np.ndarray:
    return RANDOM.normal(0.0, size, len(DAYS))


SHARE = 1.1 * MARKET + noise(0.018)
TAKEN_OVER = np.where(np.arange(len(DAYS)) < 150, noise(0.02), noise(0.002))
TAKEN_OVER[150] = 0.35  # the day on which the offer for cash became known
MADE = {
    "BANK": 1.2 * MARKET + noise(0.010),
    "SHARE": SHARE,
    "TARGET": TAKEN_OVER,
    "SISTER": SHARE + noise(0.001),  # another class of the same company
    "INDEX1": MARKET + noise(0.002),
    "BONDS": noise(0.0015),
    "SHARE2X": 2.0 * SHARE + noise(0.001),
    "SHAREBEAR": -1.0 * SHARE + noise(0.001),
}
LARGE = {"SHARE", "SISTER"}
WHOLE = pl.concat(bars(name, MADE[name], 5e8 if name in LARGE else 5e7) for name in sorted(MADE))
INDEX = pl.DataFrame({"session": DAYS, "close": 400.0 * np.exp(MARKET.cumsum())})


def test_what_behaves_as_a_fund_is_one() -> None:
    symbols = pl.Series(sorted(MADE))
    found = symbols.filter(funds_among(symbols, WHOLE, DAYS, INDEX)).to_list()
    assert found == ["BONDS", "INDEX1", "SHARE2X", "SHAREBEAR"]
    without = symbols.filter(funds_among(symbols, WHOLE, DAYS)).to_list()
    assert without == ["BONDS", "SHARE2X", "SHAREBEAR"]


def test_an_index_that_lacks_sessions_is_held_against_the_same_days() -> None:
    """Some missing days do not shift the others; one that began lately tells nothing."""
    symbols = pl.Series(sorted(MADE))
    holes = INDEX.filter(~pl.col("session").is_in(DAYS[-60:-55].to_list()))
    assert funds_among(symbols, WHOLE, DAYS, holes).to_list() == funds_among(symbols, WHOLE, DAYS, INDEX).to_list()
    for sessions in (99, 1, 0):
        assert (
            funds_among(symbols, WHOLE, DAYS, INDEX.tail(sessions)).to_list()
            == funds_among(symbols, WHOLE, DAYS).to_list()
        )
    assert funds_among(symbols, WHOLE, DAYS, INDEX.tail(110)).sum() == 4


def test_what_is_a_fund_does_not_hang_on_what_is_asked_for(tmp_path: Path) -> None:
    """A scan of few bars, one of many, and a loaded market: also what jumped once is a share in all."""
    spread = {"open": pl.col("close"), "high": pl.col("close") * 1.01, "low": pl.col("close") * 0.99}
    quiet = bars("DEAL", noise(0.001), 5e8)
    before = pl.col("session") < DAYS[-200]
    deal = quiet.with_columns(close=pl.when(before).then(pl.col("close") * 0.7).otherwise("close"))
    market = pl.concat([WHOLE, bars("SPY", MARKET, 5e9), deal]).with_columns(**spread)
    store = Store(tmp_path / "store")
    tapescan.import_bars(market, store=store)
    found = [market_of_store(store, span=span).universe.sort("symbol") for span in (5, 60, 128, 256, None)]
    types = dict(found[0].select("symbol", "type").rows())
    assert (types["DEAL"], types["BONDS"], types["INDEX1"]) == ("unknown", "fund", "fund")
    for one in found[1:]:
        assert one["type"].to_list() == found[0]["type"].to_list()


def test_an_answer_holds_for_a_quarter() -> None:
    """What is told hangs on the bars before the quarter: it is the same on each of its days."""
    through = [judged_through(DAYS.head(count))[-1] for count in range(len(DAYS) - 70, len(DAYS) + 1)]
    days = DAYS.tail(71)
    quarters = days.dt.truncate("1q")
    assert all(last < first for last, first in zip(through, quarters, strict=True))
    assert len({*through}) == quarters.n_unique()
    few = DAYS.head(101)  # one that began in this quarter, or the one before, is told by all that there is
    assert judged_through(few).equals(few) or len(judged_through(few)) > 100


def test_little_history_tells_nothing() -> None:
    symbols = pl.Series(sorted(MADE))
    short = WHOLE.filter(pl.col("session") > DAYS[-90])
    assert not funds_among(symbols, short, DAYS.tail(89), INDEX.tail(89)).any()


def test_the_known_ones_are_known_by_name() -> None:
    assert funds_among(pl.Series(["SPY", "TLT", "AAPL", "TQQQ"]), WHOLE, DAYS).to_list() == [True, True, False, True]
    assert not KNOWN_FUNDS & {"AAPL", "MSFT", "F", "T", "GE", "META", "IBM", "ALL", "ON", "A"}


def test_a_scan_does_not_rank_them_and_says_how_many_it_does_not_know(tmp_path: Path) -> None:
    spread = {"open": pl.col("close"), "high": pl.col("close") * 1.01, "low": pl.col("close") * 0.99}
    market = pl.concat([WHOLE, bars("SPY", MARKET, 5e9), bars("GOVT", noise(0.003), 5e8)]).with_columns(**spread)
    tapescan.import_bars(market, store=tmp_path / "store")
    result = tapescan.scan_market(tmp_path / "store")
    ranked = set(result.ranked["symbol"])
    assert ranked == {"BANK", "SHARE", "TARGET", "SISTER"}
    assert any("4 ranked symbols are in no listing" in note for note in result.notes)
    listing = pl.DataFrame({"symbol": sorted(ranked), "name": "A Inc. Common Stock", "sector": "Energy"})
    tapescan.import_bars(listing, store=tmp_path / "store")
    assert not any("in no listing" in note for note in tapescan.scan_market(tmp_path / "store").notes)
