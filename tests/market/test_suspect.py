"""Suspect bars: each kind planted and found alone, what is real left alone, and nothing of later days looked at."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.market import calendar
from tapescan.market.suspect import BEFORE, FROZEN, REASONS, SUSPECTS, find_suspects, in_words

DAYS = pl.Series("session", calendar.sessions(dt.date(2024, 1, 2), dt.date(2024, 6, 28))).cast(pl.Date).to_list()
PRICES = ("open", "high", "low", "close")
#: The planted symbol and day, with two months of bars before it and after it.
SYMBOL, AT = "S07", 60


def market(symbols: int = 40, seed: int = 5, wild: float = 0.01, traded: float = 14.0) -> pl.DataFrame:
    """Shares that move by about 1 % a day, all of them on every session."""
    random = np.random.default_rng(seed)
    close = 50.0 * np.exp(random.normal(0.0, wild, (symbols, len(DAYS))).cumsum(axis=1)).ravel()
    open_ = close * np.exp(random.normal(0.0, wild / 3.0, close.size))
    reach = np.exp(np.abs(random.normal(0.0, wild / 2.0, (2, close.size))))
    return pl.DataFrame(
        {
            "symbol": np.repeat([f"S{number:02d}" for number in range(symbols)], len(DAYS)),
            "session": DAYS * symbols,
            "open": open_,
            "high": np.maximum(open_, close) * reach[0],
            "low": np.minimum(open_, close) / reach[1],
            "close": close,
            "volume": np.exp(random.normal(traded, 0.3, close.size)).round(),
        }
    )


def planted(bars: pl.DataFrame, at: int | slice = AT, symbol: str = SYMBOL, /, **factors: float) -> pl.DataFrame:
    """With columns of a symbol's bars multiplied on one day, or some; high and low then hold open and close."""
    days = [DAYS[at]] if isinstance(at, int) else DAYS[at]
    here = (pl.col("symbol") == symbol) & pl.col("session").is_in(days)
    made = bars.with_columns(
        pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name) for name, factor in factors.items()
    )
    body = ("open", "close")
    return made.with_columns(
        pl.when(here).then(pl.max_horizontal("high", *body)).otherwise("high").alias("high"),
        pl.when(here).then(pl.min_horizontal("low", *body)).otherwise("low").alias("low"),
    )


def marks(bars: pl.DataFrame, splits: pl.DataFrame | None = None) -> list[tuple[str, dt.date, str]]:
    found: list[tuple[str, dt.date, str]] = find_suspects(bars, splits).select("symbol", "session", "reason").rows()
    return found


def whole(factor: float) -> dict[str, float]:
    return dict.fromkeys(PRICES, factor)


# --- what is wrong ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.01, 1.0 / 15.0, 0.2, 0.5, 1.6, 2.0, 5.0, 20.0, 100.0])
@pytest.mark.parametrize("reason", ["close", "open", "bar"])
def test_a_price_off_by_a_factor_from_both_sides(reason: str, factor: float) -> None:
    factors = whole(factor) if reason == "bar" else {reason: factor}
    assert marks(planted(market(), **factors)) == [(SYMBOL, DAYS[AT], reason)]


@pytest.mark.parametrize("factor", [2.0, 5.0, 20.0, 100.0])
def test_a_high_and_a_low_many_usual_ranges_out(factor: float) -> None:
    assert marks(planted(market(), high=factor)) == [(SYMBOL, DAYS[AT], "high")]
    assert marks(planted(market(), low=1.0 / factor)) == [(SYMBOL, DAYS[AT], "low")]


@pytest.mark.parametrize("factor", [1e-4, 1e-3, 1e3, 1e4])
def test_a_volume_off_by_thousands(factor: float) -> None:
    assert marks(planted(market(), volume=factor)) == [(SYMBOL, DAYS[AT], "volume")]


@pytest.mark.parametrize("length", [2, 3, 5])
def test_bars_that_are_off_together(length: int) -> None:
    found = marks(planted(market(), slice(AT, AT + length), **whole(0.1)))
    assert found == [(SYMBOL, day, "bar") for day in DAYS[AT : AT + length]]


