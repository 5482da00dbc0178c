"""What a day's option quotes cost from file to columns, and how right what is said of them is.

python benchmarks/chains.py CHAIN [UNDERLYINGS] [--workers 2] [--dividends FILE] [--tile 1400000] [--draws 1000]
    [--first]

Files that `tapescan import` reads: quotes of contracts, and prices of their underlyings where the quotes have none.

- CPU seconds of this process and, in brackets, seconds by the clock: import, size on disk, reading, the value or the
  reason of every contract, what is said of each underlying; by how many names; of the chain over and over under other
  names (--tile).
- Volatilities and deltas against QuantLib's QdFp accurate engine on random contracts, at the same forward and rate;
  those of names that pay against trees of 601 and 301 steps.
- Call and put of a strike: whether one volatility lies in both quotes.
- Where CHAIN has a column `delta`: contracts without one are those that a second vendor does not list any more.
- The first import by a process that finds no kernel compiled (--first).
- The same bytes with any number of threads, and for names alone.

--dividends : a file of symbol, ex_date, amount whose last year is taken to come again, by whole years of 52 weeks.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import polars as pl

from benchmarks.chain_checks import against_quantlib, against_slow_trees, bias_of_payers, pairs, unlisted
from tapescan.api.stores import import_bars
from tapescan.bench.options import contracts_of, pays, with_volatility
from tapescan.bench.quantlib_loops import implied_plainly, load_quantlib
from tapescan.core.errors import TapescanError
from tapescan.core.typing import Ints
from tapescan.history.chains import stored_chain
from tapescan.history.option_features import features_of, store_option_features
from tapescan.importing.importing import import_files
from tapescan.market.option_measures import MEASURES
from tapescan.options.analysis import Analysis, analyse
from tapescan.options.chains import Chain
from tapescan.options.dividends import Dividends
from tapescan.options.rates import Curve, imply_curve
from tapescan.options.stored import StoredChain
from tapescan.store import Batch, ImportReport, Store

T = TypeVar("T")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def timed(what: str, work: Callable[[], T], rounds: int = 1) -> T:
    """Done so often; said is the least it took."""
    return _timed(what, work, rounds)[0]


def _timed(what: str, work: Callable[[], T], rounds: int = 1) -> tuple[T, float]:
    """With the least of CPU."""
    taken, by_clock = [], []
    for _ in range(rounds):
        begin, clock = time.process_time(), time.perf_counter()
        found = work()
        taken.append(time.process_time() - begin)
        by_clock.append(time.perf_counter() - clock)
    say(f"{what}: {min(taken):.2f} s of CPU ({min(by_clock):.2f} s)")
    return found, min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--dividends")
    parser.add_argument("--tile", type=int, default=0)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--first", action="store_true")
    asked = parser.parse_args()
    if asked.first:
        _first(asked.files)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        report = timed("import", lambda: import_files(store, asked.files))
        new, replaced, unchanged = report.actions["option_quotes"]
        refused = {name: number for name, number in report.refused.items() if number}
        say(f"{new:,} quotes stored, {replaced + unchanged:,} of them there before; refused: {refused or 'none'}")
        for note in report.notes:
            say(note)
        timed("measured", lambda: store_option_features(store, {}, ImportReport()))
        if asked.dividends:
            _pay_again(store, asked.dividends)
        kept = sum(one.stat().st_size for one in (Path(folder) / "option_quotes").rglob("*.parquet"))
        chain = timed("read as a chain", lambda: stored_chain(store.known(None)), rounds=3)
        if chain is None:
            raise SystemExit("there are no option quotes in it")
        say(f"{len(chain.chain):,} contracts, {kept / len(chain.chain):.1f} bytes each on disk")
        curve = timed(
            "rates",
            lambda: imply_curve(chain.chain, chain.spots, chain.payers, chain.now, workers=asked.workers),
            rounds=3,
        )
    if curve is None:
        raise SystemExit("no rates can be told from it")
    told = ", ".join(f"{time:.2f} y {rate:.2%}" for time, rate in zip(curve.times, curve.rates, strict=True))
    say(f"rates of {int((~chain.payers).sum())} names that pay nothing: {told}")
    found = _costs(chain, curve, asked.workers)
    rows = features_of(chain, curve, asked.workers)
    say(", ".join(f"{one.name} {rows[one.name].count():,}" for one in MEASURES))
    say(", ".join(f"{reason} {number:,}" for reason, number in found.counts().items()))
    say(f"{sum(found.counts().values()):,} contracts in all of {len(chain.chain.underlyings):,} names")
    if asked.tile:
        _tiled(chain, curve, asked.tile, asked.workers)
    for line in (
        *pairs(chain, found),
        *against_quantlib(chain, found, asked.draws),
        *against_slow_trees(chain, found, asked.draws),
        *bias_of_payers(chain, found),
        *unlisted(chain, found, asked.files),
        _bytes(chain, curve, found),
    ):
        say(line)


def _first(files: list[str]) -> None:
    """An import by a process that finds nothing compiled, and by the next one."""
    with tempfile.TemporaryDirectory() as folder:
        for what in ("first", "second"):
            begin = time.perf_counter()
            place = str(Path(folder) / what)
            done = subprocess.run(
                [sys.executable, "-m", "tapescan", "import", *files, "--store", place],
                check=True,
                capture_output=True,
                text=True,
                env={**os.environ, "TAPESCAN_CACHE": str(Path(folder) / "cache")},
            )
            told = [line for line in done.stderr.splitlines() if "compil" in line or "measuring" in line]
            say(f"{what} import ever: {time.perf_counter() - begin:.1f} s; it said: {'; '.join(told)}")


def _pay_again(store: Store, file: str) -> None:
    """Dividends of the file's last year, later by whole years so that the last one falls into the year before now."""
    chain = stored_chain(store.known(None))
    assert chain is not None
    paid = pl.read_parquet(file).select("symbol", pl.col("ex_date").cast(pl.Date), pl.col("amount").cast(pl.Float64))
    paid = paid.filter(pl.col("symbol").is_in(chain.chain.underlyings))
    last: dt.date = paid["ex_date"].max()  # type: ignore[assignment]
    years = -(-(chain.session - last).days // 364)
    again = [
        paid.filter(pl.col("ex_date") > last - dt.timedelta(days=364)).with_columns(
            ex_date=pl.col("ex_date") + pl.duration(days=364 * (years + turn))
        )
        for turn in range(-1, 3)
    ]
    report = import_bars(pl.concat(again).rename({"ex_date": "ex-date"}), store=store)
    say(f"dividends as in the year to {last}: {report.actions.get('dividends')}")


def _costs(chain: StoredChain, curve: Curve, workers: int) -> Analysis:
    """Seconds of what follows the reading, and how they grow by names."""

    def values() -> Analysis:
        return analyse(chain.chain, chain.spots, chain.dividends, curve, chain.now, workers=workers)

    found = timed("values, all of them", values, rounds=3)
    timed("columns, values among them", lambda: features_of(chain, curve, workers), rounds=5)
    names = len(chain.chain.underlyings)
    for share in (4, 2):
        part = only(chain, np.arange(names // share))
        timed(
            f"columns of {names // share} names, {len(part.chain):,} contracts",
            lambda part=part: features_of(part, curve, workers),  # type: ignore[misc]
            rounds=5,
        )
    return found


def only(chain: StoredChain, names: Ints) -> StoredChain:
    """Of some names, ascending and next to each other."""
    begin, end = int(names[0]), int(names[-1]) + 1
    firsts, contracts = chain.chain.firsts, chain.chain.starts
    own = slice(int(contracts[firsts[begin]]), int(contracts[firsts[end]]))
    paid = slice(int(chain.dividends.firsts[begin]), int(chain.dividends.firsts[end]))
    return replace(
        chain,
        chain=chain.chain.part(begin, end),
        spots=chain.spots[begin:end],
        closes=chain.closes[begin:end],
        dividends=Dividends(
            chain.dividends.firsts[begin : end + 1] - paid.start,
            chain.dividends.when[paid],
            chain.dividends.amount[paid],
        ),
        projected=chain.projected[paid],
        payers=chain.payers[begin:end],
        volume=chain.volume[own],
        open_interest=chain.open_interest[own],
    )


def _tiled(chain: StoredChain, curve: Curve, contracts: int, workers: int) -> None:
    """The chain over and over, under other names, in a store; from there to columns."""
    times = max(round(contracts / len(chain.chain)), 1)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        quotes = _as_quotes(chain)
        copies = [quotes.with_columns(pl.col("symbol", "root") + f".{chr(ord('A') + turn)}") for turn in range(times)]
        store.commit(Batch({"option_quotes": pl.concat(copies).sort("symbol", maintain_order=True)}), ImportReport())
        say(f"{times} times over: {times * len(chain.chain):,} contracts")

        def whole() -> pl.DataFrame:
            read = stored_chain(store.known(None))
            assert read is not None
            own = imply_curve(read.chain, read.spots, read.payers, read.now, workers=workers)
            return features_of(read, own or curve, workers)

        _, taken = _timed("from stored quotes to columns", whole, rounds=5)
    _beside(chain, curve, taken, times, workers)


def _beside(chain: StoredChain, curve: Curve, taken: float, times: int, workers: int) -> None:
    """Loops of QuantLib over a sample, in CPU seconds of their one thread, scaled to all that have a volatility."""
    ql = load_quantlib()
    if ql is None:
        say("QuantLib is not installed: nothing was timed beside")
        return
    found = analyse(chain.chain, chain.spots, chain.dividends, curve, chain.now, workers=workers, whole=False)
    places = with_volatility(found)
    places = places[~pays(chain, found)[chain.chain.slice_of[places]]]
    sample = np.random.default_rng(1).permutation(places)[:400]
    asked, prices = contracts_of(chain, found, sample), 0.5 * (chain.chain.bid + chain.chain.ask)[sample]
    scale = times * len(with_volatility(found)) / len(sample)
    for engine in ("QdFp fast", "Barone-Adesi-Whaley"):
        begin = time.process_time()
        for one, price in zip(asked, prices.tolist(), strict=True):
            implied_plainly(ql, engine, one, price)
        own = (time.process_time() - begin) * scale
        say(
            f"QuantLib {engine}: {own:,.0f} s of CPU, {own / taken:,.0f} times as much; on one thread beside ours on "
            f"{workers} {own * workers / taken:,.0f} times as long"
        )


def _as_quotes(chain: StoredChain) -> pl.DataFrame:
    """Rows of `option_quotes`, as many as there are contracts."""
    quotes: Chain = chain.chain
    own = quotes.slice_of
    names = pl.Series("symbol", quotes.underlyings)
    symbol = names.gather(quotes.underlying_of[own])
    nothing = pl.lit(None, pl.Float64)
    return pl.DataFrame(
        {
            "symbol": symbol,
            "expiration": pl.Series(quotes.expiry[own]).cast(pl.Date),
            "strike": quotes.strike,
            "put": quotes.put,
            "bid": pl.Series(quotes.bid, nan_to_null=True),
            "ask": pl.Series(quotes.ask, nan_to_null=True),
            "open_interest": pl.Series(chain.open_interest, nan_to_null=True),
            "underlying_price": pl.Series(chain.spots[quotes.underlying_of[own]], nan_to_null=True),
        }
    ).with_columns(
        session=pl.lit(chain.session),
        root=pl.col("symbol"),
        side=pl.when("put").then(pl.lit("put")).otherwise(pl.lit("call")),
        bid_size=nothing,
        ask_size=nothing,
        last=nothing,
        volume=nothing,
        traded=pl.lit(None, pl.Date),
        quoted=pl.lit(None, pl.Datetime("us", "UTC")),
        source=pl.lit("tiled"),
    )


def _bytes(chain: StoredChain, curve: Curve, found: Analysis) -> str:
    """Whether threads, or the names beside, change any."""
    several = [
        analyse(chain.chain, chain.spots, chain.dividends, curve, chain.now, workers=workers) for workers in (1, 2, 7)
    ]
    names = np.random.default_rng(3).permutation(len(chain.chain.underlyings))[:20].tolist()
    differ = sum(not _same(found, one) for one in several)
    alone = 0
    for name in names:
        part = only(chain, np.array([name]))
        own = analyse(part.chain, part.spots, part.dividends, curve, chain.now, workers=1)
        begin, end = (int(chain.chain.starts[chain.chain.firsts[at]]) for at in (name, name + 1))
        alone += any(
            getattr(found, one)[begin:end].tobytes() != getattr(own, one).tobytes()
            for one in ("reason", "iv", "iv_bid", "iv_ask", "smile", "delta", "gamma", "vega", "theta", "rho")
        )
    return f"other bytes with 1, 2, 7 threads: {differ} of 3; of names alone: {alone} of {len(names)}"


def _same(one: Analysis, other: Analysis) -> bool:
    arrays = [field.name for field in fields(one) if field.name != "smiles"]
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in arrays)


if __name__ == "__main__":
    try:
        main()
    except TapescanError as error:
        sys.exit(str(error))
