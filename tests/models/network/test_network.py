"""The network itself: what serves is what was trained, a row's bits are its own, and it begins as the rule."""

from __future__ import annotations

import dataclasses
import sys

import msgspec
import numpy as np
import pytest

from tapescan.core.errors import InputError, ModelError, OptionError
from tapescan.core.typing import Array, Days, Singles
from tapescan.models.cone.law import LEVELS
from tapescan.models.judging.folds import walk_forward
from tapescan.models.learners import tft
from tapescan.models.learners.seam import Regarding
from tapescan.models.network import learning
from tapescan.models.network.forward import Sizes, begun, explained, ladder, levels_of, network, prepared
from tapescan.models.network.graph import OUTPUTS, as_onnx
from tapescan.models.network.inputs import CHANNELS, DAYS, FEATURES, RULED_BY, Layout, season
from tapescan.models.network.rows import like
from tapescan.models.network.serving import ABOUT, BATCH, About, Served, served
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tests.models.network.worlds import SMALL, made

torch = pytest.importorskip("torch", reason="networks were not checked: torch is not installed")

HORIZONS = (5, 10)
ROWS = 3 * BATCH + 17


@pytest.fixture(scope="module")
def world() -> Samples:
    return made(dates=60)[0]


@pytest.fixture(scope="module")
def numbers(world: Samples) -> dict[str, Array]:
    layout = Layout.of(FEATURES)
    rule = {"middle": np.zeros((2, 1)), "spread": np.ones((2, 1)), "steps": np.full((2, len(LEVELS) - 1), 0.5)}
    return {**like(np.asarray(world.values), layout), **ladder(), **rule}


@pytest.fixture(scope="module")
def weights() -> dict[str, Array]:
    """Of a network that says something: no head of zeros."""
    rng = np.random.default_rng(5)
    return {
        name: (one + 0.2 * rng.normal(size=one.shape)).astype(np.float32) for name, one in begun(SIZES, 3).items()
    }


SIZES = Sizes(
    members=3, scalars=len(Layout.of(FEATURES).scalars), days=DAYS, channels=4, horizons=2, hidden=16, heads=2
)


@pytest.fixture(scope="module")
def graph(weights: dict[str, Array], numbers: dict[str, Array]) -> Served:
    layout = Layout.of(FEATURES)
    names = tuple(FEATURES[at] for at in layout.scalars)
    about = About(FEATURES, HORIZONS, names, DAYS, {}, (1, 1, 1), (1.0, 1.0))
    texts = {ABOUT: msgspec.json.encode(about).decode()}
    return served(as_onnx(weights, numbers, SIZES, layout, HORIZONS, BATCH, texts))


@pytest.fixture(scope="module")
def inputs(world: Samples) -> tuple[Singles, Singles]:
    """Rows some of whose values are unknown."""
    values = np.array(world.values[:ROWS])
    values[np.random.default_rng(2).random(values.shape) < 0.03] = np.nan
    return values, season(world.session[:ROWS], HORIZONS)


def test_the_graph_says_what_torch_does(
    graph: Served, weights: dict[str, Array], numbers: dict[str, Array], inputs: tuple[Singles, Singles]
) -> None:
    op, layout = learning._Torch(torch), Layout.of(FEATURES)
    w, of = ({name: learning_tensor(one) for name, one in some.items()} for some in (weights, numbers))
    values, known = (torch.as_tensor(one) for one in inputs)
    scalars, past, scale = prepared(op, of, values, layout)
    said, pick, day, attention = network(op, w, SIZES, scalars[None], past[None], known.reshape(1, -1, 2), 1)
    wide = scale[:, None] * torch.tensor(HORIZONS).sqrt()[:, None]
    theirs = (levels_of(op, of, said).mean(0) * wide, *explained(op, pick, day, attention))
    for name, ours, other in zip(OUTPUTS, graph.run(*inputs, OUTPUTS), theirs, strict=True):
        assert np.isfinite(ours).all()
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def learning_tensor(numbers: Array) -> object:
    array = np.asarray(numbers)
    return torch.as_tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)


def test_a_row_has_its_bits_wherever_it_stands(graph: Served, inputs: tuple[Singles, Singles]) -> None:
    values, known = inputs
    whole = graph.run(values, known, OUTPUTS)
    order = np.random.default_rng(3).permutation(len(values))
    moved = graph.run(values[order], known[order], OUTPUTS)
    later = graph.run(values[37:], known[37:], OUTPUTS)
    for at, one in enumerate(whole):
        np.testing.assert_array_equal(moved[at], one[order])
        np.testing.assert_array_equal(later[at], one[37:])
    for row in (0, 1, BATCH - 1, BATCH, len(values) - 1):
        for ours, one in zip(graph.run(values[row : row + 1], known[row : row + 1], OUTPUTS), whole, strict=True):
            np.testing.assert_array_equal(ours[0], one[row])


def test_quantiles_ascend_and_shares_add_up(graph: Served, inputs: tuple[Singles, Singles]) -> None:
    quantiles, scalars, channels, days = graph.run(*inputs, OUTPUTS)
    assert (np.diff(quantiles, axis=2) > 0.0).all()
    for shares in (scalars, channels, days):
        assert (shares >= 0.0).all()
        np.testing.assert_allclose(shares.sum(axis=-1), 1.0, rtol=1e-5)


