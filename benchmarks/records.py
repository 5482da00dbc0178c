"""The records of all shipped profiles and screens: each replayed over the whole past of a store, in one pass.

python benchmarks/records.py STORE --market "US shares, 2016 to 2025" [--hold 5] [--every 1] [--write]

`--write` puts them where scans, `tapescan profiles` and `tapescan screens` find them; `docs/generate.py` then makes
docs/reference/records.md of them. What cannot be replayed (statements that the store does not have) has no record,
and is named. Every one counts as a trial of the store.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from tapescan.columns.factors import FACTORS
from tapescan.columns.registry import sources_of
from tapescan.core.errors import TapescanError
from tapescan.core.progress import silent
from tapescan.features.warm import warm_up
from tapescan.models.forecast import Models
from tapescan.replay import records
from tapescan.replay.records import record_of
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import source_of
from tapescan.scan.named import chosen_screens, screen_files
from tapescan.scan.profile import load_profile, profile_files
from tapescan.scan.request import Request, prepare
from tapescan.store import Store

#: The tables that columns of these sources are made of.
NEEDED = {"statements": "facts", "dividends": "dividends"}

FILE = Path(records.__file__).with_name(records.FILE)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def shipped(store: Store) -> dict[str, Request]:
    """What is replayed, by its title."""
    known, found = store.known(None), {}
    of_statements = {factor.name for factor in FACTORS if factor.of_statements}
    for name in profile_files():
        profile = load_profile(name)
        weighed = {factor for factor, weight in profile.weights.factors().items() if weight > 0.0}
        if weighed & of_statements and NEEDED["statements"] not in known:
            say(f"{name}: the store has no facts")
        else:
            found[f"profile {name}"] = prepare(profile, models=Models(()))
    for name in screen_files():
        (screen,), profile, _ = chosen_screens(name, None)
        request = prepare(profile, screens=[screen], models=Models(()))
        sources = {source for name in request.asked for source in sources_of(name)}
        lacking = [table for source, table in NEEDED.items() if source in sources and table not in known]
        if lacking:
            say(f"{name}: the store has no {', '.join(lacking)}")
        else:
            found[name] = request
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--market", required=True)
    parser.add_argument("--hold", type=int, default=5)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    store = Store(asked.store)
    requests = shipped(store)
    for request in requests.values():
        for plan in request.plans:
            warm_up(plan, silent, replayed=True)
    begin, cpu = time.perf_counter(), time.process_time()
    terms = Terms(hold=asked.hold, every=asked.every)
    results = replay_requests(source_of(store, None), requests, terms, silent)
    found = [record_of(one, asked.market) for one in results]
    for one in found:
        say(f"{one.title}: {one.line()}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(
        f"{len(found)} records in {time.perf_counter() - begin:,.0f} s, {time.process_time() - cpu:,.0f} s of CPU, "
        f"{peak:,.0f} MiB"
    )
    if asked.write:
        FILE.write_text("[\n" + ",\n".join(one.text() for one in found) + "\n]\n")


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
