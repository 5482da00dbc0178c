"""Quarters and trailing twelve months out of the periods that companies report.

A quarterly report tells its quarter and the year to date, sometimes only the latter (cash flows); the annual
report tells the year and hardly ever the fourth quarter. What is missing is a difference of what is there:

    quarter  = the quarter itself                                       (80 to 100 days)
             | a period less the one of the same start that ends a quarter earlier
             | the year less its first three quarters
    ttm      = the year itself                                          (350 to 380 days)
             | four quarters on end
             | the year before + the year to date - the year to date of a year before

tried in this order. Lengths are ``end - start`` in days and have room for fiscal years of 52 and 53 weeks. A value
needs all its parts: where one is missing there is no value. Only flows are added and subtracted; an average
number of shares is taken as reported, for quarters and years. A fourth quarter or a sum of quarters of earnings
per share is approximate, since the number of shares is not the same in each.

All companies and items are worked on at once. A series is one item of one company; a period's key packs series,
start and end into one integer, and a part is found by binary search among sorted keys.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.fundamentals.items import ITEMS, PERIODIC, SUMMABLE

__all__ = [
    "DERIVED",
    "Newest",
    "Series",
    "Values",
    "derive",
    "derive_series",
    "find_first",
    "find_latest",
    "known_facts",
    "newest_versions",
]


#: What `derive` answers: one row a company, item and period. ``derived`` tells a difference or a sum.
DERIVED: dict[str, pl.DataType] = {
    "company": pl.String(),
    "item": pl.String(),
    "period": pl.String(),
    "period_end": pl.Date(),
    "value": pl.Float64(),
    "known_at": pl.Date(),
    "derived": pl.Boolean(),
}

NAMES = tuple(item.name for item in ITEMS)

_READ = ("company", "item", "start", "end", "value", "filed", "known_at", "form")

QUARTER = (80, 100)
YEAR = (350, 380)
#: From the end of the first of four quarters to the end of the last.
THREE_QUARTERS = (260, 290)
#: A year to date begins on the day after the year before; labels are off by some days now and then.
JOINT = (-6, 6)

#: A day is a number below 2**20 (days since 1970 and half of that), so series, start and end fit in 64 bits.
DAY_BITS = 20
DAY_ZERO = 1 << (DAY_BITS - 1)


@dataclass(frozen=True)
class Newest:
    """The version that counts of each fact, sorted by ``key`` = series << 40 | start << 20 | end, each key once.

    A series is ``company code * len(NAMES) + item code``; days are days since 1970-01-01 plus `DAY_ZERO`, 0 for the
    start of an instant. row : place among the facts that were given. periodic : told by a periodic report.
    """

    company: pl.Series
    row: Ints
    key: Ints
    start: Ints
    end: Ints
    value: Floats
    known: Ints
    periodic: Bools

    @property
    def series(self) -> Ints:
        return self.key >> (2 * DAY_BITS)

    @property
    def at_end(self) -> Ints:
        """series << 20 | end."""
        return (self.series << DAY_BITS) | self.end

    def keep(self, kept: Bools) -> Newest:
        """Those that are marked."""
        return Newest(
            self.company,
            self.row[kept],
            self.key[kept],
            self.start[kept],
            self.end[kept],
            self.value[kept],
            self.known[kept],
            self.periodic[kept],
        )


@dataclass(frozen=True)
class Values:
    """Values of many series, sorted by ``key`` = series << 20 | end, each key once."""

    key: Ints
    value: Floats
    known: Ints
    derived: Bools


@dataclass(frozen=True)
class Series:
    """All quarters, trailing years and instants of a set of facts; ``company`` tells the codes in the keys.

    A series is ``company code * len(NAMES) + item code``; days are days since 1970-01-01 plus `DAY_ZERO`.
    """

    company: pl.Series
    quarter: Values
    ttm: Values
    instant: Values


def derive(facts: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Every quarter, trailing year and instant that was known on ``as_of``: rows of `DERIVED`, sorted.

    facts : rows of `observe.FACTS`, in any order; those with a later ``known_at`` count for nothing, and of
        several versions of a period the newest known of periodic reports does, else the newest known.
    period : "quarter", "ttm" (both end on ``period_end``) or "instant". ``known_at`` is the latest of the parts.

    Share counts and values per share are in the basis in which they were filed; `snapshot.snapshot` brings them
    to one basis first.
    """
    series = derive_series(newest_versions(known_facts(facts, as_of)))
    parts = {"quarter": series.quarter, "ttm": series.ttm, "instant": series.instant}
    frames = [_frame(series.company, period, values) for period, values in parts.items()]
    return pl.concat(frames).sort("company", "item", "period", "period_end")


