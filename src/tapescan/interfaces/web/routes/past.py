"""The past: a screen's plot, and breadth."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from tapescan.interfaces.web.described import TABLE
from tapescan.interfaces.web.forms import answer_json, answer_table, chosen_form
from tapescan.interfaces.web.routes.given import FormOf, Market

__all__ = ["router"]

router = APIRouter(tags=["past"])


@router.get("/plot", responses=TABLE, summary="A screen through time")
def plot(
    request: Request,
    market: Market,
    where: Annotated[str, Query(min_length=1, max_length=4000)],
    profile: Annotated[str, Query(max_length=64)] = "",
    horizon: Annotated[int, Query(ge=1, le=252, description="bars that a match is held")] = 5,
    cost: Annotated[float, Query(ge=0.0, le=1000.0, description="basis points each way")] = 10.0,
    sessions: Annotated[int, Query(ge=0, le=20_000, description="the newest so many; 0 for all")] = 0,
    form: FormOf = None,
) -> Response:
    """How many satisfied a condition on each session, and what they earned after costs, beside the whole market."""
    chosen = chosen_form(request, form)
    found = market.plot(where, profile=profile, horizon=horizon, cost=cost, sessions=sessions)
    about = {"where": found.where, "horizon": found.horizon, "cost": found.cost, "notes": found.notes}
    headers = {"cache-control": "private, no-cache", "x-total-count": str(len(found.sessions))}
    return answer_table(found.sessions, chosen, name="plot", headers=headers, about=about)


@router.get("/breadth", responses=TABLE, summary="Breadth through time")
def breadth(
    request: Request, market: Market, profile: Annotated[str, Query(max_length=64)] = "", form: FormOf = None
) -> Response:
    """How many of the eligible rise, stand above their averages and make new highs, on every session."""
    chosen = chosen_form(request, form)
    found = market.breadth(profile)
    headers = {"cache-control": "private, no-cache", "x-total-count": str(len(found.sessions))}
    if chosen == "json":
        return answer_json(found, headers=headers)
    return answer_table(found.sessions, chosen, name="breadth", headers=headers)
