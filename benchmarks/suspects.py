"""Suspect bars: those of a store, each with the bars around it; and planted ones on a simulated market.

python benchmarks/suspects.py --store DIR [--as-of DATE] [--alone]
python benchmarks/suspects.py --planted [--symbols 2600] [--sessions 400] [--share 0.02]

--alone judges each bar as the newest one as well: how many the day itself marks, and how many of them the bars that
came next let stand.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from tapescan.api import open_store
from tapescan.core.dates import parse_date
from tapescan.core.typing import Ints
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.market.suspect import BEFORE, FROZEN, find_suspects
from tapescan.simulation.market import simulate

PRICES = ("open", "high", "low", "close")
#: A planted bar's price is off by one of these; its volume by one of those.
FACTORS, VOLUMES = (1.5, 2.0, 3.0, 5.0, 10.0, 15.0, 20.0, 100.0), (1_000.0, 10_000.0)
KINDS = ("close", "open", "bar", "high", "low", "volume")


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")


def listed(store: str, as_of: str | None, *, alone: bool) -> None:
    """Every mark of a store with two bars on either side."""
    known = open_store(store).known(parse_date(as_of, "as_of")).at_newest_session()
    bars, splits = known.bars(), known.read("splits")
    begin = time.perf_counter()
    found = find_suspects(bars, splits)
    seconds = time.perf_counter() - begin
    say(f"{len(bars):,} bars judged in {seconds:.2f} s: {len(found)} suspect, one in {len(bars) / len(found):,.0f}")
    places = bars.with_row_index("row")
    for mark in found.sort("reason", "symbol", "session").iter_rows(named=True):
        own = places.filter(pl.col("symbol") == mark["symbol"])
        at = int(own.with_row_index("at").filter(pl.col("session") == mark["session"])["at"][0])
        say(f"\n{mark['reason']}: {mark['symbol']} {mark['session']}")
        for row in own[max(at - 2, 0) : at + 3].iter_rows(named=True):
            prices = " ".join(f"{row[name]:>10.5g}" for name in PRICES)
            sign = ">" if row["session"] == mark["session"] else " "
            say(f"  {sign} {row['session']} {prices} {row['volume']:>14,.0f}")
    if alone:
        told(bars, splits, found)


def told(bars: pl.DataFrame, splits: pl.DataFrame, found: pl.DataFrame) -> None:
    """How many bars are marked on their own day, and how many of these once the next bars are there."""
    days = bars["session"].unique().sort()
    marked: set[tuple[object, ...]] = set()
    for place, day in enumerate(days):
        since = days[max(place - BEFORE * 2, 0)]
        then = bars.filter(pl.col("session").is_between(since, day))
        known = splits.filter(pl.col("ex_date") <= day)
        own = find_suspects(then, known).filter(pl.col("session") == day)
        marked |= set(own.select("symbol", "session", "reason").iter_rows())
    later = set(found.select("symbol", "session").iter_rows())
    refuted = sorted(one for one in marked if one[:2] not in later)
    say(f"\nmarked on their own day: {len(marked)}; not any more when all bars are known: {len(refuted)}")
    for one in refuted:
        say(f"  {one[0]} {one[1]} {one[2]}")


# --- planted ------------------------------------------------------------------------------------------------------


def market(symbols: int, sessions: int, seed: int) -> pl.DataFrame:
    drawn = simulate(symbols=symbols, sessions=sessions, seed=seed)
    return check_bars(drawn.bars).good.select(BAR_COLUMNS)


def planted(bars: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The bars with defects, and what was planted: row, kind, factor (below 1 for downwards)."""
    random = np.random.default_rng(seed)
    columns = {name: bars[name].to_numpy().copy() for name in (*PRICES, "volume")}
    number = int(share * len(bars))
    rows = np.sort(random.choice(len(bars), number, replace=False))
    kinds = random.choice(len(KINDS), number)
    factor = random.choice(FACTORS, number) ** random.choice([-1.0, 1.0], number)
    volume = random.choice(VOLUMES, number) ** random.choice([-1.0, 1.0], number)
    names = np.array(KINDS)[kinds]
    factor = np.where(names == "high", np.maximum(factor, 1.0 / factor), factor)
    factor = np.where(names == "low", np.minimum(factor, 1.0 / factor), factor)
    factor = np.where(names == "volume", volume, factor)
    for kind, touched in (("close", ("close",)), ("open", ("open",)), ("bar", PRICES), ("high", ("high",)),
                          ("low", ("low",)), ("volume", ("volume",))):  # fmt: skip
        at = names == kind
        for name in touched:
            columns[name][rows[at]] *= factor[at]
    body = [columns["open"][rows], columns["close"][rows]]
    columns["high"][rows] = np.maximum(columns["high"][rows], np.maximum(*body))
    columns["low"][rows] = np.minimum(columns["low"][rows], np.minimum(*body))
    made = bars.with_columns(pl.Series(name, values) for name, values in columns.items())
    return made, pl.DataFrame({"row": rows, "kind": names, "factor": factor})


