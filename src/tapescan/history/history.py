"""Where samples' bars come from: a store or a frame, some symbols at a time, each session in its own share basis.

A scan as of D divides prices by the splits known on D and by no later ones. Most features do not care, but one does
that compares sums of prices: whether two moves are equal (directional movement) hangs on the last bit, and a division
by three changes it. So a symbol that was split is laid out once for each of its bases, and each session is sampled in
the basis that a scan of that day would have seen, to the last bit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import polars as pl

from tapescan.core.dates import day_number
from tapescan.core.errors import InputError, OptionError, StoreError
from tapescan.core.typing import Days
from tapescan.history.equal_weighted import add_to
from tapescan.market.adjust import adjust_bars
from tapescan.market.index import EQUAL_WEIGHTED, MARKET_SYMBOL, IndexOfAll, MarketIndex, own_index
from tapescan.market.lives import changed_companies, of_their_life
from tapescan.market.names import NOBODY, Names
from tapescan.market.quality import BAR_COLUMNS, check_bars, sort_bars
from tapescan.market.suspect import find_suspects
from tapescan.market.tape import session_ranges
from tapescan.simulation.market import SimulatedMarket
from tapescan.store import KnownStore, Store
from tapescan.store.accepted import without_accepted
from tapescan.store.known import STORED_COLUMNS
from tapescan.store.later_splits import splits_of_any_day
from tapescan.tables.registry import find_table, stored_tables

__all__ = ["Basis", "History", "days", "history_of", "market_index"]


#: Of those that traded in so many days before a session, the least share that trades to it or beyond, if it is to
#: count as a session of the market: some stop for good in a year, few in a month.
SETTLED = {365: 0.5, 30: 0.75}

_NO_DIVIDENDS = find_table("dividends").empty()


class Basis(NamedTuple):
    """bars : of some symbols, each in one share basis, sorted by symbol and session.
    sessions : symbol -> the sessions that have this basis, from the first number up to before the second, days since
        1970-01-01.
    """

    bars: pl.DataFrame
    sessions: Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class History:
    """Bars up to a session, symbol by symbol.

    symbols : symbol, bars (their number), sorted by symbol. first, end : the oldest and the newest session.
    settled : the newest session of most of the market, with which labels end: what a few symbols have beyond it (a
        sync that was not done) does not mean that all others stopped trading.
    splits : symbol, ex_date, ratio, up to the end. listing : as the store has it; None for none.
    suspects(bars, splits) : the suspect ones among bars of some symbols in one share basis, as
        `market.suspect.SUSPECTS`, judged by the range of the whole market on their day and by these splits, or by all
        up to the end where they are None. unaccepted(suspects) : without those that were accepted.
    stamped(symbols) : bars as stored, with adjusted_to and total_to, sorted by symbol and session; of the newest life
        of each symbol. whole(symbols) : likewise, with those of earlier lives.
    inside : splits of any day, as they may lie in prices that were adjusted beyond their session.
    sessions() : all that have a bar, ascending.
    companies : when the listing came to name another company, as `market.lives.changed_companies` gives it.
    names : what companies were called before. All else calls them what they are called at the end; `pieces` is of
        what they were called.
    known : the store that it is of; None for none. is_whole : whether it goes to the newest session of that.
    """

    symbols: pl.DataFrame
    first: dt.date
    end: dt.date
    settled: dt.date
    splits: pl.DataFrame
    listing: pl.DataFrame | None
    provenance: Mapping[str, Any]
    suspects: Callable[[pl.DataFrame, pl.DataFrame | None], pl.DataFrame]
    unaccepted: Callable[[pl.DataFrame], pl.DataFrame]
    stamped: Callable[[Sequence[str]], pl.DataFrame]
    whole: Callable[[Sequence[str]], pl.DataFrame]
    inside: pl.DataFrame
    companies: pl.DataFrame
    sessions: Callable[[], pl.Series]
    names: Names = NOBODY
    known: KnownStore | None = None
    is_whole: bool = False

    @cached_property
    def pieces(self) -> History:
        """Of the symbols of renames, under the pieces of `names`: splits, whole, inside, companies and what is judged
        by splits."""
        names, known = self.names, self.known
        assert known is not None
        day = pl.col("until").to_physical().cast(pl.Int64)
        told = self.companies.join(names.pieces.rename({"until": "end", "name": "symbol"}), on="symbol")
        told = told.filter(day < pl.col("end")).with_columns(symbol="piece").select(self.companies.columns)
        splits, inside = (
            names.under(rows.collect(), "ex_date")
            for rows in (known.stored("splits"), known.of_any_day().stored("splits"))
        )

        def whole(symbols: Sequence[str]) -> pl.DataFrame:
            del symbols
            return sort_bars(
                names.under(known.stored("bars", [*names.symbols]).select(STORED_COLUMNS).collect(), "session")
            )

        def suspects(bars: pl.DataFrame, by: pl.DataFrame | None) -> pl.DataFrame:
            return self.suspects(bars, splits if by is None else by)

        return replace(self, splits=splits, whole=whole, inside=inside, companies=told, suspects=suspects)

    def renamed(self) -> pl.DataFrame:
        """The bars of the symbols of renames as `whole` gives them, and those of companies that have none at the
        end."""
        assert self.known is not None
        rows = self.known.scan("bars", nameless=True).select(STORED_COLUMNS)
        spans = self.known.spans
        mine = pl.concat([spans["symbol"], spans["name"], spans["nameless"]]).drop_nulls().unique()
        return sort_bars(rows.filter(pl.col("symbol").is_in(mine.implode())).collect())

    def bars(self, symbols: Sequence[str]) -> pl.DataFrame:
        """Bars in the share basis of the end."""
        return self._adjusted(self.stamped(symbols), self.splits)

    def bases(self, symbols: Sequence[str]) -> Iterator[Basis]:
        """The symbols' bars in the basis of the end; then those of symbols that were split, in their bases before.

        Each basis has all bars of its symbols, since labels look beyond its last session.
        """
        yield from self.bases_of(self.stamped(symbols))

    def bases_of(self, raw: pl.DataFrame) -> Iterator[Basis]:
        """As `bases`, of bars as `stamped` gives them."""
        newest = self._adjusted(raw, self.splits)
        splits = self._numbered(raw)
        last = dict(splits.filter(pl.col("number") == 1).select("symbol", "day").rows())
        never = np.iinfo(np.int32).max
        yield Basis(newest, {symbol: (last.get(symbol, 0), never) for symbol in newest["symbol"].unique()})
        for number in range(1, int(cast("int | None", splits["number"].max()) or 0) + 1):
            ends = splits.filter(pl.col("number") == number)
            begins = dict(splits.filter(pl.col("number") == number + 1).select("symbol", "day").rows())
            within = {
                symbol: (begins.get(symbol, 0), day) for symbol, day in ends.select("symbol", "day").iter_rows()
            }
            older = splits.filter(pl.col("number") > number)
            yield Basis(_rebased(raw, newest, older, ends.select("symbol", "ex_date", "later")), within)

    def _numbered(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The splits that change any of these bars, each symbol's numbered from its newest: 1, 2 ...

        later : the product of the ratios from this split on.
        """
        oldest = raw.group_by("symbol").agg(oldest=pl.col("adjusted_to").min())
        newest_first = pl.col("ex_date").rank("ordinal", descending=True).over("symbol")
        return (
            self.splits.join(oldest, on="symbol")
            .filter(pl.col("ex_date") > pl.col("oldest"))
            .sort("symbol", "ex_date")
            .with_columns(
                number=newest_first.cast(pl.Int64),
                later=pl.col("ratio").cum_prod(reverse=True).over("symbol"),
                day=pl.col("ex_date").to_physical().cast(pl.Int64),
            )
        )

    def _adjusted(self, raw: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
        return adjust_bars(raw, splits, _NO_DIVIDENDS, self.end).select(BAR_COLUMNS)


def _rebased(raw: pl.DataFrame, newest: pl.DataFrame, older: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Bars of the symbols of `ends` in the basis before their split there.

    What lies before it is adjusted as on that day, by the `older` splits alone; what lies after it, whose rounding is
    nobody's concern, is taken from the newest basis times all ratios since.
    """
    mine = pl.col("symbol").is_in(ends["symbol"].implode())
    before = adjust_bars(raw.filter(mine), older, _NO_DIVIDENDS, dt.date.max).select(BAR_COLUMNS)
    after = newest.filter(mine).join(ends, on="symbol", how="left", maintain_order="left")
    columns = []
    for name in BAR_COLUMNS[2:]:
        factor = 1.0 / after["later"] if name == "volume" else after["later"]
        columns.append((after[name] * factor).alias(f"later {name}"))
    both = before.with_columns(after["ex_date"], *columns)
    return both.select(
        "symbol",
        "session",
        *(
            pl.when(pl.col("session") < pl.col("ex_date")).then(name).otherwise(f"later {name}").alias(name)
            for name in BAR_COLUMNS[2:]
        ),
    )


def history_of(given: Store | SimulatedMarket | pl.DataFrame, end: dt.date | None) -> History:
    """The bars of a store, of a simulated market, or of a frame that needs no adjustment, up to a session; None is
    the newest.

    Raises StoreError when there are none, OptionError when there are none up to `end`.
    """
    if isinstance(given, pl.DataFrame):
        return _of_frame(given, find_table("splits").empty(), None, end)
    if isinstance(given, SimulatedMarket):
        found = _of_frame(check_bars(given.bars)[0], given.splits, given.listing, end)
        about = {"symbols": len(given.listing), "sessions": given.sessions, "seed": given.seed}
        return replace(found, provenance={"simulated": about, "end": str(found.end)})
    return _of_store(given, end)


def _of_store(store: Store, end: dt.date | None) -> History:
    if store.is_empty():
        raise StoreError(f"{store.path} holds no bars", "`tapescan import FILES... --store DIR` loads some")
    known = store.known(end).at_newest_session()
    dated = known.newest()
    first, newest = _range(dated, end)

    def whole(symbols: Sequence[str]) -> pl.DataFrame:
        return sort_bars(known.stamped_bars(symbols=symbols).select(*BAR_COLUMNS, "adjusted_to", "total_to"))

    def stamped(symbols: Sequence[str]) -> pl.DataFrame:
        bars = whole(symbols)
        return of_their_life(bars, known.lives(bars))

    @cache
    def ranges() -> pl.DataFrame:
        return session_ranges(known.scan("bars"))

    splits, listing = known.read("splits"), known.read("symbols")

    def suspects(bars: pl.DataFrame, by: pl.DataFrame | None) -> pl.DataFrame:
        return find_suspects(bars, splits if by is None else by, ranges())

    def unaccepted(found: pl.DataFrame) -> pl.DataFrame:
        return without_accepted(known, found)

    versions = {table.name: known.versions[table.name] for table in stored_tables() if table.name in known}
    return History(
        symbols=dated,
        first=first,
        end=newest,
        settled=_settled(dated),
        splits=splits,
        listing=listing,
        provenance={"store": versions, "end": str(newest)},
        suspects=suspects,
        unaccepted=unaccepted,
        stamped=stamped,
        whole=whole,
        inside=splits_of_any_day(known),
        companies=changed_companies(known.versions_of("symbols")),
        sessions=lambda: known.sessions,
        names=known.names,
        known=known,
        is_whole=end is None and not store.is_past,
    )


def _of_frame(bars: pl.DataFrame, splits: pl.DataFrame, listing: pl.DataFrame | None, end: dt.date | None) -> History:
    if bars.is_empty():
        raise StoreError("there are no bars to sample", "give some")
    bars = sort_bars(bars.select(BAR_COLUMNS))
    if end is not None:
        bars = bars.filter(pl.col("session") <= end)
    day = pl.col("session")
    known = bars.group_by("symbol").agg(first=day.min(), newest=day.max(), bars=pl.len()).sort("symbol")
    first, newest = _range(known, end)

    def stamped(symbols: Sequence[str]) -> pl.DataFrame:
        some = bars.filter(pl.col("symbol").is_in(list(symbols)))
        return some.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date))

    ranges, known_splits = session_ranges(bars.lazy()), splits.filter(pl.col("ex_date") <= newest)

    def suspects(some: pl.DataFrame, by: pl.DataFrame | None) -> pl.DataFrame:
        return find_suspects(some, known_splits if by is None else by, ranges)

    def unaccepted(found: pl.DataFrame) -> pl.DataFrame:
        return found

    return History(
        symbols=known,
        first=first,
        end=newest,
        settled=_settled(known),
        splits=known_splits,
        listing=listing,
        provenance={"end": str(newest)},
        suspects=suspects,
        unaccepted=unaccepted,
        stamped=stamped,
        whole=stamped,
        inside=splits,
        companies=changed_companies(find_table("symbols").empty()),
        sessions=lambda: bars["session"].unique().sort(),
    )


def _range(known: pl.DataFrame, end: dt.date | None) -> tuple[dt.date, dt.date]:
    if known.is_empty():
        raise OptionError(f"no bar is of {end} or before", "choose a later end")
    return cast("dt.date", known["first"].min()), cast("dt.date", known["newest"].max())


def _settled(known: pl.DataFrame) -> dt.date:
    """The newest session to which most of the symbols still trade: see SETTLED."""
    first, last = known["first"].to_numpy(), known["newest"].to_numpy()

    def most(day: np.datetime64) -> bool:
        still = (last >= day).sum()
        return all(
            still >= share * ((first <= day) & (last >= day - np.timedelta64(past, "D"))).sum()
            for past, share in SETTLED.items()
        )

    found = next((day for day in np.unique(last)[::-1] if most(day)), last.max())
    return cast("dt.date", found.astype("datetime64[D]").item())


def market_index(history: History, chunk: int, wanted: str | None = None) -> MarketIndex:
    """The index that is wanted, ``SPY`` or ``equal-weighted``; None for what a scan as of the settled end would take.

    chunk : symbols that the equal-weighted one is summed up by; it changes no bit. Raises InputError when SPY is
    wanted and not there.
    """
    spy = history.bars([MARKET_SYMBOL])
    own = own_index(MARKET_SYMBOL, _day_numbers(spy), spy["close"].to_numpy(), days(history.settled))
    if wanted == MARKET_SYMBOL and own is None:
        raise InputError(
            f"there are no bars of {MARKET_SYMBOL} up to {history.settled}, the index to measure features against",
            f"import or sync {MARKET_SYMBOL}, or train again without it",
        )
    if own is not None and wanted != EQUAL_WEIGHTED:
        return own
    every = IndexOfAll(days(history.first), days(history.end))
    symbols = history.names.others(history.symbols)["symbol"].to_list()
    for at in range(0, len(symbols), chunk):
        add_to(every, history.whole(symbols[at : at + chunk]), history.inside)
    if history.names.symbols:  # with companies that have no symbol any more, as in a scan
        add_to(every, history.renamed(), history.inside)
    return every.index()


def days(day: dt.date) -> int:
    """Days since 1970-01-01."""
    return day_number(day)


def _day_numbers(bars: pl.DataFrame) -> Days:
    return bars["session"].to_physical().to_numpy().astype(np.int32)
