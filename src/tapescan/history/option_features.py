"""What the option quotes of a session say of each underlying: worked out once, when they were stored, and kept.

A scan reads the small table that is written here, and never a chain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import polars as pl

from tapescan.core.progress import Progress, silent
from tapescan.core.settings import setting
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


def curve_of(chain: StoredChain) -> tuple[Curve, list[str]]:
    """The rates that a session's chain is valued with: the setting's, else what it implies; and what a person should
    know of them. Raises OptionError for a setting that is no curve."""
    if given := setting("rates"):
        return Curve.read(given), []
    curve = imply_curve(chain.chain, chain.spots, chain.payers, chain.now)
    if curve is None:
        return RATE, [f"too few underlyings tell the rate, which is taken as {RATE.rates[0]:.0%} a year"]
    if not chain.payers.any():
        return curve, ["no dividends are known, so that rates are told by shares that may pay some, and come out low"]
    return curve, []


def store_option_features(
    store: Store, before: Mapping[str, int], report: ImportReport, progress: Progress = silent
) -> None:
    """Measure the sessions whose quotes, or prices of their underlyings, came since the store had these versions, and
    those that were not measured yet. Counts and notes go into the report.

    Each is measured as its own day knew it. Of bars, those count that came for whom no price was known.
    """
    versions = store.versions()
    if _QUOTES not in versions:
        return
    for day in _to_measure(store, before, versions):
        progress(0, 0, f"measuring the options of {day}")
        known = store.known(day)
        chain = stored_chain(known) if option_session(known) == day else None
        if chain is None:
            continue
        curve, said = curve_of(chain)
        report.notes += [f"options of {day}: {one}" for one in said]
        made = ImportReport()
        store.commit(Batch({_TABLE: features_of(chain, curve)}), made)
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
