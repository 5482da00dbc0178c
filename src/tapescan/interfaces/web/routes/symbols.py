"""One symbol: its explanation, its bars with any column of bars, its options."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tapescan.api.resident import MOST_RANKED, RANKED, Asked
from tapescan.core.errors import OptionError
from tapescan.interfaces.web.described import TABLE
from tapescan.interfaces.web.forms import answer_json, answer_table, chosen_form
from tapescan.interfaces.web.problems import Missing
from tapescan.interfaces.web.routes.given import AskedOf, FormOf, Market, day_of, found_symbol, several, symbol_of

__all__ = ["router"]

router = APIRouter(tags=["symbols"])

BarColumns = Annotated[list[str] | None, Query(max_length=50, description="columns of bars beside the prices")]
Bars = Annotated[int, Query(ge=1, le=20_000)]
AsOf = Annotated[str, Query(max_length=10, description="as they were known then; now when empty")]


@router.get("/symbols", responses=TABLE, summary="All symbols")
def symbols(request: Request, market: Market, form: FormOf = None) -> Response:
    """Who was asked for, with what a listing says of them."""
    frame = market.symbols()
    headers = {"x-total-count": str(len(frame)), "cache-control": "private, no-cache"}
    return answer_table(frame, chosen_form(request, form), name="symbols", headers=headers)


@router.get("/symbols/{symbol}", summary="A symbol explained")
def symbol(market: Market, asked: AskedOf, symbol: str) -> Response:
    """Its row of the scan, what each factor and model saw, votes, statements and suspect bars."""
    told = market.explain(found_symbol(market, symbol), asked).to_dict()
    told["scan"].pop("timings", None)
    return answer_json(told, headers={"cache-control": "private, no-cache"})


@router.get("/symbols/{symbol}/bars", responses=TABLE, summary="A symbol's bars")
def bars(
    request: Request,
    market: Market,
    symbol: str,
    columns: BarColumns = None,
    sessions: Bars = 250,
    as_of: AsOf = "",
    form: FormOf = None,
) -> Response:
    """Its newest bars up to a day, oldest first, in the shares of the last session of them; the last row has the
    values of a scan as of the day."""
    day, wanted = day_of(as_of, "as_of"), several(columns or [])
    if day is None:
        frame = market.bars(found_symbol(market, symbol), wanted, sessions)
    else:
        symbol_of(symbol)
        try:  # who was there then need not be today
            frame = market.bars(symbol, wanted, sessions, day)
        except OptionError as error:
            if error.field != "symbol":
                raise
            raise Missing(error.what, error.hint, field="symbol") from error
    headers = {"x-total-count": str(len(frame)), "cache-control": "private, no-cache"}
    return answer_table(frame, chosen_form(request, form), name=f"bars-{symbol}", headers=headers)


@router.get("/bars", responses=TABLE, summary="A symbol's bars, for callers that fill in queries alone")
def bars_of(
    request: Request,
    market: Market,
    symbol: Annotated[str, Query(max_length=24)],
    columns: BarColumns = None,
    sessions: Bars = 250,
    as_of: AsOf = "",
    form: FormOf = None,
) -> Response:
    """As `/symbols/{symbol}/bars`."""
    return bars(request, market, symbol, columns, sessions, as_of, form)


@router.get("/symbols/{symbol}/ranks", responses=TABLE, summary="A symbol's rank through time")
def ranks(
    request: Request,
    market: Market,
    symbol: str,
    profile: Annotated[str, Query(max_length=64, description="whose ranking; the settings' when empty")] = "",
    as_of: Annotated[str, Query(max_length=10, description="the last session; the newest when empty")] = "",
    sessions: Annotated[int, Query(ge=1, le=MOST_RANKED)] = RANKED,
    form: FormOf = None,
) -> Response:
    """Its rank and score on each session, oldest first, as scans as of them have it, null where it was not ranked,
    beside how many were. `symbol` is what its company was called then."""
    asked = Asked(profile=profile, as_of=day_of(as_of, "as_of"))
    frame = market.ranks(found_symbol(market, symbol), asked, sessions)
    headers = {"x-total-count": str(len(frame)), "cache-control": "private, no-cache"}
    return answer_table(frame, chosen_form(request, form), name=f"ranks-{symbol}", headers=headers)


@router.get("/symbols/{symbol}/options", summary="A symbol's options")
def options(
    market: Market,
    asked: AskedOf,
    symbol: str,
    expiry: Annotated[str, Query(max_length=10, description="this expiry alone")] = "",
) -> Response:
    """Its chain, the fit of each expiry, and the ways to trade its plan."""
    found = market.express(found_symbol(market, symbol), asked, expiry)
    return answer_json(found.to_dict(), headers={"cache-control": "private, no-cache"})


@router.get("/closes", summary="Closes of several symbols")
def closes(
    market: Market,
    symbols: Annotated[list[str], Query(max_length=100, description="those without bars are left out")],
    sessions: Annotated[int, Query(ge=2, le=64)] = 63,
) -> Response:
    """Their newest closes, oldest first, for small pictures: by symbol, null before the first one."""
    return answer_json(
        {"closes": market.closes(several(symbols)[:100], sessions)}, headers={"cache-control": "private, no-cache"}
    )
