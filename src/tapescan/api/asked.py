"""What is asked of a market that is kept in memory."""

from __future__ import annotations

import datetime as dt

import msgspec

from tapescan.core.errors import OptionError
from tapescan.core.results import Result

__all__ = ["Asked"]

#: Of what is asked: characters of a text, names of a list.
LONGEST, MOST = 4000, 200


class Asked(Result, msgspec.Struct, frozen=True):
    """What is asked of a scan, in words alone: it may come from a network, so nothing in it is a path.

    The fields are those of `scan_market`; what is empty is as the settings say.
    Raises OptionError for a text that is too long, and for names that could be files.
    """

    profile: str = ""
    screens: tuple[str, ...] = ()
    where: str = ""
    rank_by: str = ""
    features: tuple[str, ...] = ()
    express: bool = False
    as_of: dt.date | None = None

    def __post_init__(self) -> None:
        for field in ("where", "rank_by"):
            if len(getattr(self, field)) > LONGEST:
                raise OptionError(f"more than {LONGEST:,} characters", "ask for less", field=field)
        for field in ("screens", "features"):
            some = getattr(self, field)
            if len(some) > MOST or any(len(one) > LONGEST for one in some):
                raise OptionError(f"more than {MOST} names, or too long ones", "ask for less", field=field)
        for field, some in (("profile", (self.profile,)), ("screens", self.screens)):
            for one in some:
                if len(one) > 64 or "/" in one or "\\" in one or "." in one:
                    raise OptionError(f"{one[:64]!r} is no name", "give the name of one that is known", field=field)
