"""Forecasts by trees are XGBoost's to the last bit, whichever way they are made."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats, Singles
from tapescan.models.learners.xgboost import LEARNER
from tapescan.models.trees import choices, forecast
from tapescan.models.trees.choices import SPLIT, SPLITS, TWIG, TWIGS, as_choices
from tapescan.models.trees.trees import Trees
from tests.models.forests import MODELS, grown, market, read, summed, trained

xgboost = pytest.importorskip("xgboost", reason="models were not checked: xgboost is not installed")

#: What is compared in odd ways, or hardly fits: zeros of both signs, denormals, the largest, infinities, none.
ODD = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-40, 3.4028235e38, -3.4028235e38, np.inf, -np.inf, np.nan], np.float32)


def same(ours: Floats, theirs: Any) -> None:
    """Equal to the last bit, the sign of a zero as well."""
    assert ours.dtype == np.float64
    singles = ours.astype(np.float32)
    assert (singles.astype(np.float64) == ours).all()
    np.testing.assert_array_equal(singles.view(np.uint32), np.asarray(theirs, np.float32).view(np.uint32))


def edges(trees: Trees, values: Singles) -> Singles:
    """The rows with values on and beside thresholds, and odd ones, strewn over them."""
    random, out = np.random.default_rng(9), values.copy()
    for feature in range(trees.features):
        at = np.unique(trees.threshold[trees.feature == feature])
        beside = [np.nextafter(at, np.float32(side)) for side in (-np.inf, np.inf)]
        odd = np.concatenate([at, *beside, ODD])
        taken = random.random(len(out)) < 0.5
        out[taken, feature] = random.choice(odd, int(taken.sum()))
    return out


@pytest.fixture(params=["choices", "walk"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every row by choices, or none."""
    monkeypatch.setattr(forecast, "FEWEST_ROWS", 1 if request.param == "choices" else 10**9)
    return str(request.param)


@pytest.mark.parametrize("name", MODELS)
def test_forecasts_are_those_of_xgboost(name: str, way: str) -> None:
    booster, trees, values = trained(name)
    rows = edges(trees, np.tile(values, (5, 1)))
    assert (as_choices(trees) is None) == (name == "depth 12")
    for some in (rows, rows[:1], rows[7:40], rows[:0]):
        found = forecast.forecast(trees, some)
        same(found, booster.inplace_predict(some) if len(some) else np.empty(0))
        same(found, summed(trees, some, np.float32))
    known = np.where(np.isinf(rows), np.float32(np.nan), rows)  # a DMatrix takes no infinities
    same(forecast.forecast(trees, known), booster.predict(xgboost.DMatrix(known, nthread=1)))


@functools.cache
def blank(features: int) -> dict[str, Any]:
    """A model of one tree, as XGBoost writes it in JSON."""
    values, target = market(50, features)
    booster = xgboost.train({"nthread": 1, "max_depth": 1}, xgboost.DMatrix(values, target, nthread=1), 1)
    saved: dict[str, Any] = msgspec.json.decode(bytes(booster.save_raw("json")))
    return saved


def as_booster(trees: Trees) -> Any:
    """XGBoost's model of these trees."""
    saved = msgspec.json.decode(msgspec.json.encode(blank(trees.features)))
    saved["learner"]["learner_model_param"]["base_score"] = f"[{trees.base!r}]"
    model, written = saved["learner"]["gradient_booster"]["model"], []
    for number, (begin, end) in enumerate(itertools.pairwise(trees.begins.tolist())):
        # Both sides of a split lie side by side in XGBoost's files.
        order = [begin]
        for node in order:
            order += [node + 1, int(trees.right[node])] if trees.feature[node] >= 0 else []
        place, leaf = {node: at for at, node in enumerate(order)}, trees.feature[order] < 0
        left = np.array([-1 if end_ else place[node + 1] for node, end_ in zip(order, leaf, strict=True)])
        parents = np.full(end - begin, 2**31 - 1)
        parents[left[~leaf]] = parents[left[~leaf] + 1] = np.flatnonzero(~leaf)
        nothing = np.zeros(end - begin)
        tree = {
            "base_weights": nothing,
            "default_left": trees.missing_left[order].astype(int),
            "left_children": left,
            "loss_changes": nothing,
            "parents": parents,
            "right_children": np.where(leaf, -1, left + 1),
            "split_conditions": np.where(leaf, trees.value[order], trees.threshold[order]),
            "split_indices": np.maximum(trees.feature[order], 0),
            "split_type": nothing.astype(int),
            "sum_hessian": nothing + 1.0,
        }
        sizes = {"num_deleted": 0, "num_feature": trees.features, "num_nodes": end - begin, "size_leaf_vector": 1}
        none = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
        written.append(
            {name: found.tolist() for name, found in tree.items()}
            | {name: [] for name in none}
            | {"id": number, "tree_param": {name: str(size) for name, size in sizes.items()}}
        )
    model["trees"], model["tree_info"] = written, [0] * len(written)
    model["iteration_indptr"] = list(range(len(written) + 1))
    model["gbtree_model_param"] = {"num_parallel_tree": "1", "num_trees": str(len(written))}
    booster = xgboost.Booster({"nthread": 1})
    booster.load_model(bytearray(msgspec.json.encode(saved)))
    return booster


