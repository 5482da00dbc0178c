"""`tapescan bench`: the scan's speed as ratios in one run, against named alternatives on the same bars.

(a) all default features, newest row, against a per-symbol TA-Lib loop over 48 common outputs
(b) the same 48 outputs
(c) those 48 outputs by a pandas loop, symbol by symbol (on a sample, scaled up)
(d) a whole warm scan, all stages, with all default features, and the frame of all rows
(e) two models' forecasts of the market at once, against XGBoost's own, and against one call of it a symbol (on a
    sample, scaled up)
(f) the scan of (d) with both models
(g) both models' SHAP values of the rows shown and of all, against XGBoost's own (all: on a sample, scaled up)

TA-Lib's loop is given what a careful user would give it: contiguous float64 columns, already split by
symbol; only the calls are timed. Every figure is the median of several rounds taken in turn, so that a
machine that changes speed meanwhile hurts all sides alike.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from tapescan.bench.loops import pandas_loop
from tapescan.bench.machine import in_words
from tapescan.bench.models import ALONE, CONTRIBUTED, SHOWN, Workload, model_workload
from tapescan.bench.stages import Stage, Staged, as_stages, reading_speed
from tapescan.core.errors import OptionError
from tapescan.core.machine import threads
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Floats
from tapescan.engine.threads import Threads
from tapescan.features.compute import latest, replay
from tapescan.features.plan import Plan, default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.history.market import simulated_market
from tapescan.market.panel import Panel
from tapescan.scan.pipeline import prepare
from tapescan.scan.profile import DEFAULT_PROFILE, load_profile

__all__ = ["COMMON", "BenchReport", "Comparison", "pandas_loop", "run_bench"]

#: The 48 common outputs: a feature of ours, and the TA-Lib call that gives the same value.
COMMON: tuple[tuple[str, str], ...] = (
    *((f"sma_{n}", f"SMA(c, {n})") for n in (5, 10, 20, 50, 100, 200)),
    *((f"ema_{n}", f"EMA(c, {n})") for n in (5, 10, 20, 50, 100, 200)),
    *((f"rsi_{n}", f"RSI(c, {n})") for n in (2, 7, 14, 21)),
    ("macd_12_26_9", "MACD(c, 12, 26, 9)"),
    ("macd_12_26_9_signal", ""),
    ("macd_12_26_9_histogram", ""),
    ("bbands_20_2_upper", "BBANDS(c, 20, 2.0, 2.0)"),
    ("bbands_20_2_middle", ""),
    ("bbands_20_2_lower", ""),
    ("stoch_14_3_3_k", "STOCH(h, l, c, 14, 3, 0, 3, 0)"),
    ("stoch_14_3_3_d", ""),
    ("adx_14", "ADX(h, l, c, 14)"),
    ("plus_di_14", "PLUS_DI(h, l, c, 14)"),
    ("minus_di_14", "MINUS_DI(h, l, c, 14)"),
    ("atr_14", "ATR(h, l, c, 14)"),
    ("natr_14", "NATR(h, l, c, 14)"),
    ("cci_20", "CCI(h, l, c, 20)"),
    ("mfi_14", "MFI(h, l, c, v, 14)"),
    ("obv", "OBV(c, v)"),
    ("willr_14", "WILLR(h, l, c, 14)"),
    *((f"roc_{n}", f"ROC(c, {n})") for n in (5, 10, 20, 63, 126)),
    *((f"stddev_{n}", f"STDDEV(c, {n}, 1.0)") for n in (20, 50)),
    *((f"highest_{n}", f"MAX(c, {n})") for n in (20, 250)),
    *((f"lowest_{n}", f"MIN(c, {n})") for n in (20, 250)),
    ("linreg_14_slope", "LINEARREG_SLOPE(c, 14)"),
    ("ultosc_7_14_28", "ULTOSC(h, l, c, 7, 14, 28)"),
    ("aroon_25_oscillator", "AROONOSC(h, l, 25)"),
    ("trix_15", "TRIX(c, 15)"),
)

#: The pandas loop is timed on this many symbols and scaled up: all of them would take minutes.
PANDAS_SAMPLE = 40


@dataclass(frozen=True)
class Comparison:
    """milliseconds : of our side and of the other. target : the ratio asked for; None where there is none."""

    what: str
    ours: float
    against: str
    theirs: float
    target: float | None

    @property
    def ratio(self) -> float:
        return self.theirs / self.ours


@dataclass(frozen=True)
class BenchReport:
    """stages : of the scan of (d), the models' of (f). reading : bytes a second that the machine reads.
    left_out : what was not measured and why; empty when all was."""

    symbols: int
    bars: int
    features: int
    machine: str
    threads: int
    comparisons: tuple[Comparison, ...]
    stages: tuple[Stage, ...]
    kernels: tuple[tuple[str, float], ...]
    reading: float
    peak_memory: float
    left_out: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "symbols": self.symbols,
            "bars": self.bars,
            "features": self.features,
            "machine": self.machine,
            "threads": self.threads,
            "comparisons": [
                {
                    "what": c.what,
                    "ours_ms": round(c.ours, 3),
                    "against": c.against,
                    "theirs_ms": round(c.theirs, 3),
                    "ratio": round(c.ratio, 2),
                    "target": c.target,
                }
                for c in self.comparisons
            ],
            "stages": [stage.to_dict() for stage in self.stages],
            "kernels_ms": {name: round(ms, 3) for name, ms in self.kernels},
            "gigabytes_a_second": round(self.reading / 1e9, 3),
            "peak_memory_mib": round(self.peak_memory, 1),
            "left_out": self.left_out,
        }


def run_bench(symbols: int = 6000, bars: int = 260, rounds: int = 5, progress: Progress | None = None) -> BenchReport:
    """Measure. Raises OptionError when TA-Lib or pandas is not installed."""
    say = progress or silent
    talib, pandas = _peer("talib", "TA-Lib"), _peer("pandas", "pandas")
    say(0, 0, "simulating a market")
    inputs = simulated_market(symbols=symbols, sessions=bars)
    panel = inputs.panel
    everything = plan_features(default_features())
    common = plan_features(name for name, _ in COMMON)
    request = prepare(load_profile(DEFAULT_PROFILE), features=default_features())
    for plan in (everything, common, request.plan):
        warm_up(plan, say)
    say(0, 0, "training two models")
    models = model_workload(panel)
    columns = _columns(panel)
    scan, scan_with_models = Staged(inputs, request), None
    talib_calls = _talib_calls(talib)

    def talib_loop() -> None:
        for column in columns:
            talib_calls(**column)

    sides: dict[str, Callable[[], object]] = {
        "all": lambda: latest(panel, everything),
        "common": lambda: latest(panel, common),
        "common, all rows": lambda: [None for _ in replay(panel, common)],
        "scan": scan,
        "talib": talib_loop,
    }
    if models is not None:
        alpha = prepare(load_profile(DEFAULT_PROFILE), features=default_features(), models=models.models)
        scan_with_models = Staged(inputs, alpha)
        sides |= {
            "scan with models": scan_with_models,
            "at once": models.at_once,
            "by xgboost": models.by_xgboost,
            "one by one": models.one_by_one,
        }
    median = _medians(sides, rounds, lambda number: say(number, rounds, "timing"))
    speed = reading_speed(panel)
    stages = as_stages(scan, speed)
    stages += as_stages(scan_with_models, speed, ("models",)) if scan_with_models else ()
    say(0, 0, "timing the pandas loop")
    sample = columns[:: max(len(columns) // PANDAS_SAMPLE, 1)][:PANDAS_SAMPLE]
    pandas_ms = _milliseconds(lambda: pandas_loop(pandas, sample)) * len(columns) / len(sample)
    loop_name = "TA-Lib loop, 48 outputs"
    comparisons = (
        Comparison(f"(a) all {len(everything.names)} features", median["all"], loop_name, median["talib"], 50),
        Comparison("(b) the same 48 outputs", median["common"], loop_name, median["talib"], 40),
        Comparison(
            "    the same 48, every row, one thread", median["common, all rows"], loop_name, median["talib"], None
        ),
        Comparison(
            "(c) the same 48 outputs", median["common"], f"pandas loop, {len(sample)} symbols scaled", pandas_ms, None
        ),
        Comparison("(d) a whole warm scan", median["scan"], loop_name, median["talib"], 30),
        *(() if models is None else _model_comparisons(models, median, loop_name, say)),
    )
    return BenchReport(
        symbols=len(panel),
        bars=bars,
        features=len(everything.names),
        machine=in_words(),
        threads=threads(),
        comparisons=comparisons,
        stages=stages,
        kernels=_kernel_times(panel, everything),
        reading=speed,
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        left_out="two models' forecasts and SHAP values: XGBoost is not installed" if models is None else "",
    )


def _medians(
    sides: Mapping[str, Callable[[], object]], rounds: int, say: Callable[[int], None] | None = None
) -> dict[str, float]:
    """Each side's median in milliseconds, all of them in turn in each round."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for work in sides.values():
        work()
    for number in range(rounds):
        if say:
            say(number)
        for name, work in sides.items():
            # Warm means that this work was the last to be done: each side first puts its own data back in the caches.
            work()
            taken[name].append(_milliseconds(work))
    return {name: statistics.median(times) for name, times in taken.items()}


