"""The page as files: what it holds, what it does not, and a browser that looks at it without any server of ours."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")

from tapescan.api import import_bars
from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.site import write_site
from tapescan.simulation.market import SimulatedMarket
from tests.commands import one_line, tapescan
from tests.web.browser import CHROMIUM, Looked, browser_of, looking, ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def site(resident: Resident, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "deep" / "site"
    written = write_site(resident, folder, symbols=12)
    assert written.symbols >= 12
    assert written.files == sum(1 for one in folder.rglob("*") if one.is_file())
    return folder


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


@pytest.fixture(scope="module")
def host(site: Path) -> Iterator[str]:
    """A host of files, which has the page below its root."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    root = site.parents[1]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/deep/site/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")
    with browser_of() as found:
        yield found


@pytest.mark.long
@pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not there: apt-get install chromium")
def test_a_browser_shows_it_without_a_server(host: str, browser: Browser, resident: Resident) -> None:
    best = resident.scan().best(2)["symbol"].to_list()
    with looking(browser, host) as seen:
        page = seen.page
        page.goto(host)
        ready(seen)
        page.locator(".chip.simulated").wait_for()
        page.locator(".chip", has_text="written 2").wait_for()
        page.locator(".slick-row", has_text=best[0]).first.wait_for()
        page.locator("svg.spark").first.wait_for()
        page.locator(".detail canvas").first.wait_for()
        assert page.locator("nav a").all_inner_texts() == ["Scan", "Map", "Breadth", "Models"]
        assert page.locator("#where").is_hidden()
        # All columns of the page's own list are in the files.
        heads = page.locator(".slick-header-column").all_inner_texts()
        for wanted in ("ret_1", "ret_252", "rsi_14", "rel. volume", "from high"):
            assert any(wanted.lower() in one.lower() for one in heads), (wanted, heads)
        # A named screen, and who was left out.
        page.get_by_label("Named screen").select_option("golden-cross")
        page.locator(".note code").wait_for()
        page.get_by_label("Named screen").select_option("")
        page.locator("button.reason[data-reason]").first.click()
        page.get_by_text("left out").first.wait_for()
        reopened(seen)


def reopened(seen: Looked) -> None:
    """Every page by its link, and again by its address."""
    page = seen.page
    for name in ("Map", "Breadth", "Models", "Scan"):
        page.get_by_role("link", name=name, exact=True).click()
        ready(seen)
        page.reload()
        ready(seen)
        assert page.locator("nav a[aria-current=page]").inner_text() == name
        assert page.locator("#page .error:not(:empty)").count() == 0
    page.locator(".detail h2 a").first.click()
    page.get_by_text("of 100").first.wait_for()
    assert "page=symbol" in page.url
