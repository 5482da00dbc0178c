"""The benchmark of options: everything that it announces is there, and without QuantLib it says so."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tapescan.bench import options
from tapescan.bench.options import LOOPS, OptionBench, run_option_bench
from tapescan.bench.quantlib_loops import Contract, Loop, implied_plainly, load_quantlib
from tapescan.interfaces.cli.bench import bench


@pytest.fixture(scope="module")
def report() -> OptionBench:
    return run_option_bench(40_000, 1)


@pytest.mark.long
def test_costs_limit_and_rivals_are_told(report: OptionBench) -> None:
    assert report.contracts > 20_000
    assert report.contracts > report.valued > report.trees > 0
    assert {*report.seconds} == {"read", "rate", "values and columns"}
    assert 0.0 < report.memory < report.computing < report.total
    assert [one.name for one in report.rivals] == [name for name, _ in LOOPS]
    fast = report.rivals[0]
    # The ratio is measured of a whole market; here it only has to be no slower than a tenth of it.
    assert fast.seconds > 10.0 * report.total
    assert fast.failed < 0.01
    assert report.left_out == ""
    told = json.loads(json.dumps(report.to_dict()))
    assert told["against"][0]["ratio"] == pytest.approx(fast.seconds / report.total, abs=0.1)


@pytest.mark.long
def test_without_quantlib_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(options, "load_quantlib", lambda: None)
    bench(options=True, contracts=40_000, rounds=1)
    said = capsys.readouterr().out
    assert "Left out: loops of QuantLib, which is not installed" in said
    assert "From the stored chain to columns" in said
    assert "times as long (wanted" not in said


@pytest.mark.parametrize("put", [False, True])
def test_both_loops_of_quantlib_give_back_the_volatility_of_a_price(put: bool) -> None:
    """Also where the time is no whole number of days, which QuantLib's is."""
    ql = load_quantlib()
    loop, fast = Loop(ql, "QdFp accurate"), Loop(ql, "QdFp fast")
    for days, vol in ((30.4, 0.3), (200.0, 0.6), (2.7, 0.5)):
        one = Contract(100.0, 103.0, put, days / 365, 0.04, 0.01)
        price = loop.price(one, vol)
        assert loop.implied(one, price) == pytest.approx(vol, abs=1e-6)
        assert fast.implied(one, price) == pytest.approx(vol, abs=1e-4)
        assert loop.delta(one, vol) * (-1 if put else 1) > 0.0
    whole = Contract(100.0, 103.0, put, 200 / 365, 0.04, 0.01)
    assert implied_plainly(ql, "QdFp accurate", whole, loop.price(whole, 0.6)) == pytest.approx(0.6, abs=1e-6)
    assert np.isnan(loop.implied(whole, 500.0))
