"""EDGAR's frames: one value of every company in a request, known from the fetch on."""

from __future__ import annotations

import datetime as dt

import pytest

from tapescan.core.errors import OptionError, VendorError
from tapescan.fundamentals.snapshot import snapshot
from tapescan.market.calendar import next_session
from tapescan.vendors.seam import Batch
from tapescan.vendors.sec.frames import Period, frames_of, periods
from tapescan.vendors.sec.vendor import Sec
from tests.fakes import FakeMarket
from tests.vendors.conftest import fetch as fetch_with
from tests.vendors.conftest import rows
from tests.vendors.sec.asking import END, KEYS, ask, cik, companies_of, fetch, newest, quick, stored, truth


@pytest.fixture(scope="module")
def framed(market: FakeMarket) -> list[Batch]:
    with quick(market) as server:
        return fetch(ask(via="frames"), server)


def test_frames_tell_the_newest_value_from_the_fetch_on(market: FakeMarket, framed: list[Batch]) -> None:
    facts = stored(framed)
    assert facts["filed"].null_count() == len(facts)
    assert set(facts["known_at"]) == {next_session(END)}
    assert snapshot(facts, END).is_empty()
    out = {row["company"]: row for row in snapshot(facts, next_session(END)).iter_rows(named=True)}
    sums, before, cash, moved = 0, 0, 0, 0
    after = next_session(END)
    for company in companies_of(market, "plain", "bank", "insurer"):
        row, last = out[cik(company)], newest(market, company, after)
        assert row["period_end"] == market.statements.ends(company, last)
        corrected = company.restated >= last - 10
        moved += company.migrated >= last - 10  # what was told under the ended tag is not asked for
        for suffix, quarter in (("", last), ("_1y", last - 4)):
            for item in ("revenue", "net_income", "operating_cash_flow"):
                value = row[item + suffix]
                if value is not None and not corrected:
                    assert value == truth(market, company, item, 4, quarter)
                sums += value is not None and item == "revenue" and not suffix
                before += value is not None and item == "revenue" and bool(suffix)
                cash += value is not None and item == "operating_cash_flow"
            assert row["assets" + suffix] == truth(market, company, "assets", 1, quarter)
    count = len(companies_of(market, "plain", "bank", "insurer"))
    assert sums == count
    assert before >= count - moved
    assert moved < count / 5
    assert cash < count  # only where a fiscal year has just ended


def test_frames_ask_for_some_twenty_concepts_a_quarter() -> None:
    asked = periods(END)
    assert asked[0] == Period("CY2026Q3", balances=True, changes=True)
    assert len(frames_of(asked[0])) <= 20
    paths = {frame.path for period in asked for frame in frames_of(period)}
    assert "/api/xbrl/frames/us-gaap/EarningsPerShareDiluted/USD-per-shares/CY2026Q3.json" in paths
    assert "/api/xbrl/frames/us-gaap/Assets/USD/CY2026Q3I.json" in paths
    assert "/api/xbrl/frames/dei/EntityCommonStockSharesOutstanding/shares/CY2026Q3I.json" in paths
    assert len(paths) <= 220


def test_a_quarter_that_has_not_ended_is_not_asked_for_but_the_running_year_is_from_summer_on() -> None:
    def names(*day: int) -> list[str]:
        return [period.name for period in periods(dt.date(*day))]

    assert names(2026, 9, 30)[0] == "CY2026Q2"
    assert names(2026, 10, 1)[0] == "CY2026Q3"
    assert names(2026, 1, 2)[:2] == ["CY2025Q4", "CY2025Q3"]
    assert names(2026, 6, 30)[-3:] == ["CY2025", "CY2024", "CY2023"]
    assert names(2026, 7, 1)[-4:] == ["CY2026", "CY2025", "CY2024", "CY2023"]


def test_a_period_without_any_frame_is_an_error_only_when_it_has_ended(market: FakeMarket) -> None:
    calls = {call.key: call for call in Sec().calls(ask(via="frames"))}
    with quick(market) as server:
        server.misbehave("status", path="frames", times=None, code=404)
        batches, _ = fetch_with(Sec(), calls["frames/CY2026"], server.url, keys=KEYS)
        assert rows(batches, "facts").is_empty()
        with pytest.raises(VendorError) as caught:
            fetch_with(Sec(), calls["frames/CY2026Q3"], server.url, keys=KEYS)
    assert caught.value.reason == "empty"


def test_calls_say_what_they_take() -> None:
    sec = Sec()
    frames = sec.calls(ask(via="frames"))
    assert sum(call.requests for call in frames) == sum(len(frames_of(period)) for period in periods(END))
    assert frames[0].lasts is not None
    assert frames[5].lasts is not None
    assert frames[0].lasts < frames[5].lasts
    one = sec.calls(ask(companies=("0000000002", "0000000001", "0000000002")))
    assert [call.key for call in one] == ["facts/0000000001", "facts/0000000002"]
    assert [call.key for call in sec.calls(ask(via="zip"))] == ["zip"]
    with pytest.raises(OptionError, match="--via zip"):
        sec.calls(ask())
    with pytest.raises(OptionError, match="facts, zip, frames"):
        sec.calls(ask(via="post"))
    with pytest.raises(OptionError, match="no bars"):
        sec.calls(ask("bars"))
