"""How picks are made and traded in a replay."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tapescan.core.errors import OptionError

__all__ = ["Terms"]


@dataclass(frozen=True)
class Terms:
    """How picks are made and traded.

    top : how many a session. hold : sessions until a trade leaves at the latest. plan : by the plan's stop and
    target; else the picks are held for `hold` sessions. cost : basis points a side. every : each how many sessions.
    keep : what a cohort holds stays while it ranks among so many; 0 for the best alone.
    borrow : percent a year that a short pays. start, end : days; None for all there is. verify : sessions scanned
    anew.
    Raises OptionError for what makes no sense.
    """

    top: int = 10
    hold: int = 5
    plan: bool = False
    cost: float = 10.0
    every: int = 1
    keep: int = 0
    borrow: float = 3.0
    start: dt.date | None = None
    end: dt.date | None = None
    verify: int = 0

    def __post_init__(self) -> None:
        for field, least, most in (("top", 1, 1000), ("hold", 1, 252), ("every", 1, 252), ("verify", 0, 10_000)):
            given = getattr(self, field)
            if not least <= given <= most:
                raise OptionError(f"{field} is {given}", f"give {least} to {most}", field=field)
        if self.keep and not self.top <= self.keep <= 10_000:
            raise OptionError(f"keep is {self.keep}", f"give at least the {self.top} that are picked", field="keep")
        for field in ("cost", "borrow"):
            if not 0.0 <= getattr(self, field) <= 1000.0:
                raise OptionError(f"{field} is {getattr(self, field)}", "give 0 to 1000", field=field)
        if self.start is not None and self.end is not None and self.start > self.end:
            raise OptionError(f"{self.start} lies after {self.end}", "give the earlier day first", field="start")
