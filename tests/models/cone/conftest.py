"""A simulated store long enough for a cone, and the cone of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.models.cone.card import ConeCard
from tapescan.models.cone.train import train_cone
from tapescan.models.samples.samples import Universe
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.models.stores import store_of

ANYBODY = Universe(min_price=1.0, min_dollar_volume=1e5)
#: Some sessions before the end of the store's.
EARLIER = dt.date(2025, 3, 28)


@pytest.fixture(scope="session")
def long_frames() -> dict[str, pl.DataFrame]:
    market = simulate(symbols=120, sessions=760, seed=11)
    return {"bars": market.bars, "splits": market.splits, "listing": market.listing}


@pytest.fixture(scope="session")
def long_store(long_frames: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("cone") / "whole", long_frames)


@pytest.fixture(scope="session")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cone-models")


@pytest.fixture(scope="session")
def trained(long_store: Store, long_folder: Path) -> ConeCard:
    """Of the store up to EARLIER."""
    return train_cone(long_store, end=EARLIER, folder=long_folder, universe=ANYBODY)
