"""Numbers of a replay as a reader says them."""

from __future__ import annotations

__all__ = ["counted", "often", "percent"]

#: More seldom than once in so many is said as that.
RAREST = 1000

_NUMBERS = ("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def percent(share: float) -> str:
    """``11 %``; ``2.4 %`` below ten, ``0.03 %`` below a tenth; without its sign."""
    value = abs(share) * 100.0
    digits = 0 if value >= 9.95 else 1 if value >= 0.095 or value == 0.0 else 2
    return f"{value:,.{digits}f} %"


def often(p: float, *, only: bool = False) -> str:
    """How often something of this probability happens: ``one time in ten``. only : say that it is seldom."""
    if p > 0.9:
        return "nearly always"
    if p > 0.6:
        return f"{round(p * 10)} times in ten"
    if p * RAREST < 1.0:
        return f"less than once in {RAREST:,} times"
    times = round(1.0 / p)
    shown = _NUMBERS[times] if times < len(_NUMBERS) else f"{float(f'{times:.2g}'):,.0f}"
    return f"{'only ' if only else ''}one time in {shown}"


def counted(count: float, what: str) -> str:
    """``1 date``, ``1,200 dates``."""
    return f"{count:,.0f} {what}" if round(count) == 1 else f"{count:,.0f} {what}s"
