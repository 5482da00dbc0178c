"""Who is new in a scan, and who is gone, against an earlier one of the same question."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import polars as pl

from tapescan.core.dates import parse_date
from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress
from tapescan.core.settings import Adjustment
from tapescan.history.market import Market
from tapescan.scan.opening import Opened, ready
from tapescan.scan.pipeline import run
from tapescan.scan.request import Request
from tapescan.scan.result import Changes, Left, ScanResult
from tapescan.store import Store

__all__ = ["OUTRANKED", "as_record", "changes", "found_changes", "last_recorded"]

#: Why a symbol left a list that is still ranked.
OUTRANKED = "outranked"

#: What of a scan's provenance is its question.
_QUESTION = ("profile", "screen", "screens")


class _Recorded(msgspec.Struct, frozen=True):
    """What is read of a recorded scan."""

    provenance: dict[str, Any]
    coverage: dict[str, Any]
    rows: list[dict[str, Any]] = []
    symbols: list[str] | None = None


def as_record(result: ScanResult, top: int) -> str:
    """A scan as it is recorded: JSON text, its best rows in full and the symbols of all that were ranked.

    Raises OptionError for a scan that is of no store.
    """
    if "store" not in result.provenance["data"]:
        what = "it needs a store with bars"
        raise OptionError(what, "the simulated market has no history; add --store DIR", field="record")
    document = {**result.to_dict(top), "symbols": result.symbols}
    return msgspec.json.encode(document).decode()


def last_recorded(result: ScanResult, records: pl.DataFrame) -> tuple[dt.date, tuple[str, ...]]:
    """The newest recorded scan of an earlier session that asked the same: its session and whom it ranked.

    records : the store's scans, oldest first. Raises OptionError when there is none.
    """
    earlier = records.filter(pl.col("as_of") < result.as_of).sort("as_of", maintain_order=True)
    for row in earlier.reverse().iter_rows(named=True):
        found = msgspec.json.decode(row["document"], type=_Recorded)
        if _question(found.provenance) != _question(result.provenance):
            continue
        symbols = found.symbols
        if symbols is None:  # recorded by an older version, which kept the best rows alone
            symbols = [str(one["symbol"]) for one in found.rows]
            if len(symbols) < int(found.coverage["ranked"]):
                continue
        return row["as_of"], tuple(symbols)
    what = f"no scan before {result.as_of} that asked the same is recorded"
    raise OptionError(what, "`--record` keeps one; --since DATE looks at another day", field="changes")


def _question(provenance: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two scans must have in common for a difference to mean something."""
    return tuple(provenance.get(name) or None for name in _QUESTION)


def changes(
    result: ScanResult, since: dt.date, before: Sequence[str], *, recorded: bool, top: int | None = None
) -> Changes:
    """The changes of a scan.

    since, before : the earlier scan's session, and whom it ranked. recorded : whether that was read, not computed.
    top : of both scans so many of the best count; None for all.
    """
    now, then = result.symbols[:top], {*before[:top]}
    rows = result.assembled.head(result.coverage.requested, ("symbol", "dropped")).iter_rows()
    why = {symbol: dropped or OUTRANKED for symbol, dropped in rows}
    gone = sorted(then.difference(now))
    return Changes(
        since=since,
        recorded=recorded,
        entered=tuple(symbol for symbol in now if symbol not in then),
        left=tuple(Left(symbol, why.get(symbol, "gone")) for symbol in gone),
        stayed=len(then.intersection(now)),
    )


def found_changes(
    result: ScanResult,
    data: Opened,
    request: Request,
    since: dt.date | str | None,
    adjust: Adjustment | None,
    progress: Progress,
) -> Changes:
    """The changes of a scan of some data against the same scan as of an earlier day; None for the last recorded one.

    Raises OptionError where there is no such scan.
    """
    if since is None:
        store = data if isinstance(data, Store) else data.store if isinstance(data, Market) else None
        if store is None:
            raise OptionError("a market without a store has no recorded scans", "give since", field="changes")
        day, before = last_recorded(result, store.scans())
        return changes(result, day, before, recorded=True)
    if isinstance(data, Market):
        raise OptionError("it does not go with a loaded market", "give a store", field="since")
    earlier = run(ready(data, parse_date(since, "since"), request, adjust, progress), request)
    if earlier.as_of >= result.as_of:
        what = f"the scan is of {result.as_of}, and {since} is not before it"
        raise OptionError(what, "choose an earlier day", field="since")
    return changes(result, earlier.as_of, earlier.symbols, recorded=False)
