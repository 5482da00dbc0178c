"""A session that is followed beside a server: its newest minute, for all who look."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from tapescan.api.live import LiveMinute, follow_market
from tapescan.core.errors import TapescanError
from tapescan.core.logging import logger
from tapescan.live.feed import Feed

__all__ = ["LiveHub", "Newest"]

#: Rows of a minute's list that are told.
ROWS = 100


class Newest(NamedTuple):
    """number : grows with each minute; 0 before the first."""

    number: int
    minute: dict[str, Any]


class LiveHub:
    """Follows a session in a thread of its own. store, source, pace : as in `follow_market`.

    newest : the newest minute, replaced as a whole.
    """

    def __init__(self, store: str | None, source: str | Feed | None = None, pace: float = 1.0, **asked: Any) -> None:
        self.newest = Newest(0, {})
        given = {"source": source, "pace": pace, **asked}
        threading.Thread(target=self._follow, args=(store, given), name="tapescan-following", daemon=True).start()

    def _follow(self, store: str | None, given: dict[str, Any]) -> None:
        try:
            for minute in follow_market(store, **given):
                self._put(_plain(minute))
        except TapescanError as error:  # a feed that ends leaves the page as it is, and says why
            logger.warning("the session is no longer followed: %s", error)
            self._put({"trouble": str(error)})

    def _put(self, minute: dict[str, Any]) -> None:
        self.newest = Newest(self.newest.number + 1, minute)


def _plain(minute: LiveMinute) -> dict[str, Any]:
    told = minute.to_dict(ROWS)
    if told["scan"]:
        told["scan"].pop("provenance", None)
    return told