def frozen(bars: pl.DataFrame, number: int, seed: int) -> tuple[pl.DataFrame, Ints]:
    """With runs of one bar, `FROZEN` long, repeated to the last digit; and the places of the repeats."""
    random = np.random.default_rng(seed)
    runs = bars["symbol"].rle().struct.unnest()
    end = runs["len"].to_numpy().astype(np.int64).cumsum()
    some = random.choice(len(end), number, replace=False)
    traded = bars["volume"].to_numpy()
    starts = end[some] - random.integers(FROZEN + 2, 60, number)
    starts = starts[traded[starts] > 0.0]
    repeats = (starts[:, None] + np.arange(1, FROZEN)).ravel()
    source = np.arange(len(bars))
    source[repeats] = np.repeat(starts, FROZEN - 1)
    names = (*PRICES, "volume")
    return bars.with_columns(bars.select(names)[source]), repeats


def trial(symbols: int, sessions: int, share: float) -> None:
    bars = market(symbols, sessions, 11)
    clean = find_suspects(bars)
    say(f"{len(bars):,} simulated bars, none planted: {len(clean)} marked")
    made, what = planted(bars, share, 12)
    begin = time.perf_counter()
    found = find_suspects(made)
    seconds = time.perf_counter() - begin
    marks = made.with_row_index("row").join(found.select("symbol", "session", "reason"), on=["symbol", "session"])
    what = what.join(marks.select(pl.col("row").cast(pl.Int64), "reason"), on="row", how="left")
    lost = marks.filter(~pl.col("row").is_in(what["row"].implode()))
    say(f"{len(what):,} planted ({share:.1%}), judged in {seconds:.2f} s; right bars marked: {len(lost)}")
    for row in lost.head(10).iter_rows(named=True):
        say(f"  lost: {row['symbol']} {row['session']} {row['reason']}")
    size = pl.col("factor").log().abs().exp().round(2)
    table = what.group_by("kind", size.alias("factor")).agg(
        planted=pl.len(),
        found=pl.col("reason").is_not_null().mean(),
        named=(pl.col("reason") == pl.col("kind")).mean(),
    )
    for line in lines(table.sort("kind", "factor")):
        say(line)
    large = what.filter(size >= 3.0)
    share_found = 1.0 - large["reason"].null_count() / len(large)
    say(f"factors of 3 and more: {share_found:.2%} of {len(large):,} found")
    again, repeats = frozen(bars, min(200, symbols // 4), 13)
    stuck = find_suspects(again)
    places = again.with_row_index("row").join(stuck.select("symbol", "session"), on=["symbol", "session"])["row"]
    hit = np.isin(repeats, places.to_numpy())
    say(f"frozen: {hit.mean():.2%} of {len(repeats):,} repeats found, {len(stuck) - hit.sum()} others marked")


def lines(table: pl.DataFrame) -> Iterator[str]:
    for row in table.iter_rows(named=True):
        yield (
            f"  {row['kind']:7} x {row['factor']:>8,.1f}: {row['found']:7.2%} of {row['planted']:,}"
            f" (as {row['kind']}: {row['named']:.2%})"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store")
    parser.add_argument("--as-of")
    parser.add_argument("--alone", action="store_true")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--symbols", type=int, default=2600)
    parser.add_argument("--sessions", type=int, default=400)
    parser.add_argument("--share", type=float, default=0.02)
    asked = parser.parse_args()
    if asked.planted:
        trial(asked.symbols, asked.sessions, asked.share)
    else:
        listed(asked.store, asked.as_of, alone=asked.alone)


if __name__ == "__main__":
    main()
