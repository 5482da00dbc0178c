"""On machines of a cluster a scan, samples, a training and a replay give the bytes that they give on threads."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.digest import machine_digest
from tapescan.history.market import Market, simulated_market
from tapescan.models.learners.xgboost import Recipe
from tapescan.models.registry.record import Record, read_records
from tapescan.models.samples.build import build_samples
from tapescan.models.stored import train_models
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import source_of
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.engine.clusters import LocalCluster, local_cluster
from tests.interfaces.cli.test_cli import tapescan
from tests.models.stores import LOOSE, same, store_of

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::ResourceWarning")]

RECIPE = Recipe(rounds=12, depth=3)


@pytest.fixture(scope="module", params=[1, 2], ids=["one node", "two nodes"])
def cluster(request: pytest.FixtureRequest) -> Iterator[LocalCluster]:
    with local_cluster(nodes=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def engine(cluster: LocalCluster) -> Engine:
    from tapescan.engine.ray import Ray

    return Ray(cluster.address, machine_digest)


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(symbols=1200, sessions=400)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = simulate(symbols=160, sessions=640, seed=11)
    frames = {"bars": made.bars, "splits": made.splits, "symbols": made.listing}
    return store_of(tmp_path_factory.mktemp("market") / "frames", frames)


def contents(result: ScanResult) -> tuple[Any, ...]:
    document = result.to_dict()
    document.pop("timings")
    return result.frame.write_csv(), document


@pytest.mark.parametrize(
    "asked",
    [{}, {"where": "rsi_2 < 20 AND close[3] > sma_200[1]"}, {"rank_by": "weekly.rsi_14 desc"}],
    ids=str,
)
def test_a_scan(market: Market, engine: Engine, asked: dict[str, Any]) -> None:
    request = prepare(load_profile("swing"), **asked)
    here = run(market, request, Threads())
    assert here.coverage.ranked > 0
    assert contents(run(market, request, engine)) == contents(here)


def test_samples(store: Store, engine: Engine) -> None:
    here, there = (build_samples(store, filters=LOOSE, chunk=100, engine=one) for one in (Threads(), engine))
    assert len(here) > 10_000
    same(there, here)


def records_of(store: Store, folder: Path, engine: Engine) -> tuple[list[Record], dict[str, bytes]]:
    """What is said of the models, but for their moment, and their files."""
    train_models(
        store,
        horizons=(5, 10),
        folds=2,
        judged=5,
        paths=True,
        recipe=RECIPE,
        universe=LOOSE,
        folder=folder,
        engine=engine,
    )
    records = read_records(folder)
    for one in records:
        one.trained.pop("digest")  # of the card, which says when
    return records, {one.name: one.read_bytes() for one in sorted(folder.glob("*.ubj"))}


@pytest.fixture(scope="module")
def trained(store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Record], dict[str, bytes]]:
    """On threads."""
    return records_of(store, tmp_path_factory.mktemp("here"), Threads())


def test_a_training(
    store: Store,
    trained: tuple[list[Record], dict[str, bytes]],
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("all trainings of the learner are elsewhere; those of the baselines stay here")

    monkeypatch.setattr("tapescan.models.learners.xgboost.grow", refused)
    records, models = records_of(store, tmp_path, engine)
    assert len(models) == 2
    assert models == trained[1]
    assert repr(records) == repr(trained[0])  # where a NaN is as good as another


@pytest.fixture(scope="module")
def replayed(store: Store) -> list[tuple[str, str]]:
    """On threads, twice: a replay is a trial, and the second one no further."""
    replay_of(store, Threads())
    return replay_of(store, Threads())


def replay_of(store: Store, engine: Engine) -> list[tuple[str, str]]:
    requests = {name: prepare(load_profile(name)) for name in ("swing", "position")}
    terms = Terms(start=dt.date(2024, 2, 5), plan=True, verify=2)
    found = replay_requests(source_of(store, None), requests, terms, together=True, engine=engine)
    assert all(len(one.picks) > 1000 for one in found)
    return [(one.picks.write_csv(), one.to_json()) for one in found]


def test_a_replay(
    store: Store, replayed: list[tuple[str, str]], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("no session is replayed here")

    monkeypatch.setattr("tapescan.replay.apart.pick", refused)
    monkeypatch.setattr("tapescan.replay.apart.collect", refused)
    assert replay_of(store, engine) == replayed


@pytest.mark.parametrize("cluster", [2], ids=["two nodes"], indirect=True)
def test_a_job_whose_driver_is_killed_goes_on(
    store: Store, cluster: LocalCluster, engine: Engine, tmp_path: Path
) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("horizons = [5]\nfolds = 2\njudged = 5\n[grid]\nrounds = [20, 21, 22]\n", encoding="utf-8")
    words = ["trials", str(grid), "--store", str(store.path)]
    apart = ["--folder", str(tmp_path / "there"), "--engine", "ray", "--address", cluster.address]
    with subprocess.Popen([sys.executable, "-m", "tapescan", *words, *apart], stdout=subprocess.DEVNULL) as driver:
        while not list(tmp_path.glob("there/*/*.record.json")):
            assert driver.poll() is None
            time.sleep(0.02)
        driver.kill()
    again = tapescan(*words, *apart)
    assert again.returncode == 0, again.stderr
    assert re.search("[12] of 3 recipes were done before", again.stderr)
    here = tapescan(*words, "--folder", str(tmp_path / "here"))
    assert here.returncode == 0, here.stderr
    made = [
        {one.parent.name: one.read_bytes() for one in tmp_path.glob(f"{name}/*/*.ubj")} for name in ("here", "there")
    ]
    assert len(made[0]) == 3
    assert made[0] == made[1]
    assert again.stdout.splitlines()[:-1] == here.stdout.splitlines()[:-1]  # the last line names the folder


def test_machines_of_one_kind_have_one_digest() -> None:
    assert machine_digest().keys() == {"packages", "features", "mathematics", "matrices"}
    assert np.all([len(text) == 16 for name, text in machine_digest().items() if name != "packages"])
