"""What versions before this one let in and the gate would not: found in a store, with what mends it.

Each finding has its kind, how many rows it concerns, the symbols and days that show it best, and the command to give.
What is certain is mended by `tapescan doctor --fix`; the rest takes a person who knows which is right.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from tapescan.importing.symbols import file_symbol
from tapescan.market import calendar
from tapescan.market.quality import BAR_COLUMNS, spacing
from tapescan.market.spelling import is_symbol, normal_spelling
from tapescan.store import KnownStore
from tapescan.tables.registry import stored_tables

__all__ = ["KINDS", "NO_DEFECT", "OLDER", "find_older", "other_spelling"]

#: Kinds in words, and what to do.
KINDS: Mapping[str, tuple[str, str]] = {
    "spelling": ("symbols in another spelling or case than ours, as shares of their own", "tapescan doctor --fix"),
    "no symbol": ("notes and footers as symbols", "tapescan doctor --fix"),
    "no session": ("bars on days without a session", "tapescan doctor --fix"),
    "longer bars": ("weekly or longer bars among daily ones", "import their daily bars"),
    "repeated sessions": (
        "sessions whose bars are those of the session before",
        "import the right file of these days again",
    ),
    "another company": ("tickers that another company took, read from there on", "nothing, or import their renames"),
    "dividends": ("dividends of a quarter of the price that it did not fall by", "import them in US dollars again"),
    "market values": ("listings whose market values are a million times too small", "import the listing again"),
    "no listing": ("symbols that no listing names, which may be funds", "tapescan sync --what universe"),
}
#: Those that are how markets are, or may be, and no defects: a large special dividend trades with due bills, and its
#: price falls later.
NO_DEFECT = ("another company", "dividends", "no listing")

OLDER: dict[str, pl.DataType] = {
    "kind": pl.String(),
    "rows": pl.Int64(),
    "symbols": pl.Int64(),
    "examples": pl.String(),
    "mend": pl.String(),
}

#: A session repeats the one before when this share of its symbols has the same bar, and so many do.
_REPEATED, _LEAST = 0.25, 3
#: A dividend of this share of the price is looked at, and none of it shows when the fall is less than this part.
_LARGE, _SHOWN = 0.25, 0.3


def find_older(
    known: KnownStore, bars: pl.DataFrame, lives: pl.DataFrame, listing: pl.DataFrame, types: pl.DataFrame
) -> pl.DataFrame:
    """The findings, as `OLDER`.

    bars, lives : as `known.bars_and_lives` gives them. listing : of the day. types : symbol and type of the universe.
    """
    stored = known.newest()
    found = [
        *_symbols(known, stored),
        *_closed(bars),
        *_longer(bars),
        *_repeated(bars),
        *_one("another company", lives, lambda row: f"{row['symbol']} on {row['begin']}"),
        *_dividends(known, bars),
        *_market_values(listing, bars),
        *_unlisted(types, stored),
    ]
    return pl.DataFrame(found, schema=OLDER, orient="row")


def other_spelling(symbols: pl.Series) -> pl.DataFrame:
    """symbol, right of those that are symbols but not in our spelling."""
    right = normal_spelling(symbols)
    # Names of files that an older version took for symbols: daily_AAPL.csv became DAILY^AAPL.
    tailed = symbols.filter(symbols.str.contains(r"\^[A-Za-z0-9]{2,}"))
    named = [file_symbol(name.replace("^", "_")) for name in tailed]
    of_files = {name: symbol for name, symbol in zip(tailed, named, strict=True) if symbol}
    right = symbols.replace_strict(of_files, default=right, return_dtype=pl.String) if of_files else right
    usable = is_symbol(right) & (right != symbols)
    return pl.DataFrame({"symbol": symbols, "right": right}).filter(usable)


def _row(kind: str, rows: int, symbols: int, examples: list[str]) -> tuple[str, int, int, str, str]:
    return kind, rows, symbols, ", ".join(examples[:3]), KINDS[kind][1]


def _one(
    kind: str, frame: pl.DataFrame, told: Callable[[dict[str, Any]], str]
) -> list[tuple[str, int, int, str, str]]:
    if frame.is_empty():
        return []
    examples = [told(row) for row in frame.head(3).iter_rows(named=True)]
    return [_row(kind, len(frame), frame["symbol"].n_unique() if "symbol" in frame.columns else 0, examples)]


def _symbols(known: KnownStore, stored: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    bars = stored.select("symbol", rows="bars")
    others = [
        _counted(known, table.name, table.kept)
        for table in stored_tables()
        if "symbol" in table.key and table.name in known and table.kept != "history"
    ]
    counted = pl.concat([bars, *others]).drop_nulls().group_by("symbol").agg(pl.col("rows").sum()).sort("symbol")
    found = []
    wrong = other_spelling(counted["symbol"]).join(counted, on="symbol")
    if len(wrong):
        shown = [f"{symbol} for {right}" for symbol, right, _ in wrong.head(3).rows()]
        found.append(_row("spelling", int(wrong["rows"].sum()), len(wrong), shown))
    none = counted.filter(~is_symbol(counted["symbol"])).join(wrong, on="symbol", how="anti")
    if len(none):
        found.append(
            _row("no symbol", int(none["rows"].sum()), len(none), [repr(s)[:40] for s in none["symbol"].head(3)])
        )
    return found


def _counted(known: KnownStore, table: str, kept: str) -> pl.DataFrame:
    """symbol, rows of a table; of a large one no more than the symbols is read."""
    rows = known.scan(table).select("symbol") if kept == "sessions" else known.read(table).lazy()
    return rows.group_by("symbol").agg(rows=pl.len().cast(pl.Int64)).collect()


def _closed(bars: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    days = bars["session"].unique().sort()
    first: dt.date = max(days[0], calendar.EARLIEST)
    sessions = pl.Series(calendar.sessions(first, days[-1])).cast(pl.Date)
    closed = days.filter(~days.is_in(sessions.implode()))
    rows = bars.filter(pl.col("session").is_in(closed.implode())).select("symbol", "session")
    return _one("no session", rows, lambda row: f"{row['symbol']} on {row['session']:%A}, {row['session']}")


def _longer(bars: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    return _one("longer bars", spacing(bars), lambda row: f"{row['symbol']} ({row['word']})")


def _repeated(bars: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    """A file whose days are one off overwrote most of a week: each bar stands on two days."""
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift() for name in ("symbol", *BAR_COLUMNS[2:]))
    marked = bars.select("session", same=same & (pl.col("volume") > 0), traded=pl.col("volume") > 0)
    days = marked.group_by("session").agg(pl.col("same").sum(), number=pl.col("traded").sum()).sort("session")
    wrong = days.filter(pl.col("same") >= _LEAST, pl.col("same") > _REPEATED * pl.col("number"))
    if wrong.is_empty():
        return []
    examples = [f"{day} ({same} of {number} symbols)" for day, same, number in wrong.head(3).rows()]
    return [_row("repeated sessions", int(wrong["same"].sum()), int(wrong["same"].max()), examples)]  # type: ignore[arg-type]


def _dividends(known: KnownStore, bars: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    paid = known.read("dividends").select("symbol", "ex_date", "amount")
    mine = bars.filter(pl.col("symbol").is_in(paid["symbol"].unique().implode())).select(
        "symbol", "session", "open", "close"
    )
    mine = mine.with_columns(before=pl.col("close").shift().over("symbol")).drop_nulls()
    met = paid.join(mine, left_on=["symbol", "ex_date"], right_on=["symbol", "session"])
    fell = pl.col("before") - pl.col("open")
    wrong = met.filter(pl.col("amount") > _LARGE * pl.col("before"), fell < _SHOWN * pl.col("amount"))
    return _one(
        "dividends",
        wrong.sort("symbol", "ex_date"),
        lambda row: f"{row['symbol']} {row['ex_date']}: ${row['amount']:.4g} at a price of ${row['before']:.4g}",
    )


def _market_values(listing: pl.DataFrame, bars: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    """More dollars change hands in a day than the company is worth, at the median of the listing."""
    valued = listing.filter(pl.col("market_cap") > 0.0).select("symbol", "market_cap")
    traded = bars.group_by("symbol").agg(traded=(pl.col("close") * pl.col("volume")).tail(20).mean())
    met = valued.join(traded, on="symbol").filter(pl.col("traded") > 0.0)
    if met.is_empty() or met.select((pl.col("traded") / pl.col("market_cap")).median()).item() < 1.0:
        return []
    return _one("market values", met, lambda row: f"{row['symbol']} ${row['market_cap']:,.0f}")


def _unlisted(types: pl.DataFrame, stored: pl.DataFrame) -> list[tuple[str, int, int, str, str]]:
    unknown = types.filter(type="unknown").join(stored, on="symbol", how="semi").sort("symbol")
    return _one("no listing", unknown.select("symbol"), lambda row: row["symbol"])
