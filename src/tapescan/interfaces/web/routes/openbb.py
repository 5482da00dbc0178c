"""What the OpenBB Workspace reads of a backend, at the root and beside REST."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from tapescan.api.resident import Resident
from tapescan.interfaces.web.forms import answer_json
from tapescan.interfaces.web.openbb import apps, widgets
from tapescan.interfaces.web.routes.given import Market

__all__ = ["router"]

router = APIRouter(tags=["OpenBB"])


@router.get("/widgets.json", summary="The widgets of the OpenBB Workspace")
def widgets_json(request: Request, market: Market) -> Response:
    """The list, a symbol's bars, breadth and the data's status, with the parameters that REST has."""
    return answer_json(_widgets(_base(request), market), headers={"cache-control": "private, no-cache"})


@router.get("/apps.json", summary="The pages of the OpenBB Workspace")
def apps_json(request: Request, market: Market) -> Response:
    """One page, with all widgets."""
    base = _base(request)
    return answer_json(apps(base, _widgets(base, market)), headers={"cache-control": "private, no-cache"})


def _base(request: Request) -> str:
    """Addresses of widgets begin where the list of them lies."""
    return "" if request.url.path.startswith("/api/v1/") else "api/v1/"


def _widgets(base: str, market: Resident) -> dict[str, dict[str, Any]]:
    from tapescan.core.settings import setting
    from tapescan.scan.profile import profile_names

    first = market.scan().best(1)
    some = first["symbol"] if len(first) else market.symbols()["symbol"]
    return widgets(
        base,
        symbol=some[0] if len(some) else "",
        columns=first.columns,
        profiles=profile_names(),
        profile=setting("profile"),
    )
