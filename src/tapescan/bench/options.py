"""`tapescan bench --options`: from a stored chain of the whole market to its columns, beside other ways to do it.

The chain is a simulated market's (`simulation.chains`), in a store on this machine's disk. Timed warm is all that an
import of a session does once its quotes are stored: read as a chain, the rate, forwards, a volatility or a reason of
every contract, sensitivities, smiles, columns. Others are timed on a sample and scaled up to the contracts that have
a volatility here; they search that alone, from forwards and rates that are ready.

The limit is what the trees' arithmetic takes where everything is at hand, two evaluations a volatility, and what
reading the quotes once takes.
"""

from __future__ import annotations

import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tapescan.bench.machine import OPERATIONS, computing_speed, in_words, memory_speed
from tapescan.bench.quantlib_loops import Contract, Loop, implied_plainly, load_quantlib
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress, silent
from tapescan.core.typing import Bools, Floats, Ints
from tapescan.history.chains import stored_chain
from tapescan.history.option_features import features_of
from tapescan.options.analysis import REASONS, Analysis, analyse
from tapescan.options.rates import Curve, imply_curve
from tapescan.options.stored import StoredChain
from tapescan.options.tree import COARSE, FINE
from tapescan.simulation.chains import simulate_chains
from tapescan.simulation.market import simulate
from tapescan.store import Batch, ImportReport, Store

__all__ = [
    "LOOPS",
    "OptionBench",
    "Rival",
    "contracts_of",
    "needs_tree",
    "pays",
    "run_option_bench",
    "with_volatility",
]

