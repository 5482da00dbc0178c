"""Data that tests share.

`market_panel` is the real whole-market file where it lies beside the checkout (``../shared/data``), else a
rough seeded stand-in; `lively_bars` is always that stand-in: ragged random walks in which every indicator
has a value as soon as its lookback allows.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, settings

from tapescan.core.files import held_alone, user_cache
from tapescan.core.typing import Floats
from tapescan.features.compute import run
from tapescan.features.plan import Plan
from tapescan.features.warm import make_ready
from tapescan.indicators import fusions, registry
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.market.panel import Block, Panel, build_panel
from tests.commands import end_warm

# As `models.learners.xgboost.load_xgboost` has it, also where a test imports XGBoost first: threads that spin while
# they wait make a training ten times slower beside another busy process.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = SHARED / "daily_us_2023_2025.parquet"


# A machine that is busy with something else is no failure.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


#: A run of more tests than any one folder has needs all kernels.
MANY = 1500


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`@pytest.mark.sampled(one_in=4)`: of a family of many cases one in four stands for it; the others are long.

    What is asked for by name (`-k closing_strength`, `test_file.py::test_name`) is run whole.
    """
    if config.option.keyword or any("::" in asked for asked in config.args):
        return
    seen: Counter[tuple[Path, str]] = Counter()
    for item in items:
        found = item.get_closest_marker("sampled")
        if found is not None:
            family = (item.path, getattr(item, "originalname", item.name))
            if seen[family] % found.kwargs["one_in"]:
                item.add_marker(pytest.mark.long)
            seen[family] += 1


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the kernels compiled once, by two processes, where each of pytest's would compile all of them."""
    if len(session.items) > MANY:
        with held_alone(user_cache() / "tests"):
            make_ready((*registry, *fusions))


def pytest_sessionfinish() -> None:
    end_warm()


@pytest.fixture(scope="session")
def lively_bars() -> pl.DataFrame:
    return random_bars(symbols=70, sessions=560, seed=11)


@pytest.fixture(scope="session")
def lively_panel(lively_bars: pl.DataFrame) -> Panel:
    return build_panel(lively_bars, lanes=32)


@pytest.fixture(scope="session")
def long_bars() -> pl.DataFrame:
    """Few symbols, but more history than any recursion remembers."""
    return random_bars(symbols=3, sessions=6500, seed=13)


@pytest.fixture(scope="session")
def market_panel(lively_bars: pl.DataFrame) -> Panel:
    if REAL.exists():
        return build_panel(pl.read_parquet(REAL).rename({"date": "session"}))
    # As vendors deliver them, prices are float32: running sums of such numbers gather next to no rounding error,
    # which is what TA-Lib's own answers are good for.
    return build_panel(lively_bars.with_columns(pl.col("open", "high", "low", "close").cast(pl.Float32)))


def every_row(panel: Panel, plan: Plan, start: int = 0) -> Iterator[tuple[Block, Floats]]:
    """Block by block, what the kernels give of each lane's whole history, ``(names, rows - start, lanes)``."""
    for block in panel.blocks:
        values = np.empty((len(plan.names) + plan.scratch, block.rows - start, block.lanes))
        for calls in plan.calls.values():
            run(calls, block, start, values)
        yield block, values[: len(plan.names)]


def random_bars(symbols: int, sessions: int, seed: int) -> pl.DataFrame:
    """Ragged random walks: most symbols whole, some listed late, some with only a few bars."""
    random = np.random.default_rng(seed)
    begin = dt.date(2022, 1, 3) if sessions <= 700 else dt.date(1990, 1, 2)
    days = pl.Series(exchange_sessions(begin, dt.date(2025, 12, 31))[:sessions]).cast(pl.Date).to_list()
    frames = []
    for number in range(symbols):
        length = sessions if number % 3 else int(random.integers(1, sessions))
        close = np.exp(np.log(random.uniform(3, 300)) + random.normal(0, 0.02, length).cumsum())
        open_ = close * np.exp(random.normal(0, 0.01, length))
        spread = np.exp(np.abs(random.normal(0, 0.01, (2, length))) + 1e-6)
        frames.append(
            pl.DataFrame(
                {
                    "symbol": f"S{number:03d}",
                    "session": days[-length:],
                    "open": open_,
                    "high": np.maximum(open_, close) * spread[0],
                    "low": np.minimum(open_, close) / spread[1],
                    "close": close,
                    "volume": np.exp(random.normal(12, 1, length)).round(),
                }
            )
        )
    return pl.concat(frames)
