"""The option chains of the invented market: the truth that every fake vendor writes in its own form.

Calls and puts of a strike differ by the price of the share less the strike, so that a chain's own parity is its
underlying's price. The contracts of AAPL hold what is odd about contracts: see `FakeChains.odd`.
"""

from __future__ import annotations

import datetime as dt
import math
import zlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import polars as pl

from tapescan.market.calendar import previous_session
from tests.fakes.market import FakeMarket

__all__ = ["NEW_YORK", "FakeChains", "FakeContract", "nanoseconds"]

NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class FakeContract:
    """interest : open interest after the session, and after the one before. shares : that it delivers."""

    symbol: str
    root: str
    expiry: dt.date
    strike: float
    put: bool
    bid: float | None
    ask: float | None
    last: float | None
    volume: int | None
    traded: dt.datetime | None
    interest: tuple[int, int]
    quoted: dt.datetime
    shares: int = 100

    @property
    def occ(self) -> str:
        return f"{self.root}{self.expiry:%y%m%d}{'CP'[self.put]}{round(self.strike * 1000):08d}"


class FakeChains:
    """Chains of the newest visible session, quoted just before its close.

    cleared : the vendor's snapshot is empty, as after midnight: zeros for quotes. gone : it has no contract at all.
    late : how much earlier (negative: later) the underlying's price is than the quotes; moved : by which factor.
    flapping : open interest is that of either of two days, by turns. at : when quotes were made, for all contracts.
    texts, misnamed : so many contracts of a chain have text for a bid, a symbol that is none. single : a chain has
    one contract, which stands without its list.
    """

    def __init__(self, market: FakeMarket) -> None:
        self.market = market
        self.cleared = False
        self.gone = False
        self.late = dt.timedelta(0)
        self.moved = 1.0
        self.flapping = False
        self.texts = 0
        self.misnamed = 0
        self.single = False
        self.at: dt.datetime | None = None
        self._turns = 0
        self._made: dict[object, list[FakeContract]] = {}
        self._named: dict[object, list[str]] = {}
        self._prices: dict[object, float] = {}

    @property
    def day(self) -> dt.date:
        return self.market.visible_until

    @property
    def moment(self) -> dt.datetime:
        return self.at or dt.datetime.combine(self.day, dt.time(15, 59, 50), NEW_YORK)

    @property
    def symbols(self) -> list[str]:
        """Who has options: shares and funds that traded on the session."""
        if (self.day, self.market.revision) in self._named:
            return self._named[self.day, self.market.revision]
        kinds = ("CS", "ETF", "ADRC")
        there = set(self.market.bars(self.day)["symbol"])
        listed = [one for one in self.market.listing if one.type in kinds and one.exchange != "OTC"]
        found = sorted(one.symbol for one in listed if one.symbol in there)
        self._named[self.day, self.market.revision] = found
        return found

    def price(self, symbol: str) -> float:
        """Of the underlying, when its options were quoted."""
        key = (symbol, self.day, self.market.revision)
        if key not in self._prices:
            self._prices[key] = float(self.market.history(symbol)["close"][-1])
        return self._prices[key]

    def told_price(self, symbol: str) -> tuple[float, dt.datetime]:
        """What a vendor says of the underlying, and of when."""
        return round(self.price(symbol) * self.moved, 4), self.moment - self.late

    def name(self, one: FakeContract, number: int) -> str:
        """The symbol of a chain's contract of that number, as it is told."""
        return "BROKEN" if number < self.misnamed else one.occ

    def bid(self, one: FakeContract, number: int) -> float | str | None:
        return "n/a" if number < self.texts else one.bid

    def turn(self) -> int:
        """Which of two days' open interest is told now."""
        self._turns += self.flapping
        return self._turns % 2

    # --- contracts ------------------------------------------------------------------------------------

    def contracts(self, symbol: str) -> list[FakeContract]:
        """Three expirations of five strikes, in the order of their symbols; odd ones with AAPL."""
        if self.gone or symbol not in self.symbols:
            return []
        key = (symbol, self.day, self.market.revision, self.moment, self.cleared)
        if key not in self._made:
            self._made[key] = self._contracts(symbol)
        return self._made[key]

    def _contracts(self, symbol: str) -> list[FakeContract]:
        spot, root = self.price(symbol), symbol.replace(".", "")
        step = max(0.5, round(spot * 0.1) / 2)
        middle = max(round(spot / step), 3)
        found = []
        for weeks in (1, 5, 18):
            expiry = self.day + dt.timedelta(days=7 * weeks)
            for at in range(-2, 3):
                strike = round((middle + at) * step, 2)
                found += [self._contract(symbol, root, expiry, strike, put, spot) for put in (False, True)]
        found += self.odd(found) if symbol == "AAPL" else []
        if self.cleared:
            found = [replace(one, bid=0.0, ask=0.0) for one in found]
        return sorted(found, key=lambda one: one.occ)

    def _contract(
        self, symbol: str, root: str, expiry: dt.date, strike: float, put: bool, spot: float
    ) -> FakeContract:
        time = (expiry - self.day).days / 365
        worth = max(strike - spot if put else spot - strike, 0.0)
        worth += 0.12 * spot * math.sqrt(time) * math.exp(-(((strike / spot - 1.0) / 0.3) ** 2))
        half = max(round(worth * 0.02, 2), 0.01)
        mark = zlib.crc32(f"{root}{expiry}{strike}{put}".encode())
        # One in four traded last on the session before; one in nine never did.
        day = self.day if mark % 4 else previous_session(self.day)
        traded = None if mark % 9 == 0 else dt.datetime.combine(day, dt.time(14, mark % 60, 5), NEW_YORK)
        return FakeContract(
            symbol,
            root,
            expiry,
            strike,
            put,
            round(max(worth - half, 0.0), 2),
            round(worth + half, 2),
            None if traded is None else round(worth, 2),
            None if traded is None else 1 + mark % 500,
            traded,
            (mark % 3000, mark % 2000),
            self.moment - dt.timedelta(seconds=mark % 9),
        )

    def odd(self, plain: list[FakeContract]) -> list[FakeContract]:
        """Without a quote; without a bid; crossed; of another deliverable; expired; in a strike of thirds."""
        one = plain[4]
        return [
            replace(one, strike=1.0, bid=None, ask=None, last=None, volume=None, traded=None),
            replace(one, strike=901.0, bid=0.0, ask=0.05),
            replace(one, strike=902.0, bid=1.2, ask=1.1),
            replace(one, root="AAPL1", shares=150),
            replace(one, expiry=self.day - dt.timedelta(days=7), strike=903.0),
            replace(one, strike=33.335),
        ]

    def stored(self, symbols: Collection[str] | None = None) -> pl.DataFrame:
        """What a store should have of them: symbol, session, expiration, root, strike, side, bid, ask, last, volume,
        traded, open_interest; in the order of their key. Volume of another day than the session's is null."""
        rows = [
            (
                one.symbol,
                self.day,
                one.expiry,
                one.root,
                one.strike,
                "put" if one.put else "call",
                one.bid,
                one.ask,
                one.last,
                float(one.volume) if one.volume is not None and self._today(one) else None,
                one.traded and one.traded.date(),
                float(one.interest[0]),
            )
            for symbol in self.symbols
            if symbols is None or symbol in symbols
            for one in self.contracts(symbol)
            if one.expiry >= self.day
        ]
        return pl.DataFrame(rows, schema=_STORED, orient="row").sort(list(_STORED)[:6])

    def _today(self, one: FakeContract) -> bool:
        return one.traded is not None and one.traded.date() == self.day


_TEXTS = ("symbol", "root", "side")
_STORED: dict[str, pl.DataType] = {
    name: pl.Date()
    if name in ("session", "expiration", "traded")
    else pl.String()
    if name in _TEXTS
    else pl.Float64()
    for name in (
        *("symbol", "session", "expiration", "root", "strike", "side", "bid", "ask", "last", "volume", "traded"),
        "open_interest",
    )
}


def nanoseconds(moment: dt.datetime) -> int:
    """Since 1970."""
    return int(moment.timestamp()) * 1_000_000_000 + 123_456_789
