"""Split-like jumps: days on which the split-adjusted prices of a symbol move as a split would move them.

A split changes nothing but the count of shares. So on its day the price opens at the ratio, and everything else is
ordinary: the rest of the day's move, its range, the dollars traded; and the new level lasts. A company's bad news
halves a price, too, but seldom at the open to the percent, and with many times the dollars of an ordinary day.

Where the table records a split within three of the symbol's bars, the ratio alone decides: that a real move of
just this size falls on these days is much less likely than that prices and table disagree.

What is not found this way is a split on a day that was wild besides: companies that must merge their shares often
trade so. Of 487 splits of the US market from 2023 to 2025, taken out of the prices and the table, 414 are found.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import polars as pl

from tapescan.core.typing import Floats, Ints
from tapescan.market.suspect import find_suspects
from tapescan.market.tape import Tape

__all__ = [
    "JUMPS",
    "LEAST_NEAR",
    "NEAR",
    "NEEDED",
    "VERDICTS",
    "misfit_note",
    "misfits",
    "split_like_jumps",
    "splits_recorded_twice",
]


#: What a jump says of the table of splits.
VERDICTS = {
    "not_recorded": "prices split and no split is recorded",
    "not_applied": "a split is recorded, and the prices, said to be adjusted for it, still show it",
    "applied_twice": "a split is recorded, and the prices it is applied to do not show it",
    "other_day": "a split is recorded on another day than the prices show it",
    "other_ratio": "a split is recorded with another ratio than the prices show",
}

#: symbol, session of the jump, the close before it, its open and close (split-adjusted $), ratio (new shares for one
#: old: the recorded one, else the usual one that is nearest), verdict, and the recorded split within three bars.
JUMPS: dict[str, pl.DataType] = {
    "symbol": pl.String(),
    "session": pl.Date(),
    "close_before": pl.Float64(),
    "open": pl.Float64(),
    "close": pl.Float64(),
    "ratio": pl.Float64(),
    "verdict": pl.String(),
    "recorded": pl.Date(),
    "recorded_ratio": pl.Float64(),
}

#: Ratios that boards choose. Closer ones (5:4, stock dividends of a tenth) cannot be told from ordinary news.
_FORWARD = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
_REVERSE = (
    *(1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 75, 80, 100),
    *(120, 125, 150, 175, 200, 250, 300, 400, 500, 600, 750, 1000),
)
_USUAL: Floats = np.sort(np.log([*_FORWARD, *(1.0 / ratio for ratio in _REVERSE)]))

#: Bars looked at before and after a jump, and how many before it must be there.
BEFORE, AFTER, LEAST_BEFORE = 20, 5, 5
#: Days since the bar before: over a halt, prices change for many reasons.
MOST_SINCE = 7
#: A recorded split counts for a jump within this many of the symbol's own bars.
NEAR = 3
#: By the size of a ratio.
_LARGEST = pl.col("ratio").log().abs()
#: Bars before and from the day of a recorded split that decide whether it fits.
NEEDED = (BEFORE + NEAR + 1, AFTER + NEAR + 1)
#: Absolute log returns that are looked at, anywhere and near a recorded split.
LEAST, LEAST_NEAR = 0.35, 0.15
#: Dollars of an ordinary day; where fewer are traded, prices jump by whole ticks and say nothing.
LEAST_TRADED = 10_000.0


def split_like_jumps(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The jumps, as `JUMPS`, the largest first.

    bars : split-adjusted, sorted by symbol and session. splits : symbol, ex_date, ratio, as known on the bars' day.
    """
    tape = Tape(bars)
    move = _moves(tape)
    near, split = _near_splits(tape, splits)
    wide = np.flatnonzero(np.abs(move) >= LEAST)
    moved = np.abs(move[near]) >= LEAST_NEAR
    rows = np.union1d(wide, near[moved])
    if not len(rows):
        return pl.DataFrame(schema=JUMPS)
    seen = _Seen.of(tape, move, rows)
    told = _recorded(seen, near[moved], splits[split[moved]])
    alone = _unrecorded(seen).join(told, on="row", how="anti")
    on_the_day = pl.DataFrame(
        {"row": near, "recorded": splits["ex_date"][split], "recorded_ratio": splits["ratio"][split]}
    )
    on_the_day = on_the_day.filter(bars["session"][near] == splits["ex_date"][split]).unique("row")
    other = pl.when(pl.col("recorded").is_null()).then(pl.lit("not_recorded")).otherwise(pl.lit("other_ratio"))
    alone = alone.join(on_the_day, on="row", how="left").with_columns(verdict=other)
    found = pl.concat([told, alone.select(told.columns)]).drop_nulls("verdict").sort("row")
    at = found["row"].to_numpy()
    return (
        bars[at]
        .select("symbol", "session", "open", "close", close_before=pl.Series(tape.close[at - 1]))
        .hstack(found.drop("row"))
        .sort(_LARGEST, "symbol", "session", descending=[True, False, False])
        .select(pl.col(name).cast(kind) for name, kind in JUMPS.items())
    )


