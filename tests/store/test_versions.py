"""The listing keeps what it was: a past day sees the names, sectors and types of then."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

import tapescan
from tapescan.store import Store
from tests.importing.files import history


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(pl.concat([history("A", 400, 1), history("B", 400, 2)]), store=found)
    return found


def listing(day: str, **rows: tuple[str, str]) -> pl.DataFrame:
    names, sectors = [row[0] for row in rows.values()], [row[1] for row in rows.values()]
    return pl.DataFrame(
        {"symbol": list(rows), "name": names, "sector": sectors, "as_of": [dt.date.fromisoformat(day)] * len(rows)}
    )


def said(store: Store, day: str | None) -> list[tuple[object, ...]]:
    known = store.known(dt.date.fromisoformat(day) if day else None)
    return known.read("symbols").select("symbol", "name", "sector").sort("symbol").rows()


JANUARY = {"A": ("Old A Inc.", "Energy"), "B": ("B Inc.", "Utilities")}
JUNE = {"A": ("New A Corp.", "Materials"), "B": ("B Inc.", "Utilities")}


@pytest.mark.parametrize("order", ["in order", "the newer first"])
def test_a_past_day_sees_its_own_version(store: Store, order: str) -> None:
    frames = [listing("2025-01-02", **JANUARY), listing("2025-06-02", **JUNE)]
    for frame in frames if order == "in order" else reversed(frames):
        tapescan.import_bars(frame, store=store)
    january = [("A", *JANUARY["A"]), ("B", *JANUARY["B"])]
    june = [("A", *JUNE["A"]), ("B", *JUNE["B"])]
    assert said(store, "2025-06-01") == january
    assert said(store, "2025-06-02") == june
    assert said(store, None) == june
    # Before the first listing, the first is all there is.
    assert said(store, "2024-03-01") == january
    market = tapescan.load_market(store, as_of="2025-03-03")
    assert market.universe.sort("symbol")["sector"].to_list() == ["Energy", "Utilities"]
    assert not any("names, sectors and types" in note for note in market.notes)
    early = tapescan.load_market(store, as_of="2024-10-01")
    assert any("of 2 of 2 listed symbols are those of 2025-01-02 or later" in note for note in early.notes)


def test_the_same_again_is_no_version_and_what_is_not_said_stays(store: Store) -> None:
    tapescan.import_bars(listing("2025-01-02", **JANUARY), store=store)
    again = tapescan.import_bars(listing("2025-02-03", **JANUARY), store=store)
    assert again.actions == {"symbols": (0, 0, 2)}
    bare = listing("2025-03-03", A=("Newer A Inc.", "Energy")).drop("sector").with_columns(exchange=pl.lit("NYSE"))
    report = tapescan.import_bars(bare, store=store)
    assert report.actions == {"symbols": (0, 1, 0)}
    row = store.known().read("symbols").filter(symbol="A").row(0, named=True)
    assert (row["name"], row["sector"], row["exchange"]) == ("Newer A Inc.", "Energy", "NYSE")
    assert said(store, "2025-02-28")[0] == ("A", *JANUARY["A"])


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (1, 0, 2), (2, 0, 1)])
def test_an_older_listing_that_comes_later_does_not_outlast_a_newer_one(store: Store, order: tuple[int, ...]) -> None:
    """January and March say the same, February something else."""
    frames = [
        listing("2025-01-02", A=("A Inc.", "Energy")),
        listing("2025-02-03", A=("A Inc.", "Financials")),
        listing("2025-03-03", A=("A Inc.", "Energy")),
    ]
    for at in order:
        tapescan.import_bars(frames[at], store=store)
    days = ("2025-01-31", "2025-02-28", "2025-03-31", None)
    assert [said(store, day)[0][2] for day in days] == ["Energy", "Financials", "Energy", "Energy"]
    before = store.versions()["symbols"]
    tapescan.import_bars(frames[order[-1]], store=store)
    assert store.versions()["symbols"] == before


def test_several_days_in_one_file(store: Store) -> None:
    """Each goes on from the one before it, of the file or of the store; a day that says the same is no version."""
    tapescan.import_bars(listing("2025-01-02", A=("A Inc.", "Energy")), store=store)
    later = [listing("2025-02-03", A=("A Corp.", "")), listing("2025-03-03", A=("A Corp.", "Materials"))]
    later[0] = later[0].with_columns(sector=pl.lit(None, pl.String))
    later += [listing("2025-04-01", A=("A Corp.", "Materials")), listing("2025-05-01", B=("B", "Energy"))]
    report = tapescan.import_bars(pl.concat(later), store=store)
    assert report.actions == {"symbols": (1, 2, 1)}
    assert said(store, "2025-02-28") == [("A", "A Corp.", "Energy"), ("B", "B", "Energy")]
    assert said(store, None)[0] == ("A", "A Corp.", "Materials")
    assert store.known().versions_of("symbols").height == 4


def test_two_words_of_one_day_are_one_version(store: Store) -> None:
    tapescan.import_bars(listing("2025-01-02", **JANUARY), store=store)
    tapescan.import_bars(listing("2025-01-02", **JUNE), store=store)
    assert said(store, None) == [("A", *JUNE["A"]), ("B", *JUNE["B"])]
    assert store.known().versions_of("symbols").height == 2
    found = tapescan.examine_store(store)
    assert found.keys.is_empty()


def test_a_listing_of_an_older_version_of_the_store_is_read(store: Store) -> None:
    """Its rows have no day from which on they were known."""
    from tapescan.store.table import StoredTable
    from tapescan.tables.registry import find_table

    table = find_table("symbols")
    rows = pl.DataFrame({"symbol": ["A"], "name": ["Old A Inc."]}).select(
        (pl.col(name) if name in ("symbol", "name") else pl.lit(None)).cast(kind).alias(name)
        for name, kind in table.schema.items()
        if name not in ("known_from", "identifier")
    )
    StoredTable(store.path, table).append(
        rows.with_columns(known_from=pl.lit(None, pl.Date), identifier=pl.lit(None, pl.String)).select(
            table.schema.keys()
        )
    )
    assert said(store, "2024-01-02") == [("A", "Old A Inc.", None)]
    tapescan.import_bars(listing("2025-06-02", **JUNE), store=store)
    assert said(store, "2025-06-01")[0] == ("A", "Old A Inc.", None)
    assert said(store, "2025-06-02")[0] == ("A", *JUNE["A"])
