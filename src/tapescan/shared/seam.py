"""The seam between what is shared and where it lies."""

from __future__ import annotations

import datetime as dt
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from tapescan.core.errors import OptionError
from tapescan.network.limits import Slots

__all__ = ["Budget", "Publication", "Shared", "check_name"]

#: Names of topics and locks: they become names of files and of keys.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Publication:
    """What was published under a topic. number : 1 for the first one, one more for each later. at : when (UTC)."""

    topic: str
    number: int
    at: dt.datetime
    document: bytes


class Budget(Protocol):
    """A vendor's limit, which all who ask it share."""

    def turn(self) -> AbstractContextManager[None]:
        """Ask the vendor within it. Raises VendorError where only one may, and another does."""
        ...

    def slots(self) -> Slots:
        """To take one before each request; made within the turn."""
        ...

    def remember(self) -> None:
        """A request leaves now."""
        ...


class Shared(Protocol):
    """What is shared. Names of topics and locks are letters, digits, dots, dashes and underscores, 100 at most."""

    def budget(self, vendor: str, address: str, requests: int, seconds: float) -> Budget:
        """The limit of a vendor at an address: so many requests in any so many seconds, 0 for none."""
        ...

    def lock(self, name: str) -> AbstractContextManager[bool]:
        """Do something alone: whether nobody else does it now. It is free again once the block, or the process, ends.

        Raises OptionError for a name that is none.
        """
        ...

    def publish(self, topic: str, document: bytes) -> Publication:
        """Put the newest of a topic in the place of the one before. Raises OptionError, FileError."""
        ...

    def newest(self, topic: str, after: int = 0, wait: float = 0.0) -> Publication | None:
        """The newest of a topic with a higher number than `after`; None where there is none within `wait` seconds.

        A number lower than `after` is newer as well where the topic began anew. Raises OptionError, FileError.
        """
        ...


def check_name(name: str) -> str:
    """The name. Raises OptionError for one that cannot be that of a topic or a lock."""
    if not _NAME.fullmatch(name):
        raise OptionError(f"{name!r} is no name of a topic or lock", "use letters, digits, dots, dashes, underscores")
    return name
