"""Alerts judged over the stored minutes of a session: what they would have sent. Nothing is kept or sent.

The minutes come in the order in which they came then: a bar that was late or corrected is as late here. Quiet hours,
caps and cool-downs count by the clock of the session.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from tapescan.alerts.checking import Checked
from tapescan.alerts.judging import Alert
from tapescan.alerts.minute import Message
from tapescan.alerts.running import Judging
from tapescan.core.errors import OptionError, StoreError
from tapescan.history.forming import FormingMarket
from tapescan.history.market import Market
from tapescan.history.stored import market_of_store
from tapescan.live.curve import usual_curve
from tapescan.live.day import Day, Merged
from tapescan.live.following import Scanned
from tapescan.live.hours import BEGIN
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tapescan.store.table import StoredTable
from tapescan.tables.registry import find_table

__all__ = ["market_before", "replayed"]


def market_before(store: Store, session: dt.date) -> Market:
    """The market of a store as it was before it held a session.

    Raises OptionError where the store has held it from its beginning, or was compacted since.
    """
    if store.known().newest_session < session:
        return market_of_store(store)
    versions, bars = store.versions(), find_table("bars")
    low, high = -1, versions["bars"]  # before it; with it
    try:
        while high - low > 1:
            middle = (low + high) // 2
            newest = StoredTable(store.path, bars, middle).newest()
            low, high = (low, middle) if newest is not None and newest >= session else (middle, high)
        if low < 0:
            hint = "replay a session that was followed before its daily bars came"
            raise OptionError(f"the store has held {session} from its beginning", hint, field="session")
        return market_of_store(store.at({**versions, "bars": low}))
    except StoreError as error:
        what = f"the store as it was before {session} cannot be read any more"
        raise OptionError(what, "a compaction drops what it was made of", field="session") from error


def replayed(
    store: Store,
    session: dt.date,
    market: Market,
    rules: Sequence[Checked],
    scan: Callable[[Market], ScanResult],
    *,
    hold: int | None = None,
) -> Iterator[tuple[Alert, Message]]:
    """The alerts of a session's stored minutes, as they come.

    market : as `market_before`. scan : of a moment's market, with the rules' columns. hold : as `running.Judging`.
    Raises OptionError for a session without stored minutes.
    """
    rows = store.minutes(session)
    if rows.is_empty():
        what = f"no minutes of {session} are stored"
        raise OptionError(what, "`tapescan live` stores those of a session that it follows", field="session")
    source = str(rows["source"][0])
    judging = Judging(
        rules, session, scan(market), hold=hold, source=source, simulated=bool((rows["source"] == "simulated").any())
    )
    day, forming = Day(session, usual_curve(store, session)), FormingMarket(market)
    expected = int((market.panel.newest == market.panel.as_of).sum())
    # A minute was over when a bar of the next one came.
    came = rows.drop("source").with_columns(came=pl.col("minute").cum_max().clip(BEGIN - 1, day.end - 1))
    parts = {int(minute): part.drop("came") for (minute,), part in came.partition_by("came", as_dict=True).items()}
    for minute in range(BEGIN - 1, max(parts) + 1):
        merged = day.merge(parts[minute]) if minute in parts else Merged()
        if minute < BEGIN:
            continue
        bars = day.bars(minute + 1)
        moment = forming.at(bars) if len(bars) else None
        result = None if moment is None else scan(moment)
        if moment is not None:
            forming.carry(moment)
        one = Scanned(
            session,
            minute + 1,
            result,
            traded=day.traded_in(minute),
            so_far=int((day.totals.at >= 0).sum()),
            expected=expected,
            merged=merged,
            lag=0.0,
            day=day,
        )
        yield from judging.scanned(one)[1]
