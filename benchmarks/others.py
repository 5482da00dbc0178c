"""Four features of `replays.py`'s screen by other libraries, over every session of all symbols: how long it takes and
how many rows satisfy it. In a process of its own, of a Python that has the library; tapescan is not imported.

    python benchmarks/others.py NAME BARS.parquet    # polars, vectorbt, KunQuant, zipline: says one line of JSON

BARS.parquet : symbol, session, open, high, low, close, volume, adjusted for splits, sorted by symbol and session.

rsi_2, sma_200, natr_14 and roc_5. Theirs begin Wilder's averages with the first value, where ours begin with a mean:
after some bars they are the same. The windows of vectorbt and KunQuant have no value over a session that a symbol
misses, so that they find fewer rows; of symbols without a gap all find the same. adx_14 is left out, which vectorbt
does not have. KunQuant compiles its C++ first, which counts. zipline's Pipeline sees the bars before a session opens,
through a window in which Wilder's averages begin anew: 60 of them, after which nobody can tell.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any


def with_polars(path: str) -> int:
    pl = importlib.import_module("polars")
    close, high, low = pl.col("close"), pl.col("high"), pl.col("low")
    change, was = close.diff(), close.shift()

    def wilder(values: Any, window: int) -> Any:
        return values.ewm_mean(alpha=1.0 / window, adjust=False, ignore_nulls=True)

    up, down = wilder(change.clip(lower_bound=0.0), 2), wilder((-change).clip(lower_bound=0.0), 2)
    reach = pl.max_horizontal(high, was) - pl.min_horizontal(low, was)
    made = {
        "rsi_2": 100.0 * up / (up + down),
        "sma_200": close.rolling_mean(200),
        "natr_14": 100.0 * wilder(reach, 14) / close,
        "roc_5": 100.0 * (close / close.shift(5) - 1.0),
    }
    rows = pl.scan_parquet(path).with_columns(**{name: one.over("symbol") for name, one in made.items()})
    found = rows.filter(pl.col("rsi_2") < 10.0, close > pl.col("sma_200"), pl.col("natr_14") > 2.0)
    return int(found.select("symbol", "session", "roc_5").collect().height)


def with_vectorbt(path: str) -> int:
    vbt, pd = importlib.import_module("vectorbt"), importlib.import_module("pandas")
    bars = pd.read_parquet(path)
    close, high, low = (
        bars.pivot(index="session", columns="symbol", values=name) for name in ("close", "high", "low")
    )
    # Its exponential averages are of a span: of two bars' worth of Wilder's smoothing, three; of fourteen, 27.
    rsi = vbt.RSI.run(close, window=3, ewm=True).rsi
    sma = vbt.MA.run(close, window=200).ma
    atr = vbt.ATR.run(high, low, close, window=27, ewm=True).atr
    roc = 100.0 * (close / close.shift(5) - 1.0)
    found = (rsi.values < 10.0) & (close.values > sma.values) & (100.0 * atr.values / close.values > 2.0)
    return int((found & ~pd.isna(roc).values).sum())


def with_kunquant(path: str) -> int:
    np, pl = importlib.import_module("numpy"), importlib.import_module("polars")
    op, ops = importlib.import_module("KunQuant.Op"), importlib.import_module("KunQuant.ops")
    driver, cfake = importlib.import_module("KunQuant.Driver"), importlib.import_module("KunQuant.jit.cfake")
    runner = importlib.import_module("KunQuant.runner").KunRunner
    build = op.Builder()
    with build:
        close, high, low = (op.Input(name) for name in ("close", "high", "low"))
        nothing, was = op.ConstantOp(0), ops.BackRef(close, 1)
        up = ops.ExpMovingAvg(ops.Max(ops.Sub(close, was), nothing), 3)
        down = ops.ExpMovingAvg(ops.Max(ops.Sub(was, close), nothing), 3)
        reach = ops.ExpMovingAvg(ops.Sub(ops.Max(high, was), ops.Min(low, was)), 27)
        op.Output(ops.Div(ops.MulConst(up, 100.0), ops.Add(up, down)), "rsi_2")
        op.Output(ops.WindowedAvg(close, 200), "sma_200")
        op.Output(ops.Div(ops.MulConst(reach, 100.0), close), "natr_14")
        op.Output(ops.MulConst(ops.SubConst(ops.Div(close, ops.BackRef(close, 5)), 1.0), 100.0), "roc_5")
    config = driver.KunCompilerConfig(
        dtype="double", input_layout="TS", output_layout="TS", options={"no_fast_stat": "no_warn"}
    )
    function = importlib.import_module("KunQuant.Stage").Function(build.ops)
    made = cfake.compileit([("screen", function, config)], "screen", cfake.CppCompilerConfig())
    bars, wide = pl.read_parquet(path), {}
    for name in ("close", "high", "low"):
        table = bars.pivot("symbol", index="session", values=name).sort("session").drop("session").to_numpy()
        # It takes eight symbols at a time.
        wide[name] = np.full((len(table), -(-table.shape[1] // 8) * 8), np.nan)
        wide[name][:, : table.shape[1]] = table
    threads = runner.createMultiThreadExecutor(os.cpu_count())
    found = runner.runGraph(threads, made.getModule("screen"), wide, 0, len(wide["close"]))
    right = (found["rsi_2"] < 10.0) & (wide["close"] > found["sma_200"]) & (found["natr_14"] > 2.0)
    return int((right & ~np.isnan(found["roc_5"])).sum())


def with_zipline(path: str) -> int:
    np, pd = importlib.import_module("numpy"), importlib.import_module("pandas")
    pipeline, factors = (importlib.import_module(f"zipline.pipeline{name}") for name in ("", ".factors"))
    data = importlib.import_module("zipline.pipeline.data").USEquityPricing
    loaders = importlib.import_module("zipline.pipeline.loaders.frame")
    engine = importlib.import_module("zipline.pipeline.engine").SimplePipelineEngine
    listing, sql = importlib.import_module("zipline.assets"), importlib.import_module("sqlalchemy")
    bars = pd.read_parquet(path)
    wide = {name: bars.pivot(index="session", columns="symbol", values=name) for name in ("close", "high", "low")}
    days, symbols = pd.DatetimeIndex(wide["close"].index), list(wide["close"].columns)
    place = sql.create_engine("sqlite://", poolclass=sql.pool.StaticPool, connect_args={"check_same_thread": False})
    known = {"symbol": symbols, "asset_name": symbols, "start_date": days[0], "end_date": days[-1]}
    listing.AssetDBWriter(place).write(
        equities=pd.DataFrame(known | {"exchange": "NYSE"}),
        exchanges=pd.DataFrame({"exchange": ["NYSE"], "canonical_name": ["NYSE"], "country_code": ["US"]}),
    )
    finder = listing.AssetFinder(place)
    assets = finder.retrieve_all(range(len(symbols)))
    read = {}
    for name, table in wide.items():
        table.index, table.columns = days, assets
        read[name] = loaders.DataFrameLoader(getattr(data, name), table)

    def wilder(values: Any, window: int) -> Any:
        mean = values[0]
        for row in values[1:]:
            mean = mean + (row - mean) / window
        return mean

    class Rsi(pipeline.CustomFactor):  # type: ignore[name-defined,misc]
        inputs, window_length = (data.close,), 60

        def compute(self, _day: Any, _assets: Any, out: Any, close: Any) -> None:
            change = np.diff(close, axis=0)
            up, down = wilder(np.maximum(change, 0.0), 2), wilder(np.maximum(-change, 0.0), 2)
            out[:] = 100.0 * up / (up + down)

    class Natr(pipeline.CustomFactor):  # type: ignore[name-defined,misc]
        inputs, window_length = (data.close, data.high, data.low), 60

        def compute(self, _day: Any, _assets: Any, out: Any, close: Any, high: Any, low: Any) -> None:
            reach = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
            out[:] = 100.0 * wilder(reach, 14) / close[-1]

    sma = factors.SimpleMovingAverage(inputs=[data.close], window_length=200)
    roc = factors.Returns(inputs=[data.close], window_length=6)
    right = (Rsi() < 10.0) & (data.close.latest > sma) & (Natr() > 2.0) & roc.notnull()
    asked = pipeline.Pipeline({"roc_5": roc}, screen=right, domain=_of_new_york())
    # What is known before a session opens is that of the one before.
    run = engine(lambda column: read[column.name], finder)
    return len(run.run_pipeline(asked, days[201], days[-1]))


def _of_new_york() -> Any:
    return importlib.import_module("zipline.pipeline.domain").US_EQUITIES


OTHERS: dict[str, Callable[[str], int]] = {
    "polars": with_polars,
    "vectorbt": with_vectorbt,
    "KunQuant": with_kunquant,
    "zipline": with_zipline,
}


def main() -> None:
    name, path = sys.argv[1:]
    begin = time.perf_counter()
    importlib.import_module(name)
    imported = time.perf_counter()
    rows = OTHERS[name](path)
    document = {"rows": rows, "import": imported - begin, "seconds": time.perf_counter() - imported}
    sys.stdout.write(json.dumps(document))


if __name__ == "__main__":
    main()
