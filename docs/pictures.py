"""Take the pictures of the pages that docs/guides/web.md shows: of the simulated market, in a real browser.

    python docs/pictures.py            # all
    python docs/pictures.py scan map   # some

Needs Chromium and the extra `dev`. Pictures have a palette of 256 colours, so that all of them stay below a megabyte.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

DOCS = Path(__file__).resolve().parent
IMAGES = DOCS / "images"
sys.path.insert(0, str(DOCS.parent))

if TYPE_CHECKING:
    from PIL import Image
    from playwright.sync_api import Page

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

    until(lambda: int(page.locator("canvas").get_attribute("data-tiles") or 0) > 100, 60.0)


def sentence(page: Page) -> None:
    page.locator(".sentence").wait_for(timeout=120_000)


def options(page: Page) -> None:
    page.locator(".factor").first.wait_for(timeout=60_000)
    page.locator(".picture").first.wait_for(timeout=60_000)


#: Name -> address, what is awaited or done, size, theme.
PICTURES: dict[str, tuple[str, Callable[[Page], None], dict[str, int], str]] = {
    "scan": ("/", at_rest, WIDE, "light"),
    "scan-dark": (f"/?where={quote(WHERE)}&plot=1", at_rest, WIDE, "dark"),
    "scan-builder": (f"/?where={quote(BUILT)}&build=1", at_rest, WIDE, "light"),
    "completion": (f"/?where={quote(WHERE)}", completing, {"width": 1440, "height": 400}, "light"),
    "scan-narrow": ("/", at_rest, NARROW, "light"),
    "symbol": ("/symbol?symbol=", options, WIDE, "light"),
    "map": ("/map?colour=ret_21", tiles, WIDE, "dark"),
    "breadth": ("/breadth", sentence, WIDE, "light"),
    "replay": (
        f"/replay?where={quote('rsi_2 < 10 AND close > sma_200')}&start=2025-09-02&top=5&hold=5",
        replayed,
        WIDE,
        "light",
    ),
}


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
    from PIL import Image

    from tapescan.api.resident import Resident
    from tests.web.browser import browser_of, looking, served

    IMAGES.mkdir(exist_ok=True)
    resident = Resident(models=False)
    best = resident.scan().ranked["symbol"][0]
    with served(resident) as address, browser_of() as browser:
        for name in names or PICTURES:
            path, ready, size, scheme = PICTURES[name]
            with looking(browser, address, viewport=size, color_scheme=scheme) as seen:
                seen.go(path + best if path.endswith("symbol=") else path)
                ready(seen.page)
                seen.page.wait_for_timeout(1200)  # what is drawn last: small pictures of rows, the chart's scale
                taken = Image.open(io.BytesIO(seen.page.screenshot()))
            palette = _few(taken.convert("RGB"))
            palette.save(IMAGES / f"{name}.png", optimize=True)
            sys.stdout.write(f"docs/images/{name}.png {(IMAGES / f'{name}.png').stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
