"""`tapescan doctor --fix`: what is certain is put right, a commit a table; the versions before stay readable.

- Symbols get our spelling and case; where the share has the day already, its own row stays and an equal one goes.
- Notes and footers that were taken for symbols, and bars of days without a session, go to the quarantine.
- Of a split that is recorded on two days, the one stays that the prices show; where they show neither, as prices that
  a vendor adjusted do, the later.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.results import Result
from tapescan.doctor.older import other_spelling
from tapescan.market import calendar
from tapescan.market.jumps import splits_recorded_twice
from tapescan.market.quality import BAR_COLUMNS, CONFLICT, NO_SYMBOL, NOT_A_SESSION, differ, sort_bars
from tapescan.market.spelling import is_symbol
from tapescan.store import Store
from tapescan.store.checking import quarantined
from tapescan.store.mending import exchange_rows, keep_refused
from tapescan.store.table import StoredTable
from tapescan.tables.definition import Table
from tapescan.tables.registry import find_table, stored_tables

__all__ = ["Mended", "mend"]


class Mended(Result, msgspec.Struct, frozen=True):
    """What was put right. done : a line each. before : versions of the tables before, as `Store.at` takes them, of
    those that changed; `store.mending.put_back` goes back to them."""

    done: tuple[str, ...]
    before: dict[str, int]

    def to_dict(self, top: int = 5) -> dict[str, Any]:
        del top
        return {"done": list(self.done), "before": self.before}

    def lines(self) -> list[str]:
        """For a person."""
        if not self.done:
            return ["nothing is certain enough to be mended"]
        versions = ",".join(f"{name}={version}" for name, version in self.before.items())
        return [*self.done, f"the versions before stay readable; to go back: tapescan doctor --undo {versions}"]


def mend(store: Store, progress: Progress = silent) -> Mended:
    """Put right what is certain. Raises StoreError when the store cannot be written."""
    before = store.versions()
    done: list[str] = []
    # Bars last, as an import commits them.
    for table in reversed(stored_tables()):
        if "symbol" in table.key and table.name in before and table.name != "quarantine":
            progress(0, 0, f"looking at {table.name}")
            done += _symbols(store, table)
            if table.kept == "history":
                done += _closed(store, table)
            if table.name == "splits":
                done += _twice(store)
    after = store.versions()
    return Mended(tuple(done), {name: one for name, one in before.items() if after.get(name) != one})


def _symbols(store: Store, table: Table) -> list[str]:
    """Symbols in our spelling, and none that is none."""
    opened = StoredTable(store.path, table)
    symbols = opened.scan().select(pl.col("symbol").unique()).collect()["symbol"].drop_nulls()
    wrong = other_spelling(symbols)
    none = symbols.filter(~is_symbol(symbols) & ~symbols.is_in(wrong["symbol"].implode()))
    if wrong.is_empty() and none.is_empty():
        return []
    concerned = [*wrong["symbol"], *none, *wrong["right"]]
    rows = opened.scan().filter(pl.col("symbol").is_in(concerned)).collect()
    bad = rows.filter(pl.col("symbol").is_in(none.implode()))
    renamed = rows.join(wrong, on="symbol")
    gone = pl.concat([bad, renamed.select(rows.columns)])
    key = list(table.row_key)
    every = renamed.with_columns(symbol="right").select(rows.columns)
    fresh = every.unique(key, keep="first", maintain_order=True)
    held = rows.join(fresh.select(key), on=key, how="semi", nulls_equal=True)
    # A share's own row stays; of others that say different things, the first.
    staying = pl.concat([held, fresh.join(held.select(key), on=key, how="anti", nulls_equal=True)])
    disputed = _disputed(table, every, staying, key)
    added = fresh.join(held.select(key), on=key, how="anti", nulls_equal=True)
    _refuse(store, table, bad, NO_SYMBOL)
    _refuse(store, table, disputed, CONFLICT)
    exchange_rows(store.path, table.name, gone, added)
    lines = []
    if len(wrong):
        shown = ", ".join(f"{old} is {right}" for old, right in wrong.head(3).iter_rows())
        lines.append(f"{table.name}: {len(renamed):,} rows of {len(wrong):,} symbols spelled as ours: {shown}")
    if len(disputed):
        lines.append(
            f"{table.name}: {len(disputed):,} of them differ from the share's own rows and are in quarantine"
        )
    if len(bad):
        lines.append(f"{table.name}: {len(bad):,} rows of {len(none):,} that are no symbols, in quarantine")
    return lines


def _disputed(table: Table, rows: pl.DataFrame, staying: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The rows that say something else than the row of their key that stays; of bars and actions."""
    if table.kept not in ("history", "replace", "sessions") or rows.is_empty():
        return rows.clear()
    values = [name for name in _said(table) if name not in key]
    both = rows.join(staying.select(*key, *(pl.col(name).alias(f"{name}_held") for name in values)), on=key)
    apart = pl.any_horizontal(
        pl.lit(value=False),
        *(
            differ(pl.col(name), pl.col(f"{name}_held")).fill_null(pl.col(name).ne_missing(pl.col(f"{name}_held")))
            if rows.schema[name].is_float()
            else pl.col(name).ne_missing(pl.col(f"{name}_held"))
            for name in values
        ),
    )
    return both.filter(apart).select(rows.columns)


