"""What is documented of the order of returns, tried on a store: recipes side by side on the development years.

python -m benchmarks.alpha STORE --folder DIR
python -m benchmarks.alpha STORE --folder DIR --final NAME

Samples end with 2023; each recipe is trained and judged as `tapescan train` does, but on every second date, over
three windows, and without the combinatorial paths. The gate is asked with all trials of the list, those that failed
as well. What is done lies in the folder (samples, a line a trial), so a run that was broken off goes on. `--final`
looks at the years after, once, with one recipe: trained on the development years, judged on what came; asked again it
says the same and looks no more.

The store's own count of trials stays: who takes a recipe from here into `tapescan train` has tried them all.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from tapescan.core.dates import EPOCH
from tapescan.core.errors import OptionError, TapescanError
from tapescan.core.typing import Days, Floats, Ints
from tapescan.models.judging.folds import Fold, known_before
from tapescan.models.judging.gate import gate
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.metrics import judge
from tapescan.models.learners import baselines, find_learner
from tapescan.models.learners.ranks import Recipe as Ranks
from tapescan.models.learners.ridge import Recipe as Ridge
from tapescan.models.learners.seam import Recipe, forecast_rows
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.inputs import model_features
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tapescan.models.task import Settings, Task
from tapescan.store import Store

HORIZONS, EVERY, FOLDS = (5, 10), 5, 3

#: Of the training dates every so many are learnt from, so that trials take half the time; all others are judged.
THINNED = 2

#: Returns that labels may be averaged over, besides.
SHORTER = (1,)

#: The last day of development, and of the one look at what came after.
DEVELOPMENT, END = dt.date(2023, 12, 31), dt.date(2025, 7, 31)

#: Rows of the training, the newest, on which is seen what was learnt by heart (`models.train`).
SEEN = 300_000

MORE = (
    "overnight_21",
    "intraday_21",
    "intraday_momentum_231_21",
    "max_ret_21",
    "residual_ret_1_252",
    "residual_ret_5_252",
    "idiosyncratic_volatility_21",
    "idiosyncratic_volatility_63",
    "seasonality_3",
)
INDUSTRY = ("ret_1", "ret_5", "ret_21", "momentum_252_21")

#: The papers' signs.
SIGNS = (
    ("momentum_252_21", 1),
    ("from_high_252", 1),
    ("ret_1", -1),
    ("ret_5", -1),
    ("residual_ret_1_252", -1),
    ("residual_ret_5_252", -1),
    ("max_ret_21", -1),
    ("idiosyncratic_volatility_63", -1),
    ("amihud_21", -1),
    ("skewness_63", -1),
    ("intraday_momentum_231_21", 1),
)

FULL = Ranks(more=MORE, industry=INDUSTRY, neutral=True)

#: Kind and recipe of each trial; the first is the product's.
TRIALS: dict[str, tuple[str, Recipe | None]] = {
    "trees on values (default)": ("xgboost", None),
    "ridge on values": ("ridge", None),
    "12-1 momentum": ("momentum", None),
    "one-month reversal": ("reversal", None),
    "composite, papers' signs": ("composite", None),
    "ridge on ranks": ("ridge", Ridge(ranked=True)),
    "ridge on ranks, more features": ("ridge", Ridge(ranked=True, more=MORE)),
    "trees on ranks": ("ranks", Ranks()),
    ".. neutral label": ("ranks", Ranks(neutral=True)),
    ".. more features": ("ranks", Ranks(more=MORE)),
    ".. more features, neutral": ("ranks", Ranks(more=MORE, neutral=True)),
    ".. and industry (full)": ("ranks", FULL),
    "full, horizons averaged": ("ranks", msgspec.structs.replace(FULL, averaged=True)),
    "full, half-life 2 years": ("ranks", msgspec.structs.replace(FULL, half_life=2.0)),
    "full, signs bound": ("ranks", msgspec.structs.replace(FULL, monotone=SIGNS)),
    "full, pairs": ("ranks", msgspec.structs.replace(FULL, pairs=True)),
    "full, 3 seeds": ("ranks", msgspec.structs.replace(FULL, seeds=3)),
    "full, averaged, 2 years, signs": (
        "ranks",
        msgspec.structs.replace(FULL, averaged=True, half_life=2.0, monotone=SIGNS),
    ),
    "12-1 momentum, buffer": ("momentum", None),
    "composite, buffer": ("composite", None),
    "trees on ranks, buffer": ("ranks", Ranks()),
}

#: What ends so keeps who is held while he ranks in the best (worst) fifth; a tenth is held.
BUFFER, KEPT = ", buffer", 0.2


class Row(msgspec.Struct, frozen=True):
    """What one trial came to over one horizon. net : a year, of what would be bought, above the mean of all.
    lead : over 12-1 momentum."""

    name: str
    horizon: int
    rank_ic: float
    t: float
    icir: float
    net: float
    net_t: float
    turnover: float
    lead: float | None
    lead_t: float | None
    train_rank_ic: float
    trials: int
    reason: str
    seconds: float

    @property
    def counts(self) -> bool:
        return self.reason.startswith("counts")

    @property
    def line(self) -> str:
        lead = f"{'':14}" if self.lead is None else f"{self.lead:+.3f} (t {self.lead_t:+4.1f})"
        return (
            f"{self.name:32}{self.horizon:3} {self.rank_ic:+.4f} (t {self.t:+4.1f}) {self.icir:+.2f}  "
            f"{self.net:+6.1%} (t {self.net_t:+4.1f})  {self.turnover:4.0%}  {lead}  {self.reason}"
        )


@dataclass(frozen=True)
class Bench:
    """samples : of all features. trials : how many there are. known : baselines' judgements, by features and fold."""

    samples: Samples
    trials: int
    known: dict[Any, dict[str, Judgement]]

    def of(self, recipe: Recipe) -> Samples:
        """The samples with the features that the recipe takes."""
        wanted = (*model_features(), *recipe.more_features)
        samples = self.samples
        assert samples.features[: len(wanted)] == wanted  # what is asked for more lies behind
        return replace(samples, features=wanted, values=samples.values[:, : len(wanted)])

    def run(self, name: str, horizon: int, fold: Fold | None = None) -> Row:
        """Train and judge one, by walk-forward or on one fold."""
        began = time.perf_counter()
        kind, given = TRIALS[name]
        learner = find_learner(kind)
        recipe = learner.prepare(given)
        samples = self.of(recipe)
        task = Task.of(samples, horizon, learner, recipe, Settings(FOLDS, EVERY, EVERY), None)
        folds = task.folds if fold is None else [fold]
        task.folds = [Fold(one.train[::THINNED], one.test) for one in folds]
        (rows, forecasts), last = task.walk()
        if name.endswith(BUFFER):
            forecasts = buffered(samples.session[rows], samples.symbol[rows], forecasts, horizon // EVERY)
        own = self.judged(task, rows, forecasts)
        key = samples.features, horizon, fold is None
        if key not in self.known:
            self.known[key] = {one.facts.kind: self.judged(task, rows, task.walk_of(one)) for one in baselines()}
        others = {other: found for other, found in self.known[key].items() if other != kind}
        seen = np.flatnonzero(np.isin(samples.session, task.folds[-1].train))[-SEEN:]
        by_heart = self.judged(task, seen, forecast_rows(last, samples, seen)).summary.rank_ic
        decision = gate(own, others, by_heart)
        summary, numbers = own.summary, decision.numbers
        return Row(
            name,
            horizon,
            summary.rank_ic,
            summary.t,
            summary.rank_icir,
            summary.bought_yearly,
            summary.bought_t,
            summary.turnover,
            numbers.get("lead_momentum"),
            numbers.get("lead_t_momentum"),
            by_heart,
            self.trials,
            decision.reason.split(" dates), ")[-1] if not decision.weight else f"counts, {decision.weight:.2f}",
            time.perf_counter() - began,
        )

    def judged(self, task: Task, rows: Ints, forecasts: Floats) -> Judgement:
        samples = task.samples
        return judge(
            samples.session[rows],
            samples.symbol[rows],
            forecasts,
            samples.forward[task.horizon][rows],
            horizon=task.horizon,
            every=EVERY,
            trials=self.trials,
            dollar_volume=samples.dollar_volume[rows],
        )


def buffered(session: Days, symbol: Days, forecasts: Floats, apart: int) -> Floats:
    """Forecasts by which who is held is sold later: R. Novy-Marx and M. Velikov, A Taxonomy of Anomalies and Their
    Trading Costs, 2016 (a buy-hold spread). apart : dates after which a portfolio is replaced."""
    out, held = np.full(len(forecasts), np.nan), deque[tuple[Days, Days]](maxlen=apart)
    for date in np.split(np.arange(len(session)), np.flatnonzero(np.diff(session)) + 1):
        rows = date[np.isfinite(forecasts[date])]
        rank = (forecasts[rows].argsort(kind="stable").argsort(kind="stable") + 0.5) / max(len(rows), 1)
        if len(held) == apart:
            rank += np.isin(symbol[rows], held[0][0]) & (rank >= 1.0 - KEPT)
            rank -= np.isin(symbol[rows], held[0][1]) & (rank <= KEPT)
        out[rows], order, tenth = rank, rank.argsort(kind="stable"), len(rows) // 10
        held.append((symbol[rows[order[len(rows) - tenth :]]], symbol[rows[order[:tenth]]]))
    return out


def samples_in(folder: Path, store: str, end: dt.date) -> Samples:
    """The samples up to a day, built once."""
    place, said = folder / f"samples-{end}", folder / f"samples-{end}.json"
    horizons = (*SHORTER, *HORIZONS)
    if not said.exists():
        say(f"building samples up to {end}")
        built = build_samples(
            Store(store), horizons=horizons, end=end, every=EVERY, features=(*model_features(), *MORE), folder=place
        )
        industries = [] if built.industries is None else built.industries.tolist()
        said.write_text(json.dumps([built.features, built.symbols, industries, dict(built.provenance)]))
    features, symbols, industries, about = json.loads(said.read_text())
    columns = {path.stem: np.load(path, mmap_mode="r") for path in place.glob("*.npy")}
    return Samples(
        features=tuple(features),
        values=columns["values"],
        session=columns["session"],
        symbol=columns["symbol"],
        symbols=tuple(symbols),
        forward={horizon: columns[f"forward_{horizon}"] for horizon in horizons},
        dollar_volume=columns["dollar_volume"],
        provenance=about,
        industries=np.array(industries, np.int32) if industries else None,
    )


def develop(folder: Path, store: str) -> None:
    """All trials on the development years, those that are done read from the log."""
    log = folder / "trials.jsonl"
    done = [msgspec.json.decode(line, type=Row) for line in log.read_bytes().splitlines()] if log.exists() else []
    total = len(TRIALS) * len(HORIZONS)
    # Who fails among few fails among many.
    known = {(row.name, row.horizon): row for row in done if row.trials == total or not row.counts}
    bench = Bench(samples_in(folder, store, DEVELOPMENT), total, {})
    say(f"{bench.samples!r}, {bench.trials} trials")
    for name in TRIALS:
        for horizon in HORIZONS:
            row = known.get((name, horizon))
            if row is None:
                row = bench.run(name, horizon)
                with log.open("ab") as file:
                    file.write(msgspec.json.encode(row) + b"\n")
            say(row.line)


def table(log: Path) -> None:
    """All that was tried, a line a recipe."""
    rows = {(row.name, row.horizon): row for row in (msgspec.json.decode(one, type=Row) for one in log.open("rb"))}
    for name in TRIALS:
        cells = []
        for row in (rows[name, horizon] for horizon in HORIZONS):
            lead = "" if row.lead is None else f"{row.lead:+.3f} ({row.lead_t:+.1f})"
            net = f"{row.net:+.1%} ({row.net_t:+.1f})"
            cells += [f"{row.rank_ic:+.4f} ({row.t:+.1f})", f"{row.icir:+.2f}", net, f"{row.turnover:.0%}", lead]
        say(f"| {name} | {' | '.join(cells)} |")


def look_once(folder: Path, store: str, name: str) -> None:
    """The years after development, by one recipe."""
    kept = folder / "final.json"
    if not kept.exists():
        samples = samples_in(folder, store, END)
        bench = Bench(samples, len(TRIALS) * len(HORIZONS), {})
        rows = []
        for horizon in HORIZONS:
            labels = rank_labels(samples.forward[horizon], samples.session)
            dates = np.unique(samples.session[np.isfinite(labels)])
            later = dates[dates > (DEVELOPMENT - EPOCH).days]
            rows.append(bench.run(name, horizon, Fold(known_before(dates, int(later[0]), horizon), later)))
        kept.write_bytes(msgspec.json.encode(rows))
    seen = msgspec.json.decode(kept.read_bytes(), type=list[Row])
    if seen[0].name != name:
        raise OptionError(f"the years after were looked at by {seen[0].name!r}", "there is one look")
    for row in seen:
        say(row.line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--final", metavar="NAME")
    parser.add_argument("--table", action="store_true", help="what is done, as a table in Markdown")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.table:
        table(asked.folder / "trials.jsonl")
    elif asked.final is None:
        develop(asked.folder, asked.store)
    elif asked.final in TRIALS:
        look_once(asked.folder, asked.store, asked.final)
    else:
        raise OptionError(f"no trial is called {asked.final!r}", f"one of {', '.join(TRIALS)}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
