"""Each finding of the doctor, planted in a small store and found exactly; a clean store has none.

Missing bars are planted in `test_sessions`, two vendors' bars in `test_vendors`.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import OptionError, StoreError
from tapescan.doctor.examine import Diagnosis, examine
from tapescan.market.quality import BAR_COLUMNS
from tapescan.market.spelling import normal_spelling
from tapescan.simulation.market import simulate
from tapescan.store import Store
from tests.doctor.planted import DAYS, PRICES, Put, actions, changed, clean_bars, no, put_into, split_raw

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
    thin = normal_spelling(market.truth.symbols.filter("thin")["symbol"])
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


# --- splits -----------------------------------------------------------------------------------------------


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


# --- suspect bars, and bars of another symbol -------------------------------------------------------------


def test_suspect_bars_by_reason(put: Put) -> None:
    bars = clean_bars().with_columns(changed("S01", 40, volume=5_000.0)).with_columns(changed("S02", 50, low=0.05))
    found = examine(put("one", bars=bars))
    assert found.suspects.select("symbol", "session", "reason").rows() == [
        ("S02", DAYS[50], "low"),
        ("S01", DAYS[40], "volume"),
    ]
    assert found.defects == {"suspect bars": 2}
    lines = found.lines()
    at = lines.index("suspect bars: 2")
    assert (lines[at + 1], lines[at + 3]) == ("  low: 1", "  volume: 1")
    assert lines[at + 2].startswith(f"    S02 {DAYS[50]}: its low lies many usual ranges below")
    assert "--accept" in lines[at + 5]
    assert json.loads(json.dumps(found.to_dict()))["suspects"]["worst"][0]["session"] == str(DAYS[50])


def test_a_wrong_bar_on_the_day_of_a_split_is_no_split_on_another_day(put: Put) -> None:
    """In prices that a vendor had adjusted, but for this one bar."""
    day, factors = DAYS[50], dict.fromkeys(PRICES, 1.0 / 15.0)
    bars = clean_bars().with_columns(changed("S01", 50, **factors)).with_columns(adjusted_to=pl.lit(DAYS[-1]))
    found = examine(put("one", bars=bars, splits=actions("ratio", ("S01", day, 1.0 / 15.0))))
    assert found.suspects.select("symbol", "session", "reason").rows() == [("S01", day, "split day")]
    assert found.defects == {"suspect bars": 1}


@pytest.mark.parametrize(("sessions", "copies"), [(14, 0), (15, 1)])
def test_two_symbols_with_the_same_bars(put: Put, sessions: int, copies: int) -> None:
    mine = clean_bars().filter(symbol="S01").tail(sessions).with_columns(symbol=pl.lit("COPY"))
    found = examine(put("one", bars=pl.concat([clean_bars(), mine])))
    assert len(found.copies) == copies
    if copies:
        assert found.copies.rows() == [("COPY", "S01", DAYS[-sessions], DAYS[-1], sessions)]
        assert f"  COPY and S01: the same bars on 15 sessions, {DAYS[-sessions]} to {DAYS[-1]}" in found.lines()


def test_bars_without_a_trade_are_nobodys_copy(put: Put) -> None:
    still = clean_bars().filter(symbol="S01").with_columns(volume=pl.lit(0.0))
    both = pl.concat([still.with_columns(symbol=pl.lit(name)) for name in ("X1", "X2")])
    assert examine(put("one", bars=pl.concat([clean_bars(), both]))).copies.is_empty()


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


def test_values_that_cannot_be_right_are_named(put: Put) -> None:
    quarters = [
        (dt.date(2023, month - 2, 1), dt.date(2023, month, last)) for month, last in ((6, 30), (9, 30), (12, 31))
    ]
    rows: list[dict[str, object]] = []
    for company, count in (("0000000001", 1_000.0), ("0000000002", 50e6)):
        for begin, end in quarters:
            known = {"company": company, "end": end, "known_at": DAYS[20], "form": "10-Q", "source": "sec"}
            rows += [
                known | {"item": "net_income", "start": begin, "value": 2e7},
                known | {"item": "eps", "start": begin, "value": 0.4},
                known | {"item": "diluted_shares", "start": begin, "value": 50e6},
                known | {"item": "assets", "start": None, "value": 1e9},
            ]
        rows.append(rows[-1] | {"item": "shares", "value": count, "end": quarters[-1][1]})
    rows[-2] |= {"value": 1e6}  # the newest assets of the second
    facts = pl.DataFrame(rows, schema_overrides={"start": pl.Date, "value": pl.Float64})
    companies = pl.DataFrame({"symbol": ["S02", "S01"], "company": ["0000000002", "0000000001"]})
    store = put("one", bars=clean_bars(), companies=companies, facts=facts)
    found = examine(store)
    of = found.statements.doubtful
    assert of.select("symbol", "company", "item", "value", "against", "other").rows() == [
        ("S01", "0000000001", "shares", 1_000.0, "the average of diluted shares", pytest.approx(50e6)),
        ("S02", "0000000002", "assets", 1e6, "the period before", 1e9),
    ]
    assert set(of["end"]) == {quarters[-1][1]}
    assert found.defects == {}  # the store has what was reported, and no scan uses it
    at = found.lines().index("doubtful values in statements, not used: 2")
    told = found.lines(1)
    assert told[at + 1 : at + 3] == [
        "  S01 (company 0000000001): shares of 2023-12-31 is 1,000, against the average of diluted shares, 5e+07",
        "  and 1 more",
    ]
    assert found.to_dict(1)["statements"]["doubtful"]["count"] == 2
    assert found.to_dict(1)["statements"]["doubtful"]["worst"][0]["symbol"] == "S01"
    # Nothing of it was known before.
    assert examine(store, DAYS[19]).statements.doubtful.is_empty()


def test_a_recorded_split_is_no_doubt(put: Put) -> None:
    counts = [(dt.date(2023, 9, 30), 50e6, dt.date(2023, 11, 6)), (dt.date(2023, 12, 31), 650e6, dt.date(2024, 2, 5))]
    facts = pl.DataFrame(
        [
            {"company": "0000000001", "item": "shares", "end": end, "value": value, "filed": filed, "known_at": filed}
            for end, value, filed in counts
        ]
    )
    companies = pl.DataFrame({"symbol": ["S01"], "company": ["0000000001"]})
    store = put("one", bars=clean_bars(), companies=companies, facts=facts)
    assert len(examine(store).statements.doubtful) == 2
    put("one", splits=actions("ratio", ("S01", dt.date(2024, 1, 16), 13.0)))
    assert examine(store).statements.doubtful.is_empty()


def test_statements_without_a_doubt(put: Put) -> None:
    fact = {"company": "S01", "item": "revenue", "start": dt.date(2023, 10, 1), "end": dt.date(2023, 12, 31)}
    facts = pl.DataFrame([{**fact, "value": 1.0, "known_at": DAYS[20]}])
    assert (
        "doubtful values in statements, not used: none" in examine(put("one", bars=clean_bars(), facts=facts)).lines()
    )


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
    then = faulty(put_into(Store(tmp_path / "ended")), DAYS[61])
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
