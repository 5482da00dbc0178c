"""Option chains of vendors: from contracts as they give them to the rows of `option_quotes` and `underlyings`.

What a chain is of is said by its quotes' time in New York alone, never by the time at which it was fetched: one that
is fetched on a Saturday is Friday's. Volatilities and greeks of vendors are not taken: each has a model of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import TypeVar

import polars as pl

from tapescan.market import calendar, closing
from tapescan.market.clock import NEW_YORK, ready_at, session_under_way
from tapescan.market.occ import parse
from tapescan.network.link import Link
from tapescan.tables.moments import moments_of
from tapescan.tables.registry import schema_of
from tapescan.vendors.seam import Ask, Batch, Call, Problem

__all__ = ["CONTRACT", "Value", "as_list", "chain_batches", "chain_calls", "check_quoted"]

T = TypeVar("T")

#: A number of a reply, where some write text for one.
Value = float | str | None

#: Columns of contracts as vendors give them. symbol : the underlying, in our spelling. contract : its OCC symbol.
#: volume : of the day of `counted`. traded, counted, quoted, priced : moments as text, as `moments_of` reads them; of
#: the last trade, the volume, the quote, the underlying's price.
CONTRACT = {
    **dict.fromkeys(("symbol", "contract", "traded", "counted", "quoted", "priced"), pl.String()),
    **dict.fromkeys(("bid", "ask", "bid_size", "ask_size", "last", "volume", "open_interest"), pl.Float64()),
    "underlying_price": pl.Float64(),
}
_NUMBERS = tuple(name for name, kind in CONTRACT.items() if kind == pl.Float64())
_MOMENTS = ("traded", "counted", "quoted", "priced")

#: A price of the underlying is of the quotes' moment within so much, and is theirs at all within so much: feeds of
#: shares run up to 15 minutes late, and go on after the close of options.
SAME_MOMENT = dt.timedelta(minutes=1)
SAME_PRICE = dt.timedelta(minutes=20)
#: Minutes after 16:00 New York: options of funds trade to 16:15, and quotes come 15 minutes late.
FINAL = 35
#: Between these times of New York yesterday's and today's open interest come side by side.
_UNSURE = (dt.time(6), dt.time(7, 5))


def chain_calls(ask: Ask, requests: int = 1, *, piecewise: bool = False) -> list[Call]:
    """A call for each of the wish's symbols, of the session asked for. requests : that each takes. piecewise :
    whether what came of one that fails is stored."""
    return [
        Call(
            f"options/{session}/{symbol}",
            "options",
            requests=requests,
            sessions=(session,),
            symbols=(symbol,),
            final_at=ready_at(session, FINAL),
            args={"asked_at": ask.now.isoformat()},
            piecewise=piecewise,
        )
        for session in ask.sessions
        for symbol in sorted(set(ask.symbols))
    ]


def _interest_is_unsure(call: Call) -> bool:
    """Whether open interest that is fetched now may be of either of two days."""
    asked_at = dt.datetime.fromisoformat(call.args["asked_at"]).astimezone(NEW_YORK)
    return calendar.is_session(asked_at.date()) and _UNSURE[0] <= asked_at.time() < _UNSURE[1]


def as_list(given: list[T] | T | None) -> list[T]:
    """Several, where a vendor writes a single one without its list, and nothing for none."""
    if given is None:
        return []
    return given if isinstance(given, list) else [given]


def chain_batches(call: Call, contracts: Iterable[dict[str, object]], *, priced: bool = True) -> list[Batch]:
    """The contracts of one or more underlyings as batches of both tables; what cannot be used is a problem.

    contracts : in the columns of `CONTRACT`, those that are missing being unknown. priced : whether they say what
    their underlying costs. A chain none of whose contracts
    has an ask is none: vendors empty their snapshots at night. One whose quotes have no time is of no session.
    """
    given, told = _numbers(contracts)
    columns = {name: [row.get(name) for row in given] for name in CONTRACT}
    rows, more = _named(pl.DataFrame(columns, schema=CONTRACT, strict=False))
    told += more
    rows = rows.with_columns(moments_of(rows[name]).alias(name) for name in _MOMENTS)
    rows, more = _dated(rows, call)
    told += more
    session = pl.col("session")
    day = {name: pl.col(name).dt.convert_time_zone(NEW_YORK.key).dt.date() for name in ("traded", "counted")}
    apart = (pl.col("priced") - pl.min_horizontal("quoted", "close")).abs()
    rows = rows.with_columns(
        traded=day["traded"],
        volume=pl.when(day["counted"] == session).then("volume"),
        said=pl.when(apart <= SAME_MOMENT).then("underlying_price"),
        open_interest=pl.lit(None, pl.Float64) if _interest_is_unsure(call) else pl.col("open_interest"),
    )
    prices, more = _prices(rows)
    told += more if priced else []
    quotes = rows.with_columns(underlying_price="said").select(*schema_of("option_quotes"))
    return [Batch("underlyings", prices), Batch("option_quotes", quotes, tuple(told))]


def check_quoted(call: Call, link: Link, batches: Iterable[Batch]) -> None:
    """Raises VendorError (``empty``) where all that a call brought are chains without quotes."""
    came = list(batches)
    empty = sum(problem.reason == "empty" for batch in came for problem in batch.problems)
    if empty and all(batch.rows.is_empty() for batch in came):
        hint = "sync again when the market has opened; a plan without quotes has none"
        raise link.error("empty", f"{call.key}: no contract has a quote, of {empty:,} chains", hint)


def _numbers(contracts: Iterable[dict[str, object]]) -> tuple[list[dict[str, object]], list[Problem]]:
    """The contracts with numbers where numbers belong; those with text that is none are problems."""
    good, problems = list[dict[str, object]](), list[Problem]()
    for row in contracts:
        texts = [(name, value) for name in _NUMBERS if isinstance(value := row.get(name), str)]
        try:
            good.append({**row, **{name: float(value) for name, value in texts}} if texts else row)
        except ValueError:
            said = ", ".join(f"{name} {value[:20]!r}" for name, value in texts)
            problems.append(Problem("refused_rows", f"{row.get('contract')}: {said}", str(row["symbol"])))
    return good, problems


def _named(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    """With what the contracts' symbols say."""
    parts = parse(rows["contract"])
    rows = rows.with_columns(
        parts["root"],
        parts["strike"],
        parts["malformed"],
        expiration=parts["expiry"],
        side=parts.select(pl.when("put").then(pl.lit("put")).when(~pl.col("put")).then(pl.lit("call"))).to_series(),
    )
    bad = rows.filter(pl.col("malformed").is_not_null()).select("symbol", "contract", "malformed")
    problems = [Problem("refused_rows", f"{name!r}: {why}", symbol) for symbol, name, why in bad.iter_rows()]
    return rows.filter(pl.col("malformed").is_null()), problems


