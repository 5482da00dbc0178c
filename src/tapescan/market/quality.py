"""Which bars are refused, and why.

A kernel never meets a bar that breaks ``low <= open, close <= high``, a price that is not a positive number,
or two bars of one symbol and session: such bars are refused here, with their reason, and the store keeps them
in its quarantine. A bar has the first reason that fits, in the order of `REASONS`.

Prices that are a millionth apart are the same: vendors round, and keep them in four bytes. A high or low that lies so
little inside the other prices is set to them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import polars as pl

from tapescan.core.typing import Ints
from tapescan.market.distinct import distinct_days, distinct_symbols
from tapescan.market.spelling import is_dollar, is_symbol

__all__ = [
    "BAR_COLUMNS",
    "CONFLICT",
    "HIGH_TOO_LOW",
    "LOW_TOO_HIGH",
    "MISSING",
    "NOT_A_SESSION",
    "NOT_DAILY",
    "NOT_DOLLARS",
    "NOT_FINITE",
    "NOT_POSITIVE",
    "NO_SYMBOL",
    "NO_VOLUME",
    "PRICES",
    "REASONS",
    "TOO_LARGE",
    "CheckedBars",
    "check_bars",
    "differ",
    "sort_bars",
    "spacing",
]

PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
BAR_COLUMNS = ("symbol", "session", *VALUES)

#: The symbol, the session, a price or the volume is missing.
MISSING = "missing value"
#: What stands for the symbol is none: a note, a footer, unseen characters.
NO_SYMBOL = "not a symbol"
#: The source says that it is another currency.
NOT_DOLLARS = "not in US dollars"
#: A price or the volume is infinite or not a number.
NOT_FINITE = "price or volume not finite"
#: A price is zero or negative.
NOT_POSITIVE = "price not positive"
#: No share has ever cost or traded so much: such a number overflows in the arithmetic of all others.
TOO_LARGE = "price or volume too large"
#: The low lies above the open, the close or the high.
LOW_TOO_HIGH = "low above open, close or high"
#: The high lies below the open or the close.
HIGH_TOO_LOW = "high below open or close"
#: The volume is negative; a volume of zero is a bar (indices have no volume).
NO_VOLUME = "negative volume"
#: The exchange was closed: a weekend, or a day that is not among the sessions given.
NOT_A_SESSION = "not an exchange session"
#: Bars of weeks, months or longer, by the distance between them.
NOT_DAILY = "weekly or longer bars"
#: The same symbol and session with different values: all are refused, since nobody can know which is right.
CONFLICT = "conflicting duplicate"

REASONS = (
    MISSING,
    NO_SYMBOL,
    NOT_DOLLARS,
    NOT_FINITE,
    NOT_POSITIVE,
    TOO_LARGE,
    LOW_TOO_HIGH,
    HIGH_TOO_LOW,
    NO_VOLUME,
    NOT_A_SESSION,
    NOT_DAILY,
    CONFLICT,
)

#: Values this share apart, or less, are the same.
SAME = 1e-6

#: Days between the bars of a symbol that is not daily: word, from, to; and where one of them is missing, as the week
#: of a holiday.
_LONGER = (
    ("weekly", ((6, 8), (13, 15))),
    ("monthly", ((26, 36), (57, 67))),
    ("quarterly", ((85, 97),)),
    ("yearly", ((358, 372),)),
)
_SHORTEST = min(low for _, distances in _LONGER for low, _ in distances)
#: Bars that are sorted as fast as they are looked at.
_FEW = 20_000
#: So many distances at least, and this share of them, tell it.
_TELLING, _MOSTLY = 4, 0.9


class CheckedBars(NamedTuple):
    """good : sorted by symbol and session, each pair once. refused : with ``reason``. twice : symbol and session of
    bars that were there twice on their symbol's newest day, as of a running and of the final session."""

    good: pl.DataFrame
    refused: pl.DataFrame
    twice: pl.DataFrame


