"""The chain of rows that lie in order already, as a store keeps them: what `chains` asks of each contract's texts is
asked here once for all of one root and expiry, and nothing is sorted that is sorted."""

from __future__ import annotations

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Bools, Floats, Ints
from tapescan.options.chains import Chain, build_chain
from tapescan.options.contracts import EUROPEAN, MORNING, expiries, is_standard

__all__ = ["chain_in_order"]

_RUN = ("underlying", "expiration", "root")


def chain_in_order(quotes: pl.DataFrame) -> Chain:
    """As `chains.build_chain`, the same arrays, of checked rows: whole keys, each once; call or put.

    quotes : underlying, expiration, root, strike, side, bid, ask, quoted. Those of one underlying, expiration
    and root lie together, by strike, a call before its put; what does not takes longer.
    """
    new = quotes.select(pl.any_horizontal(pl.col(name) != pl.col(name).shift() for name in _RUN)).to_series()
    begins = new.fill_null(value=True).arg_true().to_numpy().astype(np.int64)
    strike = quotes["strike"].round(3).to_numpy()
    put = (quotes["side"] == "put").to_numpy()
    runs = quotes[begins].select(_RUN) if len(begins) else quotes.select(_RUN)
    if not _lie_in_order(strike, put, begins) or runs.is_duplicated().any():
        return build_chain(quotes)
    return _arranged(quotes, runs, begins, strike, put)


def _lie_in_order(strike: Floats, put: Bools, begins: Ints) -> bool:
    later = (np.diff(strike) > 0.0) | ((np.diff(strike) == 0.0) & (put[1:] > put[:-1]))
    later[begins[1:] - 1] = True
    return bool(later.all())


def _arranged(quotes: pl.DataFrame, runs: pl.DataFrame, begins: Ints, strike: Floats, put: Bools) -> Chain:
    root = pl.col("root").str.to_uppercase()
    lengths = np.diff(begins, append=quotes.height)
    runs = runs.with_columns(
        morning=root.is_in(MORNING),
        european=root.is_in(EUROPEAN),
        other=~is_standard(root, pl.col("underlying")).fill_null(value=False),
        begin=pl.Series(begins, dtype=pl.Int64),
        length=pl.Series(lengths, dtype=pl.Int64),
    )
    days = runs["expiration"].cast(pl.Int32).to_numpy()
    key = ["underlying", "expiration", "expires", "european", "other"]
    runs = runs.with_columns(expires=pl.Series(expiries(days, runs["morning"].to_numpy()), dtype=pl.Int64))
    runs = runs.sort(*key, "begin")
    slices = runs.group_by(key, maintain_order=True).agg(pl.col("length").sum(), runs=pl.len())
    held = slices.group_by("underlying", maintain_order=True).len()
    starts = _offsets(slices["length"])
    order = _rows_of(runs["begin"].to_numpy(), runs["length"].to_numpy())
    for place in (slices["runs"] > 1).arg_true().to_list():
        part = order[starts[place] : starts[place + 1]]
        order[starts[place] : starts[place + 1]] = part[np.lexsort((part, put[part], strike[part]))]
    moments = quotes["quoted"].dt.epoch("s").fill_null(-1).to_numpy()
    bid, ask = (quotes[name].fill_null(np.nan).to_numpy() for name in ("bid", "ask"))
    return Chain(
        underlyings=tuple(held["underlying"].to_list()),
        firsts=_offsets(held["len"]),
        starts=starts,
        expiry=slices["expiration"].cast(pl.Int32).to_numpy().copy(),
        expires=_array(slices["expires"]),
        european=_array(slices["european"]),
        standard=~_array(slices["other"]),
        strike=strike[order],
        put=put[order],
        bid=bid[order],
        ask=ask[order],
        quoted=moments[order],
        row=order,
        malformed=pl.DataFrame(schema={"row": pl.Int64, "why": pl.String}),
    )


def _rows_of(begins: Ints, lengths: Ints) -> Ints:
    """Rows of runs, one run after the other."""
    before = np.cumsum(lengths) - lengths
    found: Ints = np.repeat(begins - before, lengths) + np.arange(int(lengths.sum()))
    return found


def _offsets(lengths: pl.Series) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths.to_numpy(), dtype=np.int64)])


def _array(values: pl.Series) -> Array:
    return np.ascontiguousarray(values.to_numpy())
