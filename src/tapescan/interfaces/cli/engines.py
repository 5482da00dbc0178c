"""Where a command's work runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tapescan.engine.seam import Engine

__all__ = ["AddressOption", "EngineOption", "named_engine"]

EngineOption = Annotated[
    str, typer.Option(metavar="NAME", help="Where work runs: threads, or ray, a cluster. [default: the setting]")
]
AddressOption = Annotated[
    str, typer.Option(metavar="HOST:PORT", help="Of the Ray cluster. [default: the setting, else this machine]")
]


def named_engine(name: str, address: str) -> Engine | None:
    """The engine that a command names; None for that of the settings. Raises OptionError."""
    if not name and not address:
        return None
    from tapescan.engine.chosen import chosen
    from tapescan.features.digest import machine_digest

    return chosen(machine_digest, name, address)
