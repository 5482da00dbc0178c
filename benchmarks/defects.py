"""A million bars with planted defects: what of them is found, and what is lost of the right ones.

    python benchmarks/defects.py [--symbols 2600] [--sessions 400] [--share 0.02] [--seed 1]

The market is SIMULATED. Each kind of defect is planted in a CSV, at random places. Of each it is told how many were
found: refused, passed over, brought to the right bar, or marked as suspect; and how many bars that nobody touched are
missing, changed or marked. The time of the import stands beside that of the same market without defects.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import tapescan
from tapescan.core.typing import Ints
from tapescan.market.suspect import find_suspects
from tapescan.store import ImportReport, Store

PRICES = ("open", "high", "low", "close")
NAMES = ("symbol", "date", *PRICES, "volume")
Change = Callable[[pl.DataFrame], pl.DataFrame]


def times(factor: float, *names: str) -> Change:
    return lambda rows: rows.with_columns(pl.col(name) * factor for name in names)


def wild(name: str, factor: float) -> Change:
    """A high or low that is off, and nothing else."""
    return lambda rows: rows.with_columns((pl.col("close") * factor).alias(name))


#: Rows that cannot be: to be refused.
IMPOSSIBLE: dict[str, Change] = {
    "no close": lambda rows: rows.with_columns(close=pl.lit(None, pl.Float64)),
    "a negative price": lambda rows: rows.with_columns(-pl.col("low")),
    "a price of zero": lambda rows: rows.with_columns(open=pl.lit(0.0)),
    "high and low exchanged": lambda rows: rows.with_columns(high=pl.col("low"), low=pl.col("high")),
    "a close above the high": lambda rows: rows.with_columns(close=pl.col("high") * 1.01),
    "a negative volume": lambda rows: rows.with_columns(-pl.col("volume") - 1.0),
    "a price beyond all": lambda rows: rows.with_columns(high=pl.lit(1e13)),
    "a Saturday": lambda rows: rows.with_columns(session=pl.col("session").dt.truncate("1w") + pl.duration(days=5)),
}
#: Rows that are possible by themselves: to be marked as suspect.
UNLIKELY: dict[str, Change] = {
    "a close ten times too high": lambda rows: rows.with_columns(
        close=pl.col("close") * 10, high=pl.col("close") * 10
    ),
    "a close ten times too low": lambda rows: rows.with_columns(close=pl.col("close") / 10, low=pl.col("close") / 10),
    "all prices a hundred times": times(100.0, *PRICES),
    "all prices a tenth": times(0.1, *PRICES),
    "an open ten times too high": lambda rows: rows.with_columns(open=pl.col("open") * 10, high=pl.col("open") * 10),
    "a high three times the close": wild("high", 3.0),
    "a low a third of the close": wild("low", 1 / 3),
    "a volume a thousand times": times(1000.0, "volume"),
}
#: Rows that are there once more, in another dress: one right bar is to come of both.
DRESSED = ("rounded to four bytes", "lower case", "as another vendor spells it", "dollars and thousands", "a copy")


def text(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as a CSV holds them."""
    number = [pl.col(name).round(6).cast(pl.String).alias(name) for name in (*PRICES, "volume")]
    return rows.select("symbol", pl.col("session").cast(pl.String).alias("date"), *number)


def dressed(rows: pl.DataFrame, how: str) -> pl.DataFrame:
    match how:
        case "rounded to four bytes":
            single = [pl.col(name).cast(pl.Float32).cast(pl.Float64) for name in (*PRICES, "volume")]
            return text(rows.with_columns(single))
        case "lower case":
            return text(rows).with_columns(pl.col("symbol").str.to_lowercase())
        case "as another vendor spells it":
            return text(rows).with_columns(pl.col("symbol") + ".US")
        case "dollars and thousands":
            return text(rows).with_columns(*(("$" + pl.col(name)).alias(name) for name in PRICES))
    return text(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=2600)
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    random = np.random.default_rng(given.seed)
    drawn = tapescan.simulate(symbols=given.symbols, sessions=given.sessions, seed=given.seed)
    with tempfile.TemporaryDirectory() as folder:
        truth = clean(drawn.bars, Path(folder))
        trial(truth, drawn.splits, random, given.share, Path(folder))


