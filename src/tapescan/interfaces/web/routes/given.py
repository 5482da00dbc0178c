"""What routes are given: the market, and what is asked of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Query, Request
from fastapi.routing import APIRoute

from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import OptionError, nearest
from tapescan.interfaces.web.problems import Missing

__all__ = [
    "AskedOf",
    "Day",
    "FormOf",
    "Market",
    "Names",
    "Top",
    "day_of",
    "found_symbol",
    "in_turn",
    "names_of",
    "only_known",
    "several",
    "symbol_of",
    "turns",
]

T = TypeVar("T")

#: Threads that scan the market in memory: one at a time has its turn, the next one is ready.
_THREADS = 2

#: A list: the parameter several times, or names with commas between.
Names = Annotated[list[str], Query(max_length=100)]
Text = Annotated[str, Query(max_length=4000)]
Top = Annotated[int, Query(ge=1, le=20_000, description="rows at most")]
FormOf = Annotated[
    Literal["json", "arrow", "parquet", "csv", "xlsx"] | None, Query(alias="format", description="before Accept")
]
Day = Annotated[str, Query(max_length=10, description="a date, as 2025-12-31")]


# What is given is made at once, not in a thread of its own as what may wait.
async def resident(request: Request) -> Resident:
    found: Resident = request.app.state.resident
    return found


Market = Annotated[Resident, Depends(resident)]


def names_of(route: APIRoute) -> frozenset[str]:
    """The parameters of a query that a route has."""

    def named(dependant: Any) -> Iterator[str]:
        yield from (field.alias for field in dependant.query_params)
        for one in dependant.dependencies:
            yield from named(one)

    return frozenset(named(route.dependant))


async def only_known(request: Request) -> None:
    """Refuse a parameter that the route does not have: misspelt, it would be as if nothing had been asked. A site
    whose pages may read may add what it adds to each request. Raises OptionError."""
    state = request.app.state
    known: frozenset[str] = state.parameters.get(request.scope.get("endpoint"), frozenset())
    for name in request.query_params:
        if name not in known and request.headers.get("origin") not in state.serving.origins:
            hint = nearest(name, known) or (f"one of {', '.join(sorted(known))}" if known else "leave it out")
            raise OptionError(f"there is no parameter {name[:60]!r} here", hint)


def turns() -> CapacityLimiter:
    """An application's, for `in_turn`."""
    return CapacityLimiter(_THREADS)


async def in_turn(request: Request, asked: Asked, work: Callable[[], T]) -> T:
    """Have a thread do what is of a scan. Who waits for the market in memory waits without a thread: many of them,
    all after the same turn, take it from each other. What is read of the store waits apart."""
    limiter = None if asked.as_of else request.app.state.turns
    return await to_thread.run_sync(work, limiter=limiter)


def several(some: list[str]) -> tuple[str, ...]:
    """The names of a list, at those commas that stand in no bracket."""
    from tapescan.scan.request import split_features

    return tuple(name for one in some for name in split_features(one))


async def asked(
    profile: Annotated[str, Query(max_length=64, description="its name; the settings' when empty")] = "",
    screens: Annotated[list[str] | None, Query(max_length=100, description="named screens")] = None,
    where: Annotated[str, Query(max_length=4000, description="a condition over any column")] = "",
    rank_by: Annotated[str, Query(max_length=4000, description="a column or an expression, with asc or desc")] = "",
    features: Annotated[
        list[str] | None, Query(max_length=200, description="further columns, or name = expression")
    ] = None,
    express: Annotated[bool, Query(description="with the best way to trade each plan by options")] = False,
    as_of: Annotated[str, Query(max_length=10, description="the last session whose knowledge counts")] = "",
) -> Asked:
    return Asked(
        profile=profile,
        screens=several(screens or []),
        where=where,
        rank_by=rank_by,
        features=several(features or []),
        express=express,
        as_of=day_of(as_of, "as_of"),
    )


AskedOf = Annotated[Asked, Depends(asked)]


def day_of(text: str, field: str) -> dt.date | None:
    """A date; None for nothing. Raises OptionError for what is none."""
    from tapescan.core.dates import parse_date

    return parse_date(text or None, field)


def found_symbol(market: Resident, symbol: str) -> str:
    """A symbol of the market. Raises Missing, with the nearest ones."""
    if symbol_of(symbol) not in market:
        hint = nearest(symbol, market.symbols()["symbol"].to_list())
        raise Missing(f"no symbol {symbol!r} in this market", hint, field="symbol")
    return symbol


def symbol_of(text: str) -> str:
    """What may be a symbol. Raises OptionError for what cannot."""
    if len(text) > 24 or not text.isprintable():
        raise OptionError("is no symbol", "as AAPL or BRK.B", field="symbol")
    return text
