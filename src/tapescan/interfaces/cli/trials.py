"""`tapescan trials`: many recipes of a learner, each trained and judged, every one of them counted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine
from tapescan.interfaces.cli.stores import existing_store, store_place

__all__ = ["trials"]


def trials(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A grid of recipes: a TOML file (docs/guides/cluster.md).")
    ],
    store: Annotated[str, typer.Option(help="Folder or URL of the store.")] = "",
    folder: Annotated[
        str,
        typer.Option(metavar="DIR", help="For a folder of each. [default: trials, in that of the store's models]"),
    ] = "",
    engine: EngineOption = "",
    address: AddressOption = "",
) -> None:
    """Train and judge every recipe of a grid, in one table. All count as trials; no scan uses their models.

    What was done stays done: the same command after a stop goes on where it was.
    """
    from tapescan.models.grid import grid_text, read_grid, try_grid

    opened = existing_store(store_place(store))
    grid = read_grid(file)
    with progress_line() as progress:
        found = try_grid(opened, grid, folder=folder, engine=named_engine(engine, address), progress=progress)
    before = sum(one.before for one in found)
    notes((f"{before} of {len(found)} recipes were done before",) if before else ())
    output().print(grid_text(found), markup=False, soft_wrap=True)
    if found:
        output().print(f"stored in {found[0].folder.parent}", markup=False, soft_wrap=True)
