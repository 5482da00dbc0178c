"""The page as files in a real browser, on a host of files alone."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")
pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")

from tapescan.api.resident import Resident
from tests.web.browser import IN_CHROMIUM, Looked, looking, ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_CHROMIUM


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
        # What the files do not hold is said, and what is shown stays.
        page.goto(f"{host}?where=rsi_14+%3C+30")
        page.get_by_text("tapescan serve").first.wait_for()
        page.goto(f"{host}?page=map&where=rsi_14+%3C+30")
        page.get_by_text("tapescan serve").first.wait_for()
        page.goto(host)
        ready(seen)
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
