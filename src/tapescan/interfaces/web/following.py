"""A session that is followed beside a server: its minutes, for all who listen."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tapescan.api.live import LiveMinute, follow_market
from tapescan.core.errors import TapescanError
from tapescan.core.logging import logger

__all__ = ["LiveHub"]

#: Rows of a minute's list that are told.
ROWS = 100


class LiveHub:
    """Follows a session in a thread of its own. store, source, pace : as in `follow_market`."""

    def __init__(self, store: str | None, source: str | None = None, pace: float = 1.0, **asked: Any) -> None:
        self._given = {"source": source, "pace": pace, **asked}
        self._store = store
        self._news = threading.Condition()
        self._number = 0
        self._minute: dict[str, Any] | None = None
        threading.Thread(target=self._follow, name="tapescan-following", daemon=True).start()

    def _follow(self) -> None:
        try:
            for minute in follow_market(self._store, **self._given):
                self._put(self._plain(minute))
        except TapescanError as error:  # a feed that ends leaves the page as it is, and says why
            logger.warning("the session is no longer followed: %s", error)
            self._put({"trouble": str(error)})

    def _plain(self, minute: LiveMinute) -> dict[str, Any]:
        told = minute.to_dict(ROWS)
        if told["scan"]:
            told["scan"].pop("provenance", None)
        return told

    def _put(self, minute: dict[str, Any]) -> None:
        with self._news:
            self._number, self._minute = self._number + 1, minute
            self._news.notify_all()

    async def after(self, number: int, seconds: float) -> tuple[int, dict[str, Any] | None]:
        """The newest minute once it is another one than that of a number; None after so many seconds."""
        return await asyncio.to_thread(self._wait, number, seconds)

    def _wait(self, number: int, seconds: float) -> tuple[int, dict[str, Any] | None]:
        with self._news:
            came = self._news.wait_for(lambda: self._number != number, seconds)
            return (self._number, self._minute) if came else (number, None)
