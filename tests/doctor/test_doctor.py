"""Each finding of the doctor, planted in a small store and found exactly; a clean store has none."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapescan.core.errors import OptionError, StoreError
from tapescan.doctor.examine import Diagnosis, examine
from tapescan.doctor.findings import find_gaps, find_short_sessions
from tapescan.market import calendar
from tapescan.market.quality import BAR_COLUMNS
from tapescan.simulation.market import simulate
from tapescan.store import Step, Store

DAYS = pl.Series("session", calendar.sessions(dt.date(2024, 1, 2), dt.date(2024, 4, 30))).cast(pl.Date).to_list()
NAMES = [f"S{number:02d}" for number in range(20)]
PRICES = ("open", "high", "low", "close")
numbers = itertools.count()


def clean_bars() -> pl.DataFrame:
    """Twenty shares that move by about 1 % a day, all of them on every session."""
    random = np.random.default_rng(5)
    close = 50.0 * np.exp(random.normal(0.0, 0.01, (len(NAMES), len(DAYS))).cumsum(axis=1)).ravel()
    open_ = close * np.exp(random.normal(0.0, 0.004, close.size))
    return pl.DataFrame(
        {
            "symbol": np.repeat(NAMES, len(DAYS)),
            "session": DAYS * len(NAMES),
            "open": open_,
            "high": np.maximum(open_, close) * 1.006,
            "low": np.minimum(open_, close) / 1.006,
            "close": close,
            "volume": np.exp(random.normal(14.0, 0.2, close.size)).round(),
        }
    )


Put = Callable[..., Store]


@pytest.fixture(name="put")
def _put(tmp_path: Path) -> Put:
    """Adds a vendor's rows to the store of this test: `put("one", bars=...)`; `beside` for those to compare."""
    store = Store(tmp_path / "store")

    def put(source: str, *, beside: bool = False, **rows: pl.DataFrame) -> Store:
        store.add(rows, source, step=Step("test", next(numbers)), beside=beside)
        return store

    return put


def no(symbol: str, *days: dt.date) -> pl.Expr:
    return ~((pl.col("symbol") == symbol) & pl.col("session").is_in(days))