FINITE = [float(one) for one in ODD[np.isfinite(ODD)]]
Single = st.sampled_from(FINITE) | st.floats(-3.0, 3.0, width=32)
Term = st.sampled_from(FINITE[:5]) | st.floats(-0.125, 0.125, width=32) | st.floats(-(2.0**99), 2.0**99, width=32)


@st.composite
def made(draw: st.DrawFn) -> Trees:
    """Trees of any shape, over few thresholds that are used again and again."""
    features = draw(st.integers(1, 4))
    pool = draw(st.lists(Single, min_size=1, max_size=6))
    nodes: list[tuple[int, float, bool, int, float]] = []

    def grow(deeper: int) -> None:
        at = len(nodes)
        nodes.append((-1, 0.0, False, 0, 0.0))
        if deeper and draw(st.integers(0, 5)):
            grow(deeper - 1)
            right = len(nodes)
            grow(deeper - 1 if draw(st.booleans()) else 0)
            feature = draw(st.integers(0, features - 1))
            nodes[at] = (feature, draw(st.sampled_from(pool)), draw(st.booleans()), right, 0.0)
        else:
            nodes[at] = (-1, 0.0, False, 0, draw(Term))

    begins = [0]
    for _ in range(draw(st.integers(0, 5))):
        grow(draw(st.integers(0, 7)))
        begins.append(len(nodes))
    kinds: dict[str, Any] = {
        "feature": np.int32,
        "threshold": np.float32,
        "missing_left": np.bool_,
        "right": np.int32,
        "value": np.float64,
    }
    columns: dict[str, Any] = {
        name: np.array([node[part] for node in nodes], kind) for part, (name, kind) in enumerate(kinds.items())
    }
    base = float(np.float32(draw(Term)))
    return Trees(
        features=features,
        base=base,
        begins=np.array(begins, np.int32),
        cover=np.ones(len(nodes)),
        gain=np.zeros(len(nodes), np.float32),
        **columns,
    )


@pytest.mark.filterwarnings("ignore:overflow encountered")  # of our plain sums: terms may add up to infinity
@settings(max_examples=150, deadline=None)
@given(made(), st.integers(0, 2**32 - 1), st.integers(1, 70))
def test_any_trees_at_all_forecast_as_xgboost_does(trees: Trees, seed: int, count: int) -> None:
    booster = as_booster(trees)
    read_back = read(booster, trees.features)
    np.testing.assert_array_equal(read_back.feature, trees.feature)
    np.testing.assert_array_equal(read_back.right, trees.right)
    np.testing.assert_array_equal(read_back.begins, trees.begins)
    random = np.random.default_rng(seed)
    rows = edges(read_back, random.normal(size=(count, trees.features)).astype(np.float32))
    theirs = booster.inplace_predict(rows)
    with pytest.MonkeyPatch.context() as patch:
        for fewest in (1, 10**9):
            patch.setattr(forecast, "FEWEST_ROWS", fewest)
            same(forecast.forecast(read_back, rows), theirs)


@pytest.mark.parametrize("rows", [1, 63, 64, 65, 127, 2047, 2048, 2049, 4100, 6000])
def test_any_number_of_rows_and_threads(rows: int) -> None:
    booster, trees, values = trained("depth 6")
    market_rows = edges(trees, np.resize(values, (rows, trees.features)))
    theirs = booster.inplace_predict(market_rows)
    for workers in (1, 2, 3):
        same(forecast.forecast(trees, market_rows, workers=workers), theirs)


def test_a_row_alone_has_the_same_bits_as_among_others() -> None:
    _, trees, values = trained("depth 6")
    together = forecast.forecast(trees, values)
    for row in (0, 31, 300, len(values) - 1):
        same(forecast.forecast(trees, values[row : row + 1]), together[row : row + 1])


def test_all_kinds_of_steps_are_taken() -> None:
    """The models above have leaves beside splits, splits joined and not joined."""
    found = as_choices(trained("depth 6")[1])
    assert found is not None
    assert set(found.kind.tolist()) == {TWIG, SPLIT, TWIGS, SPLITS}


@pytest.mark.parametrize(
    "parameters",
    [
        {"max_depth": 12, "max_bin": 256, "min_child_weight": 0, "lambda": 0},  # leaves
        {"max_depth": 4, "max_bin": 1024},  # thresholds
    ],
)
def test_trees_too_large_for_bytes_are_walked_through(parameters: dict[str, Any]) -> None:
    values, target = market(3000, 2)
    booster = xgboost.train({"nthread": 1, "eta": 0.3, **parameters}, xgboost.DMatrix(values, target, nthread=1), 60)
    trees = read(booster, 2)
    assert as_choices(trees) is None
    rows = edges(trees, values)
    same(forecast.forecast(trees, rows), booster.inplace_predict(rows))


