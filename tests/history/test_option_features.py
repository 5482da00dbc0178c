"""Option features are made when quotes are stored, as the session's own day knew them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.api import import_bars, scan_market
from tapescan.history.chains import stored_chain
from tapescan.history.option_features import METHOD, RATE, features_of
from tapescan.importing.importing import import_frames
from tapescan.market import calendar
from tapescan.market.option_measures import MEASURES
from tapescan.store import Store
from tests.conftest import random_bars
from tests.options.markets import LONGER, MONTH, YEAR, both_sides, quotes, smirk
from tests.options.oracles import Case

SESSION, BEFORE = dt.date(2026, 8, 21), dt.date(2026, 8, 20)
STRIKES = [80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0]


def of_day(name: str, day: dt.date = SESSION, vol: float = 0.3) -> pl.DataFrame:
    bases = [Case(100.0, 100.0, False, days, vol, RATE.rates[0], 0.0) for days in (MONTH, LONGER, YEAR)]
    cases = [case for base in bases for case in both_sides(base, STRIKES, smirk)]
    return quotes(name, cases).with_columns(
        pl.col("bid", "ask").round(4), date=pl.lit(day), open_interest=pl.lit(7.0)
    )


def bars(*rows: tuple[str, dt.date, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(name, day, close, close, close, close, 1e6) for name, day, close in rows],
        schema=["symbol", "date", "open", "high", "low", "close", "volume"],
        orient="row",
    )


def rows_of(store: Store) -> pl.DataFrame:
    return store.known().read("option_features").sort("session", "symbol")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_an_import_of_quotes_measures_their_session(store: Store) -> None:
    report = import_bars(
        of_day("A"), of_day("B", vol=0.4), bars(("A", SESSION, 100.0), ("B", SESSION, 100.0)), store=store
    )
    assert report.actions["option_features"] == (2, 0, 0)
    assert report.versions == store.versions()
    assert f"options of {SESSION}: too few underlyings tell the rate, which is taken as 4% a year" in report.notes
    rows = rows_of(store)
    assert rows["iv_30"].to_list() == pytest.approx([0.3, 0.4], abs=3e-3)
    assert rows.select("symbol", "session", "method", "spot", "rate").rows() == [
        ("A", SESSION, METHOD, 100.0, 0.04),
        ("B", SESSION, METHOD, 100.0, 0.04),
    ]
    # The smile falls with the strike.
    assert (rows["skew_25d_30"] > 0.0).all()
    assert rows["oi_total"].to_list() == [7.0 * len(of_day("A"))] * 2


def test_importing_again_changes_nothing(store: Store) -> None:
    frames = (of_day("A"), bars(("A", SESSION, 100.0)))
    import_bars(*frames, store=store)
    before = store.versions()
    assert "option_features" not in import_bars(*frames, store=store).actions
    assert store.versions() == before


def test_what_was_not_measured_is_by_the_next_import(store: Store) -> None:
    """As after one that was killed between the two commits."""
    import_frames(store, [of_day("A", BEFORE), of_day("A"), bars(("A", BEFORE, 100.0), ("A", SESSION, 100.0))])
    assert "option_features" not in store.versions()
    report = import_bars(bars(("B", SESSION, 10.0)), store=store)
    assert report.actions["option_features"] == (2, 0, 0)
    assert rows_of(store)["session"].to_list() == [BEFORE, SESSION]


def test_only_sessions_that_changed_are_measured_again(store: Store) -> None:
    import_bars(of_day("A", BEFORE), of_day("A"), bars(("A", BEFORE, 100.0), ("A", SESSION, 100.0)), store=store)
    report = import_bars(of_day("A", vol=0.5), store=store)
    assert report.actions["option_features"] == (0, 1, 0)
    assert rows_of(store)["iv_30"].to_list() == pytest.approx([0.3, 0.5], abs=1e-2)


def test_a_price_that_comes_later_is_used(store: Store) -> None:
    import_bars(of_day("A"), of_day("B"), store=store)
    assert rows_of(store)["iv_30"].null_count() == 2
    assert import_bars(bars(("A", SESSION, 100.0)), store=store).actions["option_features"] == (0, 1, 1)
    assert rows_of(store)["spot"].to_list() == [100.0, None]
    price = pl.DataFrame({"underlying": ["B"], "price": [100.0], "contracts": [1], "date": [SESSION]})
    assert import_bars(price, store=store).actions["option_features"] == (0, 1, 1)
    assert rows_of(store)["iv_30"].null_count() == 0
    # A bar of a name that has one already, or of another day, measures nothing.
    assert "option_features" not in import_bars(bars(("A", BEFORE, 99.0)), store=store).actions


def test_what_comes_later_changes_no_earlier_session(store: Store, tmp_path: Path) -> None:
    """A split and a dividend after the session, imported with it, are not known on it."""
    split = pl.DataFrame({"symbol": ["A"], "ex_date": [dt.date(2026, 9, 1)], "ratio": [4.0]})
    paid = pl.DataFrame({"symbol": ["A"], "ex_date": [dt.date(2026, 8, 27)], "amount": [2.0]})
    whole = bars(("A", SESSION, 100.0), ("A", dt.date(2026, 9, 2), 26.0))
    import_bars(of_day("A"), whole, split, paid, store=store)
    cut = Store(tmp_path / "cut")
    import_bars(of_day("A"), bars(("A", SESSION, 100.0)), store=cut)
    assert rows_of(store).equals(rows_of(cut))


def test_a_name_alone_or_within_its_market_has_the_same_row(store: Store) -> None:
    names = {"A": 0.2, "B": 0.3, "C": 0.5}
    import_bars(*(of_day(name, vol=vol) for name, vol in names.items()), store=store)
    import_bars(bars(*((name, SESSION, 100.0) for name in names)), store=store)
    whole = rows_of(store)
    for workers in (1, 3):
        for name in names:
            chain = stored_chain(store.known(), [name])
            assert chain is not None
            assert features_of(chain, RATE, workers).equals(whole.filter(symbol=name))


def test_a_scan_as_of_a_day_equals_one_of_a_store_that_ends_there(store: Store, tmp_path: Path) -> None:
    """Options included: imported with all that came later, or before any of it."""
    history = random_bars(symbols=40, sessions=300, seed=5)
    days = history["session"].unique().sort()
    to = calendar.sessions(dt.date(2025, 1, 1), SESSION)[-len(days) :]
    history = history.with_columns(pl.col("session").replace_strict(days, pl.Series(to).cast(pl.Date)))
    # Three go by letters, since a digit at a root's end tells an adjusted contract, and cost about a hundred.
    names = ["AA", "BB", "CC"]
    scale = 100.0 / pl.col("close").last().over("symbol")
    some = history.filter(pl.col("symbol").is_in(["S000", "S001", "S002"])).sort("symbol", "session")
    some = some.with_columns(
        pl.col("open", "high", "low", "close") * scale,
        symbol=pl.col("symbol").replace_strict(["S000", "S001", "S002"], names),
    )
    history = pl.concat([history.filter(~pl.col("symbol").is_in(["S000", "S001", "S002"])), some])
    chains = {day: [of_day(name, day, vol) for name in names] for day, vol in ((BEFORE, 0.3), (SESSION, 0.6))}
    past = history.filter(pl.col("session") < SESSION)
    import_bars(history, *chains[SESSION], *chains[BEFORE], store=store)
    cut = Store(tmp_path / "cut")
    import_bars(past, *chains[BEFORE], store=cut)

    def scanned(data: Store, as_of: dt.date | None) -> str:
        shown = [one.name for one in MEASURES]
        result = scan_market(data, as_of=as_of, features=[*shown, "vrp_20", "iv_sessions_252"])
        assert result.frame["iv_30"].count() == 3
        return f"{result.as_of} {result.frame.write_csv()}"

    assert scanned(store, BEFORE) == scanned(cut, None)
    assert scanned(store, BEFORE) != scanned(store, None)
