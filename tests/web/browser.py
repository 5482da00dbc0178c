"""A server on this machine and a browser that looks at it; what the browser complains of is kept."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tapescan.api.resident import Resident

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = [
    "CHROMIUM",
    "IN_CHROMIUM",
    "Looked",
    "browser_of",
    "looking",
    "open_scan",
    "ready",
    "served",
    "symbols",
    "until",
]

#: Where Debian's package puts it.
CHROMIUM = Path("/usr/bin/chromium")
TOKEN = "0123456789abcdef-token"

#: Tests that look at the page in it.
IN_CHROMIUM = [
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not there: apt-get install chromium"),
]

#: Violations of the policy are events of the document; the console says them too, but not all of them.
_WATCH = """document.addEventListener("securitypolicyviolation", (event) => {
    console.error(`violates ${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});"""


@contextmanager
def served(resident: Resident, live: Any = None) -> Iterator[str]:
    """A server in a thread of this process; gives the address with the token. live : as of `make_app`."""
    import uvicorn

    from tapescan.interfaces.web.app import make_app
    from tapescan.interfaces.web.serving import Serving

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serving = Serving(port=port, token=TOKEN)
    config = uvicorn.Config(
        make_app(resident, serving, live), port=port, log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 60.0
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server does not start"  # noqa: PT018
            time.sleep(0.02)
        yield serving.address
    finally:
        server.should_exit = True
        thread.join(20.0)


@contextmanager
def browser_of() -> Iterator[Browser]:
    """Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Looked:
    """A page, and what was wrong while somebody looked at it: errors of the console, requests to elsewhere."""

    page: Page
    address: str
    wrong: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address that is shown; the driver's own lags behind steps within a page, and may miss one."""
        return str(self.page.evaluate("location.href"))

    def go(self, path: str) -> None:
        """Open a page of the server."""
        host, _, token = self.address.partition("?")
        mark = "&" if "?" in path else "?"
        self.page.goto(host.rstrip("/") + path + mark + token)


@contextmanager
def looking(browser: Browser, address: str, **terms: Any) -> Iterator[Looked]:
    """A page in a context of its own; raises AssertionError at the end for what was wrong in it.

    terms : as of playwright's `new_context`. A 422 is an answer that the page shows, so the console's line about it
    is none.
    """
    context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **terms})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.set_default_timeout(90_000)
    found = Looked(page, address)
    own = address.partition("?")[0]

    def said(message: Any) -> None:
        if message.type in {"error", "warning"} and "422" not in message.text:
            found.wrong.append(f"{message.type}: {message.text}")

    def asked(request: Any) -> None:
        if not request.url.startswith((own, "data:")):
            found.wrong.append(f"a request to {request.url}")

    page.on("console", said)
    page.on("pageerror", lambda error: found.wrong.append(f"exception: {error}"))
    page.on("request", asked)
    try:
        yield found
        assert found.wrong == []
    finally:
        context.close()


def until(what: Any, seconds: float = 120.0) -> Any:
    """The first true answer of something that is asked again and again; waiting for functions needs eval."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.05)
    return found


def ready(seen: Looked) -> None:
    """Any page shows what it has."""
    seen.page.locator("#page :is(h2, .grid, .sentence, form, canvas, input):visible").first.wait_for()


def open_scan(seen: Looked, path: str = "/") -> None:
    """The list, with rows and a chart."""
    seen.go(path)
    seen.page.locator(".slick-row").first.wait_for()
    seen.page.locator("canvas").first.wait_for()


def symbols(seen: Looked) -> list[str]:
    """Those of the rows that are drawn, in their order."""
    found: list[str] = seen.page.evaluate(
        """() => [...document.querySelectorAll(".grid-canvas .slick-row")]
            .map((row) => [parseFloat(row.style.top) || Number((/\\d+/.exec(row.style.transform) ?? [0])[0]), row])
            .sort((a, b) => a[0] - b[0])
            .map(([, row]) => row.querySelectorAll(".slick-cell")[1].textContent)"""
    )
    return found
