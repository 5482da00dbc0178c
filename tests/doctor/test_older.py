"""What older versions let in: found in a store, mended where it is certain, and put back when a person wants it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tapescan
from tapescan.core.errors import OptionError, StoreError
from tapescan.store import Store
from tapescan.store.mending import exchange_rows
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table
from tests.commands import run
from tests.importing.files import history

SHARES = pl.concat([history(name, 120, seed) for seed, name in enumerate(("AAPL", "MSFT", "NVDA", "BRK.B", "SPY"))])
LISTING = pl.DataFrame(
    {"symbol": ["AAPL", "MSFT", "NVDA", "BRK.B"], "name": "A Inc. Common Stock", "sector": "Energy"}
)


def put(store: Store, name: str, rows: pl.DataFrame) -> None:
    """Rows as an older version would have written them, past the gate."""
    table = find_table(name)
    if name == "bars":
        rows = rows.with_columns(adjusted_to="session", source=pl.lit("old.csv"))
    whole = rows.select(
        (pl.col(column) if column in rows.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in table.schema.items()
    )
    StoredTable(store.path, table).append(whole)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(SHARES, LISTING, store=found)
    return found


def kinds(store: Store) -> dict[str, dict[str, object]]:
    return {row["kind"]: row for row in tapescan.examine_store(store).older.iter_rows(named=True)}


def bars(symbol: str, seed: int, sessions: int = 20) -> pl.DataFrame:
    return history(symbol, sessions, seed)


def test_a_clean_store_has_none_of_it(store: Store) -> None:
    found = kinds(store)
    assert set(found) <= {"no listing"}
    assert tapescan.mend_store(store).done == ()
    assert tapescan.mend_store(store).lines() == ["nothing is certain enough to be mended"]


def test_other_spellings_become_one_share(store: Store) -> None:
    before = store.known().bars()
    late = history("tsla", 30, 9)
    put(store, "bars", pl.concat([history("aapl", 120, 0)[50:80], late, history("BRK-B", 120, 3)[:20]]))
    put(store, "splits", pl.DataFrame({"symbol": ["aapl"], "ex_date": [dt.date(2020, 8, 31)], "ratio": [4.0]}))
    put(store, "symbols", pl.DataFrame({"symbol": ["tsla"], "name": ["T Inc."], "source": ["old.csv"]}))
    found = kinds(store)
    assert found["spelling"]["symbols"] == 3
    assert found["spelling"]["mend"] == "tapescan doctor --fix"
    assert "kinds of older mistakes" in tapescan.examine_store(store).defects
    versions = store.versions()
    mended = tapescan.mend_store(store)
    known = store.known()
    assert "spelling" not in kinds(store)
    assert known.read("splits")["symbol"].to_list() == ["AAPL"]
    assert "TSLA" in known.read("symbols")["symbol"].to_list()
    found_bars = known.bars(adjust="none")
    assert_frame_equal(found_bars.filter(pl.col("symbol") != "TSLA"), before)
    assert found_bars.filter(symbol="TSLA")["close"].to_list() == late["close"].to_list()
    assert known.read("quarantine").is_empty()
    # Time travel: what was, can be read and put back.
    assert "aapl" in store.at(versions).known().newest()["symbol"].to_list()
    assert set(tapescan.undo_mending(mended.before, store)) == {"bars", "splits", "symbols"}
    assert "spelling" in kinds(store)
    assert tapescan.mend_store(store).done


def test_names_of_files_become_the_symbols_that_they_tell(store: Store) -> None:
    nvidia = history("NVDA", 120, 2)[:5]
    wrong = pl.concat([nvidia.with_columns(symbol=pl.lit("daily^NVDA")), history("TSLA^US^D", 9, 3)])
    put(store, "bars", wrong)
    assert kinds(store)["spelling"]["examples"] == "TSLA^US^D for TSLA, daily^NVDA for NVDA"
    tapescan.mend_store(store)
    assert store.known().newest()["symbol"].to_list() == ["AAPL", "BRK.B", "MSFT", "NVDA", "SPY", "TSLA"]


def test_a_row_that_says_something_else_goes_to_the_quarantine(store: Store) -> None:
    own = store.known().bars(symbols=["AAPL"])
    put(store, "bars", history("aapl", 5, 77))
    mended = tapescan.mend_store(store)
    assert any("5 of them differ from the share's own rows" in line for line in mended.done)
    assert_frame_equal(store.known().bars(symbols=["AAPL"]), own)
    assert set(store.known().refused("bars")["reason"]) == {"conflicting duplicate"}


def test_an_action_that_says_something_else_goes_to_the_quarantine(store: Store) -> None:
    day = dt.date(2024, 8, 31)
    splits = pl.DataFrame(
        {"symbol": ["AAPL", "aapl", "brk-b", "BRK/B"], "ex_date": day, "ratio": [4.0, 2.0, 3.0, 5.0]}
    )
    put(store, "splits", splits)
    mended = tapescan.mend_store(store)
    known = store.known()
    assert known.read("splits").select("symbol", "ratio").rows() == [("AAPL", 4.0), ("BRK.B", 3.0)]
    assert known.refused("splits").select("symbol", "reason").rows() == [
        ("AAPL", "splits: conflicting duplicate, ratio 2.0"),
        ("BRK.B", "splits: conflicting duplicate, ratio 5.0"),
    ]
    assert any("2 of them differ" in line for line in mended.done)


def test_bars_of_two_other_spellings_are_not_lost(store: Store) -> None:
    put(store, "bars", pl.concat([history("brk-b", 125, 4)[-5:], history("BRK/B", 125, 5)[-5:]]))
    days = history("x", 125, 4)["session"][-5:].to_list()
    put(store, "bars", pl.concat([history("goog.a", 125, 4)[-5:], history("GOOG/A", 125, 5)[-5:]]))
    tapescan.mend_store(store)
    known = store.known()
    assert known.bars(symbols=["GOOG.A"])["session"].to_list() == days
    refused = known.refused("bars")
    assert dict(refused.group_by("symbol").len().rows()) == {"BRK.B": 10, "GOOG.A": 5}


def test_what_came_after_a_mending_outlives_its_undoing(store: Store) -> None:
    before = store.known().bars(adjust="none")
    odd = history("x", 1, 9).with_columns(session=pl.lit(dt.date(2025, 7, 6)), symbol=pl.lit("MSFT"))
    put(store, "bars", pl.concat([history("tsla", 30, 9), odd]))
    put(store, "splits", pl.DataFrame({"symbol": ["aapl"], "ex_date": [dt.date(2020, 8, 31)], "ratio": [4.0]}))
    mended = tapescan.mend_store(store)
    later = pl.concat([history("NEW", 20, 12), history("TSLA", 30, 13)[-2:]])  # two of its bars are corrected
    tapescan.import_bars(
        later, pl.DataFrame({"symbol": ["MSFT"], "ex_date": [dt.date(2019, 1, 2)], "ratio": [2.0]}), store=store
    )
    quarantined = store.known().read("quarantine").height
    assert quarantined == 1
    assert set(tapescan.undo_mending(mended.before, store)) == {"bars", "splits"}
    found = store.known().bars(adjust="none")
    own = before.join(odd, on=["symbol", "session"], how="anti", maintain_order="left")
    assert_frame_equal(
        found.filter(~pl.col("symbol").is_in(["NEW", "TSLA", "tsla"])).join(
            odd, on=["symbol", "session"], how="anti", maintain_order="left"
        ),
        own,
    )
    assert found.filter(symbol="NEW").height == 20
    assert found.filter(symbol="tsla")["close"].to_list() == history("tsla", 30, 9)["close"].to_list()
    assert found.filter(symbol="TSLA")["close"].to_list() == later["close"][-2:].to_list()
    assert found.filter(session=dt.date(2025, 7, 6))["symbol"].to_list() == ["MSFT"]
    assert store.known().read("splits")["symbol"].to_list() == ["MSFT", "aapl"]
    # Again, there is nothing left to undo.
    assert store.known().versions == (now := store.versions())
    assert tapescan.undo_mending(now, store) == []


def test_footers_and_closed_days_go_to_the_quarantine(store: Store) -> None:
    before = store.known().bars()
    footer = bars("x", 1, 1).with_columns(symbol=pl.lit("Downloaded from Somewhere.com as of 07-09-2025"))
    sunday = bars("MSFT", 1, 1).with_columns(session=pl.lit(dt.date(2025, 7, 6)))
    put(store, "bars", pl.concat([footer, sunday]))
    found = kinds(store)
    assert found["no symbol"]["rows"] == 1
    assert found["no session"]["examples"] == "MSFT on Sunday, 2025-07-06"
    tapescan.mend_store(store)
    assert set(kinds(store)) <= {"no listing"}
    assert_frame_equal(store.known().bars(), before)
    assert set(store.known().refused("bars")["reason"]) == {"not a symbol", "not an exchange session"}


def test_weekly_bars_and_repeated_sessions_are_named(store: Store) -> None:
    weekly = history("WEEK", 60, 4).filter(pl.col("session").dt.weekday() == 2)
    put(store, "bars", weekly)
    assert kinds(store)["longer bars"]["examples"] == "WEEK (weekly)"
    # A file a day early: Thursday has Friday's bars, which stand on Friday, too.
    friday = SHARES.filter(session=dt.date(2025, 6, 27))
    wrong = friday.with_columns(session=pl.lit(dt.date(2025, 6, 26)))
    stamped = wrong.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date), source=pl.lit("old.csv"))
    exchange_rows(store.path, "bars", wrong.select("symbol", "session"), stamped)
    row = kinds(store)["repeated sessions"]
    assert (row["symbols"], row["examples"]) == (5, "2025-06-27 (5 of 5 symbols)")


def test_dividends_and_market_values_beyond_belief_are_named(store: Store) -> None:
    day = SHARES["session"][60]
    paid = pl.DataFrame({"symbol": ["AAPL", "MSFT"], "ex_date": [day, day], "amount": [45.0, 0.5]})
    tapescan.import_bars(paid, store=store)
    assert str(kinds(store)["dividends"]["examples"]).startswith(f"AAPL {day}: $45 at a price of $")
    assert not tapescan.examine_store(store).defects.get("kinds of older mistakes")
    put(store, "symbols", LISTING.with_columns(symbol=pl.col("symbol") + "X", market_cap=pl.lit(3e6)))
    put(store, "bars", SHARES.with_columns(pl.col("symbol") + "X"))
    assert kinds(store)["market values"]["mend"] == "import the listing again"


def test_a_reused_ticker_is_named(store: Store) -> None:
    old = history("META", 200, 5)[:100].with_columns(pl.col("open", "high", "low", "close") * 0.1)
    put(store, "bars", pl.concat([old, history("META", 50, 5)]))
    assert "META on " in str(kinds(store)["another company"]["examples"])


@pytest.mark.parametrize("right", ["earlier", "later"])
def test_of_a_split_on_two_days_the_one_that_prices_show_stays(store: Store, right: str) -> None:
    days = SHARES.filter(symbol="NVDA")["session"][100:102].to_list()
    day = days[0] if right == "earlier" else days[1]
    raw = SHARES.filter(symbol="NVDA").with_columns(
        pl.when(pl.col("session") < day).then(pl.col(name) * 10).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    tapescan.import_bars(raw, store=store)
    put(store, "splits", pl.DataFrame({"symbol": ["NVDA"] * 2, "ex_date": days, "ratio": [10.0, 10.0]}))
    assert len(tapescan.examine_store(store).twice) == 1
    mended = tapescan.mend_store(store)
    assert store.known().read("splits")["ex_date"].to_list() == [day]
    assert any("recorded on two days" in line for line in mended.done)
    assert store.known().bars(symbols=["NVDA"])["close"].to_list() == pytest.approx(
        SHARES.filter(symbol="NVDA")["close"].to_list()
    )


def test_the_command(store: Store) -> None:
    put(store, "bars", history("aapl", 30, 0)[:3])
    shown = run("doctor", "--store", store.path)
    assert shown.returncode == 1
    assert "symbols in another spelling or case than ours, as shares of their own: 3 of 1 symbols" in shown.stdout
    mended = run("doctor", "--store", store.path, "--fix")
    assert mended.returncode == 0
    assert "aapl is AAPL" in mended.stdout
    undo = mended.stdout.split("--undo ")[1].split()[0]
    assert run("doctor", "--store", store.path, "--undo", undo).stdout.strip() == "bars: put back"
    assert "aapl" in store.known().newest()["symbol"].to_list()


def test_a_version_that_is_not_there_is_one_line(store: Store) -> None:
    with pytest.raises(StoreError, match="has no version 99"):
        tapescan.undo_mending("bars=99", store)
    with pytest.raises(OptionError, match="undo: 'bars'; give tables"):
        tapescan.undo_mending("bars", store)
