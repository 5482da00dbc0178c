"""A model on ranks and industries in a scan: the forecasts that its training would have made of that session."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapescan.api import scan_market
from tapescan.core.dates import EPOCH
from tapescan.models.learners.seam import forecast_rows
from tapescan.models.registry.cards import save_model
from tapescan.models.registry.probe import probe_values
from tapescan.models.samples.build import build_samples
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Universe
from tapescan.scan.profile import load_profile
from tapescan.simulation.market import simulate
from tests.models.records import CARD
from tests.models.stores import store_of

ranks = pytest.importorskip("tapescan.models.learners.ranks")
pytest.importorskip("xgboost", reason="models on ranks were not served: xgboost is not installed")

SWING = load_profile("swing")
FEATURES = ("ret_5", "rsi_14", "overnight_21", "residual_ret_5_63", "beta_63")
FILTERS = Universe(min_price=2.0, min_dollar_volume=2e5, min_bars=80)
#: Sessions before the newest whose labels are not learnt from.
UNSEEN = 20


def test_a_scan_has_the_forecasts_that_samples_of_the_day_have(tmp_path: Path) -> None:
    market = simulate(symbols=160, sessions=280, seed=3)
    store = store_of(tmp_path / "made", {"bars": market.bars, "splits": market.splits, "symbols": market.listing})
    samples = build_samples(store, horizons=(5,), every=1, filters=FILTERS, features=FEATURES)
    recipe = ranks.Recipe(rounds=20, rate=0.1, columns=1.0, industry=("ret_5", "rsi_14"), neutral=True)
    labels = rank_labels(samples.forward[5], samples.session)
    dates = np.unique(samples.session)
    fitted = ranks.LEARNER.fit(samples, dates[:-UNSEEN], labels, 5, recipe)
    day = dates[-1]
    rows = np.flatnonzero(samples.session == day)
    expected = dict(
        zip((samples.symbols[at] for at in samples.symbol[rows]), forecast_rows(fitted, samples, rows), strict=True)
    )
    # The industries have a say.
    blind = fitted.forecast(samples.values[rows], samples.session[rows], None)
    assert not np.allclose(blind, [*expected.values()])
    card = msgspec.structs.replace(
        CARD,
        kind="ranks",
        horizon=5,
        features=samples.features,
        last=EPOCH + np.timedelta64(int(dates[-UNSEEN - 1]), "D").item(),
        every=1,
        data={"market_index": samples.provenance["market_index"], "filters": asdict(FILTERS)},
        probe=probe_values(samples.features),
    )
    content = fitted.save()
    save_model(tmp_path / "models", card.of_learnt(content), content)

    def served(min_price: float) -> dict[str, float]:
        filters = msgspec.structs.replace(SWING.filters, min_price=min_price, min_dollar_volume=2e5)
        profile = msgspec.structs.replace(SWING, filters=filters)
        found = scan_market(store, models=tmp_path / "models", profile=profile).frame
        return dict(found.drop_nulls("alpha_ranks_5").select("symbol", "alpha_ranks_5").iter_rows())

    ours = served(FILTERS.min_price)
    assert len(ours) > 60
    assert len({*ours.values()}) > len(ours) / 3
    # Recursions that began elsewhere may differ in the last digits, and a rank at the edge of its step with them.
    apart = [symbol for symbol, value in ours.items() if value != expected[symbol]]
    assert len(apart) <= len(ours) / 20
    # A narrower scan compares its rows with the same others.
    narrow = served(30.0)
    assert 5 < len(narrow) < len(ours)
    assert all(ours[symbol] == value for symbol, value in narrow.items())
