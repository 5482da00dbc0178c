"""Lists of symbols: files in one folder, which screens name and no screen can leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.api import scan_market
from tapescan.core.errors import FileError, OptionError, ScreenError
from tapescan.history.market import Market
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.screen.lists import delete_list, list_files, read_list, write_list
from tests.commands import one_line, run
from tests.scan.conftest import inputs as inputs  # noqa: PLC0414 (the fixture)

PROFILE = load_profile("swing")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "lists"
    monkeypatch.setenv("TAPESCAN_LISTS", str(place))
    monkeypatch.setenv("COLUMNS", "160")
    return place


def test_symbols_in_any_spelling_and_layout(folder: Path) -> None:
    folder.mkdir()
    text = "\ufeff# mine\nAAPL, msft;BRK-B\n\tbrk.b  KIMpL KIM^L # the same\n\nRAC.W\n"
    (folder / "mine.txt").write_text(text, encoding="utf-8")
    assert read_list("mine") == ("AAPL", "MSFT", "BRK.B", "KIM^L", "RAC.WS")


def test_a_screen_names_a_list(folder: Path, inputs: Market) -> None:
    best = scan_market(inputs, models=False).ranked["symbol"].to_list()
    write_list("few", [best[3], best[7], "NONE"])
    found = scan_market(inputs, where="symbol IN list:few", models=False)
    assert found.ranked["symbol"].to_list() == [best[3], best[7]]
    assert list(found.provenance["lists"]) == ["few"]
    without = scan_market(inputs, where="symbol NOT IN list:few AND rsi_14 > 0", models=False)
    assert set(without.ranked["symbol"]) == {*best} - {best[3], best[7]}
    before = found.provenance["lists"]["few"]
    write_list("few", ["NONE", best[7], best[3]])
    assert scan_market(inputs, where="symbol IN list:few", models=False).provenance["lists"]["few"] == before
    write_list("few", [best[3]])
    assert scan_market(inputs, where="symbol IN list:few", models=False).provenance["lists"]["few"] != before
    write_list("few", [])
    assert scan_market(inputs, where="symbol IN list:few", models=False).coverage.ranked == 0


@pytest.mark.parametrize("name", ["../mine", "/etc/passwd", "..", ".", "", "x" * 65, "a b", "mine.txt", "\u00e9"])
def test_no_name_leaves_the_folder(folder: Path, name: str) -> None:
    folder.mkdir()
    (folder.parent / "mine.txt").write_text("AAPL")
    with pytest.raises(OptionError):
        read_list(name)
    with pytest.raises(OptionError):
        write_list(name, ["AAPL"])
    with pytest.raises(OptionError):
        delete_list(name)
    with pytest.raises(ScreenError):
        prepare(PROFILE, where=f"symbol IN list:{name}")


def test_what_is_no_list(folder: Path) -> None:
    assert list_files() == {}
    folder.mkdir()
    (folder / "notes.md").write_text("AAPL")
    (folder / "prose.txt").write_text("AAPL\nthis is: 'prose'\n")
    (folder / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    (folder / "wide.txt").write_text("S" * 5_000_000)
    assert list(list_files()) == ["bytes", "prose", "wide"]
    with pytest.raises(FileError, match=r"prose.txt: line 2: 'is:' is no symbol"):
        read_list("prose")
    with pytest.raises(FileError, match="it is no text"):
        read_list("bytes")
    with pytest.raises(FileError, match="larger than"):
        read_list("wide")
    with pytest.raises(ScreenError, match=r"no list 'prosa' at character 11; did you mean prose"):
        prepare(PROFILE, where="symbol IN list:prosa")


def test_the_command(folder: Path, tmp_path: Path) -> None:
    assert "No lists in" in run("lists").stdout
    assert "mine: 2 symbols" in run("lists", "mine", "--add", "aapl BRK-B").stdout
    assert "mine: 2 symbols" in run("lists", "mine", "--add", "MSFT", "--remove", "AAPL").stdout
    assert run("lists", "mine").stdout.split() == ["BRK.B", "MSFT"]
    assert (folder / "mine.txt").read_text() == "BRK.B\nMSFT\n"
    (tmp_path / "export.csv").write_text("NVDA\nTSLA\n")
    assert "mine: 2 symbols" in run("lists", "mine", "--from", str(tmp_path / "export.csv")).stdout
    shown = run("lists").stdout
    assert "mine" in shown
    assert "2" in shown
    assert run("lists", "mine", "--delete").returncode == 0
    assert not (folder / "mine.txt").exists()
    assert "there is no list 'mine'" in one_line(run("lists", "mine"))
    assert "is no name of a list" in one_line(run("lists", "../x", "--add", "A"))
    assert "no list is named" in one_line(run("lists", "--add", "A"))
    assert "does not hold TSLA" in one_line(run("lists", "new", "--add", "A", "--remove", "TSLA"))
    assert "no symbol" in one_line(run("lists", "new", "--add", "A'B"))
