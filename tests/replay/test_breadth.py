"""Breadth of every session is what plain arithmetic over that day's bars says, and knows nothing of later ones."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import OptionError
from tapescan.core.typing import Floats
from tapescan.replay.breadth import BreadthResult, breadth_request, measure_breadth
from tapescan.replay.measures import MEASURES
from tapescan.replay.past import past_of
from tapescan.replay.source import source_of
from tapescan.replay.standing import measure_standing
from tapescan.replay.walk import Walk
from tapescan.scan.cross_section import observe
from tapescan.scan.profile import Filters, Profile, load_profile
from tapescan.simulation.market import SimulatedMarket, simulate
from tapescan.store import Store

SYMBOLS, SESSIONS = 90, 330

#: So loose that a session has someone who has no 200-session average yet.
PROFILE = msgspec.structs.replace(
    load_profile("swing"), filters=Filters(min_price=2.0, min_dollar_volume=1e5, min_bars=30)
)


def stored(market: SimulatedMarket, folder: Path, until: dt.date | None = None) -> Store:
    store, day = Store(folder), until or dt.date.max
    frames = market.bars.filter(pl.col("session") <= day), market.splits.filter(pl.col("ex_date") <= day)
    tapescan.import_bars(*(one for one in (*frames, market.listing) if len(one)), store=store)
    return store


@pytest.fixture(scope="module")
def drawn() -> SimulatedMarket:
    return simulate(SYMBOLS, SESSIONS, seed=21, dirty=False)


@pytest.fixture(scope="module")
def store(drawn: SimulatedMarket, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return stored(drawn, tmp_path_factory.mktemp("breadth") / "store")


@pytest.fixture(scope="module")
def result(store: Store) -> BreadthResult:
    return tapescan.breadth_market(store, profile=PROFILE)


class Plain:
    """The bars of the eligible up to a day, in its share basis, as arrays that end with it."""

    def __init__(self, drawn: SimulatedMarket, day: dt.date, eligible: set[str]) -> None:
        self.bars: list[dict[str, Floats]] = []
        splits = drawn.splits.filter(pl.col("ex_date") <= day)
        for (symbol,), bars in drawn.bars.filter(pl.col("session") <= day).sort("session").group_by("symbol"):
            if symbol not in eligible:
                continue
            ratio = np.ones(len(bars))
            for ex_date, times in splits.filter(symbol=symbol).select("ex_date", "ratio").iter_rows():
                ratio[(bars["session"] < ex_date).to_numpy()] *= times
            prices = {name: bars[name].to_numpy() / ratio for name in ("high", "low", "close")}
            self.bars.append({**prices, "volume": bars["volume"].to_numpy() * ratio})

    def count(self, least: int, told: object) -> tuple[int, int]:
        """Of those with so many bars, for how many it is so; and how many these are."""
        some = [one for one in self.bars if len(one["close"]) >= least]
        return sum(bool(told(one)) for one in some), len(some)  # type: ignore[operator]


def on(result: BreadthResult, day: dt.date) -> dict[str, float]:
    return result.sessions.row(by_predicate=pl.col("session") == day, named=True)


def eligible_of(store: Store, day: dt.date, profile: Profile) -> set[str]:
    """As a scan of the day says it."""
    request = breadth_request(profile)
    market = source_of(store, None).market(day, request.span)
    section = observe(market, request.plan, request.looks)
    mine = section.excluded(profile.filters).codes == 0
    return {symbol for symbol, is_mine in zip(section.symbols, mine.tolist(), strict=True) if is_mine}


@pytest.mark.parametrize("seed", range(6))
def test_counts_are_those_of_plain_arithmetic(
    seed: int, drawn: SimulatedMarket, store: Store, result: BreadthResult
) -> None:
    day = result.sessions["session"][int(np.random.default_rng(seed).integers(40, SESSIONS))]
    eligible, row = eligible_of(store, day, PROFILE), on(result, day)
    plain = Plain(drawn, day, eligible)
    assert row["eligible"] == len(eligible) == len(plain.bars) > 20
    for n in (20, 40, 50, 200):
        above, many = plain.count(n, lambda one, n=n: one["close"][-1] > one["close"][-n:].mean())
        assert row[f"with_sma_{n}"] == many
        assert row[f"above_{n}"] == (pytest.approx(above / many, abs=1e-12) if many else None)
    for n in (20, 252):
        highs, many = plain.count(n, lambda one, n=n: one["high"][-1] > one["high"][-n:-1].max())
        lows, _ = plain.count(n, lambda one, n=n: one["low"][-1] < one["low"][-n:-1].min())
        assert row[f"with_{n}"] == many
        expected = (highs, lows, highs - lows) if many else (None, None, None)
        assert (row[f"new_highs_{n}"], row[f"new_lows_{n}"], row[f"net_highs_{n}"]) == expected
    moves = np.array([one["close"][-1] - one["close"][-2] for one in plain.bars])
    volume = np.array([one["volume"][-1] for one in plain.bars])
    assert row["advances"] == (moves > 0).sum()
    assert row["declines"] == (moves < 0).sum()
    assert row["unchanged"] == (moves == 0).sum()
    assert row["up_volume"] == pytest.approx(volume[moves > 0].sum() / volume.sum(), rel=1e-12)
    assert row["down_volume"] == pytest.approx(volume[moves < 0].sum() / volume.sum(), rel=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_large_moves_are_those_that_stockbee_counts(
    seed: int, drawn: SimulatedMarket, store: Store, result: BreadthResult
) -> None:
    day = result.sessions["session"][int(np.random.default_rng(100 + seed).integers(80, SESSIONS))]
    row, plain = on(result, day), Plain(drawn, day, eligible_of(store, day, PROFILE))

    def traded(one: dict[str, Floats]) -> bool:
        return bool(one["close"][-20:].mean() * one["volume"][-20:].mean() >= 250_000)

    def on_volume(one: dict[str, Floats]) -> bool:
        return bool(one["volume"][-1] >= 100_000 and one["volume"][-1] > one["volume"][-2])

    def change(one: dict[str, Floats], bars: int) -> float:
        return float(one["close"][-1] / one["close"][-1 - bars] - 1.0)

    def off(one: dict[str, Floats], extreme: float) -> float:
        return float((one["close"][-1] + 0.01) / (extreme + 0.01) - 1.0)

    def month(one: dict[str, Floats]) -> bool:
        return traded(one) and bool(one["close"][-21] >= 5.0)

    expected = {
        "up_4": plain.count(2, lambda one: on_volume(one) and change(one, 1) >= 0.04)[0],
        "down_4": plain.count(2, lambda one: on_volume(one) and change(one, 1) <= -0.04)[0],
        "up_25_quarter": plain.count(65, lambda one: traded(one) and off(one, one["close"][-65:].min()) >= 0.25)[0],
        "down_25_quarter": plain.count(65, lambda one: traded(one) and off(one, one["close"][-65:].max()) <= -0.25)[
            0
        ],
        "up_25_month": plain.count(21, lambda one: month(one) and change(one, 20) >= 0.25)[0],
        "down_25_month": plain.count(21, lambda one: month(one) and change(one, 20) <= -0.25)[0],
        "up_50_month": plain.count(21, lambda one: month(one) and change(one, 20) >= 0.5)[0],
        "down_50_month": plain.count(21, lambda one: month(one) and change(one, 20) <= -0.5)[0],
        "up_13_34": plain.count(34, lambda one: traded(one) and off(one, one["close"][-34:].min()) >= 0.13)[0],
        "down_13_34": plain.count(34, lambda one: traded(one) and off(one, one["close"][-34:].max()) <= -0.13)[0],
        "number_above_40": plain.count(40, lambda one: one["close"][-1] > one["close"][-40:].mean())[0],
    }
    assert {name: row[name] for name in expected} == expected
    before = result.sessions.filter(pl.col("session") <= day).tail(10)
    for sessions in (5, 10):
        up, down = (int(before[name].tail(sessions).sum()) for name in ("up_4", "down_4"))
        assert row[f"ratio_{sessions}"] == (pytest.approx(up / down) if down else None)


def test_something_of_everything_is_counted(result: BreadthResult) -> None:
    # Else the comparisons above would compare noughts.
    for name in ("up_4", "down_4", "up_25_quarter", "down_25_quarter", "up_13_34", "new_highs_252", "new_lows_20"):
        assert (result.sessions[name] > 1).any(), name
    assert (result.sessions["up_25_month"] > 0).any()
    assert result.sessions["above_200"].null_count() > 100


def with_wild_bars(market: SimulatedMarket) -> SimulatedMarket:
    """Every tenth symbol has one bar ten times too high."""
    bars = market.bars.sort("symbol", "session")
    run, place = pl.col("symbol").rle_id(), pl.int_range(pl.len()).over("symbol")
    wild = (run % 10 == 0) & (place == 40 + run)
    prices = (
        pl.when(wild).then(pl.col(name) * 10.0).otherwise(name).alias(name) for name in ("high", "low", "close")
    )
    return replace(
        market, bars=bars.with_columns(*prices, open=pl.when(wild).then(pl.col("open") * 10.0).otherwise("open"))
    )


@pytest.mark.parametrize("seed", [3, pytest.param(4, marks=pytest.mark.long)])
def test_who_is_eligible_is_whom_a_scan_of_the_day_would_rank(seed: int, tmp_path: Path) -> None:
    store = stored(with_wild_bars(simulate(150, 260, seed=seed)), tmp_path / "store")
    profile, source = load_profile("swing"), source_of(store, None)
    request = breadth_request(profile)
    walk = Walk(source, past_of(source.history), request, ())
    sessions = walk.past.sessions
    mine = [
        {found.view.symbols[place] for place in np.flatnonzero(row)}
        for found in walk.stretches(sessions)
        for row in walk.eligible(found)
    ]
    suspect = 0
    for at, (seen, names) in enumerate(zip(walk.sections(sessions), mine, strict=True)):
        section = seen.section
        why = section.excluded(profile.filters)
        suspect += int(why.among(["suspect"]).sum())
        assert names == {section.symbols[place] for place in np.flatnonzero(why.codes == 0)}, section.as_of
        if at in {140, 200, 259}:
            assert names == eligible_of(store, section.as_of, profile)
            assert len(names) > 20
    assert suspect > 100


@pytest.mark.parametrize("at", [35, pytest.param(250, marks=pytest.mark.long), 300])
def test_a_store_that_ends_on_a_day_has_the_same_values(at: int, tmp_path: Path) -> None:
    market = simulate(SYMBOLS, SESSIONS, seed=8)
    # Sums of such volumes hang on the order of adding, and how symbols lie hangs on where a store ends.
    market = replace(market, bars=market.bars.with_columns(pl.col("volume") / 3.0))
    whole = stored(market, tmp_path / "whole")
    rows = tapescan.breadth_market(whole, profile=PROFILE).sessions
    day = rows["session"][at]
    cut = tapescan.breadth_market(stored(market, tmp_path / "cut", day), profile=PROFILE)
    assert cut.last == day
    upto = rows.filter(pl.col("session") <= day)
    assert cut.sessions.equals(upto, null_equal=True)
    assert tapescan.breadth_market(whole, profile=PROFILE, end=day).sessions.equals(upto, null_equal=True)


def test_what_is_shown_changes_no_value(store: Store, result: BreadthResult) -> None:
    begin, end = result.sessions["session"][150], result.sessions["session"][200]
    some = tapescan.breadth_market(store, profile=PROFILE, start=begin, end=end)
    assert (some.first, some.last) == (begin, end)
    assert some.sessions.equals(result.sessions[150:201], null_equal=True)


def test_averages_over_time_are_the_published_recursions(result: BreadthResult) -> None:
    rows = result.sessions.filter(pl.col("advances").is_not_null())
    fast, slow, zweig, line = 0.0, 0.0, 0.0, 0
    for at, row in enumerate(rows.iter_rows(named=True)):
        up, down = row["advances"], row["declines"]
        net, share = 1000.0 * (up - down) / (up + down), up / (up + down)
        fast, slow = (fast + 0.10 * (net - fast), slow + 0.05 * (net - slow)) if at else (net, net)
        zweig = zweig + 2.0 / 11.0 * (share - zweig) if at else share
        line += up - down
        assert row["advance_decline_line"] == line
        assert row["mcclellan"] == (None if at < 38 else pytest.approx(fast - slow, abs=1e-9))
        assert row["zweig"] == (None if at < 9 else pytest.approx(zweig, abs=1e-12))
    known = rows.filter(pl.col("summation").is_not_null())
    for before, after in pairwise(known.select("summation", "mcclellan").iter_rows(named=True)):
        assert after["summation"] - before["summation"] == pytest.approx(after["mcclellan"], abs=1e-8)


def test_a_thrust_rises_from_below_to_above_within_ten_sessions() -> None:
    over = next(one.over for one in MEASURES if one.name == "zweig_thrust")
    assert over is not None

    def told(*levels: float) -> list[int]:
        return np.flatnonzero(over({"zweig": np.array([np.nan, *levels])}) == 1.0).tolist()

    assert told(0.39, *[0.5] * 9, 0.62, 0.63) == [11]
    assert told(0.39, *[0.5] * 10, 0.62) == []
    assert told(0.40, 0.62) == []
    assert told(0.39, 0.615) == []
    # It is told once, until it has been lower.
    assert told(0.39, 0.62, 0.63, 0.61, 0.64) == [2, 5]


def test_a_percentile_counts_equal_sessions_half() -> None:
    names = {one.name: [None] * 4 for one in MEASURES}
    rows = pl.DataFrame({**names, "above_50": [0.1, 0.5, 0.9, 0.5]})
    stand = measure_standing(rows)["above_50"]
    assert (stand.value, stand.percentile, stand.sessions) == (0.5, 50.0, 4)
    assert measure_standing(rows)["up_4"].sessions == 0


def test_a_store_with_one_session_says_that_nothing_can_be_said(drawn: SimulatedMarket, tmp_path: Path) -> None:
    first = drawn.bars["session"].min()
    assert isinstance(first, dt.date)
    found = tapescan.breadth_market(stored(drawn, tmp_path / "store", first))
    assert len(found.sessions) == 1
    assert on(found, first)["eligible"] == 0
    assert on(found, first)["above_20"] is None
    assert "nothing can be said" in found.sentence
    anybody = msgspec.structs.replace(PROFILE, filters=Filters(min_bars=1, min_dollar_volume=0.0, min_price=0.0))
    assert tapescan.breadth_market(Store(tmp_path / "store"), profile=anybody).sessions["mcclellan"][0] is None


def test_a_page_needs_nothing_else(result: BreadthResult, tmp_path: Path) -> None:
    result.write_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert not re.search(r"https?:|<script|<link|<img|url\(", page)
    assert "NaN" not in page
    assert page.count("<figure>") == 14
    assert page.count("<polyline") > 14
    for one in MEASURES:
        assert f">{one.name}<" in page, one.name
    result.write_html(tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text() == page


def test_every_column_says_what_it_is(result: BreadthResult) -> None:
    told = {one["name"]: one for one in result.columns}
    assert [*told] == result.sessions.columns[1:]
    assert all(one["definition"] and one["title"] for one in told.values())
    among = {one.among for one in MEASURES if one.among}
    assert among <= {*told}
    before: set[str] = set()
    for one in MEASURES:
        assert {*one.needs, *([one.among] if one.among else [])} <= before, one.name
        before.add(one.name)
    assert result.to_dict()["sessions"][0]["above_200"] is None
    assert msgspec.json.decode(result.to_json())["last"] == str(result.last)


def test_days_that_make_no_sense(store: Store) -> None:
    with pytest.raises(OptionError, match="2024-01-02 lies after 2024-01-01"):
        tapescan.breadth_market(store, start="2024-01-02", end="2024-01-01")
    with pytest.raises(OptionError, match="lies after"):
        tapescan.breadth_market(store, start="2049-01-02")
    source = source_of(store, None)
    with pytest.raises(OptionError, match="no session"):
        measure_breadth(source, breadth_request(PROFILE), dt.date(2025, 7, 5), dt.date(2025, 7, 6))
