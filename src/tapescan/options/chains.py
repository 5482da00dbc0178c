"""A chain as dense arrays: contracts by underlying, expiry, strike and side, calls before puts.

Those of one underlying that expire at one moment and deliver the same make a slice, which has one forward and one
smile. Adjusted contracts are slices of their own, so that nothing of theirs gets into others.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl

from tapescan.core.errors import OptionError
from tapescan.core.typing import Array, Bools, Days, Floats, Ints
from tapescan.market.calendar import EARLIEST, LATEST
from tapescan.market.occ import parse
from tapescan.options.contracts import EUROPEAN, MORNING, expiries, is_standard

__all__ = ["Chain", "build_chain", "spans"]

#: What a frame needs beside quotes, where it has no OCC symbols.
PARTS = ("underlying", "expiration", "side", "strike")


@dataclass(frozen=True, eq=False)
class Chain:
    """Contracts in their order. What is of a slice or an underlying is read by offsets: slice i holds the contracts
    ``starts[i]`` to ``starts[i + 1]``, underlying k the slices ``firsts[k]`` to ``firsts[k + 1]``."""

    #: ``(underlyings,)``, ascending.
    underlyings: tuple[str, ...]
    #: ``(underlyings + 1,)``.
    firsts: Ints
    #: ``(slices + 1,)``.
    starts: Ints
    #: ``(slices,)``: the last day; the moment of expiry, seconds since 1970-01-01 UTC; exercised at expiry only; 100
    #: shares of the underlying, or not.
    expiry: Days
    expires: Ints
    european: Bools
    standard: Bools
    #: ``(contracts,)``, in dollars a share; NaN where there is no quote.
    strike: Floats
    put: Bools
    bid: Floats
    ask: Floats
    #: ``(contracts,)``: when it was quoted, seconds since 1970-01-01 UTC; -1 where that is not said.
    quoted: Ints
    #: ``(contracts,)``: its place in the frame that was given.
    row: Ints
    #: Rows of that frame that are no contracts: `row`, `why`.
    malformed: pl.DataFrame

    def __len__(self) -> int:
        return len(self.strike)

    @property
    def slices(self) -> int:
        return len(self.expires)

    @property
    def slice_of(self) -> Ints:
        """Each contract's slice."""
        return np.repeat(np.arange(self.slices), np.diff(self.starts))

    @property
    def underlying_of(self) -> Ints:
        """Each slice's underlying."""
        return np.repeat(np.arange(len(self.underlyings)), np.diff(self.firsts))

    def part(self, begin: int, end: int) -> Chain:
        """The underlyings from `begin` up to `end`, as a chain of their own."""
        first, last = self.firsts[begin], self.firsts[end]
        start, stop = self.starts[first], self.starts[last]
        cut = {
            "underlyings": self.underlyings[begin:end],
            "firsts": self.firsts[begin : end + 1] - first,
            "starts": self.starts[first : last + 1] - start,
            "malformed": self.malformed.clear(),
        }
        for name in ("expiry", "expires", "european", "standard"):
            cut[name] = getattr(self, name)[first:last]
        for one in fields(self):
            if one.name not in cut:
                cut[one.name] = getattr(self, one.name)[start:stop]
        return Chain(**cut)

    def some(self, underlyings: Ints) -> tuple[Chain, Ints]:
        """These underlyings (their places, ascending) as a chain of their own, and which contracts it is of."""
        own = spans(self.firsts, underlyings)
        contracts = spans(self.starts, own)
        cut: dict[str, Any] = {
            "underlyings": tuple(self.underlyings[at] for at in underlyings.tolist()),
            "firsts": np.concatenate([[0], np.cumsum(np.diff(self.firsts)[underlyings], dtype=np.int64)]),
            "starts": np.concatenate([[0], np.cumsum(np.diff(self.starts)[own], dtype=np.int64)]),
            "malformed": self.malformed.clear(),
        }
        for name in ("expiry", "expires", "european", "standard"):
            cut[name] = getattr(self, name)[own]
        for one in fields(self):
            if one.name not in cut:
                cut[one.name] = getattr(self, one.name)[contracts]
        return Chain(**cut), contracts


def spans(offsets: Ints, places: Ints) -> Ints:
    """What lies from the offset of each place up to the next one, one place after the other."""
    begins, lengths = offsets[places], np.diff(offsets)[places]
    before = np.cumsum(lengths) - lengths
    found: Ints = np.repeat(begins - before, lengths) + np.arange(int(lengths.sum()))
    return found


