"""Sessions and bars that are missing, and symbols that have ended."""

from __future__ import annotations

import itertools

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.doctor.examine import examine
from tapescan.doctor.findings import find_gaps, find_short_sessions
from tests.doctor.planted import DAYS, NAMES, Put, clean_bars, no


def test_a_missing_and_a_short_session_are_no_gaps_of_their_symbols(put: Put) -> None:
    few = pl.col("symbol").is_in(NAMES[:9])
    bars = clean_bars().filter(pl.col("session") != DAYS[30], few | (pl.col("session") != DAYS[40]))
    found = examine(put("one", bars=bars))
    assert found.missing["session"].to_list() == [DAYS[30]]
    assert found.short.rows() == [(DAYS[40], 9, 20)]
    assert found.gaps.is_empty()
    assert found.defects == {"missing sessions": 1, "short sessions": 1}


def test_a_market_that_grows_has_no_short_session() -> None:
    counts = {day: 2000 if at < 30 else 8550 for at, day in enumerate(DAYS)}
    assert find_short_sessions(counts).is_empty()
    assert find_short_sessions({**counts, DAYS[28]: 1000})["session"].to_list() == [DAYS[28]]
    assert find_short_sessions({**counts, DAYS[-1]: 3000}).rows() == [(DAYS[-1], 3000, 8550)]
    assert find_short_sessions({**counts, DAYS[50]: 100, DAYS[51]: 100})["session"].to_list() == DAYS[50:52]


def test_gaps_and_symbols_that_trade_seldom(put: Put) -> None:
    bars = clean_bars().filter(
        no("S03", *DAYS[10:15]),
        no("S04", DAYS[20]),
        no("S04", *DAYS[25:27]),
        no("S05", *DAYS[5:30:2]),
        no("S06", *DAYS[:10], *DAYS[-3:]),  # listed later, ends earlier
    )
    found = examine(put("one", bars=bars))
    assert found.gaps.rows() == [
        ("S03", DAYS[10], DAYS[14], 5),
        ("S04", DAYS[25], DAYS[26], 2),
        ("S04", DAYS[20], DAYS[20], 1),
    ]
    assert found.seldom.rows() == [("S05", len(DAYS) - 13, len(DAYS))]
    assert found.defects == {"gaps": 3}


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.booleans(), min_size=25, max_size=25), min_size=1, max_size=5), st.sets(st.integers(0, 24))
)
def test_gaps_are_what_a_plain_search_finds(present: list[list[bool]], left_out: set[int]) -> None:
    rows = [(f"S{number}", DAYS[at]) for number, row in enumerate(present) for at, has in enumerate(row) if has]
    axis = [at for at in range(25) if at not in left_out]
    expected_gaps, expected_seldom = [], []
    for number, row in enumerate(present):
        has = [at for at in axis if row[at]]
        if not has:
            continue
        life = [at for at in axis if has[0] <= at <= has[-1]]
        if len(has) < 0.9 * len(life):
            expected_seldom.append((f"S{number}", len(has), len(life)))
            continue
        for there, group in itertools.groupby(life, lambda at: row[at]):  # noqa: B023 (used at once)
            run = list(group)
            if not there:
                expected_gaps.append((f"S{number}", DAYS[run[0]], DAYS[run[-1]], len(run)))
    bars = pl.DataFrame(rows, schema={"symbol": pl.String, "session": pl.Date}, orient="row")
    sessions = pl.Series("session", [DAYS[at] for at in axis], dtype=pl.Date)
    gaps, seldom = find_gaps(bars, sessions)
    assert sorted(gaps.rows()) == sorted(expected_gaps)
    assert sorted(seldom.rows()) == sorted(expected_seldom)


def test_stale_symbols_by_what_the_listing_says(put: Put) -> None:
    bars = clean_bars().filter(
        no("S01", *DAYS[-2:]), no("S02", *DAYS[-5:]), no("S03", *DAYS[-4:]), no("S04", *DAYS[-1:])
    )
    listing = pl.DataFrame({"symbol": ["S01", "S02", "S04"], "delisted": [None, DAYS[-4], DAYS[-1]]})
    found = examine(put("one", bars=bars, symbols=listing))
    assert found.stale.rows() == [
        ("S02", DAYS[-6], 5, "delisted"),
        ("S03", DAYS[-5], 4, "unknown"),
        ("S01", DAYS[-3], 2, "listed"),
        ("S04", DAYS[-2], 1, "delisted"),
    ]
    assert found.defects == {}
    assert "stale symbols: 2 (1 listed, 1 not in the listing)" in found.lines()
    assert "delisted symbols: 2" in found.lines()
    assert "  S01: 2024-04-26, 2 sessions behind" in found.lines()
