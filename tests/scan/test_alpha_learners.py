"""Models of other learners than trees in a scan: what they need, whom they compare, and what they say."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from tapescan.api import explain_symbol, scan_market
from tapescan.history.market import Market
from tapescan.importing.importing import import_files
from tapescan.models.forecast import load_models
from tapescan.models.learners import kinds
from tapescan.models.learners.seam import forecast_rows
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Universe
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import load_profile
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.scan.trained import trained

pytest.importorskip("xgboost", reason="models in a scan were not checked: xgboost is not installed")

SWING = load_profile("swing")
DAY = dt.date(2025, 6, 30)
SAMPLED = Universe(min_price=1.0, min_dollar_volume=2e5, min_bars=260)


@pytest.mark.parametrize("kind", kinds())
def test_a_model_of_each_learner_scores_and_is_explained(kind: str, inputs: Market, tmp_path: Path) -> None:
    trained(tmp_path, 5, 0.5, kind=kind)
    found = run(inputs, prepare(SWING, models=load_models(tmp_path)))
    column, row = f"alpha_{kind}_5", found.to_dict(top=1)["rows"][0]
    assert found.ranked[column].null_count() < len(found.ranked) / 3
    assert found.ranked[column].n_unique() > 50
    assert found.provenance["weights"][column] > 0.0
    (view,) = explain_symbol(row["symbol"], inputs, models=tmp_path).forecasts
    assert (view.name, view.value) == (column, row[column])
    if view.looked is not None:
        assert row[f"explain_{column}"] == asdict(view.looked)
        return
    assert sum(row[f"explain_{column}"].values()) == pytest.approx(row[column], rel=1e-4, abs=1e-6)
    assert view.parts is not None
    assert view.parts.words


def test_a_scan_with_a_ridge_model_does_not_import_xgboost(tmp_path: Path) -> None:
    trained(tmp_path, 5, 0.5, kind="ridge")
    code = (
        "import sys; from tapescan.api import scan_market; from tapescan.history.market import simulated_market;"
        f"found = scan_market(simulated_market(symbols=60, sessions=300), models={str(tmp_path)!r});"
        "assert found.ranked['alpha_ridge_5'].null_count() == 0 < found.coverage.ranked;"
        "print([m for m in ('xgboost', 'sklearn', 'skfolio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_whom_a_scan_leaves_out_changes_no_other_ones_forecast(inputs: Market, tmp_path: Path) -> None:
    """A ridge regression compares a symbol with all that are sampled, not with those that a profile lets pass."""
    trained(tmp_path, 5, 0.5, kind="ridge")
    whole = run(inputs, prepare(SWING, models=load_models(tmp_path))).ranked
    sector = whole["sector"].drop_nulls()[0]
    few = msgspec.structs.replace(SWING, filters=msgspec.structs.replace(SWING.filters, sectors=(sector,)))
    found = run(inputs, prepare(few, models=load_models(tmp_path))).ranked
    assert 10 < len(found) < len(whole) / 2
    both = found.join(whole, on="symbol", suffix="_whole")
    assert len(both) == len(found)
    assert (both["alpha_ridge_5"] == both["alpha_ridge_5_whole"]).all()


def test_what_is_not_of_the_session_is_compared_with_nobody(inputs: Market, tmp_path: Path) -> None:
    """Stale symbols and the index are no samples of a session."""
    trained(tmp_path, 5, 0.5, kind="ridge")
    models = load_models(tmp_path)
    whole = run(inputs, prepare(SWING, models=models)).frame
    ranked = whole.filter(pl.col("dropped") == "")["symbol"]
    stale = inputs.universe["symbol"].is_in(ranked.head(30).implode())
    behind = pl.when(stale).then(3).otherwise(pl.col("sessions_behind"))
    newest = np.where(stale.head(len(inputs.panel)).to_numpy(), inputs.panel.as_of - 5, inputs.panel.newest)
    panel = replace(inputs.panel, newest=newest.astype(np.int32))
    market = replace(inputs, panel=panel, universe=inputs.universe.with_columns(sessions_behind=behind))
    found = run(market, prepare(SWING, models=models)).frame
    both = found.join(whole, on="symbol", suffix="_whole").filter(pl.col("alpha_ridge_5").is_not_null())
    assert len(both) == len(ranked) - 30
    # Fewer are compared with each other, so the same symbols stand elsewhere among them.
    moved = (both["alpha_ridge_5"] != both["alpha_ridge_5_whole"]).sum()
    assert moved > 0.9 * len(both)


def test_a_forecast_in_a_scan_is_the_one_of_that_days_samples(tmp_path: Path) -> None:
    market = simulate(symbols=180, sessions=420, seed=5)
    for name, frame in {"bars": market.bars, "splits": market.splits, "symbols": market.listing}.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    store = Store(tmp_path / "store")
    import_files(store, [tmp_path / f"{name}.parquet" for name in ("bars", "splits", "symbols")])
    samples = build_samples(store, every=1, filters=SAMPLED, end=DAY)
    for kind in ("ridge", "xgboost", "reversal"):
        filters = msgspec.to_builtins(SAMPLED)
        trained(tmp_path / "models", 5, 0.5, kind=kind, store=store.identity, filters=filters)
    result = scan_market(store, as_of=DAY, models=tmp_path / "models")
    here = np.flatnonzero(samples.session == samples.session.max())
    names = [samples.symbols[at] for at in samples.symbol[here]]
    for model in load_models(tmp_path / "models").models:
        expected = dict(zip(names, forecast_rows(model.fitted, samples, here), strict=True))
        found = dict(result.ranked.select("symbol", model.card.column).drop_nulls().rows())
        assert len(found) > 40
        assert list(found.values()) == pytest.approx([expected[name] for name in found], rel=1e-5, abs=1e-6)
