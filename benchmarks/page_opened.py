"""How long until the list is there, and until its chart is, by the page's own marks, from the first byte on.

    python -m benchmarks.page_opened --store DIR --runs 10

A tool that listens to every request of a page makes each of them slower, so Chromium is only told where to go, and
asked afterwards. First visits are of a browser that has nothing of the page, later ones of one that was there
before. The server is a process of its own on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import tempfile
from typing import Any

import aiohttp

from benchmarks.page import say_line
from benchmarks.web import got, served
from tests.web.browser import CHROMIUM

#: Milliseconds from the first byte of the document to each mark that the page leaves, and their names.
MARKS = {"tapescan:list": "the list", "tapescan:chart": "its chart"}
_ASKED = """JSON.stringify({begin: performance.getEntriesByType("navigation")[0].responseStart,
    marks: Object.fromEntries(performance.getEntriesByType("mark").map((one) => [one.name, one.startTime]))})"""
#: What a person's own browser does beside has no place here.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--window-size=1440,900",
)


class Protocol:
    """Chromium's, over its websocket, one call after the other."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._calls = socket, 0

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._calls += 1
        asked = {"id": self._calls, "method": method, "params": parameters}
        await self._socket.send_json(asked | ({"sessionId": session} if session else {}))
        while True:
            told = await self._socket.receive_json()
            if told.get("id") == self._calls:
                if "error" in told:
                    raise RuntimeError(f"{method}: {told['error']}")
                found: dict[str, Any] = told["result"]
                return found


async def opened(chromium: Protocol, context: str, address: str) -> dict[str, float]:
    """Milliseconds to each mark, and of CPU of the main thread until all is quiet."""
    made = await chromium.call("Target.createTarget", url="about:blank", browserContextId=context)
    target = made["targetId"]
    session = (await chromium.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    await chromium.call("Performance.enable", session, timeDomain="threadTicks")
    await asyncio.sleep(0.5)
    await chromium.call("Page.navigate", session, url=address)
    told: dict[str, Any] = {"marks": {}}
    while not MARKS.keys() <= told["marks"].keys():
        await asyncio.sleep(2.5)
        told = json.loads((await chromium.call("Runtime.evaluate", session, expression=_ASKED))["result"]["value"])
    metrics = (await chromium.call("Performance.getMetrics", session))["metrics"]
    await chromium.call("Target.closeTarget", targetId=target)
    busy = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    return {name: told["marks"][name] - told["begin"] for name in MARKS} | {"cpu": busy * 1e3}


async def measure(store: str, runs: int) -> None:
    """First visits and later ones, in turns."""
    first: list[dict[str, float]] = []
    again: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [str(CHROMIUM), *_FLAGS, f"--user-data-dir={folder}", "about:blank"]
        async with served(store) as (client, address):
            await got(client, "/api/v1/scan", {"top": 1})
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
                try:
                    assert process.stderr is not None
                    listens = next(found for line in process.stderr if (found := re.search(r"ws://\S+", line)))
                    async with aiohttp.ClientSession() as web, web.ws_connect(listens[0], max_msg_size=0) as socket:
                        chromium = Protocol(socket)
                        for _ in range(runs + 1):
                            context = (await chromium.call("Target.createBrowserContext"))["browserContextId"]
                            first.append(await opened(chromium, context, address))
                            again.append(await opened(chromium, context, address))
                            await chromium.call("Target.disposeBrowserContext", browserContextId=context)
                finally:
                    process.terminate()
    for name, visits in (("first visit", first[1:]), ("later visit", again[1:])):
        middle = {one: statistics.median(visit[one] for visit in visits) for one in visits[0]}
        parts = ", ".join(f"{said} after {middle[mark]:,.0f} ms" for mark, said in MARKS.items())
        say_line(f"{name}: {parts}; CPU of the main thread {middle['cpu']:,.0f} ms (medians of {len(visits)})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default="", help="a store; the simulated market without one")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    asyncio.run(measure(given.store, given.runs))


if __name__ == "__main__":
    main()
