"""Training on a market whose signal is known: it is found, nothing is found where it was taken away, and what is
stored is judged on what came later."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from tapescan.api import scan_market
from tapescan.core.errors import FileError, InputError, ModelError, OptionError, StoreError
from tapescan.history.history import history_of, market_index
from tapescan.importing.importing import import_files
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.metrics import judge
from tapescan.models.learners.xgboost import LEARNER, Recipe, check_device, has_gpu
from tapescan.models.registry.cards import Card, save_model
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.samples import Samples
from tapescan.models.stored import judge_stored, model_folder, stored_models, train_models
from tapescan.models.task import Settings
from tapescan.models.train import Learnt, learn
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import Store
from tests.interfaces.cli.test_cli import one_line, tapescan

SETTINGS = Settings(folds=2, judged=5, paths=False)
END = dt.date(2025, 6, 30)
#: The simulated market's newest session.
NEWEST = dt.date(2025, 12, 31)


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(symbols=900, sessions=1400, seed=11)


@pytest.fixture(scope="module")
def store(market: SimulatedMarket, tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("market")
    # One company more, which was listed on the newest session.
    first = market.bars.filter(pl.col("session") == NEWEST).head(1).with_columns(symbol=pl.lit("ONEBAR"))
    frames = {"bars": pl.concat([market.bars, first]), "splits": market.splits, "symbols": market.listing}
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    found = Store(folder / "store")
    import_files(found, [folder / f"{name}.parquet" for name in frames])
    return found


@pytest.fixture(scope="module")
def samples(store: Store) -> Samples:
    return build_samples(store, horizons=(5,))


@pytest.fixture(scope="module")
def trained(store: Store) -> subprocess.CompletedProcess[str]:
    """What `tapescan train` says; it leaves a model of what was known at END in the store's folder."""
    options = ("--horizons", "5", "--to", str(END), "--folds", "2", "--judged", "5", "--no-paths")
    return tapescan("train", "--store", str(store.path), *options)


def trees(samples: Samples, folder: Path) -> Learnt:
    trials = StoreTrials(Store(folder / "trials"))
    return learn(samples, (5,), folder, learner=LEARNER, trials=trials, settings=SETTINGS)[0]


def planted(samples: Samples, market: SimulatedMarket) -> NDArray[np.float64]:
    """The order of the returns that is known: by the formula that they were drawn with."""
    symbols = np.array(samples.symbols)[samples.symbol]
    last_5, older = (samples.values[:, samples.features.index(name)] for name in ("ret_5", "momentum_126_21"))
    return market.truth.expected(symbols.tolist(), last_5, older, 5)


@pytest.mark.long
def test_training_finds_what_the_simulated_market_holds(
    market: SimulatedMarket, samples: Samples, tmp_path: Path
) -> None:
    learnt = trees(samples, tmp_path)
    model = learnt.judgements["model"]
    rows = np.flatnonzero(np.isin(samples.session, model.per_date.session))
    best = judge(
        samples.session[rows],
        samples.symbol[rows],
        planted(samples, market)[rows],
        samples.forward[5][rows],
        horizon=5,
        every=5,
    ).summary
    assert best.rank_ic > 5.0 * best.error
    assert model.summary.rank_ic > 4.0 * model.summary.error
    assert 0.6 * best.rank_ic < model.summary.rank_ic < best.rank_ic + 2.0 * best.error
    # The signal is linear, so a ridge regression must do as well, and a model that is no better must not count.
    ridge = learnt.judgements["ridge"].summary
    assert ridge.rank_ic > 4.0 * ridge.error
    assert learnt.gate.weight == 0.0 or learnt.gate.numbers["lead_t_ridge"] > 1.0


@pytest.mark.long
def test_training_finds_nothing_once_the_returns_are_shuffled(samples: Samples, tmp_path: Path) -> None:
    random, forward = np.random.default_rng(1), np.array(samples.forward[5])
    known = np.flatnonzero(np.isfinite(forward))
    for rows in np.split(known, np.flatnonzero(np.diff(samples.session[known])) + 1):
        forward[rows] = random.permutation(forward[rows])
    learnt = trees(replace(samples, forward={5: forward}), tmp_path)
    summary = learnt.judgements["model"].summary
    assert abs(summary.rank_ic) < 3.5 * summary.error
    assert learnt.gate.weight == 0.0
    assert "does not count" in learnt.gate.reason


