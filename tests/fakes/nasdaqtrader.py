"""The Nasdaq Trader symbol directory: two text files with a header and a footer."""
# ruff: noqa: ARG002 (all handlers have one form)

from __future__ import annotations

import datetime as dt
from typing import ClassVar
from zoneinfo import ZoneInfo

from tests.fakes.listing import TEST_ISSUES, Security, spelled
from tests.fakes.market import FakeMarket
from tests.fakes.reply import Asked, Reply, Vendor

__all__ = ["NasdaqTrader"]

_NASDAQ = "Symbol|Security Name|Market Category|Test Issue|Financial Status|Round Lot Size|ETF|NextShares"
_OTHER = "ACT Symbol|Security Name|Exchange|CQS Symbol|ETF|Round Lot Size|Test Issue|NASDAQ Symbol"
_EXCHANGES = {"XNYS": "N", "XASE": "A", "ARCX": "P", "BATS": "Z"}


class NasdaqTrader(Vendor):
    """Paths of section 8: what is listed on the newest visible day, and test issues."""

    name: ClassVar[str] = "nasdaqtrader"

    def __init__(self, market: FakeMarket, plan: str = "paid") -> None:
        super().__init__(market, plan)
        self.route(r"/dynamic/SymDir/nasdaqlisted\.txt", self.nasdaq)
        self.route(r"/dynamic/SymDir/otherlisted\.txt", self.other)

    def error(self, asked: Asked, status: int) -> Reply:
        return Reply(status, f"<html><head><title>{status}</title></head></html>".encode(), "text/html")

    def nasdaq(self, asked: Asked) -> Reply:
        rows: list[str] = []
        for security in self._listed():
            if security.exchange != "XNAS":
                continue
            category = "QGS"[len(rows) % 3]
            status = "NNNNNDEQ"[len(rows) % 8]
            fund = "" if security.symbol == "BLNK" else ("Y" if security.type == "ETF" else "N")
            name = f"{security.name} - {_words(security)}"
            rows.append(f"{spelled(security.symbol, 'nasdaq')}|{name}|{category}|N|{status}|100|{fund}|N")
        rows += [f"{symbol}|NASDAQ TEST STOCK|Q|Y|N|100|N|N" for symbol in TEST_ISSUES]
        return self._file(asked, _NASDAQ, rows)

    def other(self, asked: Asked) -> Reply:
        rows = []
        for security in self._listed():
            if security.exchange in ("XNAS", "OTC"):
                continue
            act, cqs, nasdaq = (spelled(security.symbol, column) for column in ("act", "cqs", "nasdaq"))
            fund = "Y" if security.type == "ETF" else "N"
            exchange, name = _EXCHANGES[security.exchange], f"{security.name} {_words(security)}"
            rows.append(f"{act}|{name}|{exchange}|{cqs}|{fund}|100|N|{nasdaq}")
        rows.append("ATEST|NYSE American Test One Common Stock|A|ATEST|N|100|Y|ATEST")
        return self._file(asked, _OTHER, rows)

    def _listed(self) -> list[Security]:
        day = self.market.visible_until
        found = []
        for security in self.market.listing:
            gone = self.market.delisted_on(security)
            if self.market.sessions[security.first] <= day and (gone is None or gone > day):
                found.append(security)
        return sorted(found, key=lambda security: security.symbol)

    def _file(self, asked: Asked, header: str, rows: list[str]) -> Reply:
        now = dt.datetime.fromtimestamp(asked.now, ZoneInfo("America/New_York"))
        footer = f"File Creation Time: {now:%m%d%Y%H:%M}" + "|" * header.count("|")
        text = "\r\n".join([header, *rows, footer]) + "\r\n"
        return Reply(200, text.encode(), "text/plain", rows="pipe")


def _words(security: Security) -> str:
    words = {"CS": "Common Stock", "PFD": "Depositary Shares Preferred", "WARRANT": "Warrants", "UNIT": "Units"}
    return words.get(security.type, {"ADRC": "American Depositary Shares"}.get(security.type, "Fund Shares"))


FAKE = NasdaqTrader
