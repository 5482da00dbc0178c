"""Take the pictures of the pages that docs/guides/web.md shows: of simulated markets, in a real browser.

    python docs/pictures.py            # all
    python docs/pictures.py scan map   # some

Needs Chromium and the extras `dev` and `ml`. Pictures have a palette of 256 colours, so that all of them stay below a
megabyte. Those of data, models, alerts and a live session are of a store that an invented market was put into.
`tests/web/test_pictures.py` looks at the same pages in the same states.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
sys.path.insert(0, str(DOCS.parent))

if TYPE_CHECKING:
    from PIL import Image
    from playwright.sync_api import Browser, Page

    from tapescan.api.resident import Resident
    from tapescan.interfaces.web.following import LiveHub

COLOURS = 256
WIDE, NARROW = {"width": 1440, "height": 860}, {"width": 390, "height": 844}
WHERE = "close > sma_200 AND rsi_14 < 45"
BUILT = "rsi_14 BETWEEN 30 AND 45 AND ret_21 >= -0.1 AND sector IN ('Health Care', 'Financials')"


def at_rest(page: Page) -> None:
    """Rows, chart and reasons are there."""
    page.locator(".slick-row").first.wait_for()
    page.locator(".chart canvas").first.wait_for()
    page.locator(".factor").first.wait_for()


def replayed(page: Page) -> None:
    page.get_by_role("button", name="Replay").click()
    page.locator(".sentence").wait_for(timeout=600_000)


def completing(page: Page) -> None:
    page.locator(".slick-row").first.wait_for()
    field = page.locator("#where")
    field.press("End")
    field.press_sequentially(" AND rel")
    page.locator(".completions li").first.wait_for()


def tiles(page: Page) -> None:
    from tests.web.browser import until

    until(lambda: int(page.locator("canvas").get_attribute("data-tiles") or 0) > 20, 60.0)


def sentence(page: Page) -> None:
    page.locator(".sentence").wait_for(timeout=120_000)


def options(page: Page) -> None:
    page.locator(".factor").first.wait_for(timeout=60_000)
    page.locator(".picture").first.wait_for(timeout=60_000)


def ranked(page: Page) -> None:
    page.locator("[data-ranks]").wait_for(timeout=120_000)
    page.locator("[data-ranks]").scroll_into_view_if_needed()


def listed(page: Page) -> None:
    """A table with rows."""
    page.locator("tbody tr").nth(2).wait_for(timeout=120_000)


def examined(page: Page) -> None:
    page.locator(".tiles").first.wait_for(timeout=120_000)
    # Where a store lies is nobody's business.
    page.locator("h2").first.evaluate("(one) => { one.textContent = one.textContent.split('/').pop(); }")


class Picture(NamedTuple):
    """path : an address; of one that ends with ``symbol=`` the best symbol follows. ready : what is awaited or done.
    kept : of the market in a store."""

    path: str
    ready: Callable[[Page], None]
    size: dict[str, int] = WIDE
    theme: str = "light"
    kept: bool = False


PICTURES: dict[str, Picture] = {
    "scan": Picture("/", at_rest),
    "scan-dark": Picture(f"/?where={quote(WHERE)}&plot=1", at_rest, theme="dark"),
    "scan-builder": Picture(f"/?where={quote(BUILT)}&build=1", at_rest),
    "completion": Picture(f"/?where={quote(WHERE)}", completing, {"width": 1440, "height": 400}),
    "scan-narrow": Picture("/", at_rest, NARROW),
    "symbol": Picture("/symbol?symbol=", options),
    "symbol-ranks": Picture("/symbol?ranks=1&symbol=", ranked),
    "map": Picture("/map?colour=ret_21", tiles, theme="dark"),
    "breadth": Picture("/breadth", sentence),
    "replay": Picture(
        f"/replay?where={quote('rsi_2 < 10 AND close > sma_200')}&start=2025-09-02&top=5&hold=5", replayed
    ),
    "live": Picture("/live", listed, kept=True),
    "alerts": Picture("/alerts", listed, kept=True),
    "models": Picture("/models", examined, kept=True),
    "data": Picture("/data", examined, kept=True),
}


@contextmanager
def kept_market(symbols: int = 400, sessions: int = 700) -> Iterator[tuple[Resident, LiveHub]]:
    """A store that an invented market was put into, with a model and its record, and a session that is followed with
    rules, of whose alerts some came already."""
    import polars as pl

    import tapescan
    from tapescan.alerts.rules import Rule
    from tapescan.api.alerts import alert_log
    from tapescan.api.resident import Resident
    from tapescan.api.training import train_models
    from tapescan.interfaces.web.following import LiveHub
    from tapescan.live.simulated import SimulatedFeed
    from tapescan.market.quality import BAR_COLUMNS, check_bars
    from tapescan.simulation.market import simulate
    from tests.web.browser import until

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = str(Path(folder) / "market")
        made = simulate(symbols=symbols, sessions=sessions, seed=7)
        bars = check_bars(made.bars)[0].select(BAR_COLUMNS)
        newest = pl.col("session") == pl.col("session").max()
        tapescan.import_bars(bars.filter(~newest), store=place)
        tapescan.import_bars(made.listing, store=place)
        train_models(place, learner="ridge")
        rules = (
            Rule(name="breakout", on="condition", where="close > highest(20, high)[1]", title="above its 20 bars"),
            Rule(name="pullback", on="condition", where="rsi_2 < 15 AND close > sma_50", title="pullback"),
        )
        hub = LiveHub(place, SimulatedFeed(bars.filter(newest), pace=0.5), alerts=rules)
        until(lambda: len(alert_log(place)) > 3, 180.0)
        yield Resident(place), hub


def take(browser: Browser, address: str, picture: Picture, symbol: str) -> Image.Image:
    """The picture, once the page is ready. symbol : the best one."""
    from PIL import Image

    from tests.web.browser import looking

    with looking(browser, address, viewport=picture.size, color_scheme=picture.theme) as seen:
        seen.go(picture.path + symbol if picture.path.endswith("symbol=") else picture.path)
        picture.ready(seen.page)
        seen.page.wait_for_timeout(1200)  # what is drawn last: small pictures of rows, the chart's scale
        return Image.open(io.BytesIO(seen.page.screenshot()))


def _few(taken: Image.Image) -> Image.Image:
    """In its most frequent colours, exactly: a page has few, and shades between them at the edges of letters."""
    from PIL import Image

    counts = taken.getcolors(taken.width * taken.height) or []
    most = sorted(counts, key=lambda one: (-one[0], one[1]))[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for _, colour in most if isinstance(colour, tuple) for part in colour])
    return taken.quantize(palette=palette, dither=Image.Dither.NONE)


def main(names: list[str]) -> None:
    """Write them."""
    from tapescan.api.resident import Resident
    from tests.web.browser import browser_of, served

    IMAGES.mkdir(exist_ok=True)
    wanted = {name: PICTURES[name] for name in names or PICTURES}

    def write(browser: Browser, address: str, symbol: str, *, kept: bool) -> None:
        for name, picture in wanted.items():
            if picture.kept is kept:
                palette = _few(take(browser, address, picture, symbol).convert("RGB"))
                palette.save(IMAGES / f"{name}.png", optimize=True)
                sys.stdout.write(f"docs/images/{name}.png {(IMAGES / f'{name}.png').stat().st_size:,} bytes\n")

    with browser_of() as browser:
        if any(not one.kept for one in wanted.values()):
            resident = Resident(models=False)
            with served(resident) as address:
                write(browser, address, resident.scan().symbols[0], kept=False)
        if any(one.kept for one in wanted.values()):
            with kept_market() as (resident, hub), served(resident, hub) as address:
                write(browser, address, resident.scan().symbols[0], kept=True)


if __name__ == "__main__":
    main(sys.argv[1:])
