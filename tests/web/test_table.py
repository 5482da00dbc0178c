"""The table of the page in a real browser: what is drawn is what is asked for, and no more than is seen."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")
pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")

from tapescan.api.resident import Resident
from tests.web.browser import IN_CHROMIUM, Looked, looking, open_scan, symbols, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_CHROMIUM


def test_rows_that_are_written_over_show_what_new_ones_do(seen: Looked, browser: Browser) -> None:
    open_scan(seen)
    until(lambda: seen.page.locator(".spark").count() > 20)
    for name in ("ret_5", "ret_5", "score", "ret_21"):
        before = seen.url
        seen.page.locator(".slick-header-column", has_text=re.compile(f"^{name}$")).click()
        until(lambda before=before: seen.url != before)
    until(lambda: seen.page.locator(".slick-row .spark").count() > 20)
    with looking(browser, seen.address) as other:
        other.go("/?" + seen.url.partition("?")[2])
        other.page.locator(".slick-row").first.wait_for()
        until(lambda: other.page.locator(".slick-row .spark").count() > 20)
        wanted = cells(other)
    assert len(wanted) > 20
    assert len({signs for row in wanted for _, signs, _ in row}) > 2  # who rose and who fell look different
    assert cells(seen) == wanted


def cells(seen: Looked) -> list[list[tuple[str, str, str]]]:
    """Of each row that is drawn its cells: text, classes and what is drawn in it."""
    found: list[list[list[str]]] = seen.page.evaluate(
        """() => [...document.querySelectorAll(".grid-canvas .slick-row")]
            .map((row) => [parseFloat(row.style.top) || Number((/\\d+/.exec(row.style.transform) ?? [0])[0]), row])
            .sort((a, b) => a[0] - b[0])
            .map(([, row]) => [...row.querySelectorAll(".slick-cell")].map((cell) => [
                cell.textContent,
                [...cell.classList].filter((one) => one !== "chosen" && one !== "active").sort().join(" "),
                cell.firstElementChild?.innerHTML + (cell.firstElementChild?.getAttribute("style") ?? ""),
            ]))"""
    )
    return [[(text, signs, drawn) for text, signs, drawn in row] for row in found]


def test_columns_at_the_side_are_drawn_when_they_are_seen(seen: Looked, resident: Resident) -> None:
    open_scan(seen)
    names = seen.page.locator(".slick-header-column").all_inner_texts()
    last = f".slick-row:first-child .slick-cell.l{len(names) - 1}"
    assert names[-1] == "risk"
    seen.page.evaluate("() => { document.querySelector('.slick-viewport').scrollLeft = 10_000; }")
    until(lambda: seen.page.locator(last).count() == 1)
    shown = seen.page.locator(last).inner_text()
    assert float(shown.replace(",", "")) == pytest.approx(resident.scan().best(1)["risk"][0], rel=0.01)


def test_the_bars_of_the_next_symbol_are_there_before_it_is_asked_for(seen: Looked) -> None:
    asked: list[str] = []
    seen.page.on("request", lambda request: asked.extend(re.findall(r"/symbols/(\w+)/bars", request.url)))
    open_scan(seen)
    order = symbols(seen)
    chart = seen.page.locator(".chart").last
    for at in (1, 2):
        until(lambda at=at: chart.get_attribute("data-shown") == order[at - 1] and asked == order[: at + 1])
        seen.page.keyboard.press("j")
    until(lambda: chart.get_attribute("data-shown") == order[2] and asked == order[:4])
    seen.page.keyboard.press("k")  # who goes back finds them
    until(lambda: chart.get_attribute("data-shown") == order[1])
    seen.page.wait_for_timeout(500)
    assert asked == order[:4]


def test_every_row_that_is_seen_has_its_picture(seen: Looked) -> None:
    open_scan(seen)

    def blank() -> int:
        found: int = seen.page.evaluate(
            """() => { const place = document.querySelector(".slick-viewport").getBoundingClientRect();
                const rows = [...document.querySelectorAll(".slick-row")].filter((row) => {
                    const { top, bottom } = row.getBoundingClientRect();
                    return bottom > place.top + 1 && top < place.bottom - 1; });
                return rows.filter((row) => !row.querySelector(".spark")).length; }"""
        )
        return found

    for step, behaviour in ((1216, "instant"), *[(-40, "smooth")] * 6):  # as the arrow of a bar moves it, bit by bit
        seen.page.evaluate(
            "([top, behavior]) => document.querySelector('.slick-viewport').scrollBy({ top, behavior })",
            [step, behaviour],
        )
        seen.page.wait_for_timeout(700)
        until(lambda: blank() == 0, 10.0)


def test_numbers_are_written_as_python_writes_them(seen: Looked) -> None:
    open_scan(seen)
    draws = np.random.default_rng(7)
    values = (draws.normal(size=400) * 10.0 ** draws.integers(-5, 9, size=400)).tolist()
    asked = [(value, digits) for value in values for digits in (0, 1, 2, 4)]
    static = seen.page.evaluate("document.querySelector('script[src]').src")
    told = seen.page.evaluate(
        """async ([file, asked]) => { const { fixed } = await import(file);
            return asked.map(([value, digits]) => fixed(value, digits)); }""",
        [static.replace("asked.js", "format.js"), asked],
    )
    assert [one.replace("\u2212", "-") for one in told] == [f"{value:,.{digits}f}" for value, digits in asked]
