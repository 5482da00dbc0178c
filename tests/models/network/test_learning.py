"""What the network learns: a planted signal and its size, nothing where nothing is, and a leak stops it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapescan.core.errors import LeakError
from tapescan.models.cone.law import HIGH, LOW
from tapescan.models.learners.tft import LEARNER, Network
from tapescan.models.network.ranges import JudgedRanges, judge_ranges
from tapescan.models.registry.cards import read_cards
from tapescan.models.registry.trials import StoreTrials
from tapescan.models.samples.labels import rank_labels
from tapescan.models.samples.samples import Samples
from tapescan.models.task import Settings
from tapescan.models.train import Learnt, learn
from tapescan.store import Store
from tests.models.network.worlds import EVERY, SMALL, made

pytest.importorskip("torch", reason="the network's learning was not checked: torch is not installed")

SETTINGS = Settings(folds=2, every=EVERY, judged=EVERY, paths=False)


def train(samples: Samples, folder: Path) -> list[Learnt]:
    trials = StoreTrials(Store(folder.parent / f"{folder.name} trials"))
    return learn(samples, (5, 10), folder, learner=LEARNER, trials=trials, recipe=SMALL, settings=SETTINGS)


def judged(samples: Samples) -> JudgedRanges:
    market = {int(day): 0.15 + 0.05 * np.sin(day) for day in np.unique(samples.session)}
    return judge_ranges(samples, LEARNER, SMALL, market, SETTINGS)


@pytest.mark.long
def test_a_planted_width_and_order_are_found_and_sized_right() -> None:
    samples, widths = made(dates=90, symbols=50, widen=0.4, shift=0.3)
    labels = rank_labels(samples.forward[5], samples.session)
    dates = np.unique(samples.session)
    network = LEARNER.fit(samples, dates[:72], labels, 5, msgspec.structs.replace(SMALL, rounds=8))
    assert isinstance(network, Network)
    later = samples.session > dates[75]
    quantiles = network.quantiles(samples.values[later], samples.session[later])
    moves, widths = np.log1p(np.asarray(samples.closing[5], np.float64))[later], widths[later]
    narrow, wide = widths < np.quantile(widths, 0.2), widths > np.quantile(widths, 0.8)
    spread = (quantiles[HIGH] - quantiles[LOW]) / np.asarray(samples.values[later, 1], np.float64)
    # The rule has one width for both, and would cover far more of the narrow ones than of the wide.
    assert np.median(spread[wide]) / np.median(spread[narrow]) > 1.6
    inside = (moves > quantiles[LOW]) & (moves <= quantiles[HIGH])
    for group in (narrow, wide):
        assert 0.70 < inside[group].mean() < 0.90
    assert np.corrcoef(network.forecast(samples.values[later], samples.session[later]), moves)[0, 1] > 0.1
    shares = network.importance()
    ranges = sum(share for name, share in shares.items() if name.endswith("_range"))
    assert ranges + shares["rsi_14"] > 0.8
    assert min(ranges, shares["rsi_14"]) > 0.05


@pytest.mark.long
def test_where_nothing_is_to_be_found_the_gate_says_so(tmp_path: Path) -> None:
    samples, _ = made(shift=0.3, widen=0.4, shuffled=True)
    for learnt in train(samples, tmp_path):
        assert learnt.gate.weight == 0.0
        assert abs(learnt.judgements["model"].summary.rank_ic) < 0.05
    for one in judged(samples).records:
        assert not one.counts
        assert 0.77 < one.record.coverage < 0.83


@pytest.mark.long
def test_a_network_that_beats_rule_and_cone_serves_ranges() -> None:
    """The width hangs on what the past bars' ranges have in common, which neither of them looks at."""
    found = judged(made(dates=130, symbols=80, widen=0.5)[0])
    assert [one.record.horizon for one in found.records] == [5, 10]
    for one in found.records:
        assert one.counts, one.reason
        assert one.lead.t is not None
        assert one.lead.t < -2.0
        assert one.record.gain > 0.01
        assert "the tft serves" in one.reason
    assert set(found.beside[0].forecasters) == {"rule", "cone", "tft"}


@pytest.mark.long
def test_a_planted_leak_stops_the_training(tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="knows the future"):
        train(made(leak=1.0)[0], tmp_path)
    assert read_cards(tmp_path) == ([], [])
