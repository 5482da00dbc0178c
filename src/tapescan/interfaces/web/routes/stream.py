"""What is new, as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from tapescan.interfaces.web.described import EVENTS
from tapescan.interfaces.web.events import BEAT, event
from tapescan.interfaces.web.routes.given import Market

__all__ = ["router"]

router = APIRouter(tags=["stream"])

#: Seconds between two signs of life.
BEATS = 15.0


@router.get("/stream", responses=EVENTS, summary="What is new", response_class=StreamingResponse)
async def stream(request: Request, market: Market) -> StreamingResponse:
    """Server-sent events: `market` now and whenever something came into the store; `minute` of a session that is
    followed."""
    live = request.app.state.live

    async def told() -> AsyncIterator[bytes]:
        yield event("market", market.overview())
        generation, number = market.generation, 0
        while True:
            if live is not None:
                number, minute = await live.after(number, BEATS)
                if minute is not None:
                    yield event("minute", minute)
                    continue
            else:
                fresh = await asyncio.to_thread(market.wait, generation, BEATS)
                if fresh != generation:
                    generation = fresh
                    yield event("market", market.overview())
                    continue
            yield BEAT

    return StreamingResponse(told(), media_type="text/event-stream", headers={"cache-control": "no-store"})
