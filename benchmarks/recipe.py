"""What training recovers of a signal that is known: recipes side by side on the simulated market.

python benchmarks/recipe.py --symbols 2500 --sessions 2000

The simulated market has a small planted signal (`market.simulate.Truth`), so here, and only here, the best there is
to find can be computed: the row `planted` ranks by the very formula that the returns were drawn with. Each recipe is
trained and judged as `tapescan train` does, by walk-forward, without its combinatorial paths. The product's own
recipe was chosen here and not on real prices, so that the record on those is of few trials.

The row `shuffled` is the default recipe with the labels of each date shuffled: what is found where nothing is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.importing.importing import import_files
from tapescan.models.judging.folds import Fold, walk_forward
from tapescan.models.judging.metrics import judge
from tapescan.models.learners import baselines
from tapescan.models.learners.seam import Fitted, Learner, Recipe, forecast_rows, training_rows
from tapescan.models.learners.xgboost import LEARNER as TREES
from tapescan.models.learners.xgboost import Recipe as Trees
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import Store

EVERY, FOLDS = 5, 5

#: The first is the product's.
RECIPES: dict[str, Recipe] = {
    "default": Trees(),
    "first": Trees(rounds=400, depth=4, rate=0.03, rows=0.3, columns=0.3, leaf=0.001),
    "smaller leaves": Trees(leaf=0.005),
    "depth 4": Trees(depth=4),
    "depth 2": Trees(rounds=400, depth=2),
    "stumps": Trees(rounds=600, depth=1, rate=0.03),
}


def planted(samples: Samples, market: SimulatedMarket, horizon: int) -> NDArray[np.float64]:
    """The order of the returns that is known: by the formula that they were drawn with."""
    symbols = np.array(samples.symbols)[samples.symbol]
    last_5, older = (samples.values[:, samples.features.index(name)] for name in ("ret_5", "momentum_126_21"))
    return market.truth.expected(symbols.tolist(), last_5, older, horizon)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2500)
    parser.add_argument("--sessions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--horizons", default="5,10")
    asked = parser.parse_args()
    horizons = tuple(int(part) for part in asked.horizons.split(","))
    market = simulate(symbols=asked.symbols, sessions=asked.sessions, seed=asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        fill(Store(f"{folder}/store"), market, Path(folder))
        samples = build_samples(Store(f"{folder}/store"), horizons=horizons, every=EVERY)
        say(f"{len(samples):,} samples of {len(samples.symbols):,} symbols")
        for horizon in horizons:
            compare(samples, market, horizon)


def fill(store: Store, market: SimulatedMarket, folder: Path) -> None:
    frames: dict[str, pl.DataFrame] = {
        "bars": market.bars,
        "splits": market.splits,
        "dividends": market.dividends,
        "symbols": market.listing,
    }
    files = folder / "files"
    files.mkdir()
    for name, frame in frames.items():
        frame.write_parquet(files / f"{name}.parquet")
    import_files(store, [str(files)])


def compare(samples: Samples, market: SimulatedMarket, horizon: int) -> None:
    labels = rank_labels(samples.forward[horizon], samples.session)
    folds = walk_forward(np.unique(samples.session[np.isfinite(labels)]), FOLDS, horizon)
    test = np.concatenate([fold.test_rows(samples.session) for fold in folds])

    def judged(forecasts: NDArray[Any], rows: NDArray[np.int64]) -> str:
        found = judge(
            samples.session[rows],
            samples.symbol[rows],
            forecasts,
            samples.forward[horizon][rows],
            horizon=horizon,
            every=EVERY,
        ).summary
        return f"{found.rank_ic:+.4f} (t {found.t:+5.1f})"

    say(f"\n{horizon} sessions: rank IC out of sample, and in training")
    say(f"{'planted':24}{judged(planted(samples, market, horizon)[test], test)}")
    for learner in baselines():
        forecasts, _ = walk(samples, labels, learner, learner.prepare(), folds, horizon)
        say(f"{learner.facts.kind:24}{judged(forecasts, test)}")
    mixed = shuffled(labels, samples.session)
    for name, recipe, own in (*((n, r, labels) for n, r in RECIPES.items()), ("shuffled", Trees(), mixed)):
        begin = time.perf_counter()
        forecasts, last = walk(samples, own, TREES, recipe, folds, horizon)
        seconds = time.perf_counter() - begin
        seen = training_rows(samples, folds[-1].train, labels)
        in_training = judged(forecast_rows(last, samples, seen), seen)
        say(f"{name:24}{judged(forecasts, test)}   {in_training}   {seconds:.0f} s")


def walk(
    samples: Samples,
    labels: NDArray[np.float32],
    learner: Learner,
    recipe: Recipe,
    folds: list[Fold],
    horizon: int,
) -> tuple[NDArray[np.float64], Fitted]:
    """Forecasts of all test rows, and what was learnt for the last fold."""
    parts = []
    for fold in folds:
        fitted = learner.fit(samples, fold.train, labels, horizon, recipe)
        parts.append(forecast_rows(fitted, samples, fold.test_rows(samples.session)))
    return np.concatenate(parts), fitted


def shuffled(labels: NDArray[np.float32], session: NDArray[np.int32]) -> NDArray[np.float32]:
    """The labels of each date in another order; those without a label stay without."""
    random, out = np.random.default_rng(1), labels.copy()
    known = np.flatnonzero(np.isfinite(labels))
    for rows in np.split(known, np.flatnonzero(np.diff(session[known])) + 1):
        out[rows] = random.permutation(labels[rows])
    return out


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