def fit(samples: Samples, recipe: tft.Recipe = SMALL, horizon: int = 5) -> tft.Network:
    labels = rank_labels(samples.forward[horizon], samples.session)
    return tft.LEARNER.fit(samples, np.unique(samples.session), labels, horizon, recipe)  # type: ignore[return-value]


@pytest.mark.long
def test_trained_no_further_it_is_the_volatility_rule(world: Samples) -> None:
    network = fit(world, msgspec.structs.replace(SMALL, rounds=0))
    scale = np.asarray(world.values[:, FEATURES.index(RULED_BY)], np.float64) * np.sqrt(5 / 252)
    # Both horizons have one move, in the scale of each.
    moves = np.log1p(np.asarray(world.closing[5], np.float64)) / scale
    expected = np.quantile(moves, LEVELS)
    found = network.quantiles(world.values[:500], world.session[:500])
    np.testing.assert_allclose(found, expected[:, None] * scale[:500], rtol=1e-4, atol=1e-6)


@pytest.mark.long
def test_training_gives_the_same_bytes_twice(world: Samples) -> None:
    """Of samples that are not known from the first time."""
    short = msgspec.structs.replace(SMALL, rounds=1)
    assert fit(dataclasses.replace(world), short).save() == fit(dataclasses.replace(world), short).save()


def test_one_fit_serves_all_horizons_of_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, fits = made(dates=110, symbols=40)[0], []

    def counted(_samples: Samples, dates: Days, _recipe: tft.Recipe) -> object:
        fits.append(dates)
        return object()

    monkeypatch.setattr(tft, "_fit", counted)
    for horizon in HORIZONS:
        labels = rank_labels(samples.forward[horizon], samples.session)
        for fold in walk_forward(np.unique(samples.session), 2, horizon):
            tft.LEARNER.fit(samples, fold.train, labels, horizon, SMALL)
    assert len(fits) == 2


def test_no_return_reaches_beyond_what_the_training_may_know() -> None:
    """Returns over the longest horizon end where the labels of the horizon's own newest date, and their gap, do."""
    samples = made(dates=60, symbols=20)[0]
    days = np.unique(samples.session)
    gap = np.concatenate([days[:20], days[30:50]])
    kept = tft._all_known(gap, 5, samples)
    np.testing.assert_array_equal(kept, np.concatenate([days[:18], days[30:48]]))
    np.testing.assert_array_equal(tft._all_known(gap, 10, samples), gap)
    # After the newest of all dates nothing is judged.
    np.testing.assert_array_equal(tft._all_known(days[30:], 5, samples), days[30:])


@pytest.fixture(scope="module")
def fitted(world: Samples) -> tft.Network:
    return fit(world, msgspec.structs.replace(SMALL, rounds=2))


def test_what_it_looked_at(world: Samples, fitted: tft.Network) -> None:
    network = fitted
    assert isinstance(network, Regarding)
    rows = np.array([3, 700])
    found = network.regard(world.values, world.session, rows)
    assert set(found.scalars) <= set(FEATURES)
    assert tuple(found.past) == CHANNELS
    assert found.days.shape == (2, DAYS)
    for shares in (found.scalars, found.past):
        np.testing.assert_allclose(sum(shares.values()), 1.0, rtol=1e-5)
    alone = network.regard(world.values[700:701], world.session[700:701], np.array([0]))
    np.testing.assert_array_equal(alone.days[0], found.days[1])


def test_a_range_needs_the_volatility_and_an_order_does_not(world: Samples, fitted: tft.Network) -> None:
    network, values = fitted, np.array(world.values[:5])
    values[2, FEATURES.index(RULED_BY)] = np.nan
    assert np.isnan(network.quantiles(values, world.session[:5])[:, 2]).all()
    assert np.isfinite(network.forecast(values, world.session[:5])).all()


def test_what_cannot_be_trained_is_said(world: Samples) -> None:
    labels = rank_labels(world.forward[5], world.session)
    with pytest.raises(InputError, match="too few labelled samples"):
        tft.LEARNER.fit(world, np.unique(world.session)[:4], labels, 5, SMALL)
    lacking = dataclasses.replace(world, features=tuple("x" if "bar_ago_0" in one else one for one in FEATURES))
    with pytest.raises(OptionError, match="tft needs the feature bar_ago_0_change"):
        fit(lacking)


def test_a_file_of_another_horizon_or_kind_is_refused(fitted: tft.Network) -> None:
    content = fitted.save()
    assert tft.LEARNER.load(content, FEATURES).save() == content
    for broken in (content[:-5] + b"00063", content[:-1] + b"x", content + b"\x00"):
        with pytest.raises(ModelError):
            tft.LEARNER.load(broken, FEATURES)


@pytest.mark.parametrize(
    ("library", "said"), [("torch", "PyTorch"), ("onnx", "ONNX"), ("onnxruntime", "ONNX Runtime")]
)
def test_without_a_library_one_line_says_how_to_get_it(
    library: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(OptionError, match=f"{said} is not installed") as caught:
        tft.LEARNER.prepare()
    assert "pip install 'tapescan[deep]'" in caught.value.hint


def test_without_a_gpu_the_cpu_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, device in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(tft, "has_gpu", lambda there=there: there)
        assert tft.LEARNER.prepare(device="cuda").device == device  # type: ignore[attr-defined]
