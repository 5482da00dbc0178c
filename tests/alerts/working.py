"""What a process does that judges drawn minutes and sends what comes of them, to be killed at any moment.

It goes on where it was stopped, says a line when all minutes are judged, and ends when all alerts are sent.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tapescan.alerts.running import Alerting
from tests.alerts.drawn import SESSION, checked, minutes

RULES = (
    checked(name="one", when="both", again=True, cooldown=2, most=10_000, to=("mine",)),
    checked(name="two", to=("mine", "other")),
    checked(name="plan", on="plan", of="one", to=("mine",)),
)


def main(outbox: Path, seed: int, many: int) -> None:
    with Alerting(RULES, SESSION, outbox) as alerting:
        states = alerting.outbox.states(SESSION, {one.rule.name: one.digest for one in RULES})
        judged = max((state.minute for state in states.values()), default=0)
        for one in minutes(seed, many, RULES):
            alerting.minute(one)  # those that were judged already too: they change nothing
            if one.minute > judged:
                time.sleep(0.01)  # so that sending keeps up, and both are met by a kill
        sys.stdout.write("judged\n")
        sys.stdout.flush()
        while any(state != "sent" for state in alerting.outbox.depth()):
            time.sleep(0.01)
