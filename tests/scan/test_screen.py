"""SQL screens: what is understood, and what is answered when it is not."""

from __future__ import annotations

import polars as pl
import pytest

from tapescan.core.errors import ScreenError
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare
from tapescan.scan.screen import parse_ranking, parse_screen

PROFILE = load_profile("swing")


def test_features_are_found_from_the_names() -> None:
    request = prepare(PROFILE, where="close > sma_200 AND rsi_2 < 10 AND sector = 'Energy'", rank_by="ret_42 desc")
    assert request.shown == ("sma_200", "rsi_2", "ret_42")
    assert set(request.shown) <= set(request.plan.names)


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("rsi_14 <", "SQL condition"),
        ("", "SQL condition"),
        ("rsi14 < 10", "rsi_14"),
        ("closee > 5", "close"),
        ("rsi_14 < 10; DROP TABLE x", "';'"),
        ("rsi_14 < 10 AND macd_12_26_9_sgnal > 0", "macd_12_26_9_signal"),
        ("rsi_1 < 10", "from 2 to"),
    ],
)
def test_a_bad_predicate_is_one_clear_line(where: str, says: str) -> None:
    with pytest.raises(ScreenError) as caught:
        prepare(PROFILE, where=where)
    text = str(caught.value)
    assert text.startswith("where: ")
    assert says in text
    assert "\n" not in text


@pytest.mark.parametrize("rank_by", ["rsi_2 upwards", " ", "nonsense_9"])
def test_a_bad_ranking_is_one_clear_line(rank_by: str) -> None:
    with pytest.raises(ScreenError, match="rank_by: "):
        prepare(PROFILE, rank_by=rank_by)


def test_rankings() -> None:
    assert parse_ranking("rsi_2 ASC").ascending
    assert not parse_ranking("score").ascending


def test_unknown_values_never_match() -> None:
    frame = pl.DataFrame({"rsi_2": [5.0, None, 50.0]})
    assert parse_screen("rsi_2 < 10").matches(frame).to_list() == [True, False, False]
    assert parse_screen("NOT rsi_2 < 10").matches(frame).to_list() == [False, False, True]
    assert parse_screen("rsi_2 IS NULL").matches(frame).to_list() == [False, True, False]
    assert parse_screen("1 = 1").matches(frame).to_list() == [True, True, True]


@pytest.mark.parametrize("where", ["sector > 3", "rsi_2 + 1"])
def test_a_predicate_must_be_a_condition_of_the_right_type(where: str) -> None:
    frame = pl.DataFrame({"rsi_2": [5.0], "sector": ["Energy"]})
    with pytest.raises(ScreenError, match="where: "):
        parse_screen(where).matches(frame)


@pytest.mark.parametrize(
    "where",
    ["LN(ret_21) > 100", "SQRT(ret_21) > 5", "(ret_21 - ret_21) / (ret_21 - ret_21) > 1", "NOT LN(ret_21) < 9"],
)
def test_what_is_no_number_never_matches(where: str) -> None:
    frame = pl.DataFrame({"ret_21": [-0.5, -0.1]})
    assert parse_screen(where).matches(frame).to_list() == [False, False]


def test_a_predicate_nobody_writes_is_refused() -> None:
    with pytest.raises(ScreenError, match="characters"):
        parse_screen("close > 5" + " AND close > 5" * 3000)


@pytest.mark.parametrize("where", ["name > 5", "close", "close > (SELECT 1)"])
def test_a_predicate_of_the_wrong_type_fails_before_any_work(where: str) -> None:
    with pytest.raises(ScreenError, match="where: "):
        prepare(PROFILE, where=where)