def misfits(bars: pl.DataFrame, splits: pl.DataFrame, wrong: pl.DataFrame | None = None) -> pl.DataFrame:
    """The recorded splits that the prices do not show as they are recorded, as `JUMPS`.

    bars : split-adjusted, of any symbols, sorted by symbol and session. splits : as in `split_like_jumps`. wrong :
    symbol and session of bars that are wrong by themselves, as suspect ones that a vendor had adjusted. None has them
    looked for, by the bars' ``adjusted_to``; in raw prices it is the split that is on another day.
    """
    mine = bars.filter(pl.col("symbol").is_in(splits["symbol"].unique().implode()))
    if mine.is_empty():
        return pl.DataFrame(schema=JUMPS)
    if wrong is None:
        wrong = find_suspects(mine, splits).select("symbol", "session")
        if len(wrong):
            adjusted = mine.filter(pl.col("adjusted_to") > pl.col("session"))
            wrong = wrong.join(adjusted, on=["symbol", "session"], how="semi")
    sound = mine.join(wrong, on=["symbol", "session"], how="anti", maintain_order="left") if len(wrong) else mine
    return split_like_jumps(sound, splits).filter(pl.col("verdict") != "not_recorded")


def misfit_note(found: pl.DataFrame) -> tuple[str, ...]:
    """One line on what `misfits` found; none where all fit."""
    if found.is_empty():
        return ()
    found = found.sort(_LARGEST, "symbol", "session", descending=[True, False, False])
    shown = [
        f"{symbol} {session} {open_ / before - 1.0:+,.0%}"
        for symbol, session, before, open_ in found.select("symbol", "session", "close_before", "open").head(3).rows()
    ]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    what = "a recorded split does" if len(found) == 1 else f"{len(found):,} recorded splits do"
    return (
        f"{what} not fit the prices, as on another day or applied twice: {', '.join(shown)}{more}; `tapescan doctor`",
    )


def splits_recorded_twice(splits: pl.DataFrame) -> pl.DataFrame:
    """symbol, ex_date, again (the second date, at most five days later), ratio: applied to raw prices, both count."""
    rows = splits.sort("symbol", "ex_date")
    after = pl.col("ex_date").shift(-1).over("symbol")
    same = (pl.col("ratio").shift(-1).over("symbol") / pl.col("ratio")).is_between(0.99, 1.01)
    rows = rows.with_columns(again=after)
    close = (pl.col("again") - pl.col("ex_date")).dt.total_days() <= 5
    return rows.filter(same & close).select("symbol", "ex_date", "again", "ratio")


# --- what is looked at ------------------------------------------------------------------------------------


def _moves(tape: Tape) -> Floats:
    """Log return of the close since the symbol's bar before; 0 for its first."""
    logs = np.log(tape.close)
    move: Floats = np.diff(logs, prepend=logs[:1])
    move[tape.begin] = 0.0
    return move