def known_facts(
    facts: pl.DataFrame,
    as_of: dt.date,
    items: Sequence[str] = NAMES,
    since: dt.date = dt.date.min,
    instants_since: dt.date = dt.date.min,
) -> pl.DataFrame:
    """The facts of these items known on ``as_of``, of periods and of instants that end on these days or later."""
    recent = pl.col("end") >= pl.when(pl.col("start").is_null()).then(instants_since).otherwise(since)
    # What is not looked at is not copied.
    return facts.select(*_READ).filter(pl.col("known_at") <= as_of, recent, pl.col("item").is_in(items)).rechunk()


def newest_versions(facts: pl.DataFrame) -> Newest:
    """Of facts as `known_facts` gives them the version of each period and instant that counts."""
    company = facts["company"].unique().sort()
    code, item = _codes(facts["company"], company), _codes(facts["item"], pl.Series(NAMES))
    start, end = _days(facts["start"]), _days(facts["end"])
    known, filed = _days(facts["known_at"]), _days(facts["filed"])
    value = facts["value"].to_numpy()
    # A store of before holds what other forms told later. Where a vendor tells no form, it has periodic reports.
    periodic = facts["form"].is_in(PERIODIC).fill_null(value=True).to_numpy()
    # Of one period: a periodic report; the newest version known; on one day the later filed; a dated source before
    # an undated one.
    key = ((code * len(NAMES) + item) << (2 * DAY_BITS)) | (start << DAY_BITS) | end
    row = _winners(key, (periodic.astype(np.int64) << (2 * DAY_BITS)) | (known << DAY_BITS) | filed, value)
    return Newest(company, row, key[row], start[row], end[row], value[row], known[row], periodic[row])


def derive_series(newest: Newest) -> Series:
    """Quarters, trailing years and instants of the versions that count."""
    start, end, value, known, at_end = newest.start, newest.end, newest.value, newest.known, newest.at_end
    # Sorted by key, instants (whose start is nothing) are sorted by their end within each series, each end once.
    points, periods = np.flatnonzero(start == 0), np.flatnonzero(start)
    instants = Values(at_end[points], value[points], known[points], np.zeros(len(points), np.bool_))
    flows = _Flows(
        newest.key[periods],
        at_end[periods],
        start[periods],
        end[periods],
        value[periods],
        known[periods],
        newest.periodic[periods],
    )
    adds = np.isin(newest.series[periods] % len(NAMES), [NAMES.index(name) for name in SUMMABLE])
    length = flows.end - flows.start

    quarters = _reported(flows, _within(length, QUARTER))
    quarters = _united(quarters, _differences(flows, adds & _lacks(quarters, flows.at_end)))
    full = adds & _within(length, YEAR)
    quarters = _united(quarters, _fourth_quarters(flows, full & _lacks(quarters, flows.at_end), quarters))
    ttm = _reported(flows, _within(length, YEAR))
    ttm = _united(ttm, _four_quarters(quarters, ttm))
    to_date = adds & _within(length, (QUARTER[0], YEAR[0] - 1))
    ttm = _united(ttm, _rolled_years(flows, full, to_date & _lacks(ttm, flows.at_end)))
    return Series(newest.company, quarters, ttm, instants)


@dataclass(frozen=True)
class _Flows:
    """Periods, sorted by key = series, start, end."""

    key: Ints
    at_end: Ints
    start: Ints
    end: Ints
    value: Floats
    known: Ints
    periodic: Bools