def _model_comparisons(
    models: Workload, median: Mapping[str, float], loop_name: str, say: Progress
) -> tuple[Comparison, ...]:
    """What the models cost. The SHAP values take seconds, so one round does."""
    say(0, 0, "timing the models' explanations")
    every, part = len(models.rows), min(CONTRIBUTED, len(models.rows))
    sides = {"few": models.explain(SHOWN), "all": models.explain(every)}
    theirs = {"few": models.contribs(SHOWN), "part": models.contribs(part)}
    ours, xgboost = _medians(sides, 1), _medians(theirs, 1)
    alone, talib = median["one by one"] * models.scaled(ALONE), median["talib"]
    single, contribs = f"one call a symbol, {min(ALONE, every)} scaled", "XGBoost's pred_contribs"
    whole = xgboost["part"] * models.scaled(part)
    return (
        Comparison(
            f"(e) two models, {every:,} symbols at once",
            median["at once"],
            "XGBoost's own",
            median["by xgboost"],
            4.5,
        ),
        Comparison("    the same", median["at once"], single, alone, 30),
        Comparison("(f) a whole warm scan with both models", median["scan with models"], loop_name, talib, 22),
        Comparison(f"(g) SHAP values of {SHOWN} rows", ours["few"], contribs, xgboost["few"], None),
        Comparison(f"    SHAP values of {every:,} rows", ours["all"], f"{contribs}, {part} scaled", whole, None),
    )


