"""How quick the page is: bytes of the first load, and the browser's main thread for each thing that a person does.

    python benchmarks/page.py                       # the simulated market of 6,000 symbols
    python benchmarks/page.py --store DIR --runs 10

CPU is that of the browser's main thread (the protocol's TaskDuration, in ticks of the thread), whatever else the
machine does; wall is what a person waits. Medians of the runs.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession

    from tests.web.browser import Looked

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

WORDS = ("bank", "a", "corp", "")
CONDITIONS = ("rsi_14 < {}", "close > sma_200 AND rsi_2 < {}")


def main() -> None:
    """Measure, and print a line for each thing."""
    from tapescan.api.resident import Resident
    from tests.web.browser import browser_of, looking, served

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", default=None, help="a store; the simulated market without one")
    parser.add_argument("--runs", type=int, default=10)
    given = parser.parse_args()
    resident = Resident(given.store, models=False)
    resident.scan()
    with served(resident) as address, browser_of() as browser:
        with looking(browser, address) as seen:
            first_load(seen)
        loads = []
        for _ in range(given.runs):
            with looking(browser, address) as seen:
                loads.append(measured(meter_of(seen), partial(open_scan, seen)))
        say("interactive", loads)
        with looking(browser, address) as seen:
            meter = meter_of(seen)
            open_scan(seen)
            seen.page.keyboard.press("j")  # a symbol is chosen, so that no other comes with each order
            seen.page.wait_for_timeout(2500)
            for what, how in (("quick filter", quick), ("sort", sort), ("condition", condition)):
                say(what, [measured(meter, partial(how, seen, run)) for run in range(given.runs)])
        with looking(browser, address) as seen:
            meter = meter_of(seen)
            open_scan(seen)
            seen.page.wait_for_timeout(2500)
            say("next chart", [measured(meter, partial(flip, seen, run)) for run in range(given.runs)])


def first_load(seen: Looked) -> None:
    """What a browser that has nothing gets, raw and packed."""
    requests: list[Any] = []
    seen.page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108 (it is marked)
    open_scan(seen)
    seen.page.wait_for_timeout(2500)
    answers = [request.response() for request in requests]
    bodies = [answer.body() for answer in answers if answer and answer.status == 200]
    raw, packed = sum(map(len, bodies)), sum(len(gzip.compress(one, 6)) for one in bodies)
    say_line(f"{'first load':<24}{len(bodies)} requests, {raw / 1e3:,.0f} kB, packed {packed / 1e3:,.0f} kB")


def open_scan(seen: Looked) -> None:
    seen.go("/")
    seen.page.locator(".slick-row").first.wait_for()
    seen.page.locator(".detail .chart[data-shown]").wait_for()


def quick(seen: Looked, run: int) -> float:
    act = """const field = document.querySelector("input[type=search]"); field.value = given;
        field.dispatchEvent(new Event("input"));"""
    return done(seen, act, WORDS[run % len(WORDS)], ".count", "childList")


def sort(seen: Looked, run: int) -> float:
    act = """[...document.querySelectorAll(".slick-header-column")]
        .find((one) => one.textContent.trim() === given).click();"""
    return done(seen, act, "ret_21" if run % 2 else "close")


def condition(seen: Looked, run: int) -> float:
    act = """document.querySelector("#where").value = given; document.querySelector(".where .primary").click();"""
    return done(seen, act, CONDITIONS[run % 2].format(40 + run), ".grid", "data-painted")


def flip(seen: Looked, run: int) -> float:  # noqa: ARG001
    act = """document.body.dispatchEvent(new KeyboardEvent("keydown", { key: given, bubbles: true }));"""
    return done(seen, act, "j", ".detail .chart", "data-shown")


def done(seen: Looked, act: str, given: str, place: str = "", sign: str = "") -> float:
    """Seconds until what a person did is on the screen, told by the page itself: a driver that asks again and again
    takes part in what it measures. place, sign : where which attribute tells that it is there; at once for none."""
    found: float = seen.page.evaluate(
        f"""([given, place, sign]) => new Promise((told) => {{
            const painted = () => requestAnimationFrame(() => {{
                const after = new MessageChannel();
                after.port1.onmessage = () => told((performance.now() - began) / 1e3);
                after.port2.postMessage(0);
            }});
            const one = place && document.querySelector(place);
            const seen = new MutationObserver(() => {{ seen.disconnect(); painted(); }});
            if (one) seen.observe(one, sign === "childList" ? {{ childList: true, subtree: true }}
                : {{ attributeFilter: [sign] }});
            const began = performance.now();
            {act}
            if (!one) painted();
        }})""",
        [given, place, sign],
    )
    return found


def meter_of(seen: Looked) -> CDPSession:
    meter = seen.page.context.new_cdp_session(seen.page)
    meter.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU, not wall
    return meter


def measured(meter: CDPSession, what: Callable[[], float | None]) -> tuple[float, float]:
    """Seconds of CPU and of wall; wall as what is done tells it, where it does."""
    time.sleep(0.4)  # what was done before has ended
    before, began = busy(meter), time.perf_counter()
    told = what()
    wall = time.perf_counter() - began
    return busy(meter) - before, wall if told is None else told


def busy(meter: CDPSession) -> float:
    told = {one["name"]: one["value"] for one in meter.send("Performance.getMetrics")["metrics"]}
    return float(told["TaskDuration"])


def say(what: str, measured: list[tuple[float, float]]) -> None:
    cpu, wall = (statistics.median(one[at] for one in measured) * 1e3 for at in (0, 1))
    say_line(f"{what:<24}CPU {cpu:,.0f} ms, wall {wall:,.0f} ms (median of {len(measured)})")


def say_line(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