def _differences(flows: _Flows, chosen: Bools) -> Values:
    """Each chosen period less the one of the same start that ends a quarter earlier, by its end."""
    at = np.flatnonzero(chosen)
    part = find_latest(flows.key, flows.key[at] - QUARTER[1], flows.key[at] - QUARTER[0])
    at, part = at[part >= 0], part[part >= 0]
    value = flows.value[at] - flows.value[part]
    return _sorted(flows.at_end[at], value, np.maximum(flows.known[at], flows.known[part]), flows.start[at])


def _fourth_quarters(flows: _Flows, years: Bools, quarters: Values) -> Values:
    """Each year less its first three quarters, by its end."""
    at = np.flatnonzero(years)
    third = find_latest(quarters.key, flows.at_end[at] - QUARTER[1], flows.at_end[at] - QUARTER[0])
    second = _quarter_before(quarters.key, third)
    first = _quarter_before(quarters.key, second)
    begin = (flows.at_end[at] >> DAY_BITS << DAY_BITS) | flows.start[at]
    fits = (first >= 0) & _within(quarters.key[first] - begin, QUARTER) if len(quarters.key) else first >= 0
    at, parts = at[fits], np.stack([first, second, third])[:, fits]
    value = flows.value[at] - quarters.value[parts].sum(axis=0)
    known = np.maximum(flows.known[at], quarters.known[parts].max(axis=0))
    return _sorted(flows.at_end[at], value, known, flows.start[at])


def _four_quarters(quarters: Values, years: Values) -> Values:
    """The sum of four quarters on end, by the end of the last, where no year ends."""
    codes = [NAMES.index(name) for name in SUMMABLE]
    adds = np.isin((quarters.key >> DAY_BITS) % len(NAMES), codes)
    before = _quarter_before(quarters.key, np.arange(len(quarters.key)))
    fourth = np.flatnonzero(adds & (before >= 0) & _lacks(years, quarters.key))
    parts = [fourth]
    for _ in range(3):
        earlier = before[parts[-1]]
        parts = [part[earlier >= 0] for part in parts] + [earlier[earlier >= 0]]
    fits = _within(quarters.key[parts[0]] - quarters.key[parts[3]], THREE_QUARTERS)
    at = np.stack(parts)[:, fits]
    value, known = quarters.value[at].sum(axis=0), quarters.known[at].max(axis=0)
    return Values(quarters.key[at[0]], value, known, np.ones(len(value), np.bool_))


def _rolled_years(flows: _Flows, years: Bools, to_date: Bools) -> Values:
    """The year before + the year to date - the year to date of a year before, by the end of the year to date."""
    full = np.flatnonzero(years)
    order = full[_winners(flows.at_end[full], flows.start[full], flows.value[full])]
    ends = flows.at_end[order]
    at = np.flatnonzero(to_date)
    begin = (flows.at_end[at] >> DAY_BITS << DAY_BITS) | (flows.start[at] - 1)
    year = find_latest(ends, begin + JOINT[0], begin + JOINT[1])
    at, year = at[year >= 0], order[year[year >= 0]]
    # The same stretch a year earlier: it has the start of that year and ends a year before.
    same_start = flows.key[year] - flows.end[year] + flows.end[at]
    prior = find_latest(flows.key, same_start - YEAR[1], same_start - YEAR[0])
    at, year, prior = at[prior >= 0], year[prior >= 0], prior[prior >= 0]
    value = flows.value[year] + flows.value[at] - flows.value[prior]
    known = np.maximum(np.maximum(flows.known[year], flows.known[at]), flows.known[prior])
    # The longest year to date first.
    return _sorted(flows.at_end[at], value, known, -flows.start[at])


def _quarter_before(ends: Ints, at: Ints) -> Ints:
    """For each place among the sorted keys ``ends`` the place of the quarter before; -1 where there is none."""
    if not len(ends):
        return at
    before = find_latest(ends, ends[at] - QUARTER[1], ends[at] - QUARTER[0])
    return np.where(at >= 0, before, -1)


def find_latest(keys: Ints, low: Ints, high: Ints) -> Ints:
    """For each pair the place of the last of the sorted ``keys`` from low to high, both included; -1 for none."""
    if not len(keys):
        return np.full(len(low), -1, np.int64)
    at = np.searchsorted(keys, high, side="right") - 1
    return np.where((at >= 0) & (keys[np.maximum(at, 0)] >= low), at, -1)


