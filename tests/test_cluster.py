"""On machines of a cluster a scan, samples, a training, a replay and features of options give the bytes of threads;
and machines or whole commands that are killed change none."""

from __future__ import annotations

import datetime as dt
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapescan.core.progress import Progress, silent
from tapescan.engine.seam import Engine
from tapescan.engine.threads import Threads
from tapescan.features.digest import machine_digest
from tapescan.history.market import Market, simulated_market
from tapescan.history.option_features import store_option_features
from tapescan.importing.importing import import_frames
from tapescan.models.learners.xgboost import Recipe
from tapescan.models.registry.record import Record, read_records
from tapescan.models.samples.build import build_samples
from tapescan.models.stored import judge_stored, train_models
from tapescan.replay.replay import Terms, replay_requests
from tapescan.replay.source import source_of
from tapescan.scan.pipeline import run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.engine.clusters import LocalCluster, local_cluster
from tests.history.test_option_features import bars, of_day, rows_of
from tests.interfaces.cli.test_cli import tapescan
from tests.models.stores import LOOSE, same, store_of

pytestmark = [pytest.mark.long, pytest.mark.filterwarnings("ignore::ResourceWarning")]

RECIPE = Recipe(rounds=12, depth=3)


@pytest.fixture(scope="module")
def started() -> Iterator[LocalCluster]:
    """A cluster without nodes; it takes as long to start as most tests here."""
    with local_cluster(nodes=0) as made:
        yield made


@pytest.fixture(scope="module", params=[1, 2, 3], ids=["one node", "two nodes", "three nodes"])
def cluster(started: LocalCluster, request: pytest.FixtureRequest) -> LocalCluster:
    """With so many nodes: tests are in the order of their number."""
    while len(started.nodes) < request.param:
        started.add()
    assert len(started.nodes) == request.param
    return started


@pytest.fixture(scope="module")
def engine(started: LocalCluster) -> Engine:
    from tapescan.engine.ray import Ray

    return Ray(started.address, machine_digest)


@pytest.fixture
def on_nodes(cluster: LocalCluster, engine: Engine) -> Engine:
    """Of as many nodes as the test says."""
    return engine


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(symbols=1200, sessions=400)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = simulate(symbols=160, sessions=1030, seed=11)
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
def test_a_scan(market: Market, on_nodes: Engine, asked: dict[str, Any]) -> None:
    request = prepare(load_profile("swing"), **asked)
    here = run(market, request, Threads())
    assert here.coverage.ranked > 0
    assert contents(run(market, request, on_nodes)) == contents(here)


def test_samples(store: Store, on_nodes: Engine) -> None:
    here, there = (build_samples(store, filters=LOOSE, chunk=100, engine=one) for one in (Threads(), on_nodes))
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
    on_nodes: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("all trainings of the learner are elsewhere; those of the baselines stay here")

    monkeypatch.setattr("tapescan.models.learners.xgboost.grow", refused)
    records, models = records_of(store, tmp_path, on_nodes)
    assert len(models) == 2
    assert models == trained[1]
    assert repr(records) == repr(trained[0])  # where a NaN is as good as another


@pytest.fixture(scope="module")
def replayed(store: Store) -> list[tuple[str, str]]:
    """On threads, twice: a replay is a trial, and the second one no further."""
    replay_of(store, Threads())
    return replay_of(store, Threads())


def replay_of(store: Store, engine: Engine, progress: Progress = silent) -> list[tuple[str, str]]:
    """Three years."""
    requests = {"swing": prepare(load_profile("swing"))}
    terms = Terms(start=dt.date(2023, 1, 3), plan=True, verify=2)
    found = replay_requests(source_of(store, None), requests, terms, progress, together=True, engine=engine)
    assert found[0].last - found[0].first > dt.timedelta(days=1080)
    return [(one.picks.write_csv(), one.to_json()) for one in found]


