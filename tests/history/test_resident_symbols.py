"""As `test_resident`: symbols that come, stop, change hands and names, and the index."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.history.kept import CARRIED, DAYS, STORED, WHOLE, Kept, Reads, listing, of_day, put, spy_of, upto


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
