"""What is doubtful in a store's option chains of their newest session.

Everything is told by prices alone: what a call and its put say of their underlying, what an option must be worth at
least and can be worth at most.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import polars as pl

from tapescan.core.results import Result
from tapescan.doctor.words import count_of, noun, some_of
from tapescan.market.clock import NEW_YORK
from tapescan.market.occ import plain_root
from tapescan.market.spelling import spelling_key
from tapescan.store import KnownStore
from tapescan.store.later_splits import splits_inside
from tapescan.store.table import store_errors

__all__ = ["Chains", "find_chains"]

#: A price of an underlying further from its close, or from what its own options say, than this share of it.
GAP = 0.01
#: What options say of their underlying is told by those that expire within so many days, the nearest ones, by so many
#: pairs of a call and its put, those nearest the money.
NEAR, PAIRS = 45, 4
#: Interest of that time, a year: close enough for a gap of a hundredth.
RATE = 0.04
#: What a quote lacks of the least, or has above the most, that its contract can be worth, as a share of the
#: underlying: less than this a wide or old quote may.
IMPOSSIBLE = 0.2
#: Of a listed contract such a quote is an old one. Where more than this share of a chain has one, or any after a
#: split, they are contracts that no exchange lists any more.
UNLISTED = 0.05
#: Contracts live no longer than three years, so that older splits have left none.
SPLIT_WITHIN = dt.timedelta(days=3 * 366)
#: A chain more than this share of whose quotes are older than its session is stale; of whose volumes are those of the
#: session before, where no day is said of them, has another day's. Fewer contracts say nothing.
STALE = UNCHANGED = 0.5
FEW = 10


class Chains(Result, msgspec.Struct, frozen=True, eq=False):
    """The chains of one session; frames hold every case, the worst first.

    stale : symbol, contracts (with a quote), old (quotes of before the session), oldest.
    gaps : symbol, price, against (close, parity), other, apart (share of the other).
    unlisted : symbol, contracts, example, why (split, price, underlying).
    impossible : contracts of other chains with a quote that they cannot have.
    unchanged : symbol, contracts (with a volume now and on the session before), same.
    compared, same : contracts with a volume now and before whose day nobody says, and how many have the very same.
    """

    session: dt.date
    contracts: int
    underlyings: int
    stale: pl.DataFrame
    gaps: pl.DataFrame
    unlisted: pl.DataFrame
    unchanged: pl.DataFrame
    impossible: int = 0
    compared: int = 0
    same: int = 0

    def lines(self, top: int) -> list[str]:
        """For a person, with the ``top`` worst cases of each kind."""
        lines = [f"chains: {self.contracts:,} contracts of {self.underlyings:,} underlyings on {self.session}"]
        lines.append(f"stale chains: {count_of(self.stale)}")
        lines += some_of(
            self.stale,
            top,
            lambda row: (
                f"{row['symbol']}: {row['old']:,} of {row['contracts']:,} quotes are of before, from {row['oldest']}"
            ),
        )
        lines.append(f"spot gaps: {count_of(self.gaps)}")
        lines += some_of(self.gaps, top, _gap)
        number = self.unlisted["contracts"].sum()
        lines.append(f"unlisted contracts: {f'{number:,} of {len(self.unlisted):,}' if number else 'none'}")
        lines[-1] += f" {noun('underlyings', len(self.unlisted))}" if number else ""
        lines[-1] += f"; quotes too old to be true: {self.impossible:,}" if self.impossible else ""
        lines += some_of(self.unlisted, top, _unlisted)
        share = f"; {self.same / self.compared:.0%} of {self.compared:,} volumes" if self.compared else ""
        more = f"{share} are those of the session before" if share else ""
        lines.append(f"volumes of another day: {count_of(self.unchanged)}{more}")
        return lines + some_of(
            self.unchanged,
            top,
            lambda row: f"{row['symbol']}: {row['same']:,} of {row['contracts']:,} contracts",
        )


_WHY = {
    "split": "strikes of before a split",
    "price": "quotes that none of its contracts can have",
    "underlying": "the underlying is not in the listing",
}


def _gap(row: dict[str, Any]) -> str:
    other = "the session's close is" if row["against"] == "close" else "its own options say"
    return f"{row['symbol']}: {row['price']:.6g} when they were quoted, {other} {row['other']:.6g}"


def _unlisted(row: dict[str, Any]) -> str:
    return f"{row['symbol']}: {row['contracts']:,}, as {row['example']}: {_WHY[row['why']]}"


def find_chains(known: KnownStore, listing: pl.DataFrame, splits: pl.DataFrame) -> Chains | None:
    """What is doubtful in the newest chains up to the store's day; None where there are none.

    listing : symbol, delisted. splits : symbol, ex_date, ratio.
    """
    days = known.opened("option_quotes").files()["last"].drop_nulls().unique().sort()
    days = days.filter(days <= known.day) if known.day is not None else days
    if days.is_empty():
        return None
    session = days[-1]
    quotes = _of_session(known, "option_quotes", session)
    before = _of_session(known, "option_quotes", days[-2]) if len(days) > 1 else quotes.clear()
    spots = _spots(known, quotes, session)
    compared, unchanged = _unchanged(quotes, before, session)
    unlisted, impossible = _unlisted_contracts(quotes, spots, listing, splits, session)
    return Chains(
        session=session,
        contracts=len(quotes),
        underlyings=quotes["symbol"].n_unique(),
        stale=_stale(quotes, session),
        gaps=_gaps(quotes, spots, session),
        unlisted=unlisted,
        impossible=impossible,
        unchanged=unchanged,
        compared=len(compared),
        same=int(compared["same"].sum() or 0),
    )


def _of_session(known: KnownStore, table: str, session: dt.date) -> pl.DataFrame:
    with store_errors(known.path, f"read {table} of"):
        return known.since_day(session).scan(table).filter(pl.col("session") == session).collect()


def _spots(known: KnownStore, quotes: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """symbol, price (when its options were quoted), close (of the session, as it was paid); null for unknown."""
    then = KnownStore(known.path, known.versions, session, session)
    then.take_sessions(pl.Series("session", [session]))
    names = quotes.group_by("symbol").agg(said=pl.col("underlying_price").median()).sort("symbol")
    beside = _of_session(then, "underlyings", session).select("symbol", "price")
    bars = then.bars(symbols=names["symbol"].to_list()).filter(pl.col("session") == session)
    inside, _ = splits_inside(then)
    paid = bars.join(inside, on="symbol", how="left").select(
        "symbol", close=pl.col("close") * pl.col("factor").fill_null(1.0)
    )
    found = names.join(beside, on="symbol", how="left").join(paid, on="symbol", how="left")
    return found.select("symbol", price=pl.coalesce("said", "price"), close="close").sort("symbol")


def _stale(quotes: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    day = pl.col("quoted").dt.convert_time_zone(NEW_YORK.key).dt.date()
    told = quotes.filter(pl.col("ask") > 0.0, pl.col("quoted").is_not_null())
    counted = told.group_by("symbol").agg(
        contracts=pl.len().cast(pl.Int64), old=(day < session).sum().cast(pl.Int64), oldest=day.min()
    )
    found = counted.filter(pl.col("old") > STALE * pl.col("contracts"))
    return found.sort("old", "symbol", descending=[True, False])


def _pairs(quotes: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    """symbol, parity (dollars), vague (dollars) of underlyings whose options of one strike say what they cost."""
    days = (pl.col("expiration") - pl.lit(session)).dt.total_days()
    plain = plain_root(pl.col("root")) == plain_root(pl.col("symbol"))
    quoted = quotes.filter(
        plain, days.is_between(1, NEAR), pl.col("bid") > 0.0, pl.col("ask") >= pl.col("bid")
    ).with_columns(middle=0.5 * (pl.col("bid") + pl.col("ask")), half=0.5 * (pl.col("ask") - pl.col("bid")))
    key = ["symbol", "expiration", "strike"]
    calls, puts = (quoted.filter(side=side).select(*key, "middle", "half") for side in ("call", "put"))
    both = calls.join(puts, on=key, suffix="_put")
    first = pl.col("expiration") == pl.col("expiration").min().over("symbol")
    apart = pl.col("middle") - pl.col("middle_put")
    held = pl.col("strike") * (-RATE * days / 365.0).exp()
    both = both.filter(first).with_columns(apart=apart, says=held + apart, vague=pl.col("half") + pl.col("half_put"))
    near = both.sort("symbol", pl.col("apart").abs(), "strike").group_by("symbol", maintain_order=True).head(PAIRS)
    return near.group_by("symbol").agg(parity=pl.col("says").median(), vague=pl.col("vague").median())


def _gaps(quotes: pl.DataFrame, spots: pl.DataFrame, session: dt.date) -> pl.DataFrame:
    parity = _pairs(quotes, session)
    both = spots.join(parity, on="symbol", how="left")
    schema = {
        "symbol": pl.String,
        "price": pl.Float64,
        "against": pl.String,
        "other": pl.Float64,
        "apart": pl.Float64,
    }
    found = [
        both.filter(pl.col("price").is_not_null(), pl.col(other).is_not_null())
        .with_columns(apart=(pl.col("price") - pl.col(other)).abs(), room=room)
        .filter(pl.col("apart") > GAP * pl.col(other) + pl.col("room"))
        .select("symbol", "price", against=pl.lit(name), other=other, apart=pl.col("apart") / pl.col(other))
        for name, other, room in (("close", "close", pl.lit(0.0)), ("parity", "parity", pl.col("vague")))
    ]
    return pl.concat(found).cast(schema).sort("apart", "symbol", "against", descending=[True, False, False])  # type: ignore[arg-type]


def _unlisted_contracts(
    quotes: pl.DataFrame, spots: pl.DataFrame, listing: pl.DataFrame, splits: pl.DataFrame, session: dt.date
) -> tuple[pl.DataFrame, int]:
    """Contracts that no exchange can list: those quoted at what none of them can be worth, where they are many or
    there was a split, and those of an underlying that is gone; and how many others have such a quote."""
    split = splits.filter(pl.col("ex_date") <= session, pl.col("ex_date") > session - SPLIT_WITHIN)["symbol"].unique()
    spot, strike = pl.col("spot"), pl.col("strike")
    least = pl.when(pl.col("side") == "put").then(strike - spot).otherwise(spot - strike)
    most = pl.when(pl.col("side") == "put").then(strike).otherwise(spot)
    room = IMPOSSIBLE * spot
    rows = quotes.join(spots.select("symbol", spot=pl.coalesce("price", "close")), on="symbol", how="left")
    rows = rows.with_columns(chain=pl.len().over("symbol"), key=spelling_key(rows["symbol"]))
    plain = plain_root(pl.col("root")) == plain_root(pl.col("symbol"))
    bad = ((pl.col("ask") > 0.0) & (pl.col("ask") < least - room)) | (pl.col("bid") > most + room)
    after = pl.col("symbol").is_in(split.implode())
    why = pl.when(after).then(pl.lit("split")).otherwise(pl.lit("price"))
    odd = rows.filter(plain & bad).with_columns(why=why, odd=pl.len().over("symbol"))
    unlisted = odd.filter(after | (pl.col("odd") > UNLISTED * pl.col("chain"))).drop("odd")
    listed = listing.filter(pl.col("delisted").is_null() | (pl.col("delisted") > session))
    known = spelling_key(listed["symbol"]).unique()
    gone = ~pl.col("key").is_in(known.implode()) & ~pl.col("symbol").str.starts_with("^")
    gone &= ~pl.col("symbol").is_in(unlisted["symbol"].unique().implode())
    without = rows.filter(gone).with_columns(why=pl.lit("underlying")) if len(known) else unlisted.clear()
    name = pl.format("{} {} {} {}", "root", "expiration", strike, "side")
    found = pl.concat([unlisted, without]).group_by("symbol", "why")
    first = name.sort_by("expiration", "strike", "side").first()
    counted = found.agg(contracts=pl.len().cast(pl.Int64), example=first)
    order = ["contracts", "symbol"]
    told = counted.select("symbol", "contracts", "example", "why").sort(order, descending=[True, False])
    return told, len(odd) - len(unlisted)


def _unchanged(quotes: pl.DataFrame, before: pl.DataFrame, session: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Contracts with a volume now and before, of a day that nobody says or of another one, and whether it is the very
    same with the same price; and the symbols where most are."""
    key = ["symbol", "expiration", "root", "strike", "side"]
    unsure = pl.col("traded").is_null() | (pl.col("traded") != session)
    now = quotes.filter(pl.col("volume") > 0.0, unsure).select(*key, "volume", "last")
    then = before.filter(pl.col("volume") > 0.0).select(*key, "volume", "last")
    both = now.join(then, on=key, suffix="_before")
    same = (pl.col("volume") == pl.col("volume_before")) & pl.col("last").eq_missing(pl.col("last_before"))
    both = both.with_columns(same=same)
    counted = both.group_by("symbol").agg(contracts=pl.len().cast(pl.Int64), same=pl.col("same").sum().cast(pl.Int64))
    most = counted.filter(pl.col("contracts") >= FEW, pl.col("same") > UNCHANGED * pl.col("contracts"))
    return both, most.sort("same", "symbol", descending=[True, False])
