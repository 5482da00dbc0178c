"""What rules see of a minute: their conditions over the scan's result, the prices of the minutes, and the feed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tapescan.alerts.checking import Checked
from tapescan.alerts.judging import Alert, Plan, Seen
from tapescan.core.typing import Conditions
from tapescan.live.day import Day
from tapescan.live.following import Scanned
from tapescan.scan.result import ScanResult
from tapescan.scan.watched import RankedSession
from tapescan.screen.values import FALSE, TRUE, UNKNOWN

__all__ = ["Ranking", "is_stale", "reached_in"]

#: The columns that each alert on a symbol tells.
TOLD = ("close", "score")


@dataclass(frozen=True)
class Ranking:
    """A result as rules see it. hold : sessions that its plans are held."""

    ranked: RankedSession

    @classmethod
    def of(cls, result: ScanResult, hold: int | None = None) -> Ranking:
        return cls(RankedSession(result, hold))

    def seen(self, rule: Checked) -> Seen:
        """A rule's part of it; what is unknown neither begins nor ends it."""
        assert rule.where is not None
        ranked = self.ranked
        found = ranked.screened(rule.where) if rule.rule.on == "screen" else ranked.truth(rule.where)
        off: Conditions = np.where(found == FALSE, TRUE, FALSE)
        if rule.until is not None:
            off = ranked.truth(rule.until)
            if rule.rule.on == "screen":  # who may not be ranked any more has left
                off = np.where(ranked.traded & ~ranked.eligible, TRUE, off)
        if rule.symbols is not None:
            mine = np.zeros(len(ranked.symbols), dtype=bool)
            mine[[at for one in rule.symbols if (at := ranked.places.get(one)) is not None]] = True
            found, off = np.where(mine, found, UNKNOWN), np.where(mine, off, UNKNOWN)
        elif rule.rule.on == "condition":  # as a scan's --where: of who may be ranked
            found = np.where(ranked.eligible, found, UNKNOWN)
        return Seen(ranked.symbols, found == TRUE, off == TRUE, ranked.order)

    def plan(self, symbol: str, since: int) -> Plan | None:
        """The trade plan of a symbol, watched from a minute on; None where it has none."""
        at = self.ranked.places.get(symbol)
        if at is None:
            return None
        entry, stop, target = (self.ranked.value(name, at) for name in ("entry", "stop", "target"))
        if entry is None or stop is None or target is None:
            return None
        return Plan(symbol, self.ranked.value("side", at) == "long", entry, stop, target, since)

    def values(self, rule: Checked, alert: Alert) -> dict[str, object]:
        """What is told of an alert's symbol."""
        at = self.ranked.places.get(alert.symbol)
        if at is None:
            return {}
        names = dict.fromkeys((*TOLD, *rule.rule.columns))
        return {name: self.ranked.value(name, at) for name in names}


def reached_in(day: Day | None) -> Callable[[str, int], tuple[float, float] | None]:
    """The lowest and the highest price of a symbol from a minute of the regular hours on, by its minute bars as they
    are now."""

    def reached(symbol: str, since: int) -> tuple[float, float] | None:
        at = None if day is None else day.lane_of(symbol)
        if day is None or at is None:
            return None
        bars = day.minutes[max(since - day.begin, 0) :, :, at]
        low, high = bars[:, 2], bars[:, 1]
        there = ~np.isnan(low)
        return (float(low[there].min()), float(high[there].max())) if there.any() else None

    return reached


def is_stale(rule: Checked, scanned: Scanned, silent: int) -> str:
    """Why a feed is stale by a rule; empty where it is not. silent : minutes in which nobody traded, to this one."""
    if scanned.lost:
        return "bars do not come"
    if silent >= rule.rule.silent:
        return f"nobody has traded for {silent} minutes"
    if 0.0 < rule.rule.lag < scanned.lag:
        return f"{scanned.lag:.1f} s behind"
    return ""
