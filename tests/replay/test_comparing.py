"""Several screens beside each other: one past for all, each as it would be alone, all of them tried."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tapescan.models.registry.trials import StoreTrials
from tapescan.replay.comparing import beside
from tapescan.replay.growth import cohorts_a_year
from tapescan.replay.past import past_of
from tapescan.replay.result import ReplayResult, Verified
from tapescan.replay.walk import Walk
from tapescan.scan.named import NamedScreen
from tapescan.store import Store
from tests.models.stores import store_of
from tests.replay.replays import HOW, market, replayed

LOW = NamedScreen("Low", "rsi_14 < 50", name="low")
SHORT = NamedScreen("High", "rsi_14 > 60", name="high", side="short")


def compare(*names: Any, **more: Any) -> ReplayResult:
    given: dict[str, Any] = {"data": market(), **HOW, **more}
    return tapescan.replay_market(given.pop("data"), compare=names, **given)


def test_each_is_what_it_is_alone_and_the_past_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Any] = []

    def read_past(*arguments: Any) -> Any:
        read.append(arguments)
        return past_of(*arguments)

    monkeypatch.setattr("tapescan.replay.replay.kept_past", read_past)
    result = compare(LOW, SHORT, "short_swing")
    assert len(read) == 1
    found = result.comparison
    assert found is not None
    assert [one.name for one in found.rows] == ["profile swing", "low", "high", "profile short_swing"]
    alone = tapescan.replay_market(market(), screens=[SHORT], **HOW)  # type: ignore[arg-type]
    row, own = found.rows[2], alone.statistics
    yearly = cohorts_a_year(5, 1)
    assert (row.picks, row.annual, row.drawdown) == (own.picked, own.growth["net"].annual, own.growth["net"].drawdown)
    assert row.over_eligible == pytest.approx(own.held.net_over_eligible.mean * yearly)
    assert (row.t, row.p) == (own.held.net_over_eligible.t, own.held.net_over_eligible.p)
    assert (row.over_matched, row.chance) == (own.held.over_matched.mean * yearly, own.held.as_good)
    # The replay itself is what it is alone, but for the number of trials.
    assert result.picks.equals(replayed().picks)
    assert result.curves.equals(replayed().curves)
    assert (result.statistics.luck.trials, replayed().statistics.luck.trials) == (4, 1)
    assert "these 4 count as the first" in result.verdict.warnings[-1]


def test_screens_of_earlier_and_of_longer_bars_are_compared_without_a_warning() -> None:
    earlier = NamedScreen("Earlier", "within(5, rsi_14 < 50) AND close > close[1]", name="earlier")
    weekly = NamedScreen("Weekly", "weekly.rsi_2 > 50", name="weekly")
    found = compare(earlier, weekly).comparison
    assert found is not None
    assert all(one.picks > 0 for one in found.rows)
    alone = tapescan.replay_market(market(), screens=[weekly], **HOW)  # type: ignore[arg-type]
    assert (found.rows[2].picks, found.rows[2].t) == (
        alone.statistics.picked,
        alone.statistics.held.net_over_eligible.t,
    )


def test_false_finds_are_counted_among_those_compared() -> None:
    found = compare(LOW, SHORT).comparison
    assert found is not None
    p, q = ([getattr(one, name) for one in found.rows] for name in ("p", "q"))
    assert all(mine >= own for mine, own in zip(q, p, strict=True))
    assert max(q) == pytest.approx(max(p))
    json.dumps(found.to_dict(), allow_nan=False)
    assert found.to_dict()["rows"][0]["over_index"] is None


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = market()
    frames = {"bars": made.bars, "splits": made.splits, "listing": made.listing}
    return store_of(tmp_path_factory.mktemp("compared") / "whole", frames)


@pytest.mark.long
def test_all_are_written_down_before_the_first_is_judged(store: Store) -> None:
    result = compare(LOW, SHORT, data=store)
    assert StoreTrials(store).count_screens()[0] == 3
    assert result.statistics.luck.trials == 3
    assert result.comparison is not None
    assert result.comparison.trials == 3
    again = compare(LOW, SHORT, data=store)
    assert again.statistics.luck.trials == 3
    assert result.daily.equals(again.daily)


def test_what_cannot_be_compared_is_refused_before_anything_is_tried(store: Store) -> None:
    before = StoreTrials(store).count_screens()
    for names, message in (
        ((LOW, LOW), "low is replayed twice"),
        (("profile swing",), "unknown screen or profile 'profile swing'"),
        (("swng",), "did you mean"),
        (("swing",), "profile swing is replayed twice"),
    ):
        with pytest.raises(OptionError, match=message):
            compare(*names, data=store)
    assert StoreTrials(store).count_screens() == before


def test_files_of_screens_and_of_profiles_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('title = "Mine"\nwhere = "rsi_14 < 50"\n')
    (tmp_path / "own.toml").write_text('title = "Own"\n[weights]\ntrend = 100\n')
    found = compare(str(tmp_path / "mine.toml"), str(tmp_path / "own.toml")).comparison
    assert found is not None
    assert [one.name for one in found.rows][1:] == ["mine", "profile own"]
    with pytest.raises(tapescan.TapescanError, match="does not exist"):
        compare(str(tmp_path / "gone.toml"))


def test_an_interruption_leaves_all_with_the_same_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Walk.sections

    def broken(self: Walk, sessions: Any) -> Iterator[Any]:
        yield from itertools.islice(whole(self, sessions), 30)
        raise KeyboardInterrupt

    monkeypatch.setattr(Walk, "sections", broken)
    result = compare(LOW, SHORT)
    assert result.partial
    assert result.statistics.sessions == 30
    assert result.comparison is not None
    picks = [one.picks for one in result.comparison.rows]
    assert result.comparison.last == result.last
    monkeypatch.undo()
    whole_days = compare(LOW, SHORT, end=result.last).comparison
    assert whole_days is not None
    assert picks == [one.picks for one in whole_days.rows]


def test_a_session_that_differs_in_any_of_them_is_told() -> None:
    one, other = (dt.date(2025, 9, day) for day in (2, 3))
    found = [
        msgspec.structs.replace(replayed(), verified=Verified((one, other), differing))
        for differing in ((), (other,), (one,))
    ]
    assert beside(found).verified == Verified((one, other), (one, other))
    assert beside([replayed()]).verified is None
