"""Use case: the ranked list, kept up to date while its store grows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from tapescan.api.places import Place, open_store
from tapescan.core.errors import OptionError, StoreError
from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.core.settings import Adjustment, Device, setting

if TYPE_CHECKING:
    from tapescan.models.forecast import Models
    from tapescan.scan.named import NamedScreen
    from tapescan.scan.profile import Profile
    from tapescan.scan.result import Changes, ScanResult

__all__ = ["Sighting", "watch_market"]


class Sighting(Result, msgspec.Struct, frozen=True, eq=False):
    """What a look at a store found that is new.

    result : the scan of the store as it is now; None where it could not be read. changes : of the list against the
    one before; None for the first. trouble : why it could not be read, one line; it is looked at again.
    """

    result: ScanResult | None = None
    changes: Changes | None = None
    trouble: str = ""

    def to_dict(self, top: int | None = None) -> dict[str, Any]:
        """As plain values. top : rows of the list."""
        if self.result is None:
            return {"trouble": self.trouble}
        return {**self.result.to_dict(top), "changes": self.changes and self.changes.to_dict()}


def watch_market(
    store: Place = None,
    *,
    profile: str | Profile | None = None,
    screens: Sequence[str | NamedScreen] | str = (),
    where: str | None = None,
    rank_by: str | None = None,
    features: Sequence[str] | str = (),
    top: int | None = None,
    adjust: Adjustment | None = None,
    models: Models | str | Path | Literal[False] | None = None,
    device: Device | None = None,
    every: float = 1.0,
    times: int | None = None,
    wait: Callable[[float], None] = time.sleep,
    progress: Progress = silent,
) -> Iterator[Sighting]:
    """Scan a store, and again whenever there is something new in it.

    The market is loaded once and takes what comes (`Market.refresh`), so that a scan costs a small part of one that
    reads everything, and gives the same bytes. Profile, screens and models are those of the beginning.

    Args:
        store: Folder, URL or `Store`; the one that the settings name when None.
        top: How many of the best make the list whose changes are told; as the settings say when None.
        every: Seconds from one look to the next. In a folder, a look reads names and dates of files.
        times: Stop after so many scans beyond the first; None goes on for ever.
        wait: Called with the seconds before each look.
        progress: Told how far the first scan is.

    The others as in `scan_market`.

    Yields:
        The first scan, then one `Sighting` a change of the store, also where it changes nothing in the list; one for
        each new trouble with a store that was readable before, and one where it is as before again.

    Raises:
        TapescanError: What was asked for cannot be used, or the store cannot be read, at the first scan.
    """
    from tapescan.features.carried import CARRIED
    from tapescan.scan.changes import changes
    from tapescan.scan.named import chosen_screens
    from tapescan.scan.opening import chosen_models, ready
    from tapescan.scan.pipeline import run
    from tapescan.scan.request import prepare, shown_columns

    if not (math.isfinite(every) and every > 0.0):
        raise OptionError(f"{every}", "give seconds above 0", field="every")
    top = setting("top") if top is None else top
    if top < 1:
        raise OptionError(f"{top}", "give 1 or more", field="top")
    opened = open_store(store)
    named, ranked_by, said = chosen_screens(screens, profile)
    trained = chosen_models(opened, models, device)
    shown = shown_columns(features)
    request = prepare(ranked_by, where=where, rank_by=rank_by, features=shown, models=trained, screens=named)

    def scanned() -> ScanResult:
        begin = time.perf_counter()
        ready(market, None, request, None, progress)  # its kernels
        prepared = reading + time.perf_counter() - begin
        result = run(market, request)
        timings = {"prepare": prepared, **result.timings}
        return msgspec.structs.replace(result, timings=timings, notes=(*said, *result.notes))

    begin = time.perf_counter()
    market = ready(opened, None, None, adjust, progress)
    market.panel.kept.setdefault(CARRIED, {})
    reading = time.perf_counter() - begin
    result, trouble, left = scanned(), "", times
    yield Sighting(result)
    while left is None or left > 0:
        wait(every)
        begin = time.perf_counter()
        try:
            fresh = market.refresh()
        except StoreError as error:  # a disk that is away, a store that is moved or mended: it may come back
            if str(error) != trouble:
                trouble = str(error)
                yield Sighting(trouble=trouble)
            continue
        back, trouble = trouble != "", ""
        if fresh is market:
            if back:
                yield Sighting(result, changes(result, result.as_of, result.symbols, recorded=False, top=top))
            continue
        market, reading = fresh, time.perf_counter() - begin
        since, before, result = result.as_of, result.symbols, scanned()
        yield Sighting(result, changes(result, since, before, recorded=False, top=top))
        left = None if left is None else left - 1
