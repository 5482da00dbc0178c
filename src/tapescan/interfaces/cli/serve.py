"""`tapescan serve`: the page and the REST interface."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tapescan.core.errors import OptionError
from tapescan.core.machine import steady_memory
from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import needs_extra, notes, output, progress_line
from tapescan.interfaces.cli.scan import ModelsOption, NoModelsOption, StoreOption, chosen_market, chosen_models
from tapescan.network.listening import bound

__all__ = ["serve"]


def serve(
    store: StoreOption = "",
    host: Annotated[
        str, typer.Option(help="Where it listens; this machine alone unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    token: Annotated[
        str,
        typer.Option(envvar="TAPESCAN_TOKEN", show_default=False, help="What requests show. [default: a new one]"),
    ] = "",
    no_token: Annotated[bool, typer.Option("--no-token", help="Ask for none; for this machine alone.")] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another name that it is called by, as of a reverse proxy."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN", help="A site whose pages may read REST with the token, as https://pro.openbb.co."
        ),
    ] = None,
    live: Annotated[
        str, typer.Option(metavar="VENDOR", help="Follow the session that runs: a vendor that streams, or simulated.")
    ] = "",
    audit: Annotated[str, typer.Option(metavar="FILE", help="Write a line for each write there.")] = "",
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Serve the page, and REST under /api/v1, over a market that is kept in memory and follows its store.

    Open the address that is printed: the token in it lets a browser in. Programs send it as a bearer.
    """
    steady_memory()
    needs_extra("serve", "web", "uvicorn")
    import uvicorn

    from tapescan.api.resident import Resident
    from tapescan.interfaces.web.app import make_app
    from tapescan.interfaces.web.following import LiveHub
    from tapescan.interfaces.web.protocol import Bounded
    from tapescan.interfaces.web.serving import Serving

    if no_token and token:
        raise OptionError("--no-token with a token", "give one of both")
    terms = {"host": host, "port": port, "hosts": tuple(allow_host or ()), "audit": audit or None}
    terms["origins"] = tuple(one.lower().rstrip("/") for one in allow_origin or ())
    serving = Serving(**terms, token="") if no_token else Serving(**terms, **({"token": token} if token else {}))  # type: ignore[arg-type]
    settings = load_settings()
    if live == "simulated" and (store or settings.store):
        hint = "name a vendor, or leave the store out"
        raise OptionError("a simulated session is that of the simulated market, not of a store", hint, field="live")
    listening = bound(host, port)  # before a market is read for nothing
    trained = chosen_models(models, no_models)
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        resident = Resident(data, models=trained, progress=progress)
        resident.scan()  # kernels are loaded before anybody waits
    hub = None
    if live:
        hub = LiveHub(resident.place or None, None if live == "simulated" else live)
    notes(said)
    output().print(f"tapescan serves at {serving.address}", markup=False, soft_wrap=True, highlight=False)
    sys.stdout.flush()  # who waits for that line may read a file
    config = uvicorn.Config(
        make_app(resident, serving, hub),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,  # a page that listens would keep it for ever
        limit_concurrency=4 * serving.requests,
        http=Bounded,
    )
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
