"""Jumps that a split explains are found and named; jumps that happen to companies are not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.market import calendar
from tapescan.market.adjust import adjust_bars
from tapescan.market.jumps import JUMPS, split_like_jumps, splits_recorded_twice
from tapescan.simulation.market import SimulatedMarket, simulate
from tests.conftest import REAL, SHARED

DAYS = pl.Series(calendar.sessions(dt.date(2024, 1, 2), dt.date(2024, 6, 28))).cast(pl.Date).to_list()
AT = 60
NO_SPLITS = pl.DataFrame(schema={"symbol": pl.String, "ex_date": pl.Date, "ratio": pl.Float64})


def quiet_bars(symbol: str = "QUIET", price: float = 80.0, seed: int = 3) -> pl.DataFrame:
    """A share that moves by about 1 % a day, and trades some million shares."""
    random = np.random.default_rng(seed)
    close = price * np.exp(random.normal(0.0, 0.01, len(DAYS)).cumsum())
    open_ = close * np.exp(random.normal(0.0, 0.004, len(DAYS)))
    return pl.DataFrame(
        {
            "symbol": symbol,
            "session": DAYS,
            "open": open_,
            "high": np.maximum(open_, close) * 1.006,
            "low": np.minimum(open_, close) / 1.006,
            "close": close,
            "volume": np.exp(random.normal(14.0, 0.2, len(DAYS))).round(),
        }
    )


def split_prices(bars: pl.DataFrame, ratio: float, day: dt.date = DAYS[AT]) -> pl.DataFrame:
    """Raw prices of a split: from its day on, prices are divided by the ratio, volumes multiplied."""
    factor = pl.when(pl.col("session") >= day).then(ratio).otherwise(1.0)
    prices = (pl.col("open", "high", "low", "close") / factor).name.keep()
    return bars.with_columns(prices, pl.col("volume") * factor)


def recorded(ratio: float, day: dt.date = DAYS[AT], symbol: str = "QUIET") -> pl.DataFrame:
    return pl.DataFrame({"symbol": [symbol], "ex_date": [day], "ratio": [float(ratio)]})


def adjusted(raw: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    stamped = raw.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date))
    return adjust_bars(stamped, splits, pl.DataFrame(), DAYS[-1]).drop("adjusted_to", "total_to")


def told(found: pl.DataFrame) -> list[tuple[object, ...]]:
    return found.select("symbol", "session", "verdict", pl.col("ratio").round(4)).rows()


@pytest.mark.parametrize(
    "ratio", [1.5, 2, 3, 4, 5, 10, 20, 1 / 2, 1 / 3, 1 / 5, 1 / 10, 1 / 15, 1 / 20, 1 / 25, 1 / 100]
)
def test_a_split_that_is_not_recorded(ratio: float) -> None:
    found = split_like_jumps(split_prices(quiet_bars(), ratio), NO_SPLITS)
    assert told(found) == [("QUIET", DAYS[AT], "not_recorded", round(ratio, 4))]
    row = found.row(0, named=True)
    assert row["close_before"] == quiet_bars()["close"][AT - 1]
    assert row["recorded"] is None
    assert found.schema == JUMPS


@pytest.mark.parametrize("ratio", [2, 1 / 10])
def test_a_split_on_the_newest_session_is_found(ratio: float) -> None:
    bars = split_prices(quiet_bars(), ratio).head(AT + 1)
    assert told(split_like_jumps(bars, NO_SPLITS)) == [("QUIET", DAYS[AT], "not_recorded", round(ratio, 4))]


@pytest.mark.parametrize("ratio", [1.25, 2, 7.5, 1 / 10, 1 / 13])
def test_a_recorded_split_says_nothing_where_prices_and_table_agree(ratio: float) -> None:
    raw = split_prices(quiet_bars(), ratio)
    assert split_like_jumps(adjusted(raw, recorded(ratio)), recorded(ratio)).is_empty()


@pytest.mark.parametrize("ratio", [1.25, 2, 7.5, 1 / 10, 1 / 13])
def test_a_recorded_split_that_prices_still_show(ratio: float) -> None:
    found = split_like_jumps(split_prices(quiet_bars(), ratio), recorded(ratio))
    assert told(found) == [("QUIET", DAYS[AT], "not_applied", round(ratio, 4))]
    assert found["recorded"].to_list() == [DAYS[AT]]


@pytest.mark.parametrize("ratio", [1.25, 2, 7.5, 1 / 10, 1 / 13])
def test_a_recorded_split_that_the_prices_had_inside_already(ratio: float) -> None:
    found = split_like_jumps(adjusted(quiet_bars(), recorded(ratio)), recorded(ratio))
    assert told(found) == [("QUIET", DAYS[AT], "applied_twice", round(ratio, 4))]


@pytest.mark.parametrize("ratio", [2, 1 / 10])
@pytest.mark.parametrize("off", [-3, -1, 1, 2, 3])
def test_a_split_recorded_on_another_day(ratio: float, off: int) -> None:
    table = recorded(ratio, DAYS[AT + off])
    found = split_like_jumps(adjusted(split_prices(quiet_bars(), ratio), table), table)
    assert told(found) == [("QUIET", DAYS[AT], "other_day", round(ratio, 4))]
    assert found["recorded"].to_list() == [DAYS[AT + off]]


def test_a_split_recorded_with_another_ratio() -> None:
    table = recorded(1 / 10)
    found = split_like_jumps(adjusted(split_prices(quiet_bars(), 1 / 20), table), table)
    assert told(found) == [("QUIET", DAYS[AT], "other_ratio", 0.5)]
    assert found["recorded_ratio"].to_list() == [0.1]


def test_another_symbols_split_explains_nothing() -> None:
    found = split_like_jumps(split_prices(quiet_bars(), 2), recorded(2, symbol="OTHER"))
    assert told(found) == [("QUIET", DAYS[AT], "not_recorded", 2.0)]


def moved(*, open_: float, rest: float, dollars: float, back_after: int | None = None) -> pl.DataFrame:
    """Quiet bars with one day of news: a factor at the open, one of the day's own, one of the dollars traded."""
    bars = quiet_bars()
    o, h, low, c, v = (bars[name].to_numpy().copy() for name in ("open", "high", "low", "close", "volume"))
    until = len(DAYS) if back_after is None else AT + back_after
    o[AT] = c[AT - 1] * open_
    for prices in (o, h, low, c):
        prices[AT + 1 : until] *= open_ * rest
    c[AT] = o[AT] * rest
    h[AT], low[AT] = max(o[AT], c[AT]) * 1.006, min(o[AT], c[AT]) / 1.006
    v[AT] *= dollars / (open_ * rest)
    return bars.with_columns(
        open=pl.Series(o), high=pl.Series(h), low=pl.Series(low), close=pl.Series(c), volume=pl.Series(v)
    )


