"""A vendor without a network, for what a sync does with any vendor: its answers are functions."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import ClassVar

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.market.clock import final_at
from tapescan.network.link import Link, Reply
from tapescan.sync import SyncReport
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Problem, Vendor, rows_of

__all__ = ["BARS", "FRIDAY", "NOW", "PLAN", "SYMBOLS", "WEEK", "ByDate", "BySymbol", "Run", "bars_of", "patched"]

FRIDAY = dt.date(2026, 11, 20)
WEEK = [dt.date(2026, 11, day) for day in (16, 17, 18, 19, 20)]
NOW = dt.datetime(2026, 11, 20, 22, 0, tzinfo=dt.UTC)  # one hour after the close of that Friday
PLAN = Plan("free", 0, concurrency=4)
SYMBOLS = tuple(f"S{at:02d}" for at in range(20))
BARS: tuple[str, ...] = ("bars",)

#: Syncs the store of a test from a vendor: `run(vendor, start=WEEK[0], now=NOW, **wishes)`.
Run = Callable[..., SyncReport]


def bars_of(session: dt.date, symbols: Sequence[str] = SYMBOLS, close: float = 10.0) -> pl.DataFrame:
    """Plain bars of a session."""
    count = len(symbols)
    columns = {
        "symbol": list(symbols),
        "session": [session] * count,
        "open": [close] * count,
        "high": [close + 1.0] * count,
        "low": [close - 1.0] * count,
        "close": [close] * count,
        "volume": [1000.0 + session.toordinal() % 500] * count,  # no two days are alike
        "adjusted_to": [None] * count,
    }
    return rows_of("bars", columns)


class _Vendor:
    name: ClassVar[str] = "massive"  # a registered name, since sync looks vendors up
    title: ClassVar[str] = "a vendor without a network"
    plans: ClassVar[tuple[Plan, ...]] = (PLAN,)
    keys: ClassVar[tuple[KeyName, ...]] = ()
    hosts: ClassVar[Mapping[str, str]] = {"": "http://127.0.0.1:9"}
    notes: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.made: list[str] = []
        self.failing: dict[str, VendorError] = {}
        self.under_way = 0
        self.most_under_way = 0

    def headers(self, _keys: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def judge(self, _reply: Reply) -> VendorError | None:
        return None

    async def fetch(self, call: Call, _link: Link) -> AsyncIterator[Batch]:
        self.made.append(call.key)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await asyncio.sleep(0.001)
            if call.key in self.failing:
                raise self.failing[call.key]
            for batch in self.answer(call):
                yield batch
        finally:
            self.under_way -= 1

    def answer(self, call: Call) -> Sequence[Batch]:
        raise NotImplementedError


class ByDate(_Vendor):
    """The whole market of a session in a call. answers : session -> rows, instead of the plain ones."""

    offers: ClassVar[tuple[str, ...]] = ("bars by date",)
    preferred: ClassVar[Mapping[str, int]] = {}
    needs_symbols: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[dt.date, pl.DataFrame] = {}

    def calls(self, ask: Ask) -> Sequence[Call]:
        return [Call(f"bars/{day}", "bars", sessions=(day,), final_at=final_at(day)) for day in ask.sessions]

    def answer(self, call: Call) -> Sequence[Batch]:
        return [Batch("bars", self.answers.get(call.sessions[0], bars_of(call.sessions[0])))]


class BySymbol(_Vendor):
    """Five symbols in a call."""

    offers: ClassVar[tuple[str, ...]] = ("bars by symbol",)
    preferred: ClassVar[Mapping[str, int]] = {}
    needs_symbols: ClassVar[tuple[str, ...]] = ("bars",)

    def calls(self, ask: Ask) -> Sequence[Call]:
        span = f"{ask.sessions[0]}..{ask.sessions[-1]}"
        return [
            Call(
                f"bars/{span}/{some[0]}",
                "bars",
                sessions=ask.sessions,
                symbols=some,
                final_at=final_at(ask.sessions[-1]),
            )
            for some in (ask.symbols[at : at + 5] for at in range(0, len(ask.symbols), 5))
        ]

    def answer(self, call: Call) -> Sequence[Batch]:
        known = [symbol for symbol in call.symbols if symbol in SYMBOLS]
        frames = [bars_of(day, known) for day in call.sessions]
        lost = tuple(Problem("unknown_symbol", symbol=symbol) for symbol in call.symbols if symbol not in SYMBOLS)
        return [Batch("bars", pl.concat(frames), lost)]


def patched(vendor: Vendor) -> Callable[[str], Vendor]:
    """What stands in for `load_vendor`."""
    return lambda _name: vendor
