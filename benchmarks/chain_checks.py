"""How right what is said of a chain is: lines for `benchmarks/chains.py`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tapescan.bench.options import contracts_of, pays, with_volatility
from tapescan.bench.quantlib_loops import Loop, load_quantlib
from tapescan.core.jit import kernel
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.options.analysis import REASONS, Analysis
from tapescan.options.stored import StoredChain
from tapescan.options.tree import grow, hold

__all__ = ["against_quantlib", "against_slow_trees", "bias_of_payers", "gaps", "pairs", "slow_vols", "unlisted"]

OK = REASONS.index("ok")


def quantiles(values: Floats) -> str:
    """Median, and what 95 and 99 of 100 lie below; the largest."""
    if not len(values):
        return "none"
    return ", ".join(
        f"{name} {value:.1e}"
        for name, value in zip(
            ("median", "p95", "p99", "max"), np.quantile(values, [0.5, 0.95, 0.99, 1.0]), strict=True
        )
    )


def against_quantlib(chain: StoredChain, found: Analysis, draws: int) -> Iterator[str]:
    """Random contracts that are ok, of slices without dividends."""
    ql = load_quantlib()
    if ql is None:
        yield "QuantLib is not installed: no volatility was compared with its own"
        return
    places = with_volatility(found)
    places = places[(found.reason[places] == OK) & ~pays(chain, found)[chain.chain.slice_of[places]]]
    places = np.random.default_rng(7).permutation(places)[:draws]
    loop, asked = Loop(ql, "QdFp accurate"), contracts_of(chain, found, places)
    prices = 0.5 * (chain.chain.bid + chain.chain.ask)[places]
    vols = np.array([loop.implied(one, price) for one, price in zip(asked, prices.tolist(), strict=True)])
    known = np.isfinite(vols)
    off = np.abs(found.iv[places] - vols)[known]
    yield f"QdFp accurate, {len(places):,} contracts, {int((~known).sum())} without a volatility there"
    yield f"  volatility: {quantiles(off)}"
    yield f"  as a share of the quote's own uncertainty: {quantiles(off / found.uncertainty[places][known])}"
    deltas = np.array([loop.delta(one, vol) for one, vol in zip(asked, vols.tolist(), strict=True) if vol == vol])  # noqa: PLR0124
    yield f"  delta: {quantiles(np.abs(found.delta[places][known] - deltas))}"


def against_slow_trees(chain: StoredChain, found: Analysis, draws: int) -> Iterator[str]:
    """Random contracts that are ok, of slices with dividends."""
    places = np.flatnonzero((found.reason == OK) & pays(chain, found)[chain.chain.slice_of])
    if not len(places):
        yield "no name pays dividends: nothing was compared with slow trees"
        return
    places = np.sort(np.random.default_rng(7).permutation(places)[:draws])
    vols = slow_vols(chain, found, places)
    known = np.isfinite(vols)
    yield f"trees of {FINER} and {COARSER} steps, {int(known.sum()):,} contracts with dividends"
    yield f"  volatility: {quantiles(np.abs(found.iv[places] - vols)[known])}"


#: Steps of the slow trees.
COARSER, FINER = 301, 601


@kernel(*["readonly float64[::1]"] * 8, *["readonly float64[:, ::1]"] * 2, "int64", "int64", "float64[::1]")
def _search(stars, strikes, signs, times, carries, rates, prices, starts, coarse, fine, less, more, vols):  # type: ignore[no-untyped-def]
    """By halves, from half to twice the start."""
    work, out = np.empty(2 * (more + 20)), np.empty(5)
    for i in range(len(strikes)):
        low, high = 0.5 * starts[i], 2.0 * starts[i]
        for _ in range(24):
            vol = 0.5 * (low + high)
            grow(stars[i], strikes[i], signs[i], vol, times[i], carries[i], rates[i], coarse[i], less, work, out)
            value = out[0]
            grow(stars[i], strikes[i], signs[i], vol, times[i], carries[i], rates[i], fine[i], more, work, out)
            if out[0] + less / (more - less) * (out[0] - value) > prices[i]:
                high = vol
            else:
                low = vol
        vols[i] = 0.5 * (low + high)


def slow_vols(chain: StoredChain, found: Analysis, places: Ints) -> Floats:
    """Volatilities of the middle prices by slow trees, at the forwards that were found."""
    quotes, own = chain.chain, chain.chain.slice_of[places]
    names, times, rates = quotes.underlying_of[own], found.time[own].copy(), found.rate[own].copy()
    coarse, fine = np.empty((len(places), COARSER)), np.empty((len(places), FINER))
    for steps, held in ((COARSER, coarse), (FINER, fine)):
        hold(names, times, rates, *chain.dividends, steps, held)
    stars = (found.forward * np.exp(-found.carry * found.time))[own]
    prices = 0.5 * (quotes.bid + quotes.ask)[places]
    vols = np.empty(len(places))
    signs = np.where(quotes.put[places], -1.0, 1.0)
    _search(
        stars, quotes.strike[places], signs, times, found.carry[own], rates, prices, found.iv[places], coarse, fine,
        COARSER, FINER, vols,
    )  # fmt: skip
    return vols


def gaps(chain: StoredChain, found: Analysis, far: float = 1.0) -> tuple[Ints, Floats, Bools]:
    """Of strikes within so many deviations: places of calls whose put has a volatility as well, how much higher that
    of the call is, and whether one lies in both quotes."""
    quotes = chain.chain
    calls = np.flatnonzero(~quotes.put[:-1] & quotes.put[1:] & (quotes.strike[:-1] == quotes.strike[1:]))
    calls = calls[(quotes.slice_of[calls] == quotes.slice_of[calls + 1])]
    calls = calls[(found.reason[calls] == OK) & (found.reason[calls + 1] == OK)]
    own = quotes.slice_of[calls]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.log(quotes.strike[calls] / found.forward[own]) / found.smiles.scale[own]
    calls = calls[np.abs(z) < far]
    gap = found.iv[calls] - found.iv[calls + 1]
    inside = np.abs(gap) <= found.uncertainty[calls] + found.uncertainty[calls + 1]
    return calls, gap, inside


def pairs(chain: StoredChain, found: Analysis) -> Iterator[str]:
    calls, gap, inside = gaps(chain, found)
    yield (
        f"call and put of one strike, |z| < 1: {len(calls):,} pairs, {inside.mean():.1%} inside both quotes, "
        f"median gap {100.0 * np.median(np.abs(gap)):.2f} points"
    )


def bias_of_payers(chain: StoredChain, found: Analysis) -> Iterator[str]:
    """How much more those in the money say than their others, of slices with dividends."""
    calls, gap, _ = gaps(chain, found, 2.5)
    own = chain.chain.slice_of[calls]
    near = pays(chain, found)[own] & (found.time[own] < 0.6)
    calls, gap, own = calls[near], gap[near], own[near]
    if not len(calls):
        yield "no name pays dividends: no bias of theirs was measured"
        return
    above = chain.chain.strike[calls] > found.forward[own]
    for name, signed in (("calls", gap[~above]), ("puts", -gap[above])):
        bias = 100.0 * np.median(signed)
        yield f"payers, {name} in the money less the others: {bias:+.2f} points, {len(signed):,} pairs"


def unlisted(chain: StoredChain, found: Analysis, files: Sequence[str]) -> Iterator[str]:
    """Contracts without greeks of another vendor, and the others."""
    parquet = [file for file in files if Path(file).suffix == ".parquet"]
    read = next((one for file in parquet if "delta" in (one := pl.read_parquet(file)).columns), None)
    if read is None:
        return
    key = ["underlying", "expiration", "side", "strike"]
    quotes, own = chain.chain, chain.chain.slice_of
    names = pl.Series("underlying", quotes.underlyings)
    rows = pl.DataFrame(
        {
            "underlying": names.gather(quotes.underlying_of[own]),
            "expiration": pl.Series(quotes.expiry[own]).cast(pl.Date),
            "side": np.where(quotes.put, "put", "call"),
            "strike": quotes.strike,
            "reason": np.array(REASONS)[found.reason],
        }
    )
    read = read.with_columns(strike=pl.col("strike").cast(pl.Float64).round(3)).unique(key)
    rows = rows.join(
        read.select(*key, listed=pl.col("delta").is_not_null()), on=key, how="left", maintain_order="left"
    )
    gone, there = rows.filter(~pl.col("listed")), rows.filter("listed")
    refused = gone.filter(pl.col("reason") != "ok")
    yield f"not listed any more: {len(gone):,}, of which refused {len(refused) / max(len(gone), 1):.1%}"
    for name, some in (("  of those with a volatility", gone), ("listed, with a volatility", there)):
        off = (some.filter(pl.col("reason").is_in(["ok", "off_smile"]))["reason"] == "off_smile").to_numpy()
        yield f"{name}: {off.mean():.1%} of {len(off):,} off the smile"
