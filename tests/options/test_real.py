"""A real chain, where one lies beside the checkout: right, whole, and the same bytes however it is cut."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from benchmarks.chain_checks import against_quantlib, gaps, unlisted
from benchmarks.chains import only
from tapescan.history.chains import stored_chain
from tapescan.importing.importing import import_files
from tapescan.options.analysis import Analysis, analyse
from tapescan.options.rates import Curve
from tapescan.options.stored import StoredChain
from tapescan.store import Store
from tests.conftest import SHARED

FILES = [SHARED / f"options_{name}_20260821.parquet" for name in ("chain", "underlyings")]

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not all(file.exists() for file in FILES),
        reason="shared/data lies not beside the checkout: no real chain was analysed",
    ),
]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> StoredChain:
    store = Store(tmp_path_factory.mktemp("chain") / "store")
    report = import_files(store, FILES)
    found = stored_chain(store.known(None))
    assert found is not None
    refused = sum(number for name, number in report.refused.items() if name.startswith("option_quotes"))
    assert len(found.chain) + refused == pl.scan_parquet(FILES[0]).select(pl.len()).collect().item() == 260_543
    assert len(found.chain.underlyings) == 335
    return found


@pytest.fixture(scope="module")
def found(ready: StoredChain) -> Analysis:
    # Nobody tells which of these names pay, so that they say nothing of the rate: that of names without dividends.
    curve = Curve((0.08, 0.33, 0.82, 1.4, 2.3), (0.0436, 0.045, 0.0457, 0.0474, 0.0486))
    return analyse(ready.chain, ready.spots, ready.dividends, curve, ready.now)


def _percents(lines: list[str]) -> list[float]:
    return [float(word.strip("%,")) for line in lines for word in line.split() if "%" in word]


def _p99(line: str) -> float:
    return float(line.split("p99 ")[1].split(",", maxsplit=1)[0])


def test_volatilities_and_deltas_are_those_of_quantlib(ready: StoredChain, found: Analysis) -> None:
    _, vols, shares, deltas = against_quantlib(ready, found, 1000)
    assert _p99(vols) <= 1e-3
    assert _p99(shares) <= 0.05
    assert _p99(deltas) <= 2e-3


def test_call_and_put_of_a_strike_agree(ready: StoredChain, found: Analysis) -> None:
    _, gap, inside = gaps(ready, found)
    assert inside.mean() >= 0.98
    assert 100.0 * np.median(np.abs(gap)) <= 0.5


def test_what_a_second_vendor_lists_no_more_is_refused(ready: StoredChain, found: Analysis) -> None:
    refused, of_those, listed = _percents(list(unlisted(ready, found, [str(file) for file in FILES])))
    assert refused >= 90.0
    assert of_those >= 90.0
    assert listed <= 5.5


def test_a_name_alone_and_any_threads_give_the_same_bytes(ready: StoredChain, found: Analysis) -> None:
    curve = Curve((0.08, 0.33, 0.82, 1.4, 2.3), (0.0436, 0.045, 0.0457, 0.0474, 0.0486))
    assert sum(found.counts().values()) == len(ready.chain)
    for workers, names in ((1, np.arange(335)), (7, np.arange(40, 80)), (1, np.array([7]))):
        part = only(ready, names)
        own = analyse(part.chain, part.spots, part.dividends, curve, part.now, workers=workers)
        begin, end = (int(ready.chain.starts[ready.chain.firsts[at]]) for at in (names[0], names[-1] + 1))
        for name in ("reason", "iv", "iv_bid", "iv_ask", "smile", "delta", "gamma", "vega", "theta", "rho"):
            assert getattr(found, name)[begin:end].tobytes() == getattr(own, name).tobytes(), name
