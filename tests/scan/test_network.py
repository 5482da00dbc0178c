"""A network in a scan: its ranges where they serve, what it looked at, and settings that leave it out."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapescan.api import explain_symbol
from tapescan.history.market import Market
from tapescan.models.cone.judge import HorizonRecord, Lead
from tapescan.models.cone.law import HIGH, LOW
from tapescan.models.cone.recalibrate import Recalibration
from tapescan.models.forecast import load_models
from tapescan.models.network.inputs import CHANNELS, DAYS, FEATURES
from tapescan.models.network.ranges import QuantileCard, QuantileRecord, save_quantiles
from tapescan.models.network.stored import StoredRanges
from tapescan.models.registry.known import remember
from tapescan.models.registry.names import quantiles_file
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import load_profile
from tapescan.scan.result import ScanResult
from tests.scan.trained import trained

pytest.importorskip("onnxruntime", reason="networks in a scan were not checked: onnxruntime is not installed")

SWING = load_profile("swing")
#: Its plans are held as long as the network looks ahead.
SWING = msgspec.structs.replace(SWING, risk=msgspec.structs.replace(SWING.risk, hold=5))
RANGES = ("range_5_low", "range_5_high", "range_10_low", "prob_stop")
FACTOR = 1.25


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a network over 5 sessions that counts."""
    place = tmp_path_factory.mktemp("networks")
    trained(place, 5, 0.5, kind="tft")
    return place


def card(digest: str, *, counts: bool = True) -> QuantileCard:
    """Of a record that was made up."""
    record = HorizonRecord(
        horizon=5, rows=1, dates=1, loss=1.0, rule_loss=2.0, gain=0.5, t=-3.0, coverage=0.8, rule_coverage=0.8,
        levels=(0.5,) * 7, by_date=(0.8, 0.8, 0.8), by_year={}, by_volatility={}, by_liquidity={}, by_season={},
        folds=(), counts=counts, reason="made up",
    )  # fmt: skip
    late = Recalibration(
        horizon=5, seen=5, first="2019-01-02", last="2019-03-01", dates=13, rows=1, coverage=0.8, t=None,
        factor=FACTOR, changed=False, says="made up",
    )  # fmt: skip
    one = QuantileRecord(record=record, lead=Lead(0.1, -3.0, 1), late=late, counts=counts, reason="made up")
    now = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)
    return QuantileCard(
        kind="tft", digests=(digest,), records=(one,), seen=dt.date(2020, 1, 2), store="", created_at=now
    )


def scanned(inputs: Market, folder: Path) -> ScanResult:
    return run(inputs, prepare(SWING, features=RANGES, models=load_models(folder)))


def test_its_ranges_stand_before_the_rules_where_they_serve(inputs: Market, folder: Path) -> None:
    (model,) = load_models(folder).models
    without = scanned(inputs, folder)
    for idle in (card(model.card.digest, counts=False), card("of another model")):
        save_quantiles(folder, idle)
        found = scanned(inputs, folder)
        assert found.ranked.equals(without.ranked)
        assert "by the network" not in " ".join(found.notes)
    save_quantiles(folder, card(model.card.digest))
    found = scanned(inputs, folder)
    assert "ranges are over 5 sessions by the network" in " ".join(found.notes)
    rows = found.ranked
    assert (rows["range_10_low"] == without.ranked["range_10_low"]).all()
    assert (rows["range_5_low"] != without.ranked["range_5_low"]).all()
    section = found.section
    for row in rows.head(3).iter_rows(named=True):
        at = np.array([section.symbols.index(row["symbol"])])
        values = model.inputs(section.features, at)
        day = np.array([(section.as_of - dt.date(1970, 1, 1)).days], np.int32)
        quantiles = model.fitted.quantiles(values, day)[:, 0] * FACTOR  # type: ignore[attr-defined]
        for name, level in (("range_5_low", LOW), ("range_5_high", HIGH)):
            assert row[name] == pytest.approx(row["close"] * np.exp(quantiles[level]), rel=1e-12)
    assert (rows["prob_stop"] != without.ranked["prob_stop"]).any()


def test_a_card_of_ranges_is_refused_as_a_cones_is(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / quantiles_file("tft")
    sealed = save_quantiles(tmp_path, msgspec.structs.replace(card("x"), store="one"))
    assert StoredRanges(path, "one", own=True).card == sealed
    assert "learnt from another store" in StoredRanges(path, "two", own=True).refused
    remember("another seal")
    path.write_bytes(path.read_bytes().replace(b'"factor": 1.25', b'"factor": 0.25'))
    assert "edited" in StoredRanges(path, "one", own=False).refused


def test_it_says_what_it_looked_at(inputs: Market, folder: Path) -> None:
    row = scanned(inputs, folder).to_dict(top=1)["rows"][0]
    looked = row["explain_alpha_tft_5"]
    assert set(looked["scalars"]) <= set(FEATURES)
    assert set(looked["past"]) == set(CHANNELS)
    assert len(looked["days"]) == DAYS
    for shares in (looked["scalars"].values(), looked["past"].values(), looked["days"]):
        assert sum(shares) == pytest.approx(1.0, rel=1e-5)
    assert list(looked["scalars"].values()) == sorted(looked["scalars"].values(), reverse=True)


def test_settings_leave_out_networks_and_explanations(
    inputs: Market, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPESCAN_EXPLAIN", "false")
    found = scanned(inputs, folder)
    row = found.to_dict(top=1)["rows"][0]
    assert "alpha_tft_5" in row
    assert "explain_alpha_tft_5" not in row
    (view,) = explain_symbol(row["symbol"], inputs, models=folder).forecasts
    assert (view.value, view.looked) == (row["alpha_tft_5"], None)
    monkeypatch.setenv("TAPESCAN_USE_TFT", "false")
    assert load_models(folder).models == ()
    without = scanned(inputs, folder)
    assert "alpha_tft_5" not in without.ranked.columns
    assert "tft" not in " ".join(without.notes)


def test_one_symbol_alone_has_the_markets_forecast(inputs: Market, folder: Path) -> None:
    """The bits, whoever else is ranked."""
    whole = scanned(inputs, folder).ranked
    sector = whole["sector"].drop_nulls()[0]
    few = msgspec.structs.replace(SWING, filters=msgspec.structs.replace(SWING.filters, sectors=(sector,)))
    found = run(inputs, prepare(few, models=load_models(folder))).ranked
    both = found.join(whole, on="symbol", suffix="_whole")
    assert 0 < len(both) < len(whole)
    assert (both["alpha_tft_5"] == both["alpha_tft_5_whole"]).all()
