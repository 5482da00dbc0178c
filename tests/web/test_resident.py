"""One market that many ask while its store grows: answers are of one state, and slow ones hold up none."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import tapescan
from tapescan.api import replaying
from tapescan.api import resident as module
from tapescan.api.resident import Asked, Resident, sessions_after
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.following import Newest
from tapescan.interfaces.web.routes import stream
from tapescan.market.quality import BAR_COLUMNS, check_bars
from tapescan.simulation.market import SimulatedMarket


@pytest.fixture
def days(simulated: SimulatedMarket) -> list[pl.DataFrame]:
    bars = check_bars(simulated.bars)[0].select(BAR_COLUMNS)
    return [rows for _, rows in sorted(bars.group_by("session"), key=lambda one: one[0])]


@pytest.fixture
def grown(days: list[pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resident:
    """Of all sessions but the last two; a store is looked at whenever somebody asks."""
    monkeypatch.setattr(module, "LOOK", 0.0)
    tapescan.import_bars(pl.concat(days[:-2]), store=tmp_path / "store")
    return Resident(tmp_path / "store", models=False)


def test_what_is_made_of_a_scan_is_of_one_market(grown: Resident, days: list[pl.DataFrame]) -> None:
    refreshed = threading.Thread(target=grown.refresh)

    def made(result: tapescan.ScanResult) -> pl.DataFrame:
        tapescan.import_bars(days[-2], store=grown.place)
        refreshed.start()
        refreshed.join(0.5)
        assert refreshed.is_alive()  # it waits until the rows are made
        return result.best(20)

    rows = grown.of_scan(Asked(), made)
    refreshed.join(60.0)
    assert grown.generation == 1
    before = tapescan.scan_market(grown.place, as_of=days[-3]["session"][0], models=False).best(20)
    assert rows.equals(before)
    assert grown.scan().best(20).equals(tapescan.scan_market(grown.place, models=False).best(20))


def test_a_scan_of_a_past_day_holds_up_nobody(
    grown: Resident, days: list[pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    going, may_end, scan = threading.Event(), threading.Event(), tapescan.scan_market

    def slow(data: Any, **asked: Any) -> Any:
        if asked["as_of"] is not None:
            going.set()
            assert may_end.wait(60.0)
        return scan(data, **asked)

    monkeypatch.setattr(module, "scan_market", slow)
    found: list[Any] = []
    past = Asked(as_of=days[-10]["session"][0])
    worker = threading.Thread(target=lambda: found.append(grown.scan(past)))
    worker.start()
    assert going.wait(60.0)
    assert grown.scan(Asked(where="rsi_14 < 50")).as_of == days[-3]["session"][0]
    may_end.set()
    worker.join(60.0)
    assert found[0].as_of == past.as_of
    assert grown.scan(past) is found[0]


def test_closes_are_those_of_bars(resident: Resident) -> None:
    some = resident.scan().symbols[:3]
    found = resident.closes([*some, "NOBODY", some[0]], 30)
    assert [*found] == some
    for symbol in some:
        assert found[symbol].tolist() == resident.bars(symbol, (), 30)["close"].to_list()


def test_bars_of_a_past_day_are_read_once_and_anew_when_the_store_has_more(
    grown: Resident, days: list[pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, load = [], tapescan.load_market

    def load_market(*some: Any, **more: Any) -> Any:
        read.append(more["as_of"])
        return load(*some, **more)

    monkeypatch.setattr(module, "load_market", load_market)
    day, other = days[-40]["session"][0], days[-50]["session"][0]
    first, second = grown.scan().symbols[:2]
    rows = grown.bars(first, ["rsi_14"], 10, day)
    scan = tapescan.scan_market(grown.place, as_of=day, features=["rsi_14"], models=False).frame
    assert rows["rsi_14"][-1] == scan.filter(symbol=first)["rsi_14"][0]
    assert rows["session"][-1] == day
    grown.bars(second, [], 10, day)
    assert read == [day]
    grown.bars(second, [], 10, other)
    newest = grown.bars(second, [], 10, days[-3]["session"][0])  # is in memory
    assert newest.equals(grown.bars(second, [], 10))
    assert read == [day, other]
    tapescan.import_bars(days[-2], store=grown.place)
    grown.bars(second, [], 10, other)
    assert read == [day, other, other]


def test_ranks_end_with_those_of_the_scan_and_are_computed_once(
    grown: Resident, days: list[pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, compute = [], replaying.rank_history

    def rank_history(*some: Any, **more: Any) -> Any:
        counted.append(more["profile"])
        return compute(*some, **more)

    monkeypatch.setattr(replaying, "rank_history", rank_history)
    for asked in (Asked(), Asked(profile="short_swing"), Asked(where="rsi_14 < 50")):
        scan = grown.scan(Asked(profile=asked.profile)).ranked
        for symbol in scan["symbol"][:5]:
            rows = grown.ranks(symbol, asked, 10)
            assert len(rows) == 10
            newest = rows.row(-1, named=True)
            row = scan.filter(symbol=symbol).row(0, named=True)
            assert (newest["rank"], newest["score"]) == (row["rank"], row["score"])
            assert newest["ranked"] == len(scan)
            assert newest["session"] == days[-3]["session"][0]
    assert counted == [None, "short_swing"]
    tapescan.import_bars(days[-2], store=grown.place)
    newest = grown.ranks(symbol, Asked(), 10).row(-1, named=True)
    assert newest["session"] == days[-2]["session"][0]
    assert newest["rank"] == grown.scan().symbols.index(symbol) + 1
    assert counted == [None, "short_swing", None]


def test_rankings_that_are_kept_are_few(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def rank_history(*_: Any, as_of: dt.date, **more: Any) -> Any:
        made.append(as_of)
        return SimpleNamespace(asked=more["sessions"], of=lambda symbol, sessions: (symbol, sessions))

    monkeypatch.setattr(replaying, "rank_history", rank_history)
    some = [dt.date(2024, 1, day) for day in range(1, 9)]
    for day in (*some, some[-1], some[0]):
        resident.ranks("A", Asked(as_of=day))
    assert made == [*some, some[0]]
    assert len(resident._ranks) == module.RANKINGS
    resident.ranks("A", Asked(as_of=some[0]), 100)  # more than there are
    assert len(made) == len(some) + 2
    resident._ranks.clear()
    with pytest.raises(OptionError, match="give 1 to 252"):
        resident.ranks("A", Asked(), 253)


def test_ranks_are_of_prices_adjusted_for_splits(simulated: SimulatedMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPESCAN_ADJUST", "total")
    other = Resident(simulated, models=False)
    with pytest.raises(OptionError, match="this market's are for total"):
        other.ranks(simulated.listing["symbol"][0])


def test_who_listens_hears_of_the_store_and_of_minutes(grown: Resident, days: list[pl.DataFrame]) -> None:
    live = SimpleNamespace(newest=Newest(1, {"clock": "09:31"}))
    request: Any = SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace(live=live)))

    async def heard() -> list[tuple[str, Any]]:
        events: Any = (await stream.stream(request, grown)).body_iterator
        told: list[tuple[str, Any]] = []

        async def one() -> None:
            name, data = str(await anext(events), "utf-8").strip().split("\n")
            told.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))

        await one()
        await one()
        tapescan.import_bars(days[-2], store=grown.place)
        await asyncio.to_thread(grown.refresh)
        await one()
        live.newest = Newest(2, {"clock": "09:32"})
        await one()
        return told

    told = asyncio.run(asyncio.wait_for(heard(), 60.0))
    assert [name for name, _ in told] == ["market", "minute", "market", "minute"]
    assert told[2][1]["as_of"] == str(days[-2]["session"][0])
    assert told[3][1] == {"clock": "09:32"}


@pytest.mark.parametrize(
    ("now", "behind"),
    [
        ("2025-12-26T14:00", 1),  # before the opening; Christmas was no session, and the 24th is over
        ("2025-12-26T18:00", 1),  # while it trades
        ("2025-12-26T21:00", 2),  # at its close
        ("2025-12-28T12:00", 2),  # a Sunday
        ("2025-12-23T15:00", 0),
    ],
)
def test_behind_are_sessions_that_are_over(now: str, behind: int) -> None:
    at = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
    assert sessions_after(dt.date(2025, 12, 23), at) == behind
