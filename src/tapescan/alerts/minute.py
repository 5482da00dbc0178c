"""A minute, and what all rules make of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from tapescan.alerts.checking import Checked
from tapescan.alerts.judging import Alert, Limits, Plan, Seen, State, judge, judge_plans, primed
from tapescan.live.hours import BEGIN, clock_of
from tapescan.scan.cells import cell, fixed

__all__ = ["Message", "Minute", "States", "begun", "judged", "message_of"]

#: Of each rule, by its name.
States = Mapping[str, State]


def _nothing(_symbol: str, _since: int) -> None:
    return None


def _no_values(_rule: Checked, _alert: Alert) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Minute:
    """What rules see of a minute.

    minute : the one that begins. seen : of each rule on a condition or a screen. stale : of each rule on a feed, why
    it is stale; empty where it is not. plan : the trade plan of a symbol, watched from a minute on. reached : as
    `judging.judge_plans`. values : what is told of an alert's symbol.
    """

    session: dt.date
    minute: int
    seen: Mapping[str, Seen] = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)
    plan: Callable[[str, int], Plan | None] = _nothing
    reached: Callable[[str, int], tuple[float, float] | None] = _nothing
    values: Callable[[Checked, Alert], Mapping[str, Any]] = _no_values


def begun(rules: Sequence[Checked], before: Minute | None, states: States) -> dict[str, State]:
    """The states with which a session begins, where none is known yet: what held before it is no news, and plans on
    symbols that a rule names are those of the evening before.

    before : what is seen of the market before the session; None where it cannot be said.
    """
    found = dict(states)
    for one in rules:
        name = one.rule.name
        if name in found:
            continue
        state = State()
        if before is not None and name in before.seen:
            state = primed(state, before.seen[name])
        if before is not None and one.rule.on == "plan":
            plans = (before.plan(symbol, BEGIN) for symbol in sorted(one.symbols or ()))
            state = replace(state, plans=tuple(plan for plan in plans if plan is not None))
        found[name] = state
    return found


def judged(rules: Sequence[Checked], states: States, minute: Minute) -> tuple[dict[str, State], list[Alert]]:
    """A minute judged by all rules, those on plans last (`checking.check_rules`); the state of each that changed, and
    the alerts in their order."""
    changed: dict[str, State] = {}
    alerts: list[Alert] = []
    for one in rules:
        name, rule = one.rule.name, one.rule
        begins, ends = rule.edges
        limits = Limits(name, one.digest, begins, ends, rule.again, rule.cooldown, rule.most)
        quiet = one.quiet.hold(minute.session, minute.minute)
        if rule.on == "plan":
            fresh = {alert.symbol: None for alert in alerts if alert.rule == rule.of and alert.kind == "enter"}
            plans = [plan for symbol in fresh if (plan := minute.plan(symbol, minute.minute)) is not None]
            state, mine = judge_plans(
                states[name], minute.reached, plans, limits, minute.session, minute.minute, quiet=quiet
            )
        else:
            seen = minute.seen.get(name) if name not in minute.stale else _of_feed(bool(minute.stale[name]))
            if seen is None:
                continue
            state, mine = judge(states[name], seen, limits, minute.session, minute.minute, quiet=quiet)
        if state is not states[name]:
            changed[name] = state
        alerts += mine
    return changed, alerts


def _of_feed(stale: bool) -> Seen:
    """A feed as a rule sees it: of no symbol."""
    return Seen(("",), np.array([stale]), np.array([not stale]), np.zeros(1, dtype=np.int64))


class Message(msgspec.Struct, frozen=True):
    """An alert as it is sent. id : `Alert.key`. title, text : one line each. clock : in New York.
    values : columns of its symbol. source : the feed; simulated : whether its prices are invented."""

    id: str
    rule: str
    kind: str
    symbol: str
    session: dt.date
    clock: str
    title: str
    text: str
    values: Mapping[str, Any] = {}
    source: str = ""
    simulated: bool = False


_WORDS = {"enter": "", "leave": "no longer: ", "stop": "stop reached: ", "target": "target reached: "}


def message_of(
    alert: Alert,
    rule: Checked,
    minute: Minute,
    plan: Plan | None = None,
    source: str = "",
    *,
    simulated: bool = False,
) -> Message:
    """What is sent of an alert. plan : the one that was hit."""
    values = dict(minute.values(rule, alert))
    name = rule.rule.title or rule.rule.name
    if alert.kind == "full":
        title, parts = name, [f"{rule.rule.most:,} alerts were sent today, no more will be"]
    elif rule.rule.on == "feed":
        title = f"{name}: {minute.stale.get(rule.rule.name) or 'bars come again'}"
        parts = []
    else:
        title = f"{alert.symbol}: {_WORDS[alert.kind]}{name}"
        if plan is not None:
            values |= {"side": "long" if plan.long else "short", "entry": plan.entry}
            values |= {"stop": plan.stop, "target": plan.target}
        parts = [f"{column} {_shown(column, value)}" for column, value in values.items()]
    clock = clock_of(alert.minute)
    lead = "SIMULATED " if simulated else ""
    return Message(
        id=alert.key,
        rule=rule.rule.name,
        kind=alert.kind,
        symbol=alert.symbol,
        session=alert.session,
        clock=clock,
        title=f"{lead}{title}",
        text=", ".join([*parts, f"{alert.session} {clock} New York"]),
        values=values,
        source=source,
        simulated=simulated,
    )


def _shown(column: str, value: Any) -> str:
    prices = {"close", "entry", "stop", "target"}
    return fixed(value, 2) if column in prices and isinstance(value, float) else cell(value)
