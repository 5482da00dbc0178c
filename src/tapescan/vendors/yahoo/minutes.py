"""Yahoo's minutes of a session that runs: a chart a symbol, asked for each minute.

Its prices are those of today's shares, so of today they are raw. The last row of a session that runs is a live quote,
stamped with its second: it is no minute's bar.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib.util
from collections.abc import AsyncIterator
from typing import TypeAlias
from urllib.parse import quote

import msgspec
import numpy as np

from tapescan.core.errors import VendorError
from tapescan.core.typing import Floats
from tapescan.market.clock import session_of
from tapescan.network.link import Link
from tapescan.vendors.seam import Plan
from tapescan.vendors.streams import Filled, Gap, MinuteBar, Way
from tapescan.vendors.yahoo.bars import Answer, Unusable, seven_digits
from tapescan.vendors.yahoo.vendor import to_vendor
from tapescan.vendors.yahoo.way import CHART, OF_ONE_SYMBOL, THREADS, Charts, absent
from tapescan.vendors.yahoo.way import Way as Route

__all__ = ["MINUTES", "YahooMinutes", "read_minutes"]

#: Symbols between which what came is handed on.
_TOGETHER = 5 * THREADS
_NAMES = ("open", "high", "low", "close", "volume")
_NOTE = (
    "yahoo's interface is unofficial and its limit a guess: it is asked for each symbol each minute, and may refuse"
    " this address at any time"
)
#: Yahoo has nothing of a symbol, and asking again would not change that.
_NOTHING = frozenset({"unknown_symbol", "no_trades"})

#: A symbol, its bars, and why there are none.
_Came: TypeAlias = tuple[str, list[MinuteBar], VendorError | None]

_ANSWER = msgspec.json.Decoder(Answer)


class YahooMinutes:
    """Charts of one minute a row, before the opening too."""

    def __init__(self) -> None:
        self._charts = Charts()

    def way(self, plan: Plan) -> Way:
        del plan  # there is one
        if importlib.util.find_spec("yfinance") is None:  # said before anything is read
            raise absent()
        return Way("", CHART, note=_NOTE)

    async def fill(self, gap: Gap, link: Link) -> AsyncIterator[Filled]:
        """A symbol that fails costs itself alone. Raises VendorError for a refusal, and when as many symbols fail one
        after another as are asked for at once: those after them would fail too."""
        route = await self._charts.way(link)
        symbols = gap.symbols[: gap.most]
        if left := len(gap.symbols) - len(symbols):
            yield Filled((), left, f"Yahoo is asked symbol by symbol, at most {gap.most:,} times")
        failures = _Failures()
        places = asyncio.Semaphore(THREADS)

        async def one(symbol: str) -> _Came | None:
            async with places:
                if failures.grave is not None:
                    return None
                try:
                    found = await self._minutes(symbol, gap, route)
                except VendorError as error:
                    failures.add(error)
                    return symbol, [], error
                failures.end()
                return symbol, found, None

        try:
            for at in range(0, len(symbols), _TOGETHER):
                async with asyncio.TaskGroup() as group:
                    tasks = [group.create_task(one(symbol)) for symbol in symbols[at : at + _TOGETHER]]
                yield _filled([came for task in tasks if (came := task.result()) is not None])
                if (grave := failures.grave) is not None:
                    raise grave
        except asyncio.CancelledError:
            self._charts.give_up(route)
            raise

    async def _minutes(self, symbol: str, gap: Gap, route: Route) -> list[MinuteBar]:
        link, spelled = route.link, to_vendor(symbol)
        path = CHART + quote(spelled)
        params: dict[str, str | int] = {
            "period1": round(gap.begin.timestamp()),
            "period2": round(gap.end.timestamp()),
            "interval": "1m",
            "includePrePost": "true",
        }
        reply = await self._charts.reply(route, path, params)
        answer: Answer = await link.decode(reply, _ANSWER)
        try:
            found = read_minutes(answer, spelled, gap)
        except Unusable as error:
            raise link.error(error.reason, f"{path}: {error}", "it is asked for again") from error
        return [bar._replace(symbol=symbol) for bar in found]


def read_minutes(answer: Answer, symbol: str, gap: Gap) -> list[MinuteBar]:
    """The bars of a chart of minutes that lie in a gap. symbol : in Yahoo's spelling.

    A row without a price or a volume is left out, as is one that does not begin with its minute: a live quote. Of two
    of a minute the later one counts.
    Raises Unusable for a chart of something else, of uneven length, or of other days.
    """
    if not answer.chart.result:
        raise Unusable("bad_reply", "neither a result nor an error")
    result = answer.chart.result[0]
    if result.meta.symbol.upper() != symbol.upper() or result.meta.dataGranularity != "1m":
        raise Unusable("bad_reply", f"is of {result.meta.symbol} by {result.meta.dataGranularity}")
    quotes = result.indicators.quote
    columns = [getattr(quotes[0], name) if quotes else [] for name in _NAMES]
    if any(len(column) != len(result.timestamp) for column in columns):
        raise Unusable("truncated", f"{len(result.timestamp)} minutes, but other numbers of prices or volumes")
    whole = [row for row in zip(result.timestamp, *columns, strict=True) if row[0] % 60 == 0]
    begin, end = gap.begin.timestamp(), gap.end.timestamp()
    if whole and not any(begin <= row[0] < end for row in whole):
        asked, day = session_of(gap.begin), session_of(dt.datetime.fromtimestamp(abs(whole[0][0]) % 2**32, dt.UTC))
        if day != asked:
            raise Unusable("wrong_day", f"minutes of {day}, where {asked} was asked for")
    rows = {row[0]: row for row in whole if begin <= row[0] < end and None not in row}
    if not rows:
        return []
    table: Floats = np.array([*rows.values()], dtype=np.float64)
    table[:, 1:5] = seven_digits(table[:, 1:5])
    bars = (MinuteBar.of(symbol, time, values) for time, *values in table.tolist())
    return [bar for bar in bars if bar is not None]


class _Failures:
    """Errors that are not of one symbol for sure. grave : after it nothing more is asked for."""

    def __init__(self) -> None:
        self.grave: VendorError | None = None
        self._row = 0

    def add(self, error: VendorError) -> None:
        if error.reason in OF_ONE_SYMBOL | _NOTHING:
            return
        self._row += 1
        if self.grave is None and (error.fatal or error.reason == "throttled" or self._row >= THREADS):
            self.grave = error

    def end(self) -> None:
        """A symbol came."""
        self._row = 0


def _filled(came: list[_Came]) -> Filled:
    failed = [(symbol, error) for symbol, _, error in came if error is not None and error.reason != "no_trades"]
    why = next((f"{symbol}: {error.what.partition(': ')[2]}" for symbol, error in failed), "")
    return Filled(
        [bar for _, bars, _ in came for bar in bars],
        len(failed),
        why,
        [symbol for symbol, _, error in came if error is None or error.reason in _NOTHING],
    )


MINUTES = YahooMinutes
