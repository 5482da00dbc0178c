"""When this user last asked a vendor: a command started twice in a minute must keep to one minute's limit.

One small file a vendor in the user's cache folder. A file that cannot be read or written costs at most one
"too many requests" from the vendor, never an answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from typing import TextIO

from tapescan.core.errors import VendorError
from tapescan.core.files import user_cache
from tapescan.network.limits import OwnSlots, Slots

__all__ = ["Recent"]

#: Limits over shorter windows are over before a command starts anew.
SHORTEST_WINDOW = 1.0
#: A request reaches the vendor at most so many seconds after it left, a new connection included.
ON_THE_WAY = 1.0


class Recent:
    """The moments of the last requests to a vendor, kept on disk.

    requests, seconds : the vendor's limit, so many requests in any so many seconds; 0 requests for none.
    """

    def __init__(self, vendor: str, address: str, requests: int, seconds: float) -> None:
        place = hashlib.sha256(address.encode()).hexdigest()[:8]
        name = f"asked-{vendor}-{place}.json"
        self.path = user_cache() / name
        self.vendor = vendor
        self.requests, self.seconds = requests, seconds
        self.kept = bool(requests) and seconds >= SHORTEST_WINDOW
        self._moments = self._read() if self.kept else []

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only process of this user that asks this vendor; raises VendorError while another one does.

        Two at once would each keep to the limit, and exceed it together.
        """
        with contextlib.ExitStack() as held:
            if self.kept:
                with contextlib.suppress(OSError):  # as with the moments: an unwritable cache costs no answer
                    self.path.parent.mkdir(parents=True, exist_ok=True)
                    held.enter_context(self._lock(held.enter_context(self.path.with_suffix(".lock").open("w"))))
                self._moments = self._read()
            yield

    @contextlib.contextmanager
    def _lock(self, file: TextIO) -> Iterator[None]:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            hint = "wait until it ends: the vendor's limit is for both together"
            raise VendorError(self.vendor, "throttled", "another sync is asking it now", hint) from error
        yield  # closing the file unlocks it

    def slots(self) -> Slots:
        """Those of this process, which knows of the requests before it."""
        return OwnSlots(self.requests, self.seconds, self.ago())

    def ago(self) -> tuple[float, ...]:
        """Seconds since each request in the plan's window reached the vendor, at least."""
        now = time.time()
        return tuple(
            max(now - moment - ON_THE_WAY, 0.0)
            for moment in self._moments
            if 0.0 <= now - moment < self.seconds + ON_THE_WAY
        )

    def remember(self) -> None:
        """A request leaves now."""
        if not self.kept:
            return
        self._moments = [*self._moments, time.time()][-self.requests :]
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps(self._moments), encoding="utf-8")
            temporary.replace(self.path)

    def _read(self) -> list[float]:
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return []
        return [moment for moment in found if isinstance(moment, float)] if isinstance(found, list) else []
