"""A scan that computes features of those alone who may be ranked is, byte for byte, one that computes all of them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tapescan.engine.threads import Threads
from tapescan.history.market import Market, simulated_market
from tapescan.scan.cross_section import observe
from tapescan.scan.explain import explain
from tapescan.scan.pipeline import rank, run
from tapescan.scan.profile import load_profile
from tapescan.scan.request import Request, prepare
from tapescan.scan.result import ScanResult

SWING = load_profile("swing")


@pytest.fixture(scope="module")
def market() -> Market:
    return simulated_market(symbols=2500, sessions=400)


def contents(result: ScanResult) -> tuple[Any, ...]:
    document = result.to_dict()
    document.pop("timings")
    return result.frame.write_csv(), result.frame.schema, document


@pytest.mark.sampled(one_in=7)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"features": ["rsi_14", "sma_50"]},
        {"features": ["mine = ema_20 / sma_50 - 1"]},
        {"where": "rsi_2 < 20 AND close > sma_200"},
        {"rank_by": "zscore(rsi_14) asc"},
        {"rank_by": "ret_21 / realised_volatility_21 desc"},
        {"where": "weekly.rsi_14 < 60"},
        {"where": "close[1] < sma_20[1]"},
        {"features": "all"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["swing", "loose", "tight"])
def test_the_lazy_scan_is_the_eager_one(market: Market, asked: dict[str, Any], name: str) -> None:
    filters = {
        "swing": SWING.filters,
        "loose": msgspec.structs.replace(SWING.filters, min_dollar_volume=0.0, min_price=0.0),
        "tight": msgspec.structs.replace(SWING.filters, min_dollar_volume=2e8),
    }[name]
    features = asked.get("features", ())
    shown = tapescan.features.plan.default_features() if features == "all" else features
    profile = msgspec.structs.replace(SWING, filters=filters)
    request = prepare(profile, **{**asked, "features": shown})
    eager = rank(observe(market, request.plan, request.looks), request)
    for threads in (1, 3):
        assert contents(run(market, request, Threads(threads))) == contents(eager)
    assert eager.coverage.ranked > 0


def skipped(market: Market, request: Request) -> int:
    section = run(market, request).section
    return 0 if section.complete is None else int((~section.complete).sum())


def test_blocks_without_anybody_are_not_computed(market: Market) -> None:
    request = prepare(SWING)
    ranked = run(market, request).coverage.ranked
    assert ranked < len(market.panel) / 2
    # Those that are likely to be ranked lie together.
    assert skipped(market, request) > 0.35 * len(market.panel)
    assert skipped(market, prepare(SWING, where="close[1] > 1")) == 0


def test_who_was_not_ranked_can_be_explained_all_the_same(market: Market) -> None:
    request = prepare(SWING)
    result = run(market, request)
    section = result.section
    assert section.complete is not None
    eager = rank(observe(market, request.plan, request.looks), request)
    for at in np.flatnonzero(~section.complete)[::200].tolist():
        symbol = section.symbols[at]
        ours, theirs = explain(result, symbol).to_dict(), explain(eager, symbol).to_dict()
        ours["scan"].pop("timings")
        theirs["scan"].pop("timings")
        assert ours == theirs
    stored = pickle.loads(pickle.dumps(result))  # noqa: S301 (our own bytes)
    with pytest.raises(OptionError, match="scan again"):
        explain(stored, section.symbols[int(np.flatnonzero(~section.complete)[0])])


def test_a_section_is_not_ranked_by_filters_that_it_was_not_observed_for(market: Market) -> None:
    section = run(market, prepare(SWING)).section
    loose = msgspec.structs.replace(
        SWING, filters=msgspec.structs.replace(SWING.filters, types=("fund", "preferred"))
    )
    with pytest.raises(OptionError, match="lacks features of symbols"):
        rank(section, prepare(loose))
    complete = replace(section, complete=None)
    assert rank(complete, prepare(SWING)).coverage.ranked
