"""Bars: the history of all symbols, raw, by session."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from tapescan.core.errors import FileError
from tapescan.market.quality import BAR_COLUMNS, PRICES, check_bars
from tapescan.market.universe import is_index
from tapescan.tables.definition import Checked, Field, File, Rules, Table, Whole
from tapescan.tables.kinds import BARS
from tapescan.tables.names import CURRENCY, DATE, SYMBOL

__all__ = ["BAR_FIELDS", "TABLE"]

_FLOAT, _DATE, _TEXT = pl.Float64(), pl.Date(), pl.String()

#: The columns of a bar, wherever it lies.
BAR_FIELDS = {
    "symbol": Field(_TEXT, "in the spelling of `market.spelling`", SYMBOL, needed=True),
    "session": Field(_DATE, "date in New York", DATE, needed=True),
    "open": Field(
        _FLOAT,
        "$",
        ("o", "openprice", "priceopen", "openingprice", "pxopen", "eroffn", "ouv", "apertura", "abertura"),
        needed=True,
    ),
    "high": Field(
        _FLOAT,
        "$",
        (
            "h",
            "highprice",
            "pricehigh",
            "highestprice",
            "pxhigh",
            "hoch",
            "plushaut",
            "maximo",
            "massimo",
            "maxima",
            "hoog",
        ),
        needed=True,
    ),
    "low": Field(
        _FLOAT,
        "$",
        ("l", "lowprice", "pricelow", "lowestprice", "pxlow", "tief", "plusbas", "minimo", "minima", "laag"),
        needed=True,
    ),
    "close": Field(
        _FLOAT,
        "$",
        (
            *("c", "closeprice", "closelast", "last", "lastprice", "latest", "priceclose", "closingprice", "pxlast"),
            *("closeclosepriceadjustedforsplits", "zuletzt", "dernier", "ultimo", "laatste", "price"),
        ),
        needed=True,
    ),
    "volume": Field(
        _FLOAT,
        "shares",
        ("vol", "v", "totalvolume", "sharestraded", "tradingvolume", "volumetraded", "pxvolume"),
        needed=True,
    ),
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
    good, refused, twice = check_bars(rows.with_columns(pl.col(BAR_COLUMNS[2:]).cast(pl.Float64)), rules.sessions)
    return Checked(good, refused, _said_twice(twice))


def _said_twice(twice: pl.DataFrame) -> tuple[str, ...]:
    if twice.is_empty():
        return ()
    symbol, session = twice.row(0)
    bars = "a bar was" if len(twice) == 1 else f"{len(twice):,} bars were"
    return (
        f"{bars} there twice on the newest day, as {symbol} on {session}: the one with the larger volume is kept, the"
        " other is of a session that still ran",
    )


#: Words of a column that says how long a bar is. What is no day is refused, or gathered.
_DAYS = ("d", "1d", "day", "1day", "daily", "1 day", "1440", "ohlcv-1d", "35", "86400", "")
_LONGER = ("w", "1w", "week", "weekly", "m", "1mo", "mo", "month", "monthly", "q", "quarterly", "y", "yearly")


def _prepare(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    """Daily bars alone, and a volume of zero for market indices, which have none."""
    if "period" in rows.columns:
        rows = _of_a_day(rows, file).drop("period")
    if "fixed" in rows.columns:
        rows = _from_fixed_point(rows).drop("fixed")
    if "volume" in rows.columns and not rows["volume"].null_count():
        return rows
    index = is_index(rows["symbol"])
    if "volume" not in rows.columns:
        if not index.all():
            other = rows["symbol"].filter(~index)[0]
            raise FileError(
                f"{file.shown}: no column for volume",
                f"bars need it, but for those of a market index, and {other} is none",
            )
        return rows.with_columns(volume=pl.lit(0.0))
    return rows.with_columns(volume=pl.when(index).then(pl.col("volume").fill_null(0.0)).otherwise("volume"))


def _of_a_day(rows: pl.DataFrame, file: File) -> pl.DataFrame:
    word = rows["period"].cast(pl.String).str.strip_chars().str.to_lowercase().fill_null("")
    daily = word.is_in(_DAYS)
    if daily.all():
        return rows
    others = word.filter(~daily).unique().sort()
    longer = others.is_in(_LONGER)
    if file.gather and not longer.any():
        return rows
    named = ", ".join(repr(one) for one in others.head(3))
    if daily.any():
        number = int((~daily).sum())
        file.notes.append(f"{file.shown}: passed over {number:,} bars of another period than a day ({named})")
        return rows.filter(daily)
    hint = "give daily bars" if longer.any() else "give daily bars, or let it make some of these: --gather"
    raise FileError(f"{file.shown}: its bars are not daily: their period is {named}", hint)


def _from_fixed_point(rows: pl.DataFrame) -> pl.DataFrame:
    """Databento's prices in billionths of a dollar as dollars; those with a point are dollars already."""
    whole = rows.select(pl.all_horizontal((pl.col(PRICES) >= 1e5) | pl.col(PRICES).is_null()).all()).item()
    if not whole:
        return rows
    return rows.with_columns(pl.when(pl.col(name) < 9.2e18).then(pl.col(name) / 1e9).alias(name) for name in PRICES)


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
    extras={
        "clock": ("time",),
        "period": ("per", "period", "interval", "timeframe", "barsize", "rtype"),
        "currency": CURRENCY,
        "fixed": ("publisherid",),
    },
    instead={"volume": ()},
    prepare=_prepare,
    check=_check,
    stamp=_stamp,
    beside="other_bars",
)