def _dated(rows: pl.DataFrame, call: Call) -> tuple[pl.DataFrame, list[Problem]]:
    """With their session: the day, in New York, of the newest quote of their underlying; and when that session's last
    quotes are made. Without chains of none."""
    chains = rows.group_by("symbol", maintain_order=True).agg(
        newest=pl.col("quoted").max(), quoted_at_all=(pl.col("ask") > 0.0).any()
    )
    session, problems = dict[str, dt.date](), list[Problem]()
    for symbol, newest, quoted in chains.iter_rows():
        if not quoted:
            problems.append(Problem("empty", "no contract has a quote", symbol, call.sessions[0]))
        elif newest is None:
            problems.append(Problem("refused_rows", "no quote says of when it is", symbol))
        else:
            session[symbol] = session_under_way(newest)
    frame = pl.DataFrame(
        {
            "symbol": list(session),
            "session": list(session.values()),
            "close": [_last_quotes(day) for day in session.values()],
        },
        schema={"symbol": pl.String, "session": pl.Date, "close": pl.Datetime("us", "UTC")},
    )
    return rows.join(frame, on="symbol", maintain_order="left"), problems


def _last_quotes(session: dt.date) -> dt.datetime:
    """When options are quoted last: a quarter of an hour after the close, those of funds."""
    close = closing.EARLY if closing.closes_early(session) else closing.REGULAR
    return dt.datetime.combine(session, close, NEW_YORK).astimezone(dt.UTC) + dt.timedelta(minutes=15)


def _prices(rows: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    """Rows of `underlyings`: of each the newest price, where it is of the quotes' time."""
    # A share that trades on after the close of its options has another price than they were quoted at.
    newest = pl.min_horizontal(pl.col("quoted").max().over("symbol"), "close")
    known = rows.with_columns(newest=newest).filter(pl.col("underlying_price") > 0.0, pl.col("priced").is_not_null())
    one = known.sort("priced").unique("symbol", keep="last", maintain_order=True).sort("symbol")
    one = one.with_columns(late=(pl.col("newest") - pl.col("priced")).dt.total_seconds())
    problems = [
        Problem("two_moments", f"its price is of {abs(late) / 60:,.0f} minutes {way}", symbol, session)
        for symbol, session, late in one.select("symbol", "session", "late").iter_rows()
        for way in ("earlier" if late > 0 else "later",)
        if abs(late) > SAME_MOMENT.total_seconds()
    ]
    near = one.filter(pl.col("late").abs() <= SAME_PRICE.total_seconds())
    prices = near.select("symbol", "session", price="underlying_price", quoted="priced")
    lacking = sorted(set(rows["symbol"]) - set(one["symbol"]))
    problems += [Problem("refused_rows", "no price of the underlying", symbol) for symbol in lacking]
    return prices.select(*schema_of("underlyings")), problems
