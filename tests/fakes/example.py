"""The example vendor: bars of a session, and the listing, as two JSON documents."""
# ruff: noqa: ARG002 (all handlers have one form)

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from tests.fakes.listing import spelled
from tests.fakes.market import FakeMarket
from tests.fakes.reply import KEY, Asked, Reply, Vendor, json_reply

__all__ = ["Example"]


class Example(Vendor):
    """Both paths."""

    name: ClassVar[str] = "example"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.route(r"/bars/(?P<day>[^/]+)", self.bars)
        self.route(r"/symbols", self.symbols)

    def refused(self, asked: Asked) -> Reply | None:
        return None if asked.headers.get("authorization", "") == f"Bearer {KEY}" else self.error(asked, 401)

    def error(self, asked: Asked, status: int) -> Reply:
        return json_reply({"error": str(status)}, status)

    def bars(self, asked: Asked, day: str) -> Reply:
        session = dt.date.fromisoformat(day)
        row = self.market.row(session)
        if "wrong_date" in asked.flags and row:
            session = self.market.sessions[row - 1]
        names = ("symbol", "open", "high", "low", "close", "volume")
        found = self.market.bars(session).select(names).to_dicts() if row is not None else []
        bars = [one | {"symbol": spelled(one["symbol"], "massive")} for one in found]
        return json_reply({"day": str(session), "count": len(bars), "bars": bars}, rows="json:bars")

    def symbols(self, asked: Asked) -> Reply:
        day, listed = self.market.visible_until, []
        for one in self.market.listing:
            gone = self.market.delisted_on(one)
            if one.exchange != "OTC" and self.market.sessions[one.first] <= day and (gone is None or gone > day):
                listed.append({"symbol": spelled(one.symbol, "massive"), "name": one.name, "exchange": one.exchange})
        return json_reply({"symbols": listed}, rows="json:symbols")


FAKE = Example
