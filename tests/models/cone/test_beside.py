"""Who stands beside the cone: judged on the same returns, of nothing that lies later, and written down."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tapescan.core.errors import InputError, ModelError, OptionError
from tapescan.core.typing import Days, Floats
from tapescan.models.cone.boosted import BoostedQuantiles, Recipe, Says, beside
from tapescan.models.cone.card import read_cone, save_cone
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.judge import RULE, lead_of, record_of
from tapescan.models.cone.law import scales
from tapescan.models.cone.record import ranges_beside, read_ranges, save_ranges
from tapescan.models.cone.train import LearntCone, learn_cone
from tapescan.models.cone.walk import walked
from tapescan.models.learners import CONE
from tapescan.models.registry.names import CONE_FILE
from tests.models.cone.worlds import market_of, world

SEEN = dt.date(2025, 6, 30)


@dataclass(frozen=True)
class Same:
    """The cone's own law, by another way."""

    name: str = "same"

    def fit(self, rows: Rows, dates: Days) -> Says:
        law = fit_law(rows, dates)
        return lambda logs: np.multiply.outer(np.array(law.quantiles), scales((law,), logs)[0])


@dataclass(frozen=True)
class Ruled:
    """The rule's quantiles, stretched by what came of late as nobody stretches the rule's."""

    name: str = "ruled"

    def fit(self, rows: Rows, dates: Days) -> Says:
        rule = fit_rule(rows, dates)
        return lambda logs: np.multiply.outer(np.array(rule.quantiles), scales((rule,), logs)[0])


@cache
def learnt() -> LearntCone:
    samples = world()
    return learn_cone(samples, market_of(samples.session), SEEN, others=[Same(), Ruled()])


def test_who_says_the_same_has_the_same_record() -> None:
    """By the same rows, folds and recalibration, the longer horizons' included."""
    for one, record in zip(learnt().record.horizons, learnt().card.records, strict=True):
        assert [*one.forecasters] == [RULE, CONE, "same", "ruled"]
        same = one.forecasters["same"]
        assert one.forecasters[CONE].record == record
        assert same.over_cone is not None
        assert same.over_cone.gain == pytest.approx(0.0, abs=1e-12)
        assert same.record.levels == pytest.approx(record.levels, abs=1e-3)
        assert same.record.t == pytest.approx(record.t, rel=1e-6)
        ruled = one.forecasters["ruled"]
        assert ruled.record.loss != ruled.record.rule_loss
        assert ruled.record.rows == record.rows


def test_the_card_does_not_hang_on_who_stands_beside() -> None:
    samples = world()
    alone = learn_cone(samples, market_of(samples.session), SEEN)
    assert alone.card.records == learnt().card.records
    assert [*alone.record.horizons[0].forecasters] == [RULE, CONE]


def test_years_and_dates_add_up_to_the_whole() -> None:
    for one in learnt().record.horizons:
        assert list(one.sessions) == sorted(set(one.sessions))
        for said in one.forecasters.values():
            # The world's dates have all symbols, so means of dates are those of rows.
            assert np.mean(said.covered) == pytest.approx(said.record.coverage, abs=1e-12)
            assert [*said.losses] == [*said.record.by_year]
            assert min(said.losses.values()) < said.record.loss < max(said.losses.values())


@pytest.mark.long
def test_trees_find_what_there_is_and_cover_what_they_say() -> None:
    samples = world(symbols=100, dates=240)
    rows = {5: Rows.of(samples, 5, market_of(samples.session))}
    folds = walked(rows, 5, 2, [BoostedQuantiles()])
    found = record_of(rows[5], folds, samples.dollar_volume, 5, "xgboost")
    assert found.gain > 0.01
    assert found.t is not None
    assert found.t < -3.0
    assert 0.77 < found.coverage < 0.83
    assert list(found.levels) == sorted(found.levels)
    # The truth is a law, which trees reach from afar.
    assert lead_of(rows[5], folds, "xgboost", CONE, 5).gain < 0.0


def test_trees_learn_nothing_from_other_dates() -> None:
    samples = world()
    dates = np.unique(samples.session)
    later = samples.session >= dates[100]
    other = replace(
        samples,
        values=np.where(later[:, None], np.float32(3.0), samples.values),
        forward={h: np.where(later, np.float32(0.9), returns) for h, returns in samples.forward.items()},
    )
    few = BoostedQuantiles(Recipe(rounds=5))
    logs = Rows.of(samples, 5, market_of(dates)).logs[:, :50]
    ours, theirs = (few.fit(Rows.of(one, 5, market_of(dates)), dates[:100])(logs) for one in (samples, other))
    assert ours.tobytes() == theirs.tobytes()
    assert (np.diff(ours, axis=0) >= 0.0).all()
    with pytest.raises(InputError, match="too few for trees"):
        few.fit(Rows.of(samples, 5, market_of(dates)), dates[:3])


def test_recalibration_looks_at_no_later_return() -> None:
    """What came after a date changes nothing that was said on it."""

    def said(rows: Rows) -> Floats:
        return walked({5: rows}, 5, 1, [Ruled()])[0].by["ruled"].loss

    samples = world()
    rows = Rows.of(samples, 5, market_of(samples.session))
    day = rows.dates[120]
    # The window's last dates are others now; the training's and those before `day` are not.
    changed = replace(rows, returns=np.where(rows.session > day, 3.0 * rows.returns, rows.returns))
    before = rows.session[np.isin(rows.session, walk_dates(rows))] <= day
    ours, theirs = said(rows), said(changed)
    np.testing.assert_array_equal(ours[before], theirs[before])
    assert (ours[~before] != theirs[~before]).any()


def walk_dates(rows: Rows) -> Days:
    found = walked({5: rows}, 5, 1)[0]
    return np.unique(rows.session[found.at])


def test_a_record_survives_the_disk_and_an_edit_is_refused(tmp_path: Path) -> None:
    card = save_cone(tmp_path, learnt().card)
    path = save_ranges(tmp_path, learnt().record)
    (kept,) = read_ranges(tmp_path)
    assert msgspec.structs.replace(kept, seal="") == learnt().record
    assert ranges_beside(tmp_path, read_cone(tmp_path / CONE_FILE)) == [kept]
    # Another training's card, or none: the record is not of it.
    later = msgspec.structs.replace(card, created_at=card.created_at + dt.timedelta(seconds=1))
    assert ranges_beside(tmp_path, later) == ranges_beside(tmp_path, None) == []
    plain = json.loads(path.read_text())
    plain["horizons"][0]["forecasters"]["cone"]["record"]["loss"] = 0.0
    path.write_text(json.dumps(plain))
    with pytest.raises(ModelError, match="edited since the training wrote it"):
        read_ranges(tmp_path)


def test_a_horizon_without_the_rule_is_no_record() -> None:
    one = learnt().record.horizons[0]
    others = {name: said for name, said in one.forecasters.items() if name != RULE}
    with pytest.raises(ValueError, match="the record of the rule is missing"):
        msgspec.structs.replace(one, forecasters=others).__post_init__()
    with pytest.raises(ValueError, match="another number of rule"):
        msgspec.structs.replace(one, sessions=one.sessions[1:]).__post_init__()


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(OptionError, match="nobody called 'xgbost'"):
        beside("xgbost")
