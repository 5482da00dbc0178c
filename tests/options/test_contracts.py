"""Contracts and chains: what symbols say, what rows become, that none is lost."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tapescan.core.errors import OptionError
from tapescan.market.occ import parse
from tapescan.options.chains import build_chain
from tapescan.options.contracts import is_standard, years


def test_a_symbol_is_read_from_the_right() -> None:
    found = parse(
        pl.Series(
            [
                "AAPL  260116C00150000",
                "O:SDS1220204C00012500",
                "aapl1260116p00002500",
                "_SPX260918C05000000",
                "F260116P00010330",
            ]
        )
    )
    assert found["malformed"].null_count() == 5
    assert found["root"].to_list() == ["AAPL", "SDS1", "AAPL1", "SPX", "F"]
    assert found["expiry"].to_list()[1:3] == [dt.date(2022, 2, 4), dt.date(2026, 1, 16)]
    assert found["put"].to_list() == [False, False, True, False, True]
    assert found["strike"].to_list() == [150.0, 12.5, 2.5, 5000.0, 10.33]


def test_what_is_no_symbol_has_a_reason_and_stops_nothing() -> None:
    texts = [
        "AAPL",
        None,
        "AAPL260231C00150000",
        "AAPL260116C00000000",
        "AAPL260116X00150000",
        "TOOLONGROOT260116C00150000",
    ]
    why = parse(pl.Series(texts, dtype=pl.String))["malformed"].to_list()
    assert why == ["no OCC symbol", "no OCC symbol", "no such day", "no strike", "no OCC symbol", "no OCC symbol"]


def test_a_root_delivers_its_underlying_or_was_adjusted() -> None:
    pairs = [
        ("AAPL", "AAPL"),
        ("BRKB", "BRK-B"),
        ("BRKB", "BRK.B"),
        ("SPXW", "SPX"),
        ("MRO", "COP"),
        ("AAPL1", "AAPL"),
        ("AAPL1", "AAPL1"),
    ]
    frame = pl.DataFrame(pairs, schema=["root", "underlying"], orient="row")
    found = frame.select(is_standard(pl.col("root"), pl.col("underlying"))).to_series()
    assert found.to_list() == [True, True, True, True, False, False, False]


def _frame(rows: list[tuple[str, float | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"symbol": pl.String, "bid": pl.Float64, "ask": pl.Float64}, orient="row")


def test_a_chain_lies_by_underlying_expiry_strike_and_side_and_adjusted_contracts_lie_apart() -> None:
    frame = _frame(
        [
            ("MSFT260116C00300000", 1.0, 1.1),
            ("AAPL260220C00150000", 1.0, 1.1),
            ("AAPL260116P00150000", 2.0, 2.1),
            ("AAPL1260116C00150000", 9.0, 9.9),
            ("AAPL260116C00150000", 3.0, 3.1),
            ("AAPL260116C00140000", 4.0, None),
            ("rubbish", 1.0, 1.0),
        ]
    ).with_columns(underlying=pl.Series(["MSFT", "AAPL", "AAPL", "AAPL", "AAPL", "AAPL", "AAPL"]))
    chain = build_chain(frame)
    assert chain.underlyings == ("AAPL", "MSFT")
    assert chain.firsts.tolist() == [0, 3, 4]
    assert chain.starts.tolist() == [0, 3, 4, 5, 6]
    assert chain.row.tolist() == [5, 4, 2, 3, 1, 0]
    assert chain.standard.tolist() == [True, False, True, True]
    assert chain.strike.tolist() == [140.0, 150.0, 150.0, 150.0, 150.0, 300.0]
    assert chain.put.tolist() == [False, False, True, False, False, False]
    assert np.isnan(chain.ask[0])
    assert chain.malformed.rows() == [(6, "no OCC symbol")]
    assert len(chain) + chain.malformed.height == frame.height
    second = chain.part(1, 2)
    assert (second.underlyings, second.starts.tolist(), second.row.tolist()) == (("MSFT",), [0, 1], [0])


def test_the_index_settles_in_the_morning_and_its_weeklies_on_the_close() -> None:
    frame = _frame([("SPX260918C05000000", 1.0, 2.0), ("SPXW260918C05000000", 1.0, 2.0)])
    chain = build_chain(frame.with_columns(underlying=pl.lit("SPX")))
    assert chain.slices == 2
    assert chain.european.all()
    assert chain.standard.all()
    assert np.diff(chain.expires).tolist() == [6.5 * 3600]
    parts = pl.DataFrame(
        {
            "underlying": ["^SPX"],
            "expiration": [dt.date(2026, 9, 18)],
            "side": ["put"],
            "strike": [5e3],
            "bid": [1.0],
            "ask": [2.0],
        }
    )
    spelt = build_chain(parts)
    assert (spelt.expires[0], spelt.european[0], spelt.standard[0]) == (chain.expires[0], True, True)


def test_time_runs_from_the_quotes_to_the_close_of_the_last_day() -> None:
    chain = build_chain(_frame([("AAPL261127C00150000", 1.0, 1.1)]))
    now = int(dt.datetime(2026, 11, 26, 18, tzinfo=dt.UTC).timestamp())
    assert years(chain.expires, now).tolist() == [1 / 365]


def test_columns_of_parts_do_as_well_and_rows_without_sense_are_named() -> None:
    frame = pl.DataFrame(
        {
            "underlying": ["A", "A", "A", None, "A"],
            "expiration": [
                dt.date(2026, 1, 16),
                dt.date(2026, 1, 16),
                None,
                dt.date(2026, 1, 16),
                dt.date(2026, 1, 16),
            ],
            "side": ["call", "P", "put", "call", "straddle"],
            "strike": pl.Series([100.33, 0.0, 1.0, 1.0, 1.0], dtype=pl.Float32),
            "bid": [1.0, 1.0, 1.0, 1.0, 1.0],
            "ask": [1.0, 1.0, 1.0, 1.0, 1.0],
        }
    )
    chain = build_chain(frame)
    assert chain.strike.tolist() == [100.33]
    assert chain.malformed["why"].to_list() == [
        "no strike",
        "no such day",
        "no underlying named",
        "neither call nor put",
    ]
    assert len(chain) + chain.malformed.height == frame.height


def test_a_frame_without_quotes_is_no_chain() -> None:
    with pytest.raises(OptionError, match="without ask, bid"):
        build_chain(pl.DataFrame({"symbol": ["AAPL260116C00150000"]}))


def test_an_empty_frame_is_an_empty_chain() -> None:
    chain = build_chain(_frame([]))
    assert (len(chain), chain.slices, chain.underlyings, chain.starts.tolist()) == (0, 0, (), [0])
