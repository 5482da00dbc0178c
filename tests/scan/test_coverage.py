"""Nobody who was given vanishes: every symbol of an import is in the coverage, with its reason."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl

from tapescan.api import scan_market
from tapescan.importing.importing import import_frames
from tapescan.store import Store
from tests.conftest import random_bars


def test_a_symbol_whose_every_bar_was_refused_is_among_the_requested(tmp_path: Path) -> None:
    bars = random_bars(symbols=6, sessions=300, seed=5)
    newest: dt.date = bars["session"].max()  # type: ignore[assignment]
    one = bars.filter(symbol="S003")
    wrong = {
        "PRICE": {"close": pl.lit(-1.0)},
        "CLOSED": {"session": pl.lit(dt.date(2022, 6, 4))},
        "UNDATED": {"session": pl.lit(None, pl.Date)},
        "LATER": {"session": pl.lit(newest + dt.timedelta(days=7)), "close": pl.lit(-1.0)},
        "FUTURE": {"session": pl.col("session") + dt.timedelta(days=4000)},
        "EARLY": {"session": pl.lit(dt.date(1900, 1, 2))},
    }
    refused = [one.with_columns(symbol=pl.lit(name), **changes) for name, changes in wrong.items()]
    store = Store(tmp_path / "store")
    import_frames(store, [pl.concat([bars, *refused])])
    found = scan_market(store)
    assert found.coverage.requested == 12
    assert found.coverage.dropped["bars_refused"] == 6
    dropped = dict(found.frame.filter(pl.col("symbol").is_in(list(wrong))).select("symbol", "dropped").iter_rows())
    assert dropped == dict.fromkeys(wrong, "bars_refused")
    # What was refused of a later day is not known on an earlier one.
    then = scan_market(store, as_of=newest)
    assert set(wrong) - set(then.frame["symbol"]) == {"LATER", "FUTURE"}
