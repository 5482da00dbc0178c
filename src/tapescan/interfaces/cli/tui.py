"""`tapescan tui`: the scan as a page of the terminal, by keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapescan.core.errors import OptionError
from tapescan.core.settings import load_settings
from tapescan.interfaces.cli.console import progress_line
from tapescan.interfaces.cli.scan import (
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    StoreOption,
    chosen_market,
    chosen_models,
)

if TYPE_CHECKING:
    from textual.app import App

    from tapescan.api.resident import Resident

__all__ = ["make_page", "tui"]


def tui(
    store: StoreOption = "",
    profile: ProfileOption = "",
    where: Annotated[str, typer.Option(help="The condition to begin with.")] = "",
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
) -> None:
    """Look through the ranked list in the terminal: `/` for a condition, arrows for the rows and their charts, `q` to
    leave."""
    settings, trained = load_settings(), chosen_models(models, no_models)
    with progress_line() as progress:
        from tapescan.api.resident import Resident

        data, _ = chosen_market(settings, store)
        resident = Resident(data, models=trained, progress=progress)
        page = make_page(resident, profile=profile, where=where)
    page.run()


def make_page(resident: Resident, *, profile: str = "", where: str = "") -> App[None]:
    """The page over a market in memory. Raises OptionError where the extra `web` is not there."""
    try:
        from tapescan.interfaces.cli.tui_page import ScanPage
    except ImportError as error:
        raise OptionError("tui needs the extra `web`", "pip install 'tapescan[web]'") from error
    page: Any = ScanPage(resident, profile=profile, where=where)
    found: App[None] = page
    return found
