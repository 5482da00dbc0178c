"""A network of a store: trained, judged and stored by the commands, and seen by a scan."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import tapescan
from tapescan.interfaces.cli.main import app
from tapescan.models.cone.record import read_ranges
from tapescan.models.learners import tft
from tapescan.models.network.inputs import FEATURES
from tapescan.models.network.ranges import read_quantiles
from tapescan.models.registry.names import quantiles_file
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Universe
from tapescan.models.stored import train_models
from tapescan.simulation.market import simulate
from tests.models.network.worlds import SMALL
from tests.models.stores import store_of

pytest.importorskip("torch", reason="networks of a store were not checked: torch is not installed")

ANYBODY = Universe(min_price=1.0, min_dollar_volume=1e5)


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    market = simulate(symbols=120, sessions=660, seed=11)
    return {"bars": market.bars, "splits": market.splits, "listing": market.listing}


@pytest.mark.long
def test_a_store_is_trained_on_and_scanned(
    frames: dict[str, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, place = store_of(tmp_path / "whole", frames), tmp_path / "models"
    fits: list[int] = []
    fit = tft._fit
    monkeypatch.setattr(tft, "_fit", lambda *of: fits.append(1) or fit(*of))  # type: ignore[func-returns-value]
    learnt = train_models(
        store,
        learner="tft",
        folds=1,
        paths=False,
        end=dt.date(2025, 9, 30),
        recipe=msgspec.structs.replace(SMALL, rounds=1),
        universe=ANYBODY,
        folder=place,
    )
    # The fold's and that of all dates, each for both horizons, their order and their ranges.
    assert len(fits) == 2
    assert [one.card.name for one in learnt] == ["tft_5", "tft_10"]
    card = read_quantiles(place / quantiles_file("tft"))
    assert card.digests == tuple(one.card.digest for one in learnt)
    (record,) = read_ranges(place)
    assert [set(one.forecasters) for one in record.horizons] == [{"rule", "cone", "tft"}] * 2
    found = tapescan.scan_market(store, models=place, features=["range_5_low"])
    assert found.ranked["alpha_tft_5"].null_count() < len(found.ranked)
    for words in (["models"], ["show", found.symbols[0]], ["evaluate"]):
        run = CliRunner().invoke(app, [*words, "--store", store.path, "--models", str(place)])
        assert run.exit_code == 0, run.output
        assert ("it looked at" in run.output) == (words[0] == "show")
        assert ("ranges of tft: over 5 sessions" in run.output) == (words[0] == "models")


def test_samples_have_both_returns_and_the_values_of_a_scan(frames: dict[str, pl.DataFrame], tmp_path: Path) -> None:
    """The past bars among them, to the last bit."""
    store = store_of(tmp_path / "whole", frames)
    whole = build_samples(store, features=FEATURES, filters=ANYBODY, both=True)
    closing = build_samples(store, features=FEATURES[:2], filters=ANYBODY, closing=True)
    opening = build_samples(store, features=FEATURES[:2], filters=ANYBODY)
    for horizon in (5, 10):
        np.testing.assert_array_equal(whole.closing[horizon], closing.forward[horizon])
        np.testing.assert_array_equal(whole.forward[horizon], opening.forward[horizon])
    day = int(whole.session[-1])
    past = [name for name in FEATURES if name.startswith("bar_ago")]
    at = dt.date(1970, 1, 1) + dt.timedelta(days=day)
    seen = tapescan.scan_market(store, as_of=at, features=past, models=False).frame
    here = np.flatnonzero(whole.session == day)
    names = [whole.symbols[one] for one in whole.symbol[here]]
    rows = pl.DataFrame({"symbol": names}).join(seen, on="symbol", how="left", maintain_order="left")
    columns = [FEATURES.index(name) for name in past]
    np.testing.assert_array_equal(whole.values[here][:, columns], rows.select(past).to_numpy().astype(np.float32))