def find_first(keys: Ints, low: Ints, high: Ints) -> Ints:
    """For each pair the place of the first of the sorted ``keys`` from low to high, both included; -1 for none."""
    if not len(keys):
        return np.full(len(low), -1, np.int64)
    at = np.minimum(np.searchsorted(keys, low, side="left"), len(keys) - 1)
    return np.where((keys[at] >= low) & (keys[at] <= high), at, -1)


def _winners(key: Ints, tie: Ints, value: Floats) -> Ints:
    """The rows with each key's highest tie, in the order of the keys.

    Keys are nearly all different, so only the rows of those that are not are sorted by more than the key.
    """
    order = _order(key)
    ascending = key[order]
    same = ascending[1:] == ascending[:-1]
    if not same.any():
        return order
    shared = np.append(same, values=False) | np.append([False], same)
    some = order[shared]
    order[shared] = some[np.lexsort((value[some], tie[some], key[some]))]
    last: Ints = order[np.append(~same, values=True)]
    return last


def _reported(flows: _Flows, chosen: Bools) -> Values:
    """The chosen periods by their end; of several that end on one day those of periodic reports, of these the newest
    known, then the shortest."""
    at = np.flatnonzero(chosen)
    rank = (flows.periodic[at].astype(np.int64) << (2 * DAY_BITS)) | (flows.known[at] << DAY_BITS) | flows.start[at]
    at = at[_winners(flows.at_end[at], rank, flows.value[at])]
    return Values(flows.at_end[at], flows.value[at], flows.known[at], np.zeros(len(at), np.bool_))


def _sorted(key: Ints, value: Floats, known: Ints, rank: Ints) -> Values:
    """Derived values by their end; of several that end on one day the one of the highest rank."""
    best = _winners(key, rank, value)
    return Values(key[best], value[best], known[best], np.ones(len(best), np.bool_))


def _united(first: Values, second: Values) -> Values:
    """The first's values, and the second's where the first has none."""
    new = np.flatnonzero(_lacks(first, second.key))
    key = np.concatenate([first.key, second.key[new]])
    order = _order(key)
    return Values(
        key[order],
        np.concatenate([first.value, second.value[new]])[order],
        np.concatenate([first.known, second.known[new]])[order],
        np.concatenate([first.derived, second.derived[new]])[order],
    )


def _lacks(values: Values, key: Ints) -> Bools:
    """Whether there is no value at each key."""
    return find_latest(values.key, key, key) < 0


def _within(days: Ints, bounds: tuple[int, int]) -> Bools:
    return (days >= bounds[0]) & (days <= bounds[1])


def _order(key: Ints) -> Ints:
    """The places of the keys in ascending order."""
    return pl.Series(key).arg_sort().to_numpy().astype(np.int64)


def _codes(names: pl.Series, known: pl.Series) -> Ints:
    """Each name's place among the ``known`` ones."""
    return names.cast(pl.Enum(known)).to_physical().cast(pl.Int64).to_numpy()


def _days(dates: pl.Series) -> Ints:
    """Days since 1970-01-01 plus DAY_ZERO; 0 for null."""
    return (dates.to_physical().cast(pl.Int64) + DAY_ZERO).fill_null(0).to_numpy()


def _frame(company: pl.Series, period: str, values: Values) -> pl.DataFrame:
    code, item = np.divmod(values.key >> DAY_BITS, len(NAMES))
    end = (values.key & ((1 << DAY_BITS) - 1)) - DAY_ZERO
    return pl.DataFrame(
        {
            "company": company.gather(code),
            "item": pl.Series(NAMES, dtype=pl.String).gather(item),
            "period": pl.Series([period], dtype=pl.String).new_from_index(0, len(code)),
            "period_end": pl.Series(end.astype(np.int32)).cast(pl.Date),
            "value": values.value,
            "known_at": pl.Series((values.known - DAY_ZERO).astype(np.int32)).cast(pl.Date),
            "derived": values.derived,
        },
        schema=DERIVED,
    )