def actions(value: str, *rows: tuple[str, dt.date, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["symbol", "ex_date", value], orient="row")


# --- nothing, and nothing to examine ----------------------------------------------------------------------


def test_a_clean_store_has_no_defect(put: Put) -> None:
    found = examine(put("one", bars=clean_bars()))
    assert found.defects == {}
    assert (found.symbols, found.bars, found.first, found.newest) == (20, 20 * len(DAYS), DAYS[0], DAYS[-1])
    assert found.lines()[-1] == "no defects"
    assert found.lines()[0].endswith(f"{20 * len(DAYS):,} bars of 20 symbols, {DAYS[0]} to {DAYS[-1]}")


def test_a_clean_simulated_market_has_no_defect_but_its_halts(put: Put) -> None:
    market = simulate(600, 300, seed=3, dirty=False)
    store = put("one", bars=market.bars, splits=market.splits, dividends=market.dividends, symbols=market.listing)
    found = examine(store)
    assert set(found.defects) == {"gaps"}
    halted = found.gaps["symbol"].unique()
    assert 5 <= len(halted) <= 60
    thin = market.truth.symbols.filter("thin")["symbol"]
    assert (
        halted.filter(~halted.is_in(thin.implode())).len()
        == found.gaps.filter(~pl.col("symbol").is_in(thin.implode())).height
    )  # one halt each


def test_a_store_without_bars_and_a_day_before_the_first(put: Put) -> None:
    store = put("one", symbols=pl.DataFrame({"symbol": ["S00"]}))
    with pytest.raises(StoreError, match="holds no bars"):
        examine(store)
    put("one", bars=clean_bars())
    with pytest.raises(OptionError, match=f"2023-12-29 lies before the first bar, which is of {DAYS[0]}"):
        examine(store, dt.date(2023, 12, 29))


# --- sessions and gaps ------------------------------------------------------------------------------------


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


@settings(deadline=None, max_examples=60)
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


# --- splits -----------------------------------------------------------------------------------------------


def split_raw(symbol: str, ratio: float, day: dt.date) -> list[pl.Expr]:
    factor = pl.when((pl.col("symbol") == symbol) & (pl.col("session") >= day)).then(ratio).otherwise(1.0)
    return [*(pl.col(name) / factor for name in PRICES), pl.col("volume") * factor]


def test_splits_that_the_table_lacks_or_prices_do_not_show(put: Put) -> None:
    day = DAYS[50]
    bars = clean_bars().with_columns(split_raw("S01", 4.0, day)).with_columns(split_raw("S02", 0.1, day))
    # S01 is not recorded, S02 is right, S03 is recorded and was none.
    store = put("one", bars=bars, splits=actions("ratio", ("S02", day, 0.1), ("S03", day, 3.0)))
    found = examine(store)
    assert found.jumps.select("symbol", "session", "verdict", pl.col("ratio").round(6)).rows() == [
        ("S01", day, "not_recorded", 4.0),
        ("S03", day, "applied_twice", 3.0),
    ]
    assert found.defects == {"split-like jumps": 2}
    assert any(line.startswith(f"    S01 {day}: ") and line.endswith("as 4 for 1") for line in found.lines())


def test_a_split_recorded_twice(put: Put) -> None:
    rows = (("S01", dt.date(2023, 5, 5), 0.1), ("S01", dt.date(2023, 5, 8), 0.1))
    found = examine(put("one", bars=clean_bars(), splits=actions("ratio", *rows)))
    assert found.defects == {"splits recorded twice": 1}
    assert "  S01: 1 for 10 on 2023-05-05 and on 2023-05-08" in found.lines()


def test_a_large_dividend_is_no_split(put: Put) -> None:
    day = DAYS[50]
    fell = split_raw("S01", 1.5, day)[:4]  # prices alone
    before = clean_bars().filter(symbol="S01", session=DAYS[49])["close"][0]
    store = put("one", bars=clean_bars().with_columns(fell))
    assert examine(store).defects == {"split-like jumps": 1}
    put("one", dividends=actions("amount", ("S01", day, before / 3.0)))
    assert examine(store).defects == {}


def test_a_small_dividend_explains_nothing(put: Put) -> None:
    day = DAYS[50]
    bars = clean_bars().with_columns(split_raw("S01", 2.0, day))
    found = examine(put("one", bars=bars, dividends=actions("amount", ("S01", day, 0.2))))
    assert found.defects == {"split-like jumps": 1}


# --- two vendors ------------------------------------------------------------------------------------------


def test_vendors_that_agree_in_another_share_basis(put: Put) -> None:
    """One gives raw prices, the other split-adjusted ones, rounded to cents."""
    day = DAYS[50]
    raw = clean_bars().with_columns(split_raw("S01", 4.0, day))
    whole = clean_bars().with_columns(split_raw("S01", 4.0, DAYS[0]))
    others = whole.with_columns(pl.col(PRICES).round(2), adjusted_to=pl.lit(DAYS[-1]))
    put("one", bars=raw, splits=actions("ratio", ("S01", day, 4.0)))
    found = examine(put("two", bars=others, beside=True))
    (pair,) = found.compared.to_dicts()
    assert pair == {
        "source": "one",
        "other": "two",
        "sessions": len(DAYS),
        "compared": len(raw),
        "agreeing": len(raw),
        "differing": 0,
        "prices": 0,
        "volumes": 0,
        "whole": len(DAYS),
        "only_source": 0,
        "only_other": 0,
    }
    assert found.defects == {}


def changed(symbol: str, at: int, **factors: float) -> list[pl.Expr]:
    here = (pl.col("symbol") == symbol) & (pl.col("session") == DAYS[at])
    return [pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name) for name, factor in factors.items()]


