"""What can be wrong with a store's data, one function a finding; all look at the whole market at once."""

from __future__ import annotations

import bisect
import datetime as dt
import statistics
from collections.abc import Mapping

import numpy as np
import polars as pl

from tapescan.market import calendar
from tapescan.market.adjust import adjust_bars
from tapescan.market.quality import PRICES
from tapescan.market.spelling import spelling_key
from tapescan.store import KnownStore
from tapescan.sync.checking import AROUND, SHORT, short_sessions
from tapescan.tables.registry import stored_tables

__all__ = [
    "COMPARED",
    "DISAGREEMENTS",
    "compare_sources",
    "find_broken_keys",
    "find_copies",
    "find_gaps",
    "find_short_sessions",
    "find_stale",
    "missing_sessions",
]

#: A symbol with bars on fewer of the sessions of its life than this trades seldom: it has no gaps.
SELDOM = 0.9

#: Two vendors agree on a price within this share of it, or one cent; on a volume within this share.
PRICE_APART, CENT, VOLUME_APART = 0.005, 0.01, 0.1

#: A session counts as fetched whole from the other vendor when it has this share of the first one's symbols.
WHOLE = 0.5

#: Bars of the other vendor that are compared at once.
AT_ONCE = 250_000

#: Sessions on which two symbols have one bar before they are one share.
COPIED = 15

#: One row a pair of sources. compared : bars of one symbol and session that both have. prices, volumes : bars that
#: differ in them. whole : sessions that the other has as a whole; only_source, only_other : symbols that but one of
#: the two has on some of these.
COMPARED: dict[str, pl.DataType] = {
    "source": pl.String(),
    "other": pl.String(),
    "sessions": pl.Int64(),
    "compared": pl.Int64(),
    "agreeing": pl.Int64(),
    "differing": pl.Int64(),
    "prices": pl.Int64(),
    "volumes": pl.Int64(),
    "whole": pl.Int64(),
    "only_source": pl.Int64(),
    "only_other": pl.Int64(),
}

#: One row a bar that differs. field : the value that differs most. apart : by which share of the larger one.
DISAGREEMENTS: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "session": pl.Date(),
    "source": pl.String(),
    "other": pl.String(),
    "field": pl.String(),
    "value": pl.Float64(),
    "other_value": pl.Float64(),
    "apart": pl.Float64(),
}


def find_broken_keys(known: KnownStore) -> pl.DataFrame:
    """table, rows of the tables that hold rows without their whole key, or several of one key.

    No import and no sync of ours writes such rows; another writer, or an older version, may have.
    """
    found = []
    for table in stored_tables():
        if not table.key or table.name not in known:
            continue
        # Of what changes a value has a row each time it changed, and two sources may say it.
        key = [*table.key, "source", table.known] if table.kept == "changes" else list(table.key)
        if table.kept == "versions":
            key.append(table.known)
        needed = pl.all_horizontal(pl.col(name).is_not_null() for name in table.key if name != "start")
        counted = known.scan(table.name).select(pl.len(), whole=needed.sum(), keys=pl.struct(key).n_unique())
        rows, whole, keys = counted.collect().row(0)
        if broken := (rows - whole) or (rows - keys):
            found.append((table.name, broken))
    return pl.DataFrame(found, schema={"table": pl.String, "rows": pl.Int64}, orient="row")


# --- sessions and gaps ------------------------------------------------------------------------------------


def missing_sessions(stored: pl.Series) -> list[dt.date]:
    """The exchange's sessions between the first and the newest stored one that have no bar at all."""
    open_days = pl.Series("session", calendar.sessions(stored[0], stored[-1])).cast(pl.Date)
    return open_days.filter(~open_days.is_in(stored.implode())).to_list()


def find_short_sessions(counts: Mapping[dt.date, int]) -> pl.DataFrame:
    """session, symbols, usual of sessions with far fewer symbols than around them.

    Where the market itself grows, since a second import begins there, the last sessions before are not short.
    """
    bad = short_sessions(counts, {})
    whole = [day for day in sorted(counts) if day not in bad]
    rows = []
    for day, usual in bad.items():
        before = [counts[other] for other in whole[: bisect.bisect_left(whole, day)][-AROUND:]]
        if not before or counts[day] < SHORT * statistics.median(before):
            rows.append((day, counts[day], usual))
    return pl.DataFrame(rows, schema={"session": pl.Date, "symbols": pl.Int64, "usual": pl.Int64}, orient="row")


