"""Pace: requests at a vendor's published limit, never above it and hardly below.

A vendor counts the requests that reach it in some window: a sliding one, one that begins with each minute, or a
bucket that refills. A pace is safe for all of them. It gives out one slot for each permitted request; a slot
is free again one window after the answer to its request *began*. The request reached the vendor before that,
and the next one in this slot leaves a window after it, so that no window of the vendor's own holds more than
the permitted number, whatever the network's delays do and whatever its clock says.

The price is one answer time a window: 60.05 s instead of 60 s for a minute's requests at 50 ms.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

__all__ = ["OwnSlots", "Pace", "Slots"]

#: Slots are given out this much later than the arithmetic says, for timers that fire early.
EARLY = 0.001


class Slots(Protocol):
    """The slots of a limit: of this process alone, or shared with others (`tapescan.shared`)."""

    async def take(self) -> None:
        """Wait until one is free, and have it. One task at a time asks."""
        ...

    def give_back(self) -> None:
        """The answer to a request that has one began: it is free again one window from now."""
        ...

    def is_open(self) -> bool:
        """Whether one is free."""
        ...


class OwnSlots:
    """So many requests in any so many seconds, of one event loop.

    requests : 0 for no limit. seconds : the window. spent : seconds since each request that an earlier process of
    this user made in the last window.
    """

    def __init__(self, requests: int, seconds: float, spent: tuple[float, ...] = ()) -> None:
        self.requests, self.seconds = requests, seconds
        self._free: collections.deque[float] = collections.deque()
        self._spent = spent
        self._begun = False
        self._returned = asyncio.Event()

    async def take(self) -> None:
        if not self.requests:
            return
        loop = asyncio.get_running_loop()
        if not self._begun:
            self._begin(loop.time())
        while not self._free:  # all slots belong to requests under way
            self._returned.clear()
            await self._returned.wait()
        while (left := self._free[0] - loop.time()) > 0.0:
            await asyncio.sleep(left)
        self._free.popleft()

    def give_back(self) -> None:
        if self.requests:
            self._free.append(asyncio.get_running_loop().time() + self.seconds + EARLY)
            self._returned.set()

    def is_open(self) -> bool:
        return not self.requests or (bool(self._free) and self._free[0] <= asyncio.get_running_loop().time())

    def _begin(self, now: float) -> None:
        self._begun = True
        old = sorted(now - ago + self.seconds + EARLY for ago in self._spent if ago < self.seconds)
        old = old[-self.requests :]
        self._free.extend([now] * (self.requests - len(old)))
        self._free.extend(old)


class Pace:
    """A limit of so many requests in any so many seconds, shared by all tasks of one event loop.

    requests : 0 for no limit. seconds : the window. concurrency : most requests under way at once.
    slots : those of the limit; this process's own when None.
    """

    def __init__(self, requests: int, seconds: float, concurrency: int = 8, slots: Slots | None = None) -> None:
        self.requests = requests
        self.seconds = seconds
        self.slots = slots or OwnSlots(requests, seconds)
        self._under_way = asyncio.Semaphore(concurrency)
        self._turn = asyncio.Lock()
        self._paused_until = 0.0
        #: Called as each request leaves.
        self.on_send: Callable[[], None] = lambda: None
        self.waited = 0.0
        self.sent = 0

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[Callable[[], None]]:
        """Wait for a turn; the block is one request, from sending to having its answer.

        What it gives is to be called when the answer begins; without that, the answer counts from its end on.
        """
        answered = False

        def answer() -> None:
            nonlocal answered
            if not answered:
                answered = True
                self.slots.give_back()

        async with self._under_way:
            await self._wait()
            try:
                self.sent += 1
                self.on_send()
                yield answer
            finally:
                answer()  # also for a request that failed: nobody knows whether the vendor counted it

    def is_open(self) -> bool:
        """Whether a request could leave at once, but for a pause."""
        return self.slots.is_open()

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        # One task at a time looks for a slot, so that turns are taken in order.
        async with self._turn:
            await self._paused()
            await self.slots.take()
            await self._paused()
        self.waited += loop.time() - begun

    async def _paused(self) -> None:
        while (left := self._paused_until - asyncio.get_running_loop().time()) > 0.0:
            await asyncio.sleep(left)

    def pause(self, seconds: float) -> None:
        """No request leaves for so many seconds: the vendor asked for it. What is under way goes on."""
        until = asyncio.get_running_loop().time() + max(seconds, 0.0)
        self._paused_until = max(self._paused_until, until)
