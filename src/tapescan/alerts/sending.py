"""The sender: a thread of its own that takes what is due from the outbox, and marks what came of it.

One message at a time goes to an address, in the order of the alerts; an address that hangs holds up no other. What
was sent and could not be marked before a kill is sent again, with the same id.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping

from tapescan.alerts.delivery import Address, deliver
from tapescan.alerts.outbox import Delivery, Outbox
from tapescan.core.errors import TapescanError
from tapescan.core.logging import logger
from tapescan.network.posting import Poster, posting

__all__ = ["Sender"]

#: Seconds between looks at the outbox where nothing wakes the sender.
LOOKS = 1.0


class Sender:
    """Sends what an outbox holds. tick : called about once a second. end : stops, after what is due was tried."""

    def __init__(
        self, outbox: Outbox, addresses: Mapping[str, Address], tick: Callable[[], None] | None = None
    ) -> None:
        self.outbox, self.addresses = outbox, addresses
        self._tick = tick or (lambda: None)
        #: What ended it, where that was no wish.
        self.failure: BaseException | None = None
        self._ending = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tapescan-alerts", daemon=True)

    def begin(self) -> None:
        """Start it."""
        self._thread.start()
        self._ready.wait()

    def wake(self) -> None:
        """There is something new in the outbox."""
        if self._loop is not None and self._woken is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._woken.set)

    def end(self, patience: float = 10.0) -> None:
        """Stop it: what is due now is tried first. patience : seconds that are waited for it."""
        self._ending = True
        self.wake()
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            asyncio.run(self._send())
        except BaseException as error:  # noqa: BLE001 (raised where the session is followed)
            self.failure = error
        finally:
            self._ready.set()

    async def _send(self) -> None:
        self._loop, self._woken = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        busy: dict[str, asyncio.Task[None]] = {}
        async with posting() as poster:
            while True:
                for name in [name for name, task in busy.items() if task.done()]:
                    busy.pop(name).result()
                ending = self._ending  # read before the look: what was kept before the end is seen by it
                found = await asyncio.to_thread(self._look, [*busy])
                for one in found:
                    if one.address not in busy:
                        task = asyncio.create_task(self._deliver(one, poster))
                        task.add_done_callback(lambda _: self._woken.set() if self._woken else None)
                        busy[one.address] = task
                if ending and not busy:
                    return
                try:
                    async with asyncio.timeout(LOOKS):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                self._woken.clear()

    def _look(self, busy: list[str]) -> list[Delivery]:
        """What is due; the outbox may be away for now, with its disk."""
        try:
            self._tick()
            return self.outbox.due(time.time(), busy)
        except TapescanError as error:
            logger.warning("alerts cannot be looked for: %s", error)
            return []

    async def _deliver(self, one: Delivery, poster: Poster) -> None:
        address = self.addresses.get(one.address)
        try:
            if address is None:
                await asyncio.to_thread(self.outbox.failed, one, f"no rule names {one.address} any more")
                return
            posted = await deliver(one.message, address, poster)
            if posted.taken:
                await asyncio.to_thread(self.outbox.sent, one, posted.said)
            else:
                logger.warning("alert %s to %s: %s", one.message.id, one.address, posted.said)
                await asyncio.to_thread(self.outbox.failed, one, posted.said, posted.wait)
        except TapescanError as error:  # it is not marked, and so sent again
            logger.warning("alert %s to %s: %s", one.message.id, one.address, error)
            await asyncio.sleep(LOOKS)