def test_the_day_of_a_split_without_its_news_is_found() -> None:
    """What the tests below change one thing of."""
    assert len(split_like_jumps(moved(open_=0.5, rest=1.01, dollars=1.0), NO_SPLITS)) == 1


@pytest.mark.parametrize(
    "news",
    [
        {"open_": 0.5, "rest": 1.01, "dollars": 8.0},  # a fall that everybody trades
        {"open_": 2.0, "rest": 1.01, "dollars": 8.0},  # a bid for the company
        {"open_": 0.9, "rest": 0.56, "dollars": 1.0},  # half, but not at the open
        {"open_": 0.5, "rest": 1.25, "dollars": 1.0},  # a wild day
        {"open_": 0.56, "rest": 1.01, "dollars": 1.0},  # no ratio
        {"open_": 0.5, "rest": 1.01, "dollars": 1.0, "back_after": 1},  # one wrong bar
    ],
)
def test_news_is_no_split(news: dict[str, float]) -> None:
    assert split_like_jumps(moved(**news), NO_SPLITS).is_empty()  # type: ignore[arg-type]


def test_a_jump_among_others_is_no_split() -> None:
    """The same day, where the price had moved by more than a third of it a week before."""
    bars = moved(open_=0.5, rest=1.01, dollars=1.0)
    week_before = pl.when(pl.col("session") < DAYS[AT - 5]).then(1.5).otherwise(1.0)
    bars = bars.with_columns(pl.col("open", "high", "low", "close") * week_before)
    assert split_like_jumps(bars, NO_SPLITS).filter(session=DAYS[AT]).is_empty()


def test_a_jump_over_a_halt_and_one_of_a_hardly_traded_symbol_say_nothing() -> None:
    halted = split_prices(quiet_bars(), 2)
    halted = halted.filter(~pl.col("session").is_in(DAYS[AT - 6 : AT]))
    penny = split_prices(quiet_bars(price=0.002), 2)
    assert split_like_jumps(halted, NO_SPLITS).is_empty()
    assert split_like_jumps(penny, NO_SPLITS).is_empty()