@pytest.mark.parametrize(("edge", "fits"), [(255, True), (256, False)])
def test_what_bytes_can_tell_apart_is_used_up(edge: int, fits: bool) -> None:
    """A stump for each threshold: 255 of them make 256 bins."""
    thresholds = np.arange(edge, dtype=np.float32)
    stumps = stump_trees(thresholds)
    assert (as_choices(stumps) is not None) == fits
    rows = np.concatenate([thresholds, thresholds - 0.5, ODD, [1e9]]).astype(np.float32)[:, None]
    same(forecast.forecast(stumps, rows), as_booster(stumps).inplace_predict(rows))


def stump_trees(thresholds: Singles) -> Trees:
    count = len(thresholds)
    node = np.arange(3 * count) % 3
    return Trees(
        features=1,
        base=0.25,
        begins=np.arange(0, 3 * count + 1, 3, dtype=np.int32),
        feature=np.where(node == 0, 0, -1).astype(np.int32),
        threshold=np.where(node == 0, np.repeat(thresholds, 3), 0.0).astype(np.float32),
        missing_left=np.arange(3 * count) % 2 == 0,
        right=np.where(node == 0, np.arange(3 * count) + 2, 0).astype(np.int32),
        value=np.where(node == 0, 0.0, np.where(node == 1, 0.125, -0.3).astype(np.float32)).astype(np.float64),
        cover=np.ones(3 * count),
        gain=np.zeros(3 * count, np.float32),
    )


@pytest.mark.parametrize(("leaves", "fits"), [(256, True), (257, False)])
def test_leaves_of_one_tree(leaves: int, fits: bool) -> None:
    trees = even_tree(leaves)
    assert (as_choices(trees) is not None) == fits
    rows = np.random.default_rng(3).integers(-1, 51, (5000, 3)).astype(np.float32)
    same(forecast.forecast(trees, rows), as_booster(trees).inplace_predict(rows))


def even_tree(leaves: int) -> Trees:
    """One tree, as even as so many leaves make it."""
    nodes: list[tuple[int, float, int, float]] = []

    def grow(first: int, last: int) -> None:
        at = len(nodes)
        nodes.append((-1, 0.0, 0, float(np.float32(0.1 * first))))
        if last - first > 1:
            middle = (first + last) // 2
            grow(first, middle)
            right = len(nodes)
            grow(middle, last)
            nodes[at] = (middle % 3, float(middle % 50), right, 0.0)

    grow(0, leaves)
    feature, threshold, right, value = zip(*nodes, strict=True)
    return Trees(
        features=3,
        base=0.0,
        begins=np.array([0, len(nodes)], np.int32),
        feature=np.array(feature, np.int32),
        threshold=np.array(threshold, np.float32),
        missing_left=np.arange(len(nodes)) % 2 == 0,
        right=np.array(right, np.int32),
        value=np.array(value),
        cover=np.ones(len(nodes)),
        gain=np.zeros(len(nodes), np.float32),
    )


def test_grown_trees_by_both_ways() -> None:
    random = np.random.default_rng(4)
    values = random.integers(-2, 4, (200, 3)).astype(np.float32)
    values[random.random(values.shape) < 0.2] = np.nan
    for _ in range(40):
        trees = grown(random, features=3, depth=6)
        same(forecast.forecast(trees, values), summed(trees, values, np.float32))


def test_importances_are_the_gains_that_xgboost_tells() -> None:
    for name in ("depth 6", "by leaves", "pruned to leaves"):
        booster, trees, _ = trained(name)
        names = tuple(f"f{at}" for at in range(trees.features))
        gains = booster.get_score(importance_type="total_gain")
        total = sum(gains.values()) or 1.0
        found = LEARNER.load(bytes(booster.save_raw("ubj")), names).importance()
        assert found == {name: gain / total for name, gain in gains.items()}


@pytest.mark.filterwarnings("ignore:.*XGBoost is not compiled with CUDA", "ignore:.*couldn't find any available GPU")
def test_a_gpus_forecasts_are_asked_of_xgboost() -> None:
    """Without a GPU XGBoost makes them on the CPU."""
    booster, trees, values = trained("depth 6")
    names = tuple(f"f{at}" for at in range(trees.features))
    content, session = bytes(booster.save_raw("ubj")), np.zeros(len(values), np.int32)
    found = [LEARNER.load(content, names, device).forecast(values, session) for device in ("cpu", "cuda")]
    assert np.isnan(found[0][-1])  # of a row of which nothing is known
    np.testing.assert_array_equal(found[0], found[1])


def test_values_must_be_the_models() -> None:
    _, trees, values = trained("stumps")
    for wrong in (values[:, :4], values[0]):
        with pytest.raises(OptionError, match="5 features"):
            forecast.forecast(trees, wrong)


def test_every_bound_is_of_bytes() -> None:
    assert (choices.MOST_EDGES, choices.MOST_LEAVES) == (255, 256)