def test_a_replay(
    store: Store, replayed: list[tuple[str, str]], on_nodes: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("no session is replayed here")

    monkeypatch.setattr("tapescan.replay.apart.collect", refused)
    told = list[tuple[int, int]]()
    assert replay_of(store, on_nodes, lambda done, total, _what: told.append((done, total))) == replayed
    some = [done for done, total in told if total == told[-3][1]]
    assert 0 < some[1] < some[2]  # while pieces end, not only once all have


def test_option_quotes_are_measured_in_their_order(tmp_path: Path, on_nodes: Engine) -> None:
    days = [dt.date(2026, 8, 17) + dt.timedelta(days=one) for one in range(5)]
    frames = [of_day(name, day, 0.25 + 0.02 * at) for at, day in enumerate(days) for name in ("A", "B")]
    frames.append(bars(*((name, day, 100.0) for day in days for name in ("A", "B"))))
    made = []
    for name, engine in (("here", Threads()), ("there", on_nodes)):
        place = Store(tmp_path / name)
        report = import_frames(place, frames)
        store_option_features(place, {}, report, engine=engine)
        made.append((rows_of(place).write_csv(), report.notes, report.actions, place.versions()))
    assert made[0][0].count("\n") == 11
    assert made[0] == made[1]


def test_what_a_stored_model_is_worth_since(store: Store, on_nodes: Engine, tmp_path: Path) -> None:
    # Its training is a trial, which others here would be judged by.
    own = Store(shutil.copytree(store.path, tmp_path / "store"))
    train_models(
        own,
        learner="ridge",
        horizons=5,
        folds=2,
        judged=5,
        paths=False,
        end=dt.date(2025, 6, 30),
        universe=LOOSE,
        folder=tmp_path / "models",
        engine=Threads(),
    )
    here, there = (judge_stored(own, folder=tmp_path / "models", engine=one) for one in (Threads(), on_nodes))
    assert len(here.judged) == 1
    assert repr(there) == repr(here)


@pytest.fixture
def three(started: LocalCluster) -> LocalCluster:
    """With three nodes at least."""
    while len(started.nodes) < 3:
        started.add()
    return started


def test_ten_nodes_are_killed_at_random_moments(
    store: Store, replayed: list[tuple[str, str]], three: LocalCluster, engine: Engine
) -> None:
    """In replays one after the other; each is what it is on threads. A new node takes the place of each."""
    drawn, kills = random.Random(17), 0
    with ThreadPoolExecutor(1) as beside:  # nodes are started by the main thread alone
        while kills < 10:
            running = beside.submit(replay_of, store, engine)
            time.sleep(drawn.uniform(0.5, 3.0))
            while not running.done() and kills < 10:
                three.kill(drawn.choice(three.nodes))
                three.add()
                kills += 1
                time.sleep(drawn.uniform(0.0, 1.0))
            assert running.result() == replayed


def test_a_replay_whose_driver_is_killed_goes_on(
    store: Store, three: LocalCluster, engine: Engine, tmp_path: Path
) -> None:
    words = [sys.executable, "-m", "tapescan", "--verbose", "replay", "--store", str(store.path)]
    words += ["--from", "2023-01-03", "--json"]
    apart = ["--engine", "ray", "--address", three.address]
    had = 0
    with subprocess.Popen([*words, *apart], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stderr is not None
        for line in driver.stderr:
            had += "is kept in" in line
            if had == 2:
                driver.kill()
        assert driver.wait() == -signal.SIGKILL
    again, here = (
        subprocess.run(one, capture_output=True, text=True, check=False) for one in ([*words, *apart], words)
    )
    assert again.returncode == 0, again.stderr
    assert again.stderr.count("was done before") == had
    assert again.stderr.count("is kept in") == 6 - had
    assert here.stderr.count("is kept in") == 6
    assert again.stdout == here.stdout


def test_a_grid_whose_driver_is_killed_goes_on(
    store: Store, three: LocalCluster, engine: Engine, tmp_path: Path
) -> None:
    grid = tmp_path / "grid.toml"
    grid.write_text("horizons = [5]\nfolds = 2\njudged = 5\nfrom = '2024-01-02'\n[grid]\nrounds = [20, 21]\n")
    words = ["trials", str(grid), "--store", str(store.path)]
    apart = ["--folder", str(tmp_path / "there"), "--engine", "ray", "--address", three.address]
    with subprocess.Popen([sys.executable, "-m", "tapescan", *words, *apart], stdout=subprocess.DEVNULL) as driver:
        while not list(tmp_path.glob("there/*/*.record.json")):
            assert driver.poll() is None
            time.sleep(0.02)
        driver.kill()
    again = tapescan(*words, *apart)
    assert again.returncode == 0, again.stderr
    assert re.search("1 of 2 recipes were done before", again.stderr)
    here = tapescan(*words, "--folder", str(tmp_path / "here"))
    assert here.returncode == 0, here.stderr
    made = [
        {one.parent.name: one.read_bytes() for one in tmp_path.glob(f"{name}/*/*.ubj")} for name in ("here", "there")
    ]
    assert len(made[0]) == 2
    assert made[0] == made[1]
    assert again.stdout.splitlines()[:-1] == here.stdout.splitlines()[:-1]  # the last line names the folder


def test_machines_of_one_kind_have_one_digest() -> None:
    assert machine_digest().keys() == {"packages", "features", "mathematics", "matrices"}
    assert np.all([len(text) == 16 for name, text in machine_digest().items() if name != "packages"])
