"""The page in a real browser: the click paths of a first hour, the keyboard alone, what comes by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")
pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")

import tapescan
from tapescan.api.resident import Resident
from tapescan.interfaces.web.following import Newest
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.simulation.market import SimulatedMarket
from tests.web.browser import CHROMIUM, Looked, looking, open_scan, served, symbols, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not there: apt-get install chromium")

CHOSEN = "[aria-label='The chosen symbol'] h2 a"


def count(seen: Looked) -> int:
    return int(re.sub(r"\D", "", seen.page.locator(".count b").inner_text()))


def ask(seen: Looked, where: str) -> None:
    field = seen.page.locator("#where")
    field.fill(where)
    field.press("Enter")


def test_the_list_shows_the_scan(seen: Looked, resident: Resident) -> None:
    open_scan(seen)
    result = resident.scan()
    assert symbols(seen)[:10] == result.ranked["symbol"].head(10).to_list()
    assert count(seen) == result.coverage.ranked
    header = seen.page.locator("#header").inner_text()
    assert "SIMULATED" in header
    assert result.as_of.isoformat() in header
    assert "TradingView" in seen.page.locator(".credits").inner_text()


def test_a_wrong_condition_is_said_under_its_line_and_put_right(seen: Looked, resident: Resident) -> None:
    from tapescan.api.resident import Asked

    open_scan(seen)
    before = symbols(seen)
    ask(seen, "close > 5 AND rsii_14 < 45")
    error = seen.page.locator("#where-error")
    error.get_by_text("unknown name").wait_for()
    assert "rsi_14" in error.inner_text()
    assert error.locator("mark").inner_text() == "rsii_14"
    assert symbols(seen) == before  # nothing is lost
    ask(seen, "close > 5 AND rsi_14 < 45")
    wanted = resident.scan(Asked(where="close > 5 AND rsi_14 < 45")).coverage.ranked
    until(lambda: count(seen) == wanted)
    assert error.inner_text() == ""
    assert "where=close" in seen.url


@pytest.mark.long
def test_names_are_shown_and_never_read(seen: Looked) -> None:
    """A name with markup stands in the table as it is."""
    evil = '<img src=x onerror="document.title=1">'

    def changed(route: Any) -> None:
        told = route.fetch().json()
        told["row"]["name"] = evil
        told["factors"][0]["terms"][0] = [evil, evil]
        route.fulfill(json=told)

    seen.page.route(re.compile(r"/api/v1/symbols/[A-Z_]+\?|/api/v1/symbols/[A-Z_]+$"), changed)
    open_scan(seen)
    symbol = symbols(seen)[0]
    seen.go(f"/symbol?symbol={symbol}")
    seen.page.locator(".factor").first.wait_for()
    assert evil in seen.page.locator("h2").first.inner_text()
    assert seen.page.locator("img").count() == 0


@pytest.mark.long
def test_completion_knows_columns_and_functions(seen: Looked) -> None:
    open_scan(seen)
    field = seen.page.locator("#where")
    field.press_sequentially("close > hig")
    seen.page.locator(".completions li").first.wait_for()
    assert "highest(n, x)" in seen.page.locator(".completions").inner_text()
    field.fill("")
    field.press_sequentially("rsi_1")
    seen.page.locator(".completions li").first.wait_for()
    field.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") == "completion-0"
    field.press("Enter")
    assert field.input_value() == "rsi_14"
    field.press_sequentially(" < 50")
    field.press("Enter")
    until(lambda: "where=rsi_14" in seen.url)


@pytest.mark.long
def test_sorting_and_filtering_stand_in_the_address(seen: Looked, browser: Browser) -> None:
    open_scan(seen)
    header = seen.page.locator(".slick-header-column", has_text=re.compile("^close$"))
    header.click()
    until(lambda: "sort=close+desc" in seen.url)
    order = symbols(seen)
    header.click()
    until(lambda: "sort=close+asc" in seen.url)
    assert symbols(seen) != order
    seen.page.get_by_label("Quick filter").fill(order[0].lower())
    until(lambda: symbols(seen) == [order[0]])
    with looking(browser, seen.address) as other:  # a link brings all of it back
        other.go("/?" + seen.url.partition("?")[2])
        until(lambda: symbols(other) == [order[0]])


@pytest.mark.long
def test_the_chart_shows_the_scans_own_values(seen: Looked, resident: Resident) -> None:
    from tapescan.api.resident import Asked

    open_scan(seen)
    seen.page.get_by_label("Add a column to the chart").fill("ema_20")
    seen.page.get_by_label("Add a column to the chart").press("Enter")
    key = seen.page.locator("[data-column=ema_20]")
    key.wait_for()
    shown = {
        one.get_attribute("data-column"): float(one.get_attribute("data-value") or "nan")
        for one in seen.page.locator(".legend [data-column]").all()
    }
    symbol = seen.page.locator(CHOSEN).inner_text()
    row = resident.scan(Asked(features=tuple(shown))).ranked.filter(symbol=symbol).row(0, named=True)  # type: ignore[arg-type]
    assert shown == {name: row[name] for name in shown}  # type: ignore[index]
    assert set(shown) == {"sma_50", "sma_200", "rsi_14", "ema_20"}
    seen.page.get_by_label("Remove ema_20 from the chart").click()
    key.wait_for(state="detached")


@pytest.mark.long
def test_a_symbols_rank_through_time_is_asked_for_when_it_is_opened(seen: Looked, resident: Resident) -> None:
    symbol, asked = resident.scan().symbols[2], []
    seen.page.on("request", lambda request: asked.append(request.url))
    seen.go(f"/symbol?symbol={symbol}")
    seen.page.locator(".chart.tall[data-shown]").wait_for()
    assert asked
    assert not any(re.search(r"/ranks(\?|$)", url) for url in asked)
    seen.page.get_by_text("Its rank through time").click()
    chart = seen.page.locator("[data-ranks]")
    chart.wait_for()
    ranks = [str(one or "") for one in resident.ranks(symbol)["rank"].to_list()]
    assert chart.get_attribute("data-ranks") == " ".join(ranks)
    assert ranks[-1] == "3"
    assert (
        f"Ranked on {sum(map(bool, ranks))} of 63 sessions" in seen.page.locator("details.panel").first.inner_text()
    )
    assert "ranks=1" in seen.url
    seen.page.reload()  # it stands in the address
    chart.wait_for()


@pytest.mark.long
def test_every_reason_opens_its_symbols(seen: Looked, resident: Resident) -> None:
    open_scan(seen)
    for reason, number in resident.scan().coverage.dropped.items():
        seen.page.locator(f"[data-reason={reason}]").click()
        until(lambda number=number: count(seen) == number)
        assert f"dropped={reason}" in seen.url
    seen.page.get_by_role("button", name="ranked").click()
    until(lambda: count(seen) == resident.scan().coverage.ranked)


@pytest.mark.long
def test_a_day_of_the_plot_is_gone_to(seen: Looked) -> None:
    open_scan(seen)
    ask(seen, "rsi_14 < 50")
    seen.page.get_by_role("button", name="History", exact=True).click()
    plot = seen.page.locator(".plot[data-days]")
    plot.wait_for()
    box = plot.bounding_box()
    assert box is not None

    def clicked() -> bool:
        seen.page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.4 * box["height"])
        seen.page.wait_for_timeout(300)
        return "as_of=" in seen.url

    until(clicked)  # a plot that is not laid out yet has no day there
    day = re.search(r"as_of=([\d-]{10})", seen.url)
    assert day is not None
    header = seen.page.locator("#header")
    until(lambda: day[1] in header.inner_text())
    until(lambda: seen.page.locator(".grid[aria-busy]").count() == 0, 60.0)
    # The chart ends with the day, too.
    until(lambda: day[1] in seen.page.locator(".detail .legend").inner_text())
    seen.page.get_by_label(re.compile("Back to")).click()
    until(lambda: "as_of" not in seen.url)


@pytest.mark.long
def test_the_builder_writes_the_condition(seen: Looked, resident: Resident) -> None:
    open_scan(seen)
    seen.page.get_by_role("button", name="Builder").click()
    low = seen.page.get_by_label("rsi_14: lowest")
    low.wait_for()
    low.evaluate("(one) => { one.value = 200; one.dispatchEvent(new Event('input', {bubbles: true})); }")
    field = seen.page.locator("#where")
    until(lambda: re.fullmatch(r"rsi_14 >= [\d.]+", field.input_value()))
    seen.page.get_by_label("rsi_14: highest").evaluate(
        "(one) => { one.value = 300; one.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    until(lambda: re.fullmatch(r"rsi_14 BETWEEN [\d.]+ AND [\d.]+", field.input_value()))
    box = seen.page.locator(".words label").first
    name = box.locator("span").first.inner_text()
    box.click()
    until(lambda: field.input_value().endswith(f" AND sector = '{name}'"))
    box.click()
    until(lambda: "sector" not in field.input_value())
    assert seen.page.locator("#where-error").inner_text() == ""


@pytest.mark.long
def test_a_replay_is_begun_and_cancelled(seen: Looked) -> None:
    seen.go("/replay?where=rsi_2 < 10")
    seen.page.get_by_role("button", name="Replay").click()
    cancel = seen.page.get_by_role("button", name="Cancel")
    cancel.wait_for()
    assert "job=" in seen.url
    cancel.click()
    seen.page.locator("[data-state=ended]").wait_for()
    assert "cancelled" in seen.page.locator(".job").inner_text()
    seen.page.reload()
    seen.page.locator("[data-state=ended]").wait_for()


@pytest.mark.long
def test_the_back_button_restores_a_state(seen: Looked) -> None:
    open_scan(seen)
    everybody = count(seen)
    ask(seen, "rsi_14 < 50")
    until(lambda: count(seen) < everybody)
    few, first = count(seen), symbols(seen)[0]
    seen.page.locator(CHOSEN).click()
    until(lambda: "/symbol" in seen.url)
    seen.page.locator(".factor").first.wait_for()
    seen.page.go_back()
    until(lambda: count(seen) == few)
    assert seen.page.locator("#where").input_value() == "rsi_14 < 50"
    assert seen.page.locator(CHOSEN).inner_text() == first
    seen.page.go_back()
    until(lambda: count(seen) == everybody)


@pytest.mark.long
def test_the_theme_is_switched_and_kept(seen: Looked) -> None:
    open_scan(seen)
    paper = "getComputedStyle(document.body).backgroundColor"
    before = seen.page.evaluate(paper)
    seen.page.get_by_role("button", name=re.compile("Switch to")).click()
    assert seen.page.evaluate(paper) != before
    seen.page.reload()
    seen.page.locator(".slick-row").first.wait_for()
    assert seen.page.evaluate(paper) != before


@pytest.mark.long
def test_a_store_is_examined_and_followed(browser: Browser, simulated: SimulatedMarket, tmp_path: Path) -> None:
    bars = check_bars(simulated.bars)[0].select(BAR_COLUMNS)
    newest = bars["session"].max()
    place = str(tmp_path / "store")
    tapescan.import_bars(bars.filter(bars["session"] < newest), store=place)
    tapescan.import_bars(simulated.listing, store=place)
    with served(Resident(place, models=False)) as address, looking(browser, address) as seen:
        seen.go("/data")
        seen.page.get_by_role("heading", name="store").wait_for(timeout=60_000)
        told = seen.page.locator(".tiles").inner_text()
        assert f"{bars.filter(bars['session'] < newest).height:,}" in told
        assert "SIMULATED" not in seen.page.locator("#header").inner_text()
        seen.page.get_by_role("link", name="Scan", exact=True).click()
        seen.page.locator(".slick-row").first.wait_for()
        assert str(newest) not in seen.page.locator("#header").inner_text()
        tapescan.import_bars(bars.filter(bars["session"] == newest), store=place)
        # Nobody asks for it: the page is told.
        until(lambda: str(newest) in seen.page.locator("#header").inner_text(), 60.0)
        until(lambda: seen.page.locator(".detail .legend").inner_text().startswith(str(newest)), 30.0)


class Minutes:
    """Minutes of a session, another one at each look, of which each has the next symbol at its top."""

    def __init__(self, resident: Resident) -> None:
        self.whole, self.number = resident.scan().to_dict(30), 0

    @property
    def newest(self) -> Newest:
        self.number += 1
        rows = self.whole["rows"]
        at = self.number % len(rows)
        scan = {**self.whole, "rows": [*rows[at:], *rows[:at]]}
        changes = {
            "entered": [{"symbol": rows[at]["symbol"]}],
            "left": [{"symbol": rows[at - 1]["symbol"], "why": "price"}],
        }
        about = {"session": "2026-01-02", "clock": f"10:{self.number % 60:02}", "traded": 90 + at, "so_far": 140}
        more = {"expected": 150, "source": "simulated", "simulated": True, "lag": 0.4, "partial": False, "notes": []}
        return Newest(self.number, {**about, **more, "changes": changes, "scan": scan})


@pytest.mark.long
def test_minutes_come_and_leave_nothing_behind(browser: Browser, resident: Resident) -> None:
    hub = Minutes(resident)
    with served(resident, hub) as address, looking(browser, address) as seen:
        seen.go("/live")
        seen.page.get_by_role("heading", name="The list").wait_for()
        meter = seen.page.context.new_cdp_session(seen.page)

        def heap() -> float:
            meter.send("HeapProfiler.collectGarbage")
            return float(meter.send("Runtime.getHeapUsage")["usedSize"])

        seen.page.wait_for_timeout(2000)
        before, began = heap(), hub.number
        until(lambda: hub.number >= began + 200)
        assert heap() < 1.1 * before
        top = seen.page.locator("tbody tr td").nth(1)
        first = top.inner_text()
        until(lambda: top.inner_text() != first)
        seen.page.get_by_role("link", name="Live").first.click()
        assert "SIMULATED" in seen.page.locator(".tiles").inner_text()


@pytest.mark.long
def test_the_keyboard_is_enough(seen: Looked) -> None:
    open_scan(seen)
    keys = seen.page.keyboard
    keys.press("/")
    assert seen.page.evaluate("document.activeElement.id") == "where"
    keys.type("rsi_14 < 60")
    keys.press("Enter")
    until(lambda: "where=rsi_14" in seen.url)
    until(lambda: seen.page.locator(".grid[aria-busy]").count() == 0)
    keys.press("Escape")
    order = symbols(seen)
    chosen = seen.page.locator(CHOSEN)
    for key, wanted in (("Space", 1), ("j", 2), ("ArrowDown", 3), ("ArrowUp", 2), ("k", 1)):
        keys.press(key)
        until(lambda wanted=wanted: chosen.inner_text() == order[wanted])
        until(lambda wanted=wanted: seen.page.locator(".chart").last.get_attribute("data-shown") == order[wanted])
    keys.press("Enter")
    until(lambda: re.search(f"/symbol\\?.*symbol={order[1]}", seen.url))
    seen.page.locator(".chart.tall[data-shown]").wait_for()
    keys.press("Escape")
    until(lambda: "/symbol" not in seen.url)
    keys.press("?")
    assert seen.page.locator("dialog[open]").count() == 1
    keys.press("Escape")
    until(lambda: seen.page.locator("dialog[open]").count() == 0)
    keys.press("g")
    keys.press("b")
    until(lambda: seen.url.partition("?")[0].endswith("/breadth"))
