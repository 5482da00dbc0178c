"""What takes long: replays, trainings, syncs, each a process that can be ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import StreamingResponse

from tapescan.interfaces.web.described import EVENTS
from tapescan.interfaces.web.events import event
from tapescan.interfaces.web.forms import answer_json
from tapescan.interfaces.web.jobs import Job, Jobs, Wanted
from tapescan.interfaces.web.problems import Missing

__all__ = ["router"]

router = APIRouter(tags=["jobs"])


@router.post("/jobs", status_code=202, summary="Begin a job")
async def begin(request: Request, wanted: Annotated[Wanted, Body()]) -> Response:
    """Answers at once with where the job is; 429 where as many run as may."""
    job = await _jobs(request).begin(wanted)
    place = f"/api/v1/jobs/{job.number}"
    return answer_json(job.told(), status=202, headers={"location": place})


@router.get("/jobs", summary="All jobs")
def jobs(request: Request) -> Response:
    return answer_json({"jobs": [job.told() for job in _jobs(request).all()]})


@router.get("/jobs/{number}", summary="A job, and its result")
def job(request: Request, number: int) -> Response:
    found = _job(request, number)
    return answer_json({**found.told(), "result": found.result})


@router.delete("/jobs/{number}", summary="End a job")
async def end(request: Request, number: int) -> Response:
    """A job that is over stays as it is."""
    found = _job(request, number)
    await found.end()
    return answer_json(found.told())


@router.get("/jobs/{number}/events", responses=EVENTS, summary="A job's progress", response_class=StreamingResponse)
async def events(request: Request, number: int) -> StreamingResponse:
    """Server-sent events: `progress` with done, all and what; `state` when it is over."""
    found = _job(request, number)

    async def told() -> AsyncIterator[bytes]:
        async for name, data in found.events():
            yield event(name, data)

    return StreamingResponse(told(), media_type="text/event-stream", headers={"cache-control": "no-store"})


def _jobs(request: Request) -> Jobs:
    found: Jobs = request.app.state.jobs
    return found


def _job(request: Request, number: int) -> Job:
    found = _jobs(request).find(number)
    if found is None:
        raise Missing(f"no job {number}", "GET /api/v1/jobs lists them")
    return found
