"""Alpaca's daily bars of some symbols over some sessions."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence

import polars as pl

from tapescan.core.errors import VendorError
from tapescan.market import clock
from tapescan.network.link import Link
from tapescan.tables.registry import schema_of
from tapescan.vendors.alpaca.reference import assets
from tapescan.vendors.alpaca.replies import BARS, PAGE_ROWS, bar_table, in_pages, is_refusal, to_vendor
from tapescan.vendors.seam import Batch, Call, Problem, rows_of

__all__ = ["bars"]

_PATH = "/v2/stocks/bars"
_VALUES = ("open", "high", "low", "close", "volume")
#: That none of so many symbols has a bar on a session says something of the vendor, not of them.
_MANY = 50
#: So many single symbols refused before any was answered: it is not the symbols that are wrong.
_HOPELESS = 8


async def bars(call: Call, link: Link) -> AsyncIterator[Batch]:
    """Raw bars of the call's symbols on its sessions, one batch.

    Raises VendorError: not_ready, empty (none of many symbols has any bar), wrong_day, bad_reply.
    """
    asked_at = dt.datetime.fromisoformat(call.args["asked_at"])
    # A bar of an unfinished session would be taken for a whole one.
    sessions = [day for day in call.sessions if clock.ready_at(day) <= asked_at]
    if not sessions:
        raise link.error(
            "not_ready", f"{call.sessions[-1]}: not there yet", "sync again twenty minutes after the close"
        )
    problems = [Problem("not_ready", "not there yet", session=day) for day in call.sessions if day not in sessions]
    table, refused = await _fetched(call, link)
    problems += refused
    table = table.filter(pl.col("session").is_in(sessions))
    known = {problem.symbol for problem in refused}
    missing = sorted(set(call.symbols) - set(table["symbol"]) - known)
    if len(call.symbols) >= _MANY:
        bare = sorted(set(sessions) - set(table["session"]))
        if len(bare) == len(sessions):
            raise link.error(
                "empty",
                f"{sessions[0]} to {sessions[-1]}: no bar of any of {len(call.symbols)} symbols",
                "sync again",
            )
        problems += [Problem("empty", f"no bar of any of {len(call.symbols)} symbols", session=day) for day in bare]
    problems += await _why(call, missing, link)
    yield Batch("bars", table, tuple(problems))


async def _fetched(call: Call, link: Link) -> tuple[pl.DataFrame, list[Problem]]:
    """The bars of the call's symbols; in halves where the vendor refuses the request, down to single symbols."""
    left: list[Sequence[str]] = [call.symbols]
    tables = [rows_of("bars")]
    problems: list[Problem] = []
    refused = 0
    while left:
        symbols = left.pop()
        try:
            table, found = await _asked(call, symbols, link)
        except VendorError as error:
            if not is_refusal(error):
                raise
            if len(symbols) > 1:
                middle = len(symbols) // 2
                left += [symbols[middle:], symbols[:middle]]
                continue
            refused += 1
            if len(tables) == 1 and refused >= min(_HOPELESS, len(call.symbols)):
                raise link.error("bad_reply", error.what.removeprefix(f"{link.vendor}: ")) from None
            # Others were asked for in the same way and answered: it is this symbol that the vendor does not take.
            problems.append(Problem("unknown_symbol", error.what, symbols[0]))
            continue
        tables.append(table)
        problems += found
    return pl.concat(tables), problems


async def _asked(call: Call, symbols: Sequence[str], link: Link) -> tuple[pl.DataFrame, list[Problem]]:
    """The bars of some symbols, all pages; one symbol's may be on two."""
    ours = {to_vendor(symbol): symbol for symbol in symbols}
    params: dict[str, str | int] = {
        "symbols": ",".join(ours),
        "timeframe": "1Day",
        "start": call.args["start"],
        "end": call.args["end"],
        "adjustment": "raw",
        "feed": "sip",
        "limit": PAGE_ROWS,
        "sort": "asc",
    }
    # Pages may come shorter than they could be, but hardly one for each symbol and some more.
    most = len(symbols) + 10 + len(symbols) * len(call.sessions) // PAGE_ROWS
    tables = [pl.DataFrame(schema={**schema_of("bars"), "midnight": pl.Boolean()})]
    async for page in in_pages(link, _PATH, BARS, params, most):
        if strangers := [text for text in page.bars or () if text not in ours]:
            raise link.error("bad_reply", f"{_PATH}: brought {strangers[0]}, which was not asked for")
        tables.append(bar_table(page.bars or {}, ours))
    return _checked(pl.concat(tables), call, link)


def _checked(table: pl.DataFrame, call: Call, link: Link) -> tuple[pl.DataFrame, list[Problem]]:
    first, last = call.sessions[0], call.sessions[-1]
    lacking = pl.any_horizontal(pl.col("session", *_VALUES).is_null())
    # A missing time is a row that cannot be used; a time that is no midnight says that the answer is another one.
    inside = pl.col("session").is_between(first, last).fill_null(value=True)
    other = table.filter(~(pl.col("midnight") & inside))
    if len(other):
        symbol, day = other.select("symbol", "session").row(0)
        raise link.error(
            "wrong_day", f"{_PATH}: {len(other)} bars, the first {symbol} on {day}, are not days of {first} to {last}"
        )
    refused = table.filter(lacking)
    problems = [
        Problem("refused_rows", "a value is missing", symbol, day)
        for symbol, day in refused.select("symbol", "session").iter_rows()
    ]
    return table.filter(~lacking).drop("midnight"), problems


async def _why(call: Call, missing: Sequence[str], link: Link) -> list[Problem]:
    """Why symbols have no bar at all. The vendor leaves out those that it does not know and those that did not
    trade alike; its list of assets knows more, and is asked where a person named the symbols."""
    span = f"{call.sessions[0]} to {call.sessions[-1]}"
    unsure = [Problem("no_trades", f"no bar from {span}, or unknown to the vendor", symbol) for symbol in missing]
    if not missing or not call.args["look_up"]:
        return unsure
    try:
        status = {
            asset.symbol: asset.status for wanted in ("active", "inactive") for asset in await assets(link, wanted)
        }
    except VendorError:
        # The trading host may not know the keys (a paper account's); the bars are good all the same.
        return unsure
    problems = []
    for symbol in missing:
        match status.get(to_vendor(symbol)):
            case None:
                problems.append(Problem("unknown_symbol", "not among the assets", symbol))
            case "active":
                problems.append(Problem("no_trades", f"no bar from {span}", symbol))
            case _:
                problems.append(Problem("delisted", "an inactive asset", symbol))
    return problems
