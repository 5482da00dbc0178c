"""Chains as people have them: told by their columns, and what cannot be refused with a reason."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from tapescan.core.errors import FileError
from tapescan.importing.importing import import_files, import_frames
from tapescan.store import Store
from tapescan.store.mending import exchange_rows, put_back
from tests.importing.files import write

SESSION, EXPIRY = dt.date(2026, 8, 21), dt.date(2026, 9, 18)
PARTS = "underlying,expiration,side,strike,bid,ask,last,iv,delta,volume,open_interest\n"


def stored(store: Store) -> pl.DataFrame:
    return store.known().read("option_quotes").sort("symbol", "expiration", "root", "strike", "side")


def test_a_file_of_contracts_by_their_parts_is_of_the_session_that_it_is_named_by(
    store: Store, tmp_path: Path
) -> None:
    text = PARTS + "AAPL,2026-09-18,call,230.0,3.1,3.2,3.15,0.2,0.5,12,340\nBRK-B,2026-09-18,P,500,0,1,,,,,\n"
    report = import_files(store, [write(tmp_path, "chain_20260821.csv", text)])
    assert report.actions == {"option_quotes": (2, 0, 0)}
    assert report.refused == {}
    columns = ["symbol", "session", "expiration", "root", "strike", "side", "bid", "ask", "volume", "open_interest"]
    assert stored(store).select(columns).rows() == [
        ("AAPL", SESSION, EXPIRY, "AAPL", 230.0, "call", 3.1, 3.2, 12.0, 340.0),
        ("BRK.B", SESSION, EXPIRY, "BRKB", 500.0, "put", 0.0, 1.0, None, None),
    ]


def test_prices_kept_in_four_bytes_are_those_that_were_quoted(store: Store, tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "underlying": ["AAPL"], "expiration": [EXPIRY], "side": ["call"], "strike": [232.5],
            "bid": [0.1], "ask": [0.35], "last": [0.2],
        },
        schema_overrides=dict.fromkeys(("strike", "bid", "ask", "last"), pl.Float32),
    )  # fmt: skip
    path = tmp_path / "options_20260821.parquet"
    frame.write_parquet(path)
    import_files(store, [path])
    assert stored(store).select("strike", "bid", "ask", "last").rows() == [(232.5, 0.1, 0.35, 0.2)]


def test_occ_symbols_say_all_of_a_contract(store: Store, tmp_path: Path) -> None:
    text = (
        "contractSymbol,lastTradeDate,lastPrice,bid,ask,volume,openInterest,contractSize,currency\n"
        "AAPL260918C00232500,2026-08-20 15:59:12+00:00,3.15,3.1,3.2,12,340,REGULAR,USD\n"
        "AAPL1260918P00100000,2026-08-21 15:59:12+00:00,1,0.9,1.1,5,1,REGULAR,USD\n"
        "AAPL26X918P00100000,2026-08-21 15:59:12+00:00,1,0.9,1.1,5,1,REGULAR,USD\n"
    )
    report = import_files(store, [write(tmp_path, "AAPL_20260821.csv", text)])
    assert report.refused == {"option_quotes: no OCC symbol": 1}
    columns = ["symbol", "root", "expiration", "strike", "side", "traded"]
    assert stored(store).select(columns).rows() == [
        ("AAPL", "AAPL", EXPIRY, 232.5, "call", dt.date(2026, 8, 20)),
        ("AAPL", "AAPL1", EXPIRY, 100.0, "put", dt.date(2026, 8, 21)),
    ]


def test_a_column_of_symbols_may_hold_contracts(store: Store) -> None:
    frame = pl.DataFrame(
        {
            "symbol": ["O:MSFT260918C00400000", "SPXW  260918P05000000"],
            "date": [SESSION, SESSION],
            "bid": [1.0, 2.0],
            "ask": [1.1, 2.2],
            "open_interest": [3, 4],
        }
    )
    assert import_frames(store, [frame]).actions == {"option_quotes": (2, 0, 0)}
    found = stored(store).select("symbol", "root", "strike", "side").rows()
    assert found == [("MSFT", "MSFT", 400.0, "call"), ("SPXW", "SPXW", 5000.0, "put")]


def test_the_contracts_own_symbol_is_right_where_a_column_says_another_day(store: Store) -> None:
    frame = pl.DataFrame(
        {
            "underlying": ["CDE", "CDE"],
            "contract": ["NGD260918C00005000", "unknown"],
            "date": [SESSION] * 2,
            "expiration": [SESSION, EXPIRY],
            "side": ["call", "call"],
            "strike": [5.0, 6.0],
            "bid": [1.0, 1.0],
            "ask": [1.1, 1.1],
        }
    )
    import_frames(store, [frame])
    assert stored(store).select("symbol", "root", "expiration", "strike").rows() == [
        ("CDE", "CDE", EXPIRY, 6.0),
        ("CDE", "NGD", EXPIRY, 5.0),
    ]


def test_calls_and_puts_side_by_side_are_two_contracts(store: Store, tmp_path: Path) -> None:
    head = (
        "[QUOTE_UNIXTIME],[QUOTE_READTIME],[QUOTE_DATE],[UNDERLYING_LAST],[EXPIRE_DATE],[DTE],[C_IV],[C_VOLUME],"
        "[C_LAST],[C_BID],[C_ASK],[STRIKE],[P_BID],[P_ASK],[P_LAST],[P_VOLUME]\n"
    )
    text = (
        head
        + "1787342400, 2026-08-21 16:00, 2026-08-21, 640.5, 2026-09-18, 28, 0.2, 10, 3, 3.1, 3.2, 650, 9, 9.3, , \n"
    )
    import_files(store, [write(tmp_path, "spy_eod_202608.csv", text)], how=None)
    columns = ["symbol", "session", "side", "strike", "bid", "ask", "last", "volume", "traded", "underlying_price"]
    assert stored(store).select(columns).rows() == [
        ("SPY", SESSION, "call", 650.0, 3.1, 3.2, 3.0, 10.0, SESSION, 640.5),
        ("SPY", SESSION, "put", 650.0, 9.0, 9.3, None, None, None, 640.5),
    ]
    assert stored(store)["quoted"].to_list() == [dt.datetime(2026, 8, 21, 20, tzinfo=dt.UTC)] * 2


def test_columns_as_data_vendors_call_them(store: Store, tmp_path: Path) -> None:
    orats = (
        "ticker,stkPx,expirDate,yte,strike,cVolu,cOi,pVolu,pOi,cBidPx,cValue,cAskPx,pBidPx,pValue,pAskPx,trade_date\n"
        "AAPL,230.5,09/18/2026,0.08,230,12,340,0,20,3.1,3.15,3.2,2.9,3,3.1,08/21/2026\n"
    )
    # Here vol is the implied volatility.
    dolt = "date,act_symbol,expiration,strike,call_put,bid,ask,vol,delta\n"
    dolt += "2026-08-21,IBM,2026-09-18,250,Call,3,4,0.31,0.5\n"
    paths = [write(tmp_path, "orats.csv", orats), write(tmp_path, "option_chain.csv", dolt)]
    import_files(store, paths)
    columns = ["symbol", "session", "expiration", "side", "bid", "ask", "volume", "open_interest", "underlying_price"]
    assert stored(store).select(columns).rows() == [
        ("AAPL", SESSION, EXPIRY, "call", 3.1, 3.2, 12.0, 340.0, 230.5),
        ("AAPL", SESSION, EXPIRY, "put", 2.9, 3.1, 0.0, 20.0, 230.5),
        ("IBM", SESSION, EXPIRY, "call", 3.0, 4.0, None, None, None),
    ]


@pytest.mark.parametrize(
    "said",
    ["2026-08-21T19:45:00Z", "2026-08-21 15:45:00.5-04:00", "2026-08-21 15:45", "1787341500", "1787341500000000000"],
)
def test_a_moment_tells_the_session_and_is_kept(store: Store, said: str) -> None:
    frame = pl.DataFrame(
        {"contract": ["A260918C00100000"], "bid": [1.0], "ask": [1.1], "quote time": [said], "strike": [100]}
    )
    import_frames(store, [frame])
    assert stored(store).select("session", "quoted").rows() == [
        (SESSION, dt.datetime(2026, 8, 21, 19, 45, tzinfo=dt.UTC))
    ]


def test_a_moment_of_a_typed_column_is_kept(store: Store) -> None:
    moment = dt.datetime(2026, 8, 21, 19, 45, tzinfo=dt.UTC)
    frame = pl.DataFrame({"contract": ["A260918C00100000"], "bid": [1.0], "ask": [1.1], "quoted": [moment]})
    import_frames(store, [frame])
    assert stored(store).select("session", "quoted").rows() == [(SESSION, moment)]


def test_what_cannot_be_is_refused_and_what_is_odd_is_not(store: Store, tmp_path: Path) -> None:
    odd = [
        "A,2026-09-18,call,100,3,2",
        "A,2026-09-18,put,100,0,2",
        "A,2026-09-18,put,101,,",
        "A,2026-08-21,put,101,1,2",
    ]
    wrong = [
        *("A,2026-09-18,put,102,-1,2", "A,2026-09-18,put,97,1,inf", "A,2026-08-14,put,100,1,2"),
        *("A,2026-09-18,put,0,1,2", "A,2026-09-18,both,99,1,2", "A,,put,98,1,2"),
    ]
    text = "underlying,expiration,side,strike,bid,ask\n" + "\n".join([*odd, *wrong])
    report = import_files(store, [write(tmp_path, "chain_2026-08-21.csv", text)])
    assert report.actions == {"option_quotes": (4, 0, 0)}
    assert report.refused == {
        "option_quotes: no price": 2,
        "option_quotes: expired before its session": 1,
        "option_quotes: no strike above zero": 1,
        "option_quotes: neither call nor put": 1,
        "option_quotes: missing value": 1,
    }
    kept = store.known().refused("option_quotes")
    assert len(kept) == 6
    assert (
        "option_quotes: expired before its session, expiration 2026-08-14, strike 100.0, side put" in kept["reason"]
    )


def test_quotes_of_a_day_without_session_are_refused(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "chain_20260822.csv", PARTS + "A,2026-09-18,call,230,3.1,3.2,,,,,\n")
    with pytest.raises(FileError, match="none of its rows can be used: 1 have 'not an exchange session'"):
        import_files(store, [path])


def test_what_says_no_day_or_no_contract_is_told_what_it_needs(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path, "chain.csv", PARTS + "A,2026-09-18,call,230,3.1,3.2,,,,,\n")
    with pytest.raises(FileError, match=r"chain\.csv: no column for date.*name the file by it"):
        import_files(store, [path])
    text = "underlying,date,bid,ask,open_interest\nA,2026-08-21,1,2,3\n"
    with pytest.raises(FileError, match=r"no column for expiration, strike, side.*OCC symbol"):
        import_files(store, [write(tmp_path, "other.csv", text)])
    text = PARTS + "A,2026-09-18,call,230,much,3.2,,,,,\n"
    with pytest.raises(FileError, match="line 2: 'much' in column bid"):
        import_files(store, [write(tmp_path, "text_20260821.csv", text)])


def test_bars_with_bid_and_ask_are_bars(store: Store, tmp_path: Path) -> None:
    text = "symbol,date,open,high,low,close,volume,bid,ask\nAAPL,2026-08-21,1,2,1,2,100,1.9,2.1\n"
    report = import_files(store, [write(tmp_path, "daily.csv", text)])
    assert (report.new, report.actions) == (1, {})


def test_prices_of_underlyings_may_have_a_file_of_their_own(store: Store, tmp_path: Path) -> None:
    text = (
        "underlying,price,updated,contracts,expirations\n"
        "AAPL,309.35,2026-08-21T15:50:09.293324-04:00,2418,20\nCPRX,,2026-08-21T15:50:09.293324-04:00,40,2\n"
    )
    report = import_files(store, [write(tmp_path, "underlyings_20260821.csv", text)])
    assert report.actions == {"underlyings": (1, 0, 0)}
    assert report.refused == {"underlyings: no price": 1}
    moment = dt.datetime(2026, 8, 21, 19, 50, 9, tzinfo=dt.UTC)
    found = store.known().read("underlyings").drop("source").rows()
    assert found == [("AAPL", SESSION, 309.35, moment)]


class TestStored:
    """A file a session, a row replaces another whole."""

    def quote(self, day: dt.date, strike: float, bid: float, name: str = "AAPL") -> pl.DataFrame:
        return pl.DataFrame(
            {
                "underlying": [name], "date": [day], "expiration": [EXPIRY], "side": ["put"], "strike": [strike],
                "bid": [bid], "ask": [bid + 1.0],
            }
        )  # fmt: skip

    def test_the_same_again_changes_nothing_and_another_quote_replaces(self, store: Store) -> None:
        days = [dt.date(2026, 8, 20), SESSION]
        whole = pl.concat([self.quote(day, strike, 2.0) for strike in (110.0, 100.0) for day in days])
        assert import_frames(store, [whole]).actions == {"option_quotes": (4, 0, 0)}
        before = store.versions()
        files = store.known().opened("option_quotes").files()
        assert files.select("rows", "first", "last").rows() == [(2, day, day) for day in days]
        assert import_frames(store, [whole]).actions == {"option_quotes": (0, 0, 4)}
        assert store.versions() == before
        changed = pl.concat([self.quote(SESSION, 110.0, 3.0), self.quote(SESSION, 120.0, 3.0)])
        assert import_frames(store, [changed]).actions == {"option_quotes": (1, 1, 0)}
        after = store.known().opened("option_quotes").files()
        assert len(set(after["path"]) & set(files["path"])) == 1  # that of the other day
        assert stored(store).filter(session=SESSION).select("strike", "bid").rows() == [
            (100.0, 2.0), (110.0, 3.0), (120.0, 3.0),
        ]  # fmt: skip
        assert len(stored(store)) == 5
        assert store.at(before).known().read("option_quotes")["bid"].to_list() == [2.0] * 4

    def test_many_small_imports_of_a_session_become_one_file(self, store: Store) -> None:
        for number in range(20):
            import_frames(store, [self.quote(SESSION, 100.0 + number, 2.0)])
        assert len(store.known().opened("option_quotes").files()) < 8
        assert stored(store)["strike"].to_list() == [100.0 + number for number in range(20)]
        store.compact(dt.timedelta(days=1), apply=True)
        assert len(store.known().opened("option_quotes").files()) == 1
        assert len(stored(store)) == 20

    def test_the_last_of_two_quotes_of_a_contract_counts_and_is_said(self, store: Store) -> None:
        report = import_frames(store, [self.quote(SESSION, 100.0, 2.0), self.quote(SESSION, 100.0, 3.0)])
        assert stored(store)["bid"].to_list() == [3.0]
        assert report.notes == [
            "1 option quotes are of contracts that stand there once more: of each the last one counts"
        ]

    def test_rows_that_are_mended_leave_other_sessions_alone_and_come_back(self, store: Store) -> None:
        import_frames(store, [self.quote(day, 100.0, 2.0) for day in (dt.date(2026, 8, 20), SESSION)])
        before, files = store.versions(), store.known().opened("option_quotes").files()
        gone = stored(store).filter(session=SESSION)
        exchange_rows(store.path, "option_quotes", gone, gone.with_columns(symbol=pl.lit("MSFT")))
        assert stored(store)["symbol"].to_list() == ["AAPL", "MSFT"]
        assert len(set(store.known().opened("option_quotes").files()["path"]) & set(files["path"])) == 1
        put_back(store.path, {"option_quotes": before["option_quotes"]})
        assert stored(store)["symbol"].to_list() == ["AAPL", "AAPL"]

    def test_a_past_day_sees_no_later_session(self, store: Store) -> None:
        import_frames(store, [self.quote(SESSION, 100.0, 2.0), self.quote(dt.date(2026, 8, 20), 100.0, 1.0)])
        assert store.known(dt.date(2026, 8, 20)).read("option_quotes")["bid"].to_list() == [1.0]


def test_some_frames_hold_what_is_refused_and_some_do_not(store: Store) -> None:
    """Rows of several frames lie in pieces, of which those without any refused row are empty."""

    def frame(day: dt.date, bids: list[float]) -> pl.DataFrame:
        strikes = [100.0 + at for at in range(len(bids))]
        return pl.DataFrame(
            {
                "underlying": "AAPL", "date": day, "expiration": EXPIRY, "side": "call", "strike": strikes,
                "bid": bids, "ask": [2.0] * len(bids), "root": "AAPL",
            }
        )  # fmt: skip

    days = [SESSION - dt.timedelta(days=back) for back in (0, 1, 2, 3)]
    bids = ([-1.0, -1.0, 1.0], [1.0, 1.0], [-1.0, 1.0], [1.0])
    report = import_frames(store, [frame(day, some) for day, some in zip(days, bids, strict=True)])
    assert report.actions["option_quotes"] == (5, 0, 0)
    reasons = store.known().read("quarantine")["reason"].to_list()
    assert len(reasons) == 3
    assert all("no price, expiration 2026-09-18, strike " in one for one in reasons)