def half_adjusted() -> pl.DataFrame:
    """As the feed had GSAT on 2025-02-11: the open in new shares, low and close in old ones, the volume mixed."""
    return planted(market(), low=1.0 / 15.0, close=1.0 / 15.0, volume=15.0)


def test_a_bar_half_adjusted_on_the_day_of_a_split() -> None:
    splits = pl.DataFrame({"symbol": [SYMBOL], "ex_date": [DAYS[AT]], "ratio": [1.0 / 15.0]})
    assert marks(half_adjusted(), splits) == [(SYMBOL, DAYS[AT], "split day")]
    assert marks(half_adjusted()) == [(SYMBOL, DAYS[AT], "close")]
    assert marks(planted(market(), **whole(1.0 / 15.0)), splits) == [(SYMBOL, DAYS[AT], "split day")]


def repeated(bars: pl.DataFrame, times: int) -> pl.DataFrame:
    """A symbol whose bar of one day stands in the next ones as well."""
    days, values = DAYS[AT : AT + times], (*PRICES, "volume")
    one = bars.filter(symbol=SYMBOL, session=DAYS[AT])
    here = (pl.col("symbol") == SYMBOL) & pl.col("session").is_in(days)
    return bars.with_columns(pl.when(here).then(one[name][0]).otherwise(name).alias(name) for name in values)


def test_a_frozen_feed() -> None:
    assert FROZEN == 15
    assert marks(repeated(market(), FROZEN - 1)) == []
    assert marks(repeated(market(), FROZEN)) == [(SYMBOL, day, "frozen") for day in DAYS[AT + 1 : AT + FROZEN]]


def test_bars_that_nobody_traded_are_no_frozen_feed() -> None:
    quiet = repeated(market(), 40).with_columns(
        volume=pl.when(pl.col("symbol") == SYMBOL).then(0.0).otherwise("volume")
    )
    assert marks(quiet) == []


def test_the_row_of_a_mark() -> None:
    (row,) = find_suspects(planted(market(), close=20.0)).to_dicts()
    bars = planted(market(), close=20.0).filter(symbol=SYMBOL)
    assert list(row) == list(SUSPECTS)
    assert row["close_before"] == bars["close"][AT - 1]
    assert row["open_after"] == bars["open"][AT + 1]
    assert row["behind"] == len(DAYS) - 1 - AT
    assert REASONS[row["reason"]] in in_words(row)
    assert in_words(row).startswith(f"{SYMBOL} {DAYS[AT]}: ")


def test_the_guide_names_every_reason() -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "own-data.md").read_text(encoding="utf-8")
    table = guide.partition("### Suspect bars")[2].partition("## In Python")[0]
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")][2:] == list(REASONS)


# --- what is real -------------------------------------------------------------------------------------------------


def moved(bars: pl.DataFrame, level: dict[int, float], volume: dict[int, float]) -> pl.DataFrame:
    """A symbol whose prices are multiplied from each day on, and its volume on each day."""
    own = pl.col("symbol") == SYMBOL
    for at, factor in level.items():
        later = own & (pl.col("session") >= DAYS[at])
        bars = bars.with_columns(pl.when(later).then(pl.col(name) * factor).otherwise(name) for name in PRICES)
    for at, factor in volume.items():
        here = own & (pl.col("session") == DAYS[at])
        bars = bars.with_columns(volume=pl.when(here).then(pl.col("volume") * factor).otherwise("volume"))
    return bars


def test_a_crash_that_stays() -> None:
    for volume in (30.0, 1.0):  # also one that nobody could trade
        assert marks(moved(market(), {AT: 0.2}, {AT: volume})) == []


def test_a_crash_within_a_session() -> None:
    """Open at the old price, close at a tenth of it, and it stays there."""
    crash = moved(market(), {AT: 0.1}, {AT: 8.0})
    here = (pl.col("symbol") == SYMBOL) & (pl.col("session") == DAYS[AT])
    crash = crash.with_columns(
        pl.when(here).then(pl.col(name) * 10.0).otherwise(name).alias(name) for name in ("open", "high")
    )
    assert marks(crash) == []
    assert marks(crash.filter(pl.col("session") <= DAYS[AT])) == []


