"""A stored session of option quotes, ready to be analysed."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tapescan.history.chains import option_session, stored_chain
from tapescan.importing.importing import import_frames
from tapescan.options.analysis import analyse
from tapescan.options.chains import build_chain
from tapescan.options.rates import Curve
from tapescan.options.stored import StoredChain
from tapescan.store import Store
from tests.options.markets import NOW, YEAR, both_sides, quotes, smirk
from tests.options.oracles import Case

SESSION, BEFORE = dt.date(2026, 8, 21), dt.date(2026, 8, 20)
STRIKES = [80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0]
CASES = both_sides(Case(100.0, 100.0, False, YEAR, 0.3, 0.045, 0.0), STRIKES, smirk)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def of_day(name: str, day: dt.date = SESSION) -> pl.DataFrame:
    frame = quotes(name, CASES).with_columns(
        pl.col("bid", "ask").round(4), date=pl.lit(day), open_interest=pl.lit(7.0)
    )
    return frame.sample(fraction=1.0, shuffle=True, seed=3)


def bars(*rows: tuple[str, dt.date, float]) -> pl.DataFrame:
    return pl.DataFrame(
        [(name, day, close, close, close, close, 1e6) for name, day, close in rows],
        schema=["symbol", "date", "open", "high", "low", "close", "volume"],
        orient="row",
    )


def paid(*rows: tuple[str, dt.date, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["symbol", "ex_date", "amount"], orient="row")


def read(store: Store, day: dt.date | None = None, symbols: list[str] | None = None) -> StoredChain:
    found = stored_chain(store.known(day), symbols)
    assert found is not None
    return found


def test_a_store_without_quotes_has_no_chain(store: Store) -> None:
    import_frames(store, [bars(("A", SESSION, 100.0))])
    assert option_session(store.known()) is None
    assert stored_chain(store.known()) is None


def test_the_newest_session_up_to_the_day_is_read(store: Store) -> None:
    import_frames(store, [of_day("A", BEFORE), of_day("A"), of_day("B")])
    assert (read(store).session, read(store).chain.underlyings) == (SESSION, ("A", "B"))
    earlier = read(store, BEFORE)
    assert (earlier.session, earlier.chain.underlyings) == (BEFORE, ("A",))
    assert read(store, dt.date(2026, 8, 23)).session == SESSION
    assert stored_chain(store.known(dt.date(2026, 8, 19))) is None
    assert read(store, symbols=["B"]).chain.underlyings == ("B",)
    assert stored_chain(store.known(), ["C"]) is None


def test_it_comes_back_with_the_values_that_its_market_has(store: Store) -> None:
    import_frames(store, [of_day("A"), bars(("A", SESSION, 100.0))])
    found = read(store)
    assert found.now == NOW
    assert found.spots.tolist() == found.closes.tolist() == [100.0]
    assert np.array_equal(found.open_interest, np.full(len(CASES), 7.0))
    analysis = analyse(found.chain, found.spots, found.dividends, Curve.flat(0.045), found.now)
    truth = {(case.strike, case.put): case.vol for case in CASES}
    expected = [truth[key] for key in zip(found.chain.strike, found.chain.put, strict=True)]
    assert (analysis.reason == 0).mean() > 0.8
    assert np.nanmax(np.abs(analysis.iv - expected)) < 5e-3


def test_the_chain_is_that_of_its_rows(store: Store) -> None:
    import_frames(store, [of_day("A"), of_day("B")])
    own, direct = read(store).chain, build_chain(pl.concat([of_day("A"), of_day("B")]))
    assert own.underlyings == direct.underlyings
    for name in ("firsts", "starts", "expiry", "expires", "european", "standard", "strike", "put", "bid", "ask"):
        assert np.array_equal(getattr(own, name), getattr(direct, name)), name


def test_prices_that_came_with_the_quotes_are_of_their_moment(store: Store) -> None:
    moment = dt.datetime(2026, 8, 21, 19, tzinfo=dt.UTC)
    frame = of_day("A").with_columns(underlying_price=pl.lit(99.0), quoted=pl.lit(moment))
    own = pl.DataFrame({"underlying": ["A", "C"], "price": [98.0, 20.0], "contracts": [1, 1], "date": [SESSION] * 2})
    closes = bars(("A", SESSION, 100.0), ("B", SESSION, 50.0), ("C", SESSION, 21.0))
    import_frames(store, [frame, of_day("B"), of_day("C"), of_day("D"), own, closes])
    found = read(store)
    assert found.now == int(moment.timestamp())
    assert found.spots.tolist()[:3] == [99.0, 50.0, 20.0]
    assert found.closes.tolist()[:3] == [100.0, 50.0, 21.0]
    assert np.isnan(found.spots[3])


def test_quotes_that_were_fetched_after_the_close_are_of_the_close(store: Store) -> None:
    late = dt.datetime(2026, 8, 22, 13, 50, tzinfo=dt.UTC)
    import_frames(store, [of_day("A").with_columns(quoted=pl.lit(late))])
    assert read(store).now == NOW


def test_a_close_is_in_the_share_basis_of_its_session(store: Store) -> None:
    split = pl.DataFrame({"symbol": ["A"], "ex_date": [dt.date(2026, 9, 1)], "ratio": [4.0]})
    history = bars(("A", SESSION, 25.0), ("A", dt.date(2026, 9, 2), 26.0))
    import_frames(store, [of_day("A"), history, split], adjusted="splits")
    assert read(store).closes.tolist() == [100.0]


def test_a_volume_of_another_day_is_none_of_this_one(store: Store) -> None:
    frame = of_day("A").sort("strike", "side").with_columns(volume=pl.lit(5.0), traded=pl.lit(None, pl.Date))
    place = pl.int_range(pl.len())
    frame = frame.with_columns(
        traded=pl.when(place == 0).then(pl.lit(SESSION)).when(place == 1).then(pl.lit(BEFORE)),
        volume=pl.when(place == 3).then(0.0).otherwise("volume"),
    )
    import_frames(store, [frame])
    assert np.array_equal(read(store).volume[:4], [5.0, 0.0, np.nan, 0.0], equal_nan=True)


class TestDividends:
    def told(self, found: StoredChain) -> list[tuple[dt.date, float, bool]]:
        moments = [dt.datetime.fromtimestamp(found.now + one * 365 * 86_400, dt.UTC) for one in found.dividends.when]
        days = [moment.date() for moment in moments]
        return list(zip(days, found.dividends.amount.tolist(), found.projected.tolist(), strict=True))

    def test_declared_ones_count_and_the_others_are_last_years(self, store: Store) -> None:
        dividends = paid(
            ("A", dt.date(2025, 8, 28), 0.9),
            ("A", dt.date(2025, 11, 26), 1.0),
            ("A", dt.date(2026, 2, 25), 1.0),
            ("A", dt.date(2026, 5, 27), 1.0),
            ("A", dt.date(2026, 8, 27), 1.1),
        )
        import_frames(store, [of_day("A"), of_day("B"), dividends])
        found = read(store)
        # The last expiry is of 2027-08-20, so that the one of the end of that August is behind it.
        assert self.told(found) == [
            (dt.date(2026, 8, 27), 1.1, False),
            (dt.date(2026, 11, 25), 1.0, True),
            (dt.date(2027, 2, 24), 1.0, True),
            (dt.date(2027, 5, 26), 1.0, True),
        ]
        assert found.dividends.firsts.tolist() == [0, 4, 4]
        assert found.payers.tolist() == [True, False]
        # As of the session nobody knows that it was declared.
        assert self.told(read(store, SESSION))[0] == (dt.date(2026, 8, 27), 0.9, True)

    def test_a_special_one_comes_once(self, store: Store) -> None:
        dividends = paid(
            ("A", dt.date(2025, 11, 26), 1.0), ("A", dt.date(2026, 2, 25), 1.0), ("A", dt.date(2026, 5, 27), 15.0)
        )
        import_frames(store, [of_day("A"), dividends])
        assert [amount for _, amount, _ in self.told(read(store))] == [1.0, 1.0]

    def test_amounts_are_in_the_share_basis_of_the_session(self, store: Store) -> None:
        split = pl.DataFrame({"symbol": ["A"], "ex_date": [dt.date(2026, 3, 2)], "ratio": [4.0]})
        dividends = paid(("A", dt.date(2025, 11, 26), 4.0), ("A", dt.date(2026, 5, 27), 1.0))
        import_frames(store, [of_day("A"), dividends, split])
        assert [amount for _, amount, _ in self.told(read(store))] == [1.0, 1.0]


def test_what_was_never_traded_has_no_volume_where_others_have_one(store: Store) -> None:
    place = pl.int_range(pl.len())
    frame = of_day("A").sort("strike", "side").with_columns(volume=pl.lit(None, pl.Float64))
    first = pl.when(place == 0)
    frame = frame.with_columns(traded=first.then(pl.lit(SESSION)), volume=first.then(5.0))
    nobody = of_day("B").with_columns(volume=pl.lit(None, pl.Float64), traded=pl.lit(None, pl.Date))
    import_frames(store, [frame, nobody])
    count = len(CASES)
    assert read(store).volume[:count].tolist() == [5.0, *[0.0] * (count - 1)]
    assert np.isnan(read(store).volume[count:]).all()
