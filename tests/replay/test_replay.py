"""A whole replay: nothing later than its end is in it, what cannot be replayed is refused, what is done is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

import tapescan
from tapescan.core.errors import InputError
from tapescan.replay import picking
from tapescan.replay.result import ReplayResult
from tapescan.scan.pipeline import rank
from tapescan.scan.profile import Profile, Weights
from tapescan.scan.request import prepare
from tapescan.scan.result import ScanResult
from tapescan.store import Store
from tests.commands import one_line
from tests.commands import tapescan as command
from tests.replay.worlds import World, world

#: From which day on there are sessions with picks.
START = "2025-09-01"

ASKED: dict[str, Any] = {"where": "close[1] > sma_20[1] OR rsi_2 < 30", "top": 5, "hold": 5}


@pytest.fixture(scope="module")
def made() -> World:
    seed = 6
    found = world(symbols=90, sessions=400, seed=seed).with_splits(seed, many=30).with_faults(seed).with_holes(seed)
    return found.with_taken_tickers(seed).with_listings(seed)


@pytest.fixture(scope="module")
def store(made: World, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return made.stored(tmp_path_factory.mktemp("replay") / "s")


@pytest.fixture(scope="module")
def whole(store: Store) -> ReplayResult:
    return tapescan.replay_market(store, **ASKED, verify=4)


# --- no look-ahead --------------------------------------------------------------------------------------------

#: What a pick was on its day, whatever came after.
SELECTED = ("session", "rank", "symbol", "sector", "score", "side", "close", "entry", "stop", "target", "shares")


def cut_of(made: World, day: Any, folder: Path) -> Store:
    listing = made.listing.filter(pl.col("as_of") <= day)
    # A listing of the day does not know yet who will be delisted.
    later = pl.col("delisted") > day
    listing = listing.with_columns(delisted=pl.when(later).then(None).otherwise("delisted"))
    until = made.until(day)
    store = Store(folder)
    tapescan.import_bars(until.bars, until.splits, until.dividends, listing, store=store)
    return store


@pytest.mark.long
@pytest.mark.parametrize(("at", "plan"), [(300, False), (330, True)])
def test_a_replay_up_to_a_day_is_one_of_a_store_that_ends_there(
    made: World, tmp_path: Path, at: int, plan: bool
) -> None:
    day = made.days[at]
    split = made.splits.filter(pl.col("ex_date") > day)["symbol"]
    cut = tapescan.replay_market(cut_of(made, day, tmp_path / "cut"), **ASKED, plan=plan)
    # A store of its own: how many screens were tried on it is part of the verdict.
    upto = tapescan.replay_market(made.stored(tmp_path / "whole"), **ASKED, plan=plan, end=day)
    assert {*split} & {*cut.picks["symbol"]}
    assert upto.picks.equals(cut.picks, null_equal=True)
    assert upto.daily.equals(cut.daily, null_equal=True)
    ours, theirs = ({**one.to_dict(), "provenance": None} for one in (upto, cut))
    assert ours == theirs


@pytest.mark.long
@pytest.mark.parametrize("at", [250, 330])
def test_later_sessions_change_no_pick_and_no_return_that_was_known(
    made: World, whole: ReplayResult, tmp_path: Path, at: int
) -> None:
    day = made.days[at]
    cut = tapescan.replay_market(cut_of(made, day, tmp_path / "cut"), **ASKED)
    before = whole.picks.filter(pl.col("session") <= day)
    assert before.select(SELECTED).equals(cut.picks.select(SELECTED), null_equal=True)
    known = cut.picks["forward"].is_not_null()
    assert known.sum() > 100
    np.testing.assert_allclose(
        before.filter(known)["forward"].to_numpy(), cut.picks.filter(known)["forward"].to_numpy(), atol=1e-12
    )
    left = cut.picks["exit_reason"].is_in(["time", "stop", "target"])
    assert before.filter(left)["exit_reason"].equals(cut.picks.filter(left)["exit_reason"])
    np.testing.assert_allclose(before.filter(left)["net"], cut.picks.filter(left)["net"], atol=1e-12)


def test_drawn_sessions_are_scanned_anew(whole: ReplayResult) -> None:
    assert whole.verified is not None
    assert len(whole.verified.sessions) == 4
    assert whole.verified.differing == ()


@pytest.mark.long
def test_what_is_held_stays_while_it_ranks_well(store: Store) -> None:
    """By the ranks alone: a cohort's picks are those of the one before that rank among 12, and the best others."""
    asked: dict[str, Any] = {"profile": "swing", "hold": 4, "every": 2, "models": False}
    ranked = tapescan.replay_market(store, **asked, top=40).picks
    found = tapescan.replay_market(store, **asked, top=5, keep=12)
    plain = tapescan.replay_market(store, **asked, top=5)
    before: list[set[str]] = []
    for session in ranked["session"].unique(maintain_order=True):
        order = ranked.filter(session=session)["symbol"].to_list()
        stay = [one for one in order[:12] if len(before) >= 2 and one in before[-2]][:5]
        others = [one for one in order if one not in stay]
        expected = sorted([*stay, *others[: 5 - len(stay)]], key=order.index)
        own = found.picks.filter(session=session)
        assert own["symbol"].to_list() == expected
        assert own["rank"].to_list() == [order.index(one) + 1 for one in expected]
        before.append(set(expected))
    assert found.statistics.held.replaced < plain.statistics.held.replaced
    same = ranked.join(found.picks, on=["session", "symbol"], how="semi")
    assert same.select(SELECTED).equals(found.picks.select(SELECTED), null_equal=True)


