"""Suspect bars: bars that are possible by themselves, and not beside their neighbours.

A price that is off by a factor from the bars on both sides while trading is ordinary, a high or low many usual ranges
out, a bar in another share basis than its neighbours on the day of a split, a volume off by hundreds, a feed that
repeats one bar. Such a bar is kept and can be read; a scan does not rank a symbol by what it is made of.

What is real is left alone, by what it does and an error does not: a crash or a halt's new price stays; a squeeze is
traded, in shares and in dollars at once; a wild symbol has been wild before, and a wild day is wild for all symbols.

A bar is judged by up to `BEFORE` bars before it and `AFTER` after it, of its own symbol, and by the range of the
whole market on its day, so a verdict changes only while these come in. The newest bar has no other side: its open,
high and low are still held against its own close; of its close only what is plainly impossible is said, and the next
bar settles it.

Looking at the whole market costs a few comparisons a bar: what is costly is done for the bars that stand out by a
factor from the close before them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tapescan.core.typing import Bools, Floats, Ints
from tapescan.market.marks import REASONS, SUSPECTS, in_words
from tapescan.market.tape import CHUNK, Ranges, Tape

__all__ = [
    "AFTER",
    "BEFORE",
    "FACTOR",
    "FROZEN",
    "LARGE",
    "LONGEST",
    "REASONS",
    "SETTLED",
    "SUSPECTS",
    "VOLUME",
    "Seen",
    "find_suspects",
    "in_words",
    "outstanding",
    "stands_out",
]

#: Bars looked at on either side, and how many must be there: before it, and in all.
BEFORE, AFTER, LEAST_BEFORE, LEAST = 20, 6, 5, 10
#: The factor from which on a price is looked at, and the one from which on it is hardly ever real.
FACTOR, LARGE = 1.4, 5.0
#: So many usual ranges a price lies outside: of any factor, of a large one.
RANGES, RANGES_LARGE = 10.0, 5.0
#: So many times as far as the fifth largest of the ranges around: a wrong bar makes two of them.
OVER_LARGEST, OVER_LARGEST_LARGE = 1.5, 1.2
#: The price after comes back to that before within this part of the way.
BACK, BACK_LARGE = 0.5, 0.25
#: So many times the usual trading, in shares and in dollars, make a price real.
TRADED = 5.0
#: For the newest bar's close: usual ranges, and times the usual volume, of a move that nothing confirms.
RANGES_ALONE, TRADED_ALONE = 15.0, 2.5
#: Where fewer dollars a session are traded, a single order makes a price, and only a large factor counts.
LEAST_DOLLARS = 1_000.0
#: The least usual range: prices are whole cents.
LEAST_RANGE = 0.01
#: Bars that are off together, at most.
LONGEST = 5
#: So many bars later no verdict changes any more, but that of a feed that stands still.
SETTLED = 2 * LONGEST
#: A recorded split counts for a bar within so many days; it has to change prices by this factor.
NEAR_SPLIT, LEAST_SPLIT = "5d", 1.5
#: A volume is off from all bars around by this factor, and from their middle by that one.
VOLUME, VOLUME_MIDDLE = 100.0, 300.0
#: The newest, which nothing confirms yet, is too high by this factor.
VOLUME_ALONE = 1_000.0
#: Of so many shares a session, for too many and too few: in a fund that hardly trades, one block is a thousand times
#: the usual.
LEAST_SHARES_MORE, LEAST_SHARES_LESS = 10_000.0, 1_000.0
#: Identical bars that are no market.
FROZEN = 15


def find_suspects(
    bars: pl.DataFrame, splits: pl.DataFrame | None = None, ranges: pl.DataFrame | Ranges | None = None
) -> pl.DataFrame:
    """The suspect bars of a market, as `SUSPECTS`, by symbol and session.

    bars : symbol, session, open, high, low, close, volume, in one share basis, sorted by symbol and session.
    splits : symbol, ex_date, ratio, as known on the bars' day. ranges : `tape.session_ranges` of the whole market,
    where these are bars of some of its symbols.
    """
    tape = Tape(bars, ranges)
    moved, traded, same = outstanding(tape)
    prices = _prices(tape, moved, splits)
    found = {**_volumes(tape, traded), **_frozen(same), **prices}
    rows = np.array(sorted(found), dtype=np.int64)
    if not len(rows):
        return pl.DataFrame(schema=SUSPECTS)
    after = np.where(tape.newest(rows), np.nan, tape.open[np.minimum(rows + 1, len(bars) - 1)])
    judged = bars[rows].with_columns(
        reason=pl.Series([found[row] for row in rows.tolist()], dtype=pl.String),
        close_before=pl.Series(tape.close[rows - 1]),
        open_after=pl.Series(after).fill_nan(None),
        behind=pl.Series(tape.end[tape.run(rows)] - 1 - rows),
    )
    return judged.select(pl.col(name).cast(kind) for name, kind in SUSPECTS.items())


def stands_out(
    high: Floats, low: Floats, close: Floats, volume: Floats, was: Floats, shares: Floats
) -> tuple[Bools, Bools, Bools]:
    """Which bars differ by a factor from the close before; by hundreds from the volume before; not at all. A symbol
    without any has no suspect bar. was, shares : close and volume of the bar before."""
    return (
        (high > FACTOR * was) | (low * FACTOR < was),
        (volume > VOLUME * shares) | (volume * VOLUME < shares),
        (close == was) & (volume == shares),
    )


def outstanding(tape: Tape) -> tuple[Ints, Ints, Ints]:
    """Places of bars that differ by a factor from the close before; by hundreds from the volume before; not at all.

    A symbol's first bar is none of them.
    """
    found: tuple[list[Ints], ...] = ([], [], [])
    for at in range(1, len(tape.close), CHUNK):
        now, before = slice(at, at + CHUNK), slice(at - 1, at - 1 + CHUNK)
        close, volume = tape.close[now], tape.volume[now]
        was, shares = tape.close[before][: len(close)], tape.volume[before][: len(close)]
        which = stands_out(tape.high[now], tape.low[now], close, volume, was, shares)
        for places, one in zip(found, which, strict=True):
            places.append(np.flatnonzero(one) + at)

    def joined(places: list[Ints]) -> Ints:
        rows: Ints = np.concatenate([np.empty(0, np.int64), *places])
        later: Ints = rows[rows != tape.begin[tape.run(rows)]]
        return later

    moved, traded, same = map(joined, found)
    traded = traded[(tape.volume[traded] > 0.0) & (tape.volume[traded - 1] > 0.0)]
    for values in (tape.open, tape.high, tape.low):
        same = same[values[same] == values[same - 1]]
    return moved, traded, same[tape.volume[same] > 0.0]


@dataclass(frozen=True)
class Seen:
    """What is seen of some bars; prices as logarithms of their ratio to the close before, one entry a bar.

    open, high, low, close : its own. after : the next open, NaN for the newest. level : the middle of the five closes
    before, since the last of them may be the wrong one. usual : the usual range. largest : of those around, the
    fifth. shares : volume over the usual. traded : the lesser of shares and dollars over their usual. dollars :
    usual, a session. The last three are NaN for what has no volume.
    """

    rows: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    after: Floats
    level: Floats
    usual: Floats
    largest: Floats
    shares: Floats
    traded: Floats
    dollars: Floats

    def take(self, which: Bools) -> Seen:
        return replace(self, **{name: getattr(self, name)[which] for name in self.__dataclass_fields__})

    @property
    def newest(self) -> Bools:
        return np.isnan(self.after)

    def outside(self) -> dict[str, Floats]:
        """By reason, how far the bar lies outside what is around it; negative where it does not."""
        top, bottom = np.fmax(0.0, self.after), np.fmin(0.0, self.after)
        body_top, body_bottom = np.maximum(self.open, self.close), np.minimum(self.open, self.close)

        def off(value: Floats, other: Floats) -> Floats:
            return np.maximum(value - np.maximum(top, other), np.minimum(bottom, other) - value)

        return {
            "bar": np.maximum(body_bottom - top, bottom - body_top),
            "close": off(self.close, self.open),
            "open": off(self.open, self.close),
            "high": self.high - np.maximum(top, body_top),
            "low": np.minimum(bottom, body_bottom) - self.low,
        }


def _seen(tape: Tape, rows: Ints) -> Seen:
    before = tape.close[rows - 1]
    names, later = ("open", "high", "low", "close"), ("level", "usual", "largest", "shares", "traded", "dollars")
    own = {name: np.log(getattr(tape, name)[rows] / before) for name in names}
    after = np.log(tape.window(tape.open, rows, [1])[:, 0] / before)
    seen = Seen(rows=rows, after=after, **own, **dict.fromkeys(later, np.zeros(len(rows))))
    # The windows are for the few that lie outside both sides by a factor.
    far = np.max(list(seen.outside().values()), axis=0, initial=-np.inf) >= np.log(FACTOR)
    seen = seen.take(far)
    rows = seen.rows
    around = tape.ranges(rows, np.r_[-BEFORE:0, 2 : AFTER + 1])
    many = (~np.isnan(around)).sum(axis=1)
    known = (many >= LEAST) & (rows - tape.begin[tape.run(rows)] >= LEAST_BEFORE)
    seen, rows, around = seen.take(known), rows[known], around[known]
    volume = tape.window(tape.volume, rows, range(-BEFORE, 0))
    dollars = _middle(volume * tape.window(tape.close, rows, range(-BEFORE, 0)))
    shares = tape.volume[rows] / _middle(volume)
    with_volume = np.where(dollars > 0.0, 1.0, np.nan)
    return replace(
        seen,
        level=_level(tape, rows),
        usual=np.maximum(_middle(around), LEAST_RANGE),
        largest=np.sort(np.nan_to_num(around), axis=1)[:, -5],
        shares=shares * with_volume,
        traded=np.minimum(shares, tape.volume[rows] * tape.close[rows] / dollars) * with_volume,
        dollars=dollars * with_volume,
    )


def _level(tape: Tape, rows: Ints) -> Floats:
    """The middle of the five closes before, as a logarithm of its ratio to the last of them."""
    return _middle(np.log(tape.window(tape.close, rows, range(-5, 0)) / tape.close[rows - 1][:, None]))


def _middle(values: Floats) -> Floats:
    """The median of each row's known values; NaN where none is."""
    ordered = np.sort(values, axis=1)  # what is unknown stands last
    known, row = (~np.isnan(values)).sum(axis=1), np.arange(len(values))
    # As NumPy's own, which takes ten times as long: of an even number the mean of the two in the middle.
    found: Floats = (ordered[row, np.maximum(known - 1, 0) // 2] + ordered[row, known // 2]) / 2.0
    return found


# --- prices ---------------------------------------------------------------------------------------------------


def _prices(tape: Tape, rows: Ints, splits: pl.DataFrame | None) -> dict[int, str]:
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = _seen(tape, rows)
        outside = seen.outside()
        # Again without those that not even their own symbol's range lets pass, since the market's range costs more.
        some = np.any([_stands_out(seen, seen.usual, off, name) for name, off in outside.items()], axis=0)
        seen = seen.take(some)
        usual = np.maximum(seen.usual, tape.market_range(seen.rows)) if len(seen.rows) else seen.usual
        outside = seen.outside()
        found: dict[int, str] = {}
        for name in reversed(outside):
            at = _stands_out(seen, usual, outside[name], name)
            found |= dict.fromkeys(seen.rows[at].tolist(), name)
        return found | _together(tape, rows) | _on_split_days(tape, rows, splits)


def _stands_out(seen: Seen, usual: Floats, off: Floats, reason: str) -> Bools:
    """Whether the bars are off too far, by a reason, to be real."""
    ordinary = ~(seen.traded >= TRADED)
    back = np.fmax(np.abs(seen.after), np.abs(seen.level))
    thin = seen.dollars < LEAST_DOLLARS
    any_factor = (off >= np.log(FACTOR)) & (off >= RANGES * usual) & (off >= OVER_LARGEST * seen.largest)
    any_factor &= ~(back > BACK * off) & ~thin
    if reason in ("open", "close"):
        # A real price has others near it; a wrong one is the bar's extreme.
        price = seen.open if reason == "open" else seen.close
        any_factor &= (price == seen.high) | (price == seen.low) | (off >= np.log(3.0))
    large = (off >= np.log(LARGE)) & (off >= RANGES_LARGE * usual) & (off >= OVER_LARGEST_LARGE * seen.largest)
    large &= ~(back > BACK_LARGE * off)
    both: Bools = ordinary & (any_factor | large)
    if reason not in ("bar", "close"):
        return both
    alone = large & (off >= RANGES_ALONE * usual) & ~(seen.shares >= TRADED_ALONE)
    found: Bools = np.where(seen.newest, alone, both)
    return found


def _together(tape: Tape, rows: Ints) -> dict[int, str]:
    """Two and more whole bars that are off together: the price leaves at an open and comes back at an open."""
    rows = rows[np.abs(np.log(tape.open[rows] / tape.close[rows - 1])) >= np.log(2.0)]
    if not len(rows):
        return {}
    around = tape.ranges(rows, np.r_[-BEFORE:0])
    usual = np.maximum(_middle(around), LEAST_RANGE)
    largest = np.sort(np.nan_to_num(around), axis=1)[:, -5]
    before = tape.close[rows - 1][:, None]
    opens = np.log(tape.window(tape.open, rows, range(LONGEST + 1)) / before)
    closes = np.log(tape.window(tape.close, rows, range(LONGEST + 1)) / before)
    volume = tape.window(tape.volume, rows, range(-BEFORE, 0))
    dollars = volume * tape.window(tape.close, rows, range(-BEFORE, 0))
    after = tape.window(tape.volume, rows, range(LONGEST))
    shares = after / _middle(volume)[:, None]
    worth = after * tape.window(tape.close, rows, range(LONGEST)) / _middle(dollars)[:, None]
    traded = np.fmin(shares, worth)
    # Two bars that are wrong each in its own way leave a level between them that looks as if it were wrong.
    level = np.abs(_level(tape, rows))
    known = rows - tape.begin[tape.run(rows)] >= LEAST
    found: dict[int, str] = {}
    for length in range(2, LONGEST + 1):
        body = np.concatenate([opens[:, :length], closes[:, :length]], axis=1)
        off = np.maximum(body.min(axis=1), -body.max(axis=1))
        steady = np.ptp(closes[:, :length], axis=1) <= BACK_LARGE * off
        later = _middle(np.log(tape.window(tape.close, rows, range(length, length + 5)) / before))
        back = np.max(np.abs([opens[:, length], later, level]), axis=0) <= BACK_LARGE * off
        far = (off >= np.log(2.0)) & (off >= RANGES * usual) & (off >= OVER_LARGEST * largest)
        ordinary = ~(traded[:, :length].max(axis=1) >= TRADED) & ~(_middle(dollars) < LEAST_DOLLARS)
        for row in rows[known & far & steady & back & ordinary].tolist():
            found |= dict.fromkeys(range(row, row + length), "bar")
    return found


def _on_split_days(tape: Tape, rows: Ints, splits: pl.DataFrame | None) -> dict[int, str]:
    """Bars of which some price is off by the ratio of a split near it, while another, or the bars around, are not."""
    if splits is None or splits.is_empty() or not len(rows):
        return {}
    symbol, day = tape.symbols.gather(tape.run(rows)), pl.Series(tape.day[rows]).cast(pl.Date)
    mine = splits.filter(pl.col("symbol").is_in(symbol.unique().implode()))
    if mine.is_empty():
        return {}
    near = pl.DataFrame({"symbol": symbol, "ex_date": day, "row": rows})
    near = near.filter(pl.col("symbol").is_in(mine["symbol"].implode())).sort("ex_date")
    near = near.join_asof(
        mine.select("symbol", "ex_date", "ratio").sort("ex_date"),
        on="ex_date",
        by="symbol",
        strategy="nearest",
        tolerance=NEAR_SPLIT,
        check_sortedness=False,
    ).drop_nulls("ratio")
    rows, step = near["row"].to_numpy(), np.abs(np.log(near["ratio"].to_numpy()))
    before = tape.close[rows - 1]
    own = np.log(np.array([values[rows] for values in (tape.open, tape.high, tape.low, tape.close)]) / before)
    after = np.log(tape.window(tape.open, rows, [1])[:, 0] / before)
    moved = np.abs(np.abs(own) - step) <= np.minimum(0.25, step / 3.0)
    stayed = np.abs(own) <= np.minimum(0.25, step / 3.0)
    # Opens and closes have to be in one basis or the other; a high or low may lie anywhere.
    half = moved.any(axis=0) & stayed.any(axis=0) & (moved | stayed)[[0, 3]].all(axis=0)
    whole = moved.all(axis=0) & ~np.isnan(after)
    back = ~(np.abs(after) > step / 3.0)
    found: Bools = (half | whole) & back & (step >= np.log(LEAST_SPLIT))
    return dict.fromkeys(rows[found].tolist(), "split day")


# --- volumes and feeds ----------------------------------------------------------------------------------------


def _volumes(tape: Tape, rows: Ints) -> dict[int, str]:
    around = tape.window(tape.volume, rows, np.r_[-BEFORE:0, 1:AFTER])
    known = (~np.isnan(around)).sum(axis=1) >= LEAST
    rows, around = rows[known], around[known]
    volume, middle = tape.volume[rows], _middle(around)
    if not len(rows):
        return {}
    factor = np.where(tape.newest(rows), VOLUME_ALONE, VOLUME)
    # The second largest and smallest: another one around may be wrong, or a day without a trade.
    second = (
        np.sort(np.nan_to_num(around), axis=1)[:, -2],
        np.sort(np.where(np.isnan(around), np.inf, around), axis=1)[:, 1],
    )
    more = (volume >= factor * second[0]) & (volume >= VOLUME_MIDDLE * middle)
    less = (volume * VOLUME <= second[1]) & (volume * VOLUME_MIDDLE <= middle)
    # Where so much is traded, the price moves, or much is traded the day after, too; where next to nothing is traded,
    # there is one price.
    usual = _middle(tape.ranges(rows, range(-BEFORE, 0)))
    after = np.nan_to_num(tape.window(tape.volume, rows, [1])[:, 0])
    calm = (tape.ranges(rows, [0])[:, 0] <= 3.0 * usual) & (volume >= VOLUME * after)
    more &= calm & (middle >= LEAST_SHARES_MORE)
    less &= (tape.high[rows] > tape.low[rows]) & (middle >= LEAST_SHARES_LESS)
    found = more | less
    return dict.fromkeys(rows[found].tolist(), "volume")


def _frozen(same: Ints) -> dict[int, str]:
    """same : places of bars that repeat the one before, ascending."""
    begins = np.flatnonzero(np.diff(same, prepend=-2) != 1)
    length = np.diff(begins, append=len(same))
    long = length >= FROZEN - 1
    spans: list[Ints] = [same[at : at + many] for at, many in zip(begins[long], length[long], strict=True)]
    return dict.fromkeys(np.concatenate(spans).tolist(), "frozen") if spans else {}
