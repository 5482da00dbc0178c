"""A ticker that another company took begins anew; one that resumes where it stopped does not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.market.lives import changed_companies
from tapescan.market.renames import spans_of
from tapescan.store import Store
from tests.importing.files import history

END = dt.date(2025, 7, 9)


def lived(*parts: tuple[int, int, float], symbol: str = "META") -> pl.DataFrame:
    """Bars of one symbol in parts: sessions, sessions of pause before them, price level."""
    total = sum(sessions + pause for sessions, pause, _ in parts)
    whole = history(symbol, total, seed=7)
    frames, at = [], 0
    for sessions, pause, level in parts:
        at += pause
        part = whole[at : at + sessions]
        scale = level / part["open"][0]
        frames.append(part.with_columns(pl.col("open", "high", "low", "close") * scale))
        at += sessions
    return pl.concat(frames)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def stored(store: Store, *frames: pl.DataFrame) -> Store:
    tapescan.import_bars(pl.concat([history("SPY", 500, seed=3), *frames]), store=store)
    return store


def test_a_break_and_another_price_begin_anew(store: Store) -> None:
    bars = lived((190, 0, 12.5), (66, 45, 172.83))
    known = stored(store, bars).known()
    assert known.bars(symbols=["META"])["session"].to_list() == bars["session"][190:].to_list()
    found, lives = known.bars_and_lives()
    row = lives.row(0, named=True)
    assert (row["symbol"], row["begin"], row["ended"]) == ("META", bars["session"][190], bars["session"][189])
    assert row["open"] == pytest.approx(172.83)
    assert found.filter(symbol="SPY").height == 500
    market = tapescan.load_market(store)
    assert market.universe.filter(symbol="META")["bars"].to_list() == [66]
    assert any("history begins anew: META on" in note for note in market.notes)
    # A day before the break sees the life of then, and nothing of what came.
    before = tapescan.load_market(store, as_of=bars["session"][150])
    assert before.universe.filter(symbol="META")["bars"].to_list() == [151]


@pytest.mark.parametrize(
    ("pause", "level"),
    [(45, 13.0), (30, 172.83), (45, 12.5 * 1.45)],
    ids=["the same price", "a short break", "half as much again, not quite"],
)
def test_what_goes_on_goes_on(store: Store, pause: int, level: float) -> None:
    bars = lived((190, 0, 12.5), (66, pause, level))
    last = bars["close"][189]
    bars = bars.with_columns(  # the level beside the close before, not beside the first open
        *(
            pl.when(pl.int_range(pl.len()) >= 190).then(pl.col(name) * last / 12.5).otherwise(name).alias(name)
            for name in ("open", "high", "low", "close")
        )
    )
    assert len(stored(store, bars).known().bars(symbols=["META"])) == 256


def test_a_split_in_the_break_is_no_other_price(store: Store) -> None:
    bars = lived((190, 0, 12.0), (66, 45, 120.0))
    scale = bars["close"][189] / 12.0
    bars = bars.with_columns(
        pl.when(pl.int_range(pl.len()) >= 190).then(pl.col(name) * scale).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    splits = pl.DataFrame(
        {"symbol": ["META"], "ex_date": [bars["session"][190] - dt.timedelta(days=5)], "ratio": [0.1]}
    )
    tapescan.import_bars(splits, store=store)
    assert len(stored(store, bars).known().bars(symbols=["META"])) == 256


def test_two_breaks_leave_the_newest_life(store: Store) -> None:
    known = stored(store, lived((100, 0, 10.0), (100, 50, 50.0), (100, 50, 5.0))).known()
    assert len(known.bars(symbols=["META"])) == 100


def listing(day: str, **companies: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": list(companies), "name": list(companies), "sector": "Energy", "cik": list(companies.values())}
    ).with_columns(as_of=pl.lit(dt.date.fromisoformat(day)))


def test_another_company_by_the_listings_identifier(store: Store) -> None:
    bars = lived((300, 0, 50.0), (100, 4, 50.0))  # four sessions' pause and no jump: only the listing knows
    stored(store, bars)
    day = bars["session"][300]
    for when, cik in ((day - dt.timedelta(days=30), "0001111111"), (day + dt.timedelta(days=20), "0002222222")):
        tapescan.import_bars(listing(str(when), META=cik, SPY="0000884394"), store=store)
    assert store.known().bars(symbols=["META"])["session"][0] == day
    assert len(store.known(day + dt.timedelta(days=10)).bars(symbols=["META"])) > 300  # not known yet


def test_the_listing_may_name_the_new_company_before_its_first_trade(store: Store) -> None:
    bars = lived((250, 0, 50.0), (100, 30, 50.0))
    stored(store, bars)
    first = bars["session"][250]
    for when, cik in ((bars["session"][60], "0001111111"), (first - dt.timedelta(days=4), "0002222222")):
        tapescan.import_bars(listing(str(when), META=cik), store=store)
    assert store.known().bars(symbols=["META"])["session"][0] == first


def test_a_holding_company_takes_the_history_along(store: Store) -> None:
    """Another identifier, and a share that trades on the next day at its price: Alphabet for Google."""
    bars = lived((350, 0, 50.0))
    stored(store, bars)
    for at, cik in ((100, "0001288776"), (200, "0001652044")):
        tapescan.import_bars(listing(str(bars["session"][at]), META=cik), store=store)
    assert len(store.known().bars(symbols=["META"])) == 350


def test_of_two_identifiers_that_changed_the_bars_say_which_is_another_company(store: Store) -> None:
    bars = lived((150, 0, 50.0), (200, 10, 50.0))
    stored(store, bars)
    days = [bars["session"][at] for at in (100, 160, 300)]
    for day, cik in zip(days, ("0000000001", "0000000002", "0000000003"), strict=True):
        tapescan.import_bars(listing(str(day), META=cik), store=store)
    assert store.known().bars(symbols=["META"])["session"][0] == bars["session"][150]


def test_a_split_is_no_jump_to_another_company(store: Store) -> None:
    bars = lived((350, 0, 50.0))
    later = pl.int_range(pl.len()) >= 180
    raw = bars.with_columns(
        pl.when(later).then(pl.col(name) / 4.0).otherwise(name).alias(name)
        for name in ("open", "high", "low", "close")
    )
    stored(store, raw)
    split = pl.DataFrame({"symbol": ["META"], "ex_date": [bars["session"][180]], "ratio": [4.0]})
    tapescan.import_bars(split, store=store)
    for at, cik in ((100, "0001288776"), (200, "0001652044")):
        tapescan.import_bars(listing(str(bars["session"][at]), META=cik), store=store)
    assert len(store.known().bars(symbols=["META"])) == 350


@pytest.mark.parametrize(
    ("one", "other", "changed"),
    [
        ("0000320193", "320193", False),
        ("037833100", "0000320193", False),  # a CUSIP of digits is no CIK
        ("037833100", "037833209", False),  # another issue of the same company, as after a reverse split
        ("037833100", "594918104", True),
        ("US0378331005", "US0378332094", False),
        ("US0378331005", "US5949181045", True),
        ("IE00B4BNMY34", "IE000S9YS762", True),
        ("BBG000B9XRY4", "BBG001S5N8V8", False),  # of the company's listing, and of its share class
        ("BBG000B9XRY4", "BBG000BPH459", True),
    ],
)
def test_what_identifiers_say(one: str, other: str, *, changed: bool) -> None:
    days = [dt.date(2024, 1, 1), dt.date(2024, 2, 1)]
    versions = pl.DataFrame({"symbol": ["A", "A"], "identifier": [one, other], "known_from": days})
    assert len(changed_companies(versions)) == changed


def test_identifiers_of_another_kind_are_not_compared() -> None:
    versions = pl.DataFrame(
        {
            "symbol": ["A", "A", "A", "B", "B"],
            "identifier": ["0000320193", "BBG000B9XRY4", "320193", "1", "2"],
            "known_from": [dt.date(2024, 1, day) for day in (1, 2, 3, 1, 9)],
        }
    )
    assert changed_companies(versions).rows() == [("B", dt.date(2024, 1, 1), dt.date(2024, 1, 9))]


# --- symbols that changed ---------------------------------------------------------------------------------


def renames(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "new_symbol": [row[1] for row in rows],
            "old_symbol": [row[0] for row in rows],
            "date": [dt.date.fromisoformat(row[2]) for row in rows],
        }
    )


def test_a_history_goes_on_under_the_new_symbol(store: Store) -> None:
    whole = history("META", 300, seed=9)
    day = whole["session"][236]
    old = whole[:236].with_columns(symbol=pl.lit("FB"))
    stored(store, old, whole[236:])
    paid = pl.DataFrame({"symbol": ["FB"], "ex_date": [whole["session"][100]], "amount": [0.5]})
    split = pl.DataFrame({"symbol": ["FB"], "ex_date": [whole["session"][50]], "ratio": [2.0]})
    tapescan.import_bars(renames(("FB", "META", str(day))), paid, split, store=store)
    known = store.known()
    assert known.read("dividends")["symbol"].to_list() == ["META"]
    found = known.bars(symbols=["META"])
    assert found["session"].to_list() == whole["session"].to_list()
    assert found["close"][:50].to_list() == pytest.approx((whole["close"][:50] / 2).to_list())
    assert known.bars(symbols=["FB"]).is_empty()
    assert set(known.newest()["symbol"]) == {"META", "SPY"}
    # The day before, nobody had heard of it.
    before = store.known(day - dt.timedelta(days=1))
    assert set(before.newest()["symbol"]) == {"FB", "SPY"}
    assert len(before.bars(symbols=["FB"])) == 236


def test_a_symbol_that_was_another_companys_before(store: Store) -> None:
    """A fund had META and took METV; Facebook took META later. Each keeps its own history."""
    fund = history("META", 300, seed=1)[:100]
    facebook = history("FB", 300, seed=2)[:200]
    after = history("META", 300, seed=2)[200:]
    fund_after = history("METV", 300, seed=1)[100:]
    stored(store, fund, facebook, after, fund_after)
    changes = renames(
        ("META", "METV", str(fund_after["session"][0])),
        ("FB", "META", str(after["session"][0])),
    )
    tapescan.import_bars(changes, store=store)
    known = store.known()
    assert known.bars(symbols=["META"])["close"].to_list() == [*facebook["close"], *after["close"]]
    assert known.bars(symbols=["METV"])["close"].to_list() == [*fund["close"], *fund_after["close"]]
    assert known.bars(symbols=["FB"]).is_empty()
    early = store.known(fund["session"][50])
    assert early.bars(symbols=["META"])["close"].to_list() == fund["close"][:51].to_list()


def test_what_nobody_took_along_is_read_no_more(store: Store) -> None:
    other = history("META", 300, seed=1)[:100]
    facebook, after = history("FB", 300, seed=2)[:200], history("META", 300, seed=2)[200:]
    stored(store, other, facebook, after)
    tapescan.import_bars(renames(("FB", "META", str(after["session"][0]))), store=store)
    assert store.known().bars(symbols=["META"])["close"].to_list() == [*facebook["close"], *after["close"]]


def test_a_history_given_whole_under_the_new_symbol_stays(store: Store) -> None:
    """A vendor gives all of it as META, and a list of changes says FB to META: nothing is lost."""
    whole = history("META", 300, seed=9)
    paid = pl.DataFrame({"symbol": ["META"], "ex_date": [whole["session"][100]], "amount": [0.5]})
    tapescan.import_bars(renames(("FB", "META", str(whole["session"][236]))), paid, store=stored(store, whole))
    known = store.known()
    assert known.bars(symbols=["META"])["session"].to_list() == whole["session"].to_list()
    assert known.bars(symbols=["META"], sessions=100)["session"].to_list() == whole["session"][-100:].to_list()
    assert known.read("dividends")["symbol"].to_list() == ["META"]


def test_chains_and_circles_end() -> None:
    chain = pl.DataFrame(
        {
            "symbol": ["B", "C", "A"],
            "ex_date": [dt.date(2020, 1, 1), dt.date(2021, 1, 1), dt.date(2022, 1, 1)],
            "former": ["A", "B", "C"],
        }
    )
    spans = {
        (symbol, until): name for symbol, until, name in spans_of(chain).select("symbol", "until", "name").rows()
    }
    # A became B became C became A again: all is of A.
    assert spans["A", dt.date(2020, 1, 1)] == "A"
    assert spans["B", dt.date(2021, 1, 1)] == "A"
    assert spans["C", dt.date(2022, 1, 1)] == "A"
    assert spans["A", dt.date(2022, 1, 1)] is None
    random = np.random.default_rng(1)
    names = [chr(65 + n) for n in range(8)]
    many = pl.DataFrame(
        {
            "symbol": [names[n] for n in random.integers(0, 8, 60)],
            "former": [names[n] for n in random.integers(0, 8, 60)],
            "ex_date": [dt.date(2020, 1, 1) + dt.timedelta(days=int(n)) for n in random.integers(0, 900, 60)],
        }
    ).filter(pl.col("symbol") != pl.col("former"))
    assert set(spans_of(many)["name"].drop_nulls()) <= set(names)