def test_vendors_that_disagree(put: Put) -> None:
    others = clean_bars().with_columns(changed("S01", 7, close=1.004, open=0.996, volume=1.1))  # within bounds
    for planted in (
        changed("S02", 9, close=1.04, high=1.05),
        changed("S03", 9, open=1 / 1.007, low=0.96),
        changed("S04", 9, volume=2.0),
        changed("S05", 9, close=1.004, volume=0.85),
    ):
        others = others.with_columns(planted)
    put("one", bars=clean_bars())
    found = examine(put("two", bars=others, beside=True))
    pair = found.compared.row(0, named=True)
    assert (pair["compared"], pair["agreeing"], pair["differing"]) == (len(others), len(others) - 4, 4)
    assert (pair["prices"], pair["volumes"]) == (2, 2)
    bad = found.disagreements
    assert bad.select("symbol", "session", "source", "other", "field").rows() == [
        ("S02", DAYS[9], "one", "two", "high"),
        ("S03", DAYS[9], "one", "two", "low"),
        ("S04", DAYS[9], "one", "two", "volume"),
        ("S05", DAYS[9], "one", "two", "volume"),
    ]
    assert bad["apart"].to_list() == pytest.approx([0.05 / 1.05, 0.04, 0.5, 0.15])
    assert bad["other_value"][0] == pytest.approx(1.05 * bad["value"][0])
    assert found.defects == {"disagreements": 4}
    assert any(f" {len(others) - 4:,} agree, 2 differ in price, 2 in volume" in line for line in found.lines())


def test_a_cent_is_no_disagreement(put: Put) -> None:
    cheap = clean_bars().with_columns(pl.col(PRICES) / 50.0).with_columns(pl.col(PRICES).round(2))
    put("one", bars=cheap)
    found = examine(put("two", bars=cheap.with_columns(pl.col(PRICES) + 0.01), beside=True))
    assert found.compared["agreeing"].to_list() == [len(cheap)]
    again = examine(put("three", bars=cheap.with_columns(pl.col(PRICES) + 0.02), beside=True))
    assert again.compared.select("other", "differing").rows() == [("three", len(cheap)), ("two", 0)]


def test_symbols_that_one_vendor_alone_has(put: Put) -> None:
    put("one", bars=clean_bars().filter(pl.col("symbol") != "S19"))
    others = clean_bars().filter(pl.col("session").is_in(DAYS[-5:]), ~pl.col("symbol").is_in(["S00", "S01"]))
    # A vendor that was asked for two symbols says nothing of the others.
    few = clean_bars().filter(pl.col("symbol").is_in(["S05", "S06"]))
    put("few", bars=few, beside=True)
    found = examine(put("two", bars=others, beside=True))
    picked = found.compared.select("other", "sessions", "compared", "whole", "only_source", "only_other")
    assert picked.rows() == [("few", len(DAYS), 2 * len(DAYS), 0, 0, 0), ("two", 5, 5 * 17, 5, 2, 1)]
    assert found.defects == {}


def test_bars_that_came_second_are_compared(put: Put) -> None:
    """Bars of another source that differ from the stored ones are put beside them without being asked to."""
    put("one", bars=clean_bars())
    found = examine(put("two", bars=clean_bars().with_columns(changed("S02", 9, close=1.02, high=1.02))))
    assert found.compared.select("compared", "differing", "whole").rows() == [(1, 1, 0)]
    assert found.disagreements["symbol"].to_list() == ["S02"]


# --- what is told for information -------------------------------------------------------------------------


def test_the_quarantine_by_reason(put: Put) -> None:
    bad = clean_bars().filter(pl.col("session") == DAYS[3]).head(5).with_columns(session=pl.lit(dt.date(2024, 1, 6)))
    worse = clean_bars().filter(pl.col("session") == DAYS[3], pl.col("symbol") == "S09").with_columns(volume=-1.0)
    bars = pl.concat([clean_bars().filter(no("S09", DAYS[3])), bad, worse])
    splits = actions("ratio", ("S01", DAYS[5], -2.0), ("S02", DAYS[5], -3.0))
    found = examine(put("one", bars=bars, splits=splits))
    assert found.quarantine.rows() == [
        ("bars", "not an exchange session", 5),
        ("splits", "price not positive", 2),
        ("bars", "negative volume", 1),
    ]
    assert found.defects == {"gaps": 1}
    assert examine(Store(found.store), DAYS[2]).quarantine.is_empty()


