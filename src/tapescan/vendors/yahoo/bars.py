"""Yahoo's chart: its layout, and the way back from split-adjusted numbers to raw ones. No network here."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

import msgspec
import numpy as np
import polars as pl

from tapescan.core.typing import Floats
from tapescan.market import calendar
from tapescan.market.clock import NEW_YORK
from tapescan.network.link import Reply

__all__ = ["Answer", "Chart", "Unusable", "read_chart", "said_error", "seven_digits"]


_PRICES = ("open", "high", "low", "close")


class _Quote(msgspec.Struct):
    open: list[float | None] = []
    high: list[float | None] = []
    low: list[float | None] = []
    close: list[float | None] = []
    volume: list[float | None] = []


class _Indicators(msgspec.Struct):
    quote: list[_Quote] = []


class _Dividend(msgspec.Struct):
    date: int
    amount: float


class _Split(msgspec.Struct):
    date: int
    numerator: float
    denominator: float


class _Events(msgspec.Struct):
    dividends: dict[str, _Dividend] = {}
    splits: dict[str, _Split] = {}


class _Meta(msgspec.Struct):
    symbol: str
    dataGranularity: str = "1d"  # noqa: N815 (Yahoo's name)
    regularMarketTime: int | None = None  # noqa: N815


class _Result(msgspec.Struct):
    meta: _Meta
    timestamp: list[int] = []
    indicators: _Indicators = msgspec.field(default_factory=_Indicators)
    events: _Events = msgspec.field(default_factory=_Events)


class _Error(msgspec.Struct):
    code: str = ""
    description: str = ""


class _Chart(msgspec.Struct):
    result: list[_Result] | None
    error: _Error | None = None


class Answer(msgspec.Struct):
    """A whole answer of the chart; ``msgspec.json.Decoder(Answer)`` checks its types."""

    chart: _Chart


class _SaidBody(msgspec.Struct):
    error: _Error | None = None


class _SaidAnswer(msgspec.Struct):
    chart: _SaidBody | None = None
    finance: _SaidBody | None = None


_said_decoder = msgspec.json.Decoder(_SaidAnswer)


def said_error(reply: Reply) -> str | None:
    """The error that an answer names in its body, as "code: description"; None where it names none."""
    if len(reply.body) > 16_384:  # a chart with prices; errors are short
        return None
    try:
        answer = _said_decoder.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    for part in (answer.chart, answer.finance):
        if part is not None and part.error is not None:
            return f"{part.error.code}: {part.error.description}"
    return None


class Unusable(Exception):  # noqa: N818 (becomes a VendorError where the vendor's name is known)
    """A chart contradicts itself. reason : a word of `errors.VENDOR_REASONS`."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason


@dataclass(frozen=True)
class Chart:
    """What a chart says of one symbol, in raw numbers, one row a day.

    bars : session, open, high, low, close, volume. splits : ex_date, ratio. dividends : ex_date, amount as paid.
    empty : days whose row has a missing value. ends : the newest day with a row; None without any.
    newest : the day of the newest trade, where Yahoo says it.
    """

    bars: pl.DataFrame
    splits: pl.DataFrame
    dividends: pl.DataFrame
    empty: list[dt.date]
    ends: dt.date | None
    newest: dt.date | None


def read_chart(answer: Answer, symbol: str, today: dt.date) -> Chart:
    """The chart of a symbol, in Yahoo's spelling, that was asked for through ``today``.

    Raises Unusable for an answer about something else, of uneven length, of days off, or whose prices do not have
    the splits in them that it lists.
    """
    if not answer.chart.result:
        raise Unusable("bad_reply", "neither a result nor an error")
    result = answer.chart.result[0]
    if result.meta.symbol.upper() != symbol.upper() or result.meta.dataGranularity != "1d":
        raise Unusable("bad_reply", f"is of {result.meta.symbol} by {result.meta.dataGranularity}")
    quote = result.indicators.quote[0] if result.indicators.quote else _Quote()
    columns = {name: getattr(quote, name) for name in (*_PRICES, "volume")}
    if any(len(column) != len(result.timestamp) for column in columns.values()):
        raise Unusable("truncated", f"{len(result.timestamp)} days, but other numbers of prices or volumes")
    adjusted = pl.DataFrame(
        {
            "session": _days(result.timestamp),
            "at": pl.Series(result.timestamp, dtype=pl.Int64),
            **{name: pl.Series(column, dtype=pl.Float64) for name, column in columns.items()},
        }
    ).sort("at")
    # A session under way can be there twice, as a day and as a quote: the later row is the newer one. Any other
    # day that comes twice stays so, for the store to judge.
    live = (pl.col("session") == pl.col("session").max()) & (pl.col("at") < pl.col("at").max())
    adjusted = adjusted.filter(~live).drop("at")
    newest = None if result.meta.regularMarketTime is None else _days([result.meta.regularMarketTime])[0]
    _check_days(adjusted["session"])
    there = adjusted.select(pl.all_horizontal(pl.exclude("session").is_not_null()).alias("there"))["there"]
    bars = adjusted.filter(there)
    splits = _splits(result.events, today)
    _check_splits_inside(bars, splits)
    return Chart(
        _raw_bars(bars, splits),
        splits,
        _raw_dividends(result.events, splits),
        adjusted.filter(~there)["session"].to_list(),
        adjusted["session"][-1] if len(adjusted) else None,
        newest,
    )


