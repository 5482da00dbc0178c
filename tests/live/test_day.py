"""The session that forms is what its minute bars make of it, however they come."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.live.curve import USUAL
from tapescan.live.day import Day, Merged
from tapescan.live.hours import clock_of, end_of, minute_of, moment_of
from tests.live.minutes import SESSION, drawn, plainly


def state(day: Day) -> dict[str, object]:
    """All that a day tells, by symbol."""
    order = np.argsort(day.symbols)
    both = {"regular": day.totals, "premarket": day.premarket}
    parts = {f"{part} {name}": own[order] for part, total in both.items() for name, own in total._asdict().items()}
    parts["minutes"] = day.minutes[:, :, order]
    parts["official"] = day.official_open[order]
    return {name: np.ascontiguousarray(values).tobytes() for name, values in parts.items()}


def test_each_minute_is_the_plain_aggregate_of_the_bars_so_far() -> None:
    rows, day = drawn(1), Day(SESSION)
    for minute in range(560, 700):
        day.merge(rows.filter(pl.col("minute") == minute))
        assert day.bars(minute + 1).equals(plainly(rows.filter(pl.col("minute") <= minute), minute + 1))


@pytest.mark.parametrize("seed", range(5))
def test_late_twice_and_corrected_bars_end_in_the_same_bytes(seed: int) -> None:
    """Against a session that is handed over whole, as after a restart."""
    rng, rows = np.random.default_rng(seed), drawn(seed, end=640)
    wrong = rows.sample(fraction=0.1, seed=seed).with_columns(
        close=pl.col("high"), volume=pl.col("volume") * 3.0, official_open=pl.lit(None, pl.Float64)
    )
    late = rows["minute"].to_numpy() + rng.exponential(2.0, len(rows))
    came = pl.concat([wrong, rows[np.argsort(late, kind="stable")]])
    day, at = Day(SESSION), 0
    while at < len(came):
        many = int(rng.integers(1, 200))
        day.merge(came[at : at + many])
        at += many
    twice = day.merge(rows.tail(50))
    assert (twice.new, twice.corrected, twice.same) == (0, 0, 50)
    whole = Day(SESSION)
    whole.merge(came)
    assert state(day) == state(whole)
    assert day.bars(640).equals(whole.bars(640))
    assert day.bars(640).equals(plainly(came, 640))


def test_more_symbols_than_there_was_room_for() -> None:
    rows = drawn(3, symbols=2500, begin=568, end=573)
    day = Day(SESSION)
    for minute in range(568, 573):
        day.merge(rows.filter(pl.col("minute") == minute))
    assert day.bars(573).equals(plainly(rows, 573))
    assert day.traded_in(572) == rows.filter(pl.col("minute") == 572).height
    assert day.newest == 572


def test_what_cannot_be_is_left_out_and_counted() -> None:
    rows = drawn(4, symbols=9, begin=600, end=603).with_columns(official_open=pl.lit(None, pl.Float64))
    bad = [
        rows[0].with_columns(session=pl.lit(SESSION - dt.timedelta(days=1))),
        rows[1].with_columns(minute=pl.lit(960, pl.Int16)),
        rows[2].with_columns(low=pl.lit(-1.0)),
        rows[3].with_columns(close=pl.lit(float("nan"))),
        rows[4].with_columns(high=pl.col("low") * 0.5),
        rows[5].with_columns(volume=pl.lit(-5.0)),
    ]
    day = Day(SESSION)
    assert day.merge(pl.concat(bad)) == Merged(outside=6)
    assert day.bars(610).is_empty()
    assert day.newest == -1


def test_an_early_close_ends_the_session_and_its_curve() -> None:
    friday = dt.date(2025, 11, 28)
    rows = drawn(5, symbols=3, begin=775, end=785, session=friday)
    day = Day(friday)
    assert day.merge(rows).outside == rows.filter(pl.col("minute") >= 780).height
    assert day.bars(780)["volume"].to_list() == plainly(rows, 780, end=780)["volume"].to_list()
    assert USUAL.share(780, 780) == 1.0


def test_volume_is_scaled_to_a_session_and_whole_at_its_end() -> None:
    rows = drawn(6, symbols=4, begin=570, end=600)
    day = Day(SESSION)
    day.merge(rows)
    so_far = rows.group_by("symbol").agg(pl.col("volume").sum()).sort("symbol")["volume"]
    assert day.bars(960)["volume"].to_list() == so_far.to_list()
    assert day.bars(600)["volume"].to_list() == (so_far / USUAL.share(600)).round(0).to_list()
    shares = [USUAL.share(minute) for minute in range(570, 961)]
    assert shares == sorted(shares)
    assert shares[0] > 0.0
    assert shares[-1] == 1.0


@pytest.mark.parametrize("session", [dt.date(2025, 3, 7), dt.date(2025, 3, 10), dt.date(2025, 11, 3)])
def test_minutes_are_new_yorks_on_both_sides_of_a_change_of_the_clock(session: dt.date) -> None:
    assert moment_of(session, 570).astimezone(dt.UTC).hour in (13, 14)
    for minute in (240, 570, 959):
        assert minute_of(moment_of(session, minute)) == minute
    assert clock_of(570) == "09:30"
    assert end_of(session) == 960
