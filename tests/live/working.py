"""What a process does that follows a simulated session with alerts, to be killed at any moment.

It goes on where it was stopped, and says each minute.
"""

from __future__ import annotations

import sys

import polars as pl

from tapescan.alerts.rules import Rule
from tapescan.api.live import follow_market
from tapescan.live.simulated import SimulatedFeed

__all__ = ["RULES", "main"]

RULES = (
    Rule(name="low", on="condition", where="rsi_2 < 30", when="both", again=True, cooldown=3, most=10_000),
    Rule(name="high", on="condition", where="close > highest(5, high)[1]", most=10_000),
)


def main(place: str, bars: str) -> None:
    """place : of the store. bars : a file of the session's."""
    feed = SimulatedFeed(pl.read_parquet(bars), 0.0)
    for minute in follow_market(place, source=feed, models=False, alerts=RULES):
        sys.stdout.write(f"{minute.clock}\n")
        sys.stdout.flush()