def _days(seconds: list[int]) -> pl.Series:
    """The dates in New York of UNIX seconds."""
    moments = pl.Series("session", seconds, dtype=pl.Int64) * 1000
    return moments.cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone(NEW_YORK.key).dt.date()


def _check_days(days: pl.Series) -> None:
    """Refuse rows of days off: shifted by a day, one row in five lies on a Sunday. A stray one is for the store."""
    if days.is_empty():
        return
    known = pl.Series(calendar.sessions(days[0], days[-1])).cast(pl.Date)
    strays = days.filter(~days.is_in(known.implode()))
    if len(strays) > max(len(days) // 10, 1):
        raise Unusable("wrong_day", f"{len(strays)} of {len(days)} days are no sessions, the first {strays[0]}")


def _splits(events: _Events, today: dt.date) -> pl.DataFrame:
    """Splits through today, one row a day, ascending; an announced one is not in the prices yet."""
    found = list(events.splits.values())
    if any(not (0.0 < split.numerator < 1e6 and 0.0 < split.denominator < 1e6) for split in found):
        raise Unusable("bad_reply", "a split's ratio is not positive")
    frame = pl.DataFrame(
        {
            "ex_date": _days([split.date for split in found]),
            "ratio": pl.Series([split.numerator / split.denominator for split in found], dtype=pl.Float64),
        }
    )
    return frame.filter(pl.col("ex_date") <= today).group_by("ex_date").agg(pl.col("ratio").product()).sort("ex_date")


def _factor_after(days: pl.Series, splits: pl.DataFrame) -> Floats:
    """For each day, the product of the ratios of the splits after it."""
    products = np.append(np.cumprod(splits["ratio"].to_numpy()[::-1])[::-1], 1.0)
    place = np.searchsorted(splits["ex_date"].to_physical().to_numpy(), days.to_physical().to_numpy(), side="right")
    factor: Floats = products[place]
    return factor


def _check_splits_inside(bars: pl.DataFrame, splits: pl.DataFrame) -> None:
    """Refuse a chart that lists a split and shows the jump it makes: its prices are not adjusted for it yet."""
    for ex_date, ratio in splits.rows():
        before = bars.filter(pl.col("session") < ex_date).tail(1)
        after = bars.filter(pl.col("session") >= ex_date).head(1)
        # A ratio near 1 cannot be told from a day's change.
        if before.is_empty() or after.is_empty() or 0.7 < ratio < 1.4:
            continue
        earlier, later = before["close"][0], after["open"][0]
        if earlier > 0.0 and later > 0.0:
            change = math.log(later / earlier)
            if abs(change + math.log(ratio)) < abs(change) / 4:
                raise Unusable("adjusted", f"the split of {ex_date} is listed, but not inside the prices yet")


def _raw_bars(bars: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    factor = _factor_after(bars["session"], splits)
    return bars.with_columns(
        *(pl.Series(name, seven_digits(bars[name].to_numpy() * factor)) for name in _PRICES),
        pl.Series("volume", np.round(bars["volume"].to_numpy() / factor)),
    )


def _raw_dividends(events: _Events, splits: pl.DataFrame) -> pl.DataFrame:
    found = list(events.dividends.values())
    days = _days([paid.date for paid in found])
    amounts = np.array([paid.amount for paid in found], dtype=np.float64) * _factor_after(days, splits)
    frame = pl.DataFrame({"ex_date": days, "amount": pl.Series(seven_digits(amounts), dtype=pl.Float64)})
    return frame.sort("ex_date", "amount")


def seven_digits(values: Floats) -> Floats:
    """Rounded to seven digits, and to no more than six decimals: what Yahoo's single-precision numbers carry."""
    size = np.floor(np.log10(np.where(values > 0.0, values, 1.0)))
    scale = 10.0 ** np.clip(6.0 - size, 0.0, 6.0)
    rounded: Floats = np.round(values * scale) / scale
    return rounded
