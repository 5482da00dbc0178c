"""Which values cannot be right, the slow and plain way: one company, one value at a time, no arrays."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.fundamentals.reference import Fact

STEADY = ("revenue", "cost_of_revenue", "assets", "current_assets", "liabilities", "current_liabilities")
SPLITS = (10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250)


@dataclass(frozen=True)
class Doubt:
    fact: Fact
    replaced: bool = False


def doubts(facts: Sequence[Fact]) -> list[Doubt]:
    """Of one company's facts, the newest version of each, those that cannot be right."""
    company = _Company(facts)
    counts = [Doubt(f, company.replaced(f)) for f in company.counts if company.count_doubtful(f)]
    averages = [Doubt(f) for f in company.averages if company.average_doubtful(f)]
    rest = [Doubt(f) for f in facts if f.item not in ("shares", "diluted_shares") and company.off_by_thousands(f)]
    return counts + averages + rest


class _Company:
    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = facts
        self.counts = [fact for fact in facts if fact.item == "shares"]
        self.averages = [fact for fact in facts if fact.item == "diluted_shares"]

    def implied(self, start: dt.date | None, end: dt.date) -> float | None:
        """Net income over earnings a share of a period."""
        found = {f.item: f.value for f in self.facts if (f.start, f.end) == (start, end)}
        income, eps = found.get("net_income", 0.0), found.get("eps", 0.0)
        return abs(income / eps) if income and abs(eps) >= 0.05 else None

    def newest_implied(self, end: dt.date) -> float | None:
        periods = [(f.end, f.start) for f in self.facts if f.item == "eps" and _report(f.end, end)]
        told = [(e, s, v) for e, s in periods if s and (v := self.implied(s, e)) is not None]
        return max(told)[2] if told else None

    def average(self, end: dt.date) -> Fact | None:
        near = [fact for fact in self.averages if _report(fact.end, end)]
        return max(near, key=lambda fact: (fact.end, fact.start), default=None)

    def count(self, end: dt.date) -> Fact | None:
        near = [fact for fact in self.counts if -7 <= (fact.end - end).days <= 100]
        return min(near, key=lambda fact: fact.end, default=None)

    def count_doubtful(self, fact: Fact) -> bool:
        if fact.value <= 0:
            return True
        votes = self._count_votes(fact)
        return sum(votes + _quarters(fact, self.counts, self._refuted)) > 0

    def _count_votes(self, fact: Fact) -> list[int]:
        average = self.average(fact.end)
        return [
            _vote(fact.value, average.value if average else None),
            _vote(fact.value, self.newest_implied(fact.end)),
        ]

    def _refuted(self, fact: Fact) -> bool:
        return fact.value > 0 and sum(self._count_votes(fact)) > 0

    def average_doubtful(self, fact: Fact) -> bool:
        if fact.value <= 0:
            return True
        count = self.count(fact.end)
        votes = [
            _vote(fact.value, self.implied(fact.start, fact.end)),
            _vote(fact.value, count.value if count else None),
        ]

        def refuted(other: Fact) -> bool:
            return _vote(other.value, self.implied(other.start, other.end)) > 0

        return sum(votes + _quarters(fact, self.averages, refuted)) > 0

    def replaced(self, fact: Fact) -> bool:
        average = self.average(fact.end)
        if average is None or self.average_doubtful(average):
            return False
        return fact.value <= 0 or average.value / fact.value >= 10.0 * (1 - 1e-12)

    def off_by_thousands(self, fact: Fact) -> bool:
        if not fact.value:
            return False
        line = [other for other in self.facts if other.item == fact.item and other.value]
        before, after = _nearest(fact, line, -1), _nearest(fact, line, 1)
        one = before or (after and _nearest(after, line, 1))
        two = after or (before and _nearest(before, line, -1))
        if not one or not two:
            return False
        up = [math.log10(_rate(fact) / _rate(other)) for other in (one, two)]
        if up[0] * up[1] <= 0 or min(map(abs, up)) < 2 - 1e-12:
            return False
        middle = abs(sum(up)) / 2
        if min(abs(middle - 3), abs(middle - 6)) > 0.5:
            return False
        unit = min(_zeros(one.value), _zeros(two.value)) // 3 * 3
        own = _zeros(fact.value)
        if up[0] > 0:
            sure = own >= unit + 3
        elif unit:
            sure = own < unit
        else:
            sure = fact.item in STEADY and before is not None
        if fact.item not in ("net_income", "eps"):
            return sure
        implied = self.implied(fact.start, fact.end)
        told = [other for other in (self.average(fact.end), self.count(fact.end)) if other and other.value > 0]
        apart = [_times(implied, other.value) for other in told if implied]
        agrees = any(times < 1.0 for times in apart)
        differs = any(times >= 2.0 for times in apart) and not agrees
        return differs or (sure and fact.item == "net_income" and not agrees)


def _report(end: dt.date, day: dt.date) -> bool:
    """Whether a number of shares of a day is of the report of a period."""
    return -7 <= (day - end).days <= 100


def _quarters(fact: Fact, line: Sequence[Fact], refuted: Callable[[Fact], bool]) -> list[int]:
    before, after = _neighbours(fact, line)
    beyond = None
    if not after and before:
        beyond = _neighbours(before, line)[0]
    if not before and after:
        beyond = _neighbours(after, line)[1]
    votes = [_vote(fact.value, near.value, splits=True) for near in (before, after) if near and not refuted(near)]
    return votes + ([min(0, _vote(fact.value, beyond.value))] if beyond and not refuted(beyond) else [])


def _neighbours(fact: Fact, line: Sequence[Fact]) -> list[Fact | None]:
    before = [other for other in line if 45 <= (fact.end - other.end).days <= 200]
    after = [other for other in line if 45 <= (other.end - fact.end).days <= 200]

    def start(other: Fact) -> dt.date:
        return other.start or dt.date.min

    return [
        max(before, key=lambda other: (other.end, start(other)), default=None),
        max(after, key=lambda other: (-other.end.toordinal(), start(other)), default=None),
    ]


def _nearest(fact: Fact, line: Sequence[Fact], side: int) -> Fact | None:
    near = [other for other in line if 45 <= side * (other.end - fact.end).days <= 400]
    return max(near, key=lambda o: (-side * o.end.toordinal(), o.start or dt.date.min), default=None)


def _times(one: float, other: float) -> float:
    """The decimal logarithm of how many times one is the other, or the other the one; with room for rounding."""
    return abs(math.log10(one / other)) + 1e-12


def _vote(value: float, other: float | None, splits: bool = False) -> int:
    """1 for against, -1 for it, 0 for neither."""
    if not other or other <= 0 or value <= 0:
        return 0
    if _times(value, other) < 1.0:
        return -1
    ratio = max(value / other, other / value)
    return 0 if splits and any(abs(math.log10(ratio / split)) <= math.log10(1.05) + 1e-12 for split in SPLITS) else 1


def _rate(fact: Fact) -> float:
    """Of a flow, what it is a day."""
    return abs(fact.value) / (fact.days + 1 if fact.start else 1)


def _zeros(value: float) -> int:
    return next((count - 1 for count in range(1, 10) if value % 10.0**count), 9)
