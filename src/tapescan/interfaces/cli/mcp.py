"""`tapescan mcp`: the tools of the Model Context Protocol, for an assistant on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from tapescan.core.machine import steady_memory
from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import needs_extra
from tapescan.interfaces.cli.scan import ModelsOption, NoModelsOption, StoreOption, chosen_market, chosen_models

__all__ = ["mcp"]


def mcp(
    store: StoreOption = "",
    writes: Annotated[bool, typer.Option("--writes", help="Also the tools that write: lists of symbols.")] = False,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Serve an assistant over standard input and output. Over HTTP the same tools are at /mcp of `tapescan serve`."""
    steady_memory()
    needs_extra("mcp", "web", "mcp")
    from tapescan.api.resident import Resident
    from tapescan.interfaces.mcp.server import make_server

    settings, trained = load_settings(), chosen_models(models, no_models)
    data, _ = chosen_market(settings, store)  # nothing but the protocol's messages may be printed
    make_server(Resident(data, models=trained), writes=writes).run("stdio")
