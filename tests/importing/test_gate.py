"""What bars have to be, whatever brings them: in dollars, daily, once; and rounding is no difference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files, import_frames
from tapescan.importing.readers import read_as
from tapescan.market.calendar import sessions as exchange_sessions
from tapescan.store import Store
from tests.importing.files import HEADER, STOOQ, history, lines_of, write

BARS = history()
MARKET = pl.concat([history(f"S{letter}", 60, seed) for seed, letter in enumerate("ABCDEFGH")])
VALUES = ("open", "high", "low", "close", "volume")

#: What vendors make of one price.
ROUNDED: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "four bytes": lambda column: column.cast(pl.Float32).cast(pl.Float64),
    "six decimals, cut": lambda column: ((column - 5e-7) * 1e6).floor() / 1e6,
    "the last bit": lambda column: column * (1 + 2e-16),
    "half a millionth": lambda column: column * (1 + 4e-7),
}


@pytest.mark.parametrize("how", ROUNDED)
def test_what_is_rounded_is_one_bar(store: Store, how: str) -> None:
    rounded = BARS.with_columns(ROUNDED[how](pl.col(name)) for name in VALUES)
    together = import_frames(store, [BARS, rounded])
    assert (together.new, together.refused) == (len(BARS), {})
    assert_frame_equal(store.known().bars(), BARS)
    apart = import_frames(store, [rounded])
    assert (apart.unchanged, apart.replaced) == (len(BARS), 0)
    assert_frame_equal(store.known().bars(), BARS)


def test_a_cent_is_no_rounding(store: Store) -> None:
    import_frames(store, [BARS])
    assert import_frames(store, [BARS.with_columns(pl.col("close") - 0.01)]).replaced == len(BARS)


def test_a_high_below_the_close_by_a_rounding_is_a_bar_and_is_set_to_it(store: Store) -> None:
    close = 20.139999389648438  # 20.14 in four bytes
    bar = BARS[:1].with_columns(open=20.0, high=close, low=20.0 * (1 + 3e-7), close=20.14)
    assert import_frames(store, [bar]).refused == {}
    stored = store.known().bars().row(0, named=True)
    assert (stored["low"], stored["high"], stored["close"]) == (20.0, 20.14, 20.14)
    broken = bar.with_columns(high=20.13, symbol=pl.lit("B"))
    assert import_frames(store, [pl.concat([bar, broken])]).refused == {"high below open or close": 1}


@pytest.mark.parametrize("larger_first", [False, True])
def test_the_newest_day_twice_is_the_row_with_the_larger_volume(store: Store, larger_first: bool) -> None:
    final = MARKET.filter(pl.col("session") == dt.date(2025, 7, 9))
    running = final.with_columns(pl.col("close") * 0.99, pl.col("low") * 0.99, pl.col("volume") * 0.4)
    order = [MARKET, running] if larger_first else [running, MARKET]
    report = import_frames(store, [pl.concat(order)])
    assert_frame_equal(store.known().bars(), MARKET)
    assert report.refused == {}
    (note,) = report.notes
    assert note.startswith("8 bars were there twice on the newest day, as SA on 2025-07-09: the one with the larger")


def test_another_day_twice_is_a_conflict(store: Store) -> None:
    earlier = MARKET.filter(pl.col("session") == dt.date(2025, 7, 8)).with_columns(pl.col("volume") * 0.4)
    report = import_frames(store, [pl.concat([MARKET, earlier])])
    assert report.refused == {"conflicting duplicate": 16}
    assert len(store.known().bars()) == len(MARKET) - 8


def weeks(step: str) -> pl.DataFrame:
    return BARS.group_by_dynamic("session", every=step, closed="left", label="left", group_by="symbol").agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )


@pytest.mark.parametrize(("step", "word"), [("1w", "weekly"), ("1mo", "monthly")])
@pytest.mark.parametrize("stamp", ["first day", "last session"])
def test_longer_bars_are_told_by_their_distance(store: Store, step: str, word: str, stamp: str) -> None:
    longer = weeks(step)
    if stamp == "last session":
        sessions = pl.Series(exchange_sessions(dt.date(2020, 1, 2), dt.date(2026, 1, 30))).cast(pl.Date)
        ends = longer["session"].dt.offset_by(step) - dt.timedelta(days=1)
        places = sessions.search_sorted(ends, side="right") - 1
        longer = longer.with_columns(session=sessions[places])
    with pytest.raises(FileError, match=f"{word}|weekly or longer bars"):
        import_frames(store, [longer])
    assert not store.exists()


def test_one_weekly_symbol_among_daily_ones_is_refused_alone(store: Store) -> None:
    week = weeks("1w").with_columns(pl.col("session") + dt.timedelta(days=1), symbol=pl.lit("WEEK"))
    week = week.filter(pl.col("session").is_in(BARS["session"].implode()))
    report = import_frames(store, [pl.concat([BARS, week])])
    assert report.refused == {"weekly or longer bars": len(week)}
    assert_frame_equal(store.known().bars(), BARS)


def test_a_share_that_trades_now_and_then_is_daily(store: Store) -> None:
    random = np.random.default_rng(3)
    rare = history("RARE", 1000).filter(pl.Series(random.random(1000) < 0.18))
    assert import_frames(store, [rare]).refused == {}


@pytest.mark.parametrize("period", ["W", "M", "1wk", "weekly", "60", "5m", "1h"])
def test_a_period_that_is_no_day_is_refused(store: Store, tmp_path: Path, period: str) -> None:
    row = "{symbol}.US," + period + ",{session:%Y%m%d},000000,{open},{high},{low},{close},{volume:.0f},0"
    path = write(tmp_path, "x.txt", STOOQ + lines_of(BARS[-3:], row))
    with pytest.raises(FileError, match=f"its bars are not daily: their period is '{period.lower()}'"):
        import_files(store, [path])


def test_days_among_weeks_are_taken(store: Store, tmp_path: Path) -> None:
    row = "{symbol}.US,PER,{session:%Y%m%d},000000,{open},{high},{low},{close},{volume:.0f},0"
    weekly = weeks("1w").with_columns(pl.col("session") + dt.timedelta(days=1))
    text = STOOQ + lines_of(BARS, row.replace("PER", "D")) + lines_of(weekly, row.replace("PER", "W"))
    report = import_files(store, [write(tmp_path, "x.txt", text)])
    assert_frame_equal(store.known().bars(), BARS)
    assert f"passed over {len(weekly)} bars of another period than a day ('w')" in report.notes[0]


def minutes(zone: str) -> pl.DataFrame:
    """Bars of 30 minutes from 9:00 to 16:30 New York; those of 9:00, 16:00 and 16:30 lie outside the session."""
    random, rows = np.random.default_rng(5), []
    for day in BARS["session"][-5:]:
        for half in range(16):
            price = float(np.round(100 + random.normal(0, 1), 2))
            stamp = dt.datetime.combine(day, dt.time(9)) + dt.timedelta(minutes=30 * half)
            rows.append(("AAPL", stamp, price, price + 1, price - 1, price + 0.5, 1000.0 + half))
    frame = pl.DataFrame(rows, schema=["symbol", "ts", *VALUES], orient="row")
    stamps = pl.col("ts").dt.cast_time_unit("us").dt.replace_time_zone("America/New_York")
    return frame.with_columns(stamps if zone == "none" else stamps.dt.convert_time_zone(zone)).with_columns(
        pl.col("ts").dt.replace_time_zone(None) if zone == "none" else pl.col("ts")
    )


@pytest.mark.parametrize("zone", ["none", "UTC", "Asia/Tokyo"])
def test_intraday_bars_are_refused_or_gathered(store: Store, zone: str) -> None:
    bars = minutes(zone)
    with pytest.raises(FileError, match=r"16 bars for AAPL on .*: they are intraday; .* --gather"):
        import_frames(store, [bars])
    import_frames(store, [bars], how=read_as(gather=True))
    regular = bars.filter(pl.int_range(pl.len()) % 16 > 0, pl.int_range(pl.len()) % 16 < 14)
    day = pl.int_range(pl.len()) // 13
    expected = regular.group_by(day, maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    assert_frame_equal(store.known().bars().select(VALUES), expected.select(VALUES))
    assert store.known().sessions.to_list() == BARS["session"][-5:].to_list()


@pytest.mark.parametrize("currency", ["EUR", "GBp", "JPY", "CAD", "USX"])
def test_other_currencies_are_refused(store: Store, currency: str) -> None:
    foreign = history("TM", 20).with_columns(currency=pl.lit(currency))
    report = import_frames(store, [pl.concat([BARS.with_columns(currency=pl.lit("usd")), foreign])])
    assert report.refused == {"not in US dollars": 20}
    with pytest.raises(FileError, match="none of its 20 bars can be used: 20 have 'not in US dollars'"):
        import_frames(store, [foreign])


def test_an_index_has_no_volume_and_a_share_has(store: Store, tmp_path: Path) -> None:
    bare = BARS.drop("symbol", "volume").rename({"session": "Date"})
    bare.write_csv(tmp_path / "^VIX.csv")
    import_files(store, [tmp_path / "^VIX.csv"])
    bare.with_columns(volume=pl.lit(None, pl.Int64)).write_csv(tmp_path / "^GSPC.csv")
    import_files(store, [tmp_path / "^GSPC.csv"])
    bars = store.known().bars()
    assert bars["symbol"].unique().sort().to_list() == ["^GSPC", "^VIX"]
    assert (bars["volume"] == 0.0).all()
    bare.write_csv(tmp_path / "AAPL.csv")
    with pytest.raises(FileError, match=r"AAPL.csv: no column for volume; .* and AAPL is none"):
        import_files(store, [tmp_path / "AAPL.csv"])


def test_a_note_in_the_column_of_symbols_is_no_symbol(store: Store, tmp_path: Path) -> None:
    text = HEADER + lines_of(BARS) + "Source: somewhere,2025-07-09,1,1,1,1,1\n"
    report = import_files(store, [write(tmp_path, "x.csv", text)])
    assert report.refused == {"not a symbol": 1}
    assert_frame_equal(store.known().bars(), BARS)


def test_weekly_bars_dated_by_their_mondays(store: Store, tmp_path: Path) -> None:
    """A tenth of all Mondays is no session, so a tenth of such bars is refused and leaves two weeks between."""
    weeks = history(sessions=1500).group_by_dynamic("session", every="1w").agg(pl.all().exclude("session").first())
    with pytest.raises(FileError, match="weekly or longer bars"):
        import_files(store, [write(tmp_path, "x.csv", HEADER + lines_of(weeks))])
