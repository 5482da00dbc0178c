"""Chances of plans' levels held against the trades: by hand, and as a scan of the day says them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import InputError, OptionError, ProfileError
from tapescan.interfaces.cli.main import app
from tapescan.models.cone.cone import SHIPPED
from tapescan.replay.chances import JudgedChances, judge_chances, tenths_of
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.models.stores import store_of


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    market = simulate(symbols=100, sessions=900, seed=11)
    return {"bars": market.bars, "splits": market.splits, "listing": market.listing}


@pytest.fixture(scope="module")
def store(frames: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_of(tmp_path_factory.mktemp("chances") / "whole", frames)


@pytest.fixture(scope="module")
def judged(store: Store) -> JudgedChances:
    return judge_chances(store, "swing", every=20, part=0.7)


def test_tenths_by_hand() -> None:
    """Two dates of a hundred plans; on the second everything is hit."""
    said = np.tile(np.linspace(0.0, 0.99, 100), 2)
    session = np.repeat([3, 9], 100)
    hit = np.concatenate([np.zeros(100, bool), np.ones(100, bool)])
    found = tenths_of(said, hit, session, 1)
    assert [one.plans for one in found] == [20] * 10
    assert all((one.dates, one.came) == (2, 0.5) for one in found)
    assert [one.said for one in found] == pytest.approx([0.045 + 0.1 * at for at in range(10)])
    assert [one.away for one in found] == pytest.approx([0.455 - 0.1 * at for at in range(10)])
    # Of two dates no error can be told, however many plans they have.
    assert all(math.isnan(one.error) for one in found)


def test_errors_are_of_dates_and_not_of_plans() -> None:
    rng = np.random.default_rng(2)
    dates, plans = 200, 400
    luck = rng.random(dates) < 0.3
    session = np.repeat(np.arange(dates), plans)
    found = tenths_of(rng.random(dates * plans), np.repeat(luck, plans), session, 1)
    # All plans of a date share its luck: the error is that of 200 draws, not of 8,000.
    expected = math.sqrt(0.3 * 0.7 / dates)
    assert all(0.7 * expected < one.error < 1.4 * expected for one in found)


def test_plans_of_later_sessions_are_held_against_their_trades(judged: JudgedChances, store: Store) -> None:
    assert judged.first >= judged.seen
    assert judged.says == "by a cone that is recalibrated on every session"
    stop, target = judged.chances
    assert (stop.name, target.name) == ("prob_stop", "prob_target")
    for one in judged.chances:
        assert one.plans == sum(tenth.plans for tenth in one.tenths) > 300
        assert one.came == pytest.approx(sum(tenth.plans * tenth.came for tenth in one.tenths) / one.plans)
        said = [tenth.said for tenth in one.tenths]
        assert said == sorted(said)
    # The stop is nearer than the target, so it is touched more often, and that is said.
    assert stop.came > target.came
    assert stop.said > target.said
    assert Store(store.path).trials().is_empty()  # nothing is logged, since nobody chose anything


def test_what_lies_later_changes_nothing_that_is_said(
    judged: JudgedChances, frames: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    """Of a store that ends some sessions after the first plans, the same is said and comes of them."""
    days = frames["bars"]["session"].unique().sort().to_list()
    until = days[days.index(judged.first) + 25]
    cut = store_of(tmp_path / "cut", frames, until=until)
    part = (days.index(judged.seen) + 0.5) / (days.index(until) + 1)
    ours, theirs = (
        judge_chances(one, "swing", every=10_000, part=share)
        for one, share in ((cut, part), (store_of(tmp_path / "all", frames), 0.7))
    )
    assert (ours.seen, ours.first, ours.chances) == (theirs.seen, theirs.first, theirs.chances)


def test_a_session_by_a_scan_of_its_day(store: Store, frames: dict[str, pl.DataFrame]) -> None:
    """What is said is what a scan says, here by the rule, which needs no training; what came is in the bars."""
    ruled = judge_chances(store, "swing", every=10_000, part=0.7, rule=True)
    assert ruled.first == ruled.last
    assert ruled.says == SHIPPED.says
    result = tapescan.scan_market(store, profile="swing", as_of=ruled.first, features=["prob_stop"], models=False)
    plans = result.ranked.filter(pl.col("stop").is_not_null(), pl.col("prob_stop").is_not_null())
    bars = frames["bars"].sort("symbol", "session")
    days = bars["session"].unique().sort().to_list()
    begin = days.index(ruled.first) + 1
    ahead = bars.filter(pl.col("session").is_in(days[begin : begin + 10]))
    split = frames["splits"].filter(pl.col("ex_date").is_in(days[begin : begin + 10]))["symbol"].to_list()
    assert not set(split) & set(plans["symbol"])  # or its bars would be in another basis
    # Who has no bar on the next session is not bought.
    plans = plans.filter(pl.col("symbol").is_in(ahead.filter(session=days[begin])["symbol"].to_list()))
    assert ruled.chances[0].plans == len(plans)
    assert ruled.chances[0].said == pytest.approx(plans["prob_stop"].mean(), rel=1e-6)
    hits = 0
    for row in plans.iter_rows(named=True):
        for bar in ahead.filter(pl.col("symbol") == row["symbol"]).iter_rows(named=True):
            if bar["low"] <= row["stop"]:
                hits += 1
                break
            if bar["high"] >= row["target"]:
                break
    assert ruled.chances[0].came == pytest.approx(hits / len(plans))


def test_what_cannot_be_judged_is_said(store: Store) -> None:
    with pytest.raises(OptionError, match="part is 1"):
        judge_chances(store, part=1.0)
    with pytest.raises(ProfileError, match="did you mean swing"):
        judge_chances(store, "swang")
    with pytest.raises(InputError):
        judge_chances(store, part=0.05)


def test_the_command_line(
    judged: JudgedChances, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app(args=["evaluate", "--chances", "swing", "--store", store.path], standalone_mode=False)
    told = capsys.readouterr().out
    assert "prob_stop: tenths by what was said, and what came" in told
    assert "held 10 sessions" in told
    with pytest.raises(OptionError, match="--chances stands alone"):
        app(args=["evaluate", "--chances", "swing", "--unseen", "--store", store.path], standalone_mode=False)
