"""Alpaca: bars of many symbols at once, assets, corporate actions, snapshots.

A request holds a few hundred symbols and pages of 10,000 bars, so a session of the whole market takes some sixty
requests. Data and trading have hosts of their own.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from tapescan.core.errors import OptionError, VendorError
from tapescan.market import clock
from tapescan.network.link import Link, Reply
from tapescan.vendors.alpaca import bars as alpaca_bars
from tapescan.vendors.alpaca import options as alpaca_options
from tapescan.vendors.alpaca import reference as alpaca_market
from tapescan.vendors.alpaca.replies import FEWER_MAY_DO, PAGE_ROWS, to_vendor
from tapescan.vendors.chunks import chunk_name, in_chunks
from tapescan.vendors.seam import Ask, Batch, Call, KeyName, Plan, Span

__all__ = ["Alpaca", "to_vendor"]

KEY = "TAPESCAN_ALPACA_KEY"
SECRET = "TAPESCAN_ALPACA_SECRET"  # noqa: S105 (the name of a variable)

#: Symbols of one request; no limit is documented, an address has a longest length.
CHUNK = 200
#: Symbols of a wish that are looked up when they do not come; of the whole market's, nobody asks why.
FEW = 50
#: Sessions further apart than this are not fetched in one window.
GAP = dt.timedelta(days=14)
#: The free plan refuses a request that reaches into the last 15 minutes; one more for clocks that differ.
FREE_DELAY = dt.timedelta(minutes=16)
#: The vendor's history begins here.
FIRST_YEAR = 2016


class _Message(msgspec.Struct):
    message: str = ""


_MESSAGE = msgspec.json.Decoder(_Message)


class Alpaca:
    """Bars by symbol (raw, consolidated tape), assets, splits, dividends, snapshots, option chains."""

    name: ClassVar[str] = "alpaca"
    title: ClassVar[str] = "Alpaca"
    offers: ClassVar[tuple[str, ...]] = (
        "bars by symbol",
        "universe",
        "splits",
        "dividends",
        "snapshot",
        "option chains",
    )
    preferred: ClassVar[Mapping[str, int]] = {"universe": 2, "actions": 2, "bars": 2, "snapshot": 2, "options": 2}
    needs_symbols: ClassVar[tuple[str, ...]] = ("bars", "options")
    plans: ClassVar[tuple[Plan, ...]] = (
        Plan(
            "free",
            200,
            60.0,
            concurrency=8,
            note="the tape 15 minutes late; chains of the indicative feed: late trades, modified quotes",
        ),
        Plan("plus", 10_000, 60.0, concurrency=16),
    )
    keys: ClassVar[tuple[KeyName, ...]] = (
        KeyName(KEY, "an API key ID of Alpaca", ("APCA_API_KEY_ID", "ALPACA_API_KEY")),
        KeyName(SECRET, "the secret key that belongs to it", ("APCA_API_SECRET_KEY", "ALPACA_SECRET_KEY")),
    )
    # Keys of a paper account are known to another trading host, paper-api.alpaca.markets.
    hosts: ClassVar[Mapping[str, str]] = {
        "": "https://data.alpaca.markets",
        "trading": "https://api.alpaca.markets",
        "stream": "https://stream.data.alpaca.markets",
    }
    notes: ClassVar[tuple[str, ...]] = (
        "bars by symbol: it needs a listing first; history begins in 2016",
        "the listing does not tell funds from shares, has no sectors, and does not say when a symbol was delisted",
        "a paper account's keys need TAPESCAN_ALPACA_TRADING_URL=https://paper-api.alpaca.markets for the listing",
    )

    def headers(self, keys: Mapping[str, str]) -> Mapping[str, str]:
        named = {KEY: "APCA-API-KEY-ID", SECRET: "APCA-API-SECRET-KEY"}
        return {header: keys[name] for name, header in named.items() if name in keys}

    def judge(self, reply: Reply) -> VendorError | None:
        """Bad keys are 401 by the specification and 403 by the vendor's answers to questions; a request that is
        refused for what is in it is told apart, since fewer symbols may do."""
        if reply.status == 200:
            return None
        try:
            said = _MESSAGE.decode(reply.body).message
        except msgspec.MsgspecError:
            said = ""
        if reply.status == 401 or (reply.status == 403 and said.rstrip(".") == "forbidden"):
            what = f"{reply.path}: HTTP {reply.status}: the keys are not accepted"
            return VendorError(self.name, "bad_key", what, f"check {KEY} and {SECRET}", fatal=True)
        if reply.status == 403 and "recent SIP" in said:
            what = f"{reply.path}: this plan has no data of the last 15 minutes"
            return VendorError(self.name, "not_entitled", what, "sync again later, or check this computer's clock")
        if reply.status in (400, 413, 414, 422, 431):
            what = f"{reply.path}: the request is refused with HTTP {reply.status}: {said[:160] or 'no reason given'}"
            return VendorError(self.name, "bad_reply", what, FEWER_MAY_DO)
        return None

    # --- what a wish takes ----------------------------------------------------------------------------

    def calls(self, ask: Ask) -> Sequence[Call]:
        if ask.via:
            raise OptionError(f"{self.name} has no way {ask.via!r}", "it has one way only")
        match ask.what:
            case "bars":
                return self._bars(ask)
            case "universe":
                few = tuple(sorted(set(ask.symbols)))
                key = f"universe/{chunk_name(few)}" if few else "universe"
                return [
                    Call(
                        key,
                        "universe",
                        requests=2 if few else 1,
                        symbols=few,
                        lasts=dt.timedelta(hours=12),
                    )
                ]
            case "actions":
                return self._actions(ask)
            case "snapshot":
                return self._snapshot(ask)
            case "options":
                _need_symbols(ask, self.name)
                return alpaca_options.calls_of_chains(ask)
            case _:
                raise OptionError(f"{self.name} has no {ask.what}", f"it offers {', '.join(self.offers)}")

    def _bars(self, ask: Ask) -> list[Call]:
        _need_symbols(ask, self.name)
        latest = ask.now - FREE_DELAY if ask.plan.name == "free" else None
        calls = []
        for sessions in _windows(ask.sessions):
            first, last = sessions[0], sessions[-1]
            start = dt.datetime.combine(first, dt.time(), clock.NEW_YORK)
            end = dt.datetime.combine(last, dt.time(23, 59, 59), clock.NEW_YORK)
            args = {
                "start": _utc(start),
                "end": _utc(end if latest is None else min(end, latest)),
                "asked_at": ask.now.isoformat(),
                "look_up": "yes" if len(ask.symbols) <= FEW else "",
            }
            calls += [
                Call(
                    f"bars/{first}..{last}/{chunk_name(chunk)}",
                    "bars",
                    requests=max(math.ceil(len(chunk) * len(sessions) / PAGE_ROWS), 1),
                    sessions=sessions,
                    symbols=chunk,
                    final_at=clock.final_at(last),
                    args=args,
                )
                for chunk in in_chunks(ask.symbols, CHUNK)
            ]
        return calls

    def _actions(self, ask: Ask) -> list[Call]:
        """By quarters of the date of processing, by which the vendor filters; it comes with or after the ex-date,
        for a dividend that is paid late by months."""
        since = ask.since or dt.date(FIRST_YEAR, 1, 1)
        today = clock.session_of(ask.now)
        quarters = _quarters(since - dt.timedelta(days=7), ask.until + dt.timedelta(days=120))
        return [
            Call(
                f"actions/{since}..{ask.until}/{first}..{last}{f'/{chunk_name(chunk)}' if chunk else ''}",
                "actions",
                requests=1 if chunk else _pages_of_actions(first, min(last, today)),
                symbols=chunk,
                lasts=dt.timedelta(hours=12),
                args={
                    "start": first.isoformat(),
                    "end": last.isoformat(),
                    "since": since.isoformat(),
                    "until": ask.until.isoformat(),
                },
                span=None if chunk else Span(since, ask.until, pieces=len(quarters)),
            )
            for first, last in quarters
            for chunk in (in_chunks(ask.symbols, CHUNK) if ask.symbols else [()])
        ]

    def _snapshot(self, ask: Ask) -> list[Call]:
        _need_symbols(ask, self.name)
        return [
            Call(
                f"snapshot/{chunk_name(chunk)}",
                "snapshot",
                symbols=chunk,
                lasts=dt.timedelta(minutes=1),
                # The free plan has the consolidated tape late only.
                args={"feed": "delayed_sip" if ask.plan.name == "free" else "sip"},
            )
            for chunk in in_chunks(ask.symbols, CHUNK)
        ]

    # --- fetching -------------------------------------------------------------------------------------

    async def fetch(self, call: Call, link: Link) -> AsyncIterator[Batch]:
        parts = {
            "bars": alpaca_bars.bars,
            "universe": alpaca_market.universe,
            "actions": alpaca_market.actions,
            "snapshot": alpaca_market.snapshot,
            "options": alpaca_options.chains,
        }
        async for batch in parts[call.what](call, link):
            yield batch


def _pages_of_actions(first: dt.date, last: dt.date) -> int:
    """Pages of 1,000 of what is processed from one day to another: a quarter's dividends of the whole market are some
    6,000. Of days to come little is known yet."""
    return max(math.ceil((last - first).days * 6.0 / 91.0), 1)


def _need_symbols(ask: Ask, vendor: str) -> None:
    if not ask.symbols:
        raise OptionError(f"{vendor} gives {ask.what} by symbol, and none is named", "sync the universe first")


def _utc(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _windows(sessions: Sequence[dt.date]) -> list[tuple[dt.date, ...]]:
    """Sessions in runs that are fetched at once: of one calendar quarter, and none far from the next."""
    windows: list[list[dt.date]] = []
    for day in sorted(sessions):
        before = windows[-1][-1] if windows else None
        if before is None or _quarter(day) != _quarter(before) or day - before > GAP:
            windows.append([])
        windows[-1].append(day)
    return [tuple(window) for window in windows]


def _quarter(day: dt.date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


def _quarters(begin: dt.date, end: dt.date) -> list[tuple[dt.date, dt.date]]:
    """The calendar quarters from ``begin`` to ``end``, both included, cut off there."""
    parts = []
    while begin <= end:
        year, quarter = _quarter(begin)
        following = dt.date(year + quarter // 3, (quarter + 1) % 4 * 3 + 1, 1)
        parts.append((begin, min(following - dt.timedelta(days=1), end)))
        begin = following
    return parts


VENDOR = Alpaca