def test_companies_without_statements(put: Put) -> None:
    listing = pl.DataFrame(
        {
            "symbol": ["S01", "S02", "S03", "S04", "S05.WS", "S06"],
            "name": [*["Some Corp. Common Stock"] * 4, "Some Corp. Warrant", "Some Corp. Common Stock"],
            "delisted": [None, None, None, None, None, DAYS[5]],
        }
    )
    companies = pl.DataFrame({"symbol": ["S01", "S02", "S03"], "company": ["0000000001", "0000000002", "0000000003"]})
    fact = {"item": "revenue", "start": dt.date(2023, 10, 1), "end": dt.date(2023, 12, 31), "value": 1.0}
    facts = pl.DataFrame(
        [
            {"company": "0000000001", **fact, "known_at": DAYS[20]},
            {"company": "0000000002", **fact, "end": dt.date(2021, 12, 31), "known_at": dt.date(2022, 2, 2)},
            {"company": "0000000003", **fact, "known_at": DAYS[40]},
        ]
    )
    store = put("one", bars=clean_bars(), symbols=listing, companies=companies, facts=facts)
    of = examine(store).statements
    assert (of.listed, of.unmatched) == (4, 1)
    assert of.without.rows() == [("S02", "0000000002")]
    assert (of.newest, of.age) == (DAYS[40], (DAYS[-1] - DAYS[40]).days)
    assert examine(store).defects == {}
    before = examine(store, DAYS[30]).statements
    assert (before.newest, before.without["symbol"].to_list()) == (DAYS[20], ["S02", "S03"])


# --- as of a day, and how it is told ----------------------------------------------------------------------


def faulty(put: Put, until: dt.date) -> Diagnosis:
    """A store with some of each fault, and what is known of it on a day."""
    day = pl.col("session") <= until
    bars = clean_bars().filter(no("S03", *DAYS[10:15]), no("S04", *DAYS[60:]), pl.col("session") != DAYS[45])
    bars = bars.with_columns(split_raw("S01", 4.0, DAYS[50]))
    splits = actions("ratio", ("S02", DAYS[30], 2.0), ("S05", DAYS[70], 2.0))
    others = clean_bars().with_columns(*changed("S02", 9, close=1.02, high=1.02), *changed("S02", 75, volume=2.0))
    put("one", bars=bars.filter(day), splits=splits.filter(pl.col("ex_date") <= until))
    return examine(put("two", bars=others.select(BAR_COLUMNS).filter(day), beside=True))


def test_as_of_a_day_is_what_a_store_that_ends_there_says(put: Put, tmp_path: Path) -> None:
    whole = faulty(put, DAYS[-1])
    ended = Store(tmp_path / "ended")

    def put_there(source: str, *, beside: bool = False, **rows: pl.DataFrame) -> Store:
        ended.add(rows, source, step=Step("test", next(numbers)), beside=beside)
        return ended

    then = faulty(put_there, DAYS[61])
    now = examine(Store(whole.store), DAYS[61])
    assert now.to_dict(1000) | {"store": ""} == then.to_dict(1000) | {"store": ""}
    assert now.defects == {
        "missing sessions": 1,
        "gaps": 1,
        "split-like jumps": 2,
        "disagreements": now.disagreements.height,
    }
    assert whole.defects["split-like jumps"] == 3


def test_the_diagnosis_as_json_and_as_a_page(put: Put) -> None:
    found = faulty(put, DAYS[-1])
    told = json.loads(json.dumps(found.to_dict(top=1)))
    assert told["defects"] == found.defects
    assert told["gaps"]["count"] == len(found.gaps)
    assert told["gaps"]["worst"] == [{"symbol": "S03", "start": str(DAYS[10]), "end": str(DAYS[14]), "sessions": 5}]
    assert told["missing"] == {"count": 1, "worst": [{"session": str(DAYS[45])}]}
    assert told["compared"][0]["other"] == "two"
    page = found.lines(top=1)
    assert len(page) < 45
    assert page[-1].startswith("DEFECTS: 1 missing session, 1 gap, 3 split-like jumps, ")
    assert f"  S03: {DAYS[10]} to {DAYS[14]}, 5 sessions" in page
    assert any(line.strip().startswith("and ") and line.endswith(" more") for line in page)
