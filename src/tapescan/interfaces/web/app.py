"""One ASGI application: REST under /api/v1, the page beside it, and what stands before both.

request ──guard──▶ route ──Resident──▶ ScanResult ──forms──▶ Arrow, JSON, ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from mcp.server.transport_security import TransportSecuritySettings

from tapescan.api.resident import LOOK, Resident
from tapescan.interfaces.mcp.server import make_server
from tapescan.interfaces.web.audit import Audit
from tapescan.interfaces.web.compressing import Compressing
from tapescan.interfaces.web.described import PROBLEMS
from tapescan.interfaces.web.following import LiveHub
from tapescan.interfaces.web.guard import Application, Guard
from tapescan.interfaces.web.jobs import Jobs
from tapescan.interfaces.web.pages import serve_pages
from tapescan.interfaces.web.problems import answer_problems
from tapescan.interfaces.web.routes import catalogue, jobs, openbb, past, scans, stream, symbols, system
from tapescan.interfaces.web.routes.given import names_of, only_known, turns
from tapescan.interfaces.web.serving import Serving
from tapescan.version import __version__

__all__ = ["make_app"]

_ABOUT = """The scan of a whole market, as a program reads it. Answers come as JSON, Arrow, Parquet, CSV or xlsx, as
`Accept` or `format` says; an `ETag` names what they were made of. What is wrong is said as problem+json."""


def make_app(resident: Resident, serving: Serving, live: LiveHub | None = None) -> Application:
    """The application of a market in memory. live : the session that is followed beside it; None for none."""
    found = Jobs(resident.place, most=serving.jobs)

    server = make_server(resident)
    # Who calls by which name is checked before every request, this one too.
    security = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    tools = server.streamable_http_app(
        streamable_http_path="/", json_response=True, stateless_http=True, transport_security=security
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
        async with server.session_manager.run():
            looking = asyncio.create_task(_look(resident))
            try:
                yield
            finally:
                looking.cancel()
                await found.close()

    app = FastAPI(
        title="tapescan",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        responses=PROBLEMS,
    )
    app.state.resident, app.state.serving, app.state.jobs, app.state.live = resident, serving, found, live
    app.state.turns = turns()
    answer_problems(app)
    parts = (scans, symbols, catalogue, past, jobs, stream, system, openbb)
    routes = [one for part in parts for one in part.router.routes if isinstance(one, APIRoute)]
    app.state.parameters = {one.endpoint: names_of(one) for one in routes}
    for part in parts:
        app.include_router(part.router, prefix="/api/v1", dependencies=[Depends(only_known)])
    app.include_router(openbb.router, include_in_schema=False)
    app.mount("/mcp", tools)
    serve_pages(app)
    app.add_middleware(Compressing)
    return Guard(app, serving, Audit(serving.audit))


async def _look(resident: Resident) -> None:
    """Whether something came into the store, also while nobody asks: those who listen hear of it."""
    while True:
        await asyncio.to_thread(resident.refresh)
        await asyncio.sleep(LOOK)
