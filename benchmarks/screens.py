"""What screens cost: parsing and computing long ones, and what earlier and weekly bars add to a scan.

python benchmarks/screens.py [STORE]

Over the simulated market, or a store's. Ratios are of the medians of runs that alternate in one process; what a warm
scan costs without a screen is the measure.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from tapescan.features.plan import default_features
from tapescan.features.warm import warm_up
from tapescan.history.market import Market, simulated_market
from tapescan.history.stored import market_of_store
from tapescan.scan.cross_section import CrossSection, observe
from tapescan.scan.listing import Listing
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import Request, prepare
from tapescan.scan.screening import SectionSession, satisfied
from tapescan.store import Store

RUNS = 31
PROFILE = load_profile("swing")

HISTORY = {
    "the newest bar alone": "close > sma_50 AND rsi_14 < 60 AND macd_12_26_9_histogram > 0 AND adx_14 > 15",
    "20 bars of the same": "within(20, crosses_above(close, sma_50)) AND lowest(20, rsi_14) < 40 "
    "AND within(20, macd_12_26_9_histogram[1] < 0) AND highest(20, adx_14) > 25",
    "one cross within 5 bars": "within(5, crosses_above(close, sma_50))",
    "a breakout of 20 bars": "close > highest(20, high)[1]",
}
WEEKLY = (
    "weekly.rsi_14 > 40 AND weekly.sma_10 > 0 AND weekly.close > 1 AND weekly.atr_14 > 0 AND weekly.roc_10 > -0.9"
)


def median(function: Callable[[], object], runs: int = RUNS) -> float:
    """Milliseconds."""
    took = []
    for _ in range(runs):
        begin = time.perf_counter()
        function()
        took.append(time.perf_counter() - begin)
    return statistics.median(took) * 1e3


def long_screens(market: Market) -> None:
    names = [name for name in default_features() if not name.startswith(("obv", "ad", "pvt"))]
    terms = [f"{names[n % 100]} > {-1e9 - n}" for n in range(250)]
    symbols = ", ".join(f"'{symbol}'" for symbol in [*market.panel.symbols, *(f"X{n}" for n in range(2000))][:2000])
    plain = median(lambda: prepare(PROFILE))
    for title, where in (
        ("250 terms of AND", " AND ".join(terms)),
        ("2,000 symbols in IN", f"symbol IN ({symbols})"),
    ):
        request = prepare(PROFILE, where=where)
        section = first_rows(observe(market, request.plan, request.looks), 3000)
        checked = median(partial(prepare, PROFILE, where=where)) - plain
        computed = median(partial(compute, request, section))
        sys.stdout.write(
            f"{title}: {checked + computed:.1f} ms ({checked:.1f} to check it, {computed:.1f} over 3,000 rows)\n"
        )


def compute(request: Request, section: CrossSection) -> None:
    assert request.where is not None
    satisfied(request.where, SectionSession(section, np.ones(len(section.symbols), dtype=bool)))


def first_rows(section: CrossSection, rows: int) -> CrossSection:
    return replace(
        section,
        symbols=section.symbols[:rows],
        features=replace(section.features, values=section.features.values[:, :rows]),
        listing=Listing(section.universe, section.symbols[:rows], section.order[section.order < rows]),
        order=section.order[section.order < rows],
        newest=section.newest[:rows],
    )


def scans(market: Market) -> None:
    requests = {
        "no screen": prepare(PROFILE),
        **{title: prepare(PROFILE, where=one) for title, one in HISTORY.items()},
    }
    requests["five weekly columns"] = prepare(PROFILE, where=WEEKLY)
    for request in requests.values():
        for plan in request.plans:
            warm_up(plan)
    cold = first_weekly(market, requests["five weekly columns"])
    took: dict[str, list[tuple[float, float]]] = {title: [] for title in requests}
    for _ in range(RUNS):
        for title, request in requests.items():
            market.kept.clear()  # a scan is timed whole
            begin, cpu = time.perf_counter(), time.process_time()
            _ = run(market, request).frame
            took[title].append((time.perf_counter() - begin, time.process_time() - cpu))
    base, base_cpu = (statistics.median(one[n] for one in took["no screen"]) for n in (0, 1))
    for title, times in took.items():
        wall, cpu = (statistics.median(one[n] for one in times) for n in (0, 1))
        of_cpu = f"{cpu * 1e3:.0f} ms of CPU, {cpu / base_cpu - 1:+.0%}"
        sys.stdout.write(f"{title}: {wall * 1e3:.0f} ms, {wall / base - 1:+.0%} ({of_cpu})\n")
    sys.stdout.write(f"gathering the weeks, once a loaded market: {cold * 1e3:.0f} ms\n")


def first_weekly(market: Market, request: Request) -> float:
    run(market, request)
    for panel in (market.panel, *market.panel._cuts.values()):
        panel.kept.clear()
    begin = time.perf_counter()
    run(market, request)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    run(market, request)
    return first - (time.perf_counter() - begin)


def main() -> None:
    market = market_of_store(Store(sys.argv[1])) if len(sys.argv) > 1 else simulated_market()
    sys.stdout.write(
        f"{len(market.panel):,} symbols, up to {max(block.rows for block in market.panel.blocks)} bars\n"
    )
    warm_up(prepare(PROFILE, features=default_features()).plan)
    long_screens(market)
    scans(market)


if __name__ == "__main__":
    main()
