"""Labels: what a buyer at the next open would have got, against a plain loop; and their ranks within a session."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.market import calendar
from tapescan.market.panel import build_panel
from tapescan.models.samples.labels import SMALLEST_DATE, forward_returns, rank_labels

Bar = tuple[float, float]  # open, close

SESSIONS = calendar.sessions(dt.date(2024, 1, 2), dt.date(2024, 8, 30))[:120]
HOLIDAY = (dt.date(2024, 3, 29) - calendar.EPOCH).days  # Good Friday: a weekday without a session


def frame(symbols: dict[str, dict[int, Bar]]) -> pl.DataFrame:
    rows = [
        (symbol, day, open_, max(open_, close), min(open_, close), close, 1000.0)
        for symbol, bars in symbols.items()
        for day, (open_, close) in sorted(bars.items())
    ]
    names = ("symbol", "session", "open", "high", "low", "close", "volume")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("session").cast(pl.Int32).cast(pl.Date))


def labels_of(
    symbols: dict[str, dict[int, Bar]], horizon: int, as_of: int, lanes: int = 16
) -> dict[str, dict[int, float]]:
    """The labels of all bars, by symbol and day."""
    panel = build_panel(frame(symbols), lanes=lanes)
    found: dict[str, dict[int, float]] = {}
    for block in panel.blocks:
        returns = forward_returns(block, horizon, SESSIONS, as_of)
        assert returns.shape == block.close.shape
        for lane, first in enumerate(block.first):
            assert np.isnan(returns[:first, lane]).all()
            found[panel.symbols[block.offset + lane]] = dict(
                zip(block.session[first:, lane].tolist(), returns[first:, lane].tolist(), strict=True)
            )
    return found


def plain_label(bars: dict[int, Bar], day: int, horizon: int, as_of: int) -> float:
    """The definition, one bar at a time."""
    days = SESSIONS.tolist()
    if day not in days or days.index(day) + 1 + horizon >= len(days):
        return np.nan
    at = days.index(day)
    entry, exit_ = days[at + 1], days[at + 1 + horizon]
    later = [d for d in bars if d > day]
    if exit_ > as_of or not later or min(later) != entry:
        return np.nan
    sold = bars[exit_][0] if exit_ in bars else bars[max(d for d in bars if d < exit_)][1]
    return sold / bars[entry][0] - 1.0


def ragged_market(seed: int) -> dict[str, dict[int, Bar]]:
    """Late listings, delistings, single missing days, long halts, a bar on a holiday, a symbol with one bar."""
    random = np.random.default_rng(seed)
    market: dict[str, dict[int, Bar]] = {}
    for number in range(60):
        begin = int(random.integers(0, 60)) if number % 3 else 0
        end = int(random.integers(begin + 1, 121)) if number % 4 == 0 else 120
        days = SESSIONS[begin:end]
        days = days[random.random(len(days)) > (0.1 if number % 2 else 0.0)]
        if number % 5 == 0 and len(days) > 40:
            days = np.delete(days, slice(20, 20 + int(random.integers(2, 15))))
        chosen = [*days.tolist(), *([HOLIDAY] if number % 7 == 0 else [])]
        prices = np.exp(random.normal(3.0, 0.1, (len(chosen), 2)))
        market[f"S{number:02d}"] = {day: (float(o), float(c)) for day, (o, c) in zip(chosen, prices, strict=True)}
    market["ONE"] = {int(SESSIONS[70]): (10.0, 11.0)}
    return market


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("horizon", [1, 5, 10])
@pytest.mark.parametrize("newest", [119, 77])
def test_labels_are_what_the_plain_loop_says(horizon: int, newest: int) -> None:
    as_of = int(SESSIONS[newest])
    market = {s: {d: b for d, b in bars.items() if d <= as_of} for s, bars in ragged_market(3).items()}
    market = {symbol: bars for symbol, bars in market.items() if bars}
    found = labels_of(market, horizon, as_of)
    valued = 0
    for symbol, bars in market.items():
        assert found[symbol].keys() == bars.keys()
        for day in bars:
            expected = plain_label(bars, day, horizon, as_of)
            valued += not np.isnan(expected)
            np.testing.assert_allclose(found[symbol][day], expected, rtol=0, atol=1e-15, err_msg=f"{symbol} {day}")
    assert valued > 2000


def test_later_bars_never_change_a_label() -> None:
    market, as_of = ragged_market(4), int(SESSIONS[80])
    past = {s: {d: b for d, b in bars.items() if d <= as_of} for s, bars in market.items()}
    past = {symbol: bars for symbol, bars in past.items() if bars}
    whole, cut = labels_of(market, 10, int(SESSIONS[-1])), labels_of(past, 10, as_of)
    known = [(s, d) for s, labels in cut.items() for d, label in labels.items() if not np.isnan(label)]
    assert len(known) > 1000
    assert all(whole[s][d] == cut[s][d] for s, d in known)
    # What is missing at the cut is only what needs sessions after it, or had no entry.
    later = {(s, d) for s, labels in whole.items() for d, label in labels.items() if not np.isnan(label)} - {*known}
    assert min(d for _, d in later) == int(SESSIONS[70])


def test_the_worst_is_not_left_out() -> None:
    days = SESSIONS.tolist()
    living: dict[int, Bar] = dict.fromkeys(days, (10.0, 10.0))
    market = {
        "LIVES": living,
        # It fell to 2 on session 21 and never traded again.
        "DIES": {**dict.fromkeys(days[:21], (10.0, 10.0)), days[21]: (9.0, 2.0)},
        # No bar on session 21: nobody could buy there; and it comes back at half the price.
        "HALTS": {d: (10.0, 10.0) if d <= days[20] else (5.0, 4.0) for d in days if not days[20] < d < days[26]},
    }
    found = labels_of(market, 5, days[-1])
    assert found["LIVES"][days[20]] == 0.0
    assert found["DIES"][days[18]] == pytest.approx(-0.8)  # bought at 10, the last price was 2
    assert found["DIES"][days[20]] == pytest.approx(2.0 / 9.0 - 1.0)  # bought on its last day
    assert np.isnan(found["DIES"][days[21]])  # nobody could buy it any more
    assert found["HALTS"][days[17]] == 0.0  # bought before the halt, still halted at the exit: its last price
    assert np.isnan(found["HALTS"][days[20]])
    assert found["HALTS"][days[26]] == 0.0
    # Sold at the first open after the halt, at half the price.
    assert labels_of(market, 6, days[-1])["HALTS"][days[19]] == pytest.approx(-0.5)
    assert np.isnan(found["LIVES"][days[-6]])
    assert found["LIVES"][days[-7]] == 0.0


def test_returns_of_portfolios_that_follow_each_other_multiply_to_that_of_holding() -> None:
    """No night is left out between two of them, and no hour is counted twice."""
    days, random = SESSIONS.tolist(), np.random.default_rng(8)
    bars = {day: (float(o), float(c)) for day, (o, c) in zip(days, random.uniform(5, 50, (120, 2)), strict=True)}
    for horizon in (1, 5, 7):
        found = labels_of({"A": bars}, horizon, days[-1])["A"]
        growth = np.prod([1.0 + found[days[at]] for at in range(0, 70, horizon)])
        sold = range(0, 70, horizon)[-1] + 1 + horizon
        assert growth == pytest.approx(bars[days[sold]][0] / bars[days[1]][0])


def ranks_by_hand(values: list[float]) -> list[float]:
    """Winsorised at 1 % on each side; mean ranks as counts of what is below and equal."""
    known = sorted(v for v in values if not np.isnan(v))
    cut = int(0.01 * len(known))
    low, high = known[cut], known[len(known) - 1 - cut]
    clipped = [min(max(v, low), high) for v in values]
    pool = [v for v in clipped if not np.isnan(v)]
    return [
        np.nan if np.isnan(v) else (sum(p < v for p in pool) + sum(p == v for p in pool) / 2.0) / len(pool) - 0.5
        for v in clipped
    ]


def test_ranks_are_taken_within_each_session() -> None:
    random = np.random.default_rng(5)
    sizes = (250, 19, 20, 1, 400)
    forward = np.concatenate([random.standard_t(2, size) * 10.0**at for at, size in enumerate(sizes)]).astype(
        np.float32
    )
    forward[::11] = np.nan
    forward[5:9] = forward[5]
    session = np.repeat(np.arange(5, dtype=np.int32) * 7 + 19000, sizes)
    labels = rank_labels(forward, session)
    assert labels.dtype == np.float32
    edges = np.cumsum((0, *sizes))
    for at, (begin, end) in enumerate(itertools.pairwise(edges)):
        day = labels[begin:end]
        if at in (0, 4):
            np.testing.assert_allclose(day, ranks_by_hand(forward[begin:end].tolist()), atol=1e-7)
            assert abs(np.nanmean(day)) < 1e-7
            assert np.nanmin(day) > -0.5
            assert np.nanmax(day) <= 0.5
        else:  # with the missing ones, none of these has 20 labels
            assert np.isnan(day).all()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(-0.9, 9.0), min_size=SMALLEST_DATE, max_size=150),
    st.floats(0.1, 10.0),
    st.floats(-1.0, 1.0),
)
def test_ranks_ignore_scale_level_and_order(returns: list[float], scale: float, shift: float) -> None:
    values = np.array(returns)
    session = np.zeros(len(values), np.int32)
    labels = rank_labels(values, session)
    order = np.random.default_rng(1).permutation(len(values))
    np.testing.assert_array_equal(rank_labels(values[order], session), labels[order])
    # Equal returns stay equal and others in order, unless the sum rounds two of them to one.
    moved = values * scale + shift
    if len(np.unique(moved)) == len(np.unique(values)):
        np.testing.assert_array_equal(rank_labels(moved, session), labels)


def test_the_highest_return_ranks_the_same_however_absurd_it_is() -> None:
    random = np.random.default_rng(6)
    values = random.normal(0.0, 0.05, 300)
    session = np.zeros(300, np.int32)
    before = rank_labels(values, session)
    values[np.argmax(values)] = 1e6
    np.testing.assert_array_equal(rank_labels(values, session), before)