def find_gaps(bars: pl.DataFrame, sessions: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Runs of sessions without a bar inside a symbol's life, and the symbols that trade seldom.

    bars : sorted by symbol and session. sessions : those to be had, ascending; a session that the whole market lacks
    is not each symbol's gap, and bars of other sessions do not count.

    gaps : symbol, start, end (first and last session without a bar), sessions (their number); the longest first.
    seldom : symbol, bars, sessions (of its life), the rarest first; these have no gaps.
    """
    axis = sessions.to_physical().to_numpy()
    day = bars["session"].to_physical().to_numpy()
    at = np.searchsorted(axis, day)
    kept = np.isin(day, axis)
    run = bars["symbol"].rle_id().to_numpy()[kept]
    at, row = at[kept], np.flatnonzero(kept)
    begins = np.flatnonzero(np.diff(run, prepend=np.iinfo(run.dtype).max))
    length = np.diff(np.append(begins, len(run)))
    life = at[begins + length - 1] - at[begins] + 1
    rare = length < SELDOM * life
    lives = pl.DataFrame({"symbol": bars["symbol"][row[begins]], "bars": length, "sessions": life})
    seldom = lives.filter(pl.Series(rare)).sort(pl.col("bars") / pl.col("sessions"), "symbol")
    jump = np.diff(at, prepend=at[:1])
    jump[begins] = 1
    ends = np.flatnonzero((jump > 1) & ~np.repeat(rare, length))
    gaps = pl.DataFrame(
        {
            "symbol": bars["symbol"][row[ends]],
            "start": sessions[at[ends] - jump[ends] + 1],
            "end": sessions[at[ends] - 1],
            "sessions": jump[ends] - 1,
        }
    )
    return gaps.sort("sessions", "symbol", "start", descending=[True, False, False]), seldom


def find_stale(newest: pl.DataFrame, listing: pl.DataFrame, sessions: pl.Series) -> pl.DataFrame:
    """symbol, newest, behind (sessions), listing (listed, delisted or unknown) of symbols that stop before the rest.

    newest : symbol, newest. listing : symbol, delisted. sessions : of the store, ascending.
    """
    today = sessions[-1]
    late = newest.filter(pl.col("newest") < today)
    late = late.with_columns(key=spelling_key(late["symbol"]))
    said = pl.when(pl.col("delisted") <= today).then(pl.lit("delisted")).otherwise(pl.lit("listed"))
    known = listing.select(said.alias("listing"), key=spelling_key(listing["symbol"]))
    # A listing with two spellings of one share: one that is still listed counts.
    known = known.sort("listing", descending=True).unique("key", keep="first")
    behind = len(sessions) - pl.Series(sessions.search_sorted(late["newest"], side="right")).cast(pl.Int64)
    return (
        late.with_columns(behind=behind)
        .join(known, on="key", how="left")
        .select("symbol", "newest", "behind", pl.col("listing").fill_null("unknown"))
        .sort("behind", "symbol", descending=[True, False])
    )


# --- two vendors ------------------------------------------------------------------------------------------


def compare_sources(
    first: pl.DataFrame, second: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars of two vendors, brought to the share basis of one day: `COMPARED`, and `DISAGREEMENTS`, the worst first.

    first, second : bars as they were given (`Store.raw_bars`), of one vendor and of others, up to ``as_of``.
    """
    first = first.filter(pl.col("session").is_in(second["session"].unique().implode()))
    days = second.group_by("session").len().sort("session").with_columns(part=pl.col("len").cum_sum() // AT_ONCE)
    parts = []
    for some in days.partition_by("part", maintain_order=True):  # a whole market of years would take gigabytes
        now = pl.col("session").is_in(some["session"].implode())
        parts.append(_compare(first.filter(now), second.filter(now), splits, as_of))
    by = ["source", "other"]
    counts, alone, bad = (pl.concat(frames) for frames in zip(*parts, strict=True))
    symbols = alone.group_by(by).agg(
        pl.col("symbol").filter(pl.col("side") == side).n_unique().alias(side)
        for side in ("only_source", "only_other")
    )
    summed = counts.group_by(by).sum().with_columns(agreeing=pl.col("compared") - pl.col("differing"))
    compared = summed.join(symbols, on=by, how="left").sort(by).fill_null(0)
    bad = bad.sort(pl.col("field") != "volume", "apart", "symbol", "session", descending=[True, True, False, False])
    return compared.select(pl.col(name).cast(kind) for name, kind in COMPARED.items()), bad


def _compare(
    first: pl.DataFrame, second: pl.DataFrame, splits: pl.DataFrame, as_of: dt.date
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Of some sessions: numbers a pair of sources, symbols that but one has, and the bars that differ."""
    none = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date})
    first, second = (adjust_bars(bars.sort("symbol", "session"), splits, none, as_of) for bars in (first, second))
    pairs = first.join(second, on=["symbol", "session"], suffix="_other").rename({"source_other": "other"})
    values = (*PRICES, "volume")
    larger = {name: pl.max_horizontal(name, f"{name}_other") for name in values}
    gap = {name: (pl.col(name) - pl.col(f"{name}_other")).abs() for name in values}
    pairs = pairs.with_columns(
        pl.when(larger[name] > 0.0).then(gap[name] / larger[name]).otherwise(0.0).alias(f"{name}_apart")
        for name in values
    )
    # Prices are floats: a cent apart is not more than a cent apart.
    price = pl.any_horizontal((pl.col(f"{n}_apart") > PRICE_APART) & (gap[n] > CENT + 1e-9) for n in PRICES)
    pairs = pairs.with_columns(price=price, volume_differs=pl.col("volume_apart") > VOLUME_APART)
    by = ["source", "other"]
    counted = pairs.group_by(by).agg(
        sessions=pl.col("session").n_unique().cast(pl.Int64),
        compared=pl.len().cast(pl.Int64),
        differing=(pl.col("price") | pl.col("volume_differs")).sum().cast(pl.Int64),
        prices=pl.col("price").sum().cast(pl.Int64),
        volumes=pl.col("volume_differs").sum().cast(pl.Int64),
    )
    whole, alone = _only_one(first, second)
    number = whole.group_by(by).agg(whole=pl.len().cast(pl.Int64))
    counts = counted.join(number, on=by, how="full", coalesce=True).fill_null(0)
    return counts, alone, _differing(pairs)


def _only_one(first: pl.DataFrame, second: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The sessions that both of two sources have whole (session, source, other), and the symbols that but one of them
    has on these: source, other, side (only_source or only_other), symbol.

    A vendor's bars stand beside the first one's where it was asked for a comparison, and where they differ from
    those stored before: few bars of a session say nothing of those that are not there.
    """
    here, there = (bars.group_by("session", "source").agg(symbols=pl.len()) for bars in (first, second))
    sessions = here.join(there.rename({"source": "other"}), on="session", suffix="_other")
    whole = sessions.filter(pl.col("symbols_other") >= WHOLE * pl.col("symbols")).select("session", "source", "other")
    mine = first.select("session", "symbol", "source").join(whole, on=["session", "source"])
    yours = second.select("session", "symbol", other="source").join(whole, on=["session", "other"])
    sides = {
        "only_source": mine.join(yours, on=["session", "symbol", "other"], how="anti"),
        "only_other": yours.join(first, on=["session", "symbol"], how="anti"),
    }
    alone = [rows.select("source", "other", side=pl.lit(side), symbol="symbol") for side, rows in sides.items()]
    return whole, pl.concat(alone).unique()


def _differing(pairs: pl.DataFrame) -> pl.DataFrame:
    """The bars that differ, as `DISAGREEMENTS`, each with the price that differs most, else its volume."""
    bad = pairs.filter(pl.col("price") | pl.col("volume_differs"))
    apart = [f"{name}_apart" for name in PRICES]
    most = pl.max_horizontal(apart)
    field = pl.coalesce(pl.when(pl.col(f"{name}_apart") == most).then(pl.lit(name)) for name in ("close", *PRICES))
    bad = bad.with_columns(field=pl.when("price").then(field).otherwise(pl.lit("volume")))

    def of(ending: str) -> pl.Expr:
        fields = (*PRICES, "volume")
        return pl.coalesce(pl.when(pl.col("field") == name).then(pl.col(f"{name}{ending}")) for name in fields)

    bad = bad.with_columns(value=of(""), other_value=of("_other"), apart=of("_apart"))
    return bad.select(pl.col(name).cast(kind) for name, kind in DISAGREEMENTS.items())


# --- copies -----------------------------------------------------------------------------------------------


def find_copies(bars: pl.DataFrame) -> pl.DataFrame:
    """Two symbols with the same bars to the last digit, volume included, on `COPIED` sessions or more.

    It is one share under two names, or one symbol's bars given for another's.

    Returns symbol, other, first, last (sessions), sessions (how many), the longest first.
    """
    values = ("session", "open", "high", "low", "close", "volume")
    traded = bars.filter(pl.col("volume") > 0.0)
    # Few bars share a hash; only those are compared.
    some = traded.filter(pl.Series(traded.select(pl.struct(values).hash()).to_series().is_duplicated()))
    pairs = some.join(some.rename({"symbol": "other"}), on=list(values)).filter(pl.col("symbol") < pl.col("other"))
    day = pl.col("session")
    found = pairs.group_by("symbol", "other").agg(first=day.min(), last=day.max(), sessions=pl.len().cast(pl.Int64))
    return found.filter(pl.col("sessions") >= COPIED).sort(
        "sessions", "symbol", "other", descending=[True, False, False]
    )
