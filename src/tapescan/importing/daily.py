"""That bars are daily, by the time of day that a file writes; and intraday bars made daily ones where asked."""

from __future__ import annotations

import polars as pl

from tapescan.core.errors import FileError

__all__ = ["daily_bars"]

#: The regular session in New York, microseconds of the day; bars stand at their begin.
_OPEN, _CLOSE = (hours * 3_600_000_000 for hours in (9.5, 16.0))


def daily_bars(bars: pl.DataFrame, clock: pl.Series | None, shown: str, *, gather: bool) -> pl.DataFrame:
    """The same bars where they are daily; where there are several a day, refused or gathered.

    bars : with ``clock``, text, where the time of day has a column of its own. clock : microseconds of the day of
    each row, where its stamp has one. Raises `FileError` for intraday bars.
    """
    own = _of_column(bars["clock"]) if "clock" in bars.columns else None
    at = own if own is not None and own.n_unique() > 1 else clock
    if at is None:
        return bars
    timed = bars.with_columns(at=at)
    days = timed.filter(pl.col("session").is_not_null(), pl.col("symbol").is_not_null())
    several = days.group_by("symbol", "session").agg(pl.col("at").n_unique()).filter(pl.col("at") > 1)
    if several.is_empty() and not gather:
        return bars
    # Two rows of the newest day are that of the running session and the final one.
    newest = days.group_by("symbol").agg(newest=pl.col("session").max())
    twice = several.join(newest, on="symbol").select((pl.col("session") == pl.col("newest")) & (pl.col("at") == 2))
    if twice.to_series().all() and not gather:
        return bars
    if not gather:
        first = several.sort("symbol", "session").row(0)
        raise FileError(
            f"{shown}: {first[2]} bars for {first[0]} on {first[1]}: they are intraday",
            "give one bar a symbol and day, or let it make daily ones of them: --gather",
        )
    regular = timed.filter(pl.col("at").is_between(_OPEN, _CLOSE, closed="left")).sort("symbol", "session", "at")
    if regular.is_empty():
        raise FileError(f"{shown}: no bar lies between 9:30 and 16:00 New York", "give bars of regular sessions")
    others = [name for name in bars.columns if name not in ("symbol", "session", *_OF)]
    return (
        regular.group_by("symbol", "session", maintain_order=True)
        .agg(*(how(pl.col(name)) for name, how in _OF.items()), *(pl.col(name).first() for name in others))
        .select(bars.columns)
    )


_OF = {
    "open": pl.Expr.first,
    "high": pl.Expr.max,
    "low": pl.Expr.min,
    "close": pl.Expr.last,
    "volume": pl.Expr.sum,
}


def _of_column(clock: pl.Series) -> pl.Series:
    """Time of day as 09:30, 093000, 9:30:00 in microseconds; what cannot be read is told apart all the same."""
    text = clock.cast(pl.String).str.strip_chars()
    parts = text.str.extract_groups(r"^(\d{1,2}):?(\d{2}):?(\d{2})?(?:\.\d+)?$").struct.unnest()
    hour, minute, second = (parts[name].cast(pl.Int64, strict=False).fill_null(0) for name in parts.columns)
    read = ((hour * 60 + minute) * 60 + second) * 1_000_000
    odd = text.is_not_null() & parts[parts.columns[0]].is_null()
    return read if not odd.any() else text.rank("dense").cast(pl.Int64)
