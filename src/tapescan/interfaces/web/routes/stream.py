"""What is new, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tapescan.interfaces.web.described import EVENTS
from tapescan.interfaces.web.events import BEAT, event
from tapescan.interfaces.web.following import LiveHub
from tapescan.interfaces.web.routes.given import Market

__all__ = ["router"]

router = APIRouter(tags=["stream"])

#: Seconds between two looks at what is new, and after which a sign of life goes out without any.
LOOK, BEATS = 0.25, 15.0


@router.get("/stream", responses=EVENTS, summary="What is new", response_class=StreamingResponse)
async def stream(request: Request, market: Market) -> StreamingResponse:
    """Server-sent events: `market` now and whenever something came into the store; `minute` of a session that is
    followed."""
    live: LiveHub | None = request.app.state.live

    async def told() -> AsyncIterator[bytes]:
        generation, number, quiet = -1, 0, 0.0
        while True:
            quiet += LOOK
            if market.generation != generation:
                generation, quiet = market.generation, 0.0
                yield event("market", market.overview())
            newest = None if live is None else live.newest
            if newest is not None and newest.number != number:
                number, quiet = newest.number, 0.0
                yield event("minute", newest.minute)
            if quiet >= BEATS:
                quiet = 0.0
                yield BEAT
            await asyncio.sleep(LOOK)

    return StreamingResponse(told(), media_type="text/event-stream", headers={"cache-control": "no-store"})
