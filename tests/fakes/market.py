"""The invented market that all fake vendors serve: the truth that an adapter's answers are compared with.

Bars are dense arrays ``(sessions, symbols)``, prices as int32 of 1/10,000 dollar, so that 12,000 symbols over 252
sessions take about 100 MB and every price is a decimal that JSON carries exactly.
"""

from __future__ import annotations

import bisect
import datetime as dt
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tapescan.market.calendar import next_session
from tapescan.market.calendar import sessions as exchange_sessions
from tests.fakes.listing import Security, universe

if TYPE_CHECKING:
    from tests.fakes.statements import Statements

__all__ = ["Dividend", "FakeMarket", "Split"]

EPOCH = dt.date(1970, 1, 1)
_UNIT = 10_000


@dataclass(frozen=True)
class Split:
    """``new`` shares for ``old`` old ones, from the session ``ex_date`` on."""

    symbol: str
    ex_date: dt.date
    old: int
    new: int

    @property
    def ratio(self) -> float:
        return self.new / self.old


@dataclass(frozen=True)
class Dividend:
    """Dollars a share, as paid on the shares of that time. kind : recurring or special."""

    symbol: str
    ex_date: dt.date
    amount: float
    kind: str


class FakeMarket:
    """Bars, splits, dividends, listing and statements of invented companies; the same for the same arguments.

    symbols : at least the special ones of `listing.SPECIAL`. sessions, end : the last so many sessions up to ``end``.

    visible_until : the newest session that vendors show; set it earlier, and later again, for a new day to appear.
    revision : grows with each `correct`, so that servers know when their kept answers are old.
    """

    def __init__(
        self, symbols: int = 200, sessions: int = 60, end: dt.date = dt.date(2026, 11, 20), seed: int = 1
    ) -> None:
        self._days = known = exchange_sessions(end - dt.timedelta(days=sessions * 2 + 30), end)[-sessions:]
        if len(known) < sessions:
            raise AssertionError(f"fewer than {sessions} sessions before {end}")
        self.sessions: list[dt.date] = [EPOCH + dt.timedelta(days=int(day)) for day in known]
        self.end = self.sessions[-1]
        self.visible_until = self.end
        self.revision = 0
        self.seed = seed
        random = np.random.default_rng(seed)
        self.listing: list[Security] = universe(symbols, sessions, random)
        self.symbols = [row.symbol for row in self.listing]
        self.place = {symbol: number for number, symbol in enumerate(self.symbols)}
        self._session_place = {day: number for number, day in enumerate(self.sessions)}
        self._lock = threading.Lock()
        self._factors: tuple[dt.date, NDArray[np.float64]] | None = None
        self.splits = self._make_splits(random)
        self._make_bars(random)
        self.dividends = self._make_dividends(random)

    # --- what tests ask for ---------------------------------------------------------------------------

    def row(self, day: dt.date) -> int | None:
        """The place of a session that vendors show; None for any other day."""
        return self._session_place.get(day) if day <= self.visible_until else None

    def bars(self, day: dt.date, adjusted: bool = False) -> pl.DataFrame:
        """The bars of one session: symbol, open, high, low, close, volume, and n and vw (null where not known).

        adjusted : as a vendor adjusts on the newest visible day: by splits, prices rounded to 1/10,000.
        """
        row = self._session_place[day]
        there = np.flatnonzero(self.present[row])
        unknown = self.no_vw[row, there]
        prices = {name: array[row, there] / _UNIT for name, array in self._prices().items()}
        volume = self.volume[row, there]
        if adjusted:
            factor = self.split_factors[row, there]
            prices = {name: np.round(price * factor, 4) for name, price in prices.items()}
            volume = np.round(volume / factor, 6)
        vwap = np.round((prices["high"] + prices["low"] + 2 * prices["close"]) / 4, 4)
        return pl.DataFrame(
            {
                "symbol": [self.symbols[place] for place in there],
                **prices,
                "volume": volume,
                "n": pl.Series(self.trades[row, there]).cast(pl.Int64),
                "vw": vwap,
            }
        ).with_columns(pl.when(~pl.lit(pl.Series(unknown))).then(pl.col(name)).alias(name) for name in ("n", "vw"))

    def history(self, symbol: str) -> pl.DataFrame:
        """All visible raw bars of one symbol: session, open, high, low, close, volume, n, vw."""
        place = self.place[symbol]
        rows = np.flatnonzero(self.present[: bisect.bisect_right(self.sessions, self.visible_until), place])
        prices = {name: array[rows, place] / _UNIT for name, array in self._prices().items()}
        return pl.DataFrame(
            {
                "session": pl.Series(self._days[rows]).cast(pl.Date),
                **prices,
                "volume": self.volume[rows, place],
                "n": self.trades[rows, place].astype(np.int64),
                "vw": np.round((prices["high"] + prices["low"] + 2 * prices["close"]) / 4, 4),
            }
        )

    def truth(
        self, start: dt.date | None = None, until: dt.date | None = None, symbols: Iterable[str] | None = None
    ) -> pl.DataFrame:
        """The raw visible bars as a store should hold them, sorted: symbol, session, open, high, low, close, volume.

        Without symbols: all but those traded over the counter.
        """
        wanted = {row.symbol for row in self.listing if row.exchange != "OTC"} if symbols is None else set(symbols)
        frames = [
            self.bars(day).select("symbol", pl.lit(day).alias("session"), "open", "high", "low", "close", "volume")
            for day in self.sessions
            if (start or self.sessions[0]) <= day <= min(until or self.end, self.visible_until)
        ]
        return pl.concat(frames).filter(pl.col("symbol").is_in(list(wanted))).sort("symbol", "session")

    def close_before(self, symbol: str, day: dt.date) -> float | None:
        """The raw close of the last bar before a day; None when there is none."""
        place = self.place[symbol]
        rows = np.flatnonzero(self.present[: bisect.bisect_left(self.sessions, day), place])
        return float(self.close[rows[-1], place]) / _UNIT if len(rows) else None

    def correct(self, symbol: str, day: dt.date, *, close: float | None = None, volume: float | None = None) -> None:
        """A late correction of one bar: a close (high and low follow it where they must) or a volume."""
        row, place = self._session_place[day], self.place[symbol]
        with self._lock:
            if close is not None:
                units = round(close * _UNIT)
                self.close[row, place] = units
                self.high[row, place] = max(self.high[row, place], units)
                self.low[row, place] = min(self.low[row, place], units)
            if volume is not None:
                self.volume[row, place] = volume
            self.revision += 1

    def remove(self, symbol: str, day: dt.date) -> None:
        """A bar that the vendors take back."""
        with self._lock:
            self.present[self._session_place[day], self.place[symbol]] = False
            self.revision += 1

    def delisted_on(self, security: Security) -> dt.date | None:
        """The first session on which it was no longer listed; None for a listed one."""
        return next_session(self.sessions[security.last]) if security.delisted else None

    @property
    def split_factors(self) -> NDArray[np.float64]:
        """What brings raw prices to the share basis of the newest visible day, as factors: (sessions, symbols)."""
        if self._factors is None or self._factors[0] != self.visible_until:
            factors = np.ones((len(self.sessions), len(self.symbols)))
            for split in self.splits:
                if split.ex_date <= self.visible_until:
                    before = bisect.bisect_left(self.sessions, split.ex_date)
                    factors[:before, self.place[split.symbol]] /= split.ratio
            self._factors = (self.visible_until, factors)
        return self._factors[1]

    def factor(self, symbol: str, day: dt.date) -> float:
        """What a raw price of a session is multiplied by to be in the share basis of the newest visible day."""
        return float(self.split_factors[self._session_place[day], self.place[symbol]])

    @cached_property
    def statements(self) -> Statements:
        """What the companies have filed."""
        from tests.fakes.statements import Statements

        return Statements(self)

    # --- making it ------------------------------------------------------------------------------------

    def _prices(self) -> dict[str, NDArray[np.int32]]:
        return {"open": self.open, "high": self.high, "low": self.low, "close": self.close}

    def _make_splits(self, random: np.random.Generator) -> list[Split]:
        count = len(self.sessions)
        half, third, two_thirds = self.sessions[count // 2], self.sessions[count // 3], self.sessions[2 * count // 3]
        announced = self.end
        for _ in range(5):
            announced = next_session(announced)
        found = [
            Split("SPLT", half, 1, 4),
            Split("SPLT", announced, 1, 2),
            Split("RSPL", two_thirds, 10, 1),
            Split("TWOS", third, 1, 3),
            Split("TWOS", two_thirds, 2, 3),
        ]
        for number in range(len(found), len(self.listing), 61):
            security = self.listing[number]
            if security.type == "CS" and security.symbol not in _UNSPLIT and security.last - security.first > 2:
                ex = self.sessions[int(random.integers(security.first + 1, security.last + 1))]
                old, new = ((1, 2), (1, 3), (1, 10), (20, 1), (5, 1), (100, 105))[int(random.integers(6))]
                found.append(Split(security.symbol, ex, old, new))
        return found

    def _make_bars(self, random: np.random.Generator) -> None:
        rows, columns = len(self.sessions), len(self.listing)
        shape = (rows, columns)
        first = np.array([security.first for security in self.listing])
        last = np.array([security.last for security in self.listing])
        when = np.arange(rows)[:, None]
        present = (when >= first) & (when <= last)
        rarely = random.random(columns) < 0.1
        present &= ~(rarely & (random.random(shape, np.float32) < 0.05))
        volatility = random.uniform(0.005, 0.04, columns).astype(np.float32)
        steps = random.standard_normal(shape, np.float32) * volatility
        start = np.log(random.lognormal(3.3, 1.0, columns).clip(1.2, 900.0))
        start[self.place["PNNY"]] = np.log(0.35)
        path = np.exp(start + steps.cumsum(axis=0, dtype=np.float64) * 0.5)
        path[:, self.place["PNNY"]] = np.clip(path[:, self.place["PNNY"]], 0.1, 0.9)
        for split in self.splits:  # raw prices before a split are those of the larger or smaller shares
            before = bisect.bisect_left(self.sessions, split.ex_date)
            if before < rows:
                path[:before, self.place[split.symbol]] *= split.ratio
        close = path.clip(0.02, 200_000.0)
        opened = (close * np.exp(random.standard_normal(shape, np.float32) * volatility * 0.5)).clip(0.02, 200_000.0)
        above = np.exp(np.abs(random.standard_normal(shape, np.float32)) * volatility * 0.4)
        below = np.exp(-np.abs(random.standard_normal(shape, np.float32)) * volatility * 0.4)
        self.open, self.close = _units(opened), _units(close)
        self.high = _units((np.maximum(opened, close) * above).clip(0.02, 210_000.0))
        self.low = _units((np.minimum(opened, close) * below).clip(0.01, None))
        level = random.normal(11.5, 1.8, columns)
        volume = np.rint(np.exp(level + random.standard_normal(shape, np.float32) * 0.5)).clip(1.0)
        fraction = random.integers(1, 1000, shape, np.int32) / 1000.0
        broken = random.random(shape, np.float32) < 0.03
        broken[:, self.place["FLOT"]] = True
        self.volume = np.round(np.where(broken, volume + fraction, volume), 3)
        self.trades = np.maximum(volume / 90.0, 1.0).astype(np.int32)
        self.no_vw = random.random(shape, np.float32) < 0.002
        self.no_vw[:, self.place["NOVW"]] = True
        for symbol in _WHOLE:
            place = self.place[symbol]
            present[:, place] = (when[:, 0] >= first[place]) & (when[:, 0] <= last[place])
        present[rows // 2, self.place["HALT"]] = False
        present[:, self.place["THIN"]] = np.arange(rows) % 3 == 0
        self.present = present

    def _make_dividends(self, random: np.random.Generator) -> list[Dividend]:
        rows = len(self.sessions)
        found = []
        payers = [n for n, s in enumerate(self.listing) if s.type in ("CS", "ETF", "PFD") and n % 3 == 0]
        for number in sorted({self.place["DIVI"], *payers}):
            security = self.listing[number]
            for row in range(security.first + int(random.integers(1, 63)), security.last + 1, 63):
                price = self.close[row, number] / _UNIT
                found.append(Dividend(security.symbol, self.sessions[row], _amount(price), "recurring"))
        middle = self.sessions[rows // 2]
        found.append(Dividend("DIVI", middle, 2.5, "special"))
        return sorted(found, key=lambda paid: (paid.ex_date, paid.symbol))


#: Whose history has no accidental holes, and no accidental split.
_WHOLE = (
    "AAPL",
    "BRK.A",
    "BRK.B",
    "KIM",
    "KIM^L",
    "RAC",
    "NA",
    "TRUE",
    "SPLT",
    "RSPL",
    "TWOS",
    "DIVI",
    "LATE",
    "GONE",
    "HALT",
)
_UNSPLIT = frozenset((*_WHOLE, "THIN", "FLOT", "NOVW", "PNNY", "FORN", "BLNK", "OTCXX"))


def _amount(price: float) -> float:
    return max(round(float(price) * 0.006, 4), 0.0001)


def _units(price: NDArray[np.floating]) -> NDArray[np.int32]:
    """Rounded as exchanges quote: cents from a dollar on, 1/10,000 dollar below."""
    cents = np.rint(price * 100.0) * 100.0
    units: NDArray[np.int32] = np.where(price >= 1.0, cents, np.rint(price * _UNIT)).astype(np.int32)
    return units


def identifier(*parts: object) -> str:
    """A stable invented identifier of eight hexadecimal digits."""
    return f"{zlib.crc32('/'.join(map(str, parts)).encode()):08x}"
