"""A store that is watched: what is told while it grows, is damaged, is away, and is put back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.api.watching import Sighting, watch_market
from tapescan.core.errors import OptionError, ScreenError, StoreError
from tapescan.scan.result import Changes, Left
from tapescan.store import Store
from tests.commands import ROOT, one_line
from tests.commands import tapescan as command
from tests.conftest import random_bars

WHOLE = random_bars(symbols=30, sessions=330, seed=5).sort("symbol", "session")
DAYS = WHOLE["session"].unique().sort().to_list()
STORED = 300
TOP = 8


def of_day(at: int) -> pl.DataFrame:
    return WHOLE.filter(pl.col("session") == DAYS[at])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = Store(tmp_path / "store")
    tapescan.import_bars(WHOLE.filter(pl.col("session") <= DAYS[STORED]), store=found)
    return found


class Script:
    """What happens at each look, one after the other; waits for nothing."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def __call__(self, seconds: float) -> None:
        assert seconds == 1.0
        assert self.steps, "it goes on where it should have ended"
        self.steps.pop(0)()


def seen(store: Store, *steps: Callable[[], object], times: int, **asked: Any) -> Iterator[Sighting]:
    return watch_market(store, wait=Script(*steps), times=times, top=TOP, models=False, **asked)


def imports(store: Store, at: int) -> Callable[[], object]:
    return lambda: tapescan.import_bars(of_day(at), store=store)


def nothing() -> None:
    """A look that finds nothing."""


def test_each_change_is_one_scan_with_who_entered_and_left(store: Store) -> None:
    before: list[str] = []
    looks = seen(store, imports(store, STORED + 1), nothing, nothing, imports(store, STORED + 2), times=2)
    for number, one in enumerate(looks):
        assert one.result is not None
        fresh = tapescan.scan_market(store, models=False)
        assert one.result.frame.equals(fresh.frame, null_equal=True)
        assert one.result.as_of == DAYS[STORED + number]
        now = fresh.symbols[:TOP]
        if number:
            assert one.changes is not None
            assert one.changes.since == DAYS[STORED + number - 1]
            assert list(one.changes.entered) == [symbol for symbol in now if symbol not in before]
            assert [gone.symbol for gone in one.changes.left] == sorted({*before} - {*now})
            assert one.changes.stayed == len({*before} & {*now})
        else:
            assert one.changes is None
        before = now
    assert number == 2


def test_why_someone_left(store: Store) -> None:
    first = tapescan.scan_market(store, models=False)
    gone = first.symbols[0]
    day = of_day(STORED + 1).filter(pl.col("symbol") != gone)
    looks = list(seen(store, lambda: tapescan.import_bars(day, store=store), times=1))
    changes = looks[1].changes
    assert changes is not None
    assert Left(gone, "stale") in changes.left
    assert {one.why for one in changes.left} <= {"stale", "outranked"}


def test_a_change_that_changes_nothing_is_told(store: Store) -> None:
    row = WHOLE.filter(pl.col("session") == DAYS[STORED - 250]).head(1)
    looks = list(seen(store, lambda: tapescan.import_bars(row.with_columns(close="high"), store=store), times=1))
    changes = looks[1].changes
    assert changes is not None
    assert (changes.entered, changes.left, changes.stayed) == ((), (), TOP)


def test_a_recorded_scan_is_no_change(store: Store) -> None:
    def record() -> None:
        tapescan.record_scan(tapescan.scan_market(store, models=False), store)

    looks = list(seen(store, record, imports(store, STORED + 1), times=1))
    assert [one.result.as_of for one in looks if one.result] == [DAYS[STORED], DAYS[STORED + 1]]


def test_a_store_that_is_away_is_told_once_and_looked_at_again(store: Store, tmp_path: Path) -> None:
    place, aside = Path(store.path), tmp_path / "aside"

    def away() -> None:
        shutil.move(place, aside)

    def back() -> None:
        shutil.move(aside, place)

    looks = list(seen(store, away, nothing, nothing, back, imports(store, STORED + 1), times=1))
    assert [bool(one.trouble) for one in looks] == [False, True, False, False]
    assert "holds no bars" in looks[1].trouble
    assert looks[1].to_dict() == {"trouble": looks[1].trouble}
    assert looks[3].result is not None
    fresh = tapescan.scan_market(store, models=False)
    assert looks[3].result.frame.equals(fresh.frame, null_equal=True)


def test_a_damaged_file_is_told_and_its_repair_seen(store: Store) -> None:
    """What was damaged comes to be whole again, as a copy from a backup makes it."""
    kept: dict[Path, bytes] = {}

    def damage() -> None:
        tapescan.import_bars(of_day(STORED + 1), store=store)
        for file in Path(store.path, "bars").rglob("*.parquet"):
            kept[file] = file.read_bytes()
            file.write_bytes(b"\0" * len(kept[file]))

    def restore() -> None:
        for file, data in kept.items():
            file.write_bytes(data)

    looks = list(seen(store, damage, nothing, restore, imports(store, STORED + 2), times=2))
    assert [bool(one.trouble) for one in looks] == [False, True, False, False]
    for one, at in ((looks[2], STORED + 1), (looks[3], STORED + 2)):
        assert one.result is not None
        assert one.result.as_of == DAYS[at]
    fresh = tapescan.scan_market(store, models=False)
    assert looks[3].result is not None
    assert looks[3].result.frame.equals(fresh.frame, null_equal=True)