def test_a_squeeze_that_decays_over_days() -> None:
    squeeze = moved(
        market(),
        {AT: 5.0, AT + 1: 0.8, AT + 2: 0.7, AT + 3: 0.7, AT + 4: 0.7},
        {AT: 80.0, AT + 1: 50.0, AT + 2: 20.0, AT + 3: 8.0},
    )
    assert marks(squeeze) == []
    for day in DAYS[AT : AT + 6]:
        assert marks(squeeze.filter(pl.col("session") <= day)) == []


def test_a_squeeze_of_one_session() -> None:
    """A high of five times and a close where it began, with much more traded than ever."""
    assert marks(planted(market(), high=5.0, volume=60.0)) == []
    assert marks(planted(market(), close=3.0, high=1.5, volume=60.0)) == []


@pytest.mark.parametrize("factor", [0.15, 0.5, 2.0, 6.0])
def test_a_halt_that_ends_at_another_price(factor: float) -> None:
    halted = (pl.col("symbol") == SYMBOL) & pl.col("session").is_in(DAYS[AT - 15 : AT])
    after = moved(market(), {AT: factor}, {AT: 10.0}).filter(~halted)
    assert marks(after) == []
    assert marks(after.filter(pl.col("session") <= DAYS[AT])) == []


@pytest.mark.parametrize("ratio", [4.0, 0.05])
def test_a_split_whether_prices_are_adjusted_or_raw(ratio: float) -> None:
    splits = pl.DataFrame({"symbol": [SYMBOL], "ex_date": [DAYS[AT]], "ratio": [ratio]})
    later = (pl.col("symbol") == SYMBOL) & (pl.col("session") >= DAYS[AT])
    raw = moved(market(), {AT: 1.0 / ratio}, {}).with_columns(
        volume=pl.when(later).then(pl.col("volume") * ratio).otherwise("volume")
    )
    assert marks(market(), splits) == []
    assert marks(raw, splits) == []


def test_a_first_day_is_as_wild_as_it_likes() -> None:
    new = market().filter((pl.col("symbol") != SYMBOL) | (pl.col("session") >= DAYS[AT]))
    assert marks(planted(new, high=8.0, close=3.0, volume=50.0)) == []
    assert marks(planted(new, AT + 1, open=3.0, high=2.0, volume=20.0)) == []


def test_a_wild_day_of_the_whole_market() -> None:
    """All lows half as deep for a moment: no bar of it is wrong, but one that is twenty times as deep is."""
    day = pl.col("session") == DAYS[AT]
    depth = np.random.default_rng(3).uniform(0.45, 0.75, len(market()))
    wild = market().with_columns(low=pl.when(day).then(pl.col("low") * pl.Series(depth)).otherwise("low"))
    assert marks(wild) == []
    assert marks(planted(wild, low=0.001)) == [(SYMBOL, DAYS[AT], "low")]
    # The same on a calm day is too far.
    assert marks(planted(market(), low=0.5)) == [(SYMBOL, DAYS[AT], "low")]


@pytest.mark.parametrize("seed", range(5))
def test_micro_caps_with_wild_ranges(seed: int) -> None:
    assert marks(market(seed=seed, wild=0.25, traded=9.0)) == []


def test_a_block_trade_and_a_day_of_one_trade_in_a_fund_that_hardly_trades() -> None:
    thin = market(traded=7.0)
    assert marks(planted(thin, volume=1_000.0)) == []
    here = (pl.col("symbol") == SYMBOL) & (pl.col("session") == DAYS[AT])
    single = thin.with_columns(pl.when(here).then("close").otherwise(name).alias(name) for name in PRICES)
    assert marks(single.with_columns(volume=pl.when(here).then(1.0).otherwise("volume"))) == []


