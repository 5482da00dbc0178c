"""A session of minutes played over websockets at any speed, and what a stream can be made to do wrong.

Always: bars late, doubled, wrong at first and then corrected, and out of order. At moments, by a `Fault`:

kind        what happens; at : minutes since midnight in New York, lasts : minutes
drop        the connection is cut
close       the connection is closed with a farewell
half_open   nothing is sent or answered any more over the connection, which stays open
silent      nothing is sent over any connection, while it lasts
malformed   messages of bars are cut in the middle, while it lasts
huge        a message of 20 MB
clock       bars are stamped an hour late, while it lasts
auth        the connection is cut, and the next one's key is refused
busy        the connection is cut, and the next one is told that another has the key
slow        the connection is ended for being slow, in the vendor's words
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
import polars as pl
from aiohttp import WSMsgType, web

from tapescan.live.hours import Clock, end_of, moment_of
from tests.fakes.listing import spelled

__all__ = ["KINDS", "Fault", "Playing", "Words"]

KINDS = ("drop", "close", "half_open", "silent", "malformed", "huge", "clock", "auth", "busy", "slow")
#: Those of one connection, the one that is open then.
_ONCE = frozenset({"drop", "close", "half_open", "huge", "auth", "busy", "slow"})
#: Bars of a message, at most.
_TOGETHER = 200

Row = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    at: float
    kind: str
    lasts: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown misbehaviour {self.kind!r}; one of {', '.join(KINDS)}")


class Words(Protocol):
    """How a vendor speaks over its stream."""

    connected: Row
    authenticated: Row
    subscribed: Row
    refused: Row
    busy: Row
    slow: Row

    def knows(self, asked: Row) -> bool:
        """Whether a client's message holds the right key."""
        ...

    def subscribes(self, asked: Row) -> bool:
        """Whether it asks for the minutes of everybody."""
        ...

    def events(self, row: Row, begins: float, *, corrected: bool) -> Iterator[Row]:
        """A bar. begins : of its minute, UNIX seconds."""
        ...