@pytest.mark.long
def test_a_symbol_with_one_bar_is_no_sample_and_has_no_forecast(
    store: Store, samples: Samples, trained: subprocess.CompletedProcess[str]
) -> None:
    assert "ONEBAR" not in samples.symbols
    assert trained.returncode == 0, trained.stderr
    row = scan_market(store).frame.filter(pl.col("symbol") == "ONEBAR").row(0, named=True)
    assert row["dropped"] == "short_history"
    assert row["alpha_xgboost_5"] is None


@pytest.mark.long
def test_what_is_stored_is_what_was_said(store: Store, trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    (model,) = stored_models(store).models
    assert model.card.last < END
    assert model.card.reason in trained.stdout
    again = tapescan("evaluate", "--store", str(store.path))
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == "xgboost_5: forecasts over 5 sessions"
    assert trained.stdout.startswith(again.stdout.rstrip("\n"))
    listed = tapescan("models", "--store", str(store.path))
    assert listed.stdout.splitlines()[1].split()[:4] == ["xgboost_5", "xgboost", "5", "sessions"]
    assert model.card.reason in listed.stdout


@pytest.mark.long
def test_the_page_is_written(store: Store, trained: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert trained.returncode == 0, trained.stderr
    done = tapescan("evaluate", "--store", str(store.path), "--html", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") >= 5
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


@pytest.mark.long
def test_a_scan_has_the_forecasts_and_says_whether_they_count(
    store: Store, trained: subprocess.CompletedProcess[str]
) -> None:
    assert trained.returncode == 0, trained.stderr
    done = tapescan("scan", "--store", str(store.path), "--format", "json", "--top", "3")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (model,) = stored_models(store).models
    for row in found["rows"]:
        assert -0.5 < row["alpha_xgboost_5"] < 0.5
    if model.card.weight == 0.0:
        assert f"xgboost_5: {model.card.reason}" in done.stderr.splitlines()
    before = tapescan("scan", "--store", str(store.path), "--as-of", "2025-06-20", "--format", "json", "--top", "3")
    assert all(row["alpha_xgboost_5"] is None for row in json.loads(before.stdout)["rows"])
    assert "its training has seen prices after" in before.stderr


@pytest.mark.long
def test_stored_models_are_judged_on_what_came_later(store: Store, trained: subprocess.CompletedProcess[str]) -> None:
    assert trained.returncode == 0, trained.stderr
    (unseen,) = judge_stored(store).judged
    (model,) = stored_models(store).models
    session = unseen.judgements["model"].per_date.session
    assert dt.date(1970, 1, 1) + dt.timedelta(days=int(session[0])) >= END
    assert {*unseen.judgements} == {"model", "momentum", "reversal", "ridge"}
    # The same by hand: the samples of these days, the trees as they lie there.
    later = build_samples(store, horizons=(5,), start=END, features=model.card.features)
    rows = np.flatnonzero(np.isin(later.session, session))
    by_hand: Judgement = judge(
        later.session[rows],
        later.symbol[rows],
        model.forecast(np.array(later.values[rows])),
        later.forward[5][rows],
        horizon=5,
        every=5,
    )
    np.testing.assert_allclose(unseen.judgements["model"].per_date.rank_ic, by_hand.per_date.rank_ic, atol=1e-12)
    with pytest.raises(InputError, match="xgboost_5 was trained on sessions up to"):
        judge_stored(store, end=END)


@pytest.mark.long
def test_models_are_judged_against_the_index_that_they_were_trained_with(
    store: Store, trained: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    """Though the store has SPY by now, which a scan measures against."""
    assert trained.returncode == 0, trained.stderr
    before = judge_stored(store).judged[0].judgements["model"].summary
    shutil.copytree(store.path, tmp_path / "store")
    grown = Store(tmp_path / "store")
    bars = store.known().bars()
    longest = bars["symbol"].value_counts(sort=True)["symbol"][0]
    bars.filter(pl.col("symbol") == longest).with_columns(symbol=pl.lit("SPY")).write_parquet(
        tmp_path / "spy.parquet"
    )
    import_files(grown, [tmp_path / "spy.parquet"])
    assert scan_market(grown, models=False).provenance["market_index"] == "SPY"
    assert any("measured against the index equal-weighted" in note for note in scan_market(grown).notes)
    after = judge_stored(grown).judged[0].judgements["model"].summary
    assert after.dates == before.dates
    assert after.rank_ic == pytest.approx(before.rank_ic, abs=0.002)  # SPY's copy is one symbol more in the average
    with pytest.raises(InputError, match="there are no bars of SPY"):
        market_index(history_of(store, None), 1000, "SPY")


@pytest.mark.long
def test_models_that_cannot_be_judged_are_named_beside_those_that_can(
    store: Store, trained: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    assert trained.returncode == 0, trained.stderr
    shutil.copytree(model_folder(store), tmp_path / "models")
    card = msgspec.json.decode((tmp_path / "models" / "xgboost_5.json").read_bytes(), type=Card)
    learnt = (tmp_path / "models" / card.file).read_bytes()
    save_model(tmp_path / "models", msgspec.structs.replace(card, horizon=20, last=dt.date(2025, 12, 18)), learnt)
    (tmp_path / "models" / "xgboost_10.json").write_text("{}")
    said = tapescan("evaluate", "--store", str(store.path), "--models", str(tmp_path / "models"), "--unseen")
    assert said.returncode == 0, said.stderr
    assert "xgboost_5, trained on" in said.stdout
    assert re.search(r"^rank IC +-?0\.\d{4} ", said.stdout, re.MULTILINE)
    lines = said.stderr.splitlines()
    assert any(line.startswith("xgboost_10 is refused: ") for line in lines)
    assert any(line.startswith("xgboost_20 was trained on sessions up to 2025-12-18") for line in lines)


@pytest.mark.long
def test_another_learner_is_trained_stored_and_judged_beside_the_first(
    store: Store, trained: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    assert trained.returncode == 0, trained.stderr
    shutil.copytree(store.path, tmp_path / "store")
    grown, before = Store(tmp_path / "store"), len(store.trials())
    asked = ("--learner", "ridge", "--horizons", "5", "--to", str(END), "--folds", "2", "--judged", "5", "--no-paths")
    # The setting asks for a GPU, for which a ridge regression has no use.
    (tmp_path / "tapescan.toml").write_text('device = "cuda"\n')
    done = tapescan("train", "--store", grown.path, *asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ridge_5: forecasts over 5 sessions")
    ridge, first = stored_models(grown).models
    assert (ridge.card.name, first.card.name) == ("ridge_5", "xgboost_5")
    assert ridge.card.store == first.card.store == store.identity
    # Once before it began, and once with what came of it.
    logged = grown.trials()[before:]
    assert logged["learner"].to_list() == ["ridge", "ridge"]
    assert logged["sharpe"].is_null().to_list() == [True, False]
    assert ridge.card.trials == first.card.trials + 1
    assert [*ridge.card.metrics] == ["model", "momentum", "reversal"]
    # As a model it is judged as it was as the baseline of the other, on the same rows.
    assert ridge.card.metrics["model"] == first.card.metrics["ridge"]
    listed = tapescan("models", "--store", grown.path).stdout.splitlines()
    assert [line.split()[:2] for line in listed[1:3]] == [["ridge_5", "ridge"], ["xgboost_5", "xgboost"]]
    judged = {one.card.kind: one.judgements for one in judge_stored(grown).judged}
    assert [*judged["ridge"]] == ["model", "momentum", "reversal"]
    # This one is of what the stored ridge learnt, that one of a ridge that learnt on to the sessions judged.
    assert judged["ridge"]["model"].summary.rank_ic == pytest.approx(
        judged["xgboost"]["ridge"].summary.rank_ic, abs=0.02
    )
    row = scan_market(grown).ranked.row(0, named=True)
    assert {"alpha_ridge_5", "alpha_xgboost_5"} <= {*row}


def test_a_store_that_cannot_be_written_is_said_before_any_work(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(found: Store) -> None:
        raise StoreError(f"the store {found.path} cannot be written")

    monkeypatch.setattr(Store, "check_writable", refuse)
    told: list[str] = []
    with pytest.raises(StoreError, match="cannot be written"):
        train_models(store, folder=tmp_path, paths=False, progress=lambda _done, _total, what: told.append(what))
    assert told == []


def test_nothing_to_judge_is_said(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no models"):
        judge_stored(store, folder=tmp_path)
    assert "no model was judged there" in one_line(
        tapescan("evaluate", "--store", str(store.path), "--models", str(tmp_path))
    )


def test_a_gpu_that_is_not_there_is_an_error_before_any_work(store: Store, tmp_path: Path) -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU, so asking for one is no error")
    with pytest.raises(OptionError, match="finds no GPU"):
        check_device("cuda")
    with pytest.raises(OptionError, match="finds no GPU"):
        train_models(store, folder=tmp_path, recipe=Recipe(device="cuda"))
    assert list(tmp_path.iterdir()) == []
    assert "finds no GPU" in one_line(tapescan("train", "--store", str(store.path), "--device", "cuda"))
    assert "expected cpu or cuda" in one_line(tapescan("train", "--store", str(store.path), "--device", "tpu"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"start": "2025-01-01"}, "over 239 sessions leave 0 to judge 5 folds on"),
        ({"end": "2022-01-03"}, "a symbol is sampled from its bar 253 on"),
        ({"horizons": 126, "folds": 2, "paths": True}, "sessions in 6 groups, with gaps of 253 sessions"),
        ({"horizons": True}, "horizons are True"),
        ({"horizons": ["5"]}, "horizons are ['5']"),
        ({"every": 2.5}, "every is 2.5"),
        ({"folds": 2.5}, "folds is 2.5"),
        ({"start": "2025-01-01", "end": "2024-01-01"}, "from 2025-01-01 to 2024-01-01 is no range of dates"),
        ({"start": "soon"}, "start: 'soon' is no date"),
        ({"cost": float("nan")}, "the cost is nan basis points"),
        ({"horizons": 0}, "horizons are [0]"),
        ({"horizons": ()}, "horizons are ()"),
        ({"folds": 0}, "folds is 0"),
        ({"every": 0}, "every is 0"),
        ({"learner": "rigde"}, "no learner is called 'rigde'; did you mean ridge"),
        ({"learner": "ridge", "device": "cuda"}, "device 'cuda': ridge has no use for it"),
        ({"learner": "ridge", "recipe": Recipe()}, "the recipe of ridge is a Recipe"),
    ],
)
def test_what_cannot_be_trained_is_said_and_leaves_nothing(
    store: Store, tmp_path: Path, asked: dict[str, Any], said: str
) -> None:
    tried = store.trials()
    with pytest.raises(InputError, match=re.escape(said)):
        train_models(store, folder=tmp_path / "models", **{"paths": False, **asked})
    assert not list(tmp_path.glob("models/*"))
    assert store.trials().equals(tried)


def test_a_place_that_holds_no_models_is_said_before_any_work(store: Store, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(FileError, match="models cannot be stored in"):
        train_models(store, folder=tmp_path / "models")
    for command in ("train", "evaluate", "models"):
        assert "there is no store at" in one_line(tapescan(command, "--store", str(tmp_path / "typo")))
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("stage", ["computing features", "training for 5"])
@pytest.mark.long
def test_ctrl_c_stops_a_training_and_leaves_no_model(store: Store, tmp_path: Path, stage: str) -> None:
    command = [sys.executable, "-m", "tapescan", "train", "--store", str(store.path), "--models", str(tmp_path / "m")]
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        while stage not in (line := running.stderr.readline()):
            assert line, "it ended before it could be stopped"
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        left = running.stderr.read()
    assert running.returncode == 130
    assert left.splitlines()[-1] == "tapescan: stopped"
    assert not list(tmp_path.glob("m/*"))
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.long
def test_a_scan_goes_on_without_the_gpu_and_says_so(store: Store, trained: subprocess.CompletedProcess[str]) -> None:
    if has_gpu():
        pytest.skip("this machine has a GPU, so forecasts are made on it")
    assert trained.returncode == 0, trained.stderr
    plain, asked = scan_market(store), scan_market(store, device="cuda")
    assert asked.frame.equals(plain.frame)
    assert [note for note in asked.notes if note not in plain.notes] == [
        "XGBoost finds no GPU here: forecasts are made on the CPU"
    ]
