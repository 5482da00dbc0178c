"""The seam between vendors' minute bars and the feeds that bring them (`live.streamed`, `live.polled`).

A vendor that streams has a file ``stream.py`` in its folder, which holds a class under the name ``STREAM``. It says
where a plan's stream is and how late; what is sent to begin it; what a message holds; and which requests bring the
bars of minutes that were missed. It opens no connection of its own. One that does not, and has requests for minutes
of a session that runs, has a file ``minutes.py`` with a class under the name ``MINUTES``, of which only the requests
are wanted: they are made each minute.

    message ──read()──▶ Heard ──table_of()──▶ rows of `minutes`
    Gap ──fill(link)──▶ Filled, Filled, ...
"""

from __future__ import annotations

import datetime as dt
import importlib
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec
import polars as pl

from tapescan.core.errors import OptionError, VendorError
from tapescan.market.clock import NEW_YORK
from tapescan.market.spelling import normal_spelling
from tapescan.network.link import Link
from tapescan.tables.registry import find_table
from tapescan.vendors.registry import vendor_names
from tapescan.vendors.seam import Plan

__all__ = [
    "Filled",
    "Gap",
    "Heard",
    "MinuteBar",
    "Minutes",
    "Stream",
    "Way",
    "events_of",
    "load_minutes",
    "load_stream",
    "polled",
    "streaming",
    "table_of",
]

#: UNIX seconds between which a bar's time is one: 2000 to 2100.
_FIRST, _LAST = 946_684_800.0, 4_102_444_800.0


class MinuteBar(NamedTuple):
    """A minute's bar as it came. symbol : the vendor's. time : of its beginning, UNIX seconds. vwap, official_open :
    None where they are not said."""

    symbol: str
    time: float
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float | None = None
    official_open: float | None = None

    @classmethod
    def of(
        cls,
        symbol: str | None,
        time: float | None,
        values: Sequence[float | None],
        vwap: float | None = None,
        official_open: float | None = None,
    ) -> MinuteBar | None:
        """None where its symbol, its time or a value is missing, or the time is none. values : open, high, low, close
        and volume; a vwap or an open of 0 is one that is not said."""
        told = [one for one in values if one is not None]
        if not symbol or time is None or len(told) < len(values) or not _FIRST <= time < _LAST:
            return None
        open_, high, low, close, volume = told
        return cls(symbol, time, open_, high, low, close, volume, vwap or None, official_open or None)


@dataclass
class Heard:
    """What a message holds. stage : how far the vendor lets us in, once it says so. bad : events that cannot be read,
    which may have been bars. error : what the vendor says is wrong; fatal where nothing will come."""

    bars: list[MinuteBar] = field(default_factory=list)
    stage: Literal["", "connected", "authenticated", "subscribed"] = ""
    bad: int = 0
    error: VendorError | None = None


@dataclass(frozen=True)
class Way:
    """Where a plan's minutes are. host : a part of the vendor's hosts. delay : how far it is behind what happens.
    fetched_after : how long after a minute requests bring its bars. note : what a person should know."""

    host: str
    path: str
    delay: dt.timedelta = dt.timedelta(0)
    fetched_after: dt.timedelta = dt.timedelta(0)
    note: str = ""


@dataclass(frozen=True)
class Gap:
    """Minutes that were missed. begin, end : moments, UTC, whole minutes; the end is not in it. symbols : whose, in
    our spelling, those first that matter most. most : requests that it may take."""

    begin: dt.datetime
    end: dt.datetime
    symbols: Sequence[str]
    most: int


@dataclass(frozen=True)
class Filled:
    """Some of the bars of a gap. missing : symbols that could not be asked for; why : in words. asked : where symbols
    are asked for one by one, those of which all that is there has come, in our spelling."""

    bars: Sequence[MinuteBar]
    missing: int = 0
    why: str = ""
    asked: Sequence[str] = ()


class Minutes(Protocol):
    """A vendor's minute bars by requests, which every feed needs; an object of its own for each session."""

    def way(self, plan: Plan) -> Way:
        """Raises VendorError (``not_entitled``) for a plan that has none, or no stream where there is one."""
        ...

    def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        """Bars of a gap by requests, at the link's pace. Raises VendorError where nothing comes."""
        ...


class Stream(Minutes, Protocol):
    """A vendor's stream of minute bars."""

    def authentication(self, keys: Mapping[str, str]) -> bytes:
        """What is sent once the vendor says `connected`. keys : by our names."""
        ...

    def subscription(self) -> bytes:
        """What is sent once the vendor says `authenticated`: minute bars of everybody."""
        ...

    def read(self, message: bytes) -> Heard:
        """What a message holds; never raises for what a vendor may send."""
        ...


E = TypeVar("E")


def events_of(
    message: bytes, many: msgspec.json.Decoder[list[E]], one: msgspec.json.Decoder[E]
) -> tuple[list[E], int]:
    """The events of a message, an array, and how many cannot be read: those beside them are not lost."""
    try:
        return many.decode(message), 0
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        raws = _RAWS.decode(message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [], 1
    found, bad = [], 0
    for raw in raws:
        try:
            found.append(one.decode(raw))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            bad += 1
    return found, bad


_RAWS = msgspec.json.Decoder(list[msgspec.Raw])

_GIVEN = dict(find_table("minutes").given)


def table_of(bars: Iterable[MinuteBar], received: dt.datetime | None = None) -> pl.DataFrame:
    """Rows of `minutes` as feeds bring them: our spelling, dates and minutes of New York. received : null where none
    is told."""
    columns = list(zip(*bars, strict=True)) or [()] * len(MinuteBar._fields)
    kinds = {name: pl.String if name == "symbol" else pl.Float64 for name in MinuteBar._fields}
    table = pl.DataFrame(
        [pl.Series(name, one, kind, strict=False) for (name, kind), one in zip(kinds.items(), columns, strict=True)]
    )
    local = pl.from_epoch(pl.col("time").cast(pl.Int64)).dt.convert_time_zone(str(NEW_YORK))
    table = table.with_columns(
        symbol=normal_spelling(table["symbol"]),
        session=local.dt.date(),
        minute=local.dt.hour().cast(pl.Int16) * 60 + local.dt.minute(),
        received=pl.lit(received, pl.Datetime("us", "UTC")),
    )
    return table.select(pl.col(name).cast(kind) for name, kind in _GIVEN.items())


def streaming() -> tuple[str, ...]:
    """The names of vendors that stream."""
    return tuple(name for name in vendor_names() if _has(name, "stream"))


def polled() -> tuple[str, ...]:
    """The names of vendors that are asked each minute."""
    return tuple(name for name in vendor_names() if _has(name, "minutes"))


def load_stream(name: str) -> Stream:
    """A vendor's stream; raises OptionError where it has none."""
    made: Callable[[], Stream] = _loaded(name, "stream", streaming())
    return made()


def load_minutes(name: str) -> Minutes:
    """The minutes of a vendor that is asked each minute; raises OptionError for another."""
    made: Callable[[], Minutes] = _loaded(name, "minutes", polled())
    return made()


def _loaded(name: str, file: str, known: tuple[str, ...]) -> Any:
    if name not in known:
        raise OptionError(f"no feed is called {name!r}", f"feeds: {', '.join(known)}", field="source")
    return getattr(importlib.import_module(f"tapescan.vendors.{name}.{file}"), file.upper())


def _has(name: str, file: str) -> bool:
    try:
        return importlib.util.find_spec(f"tapescan.vendors.{name}.{file}") is not None
    except ModuleNotFoundError:  # a vendor of another package has no folder here
        return False
