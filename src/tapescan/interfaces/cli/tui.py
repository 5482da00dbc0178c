"""`tapescan tui`: the scan as a page of the terminal, by keys alone."""

from __future__ import annotations

from typing import Annotated

import typer

from tapescan.core.machine import steady_memory
from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import needs_extra, notes, progress_line
from tapescan.interfaces.cli.scan import (
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    StoreOption,
    chosen_market,
    chosen_models,
)

__all__ = ["tui"]


def tui(
    store: StoreOption = "",
    profile: ProfileOption = "",
    where: Annotated[str, typer.Option(help="The condition to begin with.")] = "",
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Look through the ranked list in the terminal: `/` for a condition, arrows for the rows and their charts, `q` to
    leave."""
    steady_memory()
    needs_extra("tui", "web", "textual")
    from tapescan.api.resident import Resident
    from tapescan.interfaces.cli.tui_page import ScanPage

    settings, trained = load_settings(), chosen_models(models, no_models)
    with progress_line() as progress:
        data, said = chosen_market(settings, store)
        resident = Resident(data, models=trained, progress=progress)
    notes(said)
    ScanPage(resident, profile=profile, where=where).run()
