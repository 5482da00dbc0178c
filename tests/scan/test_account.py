"""What one account has room for, as properties over random lists and by hand."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapescan
from tapescan.core.errors import FileError, OptionError
from tapescan.core.labels import Labels
from tapescan.core.typing import Floats, Ints
from tapescan.history.market import Market
from tapescan.scan import account
from tapescan.scan.account import REASONS, Fitted, Fitting, Rows, fit_account
from tapescan.scan.profile import Portfolio, Risk, load_profile
from tapescan.scan.tradeplan import LIMITS, TradePlan

RISK = Risk(account=100_000.0)


def plan(entry: Floats, lost: Floats, shares: Floats) -> TradePlan:
    return TradePlan(
        entry=entry,
        stop=entry - lost,
        target=entry + 2.0 * lost,
        shares=shares,
        dollars=shares * entry,
        risk=shares * lost,
        limit=Labels(LIMITS, np.zeros(len(entry), dtype=np.int64)),
    )


def alone(count: int, **given: object) -> Rows:
    known: dict[str, object] = {
        "order": np.arange(count),
        "long": np.ones(count, dtype=bool),
        "sector": np.arange(count),
        "beta": np.zeros(count),
    }
    return Rows(**(known | given))  # type: ignore[arg-type]


def fitted(rows: Rows, portfolio: Portfolio, held: tuple[int, ...] = ()) -> tuple[list[float], list[str]]:
    count = len(rows.order)
    found = fit_account(
        rows, plan(np.full(count, 10.0), np.ones(count), np.full(count, 1000.0)), portfolio, RISK, held
    )
    return found.shares.tolist(), found.limit.values.tolist()


WIDE = Portfolio(max_heat=1.0, max_gross=10.0, max_sector=10.0, max_beta=100.0)


def test_each_limit_binds_by_hand() -> None:
    # Each row is $10,000 of shares that lose $1,000 at their stops.
    rows = alone(5)
    assert fitted(rows, WIDE) == ([1000.0] * 5, [""] * 5)
    with_heat = msgspec.structs.replace(WIDE, max_heat=0.026)
    assert fitted(rows, with_heat) == ([1000.0, 1000.0, 600.0, 0.0, 0.0], ["", "", "heat", "heat", "heat"])
    with_gross = msgspec.structs.replace(WIDE, max_gross=0.24)  # what is left is less than half of a plan
    assert fitted(rows, with_gross) == ([1000.0, 1000.0, 0.0, 0.0, 0.0], ["", "", "gross", "gross", "gross"])
    sectors = alone(4, sector=np.array([7, 7, 8, 7]))
    with_sector = msgspec.structs.replace(WIDE, max_sector=0.15)
    assert fitted(sectors, with_sector) == ([1000.0, 500.0, 1000.0, 0.0], ["", "sector", "", "sector"])
    assert fitted(alone(2, sector=np.array([3, 3]), unknown_sector=3), with_sector)[1] == ["", ""]
    betas = alone(3, beta=np.array([2.0, np.nan, 2.0]))
    assert fitted(betas, msgspec.structs.replace(WIDE, max_beta=0.3))[0] == [1000.0, 1000.0, 500.0]
    # A short makes room for the market's moves of a long.
    both = alone(3, beta=np.array([2.0, 2.0, 2.0]), long=np.array([True, False, True]))
    assert fitted(both, msgspec.structs.replace(WIDE, max_beta=0.3)) == ([1000.0] * 3, [""] * 3)


def test_a_row_has_its_turn_once_whoever_asks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count, take = 60, account._Room.take
    plans = plan(np.full(count, 10.0), np.ones(count), np.full(count, 1000.0))
    limits = msgspec.structs.replace(WIDE, max_heat=0.4)  # room for forty of them
    whole = fit_account(alone(count), plans, limits, RISK)

    def slow(room: account._Room, place: int) -> tuple[float, int]:
        time.sleep(0.0002)  # the others' turn
        return take(room, place)

    monkeypatch.setattr(account._Room, "take", slow)
    some = Fitting(alone(count), plans, limits, RISK)
    with ThreadPoolExecutor(4) as asking:
        found = [*asking.map(some.upto, [count] * 4)]
    assert found[0].shares.tolist() == whole.shares.tolist()


@given(st.data())
def test_the_first_rows_are_the_same_however_far_down_somebody_asks(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 30))
    draw = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    order = draw.permutation(count)
    rows = alone(count, order=order, sector=draw.integers(0, 4, count), beta=draw.normal(1.0, 0.5, count))
    shares = np.where(draw.random(count) < 0.2, np.nan, draw.integers(0, 2000, count).astype(float))
    plans = plan(np.full(count, 10.0), np.ones(count), shares)
    limits = Portfolio(max_heat=float(draw.uniform(0.005, 0.2)), keep=5)
    held = data.draw(st.lists(st.integers(0, count - 1), max_size=3, unique=True))
    whole = fit_account(rows, plans, limits, RISK, held)
    some = Fitting(rows, plans, limits, RISK, held)
    for asked in data.draw(st.lists(st.integers(0, count), min_size=1, max_size=4)):
        found, first = some.upto(asked), order[:asked]
        assert np.array_equal(found.shares[first], whole.shares[first], equal_nan=True)
        assert found.limit.codes[first].tolist() == whole.limit.codes[first].tolist()


def test_what_moves_alike_is_taken_once_a_side() -> None:
    random = np.random.default_rng(3)
    moves = random.normal(0.0, 0.01, (64, 4))
    moves[:, 2] = moves[:, 0] + random.normal(0.0, 0.001, 64)
    moves[:, 3] = moves[:, 0]
    closes = 50.0 * np.exp(np.cumsum(moves, axis=0))

    def recent(places: Ints, bars: int) -> Floats:
        return closes[-bars:, places]

    rows = alone(4, recent=recent, long=np.array([True, True, True, False]))
    assert fitted(rows, WIDE)[1] == ["", "", "alike", ""]
    assert fitted(rows, msgspec.structs.replace(WIDE, max_correlation=1.0))[1] == [""] * 4

    def short(places: Ints, bars: int) -> Floats:
        found = closes[-bars:, places].copy()
        found[:-30] = np.nan
        return found

    assert fitted(alone(4, recent=short), WIDE)[1] == [""] * 4


def test_who_is_held_comes_first_while_it_ranks_well() -> None:
    limits = msgspec.structs.replace(WIDE, max_gross=0.2, keep=4)
    assert fitted(alone(6), limits)[0] == [1000.0, 1000.0, 0.0, 0.0, 0.0, 0.0]
    assert fitted(alone(6), limits, held=(3,))[0] == [1000.0, 0.0, 0.0, 1000.0, 0.0, 0.0]
    assert fitted(alone(6), limits, held=(4, 5))[0] == [1000.0, 1000.0, 0.0, 0.0, 0.0, 0.0]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60))
def test_no_limit_is_ever_passed(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    entry = np.exp(random.uniform(0.0, 6.0, count))
    lost = entry * random.uniform(0.005, 0.3, count)
    shares = np.floor(random.uniform(0.0, 20_000.0, count) / entry)
    shares[random.random(count) < 0.1] = np.nan
    long = random.random(count) < 0.7
    beta = np.where(random.random(count) < 0.1, np.nan, random.normal(1.0, 0.6, count))
    sector = random.integers(0, 4, count)
    order = random.permutation(count)[: random.integers(0, count + 1)]
    limits = Portfolio(
        max_heat=random.uniform(0.005, 0.2),
        max_gross=random.uniform(0.1, 2.0),
        max_sector=random.uniform(0.05, 1.0),
        max_beta=random.uniform(0.1, 2.0),
    )
    held = tuple(random.integers(0, count, 3).tolist())
    found: Fitted = fit_account(Rows(order, long, sector, beta), plan(entry, lost, shares), limits, RISK, held)
    took = np.nan_to_num(found.shares)
    room = 1.0 + 1e-9
    assert (took * lost).sum() <= limits.max_heat * RISK.account * room
    assert (took * entry).sum() <= limits.max_gross * RISK.account * room
    assert np.bincount(sector, took * entry, 4).max() <= limits.max_sector * RISK.account * room
    moves = (np.where(long, 1.0, -1.0) * np.nan_to_num(beta) * entry * took).sum()
    assert abs(moves) <= limits.max_beta * RISK.account * room
    ranked = np.zeros(count, dtype=bool)
    ranked[order] = True
    assert (np.isnan(found.shares) == (np.isnan(shares) | ~ranked)).all()
    fewer = ranked & (took < np.nan_to_num(shares))
    assert ((found.limit.codes > 0) == fewer).all()
    assert (took[fewer & (took > 0)] >= 0.5 * shares[fewer & (took > 0)]).all()
    assert set(found.limit.values[ranked].tolist()) <= set(REASONS)


def test_the_rows_of_a_scan_fit_one_account(inputs: Market) -> None:
    profile = load_profile("swing")
    found = tapescan.scan_market(inputs, profile=profile, models=False).ranked
    took = found.filter(found["account_shares"] > 0)
    assert 3 <= len(took) < len(found)
    assert (took["account_shares"] * took["entry"]).sum() <= profile.risk.account
    lost = took["account_shares"] * (took["entry"] - took["stop"])
    assert lost.sum() <= profile.portfolio.max_heat * profile.risk.account * (1.0 + 1e-9)
    full = found.filter(found["shares"] > found["account_shares"])
    assert (full["account_limit"] != "").all()


def test_what_is_held_stays_or_leaves_and_says_so(inputs: Market) -> None:
    plain = tapescan.scan_market(inputs, models=False)
    keep = load_profile("swing").portfolio.keep
    last, beyond = plain.ranked["symbol"][keep - 1], plain.ranked["symbol"][keep]
    dropped = plain.frame.filter(plain.frame["dropped"] == "illiquid")["symbol"][0]
    found = tapescan.scan_market(inputs, models=False, held=f"{last.lower()}, {beyond} {dropped} NOTHERE")
    (note,) = [one for one in found.notes if one.startswith("of what is held")]
    assert f"stay, among the best {keep}: {last} (rank {keep})" in note
    assert f"{beyond} (rank {keep + 1})" in note
    assert f"{dropped} (illiquid)" in note
    assert "NOTHERE (not in this market)" in note
    assert found.ranked["account_shares"][keep - 1] > 0
    assert found.provenance["held"] == [last, beyond, dropped, "NOTHERE"]
    assert found.symbols == plain.symbols
    with pytest.raises(FileError, match="is no symbol"):
        tapescan.scan_market(inputs, models=False, held="A!B")
    with pytest.raises(OptionError, match="there is no list"):
        tapescan.scan_market(inputs, models=False, held="list:nothing")
