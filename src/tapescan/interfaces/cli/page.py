"""`tapescan page`: the page as files, for a host that serves nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import needs_extra, notes, output, progress_line
from tapescan.interfaces.cli.scan import ModelsOption, NoModelsOption, StoreOption, chosen_market, chosen_models

__all__ = ["page"]


def page(
    folder: Annotated[Path, typer.Option("--output", metavar="DIR", help="The folder that is written.")],
    store: StoreOption = "",
    symbols: Annotated[
        int, typer.Option(min=1, max=20_000, help="So many of the list have a chart and reasons.")
    ] = 200,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Write the page with the newest session's answers as files: the list and those of the named screens, charts and
    reasons of the best symbols, the map, breadth and models.

    Any host of files shows it; written again, as by a timer, it shows the newer session from one moment to the next.
    """
    needs_extra("page", "web", "fastapi")
    from tapescan.api.resident import Resident
    from tapescan.interfaces.web.site import write_site

    trained = chosen_models(models, no_models)
    with progress_line() as progress:
        data, said = chosen_market(load_settings(), store)
        resident = Resident(data, models=trained, progress=progress)
        found = write_site(resident, folder, symbols=symbols, progress=progress)
    notes(said)
    text = (
        f"{found.files:,} files, {found.bytes / 1e6:.1f} MB: {found.listed:,} ranked, {found.symbols:,} with a chart"
    )
    output().print(f"written {folder}: {text}", markup=False, highlight=False, soft_wrap=True)