@dataclass(frozen=True)
class _Seen:
    """What is seen around some bars; logarithms, one entry a bar looked at.

    row : its place. gap : open over the close before. move : close over the close before. usual : a typical move of
    the days around, as a standard deviation. largest : the largest. span, usual_span : high over low, that day and
    typically. lasting : the level of that day and the days after over the level before. more : dollars traded over
    those of a typical day before. traded : those, in dollars. before : bars before. since : days since that.
    """

    row: Ints
    gap: Floats
    move: Floats
    usual: Floats
    largest: Floats
    span: Floats
    usual_span: Floats
    lasting: Floats
    more: Floats
    traded: Floats
    before: Ints
    since: Ints

    @classmethod
    def of(cls, tape: Tape, move: Floats, rows: Ints) -> _Seen:
        place = rows[:, None] + np.arange(-BEFORE, AFTER + 1)
        run = tape.run(rows)
        inside = (place >= tape.begin[run][:, None]) & (place < tape.end[run][:, None])
        place = np.where(inside, place, rows[:, None])

        def window(values: Floats) -> Floats:
            return np.where(inside, values[place], np.nan)

        around = np.arange(BEFORE + AFTER + 1) != BEFORE
        moves = np.abs(window(move))[:, around]
        close, span = np.log(window(tape.close)), np.log(window(tape.high) / window(tape.low))
        dollars = window(tape.close) * window(tape.volume)
        with warnings.catch_warnings(), np.errstate(divide="ignore", invalid="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # a window without other bars has no median: nan, no jump
            traded = np.nanmedian(dollars[:, :BEFORE], axis=1)
            return cls(
                row=rows,
                gap=np.log(tape.open[rows]) - np.log(tape.close[rows - 1]),
                move=move[rows],
                usual=1.4826 * np.nanmedian(moves, axis=1),
                largest=np.nanmax(moves, axis=1, initial=0.0),
                span=span[:, BEFORE],
                usual_span=np.nanmedian(span[:, around], axis=1),
                lasting=np.nanmedian(close[:, BEFORE:], axis=1) - np.nanmedian(close[:, BEFORE - 5 : BEFORE], axis=1),
                more=np.log(dollars[:, BEFORE]) - np.log(traded),
                traded=traded,
                before=inside[:, :BEFORE].sum(axis=1),
                since=tape.day[rows] - tape.day[rows - 1],
            )

    def allowed(self, size: Floats, at: Ints | slice = slice(None)) -> Floats:
        """How much else may happen on the day of a split of this log size."""
        most = np.maximum(np.maximum(0.05, 5.0 * self.usual[at]), size / 6.0)
        least: Floats = np.minimum(most, size / 3.0)
        return least


# --- judging ----------------------------------------------------------------------------------------------


def _unrecorded(seen: _Seen) -> pl.DataFrame:
    """row, ratio of the jumps that look like a split by themselves."""
    nearest = np.abs(_USUAL[None] + seen.gap[:, None]).argmin(axis=1)
    step = _USUAL[nearest]  # log of new shares for one old: the price moves by its negative
    size = np.abs(step)
    with np.errstate(invalid="ignore"):
        at_the_open = np.abs(seen.gap + step) <= np.maximum(0.04, np.minimum(2.0 * seen.usual, 0.15))
        stands_out = size >= 2.0 * seen.largest
        span = np.maximum(np.maximum(0.05, 5.0 * seen.usual_span), size / 6.0)
        calm = seen.span <= np.minimum(span, 0.4 * size)
        share = seen.lasting / -step
        lasts = (share >= 0.6) & (share <= 1.5)
        # Fallen companies trade more dollars than ever, so a fall must be quiet. Nearly nothing rises to a multiple
        # overnight, and companies that must merge their shares trade wildly on that day.
        much = np.where(step < 0.0, 1.0 + 2.0 * np.maximum(size - np.log(2.0), 0.0), 1.0)
        quiet = (seen.more <= much) & (seen.traded >= LEAST_TRADED)
        known = (seen.before >= LEAST_BEFORE) & (seen.since <= MOST_SINCE)
        found = at_the_open & stands_out & calm & lasts & quiet & known
    return pl.DataFrame({"row": seen.row[found], "ratio": np.exp(step[found])})


def _recorded(seen: _Seen, rows: Ints, splits: pl.DataFrame) -> pl.DataFrame:
    """row, ratio, verdict, recorded, recorded_ratio of the jumps by a recorded ratio or its inverse.

    rows, splits : pairs of a bar looked at and a split near it. The verdict is null where another jump tells it.
    """
    at = np.searchsorted(seen.row, rows)
    step = np.log(splits["ratio"].to_numpy())
    allowed = seen.allowed(np.abs(step), at)
    off, off_undone = (
        np.maximum(np.abs(seen.move[at] + sign * step), np.abs(seen.gap[at] + sign * step)) for sign in (1.0, -1.0)
    )
    with np.errstate(invalid="ignore"):
        shown, undone = off <= allowed, off_undone <= allowed
    pairs = pl.DataFrame(
        {
            "row": rows,
            "ratio": splits["ratio"],
            "verdict": np.where(shown, "not_applied", "applied_twice"),
            "recorded": splits["ex_date"],
            "recorded_ratio": splits["ratio"],
            "symbol": splits["symbol"],
            "off": np.minimum(off, off_undone),
        }
    ).filter(pl.Series(shown | undone))
    # A split recorded on the wrong day shows twice: as itself on its own day, and undone on the recorded one.
    both = pl.col("verdict").n_unique().over("symbol", "recorded") == 2
    itself = pl.when(pl.col("verdict") == "not_applied").then(pl.lit("other_day"))
    return (
        pairs.with_columns(verdict=pl.when(both).then(itself).otherwise("verdict"))
        .sort("off", "recorded")
        .unique("row", keep="first", maintain_order=True)
        .drop("symbol", "off")
    )


def _near_splits(tape: Tape, splits: pl.DataFrame) -> tuple[Ints, Ints]:
    """Pairs of a bar and a split of its symbol within `NEAR` bars: places in the bars and in the splits."""
    codes = pl.DataFrame({"symbol": tape.symbols}).with_row_index("run")
    which = splits.select("symbol", "ex_date").with_row_index("split").join(codes, on="symbol", maintain_order="left")
    run = which["run"].to_numpy().astype(np.int64)
    begin, end, day = tape.begin[run], tape.end[run], which["ex_date"].to_physical().to_numpy()
    at, above = begin.copy(), end.copy()
    while (at < above).any():  # by halving
        middle = (at + above) >> 1
        earlier = (at < above) & (tape.day[np.minimum(middle, len(tape.day) - 1)] < day)
        at, above = np.where(earlier, middle + 1, at), np.where(earlier, above, middle)
    near = at[:, None] + np.arange(-NEAR, NEAR + 1)
    mine = (near > begin[:, None]) & (near < end[:, None]) & ((at > begin) & (at < end))[:, None]
    numbers = np.broadcast_to(which["split"].to_numpy().astype(np.int64)[:, None], near.shape)
    return near[mine], numbers[mine]
