"""A fake vendor as a process of its own.

    python -m tests.fakes massive --symbols 12000 --sessions 260 --latency 0.05 --limit 200/60

prints one line of JSON, ``{"url": ..., "pid": ...}``, when it is ready, and serves until it is ended. The log is at
``/_fake/requests``; misbehaviours are posted to ``/_fake/misbehave``. See `server.py`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import threading

from tests.fakes.market import FakeMarket
from tests.fakes.server import FakeServer
from tests.fakes.vendors import fake_names


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes", description="A fake vendor as a process.")
    parser.add_argument("vendor", choices=fake_names())
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--end", type=dt.date.fromisoformat, default=dt.date(2026, 11, 20))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--limit", type=_limit, help="REQUESTS/SECONDS; 0/1 for none; default: the vendor's own")
    parser.add_argument("--limit-style", choices=("sliding", "fixed", "bucket"), default="sliding")
    parser.add_argument("--plan", choices=("paid", "free"), default="paid")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    market = FakeMarket(given.symbols, given.sessions, given.end, given.seed)
    server = FakeServer(
        given.vendor, market, latency=given.latency, limit=given.limit, limit_style=given.limit_style,
        plan=given.plan, port=given.port,
    )  # fmt: skip
    server.vendor.prepare()
    threading.Thread(target=_tell, args=(server,), daemon=True).start()
    server.serve()


def _limit(text: str) -> tuple[int, float]:
    requests, _, seconds = text.partition("/")
    return int(requests), float(seconds)


def _tell(server: FakeServer) -> None:
    server.wait_ready()
    sys.stdout.write(json.dumps({"url": server.url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