#: Loops of QuantLib, and how many times faster than they it is to be; 0 for no such wish.
LOOPS = (("QdFp fast", 300.0), ("Barone-Adesi-Whaley", 100.0), ("QdFp fast, objects kept", 0.0))
#: Contracts of a sample.
SAMPLE = 400
#: Sessions of the simulated market, and contracts that a symbol of it has, about.
SESSIONS, EACH = 130, 188
#: Trees of both sizes that a volatility takes, on average; their nodes.
TRIES, NODES = 2, sum((steps + 1) * (steps + 2) // 2 for steps in (COARSE, FINE))
#: Bytes of a contract that are read at least: strike, side, bid, ask.
BYTES = 25


@dataclass(frozen=True)
class Rival:
    """A loop over contracts, in seconds for as many as have a volatility here. failed : share of a sample to which it
    gave none. target : the ratio asked for; 0 for none."""

    name: str
    seconds: float
    failed: float
    target: float


@dataclass(frozen=True)
class OptionBench:
    """seconds : medians of the parts. cpu : of all of them together, what all processors worked. computing, memory :
    seconds that arithmetic and memory take at least.
    left_out : what was not measured and why; empty when all was."""

    contracts: int
    names: int
    valued: int
    trees: int
    machine: str
    seconds: dict[str, float]
    cpu: float
    computing: float
    memory: float
    rivals: tuple[Rival, ...]
    peak_memory: float
    left_out: str = ""

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    def to_dict(self) -> dict[str, Any]:
        return {
            "contracts": self.contracts,
            "names": self.names,
            "with_volatility": self.valued,
            "of_trees": self.trees,
            "machine": self.machine,
            "seconds": {name: round(one, 4) for name, one in self.seconds.items()},
            "total": round(self.total, 4),
            "cpu": round(self.cpu, 4),
            "limit": {"computing": round(self.computing, 4), "memory": round(self.memory, 5)},
            "against": [
                {
                    "name": one.name,
                    "seconds": round(one.seconds, 2),
                    "ratio": round(one.seconds / self.total, 1),
                    "failed": round(one.failed, 4),
                    "target": one.target,
                }
                for one in self.rivals
            ],
            "peak_memory_mib": round(self.peak_memory, 1),
            "left_out": self.left_out,
        }


def run_option_bench(contracts: int = 1_400_000, rounds: int = 5, progress: Progress | None = None) -> OptionBench:
    """Measure. Raises OptionError where the simulated market tells no rate, being too small."""
    say = progress or silent
    with tempfile.TemporaryDirectory(prefix="tapescan-") as folder:
        store = Store(folder)
        say(0, 0, "simulating a market and its chains")
        _fill(store, contracts)
        say(0, 0, "compiling, and measuring once")
        chain, curve = _read(store)
        found = analyse(chain.chain, chain.spots, chain.dividends, curve, chain.now, whole=False)
        features_of(chain, curve)
        places = with_volatility(found)
        trees = int(needs_tree(chain, found)[places].sum())
        ql = load_quantlib()
        sample = np.random.default_rng(1).permutation(_plain(chain, found))[:SAMPLE]
        asked = contracts_of(chain, found, sample)
        prices = 0.5 * (chain.chain.bid + chain.chain.ask)[sample]
        taken: dict[str, list[float]] = {}
        failed: dict[str, float] = {}
        used = []
        for turn in range(rounds):
            say(turn, rounds, "timing")
            begin = time.process_time()
            _timed(taken, "read", lambda: stored_chain(store.known(None)))
            _timed(taken, "rate", lambda: imply_curve(chain.chain, chain.spots, chain.payers, chain.now))
            _timed(taken, "values and columns", lambda: features_of(chain, curve))
            used.append(time.process_time() - begin)
            for name, _ in LOOPS if ql is not None else ():
                failed[name] = _timed(taken, name, lambda name=name: _loop(ql, name, asked, prices))  # type: ignore[misc]
    median = {name: statistics.median(times) for name, times in taken.items()}
    scale = len(places) / max(len(asked), 1)
    return OptionBench(
        contracts=len(chain.chain),
        names=len(chain.chain.underlyings),
        valued=len(places),
        trees=trees,
        machine=in_words(),
        seconds={name: one for name, one in median.items() if name not in dict(LOOPS)},
        cpu=statistics.median(used),
        computing=trees * TRIES * NODES * OPERATIONS / computing_speed(),
        memory=len(chain.chain) * BYTES / memory_speed(),
        rivals=tuple(
            Rival(name, median[name] * scale, failed[name], target) for name, target in LOOPS if name in median
        ),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        left_out="" if ql is not None else "loops of QuantLib, which is not installed (pip install QuantLib)",
    )


def _fill(store: Store, contracts: int) -> None:
    market = simulate(symbols=max(contracts // EACH, 250), sessions=SESSIONS, dirty=False)
    chains = simulate_chains(market)
    paid = chains.dividends.with_columns(adjusted_to="ex_date")
    source = pl.lit("simulated")
    rows = {"option_quotes": chains.quotes.with_columns(source=source), "dividends": paid.with_columns(source=source)}
    store.commit(Batch(rows), ImportReport())


def _read(store: Store) -> tuple[StoredChain, Curve]:
    chain = stored_chain(store.known(None))
    assert chain is not None
    curve = imply_curve(chain.chain, chain.spots, chain.payers, chain.now)
    if curve is None:
        raise OptionError(f"{len(chain.chain):,} contracts tell no rate", "ask for more", field="contracts")
    return chain, curve


def with_volatility(found: Analysis) -> Ints:
    """Places of the contracts that have one."""
    return np.flatnonzero(np.isin(found.reason, [REASONS.index(name) for name in ("ok", "off_smile")]))


def needs_tree(chain: StoredChain, found: Analysis) -> Bools:
    """Of each contract, whether exercise before the last day may pay."""
    own, quotes = chain.chain.slice_of, chain.chain
    paid = pays(chain, found)
    put, call = found.rate > 0.0, paid | (found.carry < found.rate)
    needs: Bools = np.where(quotes.put, put[own], call[own]) & ~quotes.european[own]
    return needs


def pays(chain: StoredChain, found: Analysis) -> Bools:
    """Of each slice, whether there is a dividend before its end."""
    firsts, when = chain.dividends.firsts, chain.dividends.when
    first = np.full(len(firsts) - 1, np.inf)
    some = np.flatnonzero(np.diff(firsts))
    first[some] = when[firsts[:-1][some]]
    paid: Bools = first[chain.chain.underlying_of] <= found.time
    return paid


def _plain(chain: StoredChain, found: Analysis) -> Ints:
    """Places of those with a volatility and without dividends, which these engines know nothing of."""
    places = with_volatility(found)
    return places[~pays(chain, found)[chain.chain.slice_of[places]]]


def contracts_of(chain: StoredChain, found: Analysis, places: Ints) -> list[Contract]:
    """Contracts without dividends, as QuantLib is told of them: the spot is the one that was used."""
    quotes = chain.chain
    own = quotes.slice_of[places]
    spots = found.spot[quotes.underlying_of[own]]
    columns = (spots, quotes.strike[places], quotes.put[places], found.time[own], found.rate[own], found.carry[own])
    return [Contract(*one) for one in zip(*(column.tolist() for column in columns), strict=True)]


def _loop(ql: Any, name: str, asked: list[Contract], prices: Floats) -> float:
    """The share of which the engine has no volatility."""
    engine, _, kept = name.partition(",")
    pairs = zip(asked, prices.tolist(), strict=True)
    if kept:
        loop = Loop(ql, engine)
        found = [loop.implied(one, price) for one, price in pairs]
    else:
        found = [implied_plainly(ql, engine, one, price) for one, price in pairs]
    return float(np.isnan(found).mean())


def _timed(taken: dict[str, list[float]], name: str, work: Callable[[], Any]) -> Any:
    begin = time.perf_counter()
    found = work()
    taken.setdefault(name, []).append(time.perf_counter() - begin)
    return found
