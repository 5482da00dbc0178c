"""Alerts on a session that is followed: an observer that judges each minute and keeps what came of it; a sender
beside it brings it to people.

The observer returns when states and alerts are on the disk; it never waits for a receiver. A disk that is full ends
nothing: what could not be kept is kept with the next minute.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tapescan.alerts.checking import Checked
from tapescan.alerts.delivery import Address, find_addresses
from tapescan.alerts.judging import Alert, State
from tapescan.alerts.minute import Message, Minute, begun, judged, message_of
from tapescan.alerts.outbox import Outbox
from tapescan.alerts.seeing import Ranking, is_stale, reached_in
from tapescan.alerts.sending import Sender
from tapescan.core.errors import FileError
from tapescan.core.logging import logger
from tapescan.live.following import Scanned
from tapescan.live.hours import BEGIN, end_of, minute_of
from tapescan.market.clock import session_of
from tapescan.scan.result import ScanResult

__all__ = ["Alerting", "Judging", "seen_minute"]


def seen_minute(rules: Sequence[Checked], scanned: Scanned, hold: int | None = None) -> Minute:
    """What rules see of a minute that was scanned. hold : sessions that the scan's plans are held."""
    # Told by the bars, so that a session that is taken up again says the same.
    silent = 0 if scanned.day is None else scanned.minute - 1 - max(scanned.day.newest, BEGIN - 1)
    stale = {one.rule.name: is_stale(one, scanned, silent) for one in rules if one.rule.on == "feed"}
    if scanned.result is None:
        return Minute(scanned.session, scanned.minute, stale=stale)
    return _of_result(rules, scanned.result, scanned.session, scanned.minute, hold, stale, scanned)


def _of_result(
    rules: Sequence[Checked],
    result: ScanResult,
    session: dt.date,
    minute: int,
    hold: int | None,
    stale: Mapping[str, str],
    scanned: Scanned | None = None,
) -> Minute:
    ranking = Ranking.of(result, hold)
    return Minute(
        session,
        minute,
        seen={one.rule.name: ranking.seen(one) for one in rules if one.where is not None},
        stale=stale,
        plan=ranking.plan,
        reached=reached_in(scanned.day if scanned is not None else None),
        values=ranking.values,
    )


class Judging:
    """The rules of one session, from minute to minute; it keeps and sends nothing.

    before : the scan of the market before the session, with the rules' columns: what held then is no news. states :
    of rules that were judged in the session already.
    """

    def __init__(
        self,
        rules: Sequence[Checked],
        session: dt.date,
        before: ScanResult | None = None,
        states: Mapping[str, State] | None = None,
        *,
        hold: int | None = None,
        source: str = "",
        simulated: bool = False,
    ) -> None:
        self.rules, self.session, self.hold = tuple(rules), session, hold
        self.source, self.simulated = source, simulated
        first = None if before is None else _of_result(self.rules, before, session, BEGIN, hold, {})
        self.states = begun(self.rules, first, states or {})

    def scanned(self, one: Scanned) -> tuple[dict[str, State], list[tuple[Alert, Message]]]:
        """A minute that was scanned: the states that changed, and the alerts."""
        return self.minute(seen_minute(self.rules, one, self.hold))

    def minute(self, minute: Minute) -> tuple[dict[str, State], list[tuple[Alert, Message]]]:
        """A minute, as `scanned`."""
        before = self.states
        changed, alerts = judged(self.rules, before, minute)
        self.states = {**before, **changed}
        of = {one.rule.name: one for one in self.rules}
        told = []
        for alert in alerts:
            watched = before[alert.rule].plans if alert.kind in {"stop", "target"} else ()
            plan = next((one for one in watched if one.symbol == alert.symbol and not one.over), None)
            message = message_of(alert, of[alert.rule], minute, plan, self.source, simulated=self.simulated)
            told.append((alert, message))
        return changed, told


class Alerting:
    """An observer of `live.following.Following`; a context manager.

    outbox : where alerts are kept. addresses : of the rules, found before anything runs.
    Raises FileError where another process alerts with the same outbox, OptionError for an address that is not there.
    """

    def __init__(
        self,
        rules: Sequence[Checked],
        session: dt.date,
        outbox: Path,
        before: ScanResult | None = None,
        *,
        hold: int | None = None,
        source: str = "",
        simulated: bool = False,
        addresses: Mapping[str, Address] | None = None,
    ) -> None:
        wanted = [name for one in rules for name in one.rule.to]
        found = find_addresses(wanted) if addresses is None else addresses
        self.trouble = ""
        self._turn = threading.Lock()
        self._unkept: list[tuple[Message, Sequence[str], bool]] = []
        self._changed: dict[str, State] = {}
        self.outbox = Outbox(outbox)
        try:
            self.outbox.hold_alone()
            self.outbox.forget_states(session - dt.timedelta(days=7))
            states = self.outbox.states(session, {one.rule.name: one.digest for one in rules})
            self._judging = Judging(rules, session, before, states, hold=hold, source=source, simulated=simulated)
        except BaseException:
            self.outbox.close()
            raise
        self._of = {one.rule.name: one for one in rules}
        self._newest: tuple[dt.datetime, int] | None = None
        self._sender = Sender(self.outbox, found, self._look_at_clock)

    def __enter__(self) -> Alerting:
        self._sender.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop sending, after what is due was tried, and let go of the outbox."""
        self._sender.end()
        self.outbox.close()

    def __call__(self, scanned: Scanned) -> None:
        """Judge a minute, and keep what came of it."""
        with self._turn:
            self._newest = dt.datetime.now(dt.UTC), scanned.minute
            self._keep(*self._judging.scanned(scanned))

    def minute(self, minute: Minute) -> None:
        """As a call, of what was seen already."""
        with self._turn:
            self._keep(*self._judging.minute(minute))

    def _keep(self, changed: Mapping[str, State], told: Sequence[tuple[Alert, Message]]) -> None:
        if self._sender.failure is not None:
            raise self._sender.failure
        self._changed |= changed
        self._unkept += [(message, self._of[alert.rule].rule.to, alert.quiet) for alert, message in told]
        states = {(name, self._of[name].digest): state for name, state in self._changed.items()}
        try:
            self.outbox.keep(self._judging.session, states, self._unkept)
        except FileError as error:  # a disk that is full or away: it may come back
            self.trouble = str(error)
            logger.warning("alerts are not kept: %s", error)
            return
        new, self.trouble = bool(self._unkept), ""
        self._unkept, self._changed = [], {}
        if new:
            self._sender.wake()

    def _look_at_clock(self) -> None:
        """Judge rules on the feed where not even the end of a minute is told, in the session's regular hours."""
        rules = [one for one in self._judging.rules if one.rule.on == "feed"]
        now = dt.datetime.now(dt.UTC)
        session = self._judging.session
        if not rules or self._newest is None or session_of(now) != session:
            return
        minute, (at, newest) = minute_of(now), self._newest
        passed = int((now - at).total_seconds() // 60)
        if not BEGIN < minute <= end_of(session) or newest >= end_of(session) or passed < 1:
            return
        stale = {
            one.rule.name: f"nothing has come for {passed} minutes" for one in rules if passed >= one.rule.silent
        }
        if stale:
            with self._turn:
                self._keep(*self._judging.minute(Minute(session, minute, stale=stale)))
