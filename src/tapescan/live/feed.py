"""The seam between feeds of minute bars and the scan that follows them.

A feed brings what has happened since some minute of a session, and then what happens: bars as they come, whatever
their order, some late, some twice, some corrected. It says when a minute is over as far as it knows. Reconnecting,
filling gaps and slowing down are its own affairs, of which it tells a line.

    Feed ──events()──▶ Bars, Bars, Over(09:31), Bars, Said("reconnected after 3 s"), Over(09:32), ...
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, TypeAlias

import polars as pl

from tapescan.live.day import MINUTES
from tapescan.vendors.seam import Vendor
from tapescan.vendors.streams import Way

__all__ = ["Bars", "Event", "Feed", "OfVendor", "Over", "Said"]


@dataclass(frozen=True)
class Bars:
    """Minute bars, as MINUTES. came : when the last of them did, by a clock that only goes forward."""

    rows: pl.DataFrame
    came: float = field(default=0.0, compare=False)

    def __post_init__(self) -> None:
        if self.rows.schema != pl.Schema(MINUTES):
            raise AssertionError(f"minute bars have columns {dict(self.rows.schema)}")


@dataclass(frozen=True)
class Over:
    """The bars of all minutes before this one are there, but for late ones. came : when the last message did."""

    minute: int
    came: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Said:
    """Something that a person should know of the feed, one line. lost : whether bars do not come for now."""

    text: str
    lost: bool = False


Event: TypeAlias = Bars | Over | Said


class OfVendor:
    """What every feed of a vendor's minutes says of itself. way : how its plan brings them."""

    simulated: ClassVar[bool] = False
    vendor: Vendor
    way: Way

    @property
    def name(self) -> str:
        return self.vendor.name

    @property
    def delay(self) -> dt.timedelta:
        return self.way.delay

    @property
    def note(self) -> str:
        return self.way.note


class Feed(Protocol):
    """A feed.

    name : its vendor, or `simulated`. delay : how far it is behind what happens. simulated : whether prices are
    invented. note : what a person should know of its plan.
    """

    @property
    def name(self) -> str: ...

    @property
    def delay(self) -> dt.timedelta: ...

    @property
    def simulated(self) -> bool: ...

    @property
    def note(self) -> str: ...

    def events(self, session: dt.date, since: int, symbols: Sequence[str] = ()) -> AsyncIterator[Event]:
        """What happened in a session from a minute on, and what happens, until the session is over.

        symbols : whose bars are wanted, those first that matter most; of others some may be missing.
        Raises VendorError where nothing will come: a key that is refused, a plan without a stream.
        """
        ...
