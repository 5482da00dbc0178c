"""Four features of `replays.py`'s screen by other libraries, over every session of all symbols: how long it takes and
how many rows satisfy it. In a process of its own, of a Python that has the library; tapescan is not imported.

    python benchmarks/others.py NAME BARS.parquet       # polars, vectorbt: says one line of JSON

BARS.parquet : symbol, session, open, high, low, close, volume, adjusted for splits, sorted by symbol and session.

rsi_2, sma_200, natr_14 and roc_5. Theirs begin Wilder's averages with the first value, where ours begin with a mean:
after some bars they are the same. vectorbt's windows have no value over a session that a symbol misses, so that it
finds fewer rows; of symbols without a gap all find the same. adx_14 is left out, which vectorbt does not have.
"""

from __future__ import annotations

import importlib
import json
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


OTHERS: dict[str, Callable[[str], int]] = {"polars": with_polars, "vectorbt": with_vectorbt}


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