def build_chain(frame: pl.DataFrame) -> Chain:
    """The chain of a frame's rows, in whatever order.

    frame : `bid` and `ask`, and either `symbol` (OCC) or `underlying`, `expiration` (Date), `side` (call, put, C, P)
    and `strike`. With `symbol`, `underlying` is the root where there is none. `root` and `quoted` (Datetime; UTC
    where it names no zone) are used where they are there.
    Raises OptionError for a frame without these columns.
    """
    have = set(frame.columns)
    missing = {"bid", "ask"} - have or (set(PARTS) - have if "symbol" not in have else set())
    if missing:
        raise OptionError(f"a chain without {', '.join(sorted(missing))}", f"it has {', '.join(frame.columns)}")
    rows = (_by_symbol(frame) if "symbol" in have else _by_parts(frame)).with_columns(row=pl.int_range(pl.len()))
    for name in ("bid", "ask"):
        rows = rows.with_columns(frame[name].cast(pl.Float64, strict=False).alias(name))
    rows = rows.with_columns(quoted=_seconds(frame))
    malformed = rows.filter(pl.col("malformed").is_not_null()).select("row", why="malformed")
    return _arranged(rows.filter(pl.col("malformed").is_null()), malformed)


def _by_symbol(frame: pl.DataFrame) -> pl.DataFrame:
    parts = parse(frame["symbol"])
    underlying = frame["underlying"].cast(pl.String) if "underlying" in frame.columns else parts["root"]
    return parts.with_columns(underlying=underlying.fill_null(parts["root"]))


def _by_parts(frame: pl.DataFrame) -> pl.DataFrame:
    side = pl.col("side").cast(pl.String).str.to_lowercase()
    put = pl.when(side.is_in(["put", "p"])).then(statement=True).when(side.is_in(["call", "c"])).then(statement=False)
    strike = pl.col("strike").cast(pl.Float64, strict=False)
    root = pl.col("root") if "root" in frame.columns else pl.col("underlying")
    malformed = (
        pl.when(pl.col("underlying").is_null())
        .then(pl.lit("no underlying named"))
        .when(pl.col("put").is_null())
        .then(pl.lit("neither call nor put"))
        .when(~pl.col("expiry").is_between(EARLIEST, LATEST).fill_null(value=False))
        .then(pl.lit("no such day"))
        .when(~(pl.col("strike").is_finite() & (pl.col("strike") > 0)).fill_null(value=False))
        .then(pl.lit("no strike"))
    )
    return frame.select(
        pl.col("underlying").cast(pl.String),
        root=root.cast(pl.String),
        expiry=pl.col("expiration").cast(pl.Date, strict=False),
        put=put,
        # What was kept as float32 is a price in thousandths of a dollar.
        strike=strike.round(3),
    ).with_columns(malformed=malformed)


def _seconds(frame: pl.DataFrame) -> pl.Series:
    if "quoted" not in frame.columns:
        return pl.Series("quoted", [-1], pl.Int64).new_from_index(0, frame.height)
    return frame.select(pl.col("quoted").dt.epoch("s").fill_null(-1)).to_series()


def _arranged(rows: pl.DataFrame, malformed: pl.DataFrame) -> Chain:
    root = pl.col("root").str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "")
    key = ["underlying", "expiry", "expires", "european", "other"]
    rows = rows.with_columns(
        morning=root.is_in(MORNING),
        european=root.is_in(EUROPEAN),
        other=~is_standard(root, pl.col("underlying")).fill_null(value=False),
    )
    days = rows["expiry"].cast(pl.Int32).to_numpy()
    rows = rows.with_columns(expires=pl.Series(expiries(days, rows["morning"].to_numpy())))
    rows = rows.sort(*key, "strike", "put", "row")
    groups = rows.group_by(key, maintain_order=True).len()
    held = groups.group_by("underlying", maintain_order=True).len()
    return Chain(
        underlyings=tuple(held["underlying"].to_list()),
        firsts=_offsets(held["len"]),
        starts=_offsets(groups["len"]),
        expiry=groups["expiry"].cast(pl.Int32).to_numpy().copy(),
        expires=_array(groups["expires"]),
        european=_array(groups["european"]),
        standard=~_array(groups["other"]),
        strike=_array(rows["strike"]),
        put=_array(rows["put"]),
        bid=_array(rows["bid"].fill_null(np.nan)),
        ask=_array(rows["ask"].fill_null(np.nan)),
        quoted=_array(rows["quoted"]),
        row=_array(rows["row"].cast(pl.Int64)),
        malformed=malformed,
    )


def _offsets(lengths: pl.Series) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths.to_numpy(), dtype=np.int64)])


def _array(values: pl.Series) -> Array:
    return np.ascontiguousarray(values.to_numpy())
