"""A stored session's quotes made ready for `analysis`: their chain, the price of each underlying, what it pays.

Dividends with an ex-date behind the session are those that somebody declared; the others are projected: those of the
last year again, a year (52 weeks) later, unless one is declared about then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Bools, Days, Floats
from tapescan.market.closing import moments
from tapescan.options.chains import Chain, spans
from tapescan.options.contracts import years
from tapescan.options.dividends import Dividends
from tapescan.options.ordered import chain_in_order

__all__ = ["READ", "StoredChain", "make_ready"]

#: The columns of quotes that are read.
READ = (
    *("symbol", "expiration", "root", "strike", "side", "bid", "ask", "volume", "traded", "open_interest"),
    *("underlying_price", "quoted"),
)

#: A projected dividend later by whole years of so many days, so that it falls on a weekday.
_YEAR = dt.timedelta(days=364)
#: So close to a declared one a projected one is the same.
_SAME = dt.timedelta(days=25)
#: One of so many times the usual of its year is special, and not projected.
_SPECIAL = 2.5


@dataclass(frozen=True, eq=False)
class StoredChain:
    """One session's quotes."""

    session: dt.date
    #: Of the quotes: the newest one, at most the session's close; seconds since 1970-01-01 UTC.
    now: int
    chain: Chain
    #: ``(underlyings,)``, dollars, NaN for unknown: when the options were quoted, where that is said, else the
    #: close; and the close.
    spots: Floats
    closes: Floats
    #: In years from now; `projected` of each, whether nobody declared it.
    dividends: Dividends
    projected: Bools
    #: ``(underlyings,)``: whether it paid in what was given of the past, or will.
    payers: Bools
    #: ``(contracts,)``: contracts; NaN for unknown, as a volume of which nobody says that it is of this session.
    volume: Floats
    open_interest: Floats

    def some(self, underlyings: Sequence[str]) -> StoredChain:
        """Of these underlyings alone, as far as they are in it; what is said of them stays what it is."""
        wanted = {*underlyings}
        at = np.array([place for place, name in enumerate(self.chain.underlyings) if name in wanted], np.int64)
        chain, contracts = self.chain.some(at)
        paid = spans(self.dividends.firsts, at)
        counts = np.diff(self.dividends.firsts)[at]
        dividends = Dividends(
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]),
            self.dividends.when[paid],
            self.dividends.amount[paid],
        )
        return StoredChain(
            self.session,
            self.now,
            chain,
            self.spots[at],
            self.closes[at],
            dividends,
            self.projected[paid],
            self.payers[at],
            self.volume[contracts],
            self.open_interest[contracts],
        )


def make_ready(
    quotes: pl.DataFrame,
    prices: pl.DataFrame,
    closes: pl.DataFrame,
    paid: pl.DataFrame,
    splits: pl.DataFrame,
    session: dt.date,
) -> StoredChain:
    """The chain of a session's rows of `option_quotes`, of which `READ` is needed.

    prices : symbol, price, of underlyings when they were quoted. closes : symbol, close, in the session's share
    basis.
    paid : symbol, ex_date, amount, adjusted_to, of the last years and declared. splits : symbol, ex_date, ratio.
    """
    chain = chain_in_order(
        quotes.select("root", "expiration", "side", "strike", "bid", "ask", "quoted", underlying="symbol")
    )
    close = int(moments(_days([session]), np.array([False]))[0])
    newest = int(chain.quoted.max()) if len(chain) else -1
    now = min(newest, close) if newest >= 0 else close
    names = pl.DataFrame({"symbol": chain.underlyings}, schema={"symbol": pl.String})
    priced = quotes if quotes["underlying_price"].null_count() < len(quotes) else quotes.clear()
    said = priced.group_by("symbol").agg(said=pl.col("underlying_price").median())
    for one in (said, prices.select("symbol", "price"), closes.select("symbol", "close")):
        names = names.join(one, on="symbol", how="left", maintain_order="left")
    known = names.select(spot=pl.coalesce("said", "price", "close"), close="close").fill_null(np.nan)
    dividends, projected, payers = _dividends(chain, now, session, paid, splits)
    dated = pl.lit(value=False)
    if quotes["traded"].null_count() < len(quotes):
        dated = pl.col("traded").count().over("symbol") > 0
    counted = quotes.select(
        # A volume whose day nobody says may be of any day before; what has neither where others have was not traded.
        volume=pl.when(pl.col("traded") < session)
        .then(0.0)
        .when(pl.col("volume").is_null() & dated)
        .then(0.0)
        .when((pl.col("traded") == session) | (pl.col("volume") == 0.0))
        .then("volume"),
        open_interest="open_interest",
    )
    volume, interest = (counted[name].fill_null(np.nan).to_numpy()[chain.row] for name in counted.columns)
    spots, closing = (known[name].to_numpy().copy() for name in known.columns)
    return StoredChain(session, now, chain, spots, closing, dividends, projected, payers, volume, interest)