def test_a_writer_beside(store: Store) -> None:
    """A store that grows in another thread, by commits of several tables."""

    def write() -> None:
        for at in range(STORED + 1, STORED + 7):
            tapescan.import_bars(
                of_day(at),
                pl.DataFrame({"symbol": ["S001"], "ex_date": [DAYS[at]], "ratio": [2.0]}),
                store=store,
            )

    writer = threading.Thread(target=write)
    looks = watch_market(store, every=0.01, top=TOP, models=False)
    newest = next(looks)
    writer.start()
    while newest.result is None or newest.result.as_of < DAYS[STORED + 6]:
        assert not newest.trouble
        newest = next(looks)
    writer.join()
    fresh = tapescan.scan_market(store, models=False)
    assert newest.result.frame.equals(fresh.frame, null_equal=True)


def test_what_cannot_be_asked(store: Store, tmp_path: Path) -> None:
    for wrong, error in (
        ({"every": 0.0}, OptionError),
        ({"every": float("nan")}, OptionError),
        ({"top": 0}, OptionError),
        ({"where": "clos > 1"}, ScreenError),
    ):
        with pytest.raises(error):
            next(watch_market(store, **{"models": False, **wrong}))  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        next(watch_market(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no bars"):
        next(watch_market(tmp_path / "empty"))


# --- the command ----------------------------------------------------------------------------------------------


class Watching:
    """The command under way."""

    def __init__(self, store: Store, *words: str) -> None:
        variables = {name: text for name, text in os.environ.items() if not name.startswith("TAPESCAN_")}
        if "TAPESCAN_CACHE" in os.environ:
            variables["TAPESCAN_CACHE"] = os.environ["TAPESCAN_CACHE"]
        code = "from tapescan.interfaces.cli.main import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "watch", "--store", store.path, "--every", "0.05", "--no-models", *words],
            env=variables | {"PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.stdout = self.process.stdout

    def line(self) -> str:
        return self.stdout.readline().rstrip("\n")

    def stop(self) -> tuple[int, str]:
        """Ctrl-C; its exit code and what is on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def test_the_command_tells_and_ends_at_ctrl_c(store: Store, tmp_path: Path) -> None:
    watching = Watching(store, "--top", "5")
    shown = [watching.line()]
    while not shown[-1].startswith("Scanned "):
        shown.append(watching.line())
    best = tapescan.scan_market(store, models=False)
    assert shown[0].startswith(f"{DAYS[STORED]}  profile")
    assert sum(symbol in " ".join(shown) for symbol in best.symbols[:5]) == 5
    tapescan.import_bars(of_day(STORED + 1), store=store)
    fresh = tapescan.scan_market(store, models=False)
    now, before = fresh.symbols[:5], best.symbols[:5]
    line = watching.line()
    assert line.startswith(f"{DAYS[STORED + 1]}  ")
    for row in fresh.best(5).iter_rows(named=True):
        entry = f"#{row['rank']} {row['symbol']} ({row['score']:.1f}, {row['side']}, {row['close']:,.2f})"
        assert (entry in line) == (row["symbol"] not in before)
    for symbol in before:
        assert (f"{symbol} (" in line.partition("left: ")[2]) == (symbol not in now)
    shutil.move(store.path, tmp_path / "aside")
    time.sleep(0.5)
    shutil.move(tmp_path / "aside", store.path)
    assert watching.line() == f"{DAYS[STORED + 1]}  no change in the list of 5"
    code, errors = watching.stop()
    assert code == 0
    assert "Traceback" not in errors
    assert len([line for line in errors.splitlines() if "looked at again" in line]) == 1


def test_lines_of_json(store: Store) -> None:
    watching = Watching(store, "--json", "--top", "5", "--times", "2")
    first = json.loads(watching.line())
    assert (first["since"], first["left"], first["as_of"]) == (None, [], str(DAYS[STORED]))
    assert [row["rank"] for row in first["entered"]] == [1, 2, 3, 4, 5]
    names = {row["symbol"] for row in first["entered"]}
    for at in (STORED + 1, STORED + 2):
        tapescan.import_bars(of_day(at), store=store)
        line = json.loads(watching.line())
        names = (names - {one["symbol"] for one in line["left"]}) | {row["symbol"] for row in line["entered"]}
        fresh = tapescan.scan_market(store, models=False)
        assert line["as_of"] == str(DAYS[at])
        assert names == {*fresh.symbols[:5]}
        assert all(isinstance(row["close"], float) for row in line["entered"])
    rest, errors = watching.process.communicate(timeout=60)
    assert (watching.process.returncode, rest) == (0, ""), errors


def test_the_users_errors_are_one_line(store: Store, tmp_path: Path) -> None:
    assert "clos" in one_line(command("watch", "--store", store.path, "--where", "clos > 1"))
    assert "there is no store" in one_line(command("watch", "--store", str(tmp_path / "none")))
    assert "no store is named" in one_line(command("watch", cwd=tmp_path))
    assert "--every" in one_line(command("watch", "--store", store.path, "--every", "0"))
    done = command("watch", "--store", store.path, "--times", "0", "--no-models")
    assert done.returncode == 0, done.stderr
    assert "Coverage: " in done.stdout


def test_what_a_terminal_obeys_is_not_told(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """No symbol of a store holds it; were one to, it would not reach a terminal."""
    from tapescan.interfaces.cli import watch

    looks = list(seen(store, imports(store, STORED + 1), times=1))
    changes = Changes(DAYS[STORED], False, (), (Left("A\x1b[31mZ", "stale"),), 1)
    watch._say(Sighting(looks[1].result, changes), TOP)
    assert capsys.readouterr().out == f"{DAYS[STORED + 1]}  left: A [31mZ (stale)\n"
