"""What alerts cost a minute of a session: 20 rules over 8,500 simulated symbols, seen, judged and kept.

    python -m benchmarks.alerts [--symbols 8500] [--minutes 30]

Of each part the middle of all minutes, in milliseconds of the clock and of the processor. The scan itself is not
counted. In each minute one symbol in two thousand changes its mind, a rule.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from tapescan.alerts.checking import check_rules, watching_rules
from tapescan.alerts.judging import Seen
from tapescan.alerts.outbox import Outbox
from tapescan.alerts.rules import Rule
from tapescan.alerts.running import Judging, seen_minute
from tapescan.history.market import simulated_market
from tapescan.live.day import Merged
from tapescan.live.following import Scanned
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare

CONDITIONS = (
    *(f"rsi_2 < {level} AND close > sma_200" for level in (5, 10, 15, 20, 25)),
    *(f"close > highest({bars}, high)[1]" for bars in (5, 10, 20, 55)),
    *(f"relative_volume_20 > {level} AND pct(ret_1) > 80" for level in (1.5, 2, 3)),
    *(f"score > {level}" for level in (60, 70, 80)),
    *(f"crosses_above(close, sma_{bars})" for bars in (10, 20, 50)),
    *("close > sma_200", "rs >= 90"),
)


def main(symbols: int, minutes: int) -> None:
    rules = check_rules(
        Rule(name=f"rule-{at}", on="condition", where=where, again=True, most=10_000, to=("mine",))
        for at, where in enumerate(CONDITIONS)
    )
    profile, market, rng = (
        load_profile("swing"),
        simulated_market(symbols=symbols, sessions=300),
        np.random.default_rng(7),
    )
    request = watching_rules(prepare(profile), rules)
    result = run(market, request)
    session, took = result.as_of, dict[str, list[tuple[float, float]]]()

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        begin, cpu = time.perf_counter(), time.process_time()
        yield
        took.setdefault(part, []).append((time.perf_counter() - begin, time.process_time() - cpu))

    def changed(seen: Seen) -> Seen:
        flips = rng.random(len(seen.symbols)) < 0.0005
        on = seen.on ^ flips
        return seen._replace(on=on, off=~on)

    judging, alerts = Judging(rules, session, result, hold=profile.risk.hold), 0
    of = {one.rule.name: one for one in rules}
    with tempfile.TemporaryDirectory() as folder:
        box = Outbox(Path(folder) / "outbox.sqlite")
        for minute in range(571, 571 + minutes):
            with timed("seen"):
                found = seen_minute(
                    rules, Scanned(session, minute, result, 1, 1, 1, Merged(), 0.0), profile.risk.hold
                )
            found = replace(found, seen={name: changed(one) for name, one in found.seen.items()})
            with timed("judged"):
                states, told = judging.minute(found)
            with timed("kept"):
                kept = {(name, of[name].digest): state for name, state in states.items()}
                alerts += box.keep(session, kept, [(one, ("mine",), alert.quiet) for alert, one in told])
        box.close()
    lines = [f"{len(rules)} rules, {len(result.section.symbols):,} symbols, {alerts / minutes:,.0f} alerts a minute"]
    for part, each in took.items():
        clock, cpu = (1e3 * statistics.median(one) for one in zip(*each, strict=True))
        lines.append(f"{part}: {clock:.1f} ms, {cpu:.1f} ms of CPU")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=8500)
    parser.add_argument("--minutes", type=int, default=30)
    asked = parser.parse_args()
    main(asked.symbols, asked.minutes)