def _dividends(
    chain: Chain, now: int, session: dt.date, paid: pl.DataFrame, splits: pl.DataFrame
) -> tuple[Dividends, Bools, Bools]:
    """What each underlying pays up to its last expiry; whether nobody declared it; who pays at all."""
    number = len(chain.underlyings)
    last = pl.DataFrame(
        {"symbol": chain.underlyings, "place": range(number), "last": _last_days(chain)},
        schema={"symbol": pl.String, "place": pl.Int64, "last": pl.Int32},
    ).with_columns(pl.col("last").cast(pl.Date))
    own = _in_basis(paid, splits, session).join(last, on="symbol").sort("place", "ex_date")
    declared = own.filter(pl.col("ex_date") > session, pl.col("ex_date") <= pl.col("last"))
    before = own.filter(pl.col("ex_date") > session - _YEAR, pl.col("ex_date") <= session)
    usual = pl.col("amount").median().over("place")
    before = before.filter((pl.col("amount") <= _SPECIAL * usual) | (pl.len().over("place") < 3))
    again = (
        before.with_columns(turn=pl.int_ranges(1, (pl.col("last") - pl.col("ex_date")).dt.total_days() // 364 + 1))
        .explode("turn", empty_as_null=False, keep_nulls=False)
        .with_columns(ex_date=pl.col("ex_date") + pl.col("turn") * pl.duration(days=364))
        .filter(pl.col("ex_date") > session, pl.col("ex_date") <= pl.col("last"))
    )
    if len(declared) and len(again):
        about = declared.select("place", "ex_date", there="ex_date").sort("ex_date")
        again = again.sort("ex_date").join_asof(
            about, on="ex_date", by="place", strategy="nearest", tolerance=_SAME, check_sortedness=False
        )
        again = again.filter(pl.col("there").is_null())
    columns = ["place", "ex_date", "amount"]
    every = pl.concat(
        [
            declared.select(*columns, projected=pl.lit(value=False)),
            again.select(*columns, projected=pl.lit(value=True)),
        ]
    ).sort("place", "ex_date", "projected")
    opening = moments(every["ex_date"].cast(pl.Int32).to_numpy(), np.ones(len(every), np.bool_))
    firsts = np.searchsorted(every["place"].to_numpy(), np.arange(number + 1)).astype(np.int64)
    payers = np.zeros(number, np.bool_)
    payers[own["place"].unique().to_numpy()] = True
    amounts = every["amount"].to_numpy().copy()
    return Dividends(firsts, years(opening, now), amounts), every["projected"].to_numpy().copy(), payers


def _in_basis(paid: pl.DataFrame, splits: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """Amounts above zero, in the share basis of the session: symbol, ex_date, amount."""
    paid = paid.select("symbol", "ex_date", "amount", "adjusted_to").filter(pl.col("amount") > 0.0).with_row_index()
    since = paid.join(splits.select("symbol", "ratio", split="ex_date"), on="symbol").filter(
        pl.col("split") > pl.col("adjusted_to"), pl.col("split") <= session
    )
    factor = since.group_by("index").agg(factor=pl.col("ratio").product())
    paid = paid.join(factor, on="index", how="left", maintain_order="left")
    return paid.select("symbol", "ex_date", pl.col("amount") / pl.col("factor").fill_null(1.0))


def _last_days(chain: Chain) -> Array:
    """The last expiry of each underlying."""
    if not chain.slices:
        return np.zeros(0, np.int32)
    last: Array = np.maximum.reduceat(chain.expiry, chain.firsts[:-1]).astype(np.int32)
    return last


def _days(days: list[dt.date]) -> Days:
    found: Days = np.array(days, "datetime64[D]").astype(np.int32)
    return found
