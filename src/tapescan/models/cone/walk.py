"""The walk-forward of ranges: in each fold laws, and whoever stands beside them, learn from what came before, and are
held against what followed.

On every date all of them but the rule are stretched by what was known then, as a cone is that is trained that often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tapescan.core.typing import Days, Floats
from tapescan.models.cone.boosted import Forecaster
from tapescan.models.cone.fit import Rows, fit_law, fit_rule
from tapescan.models.cone.judge import Judged, Outcomes, judged, outcomes_of
from tapescan.models.cone.recalibrate import RECENT, Recent, seen_by
from tapescan.models.judging.folds import Fold, walk_forward

__all__ = ["walked"]


def walked(rows: Mapping[int, Rows], horizon: int, folds: int, others: Sequence[Forecaster] = ()) -> list[Outcomes]:
    """What came of a horizon in each of so many test windows.

    rows : of each horizon, and of that whose returns recalibrate it. others : that stand beside the cone.
    """
    own, seen = rows[horizon], rows[seen_by(horizon)]
    # The label of a date is known with the close `horizon` sessions later; the folds leave out one session more.
    return [_fold(own, seen, fold, others) for fold in walk_forward(own.dates, folds, horizon, embargo=0)]


def _fold(own: Rows, seen: Rows, fold: Fold, others: Sequence[Forecaster]) -> Outcomes:
    law, rule = fit_law(own, fold.train), fit_rule(own, fold.train)
    recent = Recent.of(seen, law if seen is own else fit_law(seen, fold.train))
    found = outcomes_of(law, rule, own, fold.test, _factors(recent, fold.test))
    more = {one.name: _other(one, own, seen, fold) for one in others}
    return Outcomes(found.at, {**found.by, **more}) if more else found


def _other(one: Forecaster, own: Rows, seen: Rows, fold: Fold) -> Judged:
    test = own.part(fold.test)
    says = one.fit(own, fold.train)
    # What is looked back at from the first date, and all after that.
    begin = int(np.searchsorted(seen.dates, fold.test[0]))
    late = seen.part(seen.dates[max(begin - 2 * RECENT, 0) :])
    of_late = (says if seen is own else one.fit(seen, fold.train))(late.logs)
    factors = _factors(Recent.said(late, of_late), fold.test)
    return judged(says(test.logs) * factors[np.searchsorted(fold.test, test.session)], test.returns)


def _factors(recent: Recent, dates: Days) -> Floats:
    return np.array([recent.factor(recent.before(int(day))) for day in dates])
