"""Trained models in a scan: what they may move, and what is refused."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.api import explain_symbol, scan_market
from tapescan.core.errors import OptionError, ProfileError, ScreenError
from tapescan.features.compute import latest
from tapescan.history.market import Market
from tapescan.importing.importing import import_files
from tapescan.market.calendar import sessions
from tapescan.models.forecast import Models, load_models
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import Profile, Regime, Weights, load_profile
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.conftest import random_bars
from tests.scan.trained import trained

xgboost = pytest.importorskip("xgboost", reason="models in a scan were not checked: xgboost is not installed")

SWING = load_profile("swing")
Make = Callable[..., Models]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(**weights: float) -> Models:
        for name, weight in weights.items():
            trained(tmp_path, int(name.rpartition("_")[2]), weight, kind=name.split("_")[1])
        return load_models(tmp_path)

    return made


def plain(result: ScanResult) -> pl.DataFrame:
    return result.frame.select(pl.all().exclude("^.*alpha_.*$"))


def test_the_same_models_twice_give_the_same_bytes(
    inputs: Market, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scanned() -> tuple[str, list[Any], Any]:
        found = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=0.5, alpha_xgboost_10=0.25)))
        asked = found.to_dict(top=30)
        return found.frame.write_csv(), asked["rows"], asked["provenance"]

    first = scanned()
    monkeypatch.setenv("TAPESCAN_THREADS", "1")
    assert scanned() == first
    assert [model["name"] for model in first[2]["models"]] == ["xgboost_5", "xgboost_10"]


def test_the_market_at_once_gives_what_each_symbol_alone_gives(inputs: Market, make: Make) -> None:
    request = prepare(SWING, models=make(alpha_xgboost_5=0.5))
    frame = run(inputs, request).frame
    features = latest(inputs.panel, request.plan)
    known = frame.filter(pl.col("alpha_xgboost_5").is_not_null())
    assert len(known) > 200
    assert known["alpha_xgboost_5"].n_unique() > 100
    model = request.models.models[0]
    rows = model.inputs(features)
    for symbol, value in known.select("symbol", "alpha_xgboost_5").rows():
        at = inputs.panel.symbols.index(symbol)
        assert model.forecast(rows[at : at + 1])[0] == value


def test_only_those_that_are_ranked_have_a_forecast(inputs: Market, make: Make) -> None:
    frame = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=0.5))).frame
    assert frame.filter(pl.col("dropped") == "")["alpha_xgboost_5"].null_count() == 0
    assert frame.filter(pl.col("dropped") != "")["alpha_xgboost_5"].is_null().all()


def test_a_model_that_does_not_count_moves_nothing_and_says_so(inputs: Market, make: Make) -> None:
    without = run(inputs, prepare(SWING))
    found = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=0.0)))
    assert_frame_equal(plain(found), without.frame, check_exact=True)
    assert found.frame["alpha_xgboost_5"].n_unique() > 100
    assert found.provenance["weights"] == without.provenance["weights"]
    assert set(found.notes) - set(without.notes) == {"xgboost_5: the 5-session model does not count: made up"}


def test_no_models_leave_no_trace(inputs: Market, make: Make) -> None:
    found = run(inputs, prepare(SWING, models=make()))
    assert not [name for name in found.frame.columns if "alpha" in name]
    assert "models" not in found.provenance
    assert "models" not in found.timings
    assert "explain" not in found.to_json(top=3)


def test_a_scan_without_models_does_not_import_what_they_need() -> None:
    code = (
        "import sys; from tapescan.api import scan_market; from tapescan.history.market import simulated_market;"
        "scan_market(simulated_market(symbols=60, sessions=90));"
        "print([m for m in ('xgboost', 'sklearn', 'skfolio', 'plotly') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_forecasts_and_explanations_do_not_import_xgboost(tmp_path: Path) -> None:
    trained(tmp_path, 5, 0.5)
    code = (
        "import sys; from tapescan.api import explain_symbol, scan_market;"
        "from tapescan.history.market import simulated_market; market = simulated_market(symbols=120, sessions=300);"
        f"found = scan_market(market, models={str(tmp_path)!r});"
        "assert found.ranked['alpha_xgboost_5'].null_count() == 0 < found.coverage.ranked;"
        "row = found.to_dict(top=1)['rows'][0]; assert row['explain_alpha_xgboost_5'];"
        f"assert explain_symbol(row['symbol'], market, models={str(tmp_path)!r}).forecasts[0].parts;"
        "print([m for m in ('xgboost', 'sklearn', 'skfolio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_models_are_served_without_xgboost_but_not_on_a_gpu(
    inputs: Market, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = make(alpha_xgboost_5=0.5)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    assert scan_market(inputs, models=models).ranked["alpha_xgboost_5"].null_count() == 0
    with pytest.raises(OptionError, match=r"pip install 'tapescan\[ml\]'"):
        scan_market(inputs, models=load_models(tmp_path, device="cuda"))


def test_weights_are_split_by_the_gates_and_add_up_to_one(inputs: Market, make: Make) -> None:
    factors = sum(SWING.weights.factors().values())
    calm = msgspec.structs.replace(SWING, regime=Regime())
    models = make(alpha_xgboost_5=0.6, alpha_xgboost_10=0.2)
    found = run(inputs, prepare(calm, models=models))
    shares = found.provenance["weights"]
    assert sum(shares.values()) == pytest.approx(1.0)
    whole = factors + 20 * (0.6 + 0.2) / 2
    assert shares["alpha_xgboost_5"] == pytest.approx(20 * 0.6 / 2 / whole)
    assert shares["alpha_xgboost_10"] == pytest.approx(20 * 0.2 / 2 / whole)
    parts = found.ranked.select(pl.sum_horizontal("^score_.*$")).to_series()
    np.testing.assert_allclose(parts.to_numpy(), found.ranked["score"].to_numpy(), rtol=0, atol=1e-9)
    # A model without a gate takes nothing from the one that has one.
    alone = run(inputs, prepare(calm, models=make(alpha_xgboost_10=0.0))).provenance["weights"]
    assert alone["alpha_xgboost_5"] == pytest.approx(20 * 0.6 / (factors + 20 * 0.6))
    assert "alpha_xgboost_10" not in alone
    none = msgspec.structs.replace(calm, weights=msgspec.structs.replace(calm.weights, alpha=0.0))
    assert not run(inputs, prepare(none, models=models)).provenance["weights"].keys() & {
        "alpha_xgboost_5",
        "alpha_xgboost_10",
    }


def test_a_higher_forecast_scores_higher(inputs: Market, make: Make) -> None:
    frame = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=1.0))).ranked.sort("alpha_xgboost_5")
    assert frame["score_alpha_xgboost_5"].is_sorted()
    assert frame["score_alpha_xgboost_5"][-1] > 5.0 > frame["score_alpha_xgboost_5"][0]


def test_a_screen_and_a_ranking_may_use_forecasts(inputs: Market, make: Make) -> None:
    column, models = "alpha_xgboost_5", make(alpha_xgboost_5=0.0)
    found = run(inputs, prepare(SWING, where=f"{column} > 0.05", rank_by=f"{column} desc", models=models))
    assert 0 < found.coverage.ranked < found.coverage.ranked + found.coverage.dropped["screen"]
    assert found.ranked["alpha_xgboost_5"].min() > 0.05  # type: ignore[operator]
    assert found.ranked["alpha_xgboost_5"].is_sorted(descending=True)
    assert found.features[-1] == "alpha_xgboost_5"  # so that the table shows what was asked for
    with pytest.raises(
        ScreenError, match="unknown name 'alpha_xgboost_5' at character 1; no model that may be used makes it"
    ):
        prepare(SWING, where="alpha_xgboost_5 > 0.05")
    assert run(inputs, prepare(SWING, features=[column], models=models)).features == (column,)


def test_a_day_that_the_training_has_seen_has_no_forecast(inputs: Market, tmp_path: Path) -> None:
    day = dt.date(1970, 1, 1) + dt.timedelta(days=inputs.panel.as_of)
    before = [dt.date(1970, 1, 1) + dt.timedelta(days=int(one)) for one in sessions(dt.date(2025, 1, 2), day)]
    # The last label of a horizon of 5 ends at the open 6 sessions after its sample.
    without = run(inputs, prepare(SWING))
    for last in (day + dt.timedelta(days=1), day, before[-6]):
        trained(tmp_path, 5, 0.5, last=last)
        found = run(inputs, prepare(SWING, models=load_models(tmp_path)))
        assert_frame_equal(plain(found), without.frame, check_exact=True)
        assert found.frame["alpha_xgboost_5"].is_null().all()
        assert any("xgboost_5: left out" in note and str(day) in note for note in found.notes)
    trained(tmp_path, 5, 0.5, last=before[-7])
    assert run(inputs, prepare(SWING, models=load_models(tmp_path))).ranked["alpha_xgboost_5"].null_count() == 0


def test_features_of_another_basis_have_no_forecast(tmp_path: Path) -> None:
    """Measured against another index, or from prices adjusted in another way, they are not those of the training."""
    bars = random_bars(symbols=60, sessions=300, seed=3)
    spy = bars.filter(pl.col("symbol") == "S001").with_columns(symbol=pl.lit("SPY"))
    pl.concat([bars, spy]).write_parquet(tmp_path / "bars.parquet")
    store = Store(tmp_path / "store")
    import_files(store, [tmp_path / "bars.parquet"])
    models = tmp_path / "store" / "models"
    for trained_with, adjust, said in (
        ("SPY", "splits", ""),
        ("equal-weighted", "splits", "measured against the index equal-weighted, this scan's against SPY"),
        ("SPY", "none", "adjusted for splits, and this scan's adjustment is none"),
        ("SPY", "total", "adjusted for splits, and this scan's adjustment is total"),
    ):
        trained(models, 5, 0.5, store=store.identity, market_index=trained_with)
        found = scan_market(store, adjust=adjust)  # type: ignore[arg-type]
        assert found.ranked["alpha_xgboost_5"].null_count() == (found.coverage.ranked if said else 0)
        assert found.provenance["models"][0]["gate"] == (0.0 if said else 0.5)
        lines = [note for note in found.notes if "xgboost_5" in note]
        assert [said in line and "left out" in line for line in lines] == ([True] if said else [])
        assert ("alpha_xgboost_5" in found.provenance["weights"]) == (not said)


def test_whom_the_training_would_not_have_sampled_has_no_forecast(inputs: Market, tmp_path: Path) -> None:
    filters = {"min_price": 20.0, "min_dollar_volume": 3e7, "min_bars": 300, "types": ["common"]}
    trained(tmp_path, 5, 0.5, filters=filters)
    ranked = run(
        inputs, prepare(SWING, features=["dollar_volume_20"], models=load_models(tmp_path))
    ).ranked.with_columns(known=pl.col("alpha_xgboost_5").is_not_null())
    judged = (
        (pl.col("close") >= 20.0)
        & (pl.col("dollar_volume_20") >= 3e7)
        & (pl.col("bars") >= 300)
        & (pl.col("type") == "common")
    )
    assert ranked.select((pl.col("known") == judged).all()).item()
    assert 20 < ranked["known"].sum() < len(ranked) - 20
    assert ranked.filter(~pl.col("known"))["unknown_factors"].str.contains("alpha_xgboost_5").all()


def test_the_parts_of_a_forecast_add_up_to_it(inputs: Market, make: Make) -> None:
    found = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=0.5, alpha_xgboost_10=0.0)))
    rows = found.to_dict(top=40)["rows"]
    assert len(rows) == 40
    for row in rows:
        for name in ("alpha_xgboost_5", "alpha_xgboost_10"):
            assert sum(row[f"explain_{name}"].values()) == pytest.approx(row[name], rel=1e-4, abs=1e-6)
    assert {"base", "oscillators", "returns"} <= set(rows[0]["explain_alpha_xgboost_5"])


def test_one_symbol_is_explained_in_words(inputs: Market, make: Make, tmp_path: Path) -> None:
    best = run(inputs, prepare(SWING, models=make(alpha_xgboost_5=0.5))).ranked.row(0, named=True)
    found = explain_symbol(best["symbol"], inputs, models=tmp_path)
    view = found.forecasts[0]
    assert (view.name, view.horizon, view.value) == ("alpha_xgboost_5", 5, best["alpha_xgboost_5"])
    assert view.says == "the 5-session model counts: made up"
    assert view.parts is not None
    assert view.parts.base + sum(view.parts.families.values()) == pytest.approx(view.value, rel=1e-4, abs=1e-6)
    assert any(words.startswith("RSI(2) ") for words in view.parts.words)
    counted = next(view for view in found.factors if view.name == "alpha_xgboost_5")
    assert view.percentile == pytest.approx(counted.percentile)
    assert sum(factor.points or 0.0 for factor in found.factors) == pytest.approx(best["score"])
    dropped = run(inputs, prepare(SWING)).frame.filter(pl.col("dropped") == "illiquid")["symbol"][0]
    unranked = explain_symbol(dropped, inputs, models=tmp_path).forecasts[0]
    assert (unranked.value, unranked.percentile, unranked.parts) == (None, None, None)


def test_a_profile_has_the_digest_it_had_before_models() -> None:
    profile = Profile(title="x", weights=Weights(trend=1.0))
    assert profile.digest == "20728086c9b339ac"
    assert msgspec.structs.replace(profile, weights=Weights(trend=1.0, alpha=5.0)).digest != profile.digest


def test_models_alone_are_no_profile(tmp_path: Path) -> None:
    path = tmp_path / "bare.toml"
    path.write_text('title = "bare"\n[weights]\nalpha = 50\n')
    with pytest.raises(ProfileError, match="all weights are 0"):
        load_profile(str(path))
