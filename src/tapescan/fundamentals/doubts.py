"""Reported values that cannot be right, seen from what the same company reported beside them.

A number of shares, and an average of diluted shares, is held against the others of its report (the average or the
number, and net income over earnings a share) and against those of the quarters before and after. What differs by a
factor of ten or more speaks against it, what does not speaks for it, and with more against than for it is doubtful.
A neighbour that its own report refutes does not speak, nor one that differs as after a usual split; of the newest
number and the oldest the second next may speak as well, but only for it.

Any other value is held against those of the periods before and after (the two before where it is the newest, the two
after where it is the first): off from both by a hundred and more, on one side, and by about a thousand or a million
in the middle. Real values do that too (net income is near zero in a quarter now and then, a licence fee is a
thousand times the sales of a small company), so the digits must agree. What was told in thousands instead of
dollars is no whole number of the thousands or millions that the others are told in; what was multiplied once too
often ends with three zeros more than the others. Of others in whole dollars no digit tells, so there only what
hardly ever falls to a thousandth and comes back (`STEADY`) is doubtful. Net income and earnings a share are judged
by each other and by the number of shares as well.

Nothing is mended here: a doubtful value is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.fundamentals.items import SUMMABLE
from tapescan.fundamentals.periods import DAY_BITS, NAMES, Newest, find_first, find_latest

__all__ = ["AGAINST", "STEADY", "Doubts", "find_doubts"]

#: What can speak against a value, in words; a doubt names the first that does.
AGAINST: tuple[str, ...] = (
    "no number of shares",
    "the average of diluted shares",
    "net income over earnings a share",
    "the number of shares",
    "the quarter before",
    "the quarter after",
    "the period before",
    "the period after",
)
_IMPOSSIBLE, _AVERAGE, _INCOME, _COUNT, _QUARTER_BEFORE, _QUARTER_AFTER, _BEFORE, _AFTER = range(len(AGAINST))

#: Items that hardly ever fall to a thousandth from one period to the next and come back.
STEADY: tuple[str, ...] = (
    *("revenue", "cost_of_revenue"),
    *("assets", "current_assets", "liabilities", "current_liabilities"),
)

#: Sizes are decimal logarithms: a factor of ten, with room for rounding.
_TEN = 1.0 - 1e-12
_HUNDRED = 2.0 - 1e-12
#: About a thousand or a million: within half a decade.
_UNITS, _ROOM = (3.0, 6.0), 0.5
#: Splits of ten and more, and how far from them a number of shares may lie that was also issued or bought back.
_SPLITS = np.log10([10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 80, 100, 120, 150, 200, 250])
_SPLIT_ROOM = float(np.log10(1.05)) + 1e-12

#: The report of a number of shares is that of a period that ended so many days before it, or after.
_REPORT_BEFORE, _REPORT_AFTER = 100, 7
#: Days to the quarter before or after, and to a period before or after.
_QUARTER = (45, 200)
_PERIOD = (45, 400)
#: Cents are too few digits of less than this.
_LEAST_EPS = 0.05

_SHARES, _DILUTED, _NET_INCOME, _EPS = (
    NAMES.index(name) for name in ("shares", "diluted_shares", "net_income", "eps")
)


@dataclass(frozen=True)
class Doubts:
    """Doubtful values. place : where each is in the `Newest` that was judged, ascending. against : the place in
    `AGAINST` of what speaks against it. other : the value of that, NaN for none. replaced : of a number of shares,
    whether the average of its report is beyond doubt and so much larger that it can stand for it."""

    place: Ints
    against: Ints
    other: Floats
    replaced: Bools


@dataclass(frozen=True)
class _Line:
    """Values of many series by ``key`` = series << 20 | end, then by start. place : in the `Newest`."""

    key: Ints
    size: Floats
    place: Ints

    def find(self, at: Ints) -> Floats:
        """The size at each place of the line, NaN where that is -1."""
        return np.where(at >= 0, self.size[at], np.nan) if len(self.size) else np.full(len(at), np.nan)

    def before(self, key: Ints, days: tuple[int, int]) -> Ints:
        return find_latest(self.key, key - days[1], key - days[0])

    def after(self, key: Ints, days: tuple[int, int]) -> Ints:
        """The earliest end in these days; of several periods that end then the shortest."""
        first = find_first(self.key, key + days[0], key + days[1])
        same = self.key[first] if len(self.key) else first
        return np.where(first >= 0, find_latest(self.key, same, same), -1)


class _Votes:
    """What speaks against values, and how much for them."""

    def __init__(self, size: Floats) -> None:
        self.size = size
        self.balance = np.zeros(len(size), np.int64)
        self.against = np.full(len(size), -1, np.int64)
        self.other = np.full(len(size), np.nan)

    def hear(self, kind: int, other: Floats, *, splits: bool = False, only_for: bool = False) -> None:
        """Hold them against others, NaN where there is none. splits : whether a split may lie between. only_for :
        whether what would speak against them is not heard."""
        apart = np.abs(self.size - other)
        contra = apart >= _TEN
        if splits:
            contra &= ~(np.abs(apart[:, None] - _SPLITS) <= _SPLIT_ROOM).any(axis=1)
        contra &= not only_for
        self.balance += contra
        self.balance -= apart < _TEN
        first = contra & (self.against < 0)
        self.against[first] = kind
        self.other[first] = 10.0 ** other[first]

    @property
    def doubtful(self) -> Bools:
        return self.balance > 0


def find_doubts(newest: Newest) -> Doubts:
    """The doubtful ones among the facts of companies, share counts and values a share in one share basis."""
    shares = _Shares(newest)
    parts = (*shares.doubts(), _off_by_thousands(newest, shares))
    place = np.concatenate([part.place for part in parts])
    order = np.argsort(place)
    return Doubts(
        place[order],
        np.concatenate([part.against for part in parts])[order],
        np.concatenate([part.other for part in parts])[order],
        np.concatenate([part.replaced for part in parts])[order],
    )


class _Shares:
    """Numbers of shares, average numbers, and net income over earnings a share, of all companies."""

    def __init__(self, newest: Newest) -> None:
        self.newest = newest
        self.company, self.item = np.divmod(newest.series, len(NAMES))
        self.counts = self._line(np.flatnonzero(self.item == _SHARES))
        self.averages = self._line(np.flatnonzero(self.item == _DILUTED))
        #: Net income over earnings a share, by company, start and end, and by company and end.
        self.period, size, place = self._implied()
        order = np.lexsort((newest.start[place], self._at_end(place)))
        self.implied = _Line(self._at_end(place)[order], size[order], place[order])
        self.implied_size = size

    def _at_end(self, place: Ints) -> Ints:
        return (self.company[place] << DAY_BITS) | self.newest.end[place]

    def _of_period(self, place: Ints) -> Ints:
        return (self.company[place] << (2 * DAY_BITS)) | (self.newest.key[place] & ((1 << (2 * DAY_BITS)) - 1))

    def _line(self, place: Ints) -> _Line:
        order = np.lexsort((self.newest.start[place], self._at_end(place)))
        place = place[order]
        return _Line(self._at_end(place), _size(self.newest.value[place], positive=True), place)

    def _implied(self) -> tuple[Ints, Floats, Ints]:
        income, eps = np.flatnonzero(self.item == _NET_INCOME), np.flatnonzero(self.item == _EPS)
        eps = eps[np.abs(self.newest.value[eps]) >= _LEAST_EPS]
        income = income[self.newest.value[income] != 0.0]
        at = find_latest(self._of_period(income), self._of_period(eps), self._of_period(eps))
        income, eps = income[at[at >= 0]], eps[at >= 0]
        size = _size(self.newest.value[income]) - _size(self.newest.value[eps])
        return self._of_period(eps), size, eps

    def implied_of(self, place: Ints) -> Floats:
        """Net income over earnings a share of the very same period."""
        at = find_latest(self.period, self._of_period(place), self._of_period(place))
        return (
            np.where(at >= 0, self.implied_size[at], np.nan) if len(self.implied_size) else np.full(len(at), np.nan)
        )

    def told_of(self, place: Ints) -> tuple[Floats, Floats]:
        """The average and the number of shares of the report of each fact."""
        at = self._at_end(place)
        average = self.averages.before(at, (-_REPORT_AFTER, _REPORT_BEFORE))
        count = self.counts.after(at, (-_REPORT_AFTER, _REPORT_BEFORE))
        return self.averages.find(average), self.counts.find(count)

    def doubts(self) -> tuple[Doubts, Doubts]:
        """Of averages and of numbers of shares."""
        averages, counts = self.averages, self.counts
        votes = _Votes(averages.size)
        implied = self.implied_of(averages.place)
        votes.hear(_INCOME, implied)
        refuted = votes.doubtful
        votes.hear(_COUNT, self.told_of(averages.place)[1])
        _hear_quarters(votes, averages, refuted)
        impossible = np.isnan(averages.size)
        average_doubtful = votes.doubtful | impossible
        found = _doubts(votes, averages.place, average_doubtful, np.zeros(len(averages.place), np.bool_))

        votes = _Votes(counts.size)
        at = averages.before(counts.key, (-_REPORT_AFTER, _REPORT_BEFORE))
        average = averages.find(at)
        votes.hear(_AVERAGE, average)
        votes.hear(_INCOME, self.implied.find(self.implied.before(counts.key, (-_REPORT_AFTER, _REPORT_BEFORE))))
        _hear_quarters(votes, counts, votes.doubtful)
        impossible = np.isnan(counts.size)
        sure = (at >= 0) & ~average_doubtful[at] if len(averages.key) else np.zeros(len(at), np.bool_)
        replaced = sure & (impossible | (average - counts.size >= _TEN))
        return found, _doubts(votes, counts.place, votes.doubtful | impossible, replaced)


def _hear_quarters(votes: _Votes, line: _Line, refuted: Bools) -> None:
    """Hold values against those of the quarters before and after, which their own report must not refute. Where one
    side has none, the quarter beyond the other may speak for them: the nearest may be the wrong one."""

    def heard(at: Ints) -> Floats:
        return np.where((at >= 0) & refuted[at], np.nan, line.find(at)) if len(line.key) else line.find(at)

    before, after = line.before(line.key, _QUARTER), line.after(line.key, _QUARTER)
    votes.hear(_QUARTER_BEFORE, heard(before), splits=True)
    votes.hear(_QUARTER_AFTER, heard(after), splits=True)
    beyond = np.where(
        after < 0,
        _again(line, before, line.before, _QUARTER),
        np.where(before < 0, _again(line, after, line.after, _QUARTER), -1),
    )
    votes.hear(_QUARTER_BEFORE, heard(beyond), only_for=True)


def _doubts(votes: _Votes, place: Ints, doubtful: Bools, replaced: Bools) -> Doubts:
    against = np.where(votes.against < 0, _IMPOSSIBLE, votes.against)
    return Doubts(place[doubtful], against[doubtful], votes.other[doubtful], replaced[doubtful])


# --- thousands --------------------------------------------------------------------------------------------


def _off_by_thousands(newest: Newest, shares: _Shares) -> Doubts:
    line = _changing(newest)
    first, after = line.before(line.key, _PERIOD), line.after(line.key, _PERIOD)
    earlier = _again(line, first, line.before, _PERIOD)
    later = _again(line, after, line.after, _PERIOD)
    # The nearest on either side; at an end of the series the two nearest.
    one = np.where(first >= 0, first, later)
    two = np.where(after >= 0, after, earlier)
    up, also_up = line.size - line.find(one), line.size - line.find(two)
    middle = np.abs((up + also_up) / 2)
    off = (up * also_up > 0) & (np.abs(up) >= _HUNDRED) & (np.abs(also_up) >= _HUNDRED)
    off &= np.any([np.abs(middle - unit) <= _ROOM for unit in _UNITS], axis=0)
    at = np.flatnonzero(off)
    place, one, two = line.place[at], one[at], two[at]
    item = shares.item[place]
    down = up[at] < 0
    unit = np.minimum(_zeros(newest.value[line.place[one]]), _zeros(newest.value[line.place[two]])) // 3 * 3
    own = _zeros(newest.value[place])
    sure = np.where(down, (unit > 0) & (own < unit), own >= unit + 3)
    steady = np.isin(item, [NAMES.index(name) for name in STEADY])
    sure |= down & (unit == 0) & steady & (first[at] >= 0)  # a company's first balance may be that of a shell
    agrees, differs = _per_share(shares, place)
    sure = np.where(np.isin(item, (_NET_INCOME, _EPS)), (sure & (item != _EPS) & ~agrees) | differs, sure)
    place = place[sure]
    known_before = first[at][sure] >= 0
    witness = line.place[one[sure]]
    return Doubts(
        place,
        np.where(known_before, _BEFORE, _AFTER),
        newest.value[witness],
        np.zeros(len(place), np.bool_),
    )


def _changing(newest: Newest) -> _Line:
    """All values but numbers of shares of the series that change by a hundred and more; flows by the day."""
    item = newest.series % len(NAMES)
    chosen = np.flatnonzero((newest.value != 0.0) & (item != _SHARES) & (item != _DILUTED))
    size = _size(newest.value[chosen])
    flows = np.isin(item[chosen], [NAMES.index(name) for name in SUMMABLE])
    days = newest.end[chosen] - newest.start[chosen] + 1
    size[flows] -= np.log10(np.maximum(days[flows], 1))
    if len(chosen):  # most series are passed over at once
        series = newest.series[chosen]
        begins = np.flatnonzero(np.diff(series, prepend=-1))
        spread = np.maximum.reduceat(size, begins) - np.minimum.reduceat(size, begins)
        kept = np.repeat(spread >= _HUNDRED, np.diff(np.append(begins, len(series))))
        chosen, size = chosen[kept], size[kept]
    key = newest.at_end[chosen]
    order = np.lexsort((newest.start[chosen], key))
    return _Line(key[order], size[order], chosen[order])


def _again(line: _Line, at: Ints, step: Callable[[Ints, tuple[int, int]], Ints], days: tuple[int, int]) -> Ints:
    """A step further from places of the line; -1 where there is none."""
    if not len(line.key):
        return at
    return np.where(at >= 0, step(line.key[at], days), -1)


def _zeros(value: Floats) -> Ints:
    """How many zeros each whole number ends with, nine at most; 0 for what is none."""
    zeros: Ints = np.sum([value % 10.0**count == 0.0 for count in range(1, 10)], axis=0, dtype=np.int64)
    return zeros


def _per_share(shares: _Shares, place: Ints) -> tuple[Bools, Bools]:
    """Whether net income over earnings a share of a period is a number of shares that its report tells, within a
    factor of ten; and whether it is none by a hundred."""
    implied = np.where(np.isin(shares.item[place], (_NET_INCOME, _EPS)), shares.implied_of(place), np.nan)
    apart = np.abs(np.array(shares.told_of(place)) - implied)
    agrees: Bools = np.any(apart < _TEN, axis=0)
    differs: Bools = np.any(apart >= _HUNDRED, axis=0)
    return agrees, differs & ~agrees


def _size(value: Floats, *, positive: bool = False) -> Floats:
    """Decimal logarithms of amounts, NaN for none."""
    amount = np.where(value > 0.0, value, np.nan) if positive else np.abs(value)
    return np.log10(np.where(amount == 0.0, np.nan, amount))
