"""A browser that looks at a running session for minutes: what its heap is after each, and how many updates came.

    python -m benchmarks.page_live --minutes 10

The server is `tapescan serve --live simulated`, a process of its own. Before each look at the heap garbage is
collected. It ends with 1 where the last one is more than a tenth above that of the first minute.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.page import say_line

TOKEN = "benchmark-benchmark"  # noqa: S105 (of a server that lives for the run)


def main() -> None:
    """Look, and print a line for each minute."""
    from tests.web.browser import browser_of, looking, until

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=10)
    given = parser.parse_args()
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    command = [sys.executable, "-m", "tapescan", "serve", "--port", str(port), "--token", TOKEN]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    with subprocess.Popen([*command, "--live", "simulated"], env=variables, stdout=subprocess.DEVNULL) as server:
        try:
            until(lambda: _listens(port))
            address = f"http://127.0.0.1:{port}/?token={TOKEN}"
            with browser_of() as browser, looking(browser, address) as seen:
                seen.go("/live")
                seen.page.get_by_role("heading", name="The list").wait_for()
                meter = seen.page.context.new_cdp_session(seen.page)
                clock = seen.page.locator(".tile b").first
                heaps: list[float] = []
                clocks: set[str] = set()
                for _ in range(given.minutes + 1):
                    meter.send("HeapProfiler.collectGarbage")
                    heaps.append(float(meter.send("Runtime.getHeapUsage")["usedSize"]) / 1e6)
                    say_line(f"{clock.inner_text()}: {heaps[-1]:.2f} MB, {len(clocks)} minutes seen")
                    if len(heaps) <= given.minutes:
                        ends = time.monotonic() + 60.0
                        while time.monotonic() < ends:
                            clocks.add(clock.inner_text())
                            seen.page.wait_for_timeout(250)
        finally:
            server.terminate()
    growth = heaps[-1] / heaps[0] - 1.0
    say_line(f"{given.minutes} minutes, {len(clocks)} of the session: heap {growth:+.1%}")
    sys.exit(growth > 0.1)


def _listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1.0)
        return one.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main()
