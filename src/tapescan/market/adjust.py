"""Prices as they were known on a date: splits and dividends applied on read.

A stored price is in the share basis of one date, its ``adjusted_to``: the splits with an ex-date up to that
date are already inside it. That is the bar's own session for a raw price (a split's ex-date trades after the
split), and the newest session of the file for prices that a vendor had adjusted, so that a split after the
file's end still applies to them. ``total_to`` says the same of dividends; null means that none are inside.

Reading as of a date D applies the splits with ``adjusted_to < ex_date <= D`` and no later ones, so a scan as
of D sees the prices that a person saw on D. This holds for raw prices. Prices that were adjusted before they
came in carry splits later than D inside them, and nobody can take those out again without knowing every one
of them: they stay in the basis of their file, whose returns are right and whose levels, on a day before a
later split, are not those of that day.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.settings import Adjustment
from tapescan.core.typing import Days, Floats, Ints

__all__ = ["adjust_bars", "closes_before", "quoted_factors"]


_PRICES = ("open", "high", "low", "close")
#: Days since 1970-01-01 fit in these many bits with a wide margin, so (symbol, day) is one sortable integer.
_DAY_BITS = 24
_DAY_ZERO = 1 << (_DAY_BITS - 1)


def adjust_bars(
    bars: pl.DataFrame,
    splits: pl.DataFrame,
    dividends: pl.DataFrame,
    as_of: dt.date,
    mode: Adjustment = "splits",
    *,
    use_up: bool = False,
) -> pl.DataFrame:
    """Bars with the prices and volumes of ``as_of``; rows and their order stay.

    use_up : let the given frame go, a column at a time, so that no two of all bars are in memory; nobody else may
    hold it.

    bars : symbol, session, open, high, low, close, volume, adjusted_to (date), total_to (date or null).
    splits : symbol, ex_date, ratio (new shares for one old share: 4.0 for four-for-one, 0.1 for one-for-ten).
    dividends : symbol, ex_date, amount ($ a share in the share basis of its own adjusted_to), adjusted_to.
    as_of : actions with a later ex-date are not known and not applied.
    mode : ``none`` gives the bars back as stored. ``splits`` divides prices by the product of the ratios that
        apply and multiplies volume by it. ``total`` also multiplies the prices before an ex-date by
        ``1 - dividend / previous close``, both in one share basis, so that returns include dividends; a
        dividend of the whole previous close or more (a liquidation, or wrong data) is left out.

    Bars of symbols without an action that applies cost nothing: only the others are looked at.
    """
    if mode == "none" or bars.is_empty():
        return bars
    oldest = bars["adjusted_to"].min()
    bars = _apply_splits(bars, splits.filter((pl.col("ex_date") <= as_of) & (pl.col("ex_date") > oldest)), use_up)
    if mode == "total":
        bars = _apply_dividends(bars, splits, dividends, as_of)
    return bars


def closes_before(bars: pl.DataFrame, splits: pl.DataFrame) -> Floats:
    """The close of the bar before each bar, in that bar's own share basis: of its session, or of the later day to
    which its price was adjusted. What stands at the first bar of a symbol is of another one.

    bars : symbol, session, close, adjusted_to, as stored, sorted by symbol and session. splits : all that are
    recorded; those that lie in no price yet change no bit.
    """
    close = bars["close"].to_numpy().astype(np.float64, copy=False)
    was = np.roll(close, 1)
    codes = _codes(splits)
    rows, part = _rows_of(bars, codes, ["session", "adjusted_to"])
    if part.is_empty():
        return was
    steps = _Steps.of(splits, codes)
    basis = np.maximum(*(part[name].to_physical().to_numpy() for name in ("session", "adjusted_to")))
    before = np.roll(part["adjusted_to"].to_physical().to_numpy(), 1)
    code = part["code"].cast(pl.Int64).to_numpy()
    own, other = (np.searchsorted(steps.key, _key(code, day), side="right") for day in (basis, before))
    for at in np.flatnonzero((np.diff(code, prepend=-1) == 0) & (own != other)):
        ratio = np.multiply.reduce(steps.ratio[min(own[at], other[at]) : max(own[at], other[at])])
        was[rows[at]] *= 1.0 / ratio if own[at] > other[at] else ratio
    return was


def quoted_factors(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """What turns the price of a bar that was adjusted beyond its own session into the one that was quoted then:
    symbol, session, factor, of those bars alone whose factor is not 1.

    bars : symbol, session, adjusted_to, as stored, sorted by symbol and session. splits : all that are recorded; of
    one that nobody recorded the price stays as it is.
    """
    codes = _codes(splits)
    _, part = _rows_of(bars, codes, ["symbol", "session", "adjusted_to"])
    steps = _Steps.of(splits, codes)
    own, inside = (steps.product_after(part["code"], part[day]) for day in ("session", "adjusted_to"))
    beyond = (part["adjusted_to"] > part["session"]).to_numpy()
    factor = np.where(beyond, own / inside, 1.0)
    return part.select("symbol", "session", factor=pl.Series(factor)).filter(pl.col("factor") != 1.0)


def _apply_splits(bars: pl.DataFrame, splits: pl.DataFrame, use_up: bool) -> pl.DataFrame:
    """Divide prices and multiply volumes by the ratios of the splits with an ex-date after ``adjusted_to``."""
    codes = _codes(splits)
    rows, part = _rows_of(bars, codes, ["adjusted_to"])
    if part.is_empty():
        return bars
    factor = _Steps.of(splits, codes).product_after(part["code"], part["adjusted_to"])
    at = factor != 1.0
    return _scale(bars, rows[at], 1.0 / factor[at], factor[at], use_up=use_up)


def _apply_dividends(
    bars: pl.DataFrame, splits: pl.DataFrame, dividends: pl.DataFrame, as_of: dt.date
) -> pl.DataFrame:
    """Multiply prices by ``1 - dividend / previous close`` for each dividend that is not inside them yet."""
    dividends = dividends.filter(pl.col("ex_date") <= as_of)
    codes = _codes(dividends)
    rows, part = _rows_of(bars, codes, ["session", "close", "adjusted_to", "total_to"])
    if part.is_empty():
        return bars
    closes = part.select("code", "session", "close", basis=pl.max_horizontal("adjusted_to", pl.lit(as_of)))
    paid = (
        dividends.join(codes, on="symbol")
        .select("code", "ex_date", "amount", amount_basis="adjusted_to")
        .sort("ex_date")
        .join_asof(
            closes.sort("session"),
            left_on="ex_date",
            right_on="session",
            by="code",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .filter(pl.col("close").is_not_null())
    )
    if paid.is_empty():
        return bars
    # The amount in the basis of the close it is compared with. Splits later than as_of serve here only to
    # undo what a vendor put into the amount: what comes out is the amount as it was paid.
    last = max(paid["basis"].max(), paid["amount_basis"].max())  # type: ignore[type-var]
    steps = _Steps.of(splits.filter(pl.col("ex_date") <= last), codes)
    inside = steps.product_after(paid["code"], paid["amount_basis"])
    wanted = steps.product_after(paid["code"], paid["basis"])
    kept = 1.0 - paid["amount"].to_numpy() * (wanted / inside) / paid["close"].to_numpy()
    paid = paid.with_columns(ratio=pl.Series(kept)).filter((pl.col("ratio") > 0.0) & (pl.col("ratio") <= 1.0))
    known = part.select(known=pl.max_horizontal("session", "total_to"))["known"]
    factor = _Steps.at(paid).product_after(part["code"], known)
    at = factor != 1.0
    return _scale(bars, rows[at], factor[at], None)


def _codes(actions: pl.DataFrame) -> pl.DataFrame:
    """The symbols of some actions, numbered: symbol, code (uint32)."""
    return actions.select(pl.col("symbol").unique().sort()).with_row_index("code")


def _rows_of(bars: pl.DataFrame, codes: pl.DataFrame, columns: list[str]) -> tuple[Ints, pl.DataFrame]:
    """The places of the bars of these symbols, and their code and some columns.

    Bars come in runs of one symbol, so names are compared once a run and not once a bar.
    """
    runs = bars["symbol"].rle().struct.unnest()
    runs = runs.with_columns(begin=pl.col("len").cum_sum() - pl.col("len")).join(
        codes, left_on="value", right_on="symbol", maintain_order="left"
    )
    length = runs["len"].to_numpy().astype(np.int64)
    begin = runs["begin"].to_numpy().astype(np.int64)
    rows = np.repeat(begin - (np.cumsum(length) - length), length) + np.arange(length.sum())
    code = pl.Series("code", np.repeat(runs["code"].to_numpy(), length))
    return rows, bars.select(columns)[rows].with_columns(code)


def _scale(
    bars: pl.DataFrame, rows: Ints, price: Floats, volume: Floats | None, *, use_up: bool = False
) -> pl.DataFrame:
    """Multiply prices, and volumes where asked, at some rows."""
    if rows.size == 0:
        return bars
    factors = dict.fromkeys(_PRICES, price) | ({} if volume is None else {"volume": volume})
    changed, names = [], bars.columns
    for name, factor in factors.items():
        values = (bars.drop_in_place(name) if use_up else bars[name]).to_numpy().copy()
        values[rows] *= factor
        changed.append(pl.Series(name, values))
    return bars.with_columns(changed).select(names)


@dataclass(frozen=True)
class _Steps:
    """Per-symbol factors by ex-date, laid out for one binary search.

    key : int64, ascending, symbol code and ex-date in one integer.
    ratio : of each step. product : the product of the ratios of this step and all later ones of its symbol.
    """

    key: Ints
    ratio: Floats
    product: Floats

    @classmethod
    def of(cls, actions: pl.DataFrame, codes: pl.DataFrame) -> _Steps:
        """From symbol, ex_date and ratio; actions of symbols without a code are left out."""
        return cls.at(actions.join(codes, on="symbol"))

    @classmethod
    def at(cls, actions: pl.DataFrame) -> _Steps:
        """From code, ex_date and ratio."""
        steps = actions.sort("code", "ex_date")
        product = steps.select(pl.col("ratio").cum_prod(reverse=True).over("code"))["ratio"]
        return cls(_keys(steps["code"], steps["ex_date"]), steps["ratio"].to_numpy(), product.to_numpy())

    def product_after(self, code: pl.Series, day: pl.Series) -> Floats:
        """For each row, the product of its symbol's ratios with an ex-date after ``day``; 1.0 if there is none."""
        key = _keys(code, day)
        at = np.searchsorted(self.key, key, side="right")
        found = at < len(self.key)
        found[found] = (self.key[at[found]] >> _DAY_BITS) == (key[found] >> _DAY_BITS)
        product = np.ones(len(key))
        product[found] = self.product[at[found]]
        return product


def _keys(code: pl.Series, day: pl.Series) -> Ints:
    return _key(code.cast(pl.Int64).to_numpy(), day.to_physical().cast(pl.Int64).to_numpy())


def _key(code: Ints, day: Ints | Days) -> Ints:
    keys: Ints = (code << _DAY_BITS) + day + _DAY_ZERO
    return keys
