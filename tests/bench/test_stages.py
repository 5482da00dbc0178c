"""The stages of a scan beside their floors: what is counted, and that no stage goes without."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tapescan.bench.bench import BenchReport
from tapescan.bench.models import model_workload
from tapescan.bench.stages import BETWEEN, Stage, Staged, as_stages, bytes_of, bytes_of_features, reading_speed
from tapescan.features.plan import plan_features
from tapescan.history.market import Market, simulated_market
from tapescan.interfaces.cli import bench as command
from tapescan.models.forecast import Models
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import load_profile

SWING = load_profile("swing")


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(symbols=300, sessions=260)


def test_features_count_each_column_once_over_the_bars_that_are_needed(market: Market) -> None:
    symbols = len(market.panel)
    assert bytes_of_features(market.panel, plan_features(["sma_20"])) == 8 * 20 * symbols
    # A longer window of the same column holds the shorter one; the range takes two columns more.
    assert bytes_of_features(market.panel, plan_features(["sma_20", "sma_50"])) == 8 * 50 * symbols
    assert bytes_of_features(market.panel, plan_features(["sma_20", "willr_14"])) == 8 * (20 + 14 + 14) * symbols


@pytest.mark.long
def test_every_stage_of_a_scan_stands_beside_a_floor(market: Market) -> None:
    models = model_workload(market.panel)
    request = prepare(SWING, features=["rsi_14"], models=models.models if models else Models(()))
    staged = Staged(market, request)
    for _ in range(2):
        staged()
    stages = {one.name: one for one in as_stages(staged, reading_speed(market.panel))}
    assert stages.keys() == {*run(market, request).timings, "frame", BETWEEN}
    assert {name for name, one in stages.items() if one.ratio is None} == {BETWEEN}
    assert all(one.bytes_once > 0 and one.ratio > 1.0 for one in stages.values() if one.ratio is not None)


def test_the_frame_counts_what_it_reads_and_what_it_is(market: Market) -> None:
    few, more = (prepare(SWING, features=names) for names in ((), ("willr_14", "roc_5")))
    sizes = [bytes_of(market, one, run(market, one)) for one in (few, more)]
    requested = len(market.universe)
    # A column more is read and written: eight bytes a value, and a bit for whether it is known.
    added = sizes[1]["frame"] - sizes[0]["frame"]
    assert 2 * 16 * requested <= added <= 2 * (16 * requested + requested // 8 + 64)
    assert sizes[1]["features"] > sizes[0]["features"]


def test_a_floor_is_the_time_that_the_bytes_take() -> None:
    stage = Stage("score", 2.0, 4_000_000, 4_000_000 / 8e9 * 1e3)
    assert stage.to_dict() == {"name": "score", "ms": 2.0, "megabytes": 4.0, "floor_ms": 0.5, "ratio": 4.0}
    assert replace(stage, floor=0.0).to_dict()["ratio"] is None


def test_the_command_prints_each_stage(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stages = (Stage("features", 30.0, 62_000_000, 2.0), Stage(BETWEEN, 1.25, 0, 0.0))
    report = BenchReport(300, 260, 155, "a machine", 2, (), stages, (("sma_20", 0.1),), 31e9, 100.0)
    monkeypatch.setattr("tapescan.bench.bench.run_bench", lambda *_: report)
    command.bench(symbols=300, bars=260, rounds=1, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["features", "30.00", "62.00", "2.000", "15.0"] for line in lines)
    assert any(line.split() == ["between", "1.25"] for line in lines)
    command.bench(symbols=300, bars=260, rounds=1, as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert [one["ratio"] for one in printed["stages"]] == [15.0, None]
    assert np.isclose(printed["gigabytes_a_second"], 31.0)