def differ(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Whether two numbers are more than rounding apart; null where one is missing."""
    return (one - other).abs() > SAME * pl.max_horizontal(one.abs(), other.abs())


def check_bars(bars: pl.DataFrame, sessions: Collection[object] | pl.Series | None = None) -> CheckedBars:
    """Split bars into the good and the refused.

    bars : symbol (text), session (date), open, high, low, close, volume (float64), one row a symbol and
        session, in any order; ``currency`` is looked at where it is there, further columns are carried along.
    sessions : the dates on which the exchange was open; a bar of any other day is refused, before the first
        of them and after the last too. None refuses weekends only.

    Copies of a bar collapse to one, the first; their number is ``len(bars) - len(good) - len(refused)``. Of two bars
    of a symbol's newest day that of the larger volume is kept: the other is of a session that still ran.
    The refused have the same columns and ``reason``, in the order of ``bars``, duplicates last.
    """
    sound = _are_sound(bars)
    reason = _reasons(bars, sessions, sound=sound)
    if reason is None:
        good, refused = bars, bars.clear().with_columns(reason=pl.lit(None, dtype=pl.String))
    else:
        judged = bars.with_columns(reason=reason)
        good = judged.filter(pl.col("reason").is_null()).drop("reason")
        refused = judged.filter(pl.col("reason").is_not_null())
    good, begin = _sorted(good if sound else _within(good))
    longer = spacing(good, begin)
    if len(longer):
        other = pl.col("symbol").is_in(longer["symbol"].implode())
        refused = pl.concat([refused, good.filter(other).with_columns(reason=pl.lit(NOT_DAILY))])
        good = good.filter(~other)
    copies = _same_key_as_previous(good)
    nothing = good.select("symbol", "session").clear()
    if not copies.any():
        return CheckedBars(good, refused, nothing)
    good, conflicting, twice = _settle_duplicates(good, copies)
    refused = pl.concat([refused, conflicting.with_columns(reason=pl.lit(CONFLICT))])
    return CheckedBars(good, refused, twice)


def spacing(bars: pl.DataFrame, begin: Ints | None = None) -> pl.DataFrame:
    """symbol, word (weekly, monthly, quarterly, yearly) of those whose bars lie so far apart.

    bars : symbol and session, sorted by these. begin : the row of each symbol's first, where that is known.
    """
    if len(bars) <= _TELLING:
        return pl.DataFrame(schema={"symbol": pl.String, "word": pl.String})
    if begin is None:
        begin = np.flatnonzero((bars["symbol"] != bars["symbol"].shift()).fill_null(value=True).to_numpy())
    day = bars["session"].to_physical().to_numpy()
    gap = np.diff(day, prepend=day[:1])
    gap[begin] = 0
    # Daily bars have few distances that are looked at.
    wide, none = np.flatnonzero(gap >= _SHORTEST), np.flatnonzero(gap <= 0)
    number = np.diff(begin, append=len(gap)) - _counted(none, begin)
    gap = gap[wide]
    names, words = [], []
    for word, distances in _LONGER:
        within = [(gap >= low) & (gap <= high) for low, high in distances]
        hits = _counted(wide[np.any(within, axis=0)], begin)
        told = np.flatnonzero((number >= _TELLING) & (hits >= _MOSTLY * number))
        names += bars["symbol"][begin[told]].to_list()
        words += [word] * len(told)
    return pl.DataFrame({"symbol": names, "word": words}, schema={"symbol": pl.String, "word": pl.String})


def _counted(rows: Ints, begin: Ints) -> Ints:
    """How many of some rows lie in each run. rows : ascending. begin : of the runs."""
    return np.diff(np.searchsorted(rows, begin), append=len(rows))


def _within(good: pl.DataFrame) -> pl.DataFrame:
    """With highs and lows that are not inside the other prices by a rounding."""
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    inside = good.select(((pl.col("low") > bottom) | (pl.col("high") < top)).any()).item() if len(good) else False
    if not inside:
        return good
    return good.with_columns(low=pl.min_horizontal("low", bottom), high=pl.max_horizontal("high", top))


def _reasons(bars: pl.DataFrame, sessions: Collection[object] | pl.Series | None, *, sound: bool) -> pl.Series | None:
    """Each bar's first reason, null for a good bar; None when all are good. sound : whether `_are_sound` says so."""
    day = pl.col("session")
    days = distinct_days(bars["session"])
    if sessions is None:
        closed_days = days.filter(days.dt.weekday() > 5)
    else:
        open_days = sessions if isinstance(sessions, pl.Series) else pl.Series(list(sessions), dtype=pl.Date)
        known = np.isin(days.to_physical().to_numpy(), open_days.cast(pl.Date).to_physical().drop_nulls().to_numpy())
        closed_days = days.filter(pl.Series(~known)) if not known.all() else days.clear()
    symbols = distinct_symbols(bars["symbol"])
    no_symbols = symbols.filter(~is_symbol(symbols))
    if closed_days.is_empty() and no_symbols.is_empty() and "currency" not in bars.columns and sound:
        return None
    top = pl.max_horizontal("open", "close")
    bottom = pl.min_horizontal("open", "close", "high")
    rules = {
        MISSING: pl.any_horizontal(pl.col(name).is_null() for name in BAR_COLUMNS),
        **({NO_SYMBOL: pl.col("symbol").is_in(no_symbols.implode())} if len(no_symbols) else {}),
        **({NOT_DOLLARS: ~is_dollar(pl.col("currency"))} if "currency" in bars.columns else {}),
        NOT_FINITE: ~pl.all_horizontal(pl.col(name).is_finite() for name in VALUES),
        NOT_POSITIVE: pl.any_horizontal(pl.col(name) <= 0.0 for name in PRICES),
        TOO_LARGE: pl.any_horizontal(*(pl.col(name) > 1e12 for name in PRICES), pl.col("volume") > 1e15),
        LOW_TOO_HIGH: pl.col("low") > bottom * (1.0 + SAME),
        HIGH_TOO_LOW: pl.col("high") < top * (1.0 - SAME),
        NO_VOLUME: pl.col("volume") < 0.0,
        NOT_A_SESSION: day.is_in(closed_days.implode()),
    }
    # Nearly all bars are good, so the costly naming of reasons looks only at those that are not.
    bad = bars.select(pl.any_horizontal(rule.fill_null(value=True) for rule in rules.values()).alias("bad"))["bad"]
    if not bad.any():
        return None
    first = pl.coalesce(pl.when(rule.fill_null(value=False)).then(pl.lit(text)) for text, rule in rules.items())
    at = bad.arg_true()
    named = bars.filter(bad).select(first.alias("reason"))["reason"]
    return pl.Series("reason", [None], dtype=pl.String).extend_constant(None, len(bars) - 1).scatter(at, named)


def _are_sound(bars: pl.DataFrame) -> bool:
    """Whether the numbers of all bars keep all rules, to the digit: told by few passes over the columns."""
    if bars.is_empty() or any(bars[name].null_count() for name in BAR_COLUMNS):
        return False
    low, high, volume = (pl.col(name) for name in ("low", "high", "volume"))
    # A number that is none is larger than all others in a comparison, and no extreme.
    found = bars.select(
        *(pl.col(name).is_nan().any().alias(name) for name in ("high", "volume")),
        *((low > pl.col(name)).any().alias(f"low {name}") for name in ("open", "close")),
        *((high < pl.col(name)).any().alias(f"high {name}") for name in ("open", "close")),
        extremes=(low.min() <= 0.0) | (high.max() > 1e12) | (volume.min() < 0.0) | (volume.max() > 1e15),
    )
    return not any(found.row(0))


def _settle_duplicates(good: pl.DataFrame, copies: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Collapse copies in sorted bars; of a symbol's newest day keep the larger volume; take out all bars of another
    pair whose values differ."""
    begins = ~copies
    group = begins.cast(pl.UInt32).cum_sum()
    apart = pl.any_horizontal(differ(pl.col(name), pl.col(name).shift()) for name in VALUES).fill_null(value=False)
    differs = good.select(apart.alias("differs"))["differs"] & copies
    nothing = good.select("symbol", "session").clear()
    if not differs.any():
        return good.filter(begins), good.clear(), nothing
    disputed = group.is_in(group.filter(differs).unique().implode())
    rows = good.with_columns(group=group, place=pl.int_range(pl.len())).filter(disputed)
    newest = good.filter(pl.col("symbol").is_in(rows["symbol"].unique().implode())).group_by("symbol")
    rows = rows.join(newest.agg(newest=pl.col("session").max()), on="symbol", maintain_order="left")
    largest = pl.col("volume") == pl.col("volume").max().over("group")
    one = (largest.sum().over("group") == 1) & (pl.col("session") == pl.col("newest"))
    kept = rows.filter(one & largest)
    settled = rows.filter(one)
    conflicting = disputed & ~group.is_in(settled["group"].unique().implode())
    wanted = (begins & ~disputed).to_numpy().copy()
    wanted[kept["place"].to_numpy()] = True
    return good.filter(pl.Series(wanted)), good.filter(conflicting), kept.select("symbol", "session")


def _same_key_as_previous(bars: pl.DataFrame) -> pl.Series:
    day = bars["session"].to_physical().to_numpy()
    at = np.flatnonzero(day[1:] == day[:-1]) + 1  # few, and symbols take longer to compare
    same = np.zeros(len(bars), np.bool_)
    if len(at):
        same[at] = (bars["symbol"].gather(at) == bars["symbol"].gather(at - 1)).to_numpy()
    return pl.Series("same", same)


def sort_bars(bars: pl.DataFrame, *, use_up: bool = False) -> pl.DataFrame:
    """Bars sorted by symbol and session.

    use_up : let the given frame go, a column at a time, so that no two of all bars are in memory; nobody else may
    hold it.

    Bars come from files that hold a symbol's bars in runs: those of one year, or its whole history. Putting
    runs in order is far cheaper than sorting bars (3.1 million bars in three files: a tenth of the time),
    so the bars themselves are sorted only where runs of one symbol overlap.
    """
    return _sorted(bars, use_up=use_up)[0]


def _sorted(bars: pl.DataFrame, *, use_up: bool = False) -> tuple[pl.DataFrame, Ints | None]:
    """As `sort_bars`, and the row of each symbol's first where that has been seen."""
    if len(bars) < _FEW:
        return bars.sort("symbol", "session", maintain_order=True), None
    day = bars["session"].to_physical().rechunk()
    symbol = bars["symbol"].rechunk()
    begins = ((symbol != symbol.shift()) | (day < day.shift())).fill_null(value=True)
    begin = begins.arg_true().to_numpy().astype(np.int64)
    end = np.append(begin[1:], len(bars))
    runs = pl.DataFrame(
        {"symbol": symbol.gather(begin), "first": day.gather(begin), "last": day.gather(end - 1)}
    ).with_row_index("run")
    ordered = runs.sort("symbol", "first", maintain_order=True)
    overlap = (pl.col("symbol") == pl.col("symbol").shift()) & (pl.col("first") <= pl.col("last").shift())
    if ordered.select(overlap.any()).item():
        return bars.sort("symbol", "session", maintain_order=True), None
    if (ordered["run"] == runs["run"]).all():
        return bars, begin
    if len(ordered) * 4 > len(bars):
        return bars.sort("symbol", "session", maintain_order=True), None
    order = ordered["run"].to_numpy()
    length = (end - begin)[order]
    place = np.arange(len(bars), dtype=np.int64)
    place += np.repeat(begin[order] - (np.cumsum(length) - length), length)
    at, names = pl.Series(place.astype(np.uint32)), bars.columns
    del symbol, day, place
    # Gathering from many chunks costs four times as much.
    columns = [(bars.drop_in_place(name) if use_up else bars[name]).rechunk().gather(at) for name in names]
    return pl.DataFrame(columns), None
