"""`tapescan trials`: many recipes of a learner, each trained and judged, every one of them counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.engines import AddressOption, EngineOption, named_engine
from tapescan.interfaces.cli.stores import existing_store, store_place

if TYPE_CHECKING:
    from tapescan.engine.seam import Engine
    from tapescan.store import Store

__all__ = ["trials"]


def trials(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="A grid of recipes, or of replays: a TOML file (docs/guides/cluster.md)."
        ),
    ],
    store: Annotated[str, typer.Option(help="Folder or URL of the store.")] = "",
    folder: Annotated[
        str,
        typer.Option(metavar="DIR", help="For what comes of each. [default: trials, in that of the store's models]"),
    ] = "",
    engine: EngineOption = "",
    address: AddressOption = "",
) -> None:
    """Train and judge every recipe of a grid, or replay every screen and profile of one, in one table.

    All count as trials; no scan uses their models.

    What was done stays done: the same command after a stop goes on where it was.
    """
    from tapescan.models.grid import grid_text, read_grid, try_grid
    from tapescan.replay.grid import holds_replays

    opened = existing_store(store_place(store))
    if holds_replays(file):
        _replays(opened, file, folder, named_engine(engine, address))
        return
    grid = read_grid(file)
    with progress_line() as progress:
        found = try_grid(opened, grid, folder=folder, engine=named_engine(engine, address), progress=progress)
    before = sum(one.before for one in found)
    notes((f"{before} of {len(found)} recipes were done before",) if before else ())
    output().print(grid_text(found), markup=False, soft_wrap=True)
    if found:
        output().print(f"stored in {found[0].folder.parent}", markup=False, soft_wrap=True)


def _replays(store: Store, file: Path, folder: str, engine: Engine | None) -> None:
    from tapescan.replay.grid import read_replay_grid, replay_grid_text, try_replays

    grid = read_replay_grid(file)
    with progress_line() as progress:
        found = try_replays(store, grid, folder=folder or None, engine=engine, progress=progress)
    before = sum(one.before for one in found)
    notes((f"{before} of {len(found)} replays were done before",) if before else ())
    output().print(replay_grid_text(found), markup=False, soft_wrap=True)
