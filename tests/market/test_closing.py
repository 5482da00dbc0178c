"""When sessions end, by our rule and by the exchange's calendar."""

from __future__ import annotations

import datetime as dt
import warnings

import numpy as np

from tapescan.core.dates import day_number
from tapescan.market.calendar import sessions
from tapescan.market.closing import closes_early, last_session, moments


def test_the_rule_names_the_days_that_close_early_since_2013() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import exchange_calendars

        calendar = exchange_calendars.get_calendar("XNYS", start="2013-01-01", end="2029-12-31")
    theirs = {moment.date() for moment in calendar.early_closes}
    days = sessions(dt.date(2013, 1, 1), dt.date(2029, 12, 31))
    ours = {day for day in (dt.date(1970, 1, 1) + dt.timedelta(days=int(one)) for one in days) if closes_early(day)}
    assert ours == theirs
    assert len(ours) > 30


def test_a_moment_is_of_new_york_whatever_the_season_and_on_the_session_before_a_holiday() -> None:
    asked = [
        dt.date(2026, 1, 16),
        dt.date(2026, 7, 17),
        dt.date(2026, 11, 27),
        dt.date(2026, 4, 3),
        dt.date(2026, 8, 22),
    ]
    days = np.array([day_number(day) for day in asked], np.int32)
    found = [dt.datetime.fromtimestamp(int(one), dt.UTC) for one in moments(days, np.zeros(5, bool))]
    assert found == [
        dt.datetime(2026, 1, 16, 21, tzinfo=dt.UTC),
        dt.datetime(2026, 7, 17, 20, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 27, 18, tzinfo=dt.UTC),
        dt.datetime(2026, 4, 2, 20, tzinfo=dt.UTC),  # Good Friday
        dt.datetime(2026, 8, 21, 20, tzinfo=dt.UTC),  # a Saturday
    ]
    assert last_session(dt.date(2026, 4, 3)) == dt.date(2026, 4, 2)
    opening = moments(days[:2], np.array([True, False]))
    assert dt.datetime.fromtimestamp(int(opening[0]), dt.UTC) == dt.datetime(2026, 1, 16, 14, 30, tzinfo=dt.UTC)
