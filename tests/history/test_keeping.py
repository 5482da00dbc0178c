"""What is kept of a store gives what reading it gives, to the last bit; and nothing but that store, as it is, made by
this code, is believed."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.history import keeping, kept_file
from tapescan.history.keeping import FOLDER, kept_market
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.market.calendar import next_session
from tapescan.market.panel import COLUMNS
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tapescan.store.fetched import Step
from tests.conftest import random_bars
from tests.scan.statements import facts_of

SESSIONS = 690
BARS = random_bars(symbols=60, sessions=SESSIONS, seed=4)
DAYS = BARS["session"].unique().sort()

#: Traded no more since long before what a short span asks for.
GONE = ("S001", "S002")
#: Another company's since long ago: whoever reads few sessions does not see the break.
ANOTHER = "S004"

SHOWN = ("rsi_14", "beta_252", "dividend_12m", "revenue_growth", "sector")


def market_rows() -> dict[str, pl.DataFrame]:
    """All that a store may hold of a market."""
    day = pl.col("session")
    bars = BARS.filter(~pl.col("symbol").is_in(GONE) | (day <= DAYS[150]))
    break_ = (pl.col("symbol") == ANOTHER) & day.is_between(DAYS[60], DAYS[120])
    bars = bars.filter(~break_).with_columns(
        pl.when((pl.col("symbol") == ANOTHER) & (day > DAYS[120]))
        .then(pl.col(name) * 40.0)
        .otherwise(name)
        .alias(name)
        for name in ("open", "high", "low", "close")
    )
    wrong = (pl.col("symbol") == "S005") & (day == DAYS[-40])
    bars = bars.with_columns(close=pl.when(wrong).then(pl.col("low") / 8).otherwise("close"))
    bars = bars.with_columns(low=pl.min_horizontal("low", "close"))
    names = BARS["symbol"].unique().sort()
    companies = [f"{number:010}" for number in range(len(names))]
    return {
        "bars": bars,
        "splits": pl.DataFrame({"symbol": ["S007"], "ex_date": [DAYS[-30]], "ratio": [2.0]}),
        "dividends": pl.DataFrame(
            {"symbol": names, "ex_date": [DAYS[100]] * len(names), "amount": [0.5] * len(names)}
        ),
        "symbols": pl.DataFrame({"symbol": names, "company": companies, "sector": ["Energy"] * len(names)}),
        "facts": facts_of(companies),
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.add(market_rows(), "test", step=Step("a", 1))
    return made


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How often bars of the whole market were read, by the span."""
    found: list[int | None] = []

    def read(*asked: Any, **how: Any) -> Any:
        found.append(how["span"])
        return held_of_store(*asked, **how)

    held_of_store = keeping.held_of_store
    monkeypatch.setattr(keeping, "held_of_store", read)
    return found


def kept_of(store: Store, adjust: str = "splits") -> Path:
    return Path(store.path, FOLDER, f"market-{adjust}")


