"""Values that cannot be right: each kind with its right answer, what must be left alone, and the plain reference."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.fundamentals.snapshot import DOUBTFUL, doubtful_facts, snapshot
from tests.fundamentals.doubting import doubts
from tests.fundamentals.filings import day, facts, table
from tests.fundamentals.reference import Fact

LATE = day("2026-03-02")
ENDS = [day(f"{year}-{end}") for year in (2024, 2025) for end in ("03-31", "06-30", "09-30", "12-31")]
SHARES, EARNED, EPS = 50e6, 20_000_000.0, 0.4
SPLITS = {"company": pl.String, "ex_date": pl.Date, "ratio": pl.Float64}


def quarters(item: str, *values: float | None, lag: int = 40) -> list[tuple[object, ...]]:
    """Facts of the newest quarters, None for one that is not told; numbers of shares stand on the cover."""
    rows: list[tuple[object, ...]] = []
    for end, value in zip(ENDS[-len(values) :], values, strict=True):
        filed = end + dt.timedelta(days=lag)
        first = (end.replace(day=1) - dt.timedelta(days=50)).replace(day=1)
        if value is not None and item == "shares":
            rows.append((item, None, filed - dt.timedelta(days=10), value, filed))
        elif value is not None:
            instant = item in ("assets", "liabilities", "equity")
            rows.append((item, None if instant else first, end, value, filed))
    return rows


def doubtful(
    rows: Sequence[tuple[object, ...]], *splits: tuple[dt.date, float]
) -> dict[str, list[tuple[float, str]]]:
    """Item -> the values that are not believed and what speaks against each."""
    found = doubtful_facts(facts(*rows), LATE, actions(splits))
    assert found.schema == pl.Schema(DOUBTFUL)
    out: dict[str, list[tuple[float, str]]] = {}
    for item, value, against in found.select("item", "value", "against").iter_rows():
        out.setdefault(item, []).append((value, against))
    return out


def shares(rows: Sequence[tuple[object, ...]], *splits: tuple[dt.date, float], as_of: dt.date = LATE) -> float | None:
    """The number of shares that a scan uses."""
    found = snapshot(facts(*rows), as_of, actions(splits))
    return None if found.is_empty() else found["shares"].item()


def actions(splits: Sequence[tuple[dt.date, float]]) -> pl.DataFrame:
    return pl.DataFrame([("0000000001", ex_date, ratio) for ex_date, ratio in splits], schema=SPLITS, orient="row")


WHOLE = [
    *quarters("net_income", *[EARNED] * 4),
    *quarters("eps", *[EPS] * 4),
    *quarters("diluted_shares", *[SHARES] * 4),
]


# --- numbers of shares ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1_000.0, 1.0, 100.0, 0.0, -5.0, 4_999_999.0])
@pytest.mark.parametrize("quarter", [1, 4])
def test_a_placeholder_on_the_cover_is_not_believed_and_the_average_stands_for_it(count: float, quarter: int) -> None:
    rows = [*WHOLE, *quarters("shares", *[count] * quarter)]
    assert [value for value, _ in doubtful(rows)["shares"]] == [count] * quarter
    assert shares(rows) == SHARES


def test_between_an_average_and_a_number_alone_nothing_decides() -> None:
    rows = [
        *quarters("net_income", EARNED),
        *quarters("diluted_shares", SHARES),
        *quarters("shares", 1_000.0),
    ]
    assert doubtful(rows) == {
        "shares": [(1_000.0, "the average of diluted shares")],
        "diluted_shares": [(SHARES, "the number of shares")],
    }
    assert shares([*rows, *quarters("assets", 1e9)]) is None


def test_a_number_below_ten_times_another_is_left_alone() -> None:
    for count in (SHARES, 5_000_001.0, 499_999_999.0):
        rows = [*WHOLE, *quarters("shares", count)]
        assert doubtful(rows) == {}
        assert shares(rows) == count


def test_a_number_far_too_large_is_unknown_and_no_older_one_stands_in() -> None:
    # It may be a company that merged: then an average, and the number before, are far too small.
    rows = [*WHOLE, *quarters("shares", SHARES, SHARES, SHARES, 12 * SHARES)]
    assert doubtful(rows) == {"shares": [(12 * SHARES, "the average of diluted shares")]}
    assert shares(rows) is None


def test_an_average_in_thousands_is_not_believed_and_the_number_is() -> None:
    averages = quarters("diluted_shares", SHARES, SHARES, SHARES, SHARES / 1e3)
    rows = [*WHOLE[:8], *averages, *quarters("shares", *[SHARES] * 4)]
    assert doubtful(rows) == {"diluted_shares": [(SHARES / 1e3, "net income over earnings a share")]}
    assert shares(rows) == SHARES


def test_earnings_in_thousands_say_nothing_of_the_shares() -> None:
    rows = [
        *quarters("net_income", EARNED, EARNED, EARNED, EARNED / 1e3),
        *WHOLE[4:],
        *quarters("shares", *[SHARES] * 4),
    ]
    assert doubtful(rows) == {"net_income": [(EARNED / 1e3, "the period before")]}
    assert shares(rows) == SHARES


def test_a_number_is_held_against_the_quarters_around_it() -> None:
    net = quarters("net_income", *[EARNED] * 4)
    assert doubtful([*net, *quarters("shares", SHARES, SHARES, 1_000.0, SHARES)]) == {
        "shares": [(1_000.0, "the quarter before")]
    }
    assert doubtful([*net, *quarters("shares", 1_000.0, SHARES, SHARES)])["shares"][0][0] == 1_000.0
    newest = [*net, *quarters("shares", SHARES, SHARES, SHARES, 1_000.0)]
    assert doubtful(newest) == {"shares": [(1_000.0, "the quarter before")]}
    assert shares(newest) is None
    # What stays is not an error, once another quarter has said so.
    assert doubtful([*net, *quarters("shares", SHARES, SHARES, 13 * SHARES, 13 * SHARES)]) == {}


@pytest.mark.parametrize("issued", [1.05, 1 / 1.05])
def test_shares_issued_with_a_split_up_to_the_last_digit_of_the_room(issued: float) -> None:
    net = quarters("net_income", *[EARNED] * 4)
    assert doubtful([*net, *quarters("shares", SHARES * issued, 100 * SHARES)]) == {}
    assert "shares" in doubtful([*net, *quarters("shares", SHARES * (issued**1.1), 100 * SHARES)])


@pytest.mark.parametrize("ratio", [20.0, 1 / 20, 1 / 100])
def test_a_split_between_two_quarters_is_no_error(ratio: float) -> None:
    net = quarters("net_income", *[EARNED] * 4)
    counts = quarters("shares", SHARES, SHARES, SHARES * ratio, SHARES * ratio)
    recorded = (day("2025-10-15"), ratio)
    assert doubtful([*net, *counts], recorded) == {}
    assert shares([*net, *counts], recorded) == SHARES * ratio
    # Not recorded, and the newest quarter is the first after it; with some shares issued.
    fresh = [*net, *quarters("shares", SHARES, SHARES, SHARES, 1.03 * SHARES * ratio)]
    assert doubtful(fresh) == {}
    assert shares(fresh) == 1.03 * SHARES * ratio


def test_what_was_known_on_a_day_decides_on_that_day() -> None:
    jump = [*quarters("net_income", *[EARNED] * 4), *quarters("shares", SHARES, SHARES, 13 * SHARES, 13 * SHARES)]
    third = ENDS[-2] + dt.timedelta(days=45)
    assert shares(jump, as_of=third) is None
    assert shares(jump, as_of=LATE) == 13 * SHARES


# --- thousands --------------------------------------------------------------------------------------------

IN_THOUSANDS = [319_065_000.0, 305_111_000.0, 298_400_000.0, 311_207_000.0]
IN_DOLLARS = [319_065_421.0, 305_111_713.0, 298_400_977.0, 311_207_119.0]


@pytest.mark.parametrize("item", ["revenue", "net_income", "operating_cash_flow", "equity", "assets"])
@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_a_value_in_another_unit_is_unknown(item: str, place: int, scale: float) -> None:
    values = list(IN_THOUSANDS)
    values[place] *= scale
    rows = quarters(item, *values)
    assert doubtful(rows) == {item: [(values[place], "the period before")]}
    out = snapshot(facts(*rows, *quarters("liabilities", *[1e9] * 4)), LATE).row(0, named=True)
    if item in ("equity", "assets"):
        assert out[item] == (IN_THOUSANDS[3] if place < 3 else None)
    else:
        assert out[item] is None  # a part of the sum of the year
    assert snapshot(facts(*quarters(item, *IN_THOUSANDS)), LATE)[item].item() is not None


def test_a_first_value_in_another_unit_is_seen_by_those_after_it() -> None:
    rows = quarters("revenue", IN_THOUSANDS[0] / 1e3, *IN_THOUSANDS[1:])
    assert doubtful(rows) == {"revenue": [(IN_THOUSANDS[0] / 1e3, "the period after")]}


def test_of_whole_dollars_only_what_moves_little_is_doubtful() -> None:
    small = round(IN_DOLLARS[3] / 1e3)
    assert "assets" in doubtful(quarters("assets", *IN_DOLLARS[:3], small))
    assert "revenue" in doubtful(quarters("revenue", *IN_DOLLARS[:3], small))
    assert doubtful(quarters("net_income", *IN_DOLLARS[:3], small)) == {}


@pytest.mark.parametrize(
    ("item", "values"),
    [
        ("net_income", [79_192_000.0, 99_678_000.0, 61_950_000.0, 50_000.0]),  # near zero, in thousands like the rest
        ("revenue", [75_000.0, 60_000.0, 70_570_000.0, 50_000.0]),  # a licence fee
        ("assets", [60_431.0, 163_745_472.0, 163_900_118.0, 164_000_019.0]),  # a shell that went public
        ("net_income", [-21_320.0, -30_118.0, -25_902.0, -3_253_441.0]),
        ("revenue", [300e6, 2e6, 310e6, 305e6]),  # not about a thousand
        ("revenue", [300e6, 300e3]),  # of two nothing says which
        ("revenue", [0.0, 300e6, 0.0, 310e6]),
    ],
)
def test_what_real_companies_do_is_left_alone(item: str, values: list[float]) -> None:
    assert doubtful(quarters(item, *values)) == {}


def test_net_income_and_earnings_a_share_are_judged_by_each_other() -> None:
    own = [*quarters("diluted_shares", *[SHARES] * 4), *quarters("eps", 6.38, 6.1, 5.97, 6.22)]
    dollars = [*IN_DOLLARS[:3], round(IN_DOLLARS[3] / 1e3)]
    assert doubtful([*own, *quarters("net_income", *dollars)]) == {"net_income": [(dollars[3], "the period before")]}
    # As few dollars earned a share: nothing is wrong.
    small = [*own[:4], *quarters("eps", 6.38, 6.1, 5.97, 0.0062)]
    assert doubtful([*small, *quarters("net_income", *dollars)]) == {}
    cents = [*own[:4], *quarters("eps", 6.38, 6.1, 5.97, 6220.0)]
    assert doubtful([*cents, *quarters("net_income", *IN_DOLLARS)]) == {"eps": [(6220.0, "the period before")]}


def test_nothing_told_nothing_doubted() -> None:
    assert doubtful_facts(facts(), LATE).equals(pl.DataFrame(schema=DOUBTFUL))


# --- properties -------------------------------------------------------------------------------------------

WRONG = [1 / 1000, 1000.0, 1e-6, 0.1, 10.0, 11.0, 1 / 13, 20.0, 1.03 / 20, 1.1 / 20, 0.0, -1.0, 2e-5, 100.0, 400.0]


@st.composite
def doubtful_company(draw: st.DrawFn) -> list[Fact]:
    """Eight quarters and two years of a company, some values wrong by a factor, some not told."""
    random = draw(st.randoms(use_true_random=False))
    share = draw(st.sampled_from([0.05, 0.15, 0.4]))
    digits = draw(st.sampled_from([-3, 0, 0, 2]))
    told: dict[tuple[str, dt.date | None, dt.date], Fact] = {}

    def add(item: str, start: dt.date | None, end: dt.date, value: float, filed: dt.date) -> None:
        if random.random() < 0.15:
            return
        value *= random.choice(WRONG) if random.random() < share else random.uniform(0.8, 1.2)
        value = round(value, digits if abs(value) > 1e4 else 3)
        told.setdefault((item, start, end), Fact(item, start, end, value, filed, filed + dt.timedelta(days=1)))

    for place, end in enumerate(ENDS):
        year = dt.date(end.year, 1, 1)
        starts = {year} | {(end.replace(day=1) - dt.timedelta(days=50)).replace(day=1)}
        filed = end + dt.timedelta(days=random.randint(20, 70))
        for start in sorted(starts):
            length = (end - start).days / 90
            add("net_income", start, end, 2e7 * length, filed)
            add("eps", start, end, random.choice([0.4, 0.4, 0.03]) * length, filed)
            add("revenue", start, end, 3e8 * length, filed)
            add("diluted_shares", start, end, 5e7, filed)
        add("assets", None, end, 1e9, filed)
        add("shares", None, filed - dt.timedelta(days=10) if place % 3 else end, 5e7, filed)
    return list(told.values())


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(company=doubtful_company(), other=doubtful_company(), days=st.integers(0, 400), seed=st.integers(0, 9))
def test_the_plain_reference_doubts_the_same(company: list[Fact], other: list[Fact], days: int, seed: int) -> None:
    as_of = dt.date(2025, 2, 1) + dt.timedelta(days=days)
    frame = pl.concat([table(company, "A", sessions=False), table(other, "B", sessions=False)])
    out = doubtful_facts(frame.sample(fraction=1.0, shuffle=True, seed=seed), as_of)
    found = set(out.select("company", "item", "start", "end", "value").iter_rows())
    expected = {
        (name, d.fact.item, d.fact.start, d.fact.end, d.fact.value)
        for name, known in (("A", company), ("B", other))
        for d in doubts([f for f in known if f.known_at <= as_of])
    }
    assert found == expected
    assert out.equals(doubtful_facts(frame, as_of))
    assert out["against"].null_count() == 0
    # Nothing of later days decides.
    assert out.equals(doubtful_facts(frame.filter(pl.col("known_at") <= as_of), as_of))
    assert (out["known_at"] <= as_of).all()
