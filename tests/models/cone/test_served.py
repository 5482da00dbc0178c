"""Ranges in a scan: by the trained cone where it may, the same bytes alone and later, and nothing unasked."""

from __future__ import annotations

import datetime as dt
import math
import pickle
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.columns.ranges import HORIZONS, TERMS, range_columns
from tapescan.columns.registry import all_columns
from tapescan.core.errors import ModelError, OptionError, ScreenError
from tapescan.interfaces.cli.main import app
from tapescan.models.cone.boosted import BESIDE, BoostedQuantiles, Recipe
from tapescan.models.cone.card import ConeCard, read_cone, save_cone
from tapescan.models.cone.record import read_ranges
from tapescan.models.registry.names import CONE_FILE
from tapescan.scan.named import NamedScreen
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.models.cone.conftest import EARLIER
from tests.models.stores import store_of

NAMES = [one.name for one in all_columns("ranges")]
SWING = load_profile("swing")
LATER = dt.datetime(2031, 1, 2, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def counted(trained: ConeCard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cone as if the gate had let it serve over 1, 5 and 10 sessions."""
    folder = tmp_path_factory.mktemp("counted")
    records = tuple(msgspec.structs.replace(one, counts=one.horizon < 21) for one in trained.records)
    save_cone(folder, msgspec.structs.replace(trained, records=records))
    return folder


@pytest.fixture(scope="module")
def ranged(long_store: Store, counted: Path) -> ScanResult:
    return tapescan.scan_market(long_store, features=NAMES, models=counted)


def test_ranges_lie_around_the_close_and_grow(ranged: ScanResult) -> None:
    rows = ranged.ranked
    assert len(rows) > 20
    before = rows.select(low="close", high="close")
    for horizon in HORIZONS:
        low, high = range_columns(horizon)
        assert (rows[low] < before["low"]).all()
        assert (rows[high] > before["high"]).all()
        width = rows.select((pl.col(high) - pl.col(low)) / pl.col("close") - pl.col(f"range_{horizon}_width"))
        assert width.to_series().abs().max() == 0.0
        before = rows.select(low=low, high=high)


def test_they_are_the_cards(ranged: ScanResult, trained: ConeCard) -> None:
    """Each by hand, from the features that the scan computed."""
    section, laws, rules = ranged.section, trained.laws, trained.rules
    factors = [one.factor for one in trained.recalibrations]
    row = ranged.ranked.row(3, named=True)
    at = section.symbols.index(row["symbol"])
    known = [float(np.float32(section.features[name][at])) for name in TERMS] + [section.regime.realised]
    for place, horizon in enumerate(HORIZONS):
        law, factor = (laws[place], factors[place]) if horizon < 21 else (rules[place], 1.0)
        logs = [math.log(max(one, 0.01)) for one in known]
        scale = math.exp(law.weights[0] + sum(w * x for w, x in zip(law.weights[1:], logs, strict=True)))
        for name, level in zip(range_columns(horizon), (1, 5), strict=True):
            said = row["close"] * math.exp(scale * factor * law.quantiles[level])
            assert row[name] == pytest.approx(said, rel=1e-9)
    assert "ranges are by the trained cone over 1, 5, 10 sessions" in " ".join(ranged.notes)
    assert ranged.provenance["cone"] == section.cone.digest


def test_chances_are_of_the_plans(ranged: ScanResult) -> None:
    rows = ranged.ranked
    planned = rows["stop"].is_not_null() & rows["range_1_low"].is_not_null()
    assert (rows["prob_stop"].is_not_null() == planned).all()
    some = rows.filter(planned)
    assert (some["prob_stop"] + some["prob_target"] <= 1.0).all()
    # The target is twice as far away as the stop, also by its log where the stop is near.
    near = some.filter(pl.col("stop") > 0.8 * pl.col("entry"))
    assert len(near) > 20
    assert (near["prob_target"] < near["prob_stop"]).all()
    # Further stops are touched less often: by ranks, not one by one, for volatilities differ.
    away = some.select(((pl.col("entry") / pl.col("stop")).log() / pl.col("range_10_width")).alias("x"), "prob_stop")
    assert away.select(pl.corr("x", "prob_stop", method="spearman")).item() < -0.95


def test_alone_and_in_the_market_they_are_the_same(
    long_store: Store, long_frames: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """By the rule, which knows no market; a cone's rows are held against themselves in `test_law`."""
    whole = tapescan.scan_market(long_store, features=NAMES, models=False).ranked
    kept = whole["symbol"].head(9).to_list()
    frames = {name: frame.filter(pl.col("symbol").is_in(kept)) for name, frame in long_frames.items()}
    found = tapescan.scan_market(store_of(tmp_path / "few", frames), features=NAMES, models=False).ranked
    assert sorted(found["symbol"]) == sorted(kept)
    both = found.join(whole, on="symbol", how="inner", suffix="_whole")
    for name in NAMES:
        assert both[name].equals(both[f"{name}_whole"].alias(name), null_equal=True), name


def test_as_of_a_day_they_are_those_of_that_day(
    long_store: Store, long_frames: dict[str, pl.DataFrame], counted: Path, tmp_path: Path
) -> None:
    cut = store_of(tmp_path / "cut", long_frames, until=EARLIER)
    ours = tapescan.scan_market(long_store, as_of=EARLIER, features=NAMES, models=counted)
    theirs = tapescan.scan_market(cut, features=NAMES, models=counted)
    assert "trained cone" in ours.section.cone.says
    assert ours.ranked.select("symbol", *NAMES).equals(theirs.ranked.select("symbol", *NAMES))
    before = tapescan.scan_market(long_store, as_of="2025-03-20", features=NAMES, models=counted)
    assert any("has seen prices up to" in note for note in before.notes)


def test_who_asks_for_none_gets_the_bytes_of_before(long_store: Store, ranged: ScanResult, counted: Path) -> None:
    plain = tapescan.scan_market(long_store, models=counted)
    assert not {*NAMES} & {*plain.frame.columns}
    assert plain.frame.equals(ranged.frame.drop(NAMES))
    assert "cone" not in plain.provenance
    assert not any("ranges are" in note for note in plain.notes)
    assert not {"realised_volatility_252", "realised_volatility_5"} & {*plain.section.features.names}


def test_screens_may_ask_for_them(long_store: Store, ranged: ScanResult, counted: Path) -> None:
    found = tapescan.scan_market(
        long_store,
        where="prob_stop < 0.4 and range_5_low > 0.9 * close",
        rank_by="range_21_width asc",
        models=counted,
    ).ranked
    rows = ranged.ranked.filter(pl.col("prob_stop") < 0.4, pl.col("range_5_low") > 0.9 * pl.col("close"))
    expected = rows.sort("range_21_width", "symbol")["symbol"].to_list()
    assert 3 < len(expected) < len(ranged.ranked)
    assert found["symbol"].to_list() == expected


def test_what_a_screen_may_not_ask_is_said_before_any_work() -> None:
    screen = NamedScreen(name="mine", title="mine", where="prob_stop < 0.3")
    with pytest.raises(ScreenError, match="of the trade, which the screen decides"):
        prepare(SWING, screens=[screen])
    with pytest.raises(ScreenError):
        prepare(SWING, where="prev(range_5_low) < close")
    with pytest.raises(OptionError, match="range_5_low"):
        prepare(SWING, features=["range_4_low"])


def test_a_result_can_be_put_away(ranged: ScanResult) -> None:
    again = pickle.loads(pickle.dumps(ranged.assembled))  # noqa: S301 (our own)
    assert again.frame.equals(ranged.frame)


def test_show_says_it_in_words(
    long_store: Store, counted: Path, ranged: ScanResult, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ranged.ranked.filter(pl.col("shares") > 0).row(0, named=True)
    app(args=["show", row["symbol"], "--store", long_store.path, "--models", str(counted)], standalone_mode=False)
    told = " ".join(capsys.readouterr().out.split())
    assert f"10 sessions {row['range_10_low']:,.2f} to {row['range_10_high']:,.2f}" in told
    inside = "inside" if row["range_10_low"] < row["stop"] < row["range_10_high"] else "outside"
    assert f"The stop lies {inside} the usual range of 10 sessions: within 10 it is hit by chance" in told
    assert f"{row['prob_stop']:.0%} of the time, the target {row['prob_target']:.0%}" in told


def test_the_command_line_shows_who_stands_beside(
    long_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = BoostedQuantiles(Recipe(rounds=2, rows=2_000))
    monkeypatch.setitem(BESIDE, "xgboost", lambda: few)

    def told(*arguments: str) -> str:
        app(args=[*arguments, "--store", long_store.path, "--models", str(tmp_path)], standalone_mode=False)
        return " ".join(capsys.readouterr().out.split())

    told("train", "--learner", "cone", "--beside", "xgboost")
    record = read_ranges(tmp_path)[0].horizons[1].forecasters["xgboost"].record
    said = told("evaluate", "--html", str(tmp_path / "report.html"))
    assert "rule cone XGBoost quantiles" in said
    assert f"{record.loss:.4%}" in said
    assert f"{record.loss:.4%}" in (tmp_path / "report.html").read_text()
    # Of a record of another training nothing is shown, and of no record there is no page.
    save_cone(tmp_path, msgspec.structs.replace(read_cone(tmp_path / CONE_FILE), created_at=LATER))
    assert "XGBoost" not in told("evaluate")
    with pytest.raises(ModelError, match="no model was judged there"):
        told("evaluate", "--html", str(tmp_path / "report.html"))


def test_the_command_line_trains_and_tells(
    long_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*arguments: str) -> str:
        app(args=[*arguments, "--store", long_store.path, "--models", str(tmp_path)], standalone_mode=False)
        return " ".join(capsys.readouterr().out.split())

    said = told("train", "--learner", "cone")
    assert "over 21 sessions the" in said
    assert "lay in its middle four fifths" in said
    assert told("evaluate").startswith("sessions returns loss t covered rule folds serves")
    assert told("models").startswith("cone: over 1 session the")
    assert "lay in its middle four fifths" in told("train", "--learner", "cone", "--recalibrate")
    with pytest.raises(OptionError, match="--beside is of the training of a cone"):
        told("train", "--learner", "cone", "--recalibrate", "--beside", "xgboost")
    with pytest.raises(OptionError, match="a cone has horizons of its own"):
        told("train", "--learner", "cone", "--horizons", "5")
    with pytest.raises(OptionError, match="--recalibrate is of the cone"):
        told("train", "--learner", "ridge", "--recalibrate")
