"""A value or a reason for every contract: known markets come back, planted defects are told apart."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tapescan.core.typing import Floats
from tapescan.options.analysis import REASONS, Analysis, analyse
from tapescan.options.chains import Chain, build_chain
from tapescan.options.dividends import Dividends, dividends_of, no_dividends
from tapescan.options.rates import Curve
from tests.options.markets import LONGER, MONTH, NOW, YEAR, both_sides, quotes, smirk
from tests.options.oracles import Case, american_price
from tests.options.pricing import values

RATE = 0.045
CURVE = Curve.flat(RATE)
STRIKES = [float(one) for one in range(70, 145, 5)]
PAID = ((20, 0.7), (111, 0.7), (202, 0.7), (293, 0.7))


def _cases(name: str) -> list[Case]:
    paid = PAID if name == "PAY" else ()
    bases = [Case(100.0, 100.0, False, days, 0.3, RATE, 0.01, paid) for days in (MONTH, LONGER, YEAR)]
    return [case for base in bases for case in both_sides(base, STRIKES, smirk)]


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    """Two names, of which PAY pays dividends and GROW does not."""
    return pl.concat([quotes(name, _cases(name)) for name in ("GROW", "PAY")])


def _dividends() -> Dividends:
    when = np.array([day / 365 for day, _ in PAID])
    return Dividends(np.array([0, 0, 4]), when, np.array([amount for _, amount in PAID]))


def _analysed(frame: pl.DataFrame, spots: Floats | None = None) -> tuple[Chain, Analysis]:
    chain = build_chain(frame)
    return chain, analyse(chain, np.array([100.0, 100.0]) if spots is None else spots, _dividends(), CURVE, NOW)


def _by_row(chain: Chain, values: Floats, rows: int) -> Floats:
    out = np.full(rows, np.nan)
    out[chain.row] = values
    return out


def test_a_known_market_comes_back(frame: pl.DataFrame) -> None:
    chain, found = _analysed(frame)
    truth = np.array([case.vol for name in ("GROW", "PAY") for case in _cases(name)])
    iv, error = _by_row(chain, found.iv, len(truth)), _by_row(chain, found.uncertainty, len(truth))
    ok = _by_row(chain, found.reason, len(truth)) == 0
    assert ok.mean() > 0.7
    # In units of how uncertain a quote of two cents is.
    share = np.abs(iv - truth)[ok] / error[ok]
    assert np.quantile(share, 0.9) < 0.05
    assert share.max() < 0.25
    smile = _by_row(chain, found.smile, len(truth))
    z = np.log(frame["strike"].to_numpy() / 100.0)
    near = np.abs(z) < 0.15
    assert np.abs(smile - truth)[near].max() < 2e-3
    assert found.carry == pytest.approx(np.full(6, RATE - 0.01), abs=2e-4)
    assert set(found.counts()) == set(REASONS)
    assert found.counts()["off_smile"] == 0
    assert (found.iv_bid < found.iv)[np.isfinite(found.iv_bid)].all()


def test_call_and_put_of_a_strike_have_one_volatility(frame: pl.DataFrame) -> None:
    chain, found = _analysed(frame)
    both = np.flatnonzero(~chain.put & (found.reason == 0))
    both = both[found.reason[both + 1] == 0]
    assert len(both) > 20
    gap = np.abs(found.iv[both] - found.iv[both + 1])
    assert (gap < 1e-4 + 0.1 * (found.uncertainty[both] + found.uncertainty[both + 1])).all()


def _planted(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[int, str]]:
    """Defects of real chains, and the rows that have them."""
    base = {"underlying": "GROW", "expiration": dt.date(2026, 10, 16), "root": "GROW"}
    rows: list[tuple[str, dict[str, object]]] = [
        ("no_quote", {"side": "call", "strike": 101.0, "bid": 0.0, "ask": 0.0}),
        ("no_quote", {"side": "put", "strike": 101.0, "bid": None, "ask": None}),
        ("no_quote", {"side": "put", "strike": 104.0, "bid": 1.0, "ask": None}),
        ("no_bid", {"side": "call", "strike": 180.0, "bid": 0.0, "ask": 0.05}),
        ("no_bid", {"side": "call", "strike": 181.0, "bid": None, "ask": 0.05}),
        ("crossed", {"side": "call", "strike": 102.0, "bid": 4.0, "ask": 3.9}),
        ("crossed", {"side": "call", "strike": 103.0, "bid": 4.0, "ask": 0.0}),
        ("below_intrinsic", {"side": "call", "strike": 60.0, "bid": 39.0, "ask": 39.5}),
        ("below_intrinsic", {"side": "put", "strike": 150.0, "bid": 49.8, "ask": 50.2}),
        ("above_bound", {"side": "call", "strike": 99.0, "bid": 100.0, "ask": 101.0}),
        # Of before a split: the stock fell from 1000 to 100, the strikes did not.
        ("above_bound", {"side": "call", "strike": 1000.0, "bid": 100.0, "ask": 110.0}),
        ("uninformative", {"side": "put", "strike": 139.0, "bid": 36.0, "ask": 45.0}),
        ("off_smile", {"side": "put", "strike": 112.0, "bid": 19.9, "ask": 20.1}),
        ("off_smile", {"side": "put", "strike": 530.0, "bid": 445.0, "ask": 446.0}),
        ("nonstandard", {"side": "call", "strike": 100.0, "bid": 9.0, "ask": 9.1, "root": "GROW1"}),
        ("nonstandard", {"side": "call", "strike": 100.0, "bid": 9.0, "ask": 9.1, "root": "OTHER"}),
        ("stale", {"side": "call", "strike": 100.0, "bid": 9.0, "ask": 9.1, "expiration": dt.date(2026, 8, 20)}),
        ("no_forward", {"side": "call", "strike": 100.0, "bid": 9.0, "ask": 9.1, "expiration": dt.date(2026, 9, 25)}),
        ("no_underlying", {"side": "call", "strike": 9.0, "bid": 1.0, "ask": 1.1, "underlying": "X", "root": "X"}),
    ]
    added = pl.DataFrame([{**base, **row} for _, row in rows], schema=frame.schema)
    return pl.concat([frame, added]), {frame.height + place: why for place, (why, _) in enumerate(rows)}


def test_every_planted_defect_has_its_own_reason_and_harms_no_other_contract(frame: pl.DataFrame) -> None:
    spoilt, rows = _planted(frame)
    chain = build_chain(spoilt)
    dividends = Dividends(np.array([0, 0, 4, 4]), *_dividends()[1:])
    found = analyse(chain, np.array([100.0, 100.0, np.nan]), dividends, CURVE, NOW)
    reasons = _by_row(chain, found.reason, spoilt.height)
    assert {row: REASONS[int(reasons[row])] for row in rows} == rows
    assert sum(found.counts().values()) + chain.malformed.height == spoilt.height
    plain_chain, plain = _analysed(frame)
    for name in ("iv", "delta", "reason"):
        before = _by_row(plain_chain, getattr(plain, name), frame.height)
        after = _by_row(chain, getattr(found, name), spoilt.height)[: frame.height]
        assert before.tobytes() == after.tobytes(), name
    # The smile is what may feel them, and hardly does.
    smile = np.abs(
        _by_row(chain, found.smile, spoilt.height)[: frame.height] - _by_row(plain_chain, plain.smile, frame.height)
    )
    assert smile.max() < 2e-3


def test_values_are_there_where_the_reason_says_so(frame: pl.DataFrame) -> None:
    spoilt, _ = _planted(frame)
    chain = build_chain(spoilt)
    found = analyse(chain, np.array([100.0, 100.0, np.nan]), no_dividends(3), CURVE, NOW)
    known = np.isin(found.reason, [REASONS.index("ok"), REASONS.index("off_smile")])
    for name in ("iv", "uncertainty", "delta", "gamma", "vega", "theta", "rho"):
        assert (np.isfinite(getattr(found, name)) == known).all(), name


def test_old_quotes_are_stale(frame: pl.DataFrame) -> None:
    moments = [dt.datetime(2026, 8, 21, 19), dt.datetime(2026, 7, 16, 19), None]
    some = frame.with_columns(quoted=pl.Series(moments * (frame.height // 3), dtype=pl.Datetime("us")))
    chain, found = _analysed(some)
    reasons = _by_row(chain, found.reason, frame.height)
    assert (reasons[1::3] == REASONS.index("stale")).all()
    assert not (reasons[0::3] == REASONS.index("stale")).any()
    assert not (reasons[2::3] == REASONS.index("stale")).any()


def test_a_name_alone_has_the_bytes_that_it_has_in_the_market(frame: pl.DataFrame) -> None:
    chain, found = _analysed(frame)
    alone = analyse(chain.part(1, 2), np.array([100.0]), Dividends(np.array([0, 4]), *_dividends()[1:]), CURVE, NOW)
    begin = chain.starts[chain.firsts[1]]
    for name in ("reason", "iv", "iv_bid", "iv_ask", "smile", "delta", "gamma", "vega", "theta", "rho"):
        assert getattr(found, name)[begin:].tobytes() == getattr(alone, name).tobytes(), name


def test_threads_change_no_bytes(frame: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapescan.options.analysis.PIECE", 7)
    chain = build_chain(frame)
    one, many = (
        analyse(chain, np.array([100.0, 100.0]), _dividends(), CURVE, NOW, workers=workers) for workers in (1, 3)
    )
    for name in ("reason", "iv", "iv_bid", "iv_ask", "smile", "delta", "gamma", "vega", "theta", "rho"):
        assert getattr(one, name).tobytes() == getattr(many, name).tobytes(), name


def test_sensitivities_are_of_a_share_a_point_and_a_day(frame: pl.DataFrame) -> None:
    chain, found = _analysed(frame)
    ok = np.flatnonzero((found.reason == 0) & (np.abs(chain.strike - 100.0) < 1.0))
    assert len(ok) == 12
    cases = [case for name in ("GROW", "PAY") for case in _cases(name) if case.strike == 100.0]
    a_point = values([replace(case, vol=case.vol + 0.005) for case in cases]).value
    a_point -= values([replace(case, vol=case.vol - 0.005) for case in cases]).value
    assert found.vega[ok] == pytest.approx(a_point, rel=0.02)
    a_rate = values([replace(case, rate=case.rate + 0.005) for case in cases]).value
    a_rate -= values([replace(case, rate=case.rate - 0.005) for case in cases]).value
    assert found.rho[ok] == pytest.approx(a_rate, rel=0.05, abs=2e-3)
    # A day nearer, with the dividends too.
    nearer = [
        replace(case, days=case.days - 1, dividends=tuple((day - 1, amount) for day, amount in case.dividends))
        for case in cases
    ]
    a_day = np.array([american_price(one) - american_price(case) for one, case in zip(nearer, cases, strict=True)])
    assert found.theta[ok] == pytest.approx(a_day, rel=0.05, abs=1e-3)


def test_index_options_are_european_and_settle_in_the_morning() -> None:
    cases = both_sides(Case(5000.0, 5000.0, False, MONTH, 0.2, RATE, 0.012), [4500.0, 4800.0, 5000.0, 5200.0, 5500.0])
    price = values(cases, early=False).value
    chain = build_chain(quotes("SPXW", cases, price, half=0.05).with_columns(underlying=pl.lit("SPX")))
    found = analyse(chain, np.array([5000.0]), no_dividends(1), CURVE, NOW)
    assert found.counts()["ok"] == len(chain)
    assert found.iv == pytest.approx(np.full(len(chain), 0.2), abs=1e-6)
    assert found.forward == pytest.approx([5000.0 * np.exp((RATE - 0.012) * MONTH / 365)], rel=1e-9)
    morning = build_chain(quotes("SPX", cases, price, half=0.05))
    assert analyse(morning, np.array([5000.0]), no_dividends(1), CURVE, NOW).time == pytest.approx(
        (MONTH - 6.5 / 24) / 365
    )


def test_an_empty_chain_has_no_values() -> None:
    chain = build_chain(pl.DataFrame(schema={"symbol": pl.String, "bid": pl.Float64, "ask": pl.Float64}))
    found = analyse(chain, np.empty(0), no_dividends(0), CURVE, NOW)
    assert sum(found.counts().values()) == 0


def test_dividends_begin_with_their_ex_dates_and_those_of_the_past_are_gone() -> None:
    paid = pl.DataFrame(
        {
            "symbol": ["PAY", "GROW", "PAY", "ELSE", "PAY"],
            "ex_date": [
                dt.date(2026, 9, 18),
                dt.date(2026, 9, 1),
                dt.date(2026, 8, 21),
                dt.date(2026, 9, 1),
                dt.date(2026, 12, 18),
            ],
            "amount": [0.7, 0.1, 0.7, 9.0, 0.7],
        }
    )
    found = dividends_of(paid, ["GROW", "NONE", "PAY"], NOW)
    assert found.firsts.tolist() == [0, 1, 1, 3]
    assert found.amount.tolist() == [0.1, 0.7, 0.7]
    assert found.when[1] * 365 == pytest.approx(28 - 6.5 / 24)


def test_numbers_of_other_underlyings_are_refused(frame: pl.DataFrame) -> None:
    chain = build_chain(frame)
    with pytest.raises(ValueError, match="1 spots for 2 underlyings"):
        analyse(chain, np.array([100.0]), no_dividends(1), CURVE, NOW)
    with pytest.raises(ValueError, match="dividends of 3 underlyings"):
        analyse(chain, np.array([100.0, 100.0]), no_dividends(3), CURVE, NOW)


def test_what_is_left_out_changes_nothing_else(frame: pl.DataFrame) -> None:
    chain = build_chain(frame)
    spots = np.array([100.0, 100.0])
    all_of_it, less = (analyse(chain, spots, _dividends(), CURVE, NOW, whole=whole) for whole in (True, False))
    assert np.isfinite(all_of_it.iv_bid).any()
    for name in ("iv_bid", "iv_ask", "rho"):
        assert np.isnan(getattr(less, name)).all(), name
    for name in ("reason", "iv", "uncertainty", "smile", "delta", "gamma", "vega", "theta", "forward", "carry"):
        assert getattr(less, name).tobytes() == getattr(all_of_it, name).tobytes(), name
