"""A vendor whose answers are written by hand, for what the invented market does not have."""

from __future__ import annotations

from typing import Any

from tests.fakes import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor, json_reply

__all__ = ["Scripted"]


class Scripted(Vendor):
    """Answers any key. script : pattern of the path -> a document, or what makes one from the query; and a status.

    every : what stands in each document besides.
    """

    name = "scripted"

    def __init__(self, script: dict[str, tuple[Any, int]], every: dict[str, Any] | None = None) -> None:
        super().__init__(FakeMarket(symbols=30, sessions=5))
        self.every = every or {}
        for pattern, (document, status) in script.items():
            self.route(pattern, lambda asked, document=document, status=status: self._made(asked, document, status))

    def _made(self, asked: Asked, document: Any, status: int) -> Reply:
        made = document(asked.query) if callable(document) else document
        return json_reply({**self.every, **made} if self.every else made, status)

    def error(self, _asked: Asked, status: int) -> Reply:
        return json_reply({"message": "scripted"}, status)
