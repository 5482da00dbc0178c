"""What a reader of the docs has: files under the names that the pages use, a store, keys, and vendors that answer.

All of it is one invented market (`tests.fakes`), which vendors serve and files hold, so that importing and fetching
agree.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http.server
import json
import math
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from statistics import NormalDist

import polars as pl

from tapescan.core.files import user_cache
from tapescan.market.calendar import next_session, sessions
from tapescan.market.universe import SECTORS
from tapescan.sync.wishes import last_ready_session
from tests.commands import warm
from tests.docs.pages import ROOT
from tests.fakes import KEY, SECRET, FakeMarket, FakeServer

__all__ = ["World"]

#: The files begin here: enough for a model that is trained on what came before 2026.
BEGIN = dt.date(2023, 6, 1)
#: Enough to train on, and few enough to be quick.
SYMBOLS = 100
#: Vendors with a fake, and the plan without a wait.
PLANS = {"massive": "advanced", "alpaca": "plus", "sec": "free", "nasdaqtrader": "free"}
#: What the vendor of the guide about vendors serves.
LISTED = {"/listing.json": [{"ticker": "AAPL", "name": "Aapl Example Corp."}, {"ticker": "BRK.B", "name": "Brk"}]}

#: Python's start in a checkout: what a reader adds to the package lies in another folder, and is part of it.
BESIDE = """
import sys
from importlib.machinery import PathFinder
from pathlib import Path


class Beside:
    @staticmethod
    def find_spec(name, path=None, target=None):
        spec = PathFinder.find_spec(name, path) if name.startswith("tapescan.") else None
        if spec and spec.submodule_search_locations is not None:
            spec.submodule_search_locations.append(f"{Path(__file__).parents[1]}/src/{name.replace('.', '/')}")
        return spec


sys.meta_path.insert(0, Beside)
"""


def _chain(bars: pl.DataFrame, day: dt.date) -> pl.DataFrame:
    """Option quotes of some shares at the close of a day, of one volatility and no rate."""
    rows, normal = [], NormalDist()
    for symbol, close in bars.select("symbol", "close").iter_rows():
        for days in (21, 49, 105):
            total = 0.35 * math.sqrt(days / 365)
            for step in range(-6, 7):
                strike = round(close * (1.0 + 0.04 * step), 2)
                upper = math.log(close / strike) / total + 0.5 * total
                call = close * normal.cdf(upper) - strike * normal.cdf(upper - total)
                for side, price in (("call", call), ("put", call - close + strike)):
                    quote = {"bid": max(price - 0.01, 0.0), "ask": price + 0.01, "open_interest": 10 + step}
                    expiration = day + dt.timedelta(days=days)
                    contract = {"underlying": symbol, "expiration": expiration, "strike": strike, "side": side}
                    rows.append({"date": day, **contract, **quote})
    return pl.DataFrame(rows)


class World:
    """One for all pages of a test process. folder : for what they share; each page gets a copy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ready = last_ready_session(dt.datetime.now(dt.UTC))
        # The vendors have one session more, in case that it becomes ready meanwhile.
        end = next_session(self.ready)
        self.market = FakeMarket(SYMBOLS, len(sessions(BEGIN, end)), end)
        # So many shares that most of the stocks may be ranked.
        self.market.volume *= 40

    @cached_property
    def files(self) -> Path:
        """Files as a vendor would give them."""
        place = self.folder / "files"
        (place / "daily").mkdir(parents=True)
        bars = self.market.truth(until=self.ready).with_columns(year=pl.col("session").dt.year())
        for (year,), part in bars.partition_by("year", as_dict=True, include_key=False).items():
            part.write_parquet(place / "daily" / f"{year}.parquet")
        last = bars.filter(pl.col("session") >= dt.date(2025, 12, 1)).drop("year")
        last.filter(pl.col("symbol") == "AAPL").write_parquet(place / "adjusted.parquet")
        newest = bars.filter(pl.col("session") == self.ready, pl.col("symbol").str.contains("^[A-Z]+$"))
        _chain(newest.head(8), self.ready).write_parquet(place / "chain.parquet")
        known = [one for one in self.market.splits if one.ex_date <= self.ready]
        pl.DataFrame([{"symbol": one.symbol, "ex_date": one.ex_date, "ratio": one.ratio} for one in known]).write_csv(
            place / "splits.csv"
        )
        listed = [one for one in self.market.listing if one.exchange != "OTC"]
        pl.DataFrame(
            [
                {
                    "symbol": one.symbol,
                    "name": one.name,
                    "exchange": one.exchange,
                    "type": one.type,
                    "sector": SECTORS[number % len(SECTORS)],
                }
                for number, one in enumerate(listed)
            ]
        ).write_csv(place / "listing.csv")
        return place

    def lay_out(self, place: Path, *, store: Path | None = None, checkout: bool = False) -> None:
        """A page's folder: the files, the store under the name `market` where there is one, and commands to call.

        checkout : whether it is as a checkout of the repository, to be added to. The source is not copied, for numba
            would compile all kernels of a copy; files of `src` are found beside it.
        """
        shutil.copytree(self.files, place, dirs_exist_ok=True)
        if store is not None:
            shutil.copytree(store, place / "market")
        if checkout:
            shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", place)
            (place / ".beside").mkdir()
            (place / ".beside" / "sitecustomize.py").write_text(BESIDE)
        # In a checkout the package may have grown by the time that a command runs.
        ask = "" if checkout else f"-ISs {ROOT / 'tests' / 'warm.py'} {warm()}"
        # The doctor says 1 where it found something, which is an answer and no failure.
        answer = 'code=$?\n[ "$1" = doctor ] && [ $code = 1 ] || exit $code'
        _command(place / ".bin" / "tapescan", f'{sys.executable} {ask or "-m tapescan"} "$@"; {answer}')
        _command(place / ".bin" / "python", f'exec {sys.executable} {ask and f"{ask} --"} "$@"')
        (place / ".home").mkdir()

    @contextlib.contextmanager
    def environment(self, place: Path) -> Iterator[dict[str, str]]:
        """Variables of a page, while its vendors answer."""
        with contextlib.ExitStack() as open_:
            urls = {}
            for name in PLANS:
                server = open_.enter_context(FakeServer(name, self.market, limit=(0, 1)))
                urls[f"TAPESCAN_{name.upper()}_URL"] = server.url
            urls["TAPESCAN_EXAMPLE_URL"] = open_.enter_context(_served(LISTED))
            kept = {name: text for name, text in os.environ.items() if not name.startswith("TAPESCAN_")}
            yield {
                **kept,
                **urls,
                **{f"TAPESCAN_{name.upper()}_PLAN": plan for name, plan in PLANS.items()},
                "TAPESCAN_MASSIVE_KEY": KEY,
                "TAPESCAN_ALPACA_KEY": KEY,
                "TAPESCAN_ALPACA_SECRET": SECRET,
                "TAPESCAN_SEC_CONTACT": "docs@example.com",
                # The reader's own folders are not looked at, but compiled kernels are shared.
                "TAPESCAN_CACHE": str(user_cache()),
                "HOME": str(place / ".home"),
                "XDG_CONFIG_HOME": str(place / ".home"),
                "PATH": f"{place / '.bin'}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": f"{place / '.beside'}{os.pathsep}{ROOT / 'src'}",
                "COLUMNS": "120",
            }


@contextlib.contextmanager
def _served(documents: Mapping[str, object]) -> Iterator[str]:
    """The address of a server on this machine that gives these documents as JSON."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(documents[self.path]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the library's name)
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            serving.join()


def _command(path: Path, code: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
