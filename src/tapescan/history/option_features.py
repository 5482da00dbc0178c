"""What the option quotes of a session say of each underlying: worked out once, when they were stored, and kept.

A scan reads the small table that is written here, and never a chain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.settings import setting
from tapescan.engine.chosen import chosen
from tapescan.engine.seam import Engine
from tapescan.features.digest import machine_digest
from tapescan.history.chains import option_session, stored_chain
from tapescan.options.analysis import analyse
from tapescan.options.measures import measure
from tapescan.options.rates import Curve, imply_curve
from tapescan.options.stored import StoredChain
from tapescan.store import Batch, ImportReport, KnownStore, Store
from tapescan.store.table import StoredTable, store_errors
from tapescan.tables.registry import find_table

__all__ = ["METHOD", "curve_of", "features_of", "store_option_features"]

#: The way of measuring, counted up whenever its answers change.
METHOD = 1

#: Where too few underlyings tell a rate.
RATE = Curve.flat(0.04)

_QUOTES, _TABLE = "option_quotes", "option_features"


def features_of(chain: StoredChain, curve: Curve, workers: int | None = None) -> pl.DataFrame:
    """The rows of `option_features` of a session's chain.

    curve : of the market. workers : threads, which change no bytes; as many as there are cores for None.
    """
    found = analyse(chain.chain, chain.spots, chain.dividends, curve, chain.now, workers=workers, whole=False)
    said = measure(chain.chain, found, chain.spots, chain.volume, chain.open_interest)
    names = len(chain.chain.underlyings)
    rows = {
        "symbol": pl.Series(chain.chain.underlyings, dtype=pl.String),
        "session": pl.Series([chain.session], dtype=pl.Date).new_from_index(0, names),
        "method": pl.Series([METHOD], dtype=pl.Int32).new_from_index(0, names),
        "spot": pl.Series(chain.spots, nan_to_null=True),
        "rate": pl.Series(np.repeat(curve.at(np.array([30 / 365])), names)),
        **{name: pl.Series(values, nan_to_null=True) for name, values in said.items()},
    }
    return pl.DataFrame(rows).select(list(find_table(_TABLE).schema))


def curve_of(chain: StoredChain, given: str) -> tuple[Curve, list[str]]:
    """The rates that a session's chain is valued with, and what a person should know of them. given : the setting
    `rates`; empty for what the chain implies. Raises OptionError for a setting that is no curve."""
    if given:
        return Curve.read(given), []
    curve = imply_curve(chain.chain, chain.spots, chain.payers, chain.now)
    if curve is None:
        return RATE, [f"too few underlyings tell the rate, which is taken as {RATE.rates[0]:.0%} a year"]
    if not chain.payers.any():
        return curve, ["no dividends are known, so that rates are told by shares that may pay some, and come out low"]
    return curve, []


def store_option_features(
    store: Store,
    before: Mapping[str, int],
    report: ImportReport,
    progress: Progress = silent,
    *,
    engine: Engine | None = None,
) -> None:
    """Measure the sessions whose quotes, or prices of their underlyings, came since the store had these versions, and
    those that were not measured yet. Counts and notes go into the report.

    Each is measured as its own day knew it. Of bars, those count that came for whom no price was known.
    engine : where sessions are measured; that of the settings for None. Machines of a cluster measure several side by
    side, and open the store by its name. Rows are written here, session by session: a job that was stopped goes on
    with the first that has none.
    """
    versions = store.versions()
    if _QUOTES not in versions:
        return
    due = _to_measure(store, before, versions)
    if not due:
        return
    where = engine or chosen(machine_digest)
    pieces = [_Piece(store.path, tuple(sorted(versions.items())), day, setting("rates")) for day in due]
    if not where.apart:  # a session takes all threads
        for done, piece in enumerate(pieces):
            progress(done, len(pieces), f"measuring the options of {piece.day}")
            _keep(store, _measured(piece), report)
        return
    waiting: dict[int, _Found] = {}
    written = 0

    def told(number: int, found: _Found) -> None:
        """Sessions are written in their order, as they are without machines."""
        nonlocal written
        waiting[number] = found
        while written in waiting:
            _keep(store, waiting.pop(written), report)
            written += 1
        progress(written, len(pieces), what)

    what = "measuring options on other machines"
    progress(0, len(pieces), what)
    where.map(_measured, pieces, told)


class _Piece(NamedTuple):
    """A session of a store as it was. versions : table -> Delta version. rates : the setting."""

    path: str
    versions: tuple[tuple[str, int], ...]
    day: dt.date
    rates: str


class _Found(NamedTuple):
    """rows : of `option_features`; None where the session has no quotes. notes : what a person should know."""

    rows: pl.DataFrame | None
    notes: tuple[str, ...]


def _measured(piece: _Piece) -> _Found:
    known = KnownStore(piece.path, dict(piece.versions), piece.day)
    chain = stored_chain(known) if option_session(known) == piece.day else None
    if chain is None:
        return _Found(None, ())
    curve, said = curve_of(chain, piece.rates)
    return _Found(features_of(chain, curve), tuple(f"options of {piece.day}: {one}" for one in said))


def _keep(store: Store, found: _Found, report: ImportReport) -> None:
    report.notes += found.notes
    if found.rows is None:
        return
    made = ImportReport()
    store.commit(Batch({_TABLE: found.rows}), made)
    counts = zip(report.actions.get(_TABLE, (0, 0, 0)), made.actions[_TABLE], strict=True)
    new, replaced, unchanged = (sum(pair) for pair in counts)
    report.actions[_TABLE] = (new, replaced, unchanged)
    report.versions = made.versions


def _to_measure(store: Store, before: Mapping[str, int], versions: Mapping[str, int]) -> list[dt.date]:
    """Sessions, ascending."""
    now, then = (KnownStore(store.path, some, None) for some in (versions, before))
    with store_errors(store.path, f"read {_TABLE} of"):
        measured = now.scan(_TABLE).select("symbol", "session", "spot").collect()
    quoted = _days(now.opened(_QUOTES))
    found = quoted - {*measured["session"]}
    for name in (_QUOTES, "underlyings"):
        found |= _days(now.opened(name), then.opened(name))
    without = measured.filter(pl.col("spot").is_null()).lazy()
    if before.get("bars") != versions.get("bars"):
        with store_errors(store.path, "read bars of"):
            came = without.join(now.scan("bars"), on=["symbol", "session"], how="semi").collect()
        found |= {*came["session"]}
    return sorted(found & quoted)


def _days(table: StoredTable, before: StoredTable | None = None) -> set[dt.date]:
    """The sessions of a table; of its files that an older version has not."""
    files = table.files()
    if before is not None:
        files = files.filter(~pl.col("path").is_in(before.files()["path"].implode()))
    if files["first"].null_count() == 0 and (files["first"] == files["last"]).all():
        return {*files["first"]}
    with store_errors(table.store, f"read {table.name} of"):
        return {*table.scan(files).select("session").unique().collect()["session"]}