def assert_same_market(ours: Market, theirs: Market) -> None:
    """But for what reaches further back."""
    assert ours.panel.symbols == theirs.panel.symbols
    assert ours.panel.as_of == theirs.panel.as_of
    for name in ("universe", "dividends", "fundamentals", "suspects"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert (one is None) == (other is None), name
        assert one is None or (one.schema == other.schema and one.equals(other, null_equal=True)), name
    for name in ("provenance", "notes", "models", "adjust"):
        assert getattr(ours, name) == getattr(theirs, name), name
    for one, other in zip(ours.panel.blocks, theirs.panel.blocks, strict=True):
        for name in (*COLUMNS, "first"):
            assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


def scanned(data: Any, **asked: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    asked.setdefault("features", SHOWN)
    found: ScanResult = tapescan.scan_market(data, **asked)
    return found.frame, {name: part for name, part in found.to_dict().items() if name != "timings"}


def read_anew(store: Store, **asked: Any) -> tuple[pl.DataFrame, dict[str, Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPESCAN_KEEP", "false")
        return scanned(store, **asked)


def assert_same_scan(store: Store, **asked: Any) -> None:
    (ours, told), (theirs, said) = scanned(store, **asked), read_anew(store, **asked)
    assert ours.schema == theirs.schema
    for name in theirs.columns:
        assert ours[name].equals(theirs[name], null_equal=True), name
    assert told == said


# --- what is served ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adjust", ["none", "splits", "total"])
def test_what_is_kept_is_what_is_read(store: Store, reads: list[int | None], adjust: Any) -> None:
    read = market_of_store(store, adjust=adjust)
    assert_same_market(kept_market(store, adjust=adjust), read)
    assert reads == [None]
    assert_same_market(kept_market(store, adjust=adjust), read)
    assert reads == [None], "the second one is served"
    assert kept_of(store, adjust).exists()


def test_a_longer_span_serves_shorter_ones_to_the_bit(store: Store, reads: list[int | None]) -> None:
    for span in (128, 384):
        kept_market(store, span=span)
    kept_market(store, span=128)
    kept_market(store)
    assert reads == [128, 384, None], "a longer one takes the place of a shorter one"
    del reads[:]
    for features in ((), ("rsi_14",), ("sma_20", "dividend_12m", "revenue_growth"), "all"):
        assert_same_scan(store, features=features)
    assert not [one for one in reads if one is not None], "each was served"


def test_who_had_no_bar_lately_has_nothing_in_a_short_span_either(store: Store, reads: list[int | None]) -> None:
    kept_market(store)
    ours, theirs = kept_market(store, span=128), market_of_store(store, span=128)
    assert reads == [None]
    assert {*GONE} <= {*ours.panel.symbols}
    assert not {*GONE} & {*theirs.panel.symbols}
    for name in ("dividends", "fundamentals"):
        of = [getattr(one, name).with_columns(symbol=pl.Series(one.panel.symbols)) for one in (ours, theirs)]
        assert (
            of[0].filter(~pl.col("symbol").is_in(GONE)).sort("symbol").equals(of[1].sort("symbol"), null_equal=True)
        )
        left = of[0].filter(pl.col("symbol").is_in(GONE)).drop("symbol")
        assert left.null_count().sum_horizontal().item() == left.width * len(GONE), name
    bars = [dict(one.universe.select("symbol", "bars").iter_rows()) for one in (ours, theirs)]
    assert bars[0] == bars[1]
    assert bars[0][ANOTHER] > dict(kept_market(store).universe.select("symbol", "bars").iter_rows())[ANOTHER]


def test_past_days_take_nothing_and_leave_it_as_it_is(store: Store, reads: list[int | None]) -> None:
    kept_market(store)
    before = kept_of(store).stat()
    past = DAYS[-100]
    assert_same_market(kept_market(store, past), market_of_store(store, past))
    assert len(reads) == 2
    after = kept_of(store).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("later", [0, 4])
def test_the_newest_session_by_name_is_served(store: Store, reads: list[int | None], later: int) -> None:
    kept_market(store)
    day = DAYS[-1] + dt.timedelta(days=later)
    assert_same_market(kept_market(store, day), market_of_store(store, day))
    assert reads == [None]


def test_nothing_of_what_a_process_writes_into_its_market_is_kept(store: Store) -> None:
    kept_market(store)
    written = kept_of(store).read_bytes()
    mine = kept_market(store)
    for block in mine.panel.blocks:
        block.close[:] = -1.0
    assert kept_of(store).read_bytes() == written
    assert_same_market(kept_market(store), market_of_store(store))


# --- what came since ------------------------------------------------------------------------------------------------


def test_what_came_is_taken_and_kept_again(store: Store, reads: list[int | None]) -> None:
    scanned(store)
    news, after = BARS.filter(pl.col("session") == DAYS[-1]), next_session(DAYS[-1])
    changes: list[dict[str, pl.DataFrame]] = [
        {"bars": news.with_columns(session=pl.lit(after))},
        {"bars": BARS.filter(pl.col("symbol") == "S008").with_columns(pl.col("volume") * 2)},
        {"splits": pl.DataFrame({"symbol": ["S010"], "ex_date": [DAYS[-20]], "ratio": [3.0]})},
        {"symbols": pl.DataFrame({"symbol": ["S011"], "sector": ["Utilities"]})},
        {"dividends": pl.DataFrame({"symbol": ["S013"], "ex_date": [DAYS[-5]], "amount": [0.7]})},
        {"bars": news.head(1).with_columns(symbol=pl.lit("NEW"), session=pl.lit(after))},
    ]
    for number, rows in enumerate(changes):
        before = kept_of(store).stat().st_ino
        store.add(rows, "test", step=Step("a", number + 2))
        assert_same_scan(store)
        assert kept_of(store).stat().st_ino != before, "kept again"
        assert_same_scan(store, features="all" if number == 0 else ("rsi_14",))
    assert reads == [reads[0]] * len(reads)


def test_a_recorded_scan_changes_nothing(store: Store, reads: list[int | None]) -> None:
    tapescan.record_scan(tapescan.scan_market(store), store)
    scanned(store)
    assert len(reads) == 1


# --- what is not believed -------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5000])


def cut_to_nothing(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, at: int) -> None:
    """Change a byte; the file looks the same from outside."""
    data, before = bytearray(path.read_bytes()), path.stat()
    data[at] ^= 1
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def flip_first(path: Path) -> None:
    flip(path, 0)


def flip_prices(path: Path) -> None:
    """A close of the second block's last row would do as well: each is looked at."""
    block = kept_file.open_kept(path).contents.blocks[-1]
    flip(path, block.at["close"] + (block.rows * block.lanes - 1) * 8)


def flip_frame(path: Path) -> None:
    there = kept_file.open_kept(path).contents.frames["universe"]
    flip(path, there.at + there.size // 2)


def flip_contents(path: Path) -> None:
    flip(path, path.stat().st_size - 200)


def flip_mark(path: Path) -> None:
    flip(path, path.stat().st_size - 1)


def older_format(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: -len(kept_file.MARK)] + b"tapescan kept 0\n")


def longer(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(bytes(4096) + data)


FAULTS: dict[str, Callable[[Path], None]] = {
    one.__name__: one
    for one in (
        cut,
        cut_to_nothing,
        flip_first,
        flip_prices,
        flip_frame,
        flip_contents,
        flip_mark,
        older_format,
        longer,
    )
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_made_anew(store: Store, reads: list[int | None], fault: str) -> None:
    kept_market(store)
    FAULTS[fault](kept_of(store))
    assert_same_market(kept_market(store), market_of_store(store))
    assert reads == [None, None]
    kept_market(store)
    assert reads == [None, None], "and kept anew"


def test_rows_that_nobody_asks_for_are_not_read(store: Store, reads: list[int | None]) -> None:
    """Of a short span the checks look at its rows alone: a flipped bit of an old one is found by who needs it."""
    kept_market(store)
    block = kept_file.open_kept(kept_of(store)).contents.blocks[0]
    flip(kept_of(store), block.at["open"] + 8)
    kept_market(store, span=128)
    assert reads == [None]
    assert_same_market(kept_market(store), market_of_store(store))
    assert reads == [None, None]


def test_another_stores_file_is_none(store: Store, tmp_path: Path, reads: list[int | None]) -> None:
    """Of the same rows and versions, too: a commit is known by its checksum."""
    twin = Store(tmp_path / "twin")
    rows = market_rows()
    twin.add(rows | {"bars": rows["bars"].with_columns(pl.col("volume") + 1)}, "test", step=Step("a", 1))
    assert twin.versions() == store.versions()
    kept_market(twin)
    kept_of(store).parent.mkdir()
    shutil.copy(kept_of(twin), kept_of(store))
    assert_same_market(kept_market(store), market_of_store(store))
    assert len(reads) == 2


def test_a_store_that_was_moved_is_served(store: Store, tmp_path: Path, reads: list[int | None]) -> None:
    kept_market(store)
    moved = Store(Path(store.path).rename(tmp_path / "moved"))
    assert_same_market(kept_market(moved), market_of_store(moved))
    assert reads == [None]


def test_other_codes_file_is_none(store: Store, reads: list[int | None], monkeypatch: pytest.MonkeyPatch) -> None:
    kept_market(store)
    monkeypatch.setattr(keeping, "_code", lambda: "other")
    kept_market(store)
    assert len(reads) == 2


def test_the_code_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path(keeping.__file__).parents[1]
    shutil.copytree(package, tmp_path / "tapescan", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(keeping, "__file__", str(tmp_path / "tapescan" / "history" / "keeping.py"))
    found = []
    for file in (None, "market/panel.py", "fundamentals/ratios.py", "scan/frame.py"):
        if file:
            with (tmp_path / "tapescan" / file).open("a") as source:
                source.write("\n")
        found.append(keeping._code.__wrapped__())
    assert found[0] != found[1] != found[2] == found[3]


# --- where it cannot be kept ----------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of this test alone."""
    monkeypatch.setattr(keeping, "user_cache", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def read_only(store: Store) -> Iterator[Store]:
    folder = Path(store.path)
    folder.chmod(0o555)
    yield store
    folder.chmod(0o755)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere: a read-only store was not tried")
def test_of_a_store_that_cannot_be_written_it_lies_in_the_cache(
    read_only: Store, cache: Path, reads: list[int | None]
) -> None:
    for _ in range(2):
        assert_same_market(kept_market(read_only), market_of_store(read_only))
    assert reads == [None]
    assert [path.name for path in cache.rglob("market-*")] == ["market-splits"]


@pytest.mark.parametrize("number", [13, 28, 30])  # not permitted, no space, a read-only file system
def test_no_trouble_with_the_disk_is_an_error(
    store: Store, cache: Path, reads: list[int | None], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def write(file: Any, data: Any) -> None:
        raise OSError(number, os.strerror(number))

    for folder in (Path(store.path, FOLDER), None):
        with monkeypatch.context() as patch:
            patch.setattr(kept_file, "_write", write)
            assert_same_market(kept_market(store), market_of_store(store))
        left = [path.name for place in (Path(store.path), cache) for path in place.rglob(".part-*")]
        assert not left, folder
    assert len(reads) == 2
    kept_market(store)
    kept_market(store)
    assert len(reads) == 3


def test_a_file_that_may_not_be_read_is_passed_over(
    store: Store, cache: Path, reads: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_market(store)

    def denied(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(keeping, "open_kept", denied)
        assert_same_market(kept_market(store), market_of_store(store))
    assert len(reads) == 2


def test_few_are_kept_in_the_cache(store: Store, tmp_path: Path, cache: Path) -> None:
    for number in range(keeping.MOST_CACHED + 2):
        folder = cache / keeping.CACHED / f"{number:016}"
        keeping._ready(folder)
        os.utime(folder / keeping.TAG, (number, number))
    keeping._ready(cache / keeping.CACHED / "newest")
    left = sorted(path.name for path in (cache / keeping.CACHED).iterdir())
    assert left == [*(f"{number:016}" for number in range(3, keeping.MOST_CACHED + 2)), "newest"]


def test_what_a_killed_writer_left_is_taken_away(store: Store) -> None:
    kept_market(store)
    old, young = (kept_of(store).with_name(f"{kept_file.PART}{name}") for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    keeping._ready(old.parent)
    assert not old.exists()
    assert young.exists(), "another process may be writing it"


def test_it_can_be_switched_off(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_KEEP", "false")
    kept_market(store)
    assert not Path(store.path, FOLDER).exists()


def test_a_past_version_keeps_nothing(store: Store) -> None:
    kept_market(store.at(store.versions()))
    assert not Path(store.path, FOLDER).exists()


def test_doctor_and_writers_pass_it_over(store: Store) -> None:
    kept_market(store)
    assert store.verify() == []
    assert FOLDER not in store.versions()
    store.compact(dt.timedelta(days=0), apply=True)
    assert kept_of(store).exists()


def test_readers_and_writers_at_once(store: Store) -> None:
    """Each reader has a whole file, the old one or the new one; who has mapped one keeps it."""
    wanted = kept_market(store)
    first, wrong, stop = kept_market(store), list[BaseException](), threading.Event()
    held = wanted.held
    assert held is not None
    keep = partial(keeping._keep, wanted, held, None, held.asked.states)

    def write() -> None:
        while not stop.is_set():
            keep()

    def read() -> None:
        try:
            for _ in range(15):
                assert_same_market(kept_market(store), wanted)
        except BaseException as error:  # noqa: BLE001 (whatever it is, the test says so)
            wrong.append(error)

    writers, reader = [threading.Thread(target=write) for _ in range(2)], threading.Thread(target=read)
    for one in (*writers, reader):
        one.start()
    reader.join()
    stop.set()
    for one in writers:
        one.join()
    assert not wrong
    assert_same_market(first, wanted)