def test_few_bars_and_single_bars_are_no_jumps() -> None:
    bars = pl.concat([quiet_bars("A", 5.0).head(1), quiet_bars("B", 10.0).head(1), quiet_bars("C", 20.0).head(2)])
    assert split_like_jumps(bars, recorded(2, DAYS[0], "B")).is_empty()
    assert split_like_jumps(split_prices(quiet_bars(), 2, DAYS[2]), NO_SPLITS).is_empty()


def test_the_largest_jump_comes_first() -> None:
    bars = pl.concat([split_prices(quiet_bars(name), ratio) for name, ratio in (("A", 2), ("B", 1 / 10), ("C", 3))])
    assert split_like_jumps(bars, NO_SPLITS)["symbol"].to_list() == ["B", "C", "A"]


def test_splits_recorded_twice() -> None:
    friday, monday, tuesday = dt.date(2024, 7, 12), dt.date(2024, 7, 15), dt.date(2024, 7, 23)
    rows = [
        ("TWICE", friday, 10.0),
        ("TWICE", monday, 10.0001),
        ("LATER", friday, 10.0),
        ("LATER", tuesday, 10.0),
        ("RATIO", friday, 10.0),
        ("RATIO", monday, 0.1),
    ]
    table = pl.DataFrame(rows, schema=["symbol", "ex_date", "ratio"], orient="row")
    assert splits_recorded_twice(table).rows() == [("TWICE", friday, monday, 10.0)]
    assert splits_recorded_twice(NO_SPLITS).is_empty()


@pytest.fixture(scope="module")
def market() -> SimulatedMarket:
    return simulate(2000, 520, seed=7, dirty=False)


def test_splits_planted_in_a_simulated_market(market: SimulatedMarket) -> None:
    there = market.bars.select("symbol", ex_date="session")
    planted = set(market.splits.join(there, on=["symbol", "ex_date"]).select("symbol", "ex_date").rows())
    assert len(planted) >= 40
    unknown = split_like_jumps(market.bars, NO_SPLITS)
    found = set(unknown.select("symbol", "session").rows())
    assert found <= planted
    assert len(found) >= 0.9 * len(planted)
    known = split_like_jumps(market.bars, market.splits)
    assert set(known.select("symbol", "session").rows()) == planted
    assert set(known["verdict"]) == {"not_applied"}


def test_a_clean_simulated_market_has_none(market: SimulatedMarket) -> None:
    stamped = market.bars.with_columns(adjusted_to="session", total_to=pl.lit(None, pl.Date))
    bars = adjust_bars(stamped, market.splits, pl.DataFrame(), market.bars["session"].max())  # type: ignore[arg-type]
    assert split_like_jumps(bars, market.splits).is_empty()


@pytest.mark.skipif(
    not REAL.exists(), reason="no real bars beside the checkout: jumps of the real market were not sought"
)
def test_the_real_market_has_few_and_planted_ones_are_found() -> None:
    bars = (
        pl.read_parquet(REAL).rename({"date": "session"}).with_columns(pl.col(pl.Float32, pl.Int64).cast(pl.Float64))
    )
    table = pl.read_parquet(SHARED / "splits_2015_2025.parquet").filter(kind="split")
    table = table.select("symbol", "ratio", ex_date="date").unique(["symbol", "ex_date"])
    twice = splits_recorded_twice(table)
    table = table.join(twice, on=["symbol", "ex_date"], how="anti").filter(pl.col("ex_date") > bars["session"].min())
    jumps = split_like_jumps(bars, table)
    assert 1 <= len(jumps) <= 6
    # Put the splits back into the prices.
    factor = pl.col("ratio").log().cum_sum(reverse=True).over("symbol").exp()
    later = table.sort("symbol", "ex_date").select("symbol", "ex_date", factor=factor).sort("ex_date")
    raw = bars.sort("session").join_asof(
        later, left_on="session", right_on="ex_date", by="symbol", strategy="forward", allow_exact_matches=False
    )
    scale = pl.col("factor").fill_null(1.0)
    raw = raw.sort("symbol", "session").with_columns(
        pl.col("open", "high", "low", "close") * scale, volume=pl.col("volume") / scale
    )
    planted = set(table.join(bars, left_on=["symbol", "ex_date"], right_on=["symbol", "session"])["symbol"])
    found = set(split_like_jumps(raw, NO_SPLITS)["symbol"])
    assert len(planted) > 400
    assert len(found & planted) >= 0.8 * len(planted)
    assert len(found - planted) <= 6