class Playing:
    """A session.

    rows : the true minutes, columns of `minutes`. vendor : whose spelling. delay : seconds that the stream is late.
    behind : seconds after a minute's end from which requests bring it. late, wrong, doubled : shares of the bars.
    """

    def __init__(
        self,
        rows: pl.DataFrame,
        clock: Clock,
        vendor: str,
        words: Words,
        *,
        faults: Sequence[Fault] = (),
        delay: float = 0.0,
        behind: float = 2.0,
        late: float = 0.01,
        wrong: float = 0.01,
        doubled: float = 0.02,
        seed: int = 3,
    ) -> None:
        self.session: dt.date = rows["session"][0]
        self.end = end_of(self.session)
        self.clock, self.words, self.delay, self.behind = clock, words, delay, behind
        self.faults = list(faults)
        self._midnight = moment_of(self.session, 0).timestamp()
        rows = rows.with_columns(
            symbol=rows["symbol"].replace({one: spelled(one, vendor) for one in rows["symbol"].unique()})
        )
        self._rows = rows.drop("session", "received").to_dicts()
        self.by_symbol: dict[str, list[Row]] = {}
        for row in self._rows:
            self.by_symbol.setdefault(row["symbol"], []).append(row)
        self._plan(np.random.default_rng(seed), late, wrong, doubled)
        #: What was sent, bars; connections that were let in; those that are open.
        self.sent = self.accepted = self.open = 0
        self._next: list[str] = []

    def _plan(self, rng: np.random.Generator, late: float, wrong: float, doubled: float) -> None:
        """When each bar is sent, seconds since midnight."""
        count = len(self._rows)
        ends = np.array([row["minute"] for row in self._rows]) * 60.0 + 60.0 + self.delay
        soon = ends + rng.uniform(0.1, 2.0, count)
        then = soon + rng.uniform(20.0, 170.0, count)
        draw = rng.random((3, count))
        wrongly, lately, twice = draw[0] < wrong, draw[1] < late, draw[2] < doubled
        # (seconds, row, whether it is wrong, whether it corrects one)
        plan: list[tuple[float, int, bool, bool]] = [
            *((at, row, False, False) for row, at in enumerate(np.where(lately, then, soon)) if not wrongly[row]),
            *((soon[row], row, True, False) for row in np.flatnonzero(wrongly).tolist()),
            *((then[row], row, False, True) for row in np.flatnonzero(wrongly).tolist()),
            *((then[row] + 5.0, row, False, False) for row in np.flatnonzero(twice & ~wrongly).tolist()),
        ]
        self._timeline = sorted(plan, key=lambda one: one[0])
        self._times = np.array([one[0] for one in self._timeline])

    def seconds(self) -> float:
        """Since midnight."""
        return self.clock.now().timestamp() - self._midnight

    def moment(self, minute: int) -> float:
        """When a minute begins, UNIX seconds."""
        return self._midnight + minute * 60.0

    # --- what requests bring --------------------------------------------------------------------------

    def minutes(self, symbol: str, begin: float, end: float) -> list[Row]:
        """A symbol's bars that begin in [begin, end), UNIX seconds, as far as they are there; of a minute that has
        not ended a part. Each has `at`, UNIX seconds."""
        now = self.seconds()
        found = []
        for row in self.by_symbol.get(symbol, ()):
            at, past = self._midnight + row["minute"] * 60.0, now - row["minute"] * 60.0
            if not begin <= at < end or past < 0.0:
                continue
            partly = {} if past >= 60.0 + self.behind else {"volume": row["volume"] // 2.0, "close": row["open"]}
            found.append({**row, **partly, "at": at})
        return found

    def newest(self, symbol: str) -> tuple[float, float]:
        """When a symbol's newest bar begins that is there, UNIX seconds (0 for none), and its volume so far."""
        now = self.seconds() - 60.0
        there = [row for row in self.by_symbol.get(symbol, ()) if row["minute"] * 60.0 <= now]
        if not there:
            return 0.0, 0.0
        return self._midnight + there[-1]["minute"] * 60.0, sum(row["volume"] for row in there)

    # --- a connection ---------------------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        try:
            if not await self._greeted(socket):
                return socket
            self.accepted += 1
            self.open += 1
            try:
                await self._played(socket, request)
            finally:
                self.open -= 1
        except (ConnectionError, RuntimeError):  # the client has gone
            pass
        return socket

    async def _greeted(self, socket: web.WebSocketResponse) -> bool:
        words = self.words
        await _say(socket, words.connected)
        asked = await _asked(socket)
        if asked is None:
            return False
        refusal = self._next.pop(0) if self._next else "" if words.knows(asked) else "auth"
        if refusal:
            await _say(socket, words.refused if refusal == "auth" else words.busy)
            await socket.close()
            return False
        await _say(socket, words.authenticated)
        asked = await _asked(socket)
        if asked is None or not words.subscribes(asked):
            return False
        await _say(socket, words.subscribed)
        return True

    async def _played(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        reading = asyncio.create_task(_read(socket))
        place = int(np.searchsorted(self._times, self.seconds(), "right"))
        try:
            while not reading.done():
                now = self.seconds()
                until = int(np.searchsorted(self._times, now, "right"))
                due, place = range(place, until), until
                for at in range(0, len(due), _TOGETHER):
                    await self._send(socket, due[at : at + _TOGETHER], now)
                if (fault := self._due(now)) is not None:
                    if fault.kind == "half_open":
                        reading.cancel()
                        await asyncio.sleep(3600.0)
                    elif not await self._done(fault, socket, request):
                        return
                await asyncio.sleep(max(0.5 / self.clock.speed, 0.002))
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading

    def _due(self, now: float) -> Fault | None:
        for fault in self.faults:
            if fault.kind in _ONCE and fault.at * 60.0 <= now:
                self.faults.remove(fault)
                return fault
        return None

    async def _done(self, fault: Fault, socket: web.WebSocketResponse, request: web.Request) -> bool:
        """Whether the connection goes on."""
        if fault.kind == "huge":
            await socket.send_str('[{"ev":"' + "x" * 20_000_000 + '"}]')
            return True
        if fault.kind == "slow":
            await _say(socket, self.words.slow)
        if fault.kind in ("auth", "busy"):
            self._next.append(fault.kind)
        if fault.kind in ("close", "slow"):
            await socket.close(code=1001 if fault.kind == "close" else 1008)
        elif request.transport is not None:
            request.transport.abort()
        return False

    def _lasts(self, kind: str, now: float) -> bool:
        return any(one.kind == kind and one.at * 60.0 <= now < (one.at + one.lasts) * 60.0 for one in self.faults)

    async def _send(self, socket: web.WebSocketResponse, due: range, now: float) -> None:
        if self._lasts("silent", now):
            return
        off = 3600.0 if self._lasts("clock", now) else 0.0
        events: list[Row] = []
        for place in due:
            _, number, wrong, corrected = self._timeline[place]
            row = self._rows[number]
            if wrong:
                row = {**row, "high": row["high"] * 1.5, "volume": row["volume"] + 7.0}
            events += self.words.events(row, self._midnight + row["minute"] * 60.0 + off, corrected=corrected)
        self.sent += len(due)
        text = msgspec.json.encode(events).decode()
        await socket.send_str(text[: len(text) // 2] if self._lasts("malformed", now) else text)


async def _say(socket: web.WebSocketResponse, word: Row) -> None:
    await socket.send_str(msgspec.json.encode([word]).decode())


async def _asked(socket: web.WebSocketResponse) -> Row | None:
    message = await socket.receive()
    if message.type is not WSMsgType.TEXT:
        return None
    found: Row = msgspec.json.decode(message.data)
    return found


async def _read(socket: web.WebSocketResponse) -> None:
    """Answer heartbeats, until the client goes."""
    async for _ in socket:
        pass