def _talib_calls(talib: Any) -> Callable[..., None]:
    """One symbol's calls as one function with TA-Lib's functions as its globals, as a person would write it down."""
    lines = "".join(f"    {call}\n" for _, call in COMMON if call)
    scope: dict[str, Any] = {name: getattr(talib, name) for name in talib.get_functions()}
    exec(f"def calls(h, l, c, v):\n{lines}", scope)  # noqa: S102 (our own calls, named in COMMON)
    calls: Callable[..., None] = scope["calls"]
    return calls


def _columns(panel: Panel) -> list[dict[str, Floats]]:
    """Each symbol's own columns, contiguous, under the letters that COMMON uses."""
    letters = {"h": "high", "l": "low", "c": "close", "v": "volume"}
    return [
        {key: np.ascontiguousarray(getattr(block, name)[first:, lane]) for key, name in letters.items()}
        for block in panel.blocks
        for lane, first in enumerate(block.first)
    ]


def _kernel_times(panel: Panel, plan: Plan) -> tuple[tuple[str, float], ...]:
    """Milliseconds of each kernel call over the whole panel on one thread, the dearest first."""
    times = []
    for step in plan.steps:
        names = step.indicator.feature_names(step.values)
        alone = plan_features(names)
        best = min(_milliseconds(lambda plan=alone: latest(panel, plan, Threads(1))) for _ in range(3))  # type: ignore[misc]
        times.append((names[0], best))
    return tuple(sorted(times, key=lambda item: -item[1]))


def _milliseconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def _peer(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise OptionError(f"the benchmark needs {package}", "pip install 'tapescan[test]'") from error
