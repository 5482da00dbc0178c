"""Without a store there are options too: of the simulated market's own surfaces, made when something reads them."""

from __future__ import annotations

import datetime as dt
import pickle

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import tapescan
from tapescan.core.dates import date_of
from tapescan.history.late_rows import Facts, LateRows
from tapescan.history.market import market_of_simulated
from tapescan.market.option_measures import LEAST_SESSIONS
from tapescan.scan.pipeline import prepare, run
from tapescan.scan.profile import load_profile
from tapescan.simulation.market import SimulatedMarket, simulate
from tests.commands import tapescan as command

SWING = load_profile("swing")
ASKED = ("iv_30", "iv_rank_252", "iv_percentile_252", "vrp_20", "skew_25d_30", "gex", "option_volume_ratio_20")


@pytest.fixture(scope="module")
def simulated() -> SimulatedMarket:
    return simulate(symbols=500, sessions=300)


def test_a_scan_shows_what_options_say(simulated: SimulatedMarket) -> None:
    found = tapescan.scan_market(simulated, where="iv_percentile_252 > 50 AND vrp_20 > -1", features=ASKED)
    ranked = found.frame.filter(found.frame["rank"].is_not_null())
    assert len(ranked) > 30
    assert all(ranked[name].null_count() == 0 for name in ASKED)
    assert ranked["iv_percentile_252"].min() > 50  # type: ignore[operator]
    assert 0.05 < ranked["iv_30"].median() < 1.5  # type: ignore[operator]
    assert any("SIMULATED" in note for note in found.notes)


def test_a_scan_that_asks_for_none_draws_none(simulated: SimulatedMarket) -> None:
    market = market_of_simulated(simulated)
    assert isinstance(market.options, LateRows)
    run(market, prepare(SWING))
    assert "rows" not in market.options.__dict__
    run(market, prepare(SWING, where="iv_30 > 0"))
    assert "rows" in market.options.__dict__
    again = pickle.loads(pickle.dumps(LateRows(market.options.make)))  # noqa: S301 (our own)
    assert_frame_equal(again.rows, market.options.rows, check_exact=True)


def test_to_ask_whether_there_are_rows_makes_none() -> None:
    def make() -> None:
        raise AssertionError

    facts = Facts({"options": LateRows(make), "statements": None})  # type: ignore[arg-type]
    assert "options" in facts
    assert [*facts] == ["options"]


def test_a_replay_sees_each_session_as_a_scan_of_it_does(simulated: SimulatedMarket) -> None:
    start = date_of(int(simulated.surfaces.days[-25]))
    found = tapescan.replay_market(
        simulated,
        where="iv_percentile_252 > 40 AND gex > 0",
        rank_by="iv_rank_252 desc",
        start=start,
        top=5,
        verify=4,
    )
    assert found.verified is not None
    assert not found.verified.differing
    assert len(found.picks) > 50


def test_rank_and_percentile_need_their_sessions(simulated: SimulatedMarket) -> None:
    for sessions, known in ((LEAST_SESSIONS - 1, False), (LEAST_SESSIONS, True)):
        day = date_of(int(simulated.surfaces.days[sessions - 1]))
        rows = market_of_simulated(simulated, day).option_rows
        assert rows is not None
        assert rows["iv_30"].count() > 100
        assert (rows["iv_rank_252"].count() > 100) == known


def test_what_is_known_of_a_day_hangs_on_none_after_it(simulated: SimulatedMarket) -> None:
    """The bars after a day may be anything."""
    day = date_of(int(simulated.surfaces.days[-30]))
    whole = market_of_simulated(simulated, day).option_rows
    cut = SimulatedMarket(
        simulated.bars.filter(simulated.bars["session"] <= day),
        *(
            getattr(simulated, name)
            for name in ("splits", "dividends", "listing", "seed", "truth", "sessions", "end")
        ),
    )
    own = market_of_simulated(cut, day).option_rows
    assert whole is not None
    assert own is not None
    assert_frame_equal(whole, own, check_exact=True)


@pytest.mark.long
def test_the_command_line_has_them_out_of_the_box() -> None:
    done = command("scan", "--where", "iv_percentile_252 > 80 AND vrp_20 > 0", "--features", "iv_30", "--top", "3")
    assert done.returncode == 0
    assert "iv_30" in done.stdout
    assert "SIMULATED" in done.stdout


def test_a_plan_of_a_simulated_market_is_expressed_by_its_own_chain(simulated: SimulatedMarket) -> None:
    """Also of a past day; and the rows of a scan are those of each symbol alone."""
    day = simulated.end - dt.timedelta(days=40)
    for as_of in (None, day):
        scanned = tapescan.scan_market(simulated, as_of=as_of, express=True, models=False)
        best = scanned.best(40).filter(pl.col("expression").is_not_null())
        assert len(best) > 2
        row = best.row(0, named=True)
        found = tapescan.express_plan(row["symbol"], simulated, as_of=as_of, models=False)
        assert found.session == scanned.as_of
        first = next(one for one in found.expressions if one.legs and one.rank)
        assert (str(first), first.size) == (row["expression"], row["expression_size"])
        assert found.spot == pytest.approx(row["close"], rel=0.02)
