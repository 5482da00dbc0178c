"""CBOE's delayed quotes: a document a name, no key."""
# ruff: noqa: ARG002 (all handlers have one form)

from __future__ import annotations

import datetime as dt
import zlib
from typing import Any, ClassVar

from tests.fakes.chains import NEW_YORK, FakeChains, FakeContract
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor, json_reply

__all__ = ["Cboe"]


class Cboe(Vendor):
    """The path of section 10. An unknown name is answered with 403 or 404.

    shut : everything is answered with 403.
    """

    name: ClassVar[str] = "cboe"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.chains = FakeChains(market)
        self.shut = False
        self.route(r"/api/global/delayed_quotes/options/(?P<name>[^/]+)\.json", self.chain)

    def error(self, asked: Asked, status: int) -> Reply:
        return Reply(status, f"<?xml version='1.0'?><Error><Code>{status}</Code></Error>".encode(), "application/xml")

    def chain(self, asked: Asked, name: str) -> Reply:
        # BRK.A goes by its root, BRK.B as it is written: how classes are spelled is not documented.
        named = {one if one == "BRK.B" else one.replace(".", ""): one for one in self.chains.symbols}
        named["SPY"] = "SPY"
        if self.shut or name not in named:
            return self.error(asked, 403 if self.shut or zlib.crc32(name.encode()) % 2 else 404)
        return json_reply(self.document(named[name]))

    def document(self, symbol: str) -> dict[str, Any]:
        contracts = self.chains.contracts(symbol)
        rows: Any = [self._row(one, number) for number, one in enumerate(contracts)]
        if self.chains.single and rows:
            rows = rows[0]
        price, at = self.chains.told_price(symbol) if contracts else (None, self.chains.moment)
        # Made anew whenever it is asked for: no moment of a quote.
        made = dt.datetime(2030, 1, 1, 3, 0, tzinfo=dt.UTC)
        data = {
            "symbol": symbol, "security_type": "stock", "current_price": price, "bid": price, "ask": price,
            "prev_day_close": price, "iv30": 31.2, "last_trade_time": _stamp(at), "options": rows,
        }  # fmt: skip
        return {"timestamp": f"{made:%Y-%m-%d %H:%M:%S}", "symbol": symbol, "data": data}

    def _row(self, one: FakeContract, number: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            "option": self.chains.name(one, number),
            "bid": self.chains.bid(one, number),
            "ask": one.ask,
            "bid_size": 5.0,
            "ask_size": 7.0,
            "iv": 0.0,
            "open_interest": float(one.interest[self.chains.turn()]),
            "volume": None if one.volume is None else float(one.volume),
            "last_trade_price": one.last,
            "last_trade_time": one.traded and _stamp(one.traded),
        }
        if number % 7:  # greeks may be missing
            row |= {"delta": 0.5, "gamma": 0.01, "vega": 0.1, "theta": -0.01, "rho": 0.02, "theo": one.ask}
        return row


def _stamp(moment: dt.datetime) -> str:
    return f"{moment.astimezone(NEW_YORK):%Y-%m-%dT%H:%M:%S}"


FAKE = Cboe