def test_a_session_that_is_another_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check can fail."""

    def other(section: Any, request: Any) -> ScanResult:
        section.features.values[section.places["close"]] *= 1.0 + 1e-15
        return rank(section, request)

    monkeypatch.setattr(picking, "rank", other)
    found = tapescan.replay_market(store, **ASKED, verify=3, every=20)
    assert found.verified is not None
    assert found.verified.differing


# --- what is not computed -------------------------------------------------------------------------------------


def one_factor(name: str) -> Profile:
    swing = tapescan.load_profile("swing")
    return msgspec.structs.replace(swing, weights=Weights(**{name: 1.0}), name="one")


BARE: dict[str, dict[str, Any]] = {
    "a profile": {"profile": "swing"},
    "one factor": {"profile": one_factor("liquidity"), **ASKED, "rank_by": "roc_5 asc"},
    "a factor of no weight in a screen": {"profile": one_factor("trend"), "where": "factor_momentum > 0"},
    "and in an order": {"profile": one_factor("trend"), "rank_by": "score_reversal + factor_volatility"},
}


@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("name", BARE)
def test_what_nothing_hangs_on_changes_no_pick(store: Store, name: str) -> None:
    """Who verifies has all columns computed."""
    every, bare = (tapescan.replay_market(store, **BARE[name], start=START, verify=verify) for verify in (1, 0))
    assert len(every.picks) > 100
    assert bare.picks.equals(every.picks, null_equal=True)
    assert bare.daily.equals(every.daily, null_equal=True)


def test_only_the_factors_of_the_score_are_computed() -> None:
    asked = prepare(one_factor("liquidity"), where="rsi_2 < 10", rank_by="roc_5 asc")
    bare = asked.bare(picking.PICKING)
    assert bare.factors == ("liquidity",)
    assert len(bare.plan.names) * 2 < len(asked.plan.names)
    assert {"rsi_2", "roc_5", "atr_14", *picking.PICKING} <= {*bare.plan.names}


# --- what is refused ------------------------------------------------------------------------------------------


def files_of(folder: Path) -> list[str]:
    # What is kept of a store to read it faster is no result.
    return sorted(str(one) for one in folder.rglob("*") if ".kept" not in one.parts)


REFUSED: dict[str, tuple[list[str], str]] = {
    "a screen that never matches": (["--where", "close < 0"], "--where: nobody satisfies it on any of 400 sessions"),
    "days after the data": (["--from", "2030-01-01"], "--from: there is no session from 2030-01-01 on: the bars are"),
    "days before the data": (["--to", "2001-01-01"], "--to: 2001-01-01 lies before the first bar"),
    "a window between sessions": (
        ["--from", "2025-07-04", "--to", "2025-07-06"],
        "there is no session from 2025-07-04",
    ),
    "an end before the beginning": (["--from", "2025-06-02", "--to", "2025-06-01"], "--from: 2025-06-02 lies after"),
    "what is no date": (["--from", "June"], "--from: 'June' is no date"),
    "months that never match": (["--where", "monthly.close < 0"], "--where: nobody satisfies it on any of 400"),
    "a profile that is not there": (["--profile", "swwing"], "unknown profile 'swwing'"),
    "a screen that is not there": (["--screen", "turtles"], "unknown screen 'turtles'"),
    "a column that is not there": (["--where", "clos > 3"], "--where: unknown name 'clos'"),
    "an order that is not there": (["--rank-by", "clos"], "--rank-by: unknown name 'clos'"),
    "a file of another kind": (["--output", "picks.json"], "--output picks.json; give a name that ends in .parquet"),
    "another file of another kind": (["--daily", "daily.txt"], "--daily daily.txt; give a name that ends in"),
    "trades in a file of another kind": (["--trades", "t.txt"], "--trades t.txt; give a name that ends in .parquet"),
    "no picks": (["--top", "0"], "'--top'"),
    "no sessions": (["--hold", "0"], "'--hold'"),
    "a reward for trading": (["--cost", "-1"], "'--cost'"),
}


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_replayed_is_one_line(made: World, tmp_path: Path, name: str) -> None:
    words, said = REFUSED[name]
    stored = Store(tmp_path / "s")
    some = made.bars.filter(pl.col("symbol").is_in(made.whole[:12]))
    tapescan.import_bars(some, made.splits, store=stored)
    before = files_of(tmp_path)
    output = [] if "--output" in words else ["--output", str(tmp_path / "picks.csv")]
    done = command("replay", "--store", str(tmp_path / "s"), *output, *words, cwd=tmp_path)
    assert said in one_line(done)
    assert files_of(tmp_path) == before


def test_a_store_that_is_not_there_or_has_one_session(made: World, tmp_path: Path) -> None:
    said = one_line(command("replay", "--store", str(tmp_path / "none")))
    assert "there is no store at" in said
    one = Store(tmp_path / "one")
    tapescan.import_bars(made.bars.filter(session=made.days[-1]), store=one)
    before = files_of(tmp_path)
    said = one_line(command("replay", "--store", str(tmp_path / "one")))
    assert "nobody satisfies the filters of profile swing on any of 1 session;" in said
    assert files_of(tmp_path) == before


@pytest.mark.parametrize(
    "asked", [{"top": 0}, {"hold": 0}, {"every": 0}, {"cost": -1.0}, {"verify": -1}, {"keep": 4}]
)
def test_numbers_that_make_no_sense(store: Store, asked: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(asked))} is"):
        tapescan.replay_market(store, **{**ASKED, **asked})


# --- trades ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [False, True])
def test_every_trade_has_its_days_and_prices(made: World, store: Store, plan: bool) -> None:
    """Those of the bars: entered at the next session's open, left when and where the bars say."""
    found = tapescan.replay_market(store, **ASKED, plan=plan, start=made.days[250])
    rows, picks = found.traded, found.picks
    assert len(rows) == picks["fill"].is_in(["filled", "unfinished"]).sum() > 200
    days = dict(zip(made.days, made.days[1:], strict=False))
    assert rows["entry_day"].to_list() == [days[day] for day in rows["session"]]
    number = {day: at for at, day in enumerate(made.days)}
    held = [number[left] - number[entered] + 1 for entered, left in rows.select("entry_day", "exit_day").rows()]
    assert rows["held"].to_list() == held
    # Of symbols that were never split a bar's prices are those that it was given with.
    bars = made.bars.filter(~pl.col("symbol").is_in(made.splits["symbol"].implode()))
    entered = rows.join(bars, left_on=["symbol", "entry_day"], right_on=["symbol", "session"])
    assert len(entered) > 60
    assert entered["fill_price"].to_list() == entered["open"].to_list()
    left = rows.join(bars, left_on=["symbol", "exit_day"], right_on=["symbol", "session"])
    by_time = left.filter(exit_reason="time", held=found.statistics.hold)
    assert by_time["exit_price"].to_list() == by_time["close"].to_list()
    assert left.filter((pl.col("exit_price") > pl.col("high")) | (pl.col("exit_price") < pl.col("low"))).is_empty()
    if plan:
        at_stop = left.filter(pl.col("exit_reason") == "stop", pl.col("open") > pl.col("stop"), side="long")
        assert len(at_stop) > 10
        assert at_stop["exit_price"].to_list() == at_stop["stop"].to_list()
    else:
        assert rows.select("stop", "target", "r").null_count().row(0) == (len(rows),) * 3
        assert {*rows["exit_reason"]} <= {"time", "delisted", ""}


# --- interrupted ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["between two", "while one is written down"])
def test_an_interruption_keeps_what_is_done(
    store: Store, whole: ReplayResult, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    done, (name, last_one) = 0, ("rank", 220) if where == "between two" else ("draw_matched", 60)
    own = getattr(picking, name)

    def interrupted(*given: Any) -> Any:
        nonlocal done
        done += 1
        if done == last_one:
            raise KeyboardInterrupt
        return own(*given)

    monkeypatch.setattr(picking, name, interrupted)
    found = tapescan.replay_market(store, **ASKED)
    assert found.partial
    assert "broken off" in " ".join(found.notes)
    last = found.picks["session"].max()
    assert found.picks["session"].n_unique() > 20
    expected = whole.picks.filter(pl.col("session") <= last)
    assert found.picks.select(SELECTED).equals(expected.select(SELECTED), null_equal=True)
    # What came after the last session that was replayed is known all the same.
    assert found.picks["forward"].equals(expected["forward"], null_equal=True)


def test_an_interruption_before_anything_is_done_is_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(picking, "rank", interrupted)
    with pytest.raises(KeyboardInterrupt):  # of another replay than was broken off before, which has pieces by now
        tapescan.replay_market(store, **{**ASKED, "top": 7})
