"""What `tapescan.fundamentals` must answer, the slow and plain way: one company, one value at a time, no arrays."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

TTM = (
    "revenue",
    "cost_of_revenue",
    "gross_profit",
    "operating_income",
    "net_income",
    "eps",
    "operating_cash_flow",
    "capex",
)
INSTANTS = (
    "assets",
    "current_assets",
    "current_liabilities",
    "liabilities",
    "equity",
    "debt",
    "long_term_debt",
    "cash",
    "inventory",
)


@dataclass(frozen=True)
class Fact:
    item: str
    start: dt.date | None
    end: dt.date
    value: float
    filed: dt.date | None
    known_at: dt.date
    form: str | None = "10-Q"

    @property
    def periodic(self) -> bool:
        return self.form is None or self.form.removesuffix("/A") in ("10-K", "10-KT", "10-Q", "10-QT", "20-F", "40-F")

    @property
    def days(self) -> int:
        assert self.start is not None
        return (self.end - self.start).days


@dataclass(frozen=True)
class Value:
    end: dt.date
    value: float
    known_at: dt.date
    derived: bool


def newest_versions(facts: Sequence[Fact], as_of: dt.date) -> list[Fact]:
    best: dict[tuple[str, dt.date | None, dt.date], Fact] = {}
    for fact in facts:
        if fact.known_at > as_of:
            continue
        key = (fact.item, fact.start, fact.end)
        if key not in best or _age(fact) > _age(best[key]):
            best[key] = fact
    return list(best.values())


def _age(fact: Fact) -> tuple[bool, dt.date, dt.date]:
    return fact.periodic, fact.known_at, fact.filed or dt.date.min


class Company:
    """The quarters, trailing years and instants of one company as known on a date."""

    def __init__(self, facts: Sequence[Fact], as_of: dt.date) -> None:
        self.facts = newest_versions(facts, as_of)
        ends = sorted({(fact.item, fact.end) for fact in self.facts})
        self.quarters: dict[tuple[str, dt.date], Value] = {}
        for item, end in ends:
            if value := self._reported(item, end, 80, 100) or self._difference(item, end):
                self.quarters[item, end] = value
        fourths = {(i, e): self._fourth(i, e) for i, e in ends if (i, e) not in self.quarters}
        self.quarters |= {key: value for key, value in fourths.items() if value}
        self.ttm: dict[tuple[str, dt.date], Value] = {}
        for item, end in ends:
            if value := self._reported(item, end, 350, 380) or self._four(item, end) or self._rolled(item, end):
                self.ttm[item, end] = value
        self.instants = {
            (fact.item, fact.end): Value(fact.end, fact.value, fact.known_at, derived=False)
            for fact in self.facts
            if fact.start is None
        }

    def _flows(self, item: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.item == item and fact.start is not None]

    def _reported(self, item: str, end: dt.date, low: int, high: int) -> Value | None:
        chosen = [fact for fact in self._flows(item) if fact.end == end and low <= fact.days <= high]
        if not chosen:
            return None
        fact = max(chosen, key=lambda fact: (fact.periodic, fact.known_at, fact.start))
        return Value(end, fact.value, fact.known_at, derived=False)

    def _difference(self, item: str, end: dt.date) -> Value | None:
        if item == "diluted_shares":
            return None
        found = []
        for whole in self._flows(item):
            parts = [
                part
                for part in self._flows(item)
                if part.start == whole.start and 80 <= (whole.end - part.end).days <= 100
            ]
            if whole.end == end and parts:
                part = max(parts, key=lambda part: part.end)
                known = max(whole.known_at, part.known_at)
                assert whole.start is not None
                found.append((whole.start, Value(end, whole.value - part.value, known, derived=True)))
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def _quarter_before(self, item: str, end: dt.date) -> Value | None:
        near = [v for (i, e), v in self.quarters.items() if i == item and 80 <= (end - e).days <= 100]
        return max(near, key=lambda value: value.end, default=None)

    def _fourth(self, item: str, end: dt.date) -> Value | None:
        if item == "diluted_shares":
            return None
        years = [fact for fact in self._flows(item) if fact.end == end and 350 <= fact.days <= 380]
        for year in sorted(years, key=lambda fact: fact.start or dt.date.min, reverse=True):
            parts: list[Value] = []
            before: dt.date | None = end
            while before is not None and len(parts) < 3:
                quarter = self._quarter_before(item, before)
                before = quarter.end if quarter else None
                parts += [quarter] if quarter else []
            assert year.start is not None
            if len(parts) == 3 and 80 <= (parts[-1].end - year.start).days <= 100:
                value = year.value - sum(part.value for part in parts)
                return Value(end, value, max(year.known_at, *(part.known_at for part in parts)), derived=True)
        return None

    def _four(self, item: str, end: dt.date) -> Value | None:
        if item == "diluted_shares" or (item, end) not in self.quarters:
            return None
        parts = [self.quarters[item, end]]
        while len(parts) < 4:
            quarter = self._quarter_before(item, parts[-1].end)
            if quarter is None:
                return None
            parts.append(quarter)
        if not 260 <= (end - parts[-1].end).days <= 290:
            return None
        return Value(end, sum(p.value for p in parts), max(p.known_at for p in parts), derived=True)

    def _rolled(self, item: str, end: dt.date) -> Value | None:
        flows = self._flows(item)
        if item == "diluted_shares":
            return None
        to_date = [fact for fact in flows if fact.end == end and 80 <= fact.days < 350]
        for now in sorted(to_date, key=lambda fact: fact.start or dt.date.min):
            assert now.start is not None
            eve = now.start - dt.timedelta(days=1)
            years = [fact for fact in flows if 350 <= fact.days <= 380 and abs((fact.end - eve).days) <= 6]
            if not years:
                continue
            year = max(years, key=lambda fact: (fact.end, fact.start))
            priors = [f for f in flows if f.start == year.start and 350 <= (end - f.end).days <= 380]
            if priors:
                prior = max(priors, key=lambda fact: fact.end)
                known = max(now.known_at, year.known_at, prior.known_at)
                return Value(end, year.value + now.value - prior.value, known, derived=True)
        return None


def in_share_basis(facts: Sequence[Fact], splits: Sequence[tuple[dt.date, float]], as_of: dt.date) -> list[Fact]:
    """The facts with share counts and values per share brought to the basis of as_of."""
    out = []
    for fact in facts:
        factor, unclear = 1.0, False
        if fact.item in ("eps", "shares", "diluted_shares"):
            for ex_date, ratio in splits:
                if ex_date > as_of:
                    continue
                if ex_date > (fact.filed or fact.known_at):
                    factor *= ratio
                elif fact.filed is None and ex_date > fact.end:
                    unclear = True
        if not unclear:
            value = fact.value / factor if fact.item == "eps" else fact.value * factor
            out.append(replace(fact, value=value))
    return out


def snapshot(
    facts: Sequence[Fact], as_of: dt.date, splits: Sequence[tuple[dt.date, float]] = ()
) -> dict[str, object] | None:
    """One company's row; None when it is left out."""
    from tests.fundamentals.doubting import doubts  # which is about facts of this module

    known = [f for f in facts if (as_of - f.end).days <= (1440 if f.start else 940)]  # what a snapshot looks at
    known = newest_versions(in_share_basis(known, splits, as_of), as_of)
    for doubt in doubts(known):
        known.remove(doubt.fact)
        known += [] if doubt.replaced else [replace(doubt.fact, value=math.nan)]
    company = Company(known, as_of)
    tables = (company.instants, company.quarters, company.ttm)
    ends = [e for i, e in company.instants if i == "assets"]
    ends += [e for table in tables[1:] for i, e in table if i in ("revenue", "net_income")]
    ends = ends or [e for table in tables for _, e in table]
    if not ends or (as_of - max(ends)).days > 460:
        return None
    end = max(ends)
    row: dict[str, object] = {"period_end": end}
    used: list[Value] = []

    def put(name: str, value: Value | None) -> None:
        value = None if value and math.isnan(value.value) else value
        row[name] = value.value if value else None
        used.extend([value] if value else [])

    year = dt.timedelta(days=365)
    for suffix, day, slack in (("", end, 7), ("_1y", end - year, 15)):
        for name in TTM:
            put(name + suffix, _nearest(company.ttm, name, day, slack))
        for name in INSTANTS:
            put(name + suffix, _nearest(company.instants, name, day, slack))
        for name in ("revenue", "eps"):
            put(f"{name}_q{suffix}", _nearest(company.quarters, name, day, slack))
    counted = _counted(company, end)
    if counted:
        put("shares", counted)
        put("shares_1y", _counted(company, end - year))
    else:
        for name, day, slack in (("shares", end, 7), ("shares_1y", end - year, 15)):
            quarter = _nearest(company.quarters, "diluted_shares", day, slack)
            put(name, quarter or _nearest(company.ttm, "diluted_shares", day, slack))
    if not used:
        return None
    return row | {"known_at": max(value.known_at for value in used)}


def _nearest(table: dict[tuple[str, dt.date], Value], item: str, day: dt.date, slack: int) -> Value | None:
    near = [value for (name, end), value in table.items() if name == item and abs((end - day).days) <= slack]
    return min(near, key=lambda value: (abs((value.end - day).days), day - value.end), default=None)


def _counted(company: Company, end: dt.date) -> Value | None:
    low, high = end - dt.timedelta(days=100), end + dt.timedelta(days=80)
    known = [value for (item, day), value in company.instants.items() if item == "shares" and low <= day <= high]
    return max(known, key=lambda value: value.end, default=None)
