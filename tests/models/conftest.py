"""A small simulated market, as frames and as a store."""

from __future__ import annotations

import polars as pl
import pytest

from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.models.stores import store_of


@pytest.fixture(scope="session")
def frames() -> dict[str, pl.DataFrame]:
    market = simulate(symbols=180, sessions=420, seed=5)
    return {"bars": market.bars, "splits": market.splits, "listing": market.listing}


@pytest.fixture(scope="session")
def whole(frames: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("samples") / "whole", frames)
