"""What the network costs and is worth: a warm forecast of a whole market, its training on a store, and its record
beside the volatility rule, the cone and the baselines.

python -m benchmarks.network                                  # the forecast alone, of an invented network
python -m benchmarks.network STORE [--to DATE] [--folds 3] [--every 5] [--rounds N]

The training is that of `tapescan train --learner tft`, and writes nothing: neither models nor a trial.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np

from tapescan.core.dates import parse_date
from tapescan.history.history import history_of, market_index
from tapescan.market.regime import market_regime
from tapescan.models.cone.law import LEVELS
from tapescan.models.learners.tft import LEARNER, Recipe
from tapescan.models.network.forward import Sizes, begun, ladder
from tapescan.models.network.graph import as_onnx
from tapescan.models.network.inputs import CHANNELS, DAYS, FEATURES, Layout
from tapescan.models.network.ranges import judge_ranges
from tapescan.models.network.rows import like
from tapescan.models.network.serving import ABOUT, BATCH, About, Served, served
from tapescan.models.registry.trials import Trial
from tapescan.models.report.page import table
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.labels import until_all_known
from tapescan.models.stored import CHUNK, HORIZONS
from tapescan.models.task import Settings
from tapescan.models.train import learn, record_of
from tapescan.store import Store

SYMBOLS, RUNS = 6_000, 20


class NoTrials:
    """Trials that are counted nowhere: one."""

    store = ""

    def log(self, trial: Trial, sharpe: float | None = None) -> None:
        """Not written down: nothing is chosen by what is printed here."""

    def sharpes(self, *, besides: Trial) -> tuple[float, ...]:  # noqa: ARG002 (none)
        return ()

    def count(self) -> tuple[int, str]:
        return 1, ""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def invented(recipe: Recipe) -> Served:
    """A network of invented weights: it takes as long as any."""
    layout, rng = Layout.of(FEATURES), np.random.default_rng(1)
    sizes = Sizes(
        recipe.members, len(layout.scalars), DAYS, len(CHANNELS), len(HORIZONS), recipe.hidden, recipe.heads
    )
    values = np.abs(rng.normal(1.0, 0.3, (1_000, len(FEATURES)))).astype(np.float32)
    k, q = len(HORIZONS), len(LEVELS)
    rule = {"middle": np.zeros((k, 1)), "spread": np.ones((k, 1)), "steps": np.full((k, q - 1), 0.5)}
    numbers = {**like(values, layout), **ladder(), **rule}
    about = About(FEATURES, HORIZONS, tuple(FEATURES[at] for at in layout.scalars), DAYS, {}, (0,), (1.0, 1.0))
    texts = {ABOUT: msgspec.json.encode(about).decode()}
    return served(as_onnx(begun(sizes, recipe.seed), numbers, sizes, layout, HORIZONS, BATCH, texts))


def forecast_time(recipe: Recipe) -> None:
    """The least and the middle of some warm runs, on one core and on all."""
    network, rng = invented(recipe), np.random.default_rng(2)
    values = np.abs(rng.normal(1.0, 0.3, (SYMBOLS, len(FEATURES)))).astype(np.float32)
    for count in ("1", ""):
        os.environ["TAPESCAN_THREADS"] = count
        taken = []
        for run in range(RUNS + 1):
            begin, spent = time.perf_counter(), time.process_time()
            network.quantiles(values, np.full(SYMBOLS, 20_000 + run, np.int32))
            taken.append((time.perf_counter() - begin, time.process_time() - spent))
        wall, cpu = (1e3 * np.array(some) for some in zip(*taken[1:], strict=True))
        say(
            f"{SYMBOLS:,} symbols, horizons {HORIZONS}, {len(LEVELS)} levels, threads {count or 'of all cores'}: "
            f"least {wall.min():.0f} ms, middle {np.median(wall):.0f} ms, CPU {np.median(cpu):.0f} ms"
        )


def training(store: Store, end: str, folds: int, every: int, recipe: Recipe) -> None:
    begin, source = time.perf_counter(), history_of(store, parse_date(end or None, "to"))
    market = market_index(source, CHUNK)
    samples = build_samples(source, horizons=HORIZONS, every=every, features=FEATURES, market=market, both=True)
    samples = until_all_known(samples)
    say(f"{samples} in {time.perf_counter() - begin:.0f} s")
    regimes = {int(day): market_regime(market, int(day)) for day in np.unique(samples.session)}
    settings = Settings(folds=folds, every=every, judged=every, paths=False)
    begin, spent = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        learnt = learn(
            samples,
            HORIZONS,
            Path(folder),
            learner=LEARNER,
            trials=NoTrials(),
            recipe=recipe,
            settings=settings,
            regime={day: one.trend for day, one in regimes.items()},
            progress=lambda done, total, what: say(
                f"  {what}: {done} of {total}, {time.perf_counter() - begin:.0f} s"
            ),
        )
    realised = {day: one.realised for day, one in regimes.items()}
    ranges = judge_ranges(samples, LEARNER, recipe, realised, settings)
    say(
        f"{folds} folds, both horizons, baselines and ranges: {time.perf_counter() - begin:.0f} s, "
        f"CPU {time.process_time() - spent:.0f} s"
    )
    say(table([record_of(one) for one in learnt]))
    for one in learnt:
        say(f"rank IC in training {one.card.train_rank_ic}; most of it: {list(one.importance.items())[:6]}")
    for judged, beside in zip(ranges.records, ranges.beside, strict=True):
        say(judged.reason)
        for name, ranged in beside.forecasters.items():
            record, over = ranged.record, ranged.over_cone
            lead = "" if over is None else f", over the cone {over.gain:+.2%} (t {over.t or np.nan:+.1f})"
            inside = " ".join(f"{fold.coverage:.1%}" for fold in record.folds)
            loss = f"loss {-record.gain:+.2%} of the rule's (t {record.t or np.nan:+.1f})"
            say(f"  {name}: {loss}, covered {inside}{lead}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("store", nargs="?", default="")
    parser.add_argument("--to", default="")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=Recipe().rounds)
    given = parser.parse_args()
    recipe = msgspec.structs.replace(Recipe(), rounds=given.rounds)
    forecast_time(recipe)
    if given.store:
        training(Store(given.store), given.to, given.folds, given.every, recipe)


if __name__ == "__main__":
    main()