def _said(table: Table) -> list[str]:
    """The columns of a row that say something, and not where it comes from."""
    if table.kept == "history":
        return list(BAR_COLUMNS[2:])
    return [name for name, one in table.fields.items() if one.compared]


def _closed(store: Store, table: Table) -> list[str]:
    """Bars of days without a session."""
    opened = StoredTable(store.path, table)
    days = opened.scan().select(pl.col("session").unique()).collect()["session"].sort()
    if days.is_empty():
        return []
    first: dt.date = max(days[0], calendar.EARLIEST)
    sessions = pl.Series(calendar.sessions(first, days[-1])).cast(pl.Date)
    closed = days.filter(~days.is_in(sessions.implode()))
    if closed.is_empty():
        return []
    rows = opened.scan().filter(pl.col("session").is_in(closed.to_list())).collect()
    _refuse(store, table, rows, NOT_A_SESSION)
    exchange_rows(store.path, table.name, rows, rows.clear())
    return [f"{table.name}: {len(rows):,} rows of {len(closed):,} days without a session, in quarantine"]


def _twice(store: Store) -> list[str]:
    """Of each split that is recorded on two days, one."""
    known = store.known()
    splits = known.read("splits")
    twice = splits_recorded_twice(splits)
    if twice.is_empty():
        return []
    bars = sort_bars(known.stamped_bars(symbols=twice["symbol"].unique().to_list())) if "bars" in known else None
    gone = [(row["symbol"], _wrong_day(row, bars)) for row in twice.iter_rows(named=True)]
    keys = pl.DataFrame(gone, schema={"symbol": pl.String, "ex_date": pl.Date}, orient="row")
    rows = splits.join(keys, on=["symbol", "ex_date"], how="semi")
    _refuse(store, find_table("splits"), rows, "recorded on two days")
    exchange_rows(store.path, "splits", rows, rows.clear())
    shown = ", ".join(f"{symbol} {day}" for symbol, day in gone[:3])
    return [f"splits: {len(rows):,} that are recorded on two days go from one, in quarantine: {shown}"]


def _wrong_day(row: dict[str, Any], bars: pl.DataFrame | None) -> dt.date:
    """The day of the two on which the raw prices do not move by the ratio."""
    days = (row["ex_date"], row["again"])
    moves = []
    for day in days:
        around = None if bars is None else bars.filter(pl.col("symbol") == row["symbol"])
        before = None if around is None else around.filter(pl.col("session") < day)
        on = None if around is None else around.filter(pl.col("session") == day)
        if before is None or on is None or before.is_empty() or on.is_empty() or on["adjusted_to"][0] > day:
            return days[0]  # type: ignore[no-any-return]
        moves.append(abs(before["close"][-1] / on["open"][0] / row["ratio"] - 1.0))
    return days[0] if moves[1] <= moves[0] else days[1]  # type: ignore[no-any-return]


def _refuse(store: Store, table: Table, rows: pl.DataFrame, reason: str) -> None:
    if len(rows):
        keep_refused(store.path, quarantined(table, rows.with_columns(reason=pl.lit(reason))))
