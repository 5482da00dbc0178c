"""Whether a model may count in the score, and how much: from its record out of sample, beside the baselines'."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tapescan.core.errors import LeakError
from tapescan.models.judging.judgement import Judgement
from tapescan.models.judging.significance import Mean, least_t, mean_and_error

__all__ = ["LEAK", "Gate", "check_leak", "gate", "shrunken_icir"]

#: No honest forecast of whole-market returns has a mean rank IC above this; published ones lie below 0.10.
LEAK = 0.15

#: The t-value that a model's lead over each baseline must be above, and that what would be bought must reach; for
#: that of its rank IC, see `least_t`.
LEAD_T, BOUGHT_T = 1.0, 2.0

#: A model whose rank IC in training is so many times, and by so much, above that out of sample knows it by heart.
BY_HEART_TIMES, BY_HEART_BY = 5.0, 0.10

#: Before any date is seen, a model's true rank ICIR is taken as normal around 0 with this deviation.
PRIOR_ICIR = 0.2


@dataclass(frozen=True)
class Gate:
    """weight : 0 (the model does not count) to below 1. reason : one sentence that says why.

    numbers : what it was decided on, by name: rank_ic, t, needed_t, icir (shrunken), best_baseline_icir, bought,
        bought_t, net_spread, train_rank_ic (NaN when not given), and for each baseline lead_<name> (mean difference
        of rank IC) and lead_t_<name>.
    """

    weight: float
    reason: str
    numbers: dict[str, float]


def gate(model: Judgement, baselines: Mapping[str, Judgement], train_rank_ic: float | None = None) -> Gate:
    """The weight of a model, from judgements of the same rows.

    It is zero unless all of these hold, out of sample:

    - the t-value of its mean rank IC, corrected for overlap, is at least 2, and more after several trials: what the
      best of as many worthless ones reaches as rarely (`least_t`);
    - its rank IC in training (`train_rank_ic`) is not both more than 5 times that out of sample and more than 0.10
      above it;
    - what it would buy leads the mean of the market, after costs, with a t of at least 2: an order that cannot be
      traded is none to trade by;
    - it beats each baseline: the mean difference of their rank ICs, date by date, has a t above 1, corrected too.

    Then the weight is s / (s + max(b, 0.2)): s the model's shrunken ICIR, b the best baseline's. A model as good as
    the best baseline, or as a good model is expected to be (0.2), would get one half.
    """
    summary = model.summary
    needed = least_t(model.deflated.trials)
    own = shrunken_icir(model)
    best = max((shrunken_icir(baseline) for baseline in baselines.values()), default=0.0)
    leads = {name: _lead(model, baseline) for name, baseline in baselines.items()}
    numbers = {
        "rank_ic": summary.rank_ic,
        "t": summary.t,
        "needed_t": needed,
        "icir": own,
        "best_baseline_icir": best,
        "bought": summary.bought,
        "bought_t": summary.bought_t,
        "net_spread": summary.net_spread,
        "train_rank_ic": math.nan if train_rank_ic is None else train_rank_ic,
    }
    for name, lead in leads.items():
        numbers |= {f"lead_{name}": lead.mean, f"lead_t_{name}": lead.t}
    sure = "" if math.isnan(summary.t) else f"t {summary.t:.1f}, "
    record = f"its rank IC out of sample is {summary.rank_ic:.3f} ({sure}{summary.dates} dates)"
    against = _objection(model, leads, train_rank_ic, needed)
    if against:
        return Gate(0.0, f"the {model.horizon}-session model does not count: {record}, {against}", numbers)
    weight = own / (own + max(best, PRIOR_ICIR))
    closest = min(leads, key=lambda name: leads[name].mean)
    ahead = f"{leads[closest].mean:.3f} (t {leads[closest].t:.1f}) above {closest}, the next best"
    return Gate(
        weight, f"the {model.horizon}-session model counts with weight {weight:.2f}: {record}, {ahead}", numbers
    )


def check_leak(model: Judgement) -> None:
    """Raise LeakError when the mean rank IC is too good to be true, above 0.15."""
    if model.summary.rank_ic > LEAK:
        raise LeakError(
            f"the {model.horizon}-session forecasts have a rank IC of {model.summary.rank_ic:.2f} out of sample over "
            f"{model.summary.dates} dates, and no honest ones reach {LEAK}: a feature or label knows the future",
            "look for features computed from later bars, and for prices adjusted with later knowledge",
        )


def shrunken_icir(judgement: Judgement) -> float:
    """The rank ICIR (mean over deviation of the dates' rank ICs) shrunk towards 0: ICIR * n / (n + 1 / 0.2**2).

    n is the number of independent dates. This is the posterior mean when the true ICIR is normal around 0 with a
    deviation of 0.2, and the observed one around it with 1 / sqrt(n). 0 when there are too few dates to know n.
    """
    count = judgement.summary.independent
    if not count > 0.0:
        return 0.0
    return judgement.summary.rank_icir * count / (count + PRIOR_ICIR**-2)


def _objection(model: Judgement, leads: Mapping[str, Mean], train_rank_ic: float | None, needed: float) -> str:
    """Why the model may not count: the first of the reasons; empty when it may."""
    return (
        _by_chance(model.summary.t, needed)
        or _by_heart(model.summary.rank_ic, train_rank_ic)
        or _too_dear(model)
        or _no_better(leads)
    )


def _by_chance(t: float, needed: float) -> str:
    if math.isnan(t):
        return "and how sure that is cannot be known: too few dates, or none differs"
    return "" if t >= needed else f"and its t must be at least {needed:.1f}"


def _by_heart(rank_ic: float, train_rank_ic: float | None) -> str:
    if train_rank_ic is None or not train_rank_ic > max(BY_HEART_TIMES * rank_ic, rank_ic + BY_HEART_BY):
        return ""
    return f"far below {train_rank_ic:.3f} in training: it has learnt by heart"


def _too_dear(model: Judgement) -> str:
    lead, t = model.summary.bought, model.summary.bought_t
    if t >= BOUGHT_T:
        return ""
    return (
        f"and what it would buy leads the market by {lead:.2%} after costs, {model.horizon} sessions held "
        f"(t {t:.1f}), where t must be at least {BOUGHT_T:.0f}"
    )


def _no_better(leads: Mapping[str, Mean]) -> str:
    if not leads:
        return "and no baseline was judged beside it"
    name = min(leads, key=lambda name: leads[name].t if math.isfinite(leads[name].t) else -math.inf)
    if leads[name].t > LEAD_T:
        return ""
    lead = f"{leads[name].mean:+.3f} (t {leads[name].t:.1f})"
    return f"and its lead over {name} is {lead}, where t must be above {LEAD_T:.0f}"


def _lead(model: Judgement, baseline: Judgement) -> Mean:
    """The mean difference of rank ICs on the dates that both have."""
    _, ours, theirs = np.intersect1d(
        model.per_date.session, baseline.per_date.session, assume_unique=True, return_indices=True
    )
    difference = model.per_date.rank_ic[ours] - baseline.per_date.rank_ic[theirs]
    return mean_and_error(difference, model.overlap)
