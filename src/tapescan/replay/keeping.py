"""The past that was read of a store is kept with it, and mapped into memory by the next replay.

One file a store, of its newest state (`history.kept_file`); in it stand the tables that it was made of (the digest of
the files of each), and a digest of the code that made it. Of anything else, or where it is not as it was written, the
past is read anew. Deleting it costs time and nothing else.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tapescan.core.logging import logger
from tapescan.core.progress import Progress, silent
from tapescan.core.settings import setting
from tapescan.core.typing import Array
from tapescan.history.history import History
from tapescan.history.kept_file import KeptFile, Unusable, write_kept
from tapescan.history.kept_places import all_kept, code_of, keep
from tapescan.market.index import MarketIndex
from tapescan.replay.lanes import Laid, Lanes
from tapescan.replay.past import Past, past_of
from tapescan.replay.suspects import Suspects

__all__ = ["kept_past"]

NAME = "past"

#: The packages whose code decides what is kept.
_MADE_BY = ("core", "history", "market", "replay", "store", "tables")

#: So many times what is written has to be free on the disk.
ROOMY = 4

_ARRAYS = ("open", "high", "low", "close", "volume", "first", "until", "session", "earlier", "place", "within")


def kept_past(history: History, progress: Progress = silent) -> Past:
    """As `past_of`, of what is kept where it can be; what had to be read is kept."""
    known = history.known
    states = known.states if known is not None and history.is_whole and setting("keep") else None
    if known is None or states is None:
        return past_of(history, progress)
    made = {"code": code_of(_MADE_BY), "tables": states, "end": str(history.end)}
    for path, file in all_kept(known.path, NAME):
        if any(file.said.get(name) != value for name, value in made.items()):
            logger.debug("%s was made of another state, or by other code", path)
            continue
        try:
            found = _read(file, history)
        except Unusable as error:
            logger.debug("%s is not used: %s", path, error)
            continue
        logger.debug("%s serves", path)
        return found
    found = past_of(history, progress)
    keep(known.path, NAME, lambda path: _write(path, found, made))
    return found


def _write(path: Path, past: Past, made: Mapping[str, object]) -> None:
    """Raises OSError."""
    laid = [(name, at, one) for name, some in past.laid._asdict().items() for at, one in enumerate(some)]
    arrays: dict[str, Array] = {
        f"{name} {at} {field}": getattr(one, field) for name, at, one in laid for field in _ARRAYS
    }
    arrays |= {"sessions": past.sessions, "suspects": past.suspects.place}
    indices = {"every": past.every, **{f"own {at}": index for at, (_, index) in enumerate(past.own)}}
    for name, index in indices.items():
        arrays |= {f"{name} session": index.session, f"{name} change": index.change}
        if index.close is not None:
            arrays[f"{name} close"] = index.close
    size = sum(array.nbytes for array in arrays.values())
    if shutil.disk_usage(path.parent).free < ROOMY * size:
        raise OSError(f"{size:,} bytes are too much for a disk with so little room")
    said = {
        **made,
        "lanes": [(name, one.begin) for name, _, one in laid],
        "indices": [(name, index.name) for name, index in indices.items()],
        "since": [since for since, _ in past.own],
    }
    frames = {
        "symbols": pl.DataFrame({"symbol": past.symbols}),
        "suspects": past.suspects.rows,
        "spells": past.spells,
        "lives": past.lives,
        "factors": past.factors,
    }
    write_kept(path, (), frames, said, arrays)


def _read(file: KeptFile, history: History) -> Past:
    """Raises Unusable where it is not as it was written."""
    said = file.said
    indices = dict(_indices(file, said["indices"]))
    lanes: dict[str, list[Lanes]] = {name: [] for name in Laid._fields}
    for name, begin in said["lanes"]:
        own: dict[str, Any] = {field: file.array(f"{name} {len(lanes[name])} {field}") for field in _ARRAYS}
        lanes[name].append(Lanes(**own, begin=begin))
    return Past(
        history=history,
        symbols=tuple(file.frame("symbols")["symbol"].to_list()),
        laid=Laid(**{name: tuple(some) for name, some in lanes.items()}),
        sessions=file.array("sessions"),
        own=tuple((since, indices[f"own {at}"]) for at, since in enumerate(said["since"])),
        every=indices["every"],
        suspects=Suspects(file.frame("suspects"), file.array("suspects")),
        spells=file.frame("spells"),
        lives=file.frame("lives"),
        factors=file.frame("factors"),
    )


def _indices(file: KeptFile, named: list[tuple[str, str]]) -> Iterator[tuple[str, MarketIndex]]:
    for name, called in named:
        close = file.array(f"{name} close") if f"{name} close" in file.contents.arrays else None
        yield name, MarketIndex(called, file.array(f"{name} session"), file.array(f"{name} change"), close)
