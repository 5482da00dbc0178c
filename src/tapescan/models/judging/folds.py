"""Which dates a model is trained on and which it is judged on, so that no label is known too early.

The label of a date is known `horizon` + 1 exchange sessions after it (`labels.reach`). Dates are those of the
samples, often every few sessions only; all gaps are counted in sessions of the exchange.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tapescan.core.errors import InputError, OptionError
from tapescan.core.typing import Days, Ints
from tapescan.market import calendar
from tapescan.models.samples.labels import reach

__all__ = ["Combinatorial", "Fold", "combinatorial", "known_before", "walk_forward"]


#: The first training window holds at least this share of the dates, and reaches over this many sessions.
FIRST_SHARE, FIRST_SESSIONS = 0.4, 252

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True)
class Fold:
    """Dates to train on and dates to judge on: int32 days since 1970-01-01, ascending, none in both."""

    train: Days
    test: Days

    def train_rows(self, session: Days) -> Ints:
        """The places of the training rows among rows of these sessions."""
        return np.flatnonzero(np.isin(session, self.train))

    def test_rows(self, session: Days) -> Ints:
        """The places of the rows that are judged."""
        return np.flatnonzero(np.isin(session, self.test))


@dataclass(frozen=True)
class Combinatorial:
    """Folds in which every group of dates is judged several times, by models trained on different dates.

    folds : one for each choice of the groups that are judged together.
    groups : the dates of each group, consecutive.
    paths : int64 ``(paths, groups)``, the fold whose forecasts stand for a group in a path. Each path is one
        history of forecasts over all dates; the spread of their results shows how much was luck.
    """

    folds: tuple[Fold, ...]
    groups: tuple[Days, ...]
    paths: Ints


def walk_forward(dates: Days, folds: int, horizon: int, embargo: int | None = None) -> list[Fold]:
    """Train on the past, judge on what follows: expanding training windows, consecutive test windows of like length.

    dates : ascending distinct sessions. The first training window is of the first 40 % of them, or of 252 sessions if
    that is more; the others are the test windows. Of a training window those dates are kept whose label, and
    `embargo` further sessions, end before the first session of the test window.
    embargo : sessions, the horizon when None: features and returns of neighbouring sessions are alike.
    Raises InputError when the dates are too few for that, OptionError for folds or a horizon that make no sense.
    """
    gap = reach(horizon) + _embargo(folds, horizon, embargo)
    place = _places(dates)
    first = max(math.ceil(FIRST_SHARE * len(dates)), int(np.searchsorted(place, FIRST_SESSIONS)))
    if len(dates) - first < folds:
        left = max(len(dates) - first, 0)
        fewer = " or fewer folds" if left else ""
        raise InputError(
            f"too little history: {len(dates)} dates over {int(place[-1]) + 1 if len(place) else 0} sessions leave "
            f"{left} to judge {folds} folds on",
            f"take a longer range (the first {FIRST_SESSIONS} sessions are for training only){fewer}",
        )
    found = []
    for window in np.array_split(np.arange(first, len(dates)), folds):
        train = place + gap < place[window[0]]
        if not train.any():
            raise InputError(
                f"no date to train on lies {gap} sessions before {_date(dates[window[0]])}",
                "take a longer range, or a shorter horizon or embargo",
            )
        found.append(Fold(dates[train], dates[window]))
    return found


def combinatorial(dates: Days, groups: int, judged: int, horizon: int, embargo: int | None = None) -> Combinatorial:
    """Combinatorial purged cross-validation: M. Lopez de Prado, Advances in Financial Machine Learning, 2018, ch. 12.

    dates : ascending distinct sessions, cut into `groups` (at least 3) spans of equally many exchange sessions, of
    which each choice of `judged` (at least 2) is held out once. Before a test window a training date's label must
    have ended; after it, training begins when the labels of the window have ended and `embargo` more sessions (the
    horizon when None) have passed.
    Raises OptionError for numbers that make no sense or without skfolio, InputError when the dates are too few.
    """
    if not 2 <= judged < groups:
        raise OptionError(
            f"cannot hold out {judged} of {groups} groups", "hold out at least 2, and leave one to train on"
        )
    embargo = _embargo(groups, horizon, embargo)
    place = _places(dates)
    sessions = int(place[-1]) + 1 if len(place) else 0
    if reach(horizon) + embargo >= sessions // groups - 1:
        gap = reach(horizon) + embargo
        raise InputError(
            f"too little history: {sessions} sessions in {groups} groups, with gaps of {gap} sessions",
            "take a longer range or fewer groups",
        )
    splitter = _splitter()(groups, judged, purged_size=reach(horizon), embargo_size=embargo)
    span: dict[int, Days] = {}
    folds = []
    for number, (train, tests) in enumerate(splitter.split(np.empty((sessions, 1)))):
        for group, test in zip(splitter.test_set_index[number], tests, strict=True):
            span[int(group)] = dates[np.isin(place, test)]
        folds.append(Fold(dates[np.isin(place, train)], dates[np.isin(place, np.concatenate(tests))]))
    parts = tuple(span[group] for group in range(groups))
    if not all(len(dates) for dates in (*parts, *(fold.train for fold in folds))):
        raise InputError(
            f"too few dates: some of {groups} groups have none to judge or none to train on",
            "take more dates or fewer groups",
        )
    return Combinatorial(tuple(folds), parts, np.asarray(splitter.recombined_paths.T, np.int64))


def known_before(dates: Days, day: int, horizon: int) -> Days:
    """Those of the ascending dates whose labels over that many sessions end before the session `day`."""
    earlier: Days = dates[dates < day]
    place = _places(np.append(earlier, np.int32(day)))
    kept: Days = earlier[place[:-1] + reach(horizon) < place[-1]]
    return kept


def _embargo(folds: int, horizon: int, embargo: int | None) -> int:
    """The sessions of the embargo."""
    if folds < 1 or horizon < 1 or (embargo is not None and embargo < 0):
        raise OptionError(
            f"cannot make {folds} folds for a horizon of {horizon} sessions and an embargo of {embargo}",
            "give at least one fold and one session, and an embargo of zero or more",
        )
    return horizon if embargo is None else embargo


def _places(dates: Days) -> Ints:
    """The number of each date among the exchange's sessions, from 0 for the first date."""
    if not len(dates):
        return np.empty(0, np.int64)
    if (np.diff(dates) <= 0).any():
        raise AssertionError("dates must ascend")
    sessions = calendar.sessions(_date(dates[0]), _date(dates[-1]))
    place = np.searchsorted(sessions, dates)
    wrong = sessions[np.minimum(place, len(sessions) - 1)] != dates
    if wrong.any():
        raise InputError(f"{_date(dates[wrong][0])} is no session of the exchange", "leave its rows out")
    return place


def _date(day: int | np.int32) -> dt.date:
    return EPOCH + dt.timedelta(days=int(day))


def _splitter() -> Any:
    """skfolio's splitter, imported when it is needed: it brings plotly and scikit-learn."""
    try:
        from skfolio.model_selection import CombinatorialPurgedCV
    except ImportError as error:
        raise OptionError(
            "combinatorial cross-validation needs skfolio", "run: pip install 'tapescan[ml]'"
        ) from error
    return CombinatorialPurgedCV
