"""Figures of a session that is followed, for who watches servers: Prometheus' text format, and whether all is well.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4).
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from tapescan.live.following import Scanned
from tapescan.network.serving import Page

__all__ = ["SILENT", "Metrics"]

#: Seconds without a minute after which a session is not well.
SILENT = 180.0

_KIND = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """An observer of minutes (`following.Following.observers`).

    outbox : gives how many alerts wait to be sent; 0 where there are none. clock : seconds that only go forward.
    """

    def __init__(self, outbox: Callable[[], int] = lambda: 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._outbox, self._clock, self._lock = outbox, clock, threading.Lock()
        self._last: Scanned | None = None
        self._when = clock()
        self._minutes = self._missed = 0
        self._bars = {"new": 0, "corrected": 0, "same": 0, "refused": 0}

    def __call__(self, one: Scanned) -> None:
        """Take a minute. One that was passed over, or was not scanned, is missed."""
        with self._lock:
            if self._last is not None and one.session == self._last.session:
                self._missed += max(one.minute - self._last.minute - 1, 0)
            self._missed += one.result is None
            self._minutes += 1
            for kind, many in zip(self._bars, one.merged, strict=True):
                self._bars[kind] += many
            self._last, self._when = one, self._clock()

    @property
    def pages(self) -> dict[str, Page]:
        """By path: ``/metrics`` and ``/health``."""
        return {"/metrics": self._metrics, "/health": self._health}

    def _metrics(self) -> tuple[int, str, str]:
        with self._lock:
            last, lines = self._last, list[str]()

            def add(name: str, kind: str, meaning: str, values: dict[str, float]) -> None:
                lines.append(f"# HELP tapescan_{name} {meaning}")
                lines.append(f"# TYPE tapescan_{name} {kind}")
                lines.extend(f"tapescan_{name}{labels} {value!r}" for labels, value in values.items())

            if last is not None:
                stages = {} if last.result is None else last.result.timings
                by_stage = {f'{{stage="{stage}"}}': seconds for stage, seconds in stages.items()}
                add("stage_seconds", "gauge", "Seconds of each stage of the newest scan.", by_stage)
                add(
                    "feed_lag_seconds",
                    "gauge",
                    "From the minute's last message to the end of its scan.",
                    {"": last.lag},
                )
                add("minute", "gauge", "The minute that begins, since midnight in New York.", {"": last.minute})
                add("traded_symbols", "gauge", "Symbols with a bar of the minute that ended.", {"": last.traded})
                add("session_symbols", "gauge", "Symbols with a bar of the session.", {"": last.so_far})
                add("expected_symbols", "gauge", "Symbols that traded in the session before.", {"": last.expected})
                partial = int(last.lost or bool(last.trouble))
                add("partial", "gauge", "1 while bars do not come, or cannot be stored.", {"": partial})
            add("minutes_total", "counter", "Minutes that were scanned.", {"": self._minutes})
            add("missed_minutes_total", "counter", "Minutes that were passed over.", {"": self._missed})
            bars = {f'{{kind="{kind}"}}': float(many) for kind, many in self._bars.items()}
            add("bars_total", "counter", "Minute bars that came.", bars)
            silent = self._clock() - self._when
            add("seconds_since_minute", "gauge", "Since the newest minute was scanned.", {"": silent})
        add("outbox_depth", "gauge", "Alerts that wait to be sent.", {"": self._outbox()})
        return 200, _KIND, "\n".join(lines) + "\n"

    def _health(self) -> tuple[int, str, str]:
        with self._lock:
            last, silent = self._last, self._clock() - self._when
        status = "starting" if last is None else "ok"
        if last is not None and (last.lost or last.trouble):
            status = "partial"
        elif silent > SILENT:
            status = "silent"
        told = {
            "status": status,
            "session": last and last.session.isoformat(),
            "minute": last and last.clock,
            "seconds_since_minute": round(silent, 1),
        }
        return (200 if status in {"ok", "starting"} else 503), "application/json", json.dumps(told) + "\n"
