"""Bars: the history of all symbols, raw, by session."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from tapescan.market.quality import BAR_COLUMNS, PRICES, check_bars
from tapescan.tables.definition import Checked, Field, Rules, Table, Whole
from tapescan.tables.kinds import BARS
from tapescan.tables.names import DATE, SYMBOL

__all__ = ["BAR_FIELDS", "TABLE"]

_FLOAT, _DATE, _TEXT = pl.Float64(), pl.Date(), pl.String()

#: The columns of a bar, wherever it lies.
BAR_FIELDS = {
    "symbol": Field(_TEXT, "in the spelling of `market.spelling`", SYMBOL, needed=True),
    "session": Field(_DATE, "date in New York", DATE, needed=True),
    "open": Field(_FLOAT, "$", ("o", "openprice"), needed=True),
    "high": Field(_FLOAT, "$", ("h", "highprice"), needed=True),
    "low": Field(_FLOAT, "$", ("l", "lowprice"), needed=True),
    "close": Field(_FLOAT, "$", ("c", "closeprice", "last"), needed=True),
    "volume": Field(_FLOAT, "shares", ("vol", "v"), needed=True),
}
#: What the store knows besides of a bar; `market.adjust` explains the two days.
STAMPS = {
    "adjusted_to": Field(_DATE, "day through which splits are inside its prices; its own session for raw prices"),
    "total_to": Field(_DATE, "day through which dividends are inside, too; null for none", given=False),
    "source": Field(_TEXT, "the vendor or the file", given=False),
}


def _told(found: Collection[str]) -> bool:
    prices = sum(price in found for price in PRICES)
    return prices >= 2 or (prices == 1 and "volume" in found and "session" in found)


def _check(table: Table, rows: pl.DataFrame, rules: Rules) -> Checked:
    del table
    return Checked(*check_bars(rows.with_columns(pl.col(BAR_COLUMNS[2:]).cast(pl.Float64)), rules.sessions))


def _stamp(good: pl.DataFrame, whole: Whole) -> pl.DataFrame:
    """With the days through which splits and dividends are inside the prices."""
    if whole.adjusted == "none":
        through = pl.coalesce("adjusted_to", "session") if "adjusted_to" in good.columns else pl.col("session")
    else:
        assert whole.newest is not None
        if whole.adjusted_to is not None or len(whole.newest) == 1:
            day = whole.adjusted_to or whole.newest["newest"][0]
            through = pl.max_horizontal("session", pl.lit(day, dtype=pl.Date))
        else:
            through = pl.col("given").replace_strict(whole.newest["given"], whole.newest["newest"])
    return good.select(
        *BAR_COLUMNS,
        adjusted_to=through,
        total_to=through if whole.adjusted == "total" else pl.lit(None, dtype=pl.Date),
        source="source",
    )


TABLE = Table(
    name="bars",
    title="daily bars, raw prices; committed last, so that they never come without their splits",
    fields={**BAR_FIELDS, **STAMPS},
    key=("symbol", "session"),
    kept="history",
    order=100,
    known="session",
    kind=BARS,
    offers=("bars by date", "bars by symbol"),
    scanned=True,
    in_files=True,
    told=_told,
    # The time of day in a column of its own tells intraday bars.
    extras={"clock": ("time",)},
    check=_check,
    stamp=_stamp,
    beside="other_bars",
)
