"""No label of a training date is known later than the dates it is judged on: proved by listing its sessions."""

from __future__ import annotations

import datetime as dt
import math
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.core.errors import InputError, OptionError
from tapescan.market.calendar import sessions
from tapescan.models.judging.folds import Fold, combinatorial, known_before, walk_forward
from tests.models.records import days

SESSIONS = sessions(dt.date(2017, 1, 1), dt.date(2035, 12, 31)).tolist()


def label(day: int, horizon: int) -> set[int]:
    """The sessions in which the return of a date is earned, that of the exit's open among them."""
    place = SESSIONS.index(day)
    return set(SESSIONS[place + 1 : place + 2 + horizon])


def assert_clean(fold: Fold, horizon: int, embargo: int) -> None:
    """No training label overlaps a test date or a test label; after a test window, the embargo is kept too."""
    test = set(fold.test.tolist())
    earned = set().union(*(label(day, horizon) for day in test))
    for day in fold.train.tolist():
        assert day not in test
        assert not label(day, horizon) & (test | earned)
        place = SESSIONS.index(day)
        gone = [place - SESSIONS.index(other) for other in test if other < day]
        assert not gone or min(gone) > horizon + 1 + embargo


@settings(max_examples=30, deadline=None)
@given(
    every=st.integers(1, 10),
    horizon=st.integers(1, 21),
    count=st.integers(1, 8),
    embargo=st.one_of(st.none(), st.integers(0, 30)),
)
def test_walking_forward_no_training_label_overlaps_any_test_date(
    every: int, horizon: int, count: int, embargo: int | None
) -> None:
    dates = days(700 // every, every)
    found = walk_forward(dates, count, horizon, embargo)
    assert len(found) == count
    for fold in found:
        assert_clean(fold, horizon, 0)
        assert fold.train[-1] < fold.test[0]
        gap = SESSIONS.index(fold.test[0]) - SESSIONS.index(fold.train[-1])
        shortest = horizon + 1 + (horizon if embargo is None else embargo)
        # As many as must be left out, and no more than the step of the dates beyond that.
        assert shortest < gap <= shortest + every
        assert fold.train[0] == dates[0]


def test_test_windows_follow_each_other_to_the_end_and_training_grows() -> None:
    dates = days(300, 5)
    found = walk_forward(dates, 6, 10)
    assert np.concatenate([fold.test for fold in found]).tolist() == dates[120:].tolist()
    assert {len(fold.test) for fold in found} == {30}
    lengths = [len(fold.train) for fold in found]
    assert lengths == sorted(lengths)
    assert lengths[0] == 120 - 21 // 5


def test_the_first_window_takes_a_year_when_that_is_more() -> None:
    dates = days(400)
    assert walk_forward(dates, 4, 5)[0].test[0] == dates[252]
    sparse = dates[::5]
    first = walk_forward(sparse, 4, 5)[0].test[0]
    assert SESSIONS.index(first) - SESSIONS.index(sparse[0]) == 255


def test_holidays_are_no_sessions() -> None:
    # The gap is counted over the end of the year, in sessions, not days.
    dates = days(520, begin=dt.date(2016, 12, 30))
    fold = walk_forward(dates, 1, 10, 0)[0]
    assert SESSIONS.index(fold.test[0]) - SESSIONS.index(fold.train[-1]) == 12


@pytest.mark.parametrize(("count", "folds"), [(0, 1), (1, 1), (252, 1), (255, 4)])
def test_too_little_history_is_an_error_not_a_guess(count: int, folds: int) -> None:
    with pytest.raises(InputError, match="too little history"):
        walk_forward(days(count), folds, 5)


def test_a_horizon_that_leaves_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(InputError, match="no date to train on"):
        walk_forward(days(400), 2, 200)


@pytest.mark.parametrize(("folds", "horizon", "embargo"), [(0, 5, None), (3, 0, None), (3, 5, -1)])
def test_senseless_options_are_errors(folds: int, horizon: int, embargo: int | None) -> None:
    with pytest.raises(OptionError, match="cannot make"):
        walk_forward(days(600), folds, horizon, embargo)


def test_a_date_without_a_session_is_an_error() -> None:
    saturday = np.array([(dt.date(2018, 6, 2) - dt.date(1970, 1, 1)).days], np.int32)
    for dates in (np.append(days(10), saturday), np.sort(np.append(days(300), saturday))):
        with pytest.raises(InputError, match="2018-06-02 is no session"):
            walk_forward(dates, 1, 5)


def test_rows_of_a_fold_are_those_of_its_dates() -> None:
    fold = Fold(np.array([3, 5], np.int32), np.array([9], np.int32))
    session = np.array([1, 3, 3, 5, 7, 9, 9, 11], np.int32)
    assert fold.train_rows(session).tolist() == [1, 2, 3]
    assert fold.test_rows(session).tolist() == [5, 6]


def test_what_is_known_before_a_day() -> None:
    dates = days(50)
    assert known_before(dates, int(dates[30]), 5).tolist() == dates[:24].tolist()
    assert known_before(dates, int(dates[7]), 5).tolist() == dates[:1].tolist()
    assert len(known_before(dates, int(dates[6]), 5)) == 0
    assert len(known_before(dates, int(dates[0]), 5)) == 0


@pytest.fixture
def skfolio() -> None:
    pytest.importorskip("skfolio", reason="combinatorial cross-validation was not run: skfolio is not installed")


@pytest.mark.sampled(one_in=5)
@pytest.mark.usefixtures("skfolio")
@pytest.mark.parametrize(
    ("every", "groups", "judged", "horizon", "embargo"),
    [(1, 6, 2, 10, None), (5, 6, 2, 5, None), (5, 5, 3, 10, 0), (3, 4, 2, 7, 20)],
)
def test_combining_no_training_label_overlaps_any_test_date(
    every: int, groups: int, judged: int, horizon: int, embargo: int | None
) -> None:
    dates = days(600 // every, every)
    found = combinatorial(dates, groups, judged, horizon, embargo)
    assert len(found.folds) == math.comb(groups, judged)
    for fold in found.folds:
        assert_clean(fold, horizon, horizon if embargo is None else embargo)
    # Everything is judged equally often, and nothing is thrown away but what must be.
    times = np.unique(np.concatenate([fold.test for fold in found.folds]), return_counts=True)
    assert times[0].tolist() == dates.tolist()
    assert set(times[1].tolist()) == {math.comb(groups - 1, judged - 1)}
    lost = max(len(dates) - len(fold.train) - len(fold.test) for fold in found.folds)
    gaps = 2 * (horizon + 1) + (horizon if embargo is None else embargo)
    assert lost <= judged * (gaps / every + 2)


@pytest.mark.usefixtures("skfolio")
def test_each_path_is_a_whole_history_out_of_sample() -> None:
    dates = days(120, 5)
    found = combinatorial(dates, 6, 2, 5)
    assert np.concatenate(found.groups).tolist() == dates.tolist()
    assert found.paths.shape == (5, 6)
    used: set[tuple[int, int]] = set()
    for path in found.paths:
        for group, fold in enumerate(path.tolist()):
            assert np.isin(found.groups[group], found.folds[fold].test).all()
            used.add((group, fold))
    assert len(used) == found.paths.size


@pytest.mark.usefixtures("skfolio")
def test_combining_too_little_or_nonsense_is_an_error() -> None:
    with pytest.raises(InputError, match="too little history"):
        combinatorial(days(100), 6, 2, 10)
    with pytest.raises(InputError, match="too little history"):
        combinatorial(days(0), 6, 2, 10)
    holes = np.concatenate([days(300)[:100], days(300)[250:]])
    with pytest.raises(InputError, match="too few dates"):
        combinatorial(holes, 6, 2, 5)
    for groups, judged in ((4, 4), (4, 1), (2, 2)):
        with pytest.raises(OptionError, match="cannot hold out"):
            combinatorial(days(300), groups, judged, 5)


def test_without_skfolio_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfolio.model_selection", None)
    with pytest.raises(OptionError, match="tapescan\\[ml\\]"):
        combinatorial(days(600), 6, 2, 5)
