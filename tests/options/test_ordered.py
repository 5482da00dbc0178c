"""A chain of rows in order is that of the same rows in any order."""

from __future__ import annotations

import datetime as dt
from dataclasses import fields

import numpy as np
import polars as pl
import pytest

from tapescan.options.chains import Chain, build_chain
from tapescan.options.ordered import chain_in_order

ROOTS = {"AAPL": ["AAPL", "AAPL1", "AAPL2"], "BRK.B": ["BRKB"], "SPX": ["SPX", "SPXW"], "CDE": ["NGD", "CDE"]}
ORDER = ("underlying", "expiration", "root", "strike", "side")


def drawn(seed: int) -> pl.DataFrame:
    """Contracts of several roots on the same days, a part of them missing."""
    draw = np.random.default_rng(seed)
    rows = [
        (name, dt.date(2026, 9, 18) + dt.timedelta(days=7 * week), root, float(strike), side)
        for name, roots in ROOTS.items()
        for root in roots
        for week in range(4)
        for strike in range(90, 111, 5)
        for side in ("call", "put")
    ]
    frame = pl.DataFrame(rows, schema=list(ORDER), orient="row")
    bid = pl.Series(draw.uniform(0.0, 5.0, len(frame)))
    quoted = pl.Series(draw.integers(1_787_000_000, 1_787_342_400, len(frame)) * 1_000_000).cast(
        pl.Datetime("us", "UTC")
    )
    frame = frame.with_columns(
        bid=bid.set(pl.Series(draw.random(len(frame)) < 0.1), None),
        ask=bid + 0.1,
        quoted=quoted.set(pl.Series(draw.random(len(frame)) < 0.1), None),
    )
    return frame.filter(pl.Series(draw.random(len(frame)) < 0.8))


def same(one: Chain, other: Chain) -> None:
    assert one.underlyings == other.underlyings
    assert one.malformed.equals(other.malformed)
    for name in (field.name for field in fields(Chain) if field.name not in ("underlyings", "malformed")):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.dtype == theirs.dtype, name
        assert np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f"), name


@pytest.mark.parametrize("seed", range(5))
def test_in_order_and_out_of_it_the_arrays_are_the_same(seed: int) -> None:
    frame = drawn(seed).sort(ORDER)
    same(chain_in_order(frame), build_chain(frame))
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=seed)
    same(chain_in_order(shuffled), build_chain(shuffled))
    # Two files of a session, one behind the other.
    two = pl.concat([frame.filter(pl.col("underlying") > "B"), frame.filter(pl.col("underlying") < "B")])
    same(chain_in_order(two), build_chain(two))
    halves = pl.concat([frame[::2], frame[1::2]])
    same(chain_in_order(halves), build_chain(halves))


def test_no_rows_are_an_empty_chain() -> None:
    frame = drawn(0).clear()
    same(chain_in_order(frame), build_chain(frame))
    assert len(chain_in_order(frame)) == 0
