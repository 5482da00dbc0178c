"""What a replay says in one sentence, what else a reader should see of it, and what to hold against it."""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec

from tapescan.core.results import Result
from tapescan.replay.growth import cohorts_a_year
from tapescan.replay.statistics import Statistics
from tapescan.replay.warnings import Facts, warn
from tapescan.replay.words import counted, often, percent

__all__ = ["Verdict", "judge_replay"]

#: Fewer independent dates, or fewer picks, than this say nothing.
FEWEST_DATES = 12
FEWEST_PICKS = 30

#: As seldom as a normal number is above 2: the rate of false finds that the gate of models allows (`least_t`).
SELDOM = NormalDist().cdf(-2.0)

#: A lead a year below this that chance explains is none.
LEVEL = 0.01


class Verdict(Result, msgspec.Struct, frozen=True):
    """sentence : what the numbers say, and how sure that is. kind : `ahead`, `behind` or `level`, in the mean after
    costs beside all that could be picked; `unknown` for too short a record. sure : whether chance does as much at
    most once in 44 times, after overlap and the number of trials. further : sentences that belong beside it.
    warnings : what makes it look better than it is, or doubtful, a sentence each.
    """

    sentence: str
    kind: str
    sure: bool
    further: tuple[str, ...]
    warnings: tuple[str, ...]


def judge_replay(found: Statistics, facts: Facts) -> Verdict:
    """A lead counts as found when the best of as many worthless screens as were tried reaches it at most once in 44
    times; a lag when one does. For want of dates or picks nothing is said of either."""
    worth = found.held.net_over_eligible
    warnings = warn(found, facts)
    if not worth.independent >= FEWEST_DATES or found.picked < FEWEST_PICKS:
        return Verdict(_too_little(found), "unknown", False, (), warnings)
    lead, further = found.lead, tuple(line for line in (one(found) for one in _FURTHER) if line)
    luck = found.luck
    seldom = min(luck.p, 1.0 - luck.p) <= SELDOM
    who = "After costs the picks" if not found.short else "After costs the picks, sold short,"
    if abs(lead) < LEVEL and not seldom:
        level = f"{who} did as well as {_market(found)}: {percent(lead)} a year {'more' if lead >= 0 else 'less'}, "
        return Verdict(f"{level}which is no difference.", "level", False, further, warnings)
    if lead < 0.0:
        return Verdict(f"{who} lagged {_market(found)} by {_behind(found)}.", "behind", seldom, further, warnings)
    return Verdict(
        f"{who} led {_market(found)} by {_ahead(found)}.", "ahead", luck.best_p <= SELDOM, further, warnings
    )


def _too_little(found: Statistics) -> str:
    """Why nothing is said."""
    worth = found.held.net_over_eligible
    if not found.picked:
        return f"Nothing was picked on any of {counted(found.sessions, 'session')}, so there is nothing to judge."
    dates = counted(worth.dates, "date")
    if worth.dates < found.with_picks:
        dates += " with known returns"
    if worth.independent < worth.dates:
        dates += f", worth {worth.independent:.0f} independent ones,"
    needs = f"it takes {FEWEST_DATES} independent dates and {FEWEST_PICKS} picks at least"
    return f"{counted(found.picked, 'pick')} on {dates} are too few to say anything: {needs}."


def _market(found: Statistics) -> str:
    return "a short of the whole market they were picked from" if found.short else "the market they were picked from"


def _behind(found: Statistics) -> str:
    """How far behind, what of it costs are, and how often picks by chance do as badly, which pay costs as well."""
    before, costs, lag = found.held.over_eligible, _costs_a_year(found), f"{percent(found.lead)} a year"
    if before.mean >= 0.0:
        led = percent(before.mean * cohorts_a_year(found.hold, found.every))
        chance = f"chance alone leads by as much {often(before.p, only=before.p <= SELDOM)}"
        return f"{lag}: they led by {led} before costs of {percent(costs)}, and {chance}"
    p = 1.0 - before.p
    if not costs > 0.0:
        return f"{lag}; chance alone does as badly {often(p, only=p <= SELDOM)}"
    return f"{lag}, {percent(costs)} of it costs; chance at the same costs does as badly {often(p, only=p <= SELDOM)}"


def _ahead(found: Statistics) -> str:
    """How far ahead, and what that is worth after so many trials."""
    luck, lead = found.luck, f"{percent(found.lead)} a year"
    alone = often(luck.p, only=luck.p <= SELDOM)
    if luck.trials == 1:
        return f"{lead}; chance alone does as well {alone}"
    best = f"of {luck.trials:,} screens tried, the best by chance alone looks this good"
    if luck.best_p <= SELDOM:
        return f"{lead}; {best} {often(luck.best_p, only=True)}"
    if luck.p <= SELDOM:
        return f"{lead}, which chance alone does {alone}; but {best} {often(luck.best_p)}"
    return f"{lead}; chance alone does as well {alone}, and {best} {often(luck.best_p)}"


def _costs_a_year(found: Statistics) -> float:
    return found.held.cost * cohorts_a_year(found.hold, found.every)


def _interval(found: Statistics) -> str:
    worth, yearly = found.held.net_over_eligible, cohorts_a_year(found.hold, found.every)
    ends = (f"{'+' if end >= 0 else '-'}{percent(end * yearly)}" for end in (worth.low, worth.high))
    dates = counted(worth.dates, "date")
    if worth.independent < worth.dates - 0.5:
        dates += f", which overlap and are worth {worth.independent:.0f}"
    return f"The true lead lies between {' and '.join(ends)} a year in nine of ten such records ({dates})."


def _costs(found: Statistics) -> str:
    taken = _costs_a_year(found)
    if not taken > 0.0:
        return ""
    whole = f"{percent(found.held.replaced)} of the picks are replaced each time"
    return f"Costs of {found.cost:g} bp a side take {percent(taken)} a year: {whole}."


def _matched(found: Statistics) -> str:
    """Beside random picks of the same kind."""
    held = found.held
    if not held.players:
        return ""
    good, bad = (round(p * (held.players + 1)) - 1 for p in (held.as_good, held.as_bad))
    of = f"of {held.players:,} players who drew random stocks of the same volatility, size and sector"
    return f"Before costs {good:,} {of} did as well or better, and {bad:,} as badly or worse."


def _index(found: Statistics) -> str:
    growth, index = found.growth["net"], found.growth["index"]
    if not index.cohorts:
        return ""
    made, made_by_index = (
        f"{'made' if one.annual >= 0 else 'lost'} {percent(one.annual)}" for one in (growth, index)
    )
    short = " sold short" if found.short else ""
    return f"Compounded, the picks {made} a year after costs, and the index{short} {made_by_index}."


def _compounded(found: Statistics) -> str:
    """Where an investor's own result differs from the mean's sign."""
    behind = found.growth["net"].annual - found.growth["eligible"].annual
    if not found.lead > 0.0 > behind:
        return ""
    return (
        f"The mean lead is not what an investor keeps: the picks swing more than the market, and compounded they lag "
        f"it by {percent(behind)} a year."
    )


def _best_names(found: Statistics) -> str:
    names = found.names
    if names is None or not names.best_share > 0.5 or names.symbols <= 10:
        return ""
    made = "all" if names.best_share >= 1.0 else percent(names.best_share)
    return f"Ten of {names.symbols:,} names made {made} of the profit."


def _false_finds(found: Statistics) -> str:
    q = found.luck.q
    return "" if math.isnan(q) else f"Of screens as good as this one, up to {percent(q)} are false finds."


_FURTHER = (_interval, _costs, _matched, _index, _compounded, _best_names, _false_finds)
