"""The records of all shipped profiles and screens: each replayed over the whole past of a store, many in one pass.

python benchmarks/records.py STORE --market "US shares" [--every 1] [--from DATE] [--to DATE] [--only NAME] [--write]

A profile is replayed as it means to be traded: held as long as its `risk.hold` says, and what is held stays while it
ranks among its `portfolio.keep`. A screen is held for 5 sessions. Then once more by the plans' stops and targets.

`--write` puts them where scans, `tapescan profiles` and `tapescan screens` find them; `docs/generate.py` then makes
docs/reference/records.md of them. What cannot be replayed (statements that the store does not have) has no record,
and is named. Every one counts as a trial of the store.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

from tapescan.columns.factors import FACTORS
from tapescan.columns.registry import sources_of
from tapescan.core.dates import parse_date
from tapescan.core.errors import TapescanError
from tapescan.core.progress import silent
from tapescan.features.warm import warm_up
from tapescan.models.forecast import Models
from tapescan.replay import records
from tapescan.replay.records import Record, record_of, with_plans
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import Source, source_of
from tapescan.scan.named import chosen_screens, screen_files
from tapescan.scan.profile import load_profile, profile_files
from tapescan.scan.request import Request, prepare
from tapescan.store import Store

#: The tables that columns of these sources are made of.
NEEDED = {"statements": "facts", "dividends": "dividends"}

#: Sessions that the picks of a screen are held.
HOLD = 5

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
        weights = profile.weights.factors()
        told = sum(weight for factor, weight in weights.items() if factor in of_statements)
        # What is unknown of everybody leaves its weight to the others.
        if told > sum(weights.values()) / 2.0 and NEEDED["statements"] not in known:
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


def terms_of(request: Request, asked: argparse.Namespace) -> Terms:
    """How it is traded."""
    start, end = parse_date(asked.start, "start"), parse_date(asked.end, "end")
    if request.screens:
        return Terms(hold=HOLD, every=asked.every, start=start, end=end)
    risk, keep = request.profile.risk, request.profile.portfolio.keep
    return Terms(hold=risk.hold, every=asked.every, keep=keep, start=start, end=end)


def records_of(source: Source, requests: dict[str, Request], asked: argparse.Namespace) -> list[Record]:
    """Those that are traded alike in one pass, and in a second one by their plans."""
    groups: dict[Terms, dict[str, Request]] = {}
    for title, request in requests.items():
        groups.setdefault(terms_of(request, asked), {})[title] = request
    found = []
    for terms, group in groups.items():
        held = replay_requests(source, group, terms, silent)
        planned = replay_requests(source, group, replace(terms, plan=True), silent)
        for one, by_plan in zip(held, planned, strict=True):
            found.append(with_plans(record_of(one, asked.market), record_of(by_plan)))
            say(f"{found[-1].title}: {found[-1].line()}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--market", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--from", dest="start")
    parser.add_argument("--to", dest="end")
    parser.add_argument("--only", action="append", default=[], help="titles that begin so")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    store = Store(asked.store)
    requests = shipped(store)
    if asked.only:
        requests = {title: one for title, one in requests.items() if title.startswith(tuple(asked.only))}
    for request in requests.values():
        for plan in request.plans:
            warm_up(plan, silent, replayed=True)
    begin, cpu = time.perf_counter(), time.process_time()
    found = records_of(source_of(store, parse_date(asked.end, "end")), requests, asked)
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