def test_a_day_of_news_trades_thousands_of_times_the_usual() -> None:
    assert marks(planted(moved(market(), {AT: 1.6}, {}), high=1.3, volume=2_000.0)) == []


def test_an_index_has_no_volume_and_is_judged_by_its_prices() -> None:
    index = market().with_columns(volume=pl.lit(0.0))
    assert marks(index) == []
    assert marks(planted(index, close=10.0)) == [(SYMBOL, DAYS[AT], "close")]


# --- the newest bar, and what is known when ---------------------------------------------------------------------


def known(bars: pl.DataFrame, at: int = AT) -> pl.DataFrame:
    return bars.filter(pl.col("session") <= DAYS[at])


@pytest.mark.parametrize(("name", "factor"), [("open", 10.0), ("open", 0.1), ("high", 10.0), ("low", 0.1)])
def test_the_newest_bar_contradicts_itself(name: str, factor: float) -> None:
    assert marks(known(planted(market(), **{name: factor}))) == [(SYMBOL, DAYS[AT], name)]


@pytest.mark.parametrize("factor", [0.01, 100.0])
def test_the_newest_bar_is_impossible_and_nobody_traded_more(factor: float) -> None:
    assert marks(known(planted(market(), **whole(factor)))) == [(SYMBOL, DAYS[AT], "bar")]
    assert marks(known(planted(market(), **whole(factor), volume=20.0))) == []


def test_the_next_bar_settles_what_nothing_confirmed() -> None:
    stays = moved(market(), {AT: 20.0}, {})
    assert marks(known(stays)) == [(SYMBOL, DAYS[AT], "bar")]
    assert marks(known(stays, AT + 1)) == []
    returns = planted(market(), **whole(20.0))
    assert marks(known(returns)) == marks(known(returns, AT + 1)) == [(SYMBOL, DAYS[AT], "bar")]


def test_a_close_that_is_twice_the_open_may_be_news_until_it_comes_back() -> None:
    close = planted(market(), close=2.0)
    assert marks(known(close)) == []
    assert marks(known(close, AT + 1)) == [(SYMBOL, DAYS[AT], "close")]


def everything() -> pl.DataFrame:
    """One of each kind, and of what is real, at several places."""
    bars = planted(repeated(market(), FROZEN), AT, "S09", close=30.0)
    for number, factors in enumerate(
        ({"open": 0.1}, {"high": 9.0}, {"low": 0.05}, whole(100.0), {"volume": 1e3}, {"volume": 1e-4}, whole(0.3))
    ):
        bars = planted(bars, AT - 25 + 7 * number, f"S{10 + number}", **factors)
    return planted(bars, slice(30, 33), "S20", **whole(3.0))


def test_a_verdict_hangs_on_the_bars_around_alone() -> None:
    """The same with less history before them, and in another order of symbols."""
    bars = everything()
    found = marks(bars)
    assert len(found) == 8 + FROZEN - 1 + 3
    for first in (20, 40, 55):
        since = DAYS[first + BEFORE]
        short = [mark for mark in marks(bars.filter(pl.col("session") >= DAYS[first])) if mark[1] >= since]
        assert short == [mark for mark in found if mark[1] >= since]
    renamed = bars.with_columns(symbol=pl.format("T{}", 99 - pl.col("symbol").str.slice(1).cast(pl.Int64)))
    names = {f"T{99 - int(symbol[1:])}": symbol for symbol in bars["symbol"].unique()}
    again = [(names[symbol], day, reason) for symbol, day, reason in marks(renamed.sort("symbol", "session"))]
    assert sorted(again) == found


def test_scale_does_not_matter() -> None:
    bars = everything()
    other = bars.with_columns(*(pl.col(name) * 7.0 for name in PRICES))
    assert marks(other) == marks(bars)


def test_small_markets_are_judged() -> None:
    one = planted(market(1), AT, "S00", close=20.0)
    assert marks(one) == [("S00", DAYS[AT], "close")]
    assert find_suspects(one.head(1)).schema == find_suspects(one.head(0)).schema == pl.Schema(SUSPECTS)
    assert marks(one.head(4)) == []
