"""The page as files: what it holds, and what it does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")

from tapescan.api import import_bars
from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.pages import files
from tapescan.interfaces.web.site import CHOICES, write_site
from tapescan.simulation.market import SimulatedMarket
from tests.commands import one_line, tapescan


def contents(site: Path) -> dict[str, str]:
    (index,) = site.glob("answers-*/index.json")
    found: dict[str, str] = json.loads(index.read_text("utf-8"))
    return found


def test_the_list_in_it_is_the_scan(site: Path, resident: Resident) -> None:
    known = contents(site)
    for name in ("", "golden-cross"):
        said = json.dumps([["screens", name]] if name else [], separators=(",", ":"))
        frame = pl.read_ipc_stream(site / known[f"arrow /scan {said}"])
        result = resident.scan(Asked(screens=(name,) if name else ()))
        own = result.best(20_000)
        assert frame["symbol"].to_list() == own["symbol"].to_list()
        for column in ("score", "close", "entry", "stop", "target"):
            assert frame[column].equals(own[column], null_equal=True)


def test_every_file_is_named_by_what_it_answers(site: Path) -> None:
    known = contents(site)
    there = {one.relative_to(site).as_posix() for one in site.glob("answers-*/*")}
    assert len({*known.values()}) == len(known)
    assert {*known.values()} == {one for one in there if not one.endswith("/index.json")}


def test_the_page_looks_for_files_by_the_names_that_they_have() -> None:
    """Which parameters choose within a file stands in two languages."""
    text = files()["files.js"].content.decode()
    found = re.search(r"CHOICES = new Set\((\[[^\]]*\])\)", text)
    assert found is not None
    assert {*json.loads(found[1])} == CHOICES


def test_it_says_nothing_of_the_machine(simulated: SimulatedMarket, tmp_path: Path) -> None:
    place = tmp_path / "a-private-place" / "store"
    import_bars(simulated.bars, store=str(place))
    write_site(Resident(str(place), models=False), tmp_path / "site", symbols=3)
    for one in (tmp_path / "site").rglob("*"):
        if one.is_file():
            assert b"a-private-place" not in one.read_bytes(), one.name


def test_written_again_it_is_another_one_and_nothing_stays(site: Path, resident: Resident) -> None:
    before = {one.name for one in site.iterdir()}
    write_site(resident, site, symbols=12)
    after = {one.name for one in site.iterdir()}
    assert len(after) == len(before) == 3
    assert after != before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, resident: Resident) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OptionError, match="holds something else"):
        write_site(resident, tmp_path)
    with pytest.raises(OptionError, match="is a file"):
        write_site(resident, tmp_path / "mine.txt")
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_what_fails_leaves_the_old_page(site: Path, resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {one.name for one in site.iterdir()}

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Resident, "closes", broken)
    with pytest.raises(OSError, match="No space left"):
        write_site(resident, site, symbols=2)
    assert {one.name for one in site.iterdir()} == before


def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert "holds something else" in one_line(tapescan("page", "--output", str(tmp_path)))
