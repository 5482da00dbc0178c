"""`tapescan watch`: the ranked list, and what enters and leaves it while the store grows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapescan.core.errors import OptionError
from tapescan.core.machine import steady_memory
from tapescan.core.results import plain
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json, printable
from tapescan.interfaces.cli.complete import column_lists
from tapescan.interfaces.cli.console import notes, output, progress_line
from tapescan.interfaces.cli.scan import (
    LISTED,
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    RankByOption,
    ScreenOption,
    WhereOption,
    chosen_models,
    show_scan,
)
from tapescan.interfaces.cli.stores import existing_store, store_place
from tapescan.shared.chosen import shared

if TYPE_CHECKING:
    from tapescan.api.watching import Sighting

__all__ = ["watch"]

#: What is told of a symbol that enters.
TOLD = ("symbol", "rank", "score", "side", "close")


def watch(
    store: Annotated[str, typer.Option(help="Folder or URL of the store.")] = "",
    profile: ProfileOption = "",
    screen: ScreenOption = None,
    where: WhereOption = "",
    rank_by: RankByOption = "",
    features: Annotated[
        str,
        typer.Option(metavar="LIST|all", autocompletion=column_lists, help="Columns to add to the table, or all."),
    ] = "",
    top: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Rows of the list. [default: 20]")] = None,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
    every: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.05, max=86_400, help="Look at the store so often.")
    ] = 1.0,
    times: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many changes of the store. [default: at Ctrl-C]")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One line of JSON a scan: the first with the whole list as entered.")
    ] = False,
    publish: Annotated[
        str, typer.Option(metavar="TOPIC", help="Publish each list to other processes, where the setting redis says.")
    ] = "",
) -> None:
    """Keep the ranked list up to date while a store grows, and say who enters it and who leaves, and why."""
    steady_memory()
    from tapescan.api import publish_result, watch_market
    from tapescan.scan.request import split_features

    settings = load_settings()
    rows = top or settings.top
    place = existing_store(store_place(store))
    told: tuple[str, ...] = ()
    try:
        with progress_line() as progress:
            seen = watch_market(
                place,
                profile=profile or None,
                screens=screen or (),
                where=where or None,
                rank_by=rank_by or None,
                features="all" if features == "all" else split_features(features),
                top=rows,
                models=chosen_models(models, no_models),
                every=every,
                times=times,
                progress=progress,
            )
            first = next(seen)
        with _alone(publish):
            for one in chain((first,), seen):
                told = _told(one, rows, told, as_json=as_json)
                if publish and one.result is not None:
                    publish_result(publish, one.to_dict(rows))
    except KeyboardInterrupt:
        return  # that is how it ends


@contextmanager
def _alone(topic: str) -> Iterator[None]:
    """Nobody else publishes under the topic meanwhile. Raises OptionError where somebody does."""
    if not topic:
        yield
        return
    with shared().lock(f"publishing-{topic}") as alone:
        if not alone:
            raise OptionError(
                f"another process publishes as {topic}", "name another topic, or end it", field="publish"
            )
        yield


def _told(seen: Sighting, top: int, told: tuple[str, ...], *, as_json: bool) -> tuple[str, ...]:
    """Show what was seen. told : the notes that were shown last; those that are valid now."""
    result = seen.result
    if result is None:
        notes((f"{seen.trouble}; looked at again",))
        return told
    notes(tuple(note for note in result.notes if note not in told))
    if as_json:
        typer.echo(ascii_json(json.dumps(_line(seen, top), ensure_ascii=False)))
    elif seen.changes is None:
        show_scan(result, top)
    else:
        _say(seen, top)
    return result.notes


def _entered(seen: Sighting, top: int) -> list[dict[str, Any]]:
    """Who is new in the list: of the first scan, all of it."""
    assert seen.result is not None
    rows: list[dict[str, Any]] = seen.result.best(top).select(TOLD).to_dicts()
    return rows if seen.changes is None else [row for row in rows if row["symbol"] in {*seen.changes.entered}]


def _line(seen: Sighting, top: int) -> dict[str, Any]:
    """As one object. since : the session of the scan before."""
    result, changes = seen.result, seen.changes
    assert result is not None
    left = () if changes is None else changes.left
    found: dict[str, Any] = plain(
        {
            "as_of": result.as_of,
            "since": None if changes is None else changes.since,
            "entered": _entered(seen, top),
            "left": [{"symbol": one.symbol, "why": one.why} for one in left],
            "stayed": 0 if changes is None else changes.stayed,
            "ranked": result.coverage.ranked,
        }
    )
    return found


def _say(seen: Sighting, top: int) -> None:
    assert seen.result is not None
    assert seen.changes is not None
    changes, console = seen.changes, output()
    new = [
        f"#{row['rank']} {printable(row['symbol'])} ({row['score']:.1f}, {row['side']}, {row['close']:,.2f})"
        for row in _entered(seen, top)
    ]
    gone = [f"{printable(one.symbol)} ({one.why.replace('_', ' ')})" for one in changes.left]
    parts = [f"{title}: {_some(names)}" for title, names in (("entered", new), ("left", gone)) if names]
    text = "; ".join(parts) or f"no change in the list of {changes.stayed:,}"
    console.print(f"{seen.result.as_of}  {text}", markup=False, soft_wrap=True)
    console.file.flush()


def _some(names: list[str]) -> str:
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
