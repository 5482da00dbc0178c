"""Every page in a real browser, in both themes: nothing wrong in its console, room on a telephone, and axe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")
pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")

from tests.web.browser import IN_CHROMIUM, looking, ready

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_CHROMIUM

PAGES = ("/", "/symbol", "/map", "/breadth", "/replay", "/live", "/alerts", "/models", "/data")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_opens(browser: Browser, address: str, path: str, scheme: str) -> None:
    with looking(browser, address, color_scheme=scheme) as seen:
        seen.go(path)
        ready(seen)
        seen.page.wait_for_load_state("networkidle") if path != "/" else seen.page.wait_for_timeout(1500)
        assert seen.page.locator("#page .error:not(:empty)").count() == 0
        theme = seen.page.evaluate("document.documentElement.dataset.theme")
        assert theme == scheme


@pytest.mark.parametrize("path", PAGES)
def test_a_narrow_screen_is_enough(browser: Browser, address: str, path: str) -> None:
    with looking(browser, address, viewport={"width": 390, "height": 844}, has_touch=True) as seen:
        seen.go(path)
        ready(seen)
        seen.page.wait_for_timeout(800)
        wide = seen.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        # What is scrolled sideways is a table, not the page.
        over = seen.page.evaluate(
            """() => [...document.querySelectorAll("#page *")]
                .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > 391)
                .filter((one) => !one.closest(".grid, .scroll, nav, svg, .completions"))
                .map((one) => one.tagName + "." + one.className)"""
        )
        assert over == []


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, address: str, path: str, scheme: str) -> None:
    # The checker is put into the page from outside, which the policy would refuse.
    with looking(browser, address, bypass_csp=True, color_scheme=scheme) as seen:
        seen.go(path)
        ready(seen)
        seen.page.wait_for_timeout(1500)
        seen.page.add_script_tag(path=str(Path(__file__).with_name("axe.min.js")))
        found = seen.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = {
            one["id"]: [node["html"][:160] + " " + node["failureSummary"][:200] for node in one["nodes"][:3]]
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        }
        assert serious == {}, json.dumps(serious, indent=1)
