"""Random sessions of a replay held against real scans, byte for byte: picks, scores, plans of profiles and screens.

python benchmarks/verified.py STORE [--sessions 40] [--every 10] [--to DATE]

Each session is scanned anew, once for each profile and screen, as `tapescan scan --as-of` does, and the rows that the
replay picked are compared in all their columns. Then some are replayed to an earlier day, over the store and over a
copy of its bars that ends there: what lies later changes nothing.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from typing import Any

import polars as pl

import tapescan
from tapescan.core.dates import parse_date
from tapescan.core.errors import TapescanError
from tapescan.core.progress import silent
from tapescan.features.warm import warm_up
from tapescan.models.forecast import Models
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import source_of
from tapescan.scan.named import chosen_screens
from tapescan.scan.profile import load_profile
from tapescan.scan.request import Request, prepare
from tapescan.store import Store

PROFILES = ("swing", "swing_aggressive", "short_swing", "position", "position_conservative")
SCREENS = (
    "connors-rsi-2",
    "momentum-12-1",
    "minervini-trend-template",
    "turtle-20",
    "golden-cross",
    "squeeze",
    "pocket-pivot",
    "darvas-box",
    "breakdown-short",
    "weinstein-stage-2",
)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def asked_of() -> dict[str, Request]:
    found = {f"profile {name}": prepare(load_profile(name), models=Models(())) for name in PROFILES}
    for name in SCREENS:
        (screen,), profile, _ = chosen_screens(name, None)
        found[name] = prepare(profile, screens=[screen], models=Models(()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--to")
    asked = parser.parse_args()
    store, end = Store(asked.store), parse_date(asked.to, "to")
    requests = asked_of()
    for request in requests.values():
        for plan in request.plans:
            warm_up(plan, silent, replayed=True)
    begin, cpu, wrong = time.perf_counter(), time.process_time(), 0
    terms = Terms(verify=asked.sessions, every=asked.every, end=end)
    for one in replay_requests(source_of(store, end), requests, terms, silent):
        assert one.verified is not None
        wrong += len(one.verified.differing)
        say(f"{one.title}: {len(one.verified.sessions)} sessions, {len(one.verified.differing)} differ")
    say(f"{wrong} differ, {time.perf_counter() - begin:,.0f} s, {time.process_time() - cpu:,.0f} s of CPU")
    wrong += _cut(store, asked.every)
    sys.exit(min(wrong, 1))


def _cut(store: Store, every: int) -> int:
    """How many of some replays to the middle differ from those of a store that ends there."""
    known = store.known(None)
    sessions = known.sessions
    middle = sessions[len(sessions) * 2 // 3]
    with tempfile.TemporaryDirectory() as folder:
        bars = known.read("bars").filter(pl.col("session") <= middle)
        inside = bars["adjusted_to"].is_not_null().any()
        bars = bars.select("symbol", "session", "open", "high", "low", "close", "volume").rename({"session": "date"})
        cut = Store(folder)
        tapescan.import_bars(
            bars, store=cut, adjusted="splits" if inside else "none", adjusted_to=middle if inside else None
        )
        if "symbols" in known:
            tapescan.import_bars(known.read("symbols"), store=cut)
        differing = 0
        for name in PROFILES[:2]:
            asked: dict[str, Any] = {"profile": name, "end": str(middle), "every": every, "models": False}
            whole, own = (tapescan.replay_market(one, **asked).picks for one in (store, cut))
            # What came of the last picks lies behind the end of both.
            differing += not whole.equals(own)
        say(f"to {middle}, of a store that ends there: {differing} of 2 differ")
    return differing


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
