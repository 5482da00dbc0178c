"""Rules and minutes that are drawn, without any market."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from tapescan.alerts.checking import Checked, check_rules
from tapescan.alerts.judging import Plan, Seen
from tapescan.alerts.minute import Minute
from tapescan.alerts.rules import Rule

SESSION = dt.date(2025, 7, 9)
SYMBOLS = tuple(f"S{at:02d}" for at in range(12))


def checked(**fields: Any) -> Checked:
    """A rule on a condition, or what the fields say."""
    given = {"name": "rule", "on": "condition", "where": "close > 0", **fields}
    if given["on"] != "condition":
        del given["where"]
    return check_rules([Rule(**given)])[0]


def seen(on: set[str], off: set[str] | None = None, symbols: tuple[str, ...] = SYMBOLS) -> Seen:
    """A condition that is true of some; what ends it is true of `off`, of all others where that is None."""
    holds = np.array([one in on for one in symbols])
    ends = ~holds if off is None else np.array([one in off for one in symbols])
    return Seen(symbols, holds, ends, np.arange(len(symbols))[::-1].copy())


def minutes(seed: int, many: int, rules: tuple[Checked, ...], session: dt.date = SESSION) -> list[Minute]:
    """Drawn ones: what is true of a symbol stays for some minutes, and some plans are hit."""
    rng = np.random.default_rng(seed)
    truth = {one.rule.name: rng.random(len(SYMBOLS)) < 0.3 for one in rules}
    low = np.full(len(SYMBOLS), 100.0)
    found = []
    for minute in range(571, 571 + many):
        parts = {}
        for one in rules:
            flips = rng.random(len(SYMBOLS)) < 0.1
            truth[one.rule.name] = truth[one.rule.name] ^ flips
            unknown = rng.random(len(SYMBOLS)) < 0.2
            on = truth[one.rule.name]
            order = rng.permutation(len(SYMBOLS))
            parts[one.rule.name] = Seen(SYMBOLS, on & ~unknown, ~on & ~unknown, order)
        low = low - rng.random(len(SYMBOLS)) * 0.3
        prices = dict(zip(SYMBOLS, low.tolist(), strict=True))
        found.append(
            Minute(
                session,
                minute,
                seen={name: part for name, part in parts.items() if name != "plan"},
                plan=lambda symbol, since: Plan(symbol, True, 100.0, 98.0, 104.0, since),
                reached=lambda symbol, _since, prices=prices: (prices[symbol], 101.0),  # type: ignore[misc]
            )
        )
    return found
