"""A table is declared once: the toy table is imported, fetched, read as known on a day, and survives kills."""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError, OptionError
from tapescan.importing.importing import import_files, import_frames
from tapescan.store import Store
from tapescan.sync import dry_run, sync
from tapescan.sync.wishes import Wishes, usual_kinds
from tapescan.tables import registry
from tapescan.tables.definition import Table
from tapescan.tables.registry import all_kinds, all_offers, all_tables, find_table, offers_of, stored_tables
from tapescan.vendors import registry as vendors
from tests.commands import Child
from tests.tables import toy

NOW = dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC)


@pytest.fixture
def declared() -> Iterator[None]:
    toy.declare()
    yield
    registry._added.remove(toy.RATINGS)
    del vendors._added[toy.Boutique.name]


@pytest.fixture
def store(tmp_path: Path, declared: None) -> Store:
    return Store(tmp_path / "store")


def ratings(folder: Path, *rows: tuple[str, str, object]) -> Path:
    path = folder / "ratings.csv"
    path.write_text("Ticker,Published On,Stars\n" + "".join(f"{s},{d},{n}\n" for s, d, n in rows))
    return path


class TestToy:
    def test_a_file_of_it_is_told_by_its_columns_and_imported(self, store: Store, tmp_path: Path) -> None:
        path = ratings(tmp_path, ("aapl.us", "2026-11-02", 4), ("BRK-B", "2026-11-09", 9), ("", "2026-11-09", 2))
        report = import_files(store, [path])
        assert report.actions == {"ratings": (2, 0, 0)}
        assert report.refused == {"ratings: missing value": 1}
        found = store.known().read("ratings")
        assert found.rows() == [  # an implausible number of stars is none
            ("AAPL", dt.date(2026, 11, 2), 4.0, "ratings.csv"),
            ("BRK.B", dt.date(2026, 11, 9), None, "ratings.csv"),
        ]
        assert store.known().refused("ratings")["reason"].to_list() == ["ratings: missing value"]
        assert import_files(store, [path]).actions == {"ratings": (0, 0, 2)}

    def test_a_frame_of_it_is_imported_alike_and_a_wrong_one_refused(self, store: Store) -> None:
        frame = pl.DataFrame({"symbol": ["A"], "published": [dt.date(2026, 11, 2)], "stars": [2]})
        assert import_frames(store, [frame]).actions == {"ratings": (1, 0, 0)}
        with pytest.raises(FileError, match="the frame, row 1: 'many' in column stars"):
            import_frames(store, [frame.with_columns(stars=pl.lit("many"))])

    def test_a_vendor_fills_it_and_it_is_read_as_known_on_two_days(self, store: Store) -> None:
        wishes = Wishes(what=("opinions",))
        (planned,) = dry_run(store, wishes, now=NOW)
        assert (planned.vendor, planned.requests) == ("boutique", 4)
        report = sync(store, wishes, now=NOW)
        assert not report.partial
        assert "ratings: 8 new" in str(report)
        assert sync(store, wishes, now=NOW).parts[0].before == 4
        week_ago = toy.NEWEST - dt.timedelta(days=7)
        assert len(store.known().read("ratings")) == 8
        early = store.known(week_ago).read("ratings")
        assert len(early) == 6
        assert early["published"].max() == week_ago
        assert store.known(dt.date(2020, 1, 1)).read("ratings").is_empty()

    def test_a_corrected_rating_takes_the_place_of_the_old_which_stays_readable(
        self, store: Store, tmp_path: Path
    ) -> None:
        import_files(store, [ratings(tmp_path, ("A", "2026-11-02", 2))])
        before = store.versions()
        assert import_files(store, [ratings(tmp_path, ("A", "2026-11-02", 3))]).actions == {"ratings": (0, 1, 0)}
        assert store.known().read("ratings")["stars"].to_list() == [3.0]
        assert store.at(before).known().read("ratings")["stars"].to_list() == [2.0]

    @pytest.mark.long
    @pytest.mark.usefixtures("declared")
    def test_kills_at_random_moments_leave_nothing_half(self, tmp_path: Path) -> None:
        whole = Store(tmp_path / "whole")
        seconds = sync_in_a_child(whole, None)
        expected = whole.known().read("ratings")
        draw = random.Random(5)
        states = []
        for number in range(20):
            store = Store(tmp_path / f"killed{number}")
            sync_in_a_child(store, draw.uniform(0.0, seconds))
            held, calls = store.known().read("ratings"), store.fetches("boutique")
            # A call counts if and only if its two rows are there.
            assert len(held) == 2 * len(calls)
            states.append(len(calls))
            assert not sync(store, Wishes(what=("opinions",)), now=NOW).partial
            assert store.known().read("ratings").equals(expected)
        # Before the first step, and between two of the four.
        assert 0 in states
        assert {1, 2, 3} & {*states}

    def test_an_older_store_without_the_table_reads_as_without_rows(self, store: Store) -> None:
        assert store.known().read("ratings").schema == pl.Schema(toy.RATINGS.schema)


#: The child waits to be told, so that kills fall into the sync and not into its start.
CHILD = """
import datetime as dt, sys
from tests.tables import toy
toy.declare()
from tapescan.store import Store
from tapescan.sync import sync, writing
from tapescan.sync.wishes import Wishes
writing.STEP_ROWS = 1
print("ready", flush=True)
sys.stdin.readline()
sync(Store(sys.argv[1]), Wishes(what=("opinions",)), now=dt.datetime(2026, 11, 20, 22, tzinfo=dt.UTC))
"""


def sync_in_a_child(store: Store, kill_after: float | None) -> float:
    """Sync a store in a process that is killed after some seconds; the seconds that it took."""
    child = Child(CHILD, store.path)
    began = child.set_off(kill_after)
    code = child.wait()
    assert kill_after is not None or code == 0
    return time.perf_counter() - began


class TestDeclarations:
    @pytest.mark.parametrize("table", all_tables(), ids=lambda table: table.name)
    def test_each_table_says_what_it_is(self, table: Table) -> None:
        assert table.title
        assert all(field.meaning for field in table.fields.values())
        assert set(table.key) <= set(table.fields)
        assert not table.known or table.fields[table.known].type == pl.Date
        assert not table.value or table.value in table.fields
        assert (table.kind is None) == (not table.offers)
        assert not table.beside or find_table(table.beside)

    def test_bars_are_committed_last_and_read_first(self) -> None:
        assert all_tables()[-1].name == "bars"
        assert stored_tables()[0].name == "bars"

    def test_symbols_are_fetched_before_what_is_asked_by_symbol(self) -> None:
        assert [kind.name for kind in all_kinds()] == ["universe", "actions", "bars", "fundamentals", "options"]
        assert usual_kinds() == ("universe", "actions", "bars")

    def test_every_offer_serves_a_kind(self) -> None:
        assert {offer for kind in all_kinds(stored=False) for offer in offers_of(kind)} == set(all_offers())

    def test_an_unknown_table_is_named_with_the_nearest(self) -> None:
        with pytest.raises(OptionError, match=r"no table is called 'split'; did you mean splits\?"):
            find_table("split")
        with pytest.raises(ValueError, match="already"):
            registry.add_table(find_table("splits"))
