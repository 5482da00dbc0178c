"""Quotes of a simulated chain that are spoilt as real ones are, and what each then has to end with.

A few contracts of every kind, whichever their own number says; all of a name's where the name's number does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Floats

__all__ = ["DEFECTS", "noise", "spoil"]

#: What is done to a share of the contracts to which it can be done, and what they end with (None: that hangs on the
#: rest). The first that a contract falls to counts.
DEFECTS: dict[str, tuple[float, str | None]] = {
    "no_quote": (0.02, "no_quote"),
    "no_bid": (0.01, "no_bid"),
    "crossed": (0.002, "crossed"),
    "old": (0.002, "stale"),  # quoted days ago, and it says so
    "left": (0.003, "off_smile"),  # tight, and left there while the market moved: it says nothing of that
    "cheap": (0.002, "below_intrinsic"),
    "dear": (0.001, "above_bound"),
    "wide": (0.003, "uninformative"),
}
#: Of names: contracts of before a split, which an exchange lists no more; an adjusted deliverable; expired ones; the
#: spot of another moment; none; one expiry whose puts nobody quotes, so that nothing tells its forward.
PRE_SPLIT, ADJUSTED, EXPIRED, MOMENT, UNPRICED, ONE_SIDED = 0.05, 0.03, 0.01, 0.03, 0.004, 0.02
#: By how much the other moment's spot is another, at most; ratios of splits.
MOVED, RATIOS = 0.004, (4.0, 10.0, 20.0)
#: Each kind's own noise, of contracts and of names.
_OF_CONTRACTS, _OF_NAMES = 16, 64


def noise(key: Array, salt: int) -> Floats:
    """Numbers from 0 to 1 that hang on a uint64 key and a salt alone (after S. Vigna's SplitMix64)."""
    with np.errstate(over="ignore"):
        z = key + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    found: Floats = (z >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found


@dataclass(frozen=True, eq=False)
class _Rows:
    """Quotes and their truth, side by side; names with their numbers' noise."""

    rows: pl.DataFrame
    names: pl.DataFrame

    def chance(self, turn: int) -> Floats:
        """Of each row's name."""
        found: Floats = noise(self.rows["number"].to_numpy().astype(np.uint64), _OF_NAMES + turn)
        return found


def spoil(
    quotes: pl.DataFrame, truth: pl.DataFrame, names: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The three of `chains.SimulatedChains` with some spoilt, and rows added.

    truth : vega (of 1.0), z and key besides. names : number besides.
    """
    columns, known = quotes.columns, truth.columns
    rows = pl.concat([quotes, truth], how="horizontal").join(
        names.select("symbol", "number", "spot"), on="symbol", maintain_order="left"
    )
    rows = _singly(_one_sided(_Rows(rows, names)))
    added = [_pre_split(_Rows(rows, names)), _adjusted(_Rows(rows, names)), _expired(_Rows(rows, names))]
    rows = pl.concat([rows, *(one.select(rows.columns) for one in added)])
    rows, names = _of_names(rows, names)
    rows = rows.sort("symbol", "expiration", "root", "strike", "side", maintain_order=True)
    return rows.select(columns), rows.select(known), names


def _singly(rows: pl.DataFrame) -> pl.DataFrame:
    """Contracts spoilt one by one."""
    sign = pl.when(pl.col("side") == "put").then(-1.0).otherwise(1.0)
    intrinsic = sign * (pl.col("spot") - pl.col("strike"))
    bound = pl.when(pl.col("side") == "put").then("strike").otherwise("spot")
    tick = pl.max_horizontal(pl.lit(0.01), pl.col("value") * 1e-3)
    moved = pl.col("value") + pl.col("vega") * (0.4 * pl.col("volatility") + 0.15)
    near = pl.col("z").abs() < 1.0
    nothing, bidden, every = pl.lit(None, pl.Float64), pl.col("bid") > 0.0, pl.lit(value=True)
    # Where each can be done; the bid and the ask then.
    tight = (pl.col("ask") - pl.col("bid") < 0.03 * pl.col("vega")) & (pl.col("vega") * 0.02 > 4 * tick)
    ways: dict[str, tuple[pl.Expr, pl.Expr, pl.Expr]] = {
        "no_quote": (every, pl.lit(0.0), pl.when(pl.col("key") % 2 == 0).then(0.0).otherwise(nothing)),
        "no_bid": (every, pl.lit(0.0), pl.col("ask")),
        "crossed": (bidden, pl.col("ask") + 0.1, pl.col("bid")),
        "old": (bidden, pl.col("bid"), pl.col("ask")),
        "left": (near & tight & bidden, moved - tick, moved + tick),
        "cheap": (bidden & (intrinsic > 1.0), intrinsic * 0.97 - 0.02, intrinsic * 0.97 + 0.02),
        "dear": (bidden, bound * 1.04, bound * 1.06),
        "wide": (bidden & near & (intrinsic < 0.0), pl.lit(0.01), pl.col("value") + 0.8 * pl.col("vega")),
    }
    for turn, (defect, (share, reason)) in enumerate(DEFECTS.items()):
        where, bid, ask = ways[defect]
        drawn = pl.Series(noise(rows["key"].to_numpy(), _OF_CONTRACTS + turn) < share)
        hit = rows.select((where & drawn & pl.col("defect").is_null()).alias("hit"))["hit"]
        if not hit.any():
            continue
        changed = {"bid": bid.round(4), "ask": ask.round(4), "defect": pl.lit(defect), "reason": pl.lit(reason)}
        if defect == "old":
            changed["quoted"] = pl.col("quoted") - pl.duration(days=3)
        rows = rows.with_columns(pl.when(hit).then(one).otherwise(name).alias(name) for name, one in changed.items())
    return rows


def _one_sided(of: _Rows) -> pl.DataFrame:
    """One expiry of a name without a put that is quoted."""
    last = pl.col("expiration").max().over("symbol")
    hit = pl.Series(of.chance(0) < ONE_SIDED) & (pl.col("expiration") == last)
    put, quoted = hit & (pl.col("side") == "put"), hit & (pl.col("bid") > 0.0)
    reason = pl.when(put).then(pl.lit("no_quote")).when(quoted).then(pl.lit("no_forward"))
    return of.rows.with_columns(
        bid=pl.when(put).then(0.0).otherwise("bid"),
        ask=pl.when(put).then(0.0).otherwise("ask"),
        defect=pl.when(put | quoted).then(pl.lit("one_sided")),
        reason=reason,
    )


def _pre_split(of: _Rows) -> pl.DataFrame:
    """Contracts of before a split at their old prices, above all of the listed strikes of their slice."""
    hit = of.chance(1) < PRE_SPLIT
    which = np.minimum((of.chance(2) * len(RATIOS)).astype(np.int64), len(RATIOS) - 1)
    ratio = pl.Series(np.array(RATIOS)[which])
    most = pl.col("strike").max().over("symbol", "expiration")
    some = of.rows.with_columns(ratio=ratio, most=most).filter(pl.Series(hit))
    copied = some.filter(
        pl.col("defect").is_null() & (pl.col("bid") > 0.0), pl.col("strike") * pl.col("ratio") > pl.col("most")
    )
    return copied.with_columns(
        pl.col("strike", "bid", "ask", "last") * pl.col("ratio"),
        volume=0.0,
        traded=pl.lit(None, pl.Date),
        defect=pl.lit("pre_split"),
        unlisted=pl.lit(value=True),
    )


def _adjusted(of: _Rows) -> pl.DataFrame:
    """Contracts that deliver something else than 100 shares, of the nearest expiry."""
    nearest = pl.col("expiration") == pl.col("expiration").min().over("symbol")
    return of.rows.filter(pl.Series(of.chance(3) < ADJUSTED) & nearest & pl.col("defect").is_null()).with_columns(
        pl.col("bid", "ask", "last") * 0.6,
        root=pl.col("root") + "1",
        defect=pl.lit("adjusted"),
        reason=pl.lit("nonstandard"),
    )


def _expired(of: _Rows) -> pl.DataFrame:
    """Contracts of the session before, which a file still has."""
    nearest = pl.col("expiration") == pl.col("expiration").min().over("symbol")
    return of.rows.filter(pl.Series(of.chance(4) < EXPIRED) & nearest & pl.col("defect").is_null()).with_columns(
        expiration=pl.col("session").dt.offset_by("-1d"),
        defect=pl.lit("expired"),
        reason=pl.lit("stale"),
    )


def _of_names(rows: pl.DataFrame, names: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Names whose spot is of another moment, or that have none."""
    number = names["number"].to_numpy().astype(np.uint64)

    def chance(turn: int) -> Floats:
        return noise(number, _OF_NAMES + turn)

    moved = np.where(chance(5) < MOMENT, 1.0 + MOVED * (2.0 * chance(6) - 1.0), 1.0)
    names = names.with_columns(said=(pl.col("spot") * pl.Series(moved)).round(4))
    names = names.with_columns(said=pl.when(pl.Series(chance(7) >= UNPRICED)).then("said"))
    rows = rows.join(names.select("symbol", "said"), on="symbol", maintain_order="left")
    without = pl.col("said").is_null() & (pl.col("defect") != "adjusted").fill_null(value=True)
    return rows.with_columns(
        underlying_price="said",
        defect=pl.when(without).then(pl.lit("unpriced")).otherwise("defect"),
        reason=pl.when(without).then(pl.lit("no_underlying")).otherwise("reason"),
    ), names
