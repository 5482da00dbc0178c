"""A minute is judged as a plain reference says, and a session taken up again comes to the same alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapescan.alerts.judging import Alert, Limits, Plan, State, judge, judge_plans, primed
from tapescan.alerts.minute import Minute, begun, judged
from tests.alerts.drawn import SESSION, SYMBOLS, checked, minutes, seen

#: Of a symbol in a minute: the condition is true, what ends it is true, both, or neither.
TRUTH = st.sampled_from(["on", "off", "both", ""])


def plainly(
    day: list[list[str]], limits: Limits, quiet: set[int], before: Iterable[int] = ()
) -> list[tuple[int, int, str, bool]]:
    """Symbol by symbol and minute by minute, by the words of the guide: minute, symbol, kind, quiet."""
    found = []
    holds = [at in set(before) for at in range(len(day[0]))]
    sent: dict[tuple[int, str], int] = {}
    told = kept = 0
    full = False
    for minute, row in enumerate(day, start=571):
        changes = []
        for at, truth in enumerate(row):
            now = True if truth in {"on", "both"} else False if truth == "off" else holds[at]
            if now != holds[at]:
                changes.append((at, "enter" if now else "leave"))
            holds[at] = now
        for kind, wanted in (("enter", limits.begins), ("leave", limits.ends)):
            for at, one in sorted(changes):
                if one != kind or not wanted:
                    continue
                at_last = sent.get((at, kind))
                if at_last is not None and not (limits.again and minute - at_last >= limits.cooldown):
                    continue
                if minute in quiet:
                    if kept < limits.most:
                        kept += 1
                        found.append((minute, at, kind, True))
                elif told < limits.most:
                    told += 1
                    sent[at, kind] = minute
                    found.append((minute, at, kind, False))
                elif not full:
                    full = True
                    found.append((minute, -1, "full", False))
    return found


@given(
    day=st.lists(st.lists(TRUTH, min_size=4, max_size=4), min_size=1, max_size=12),
    again=st.booleans(),
    cooldown=st.integers(1, 5),
    most=st.integers(1, 6),
    edges=st.sampled_from([(True, False), (False, True), (True, True)]),
    quiet=st.sets(st.integers(571, 582)),
    before=st.sets(st.integers(0, 3)),
    cut=st.integers(0, 12),
    stored=st.booleans(),
)
def test_alerts_are_those_of_a_plain_reference(
    day: list[list[str]],
    again: bool,
    cooldown: int,
    most: int,
    edges: tuple[bool, bool],
    quiet: set[int],
    before: set[int],
    cut: int,
    stored: bool,
) -> None:
    """cut : a minute after which the state is stored and read again, and the minute before it is judged once more."""
    limits = Limits("rule", "digest", *edges, again, cooldown, most)
    symbols = SYMBOLS[:4]
    state = primed(State(), seen({symbols[at] for at in before}, symbols=symbols))
    found: list[Alert] = []
    for minute, row in enumerate(day, start=571):
        part = seen(
            {one for one, truth in zip(symbols, row, strict=True) if truth in {"on", "both"}},
            {one for one, truth in zip(symbols, row, strict=True) if truth in {"off", "both"}},
            symbols,
        )._replace(order=np.arange(4))
        state, alerts = judge(state, part, limits, SESSION, minute, quiet=minute in quiet)
        found += alerts
        if minute - 571 == cut:
            state = State.of_stored(state.stored()) if stored else state
            same, none = judge(state, part, limits, SESSION, minute, quiet=minute in quiet)
            assert (same is state, none) == (True, [])
    shown = [(one.minute, symbols.index(one.symbol) if one.symbol else -1, one.kind, one.quiet) for one in found]
    assert shown == plainly(day, limits, quiet, before)
    assert len({one.key for one in found}) == len(found)


def test_what_is_unknown_changes_nothing() -> None:
    limits = Limits("rule", "digest", ends=True)
    state, first = judge(State(), seen({"S01"}), limits, SESSION, 571)
    state, second = judge(state, seen(set(), set()), limits, SESSION, 572)
    _, third = judge(state, seen(set(), {"S01"}), limits, SESSION, 573)
    assert [(one.kind, one.symbol) for one in (*first, *second, *third)] == [("enter", "S01"), ("leave", "S01")]


def test_symbols_that_come_and_go_keep_their_state() -> None:
    limits = Limits("rule", "digest", again=True, cooldown=1)
    state, _ = judge(State(), seen({"S01", "S02"}), limits, SESSION, 571)
    state, none = judge(state, seen({"NEW"}, symbols=("NEW", "S02")), limits, SESSION, 572)
    state, more = judge(state, seen({"S01", "S02", "NEW"}, symbols=("NEW", *SYMBOLS)), limits, SESSION, 573)
    # S02 ended in between, S01 was not seen at all.
    assert [one.symbol for one in none] == ["NEW"]
    assert [one.symbol for one in more] == ["S02"]


def plan(symbol: str = "S01", *, long: bool = True, since: int = 571) -> Plan:
    return Plan(symbol, long, 100.0, *((95.0, 110.0) if long else (105.0, 90.0)), since)


@pytest.mark.parametrize(
    ("long", "low", "high", "kind"),
    [
        (True, 95.0, 101.0, "stop"),
        (True, 95.01, 110.0, "target"),
        (True, 94.0, 111.0, "stop"),
        (True, 95.01, 109.99, None),
        (False, 99.0, 105.0, "stop"),
        (False, 90.0, 104.99, "target"),
        (False, 89.0, 106.0, "stop"),
        (False, 90.01, 104.99, None),
    ],
)
def test_a_plan_is_hit_within_a_minute(long: bool, low: float, high: float, kind: str | None) -> None:
    state, none = judge_plans(State(), lambda *_: None, [plan(long=long)], Limits("p", "d", ends=True), SESSION, 571)
    _, alerts = judge_plans(state, lambda *_: (low, high), [], Limits("p", "d", ends=True), SESSION, 572)
    assert none == []
    assert [one.kind for one in alerts] == ([] if kind is None else [kind])


def test_a_crossing_whose_minute_is_corrected_twice_is_told_once() -> None:
    limits = Limits("p", "d", ends=True)
    state, _ = judge_plans(State(), lambda *_: None, [plan()], limits, SESSION, 571)
    found = []
    for minute, low in enumerate((96.0, 94.9, 96.2, 94.8, 94.0), start=572):
        state, alerts = judge_plans(state, lambda *_, low=low: (low, 101.0), [], limits, SESSION, minute)
        found += alerts
    assert [(one.kind, one.minute) for one in found] == [("stop", 573)]


def test_a_plan_that_begins_anew_is_told_anew() -> None:
    limits = Limits("p", "d", ends=True)
    state, _ = judge_plans(State(), lambda *_: None, [plan()], limits, SESSION, 571)
    # One of a symbol that is watched already does not take its place.
    state, _ = judge_plans(state, lambda *_: None, [plan(since=572)], limits, SESSION, 572)
    assert [one.since for one in state.plans] == [571]
    state, first = judge_plans(state, lambda *_: (90.0, 101.0), [], limits, SESSION, 573)
    state, _ = judge_plans(state, lambda *_: None, [plan(since=574)], limits, SESSION, 574)
    _, second = judge_plans(state, lambda *_: (100.0, 111.0), [], limits, SESSION, 575)
    assert [(one.kind, one.number) for one in (*first, *second)] == [("stop", 1), ("target", 1)]


ZONES = {
    # Europe changes its clocks on 26 October and 30 March 2025, New York on 2 November and 9 March: in between the
    # session begins an hour earlier in Berlin.
    "2025-10-24": "15:30",
    "2025-10-27": "14:30",
    "2025-10-31": "14:30",
    "2025-11-03": "15:30",
    "2025-03-07": "15:30",
    "2025-03-10": "14:30",
    "2025-03-28": "14:30",
    "2025-03-31": "15:30",
}


@pytest.mark.parametrize(("day", "opening"), ZONES.items())
def test_quiet_hours_are_those_of_the_clock_on_the_wall(day: str, opening: str) -> None:
    hours = checked(quiet=("22:00-07:00", "15:00-15:30"), zone="Europe/Berlin").quiet
    session, at = dt.date.fromisoformat(day), int(opening[:2]) * 60 + int(opening[3:])
    for minute in range(570, 960):
        local = at + minute - 570
        assert hours.hold(session, minute) == (local >= 22 * 60 or 15 * 60 <= local < 15 * 60 + 30), minute


def test_quiet_hours_over_midnight_and_elsewhere() -> None:
    tokyo = checked(quiet=("23:00-05:00",), zone="Asia/Tokyo").quiet
    # 09:30 in New York is 22:30 in Tokyo in summer, and 23:30 in winter.
    assert [tokyo.hold(dt.date(2025, 7, 9), minute) for minute in (570, 599, 600, 960)] == [False, False, True, False]
    assert [tokyo.hold(dt.date(2025, 12, 9), minute) for minute in (570, 899, 900)] == [True, True, False]
    assert not checked().quiet.hold(SESSION, 570)


RULES = (
    checked(name="once", when="both"),
    checked(name="often", again=True, cooldown=3, most=30),
    checked(name="few", most=3, quiet=("09:40-09:45",)),
    checked(name="plan", on="plan", of="often"),
)


def played(day: list[Minute], cuts: set[int] = frozenset()) -> list[Alert]:  # type: ignore[assignment]
    """The alerts of a session. cuts : minutes after which all is read again from what is stored."""
    states = begun(RULES, None, {})
    found: list[Alert] = []
    for one in day:
        changed, alerts = judged(RULES, states, one)
        states, found = {**states, **changed}, [*found, *alerts]
        if one.minute in cuts:
            kept = {name: State.of_stored(state.stored()) for name, state in states.items()}
            states = begun(RULES, day[0], kept)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_session_that_is_taken_up_again_gives_the_same_alerts(seed: int) -> None:
    day = minutes(seed, 60, RULES)
    rng = np.random.default_rng(seed)
    whole = played(day)
    assert {one.kind for one in whole} >= {"enter", "leave", "stop", "full"}
    assert any(one.quiet for one in whole)
    assert played(day, set(rng.integers(571, 631, 6).tolist())) == whole


def test_what_held_the_evening_before_is_no_news() -> None:
    one = checked()
    before = Minute(SESSION, 570, seen={"rule": seen({"S01"})})
    states = begun((one,), before, {})
    _, alerts = judged((one,), states, Minute(SESSION, 571, seen={"rule": seen({"S01", "S02"})}))
    assert [alert.symbol for alert in alerts] == ["S02"]
