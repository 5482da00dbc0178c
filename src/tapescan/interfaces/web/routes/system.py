"""What the market is, its store's health, models and alerts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from tapescan.interfaces.web.forms import answer_json
from tapescan.interfaces.web.routes.given import Market
from tapescan.market.eligibility import REASONS
from tapescan.version import __version__

__all__ = ["router"]

router = APIRouter(tags=["system"])


@router.get("/overview", summary="What the market is")
def overview(request: Request, market: Market) -> Response:
    """Its newest session, how far it is behind, its regime, whether it is simulated; and each reason in words."""
    market.refresh()
    result = market.scan()
    about: dict[str, Any] = {
        **market.overview().to_dict(),
        "version": __version__,
        "profile": result.provenance["profile"],
        "regime": result.regime,
        "coverage": result.coverage,
        "reasons": REASONS,
        "live": request.app.state.live is not None,
    }
    return answer_json(about, headers={"cache-control": "no-store"})


@router.get("/data", summary="The store's health")
def data(market: Market) -> Response:
    """What `tapescan doctor` finds; frames hold the worst cases."""
    return answer_json({"diagnosis": market.diagnosis()}, headers={"cache-control": "no-store"})


@router.get("/status", summary="The data's status in few words")
def status(market: Market) -> Response:
    """Label and value of each, as texts: the newest session, sessions behind, who is ranked, defects of the store."""
    about, coverage, found = market.overview(), market.scan().coverage, market.diagnosis()
    told = {
        "newest session": about.as_of.isoformat(),
        "sessions behind": f"{about.behind:,}",
        "requested": f"{coverage.requested:,}",
        "ranked": f"{coverage.ranked:,}",
        "prices": "simulated" if about.simulated else "of a store",
        **({} if found is None else {name.replace("_", " "): f"{many:,}" for name, many in found.defects.items()}),
        **({"trouble": about.trouble} if about.trouble else {}),
    }
    rows = [{"label": label, "value": value} for label, value in told.items()]
    return answer_json(rows, headers={"cache-control": "no-store"})


@router.get("/models", summary="The models and their records")
def models(market: Market) -> Response:
    return answer_json({"models": market.models()})


@router.get("/alerts", summary="The newest alerts")
def alerts(market: Market) -> Response:
    """Of the outbox beside the store, the newest first."""
    return answer_json({"alerts": market.alerts()}, headers={"cache-control": "no-store"})