def clean(bars: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """The simulated bars as an import takes them, and how long it takes for CSV and Parquet."""
    store = Store(folder / "truth")
    tapescan.import_bars(bars, store=store)
    truth = store.known().bars(adjust="none")
    say(f"{len(truth):,} simulated bars of {truth['symbol'].n_unique():,} symbols, without defects:")
    truth.write_parquet(folder / "clean.parquet")
    text(truth).write_csv(folder / "clean.csv")
    for name in ("clean.parquet", "clean.csv"):
        timed(folder, name)
    return truth


def timed(folder: Path, name: str) -> tuple[Store, ImportReport]:
    store = Store(folder / f"store of {name}")
    begun, spent = time.perf_counter(), time.process_time()
    report = tapescan.import_files(folder / name, store=store)
    wall, spent = time.perf_counter() - begun, time.process_time() - spent
    say(f"  {name}: {report.bars_read / wall:,.0f} bars a second, {wall:.2f} s, {spent:.2f} s of processor time")
    return store, report


def trial(truth: pl.DataFrame, splits: pl.DataFrame, random: np.random.Generator, share: float, folder: Path) -> None:
    kinds = [*IMPOSSIBLE, *UNLIKELY, *DRESSED]
    each = int(share * len(truth) / len(kinds))
    # Not next to each other, not on a symbol's newest bars, and not on what is marked without any planting.
    marked = find_suspects(truth, splits)
    inside = (truth["symbol"] == truth["symbol"].shift(-12)).fill_null(value=False)
    inside &= (truth["symbol"] == truth["symbol"].shift(12)).fill_null(value=False) & (truth["volume"] > 0)
    inside &= ~truth["symbol"].is_in(marked["symbol"].implode())
    free = np.flatnonzero(inside.to_numpy())
    free = free[:: max(1, int(len(free) / (len(kinds) * each * 1.05)))]
    places = random.permutation(free)
    lines = text(truth).with_row_index("at").with_columns(pl.col("at").cast(pl.Float64))
    changed, added, where = [], [], {}
    for number, kind in enumerate(kinds):
        mine = np.sort(places[number * each : (number + 1) * each])
        where[kind] = mine
        rows = truth[mine]
        at = pl.Series("at", mine.astype(np.float64))
        if kind in DRESSED:
            added.append(dressed(rows, kind).with_columns(at + 0.5))
        else:
            made = {**IMPOSSIBLE, **UNLIKELY}[kind](rows)
            changed.append(text(made).with_columns(at))
    gone = np.concatenate([where[kind] for kind in kinds if kind not in DRESSED]).astype(np.float64)
    untouched = lines.filter(~pl.col("at").is_in(pl.Series(gone).implode()))
    whole = pl.concat([untouched, *(one.select(untouched.columns) for one in (*changed, *added))])
    whole.sort("at").select(NAMES).write_csv(folder / "planted.csv")
    say(f"with {len(kinds) * each:,} planted defects ({len(kinds) * each / len(truth):.1%}), {each:,} of each kind:")
    store, report = timed(folder, "planted.csv")
    told(truth, splits, store, where)
    say(f"  refused: {report.refused}")


def told(truth: pl.DataFrame, splits: pl.DataFrame, store: Store, where: dict[str, Ints]) -> None:
    stored = store.known().bars(adjust="none")
    keys = ["symbol", "session"]
    met = truth.join(stored, on=keys, how="left", suffix="_stored", maintain_order="left")
    here = met["close_stored"].is_not_null().to_numpy()
    equal = pl.all_horizontal((pl.col(f"{name}_stored") / pl.col(name) - 1).abs() < 1e-6 for name in PRICES)
    same = met.select(equal.fill_null(value=False)).to_series().to_numpy()
    marks = find_suspects(stored, splits).select(keys).unique()
    suspect = truth.select(keys).join(
        marks.with_columns(mark=pl.lit(value=True)), on=keys, how="left", maintain_order="left"
    )
    marked = suspect["mark"].fill_null(value=False).to_numpy()
    planted = np.zeros(len(truth), np.bool_)
    for kind, rows in where.items():
        planted[rows] = True
        if kind in IMPOSSIBLE:
            found, how = ~here[rows], "refused"
        elif kind in UNLIKELY:
            found, how = here[rows] & marked[rows], "suspect"
        else:
            found, how = here[rows] & same[rows], "one right bar"
        say(f"  {kind:32} {found.mean():8.2%}  {how}")
    right = ~planted
    extra = stored.join(truth, on=keys, how="anti").height
    missing, other, doubted = (int((right & one).sum()) for one in (~here, here & ~same, marked))
    say(f"of {right.sum():,} right bars {missing:,} are missing, {other:,} changed, {doubted:,} suspect")
    say(f"{extra:,} bars more than there were")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
