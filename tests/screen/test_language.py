"""What a screen may say, and what is answered when it cannot be understood: one line, with the place."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tapescan.core.errors import InputError, OptionError, ProfileError, ScreenError
from tapescan.scan.profile import load_profile
from tapescan.scan.request import prepare, split_features
from tapescan.screen.checking import _OPERATORS

PROFILE = load_profile("swing")


def test_features_are_found_from_the_names() -> None:
    request = prepare(PROFILE, where="close > sma_200 AND RSI_2 < 10 AND sector = 'Energy'", rank_by="ret_42 desc")
    assert request.shown == ("sma_200", "rsi_2", "ret_42")
    assert {*request.shown} <= {*request.plan.names}


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("", "it is empty"),
        ("rsi_14 <", "near '<' at character 8"),
        ("rsi14 < 10", "'rsi14' at character 1; did you mean rsi_14"),
        ("close > 5 AND closee > 5", "'closee' at character 15; did you mean close"),
        ("rsi_14 < 10; DROP TABLE x", "';' at character 12"),
        ("macd_12_26_9_sgnal > 0", "macd_12_26_9_signal"),
        ("rsi_1 < 10", "from 2 to"),
        ("close > 'x'", "a number meets a text at character 9"),
        ("sector > 3", "a text meets a number"),
        ("close", "a number, not a condition"),
        ("close + 1", "a number, not a condition"),
        ("NOT close", "NOT takes a condition"),
        ("close > 5 AND sector", "AND takes a condition, not a text at character 15"),
        ("-sector > 3", "calculate with numbers"),
        ("(close > 3) > (close > 2)", "neither more nor less"),
        ("newest > '9.7.2025'", "no day at character 10; write it as '2025-07-09'"),
        ('sector = "Energy"', "single quotes"),
        ("sector = Energy", "unknown name 'energy' at character 10"),
        ("sector = 'Energy", "has no end"),
        ("close > 12ab", "'12ab' at character 9 is no number"),
        ("((close > 3)", "'(' at character 1 is not closed"),
        ("close > 3)", "')' at character 10 closes nothing"),
        ("close > 3 foo", "near 'foo'"),
        ("name LIKE sector", "a written pattern"),
        ("close LIKE 'x'", "LIKE takes a text"),
        ("close IN ('a', 1)", "holds texts and numbers"),
        ("close IN ('a')", "a number meets a text"),
        ("close IN symbols", "not followed by a list"),
        ("close IN ()", "not followed by a list"),
        ("symbol IN list:nowhere", "no list 'nowhere'"),
        ("close IN list:mine", "a list holds symbols"),
        ("list:mine > 3", "write symbol IN list:mine"),
        ("CASE WHEN close > 3 THEN 1 ELSE 'a' END = 1", "a number meets a text"),
        ("negative(close, open) > 3", "unknown function 'negative'"),
        ("lag(close) > 3", "unknown function 'lag' at character 1"),
        ("crosses_abov(close, sma_20)", "did you mean crosses_above"),
        ("crosses_above(close)", "write crosses_above(a, b)"),
        ("within(close, close > 3)", "whole number of bars from 1 to 504 at character 8"),
        ("within(2.5, close > 3)", "whole number of bars"),
        ("within(0, close > 3)", "whole number of bars from 1"),
        ("close[-1] > 3", "whole number of bars from 0"),
        ("close[505] > 3", "whole number of bars from 0 to 504"),
        ("highest(300, highest(300, close)) > 3", "it looks back 598 bars in all"),
        ("sum(250, sum(250, close)) > 1", "asks for too many earlier bars"),
        (" AND ".join(f"highest(400, sma_{n}) > 1" for n in range(5, 20)), "asks for too many earlier bars"),
        (" AND ".join(f"sma_{n} > 1" for n in range(2, 400)), "names more than 300 columns"),
        ("within(5, close)", "takes a condition, not a number"),
        ("market_cap[1] > 3", "market_cap has no earlier bars"),
        ("turnover_20[1] > 3", "turnover_20, which is made of market_cap, has no earlier bars"),
        ("within(5, rs > 80)", "rs compares today's market"),
        ("within(5, pct(ret_5) > 80)", "pct(x) compares today's market"),
        ("within(5, weekly.close > close)", "daily and weekly bars stand in one look back"),
        ("weekly.sector = 'x'", "sector has no weekly bars"),
        ("hourly.close > 3", "'hourly' at character 1 is no kind of bars"),
        ("pct(ret_5, close) > 3", "compares within one of sector"),
        ("rank < 5", "rank is not known before all are ranked"),
        ("rs() > 5", "write rs"),
        ("alpha_xgboost_5 > 0", "unknown name 'alpha_xgboost_5'"),
        ("close > (SELECT 1)", "near"),
        ("sum(1) OVER () > 3", "near"),
        ("close::int > 3", "':' at character 6"),
        ("close > @x", "'@' at character 9"),
        ("* > 3", "near '*'"),
    ],
)
def test_a_bad_condition_is_one_clear_line(where: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        prepare(PROFILE, where=where)
    text = str(caught.value)
    assert text.startswith("where: ")
    assert says in text
    assert "\n" not in text
    assert "sqlglot" not in text


@pytest.mark.parametrize(
    "where",
    [
        "close > 5",
        "NOT NOT close > 5",
        "close != 5 OR close <> 6 OR close == 7",
        "- - close < +5",
        "(close > 5) = (close > 6)",
        "close BETWEEN 5 AND 6 AND volume NOT BETWEEN 1 AND 2",
        "name LIKE '%a_' AND name NOT ILIKE 'x%' AND name = 'O''Reilly'",
        "sector IN ('Energy') AND close NOT IN (1, -2, 3e5)",
        "close IN (open, high)",
        "market_cap IS NULL OR f_score IS NOT NULL",
        "(close > 5) IS TRUE OR (close > 5) IS NOT FALSE",
        "CASE WHEN close > 5 THEN 1 WHEN close > 6 THEN 2 END > 1",
        "CASE sector WHEN 'Energy' THEN close ELSE open END > 1",
        "COALESCE(f_score, roe, 0) > 0",
        "newest >= '2025-07-09' AND newest NOT IN ('2025-07-01')",
        "newest = NULL OR close > NULL",
        "daily.close > weekly.close[1]",
        "(close > open)[3]",
        "within(5, crosses_above(close, sma_20) AND streak(2, close > close[1]))",
        "highest(20, high)[1] < close",
        "range[3] > 0 AND lowest(7, range) = range",
        "pct(ret_5[3] + change(2, rsi_14), industry) > 3",
        "rs > 3 AND rank(rs) < 10",
        "true OR false",
    ],
)
def test_what_may_be_written(where: str) -> None:
    assert prepare(PROFILE, where=where).where is not None


def test_no_operator_can_be_called_as_a_function() -> None:
    """Its rule takes as many arguments as its sign has."""
    for name in _OPERATORS:
        if name.isidentifier():
            with pytest.raises(ScreenError):
                prepare(PROFILE, where=f"{name}(close, open, high) > 1")


def test_chains_do_not_nest_and_brackets_may_a_little() -> None:
    prepare(PROFILE, where=" AND ".join(["close > 5"] * 400))
    prepare(PROFILE, where="+".join(["close"] * 900) + " > 5")
    prepare(PROFILE, where="(" * 16 + "close > 5" + ")" * 16)
    with pytest.raises(ScreenError, match="nest deeper than 16 at character 17"):
        prepare(PROFILE, where="(" * 17 + "close > 5" + ")" * 17)
    with pytest.raises(ScreenError, match="in a row"):
        prepare(PROFILE, where="-" * 500 + "close > 5")
    with pytest.raises(ScreenError, match="nests deeper"):
        prepare(PROFILE, where="*".join(["close"] * 300) + " > 5")
    with pytest.raises(ScreenError, match="words and signs"):
        prepare(PROFILE, where=" OR ".join(["close > 5"] * 1000))
    with pytest.raises(ScreenError, match="characters"):
        prepare(PROFILE, where="close > 5" + " " * 50_000)


def test_names_that_stand_for_names_do_not_explode() -> None:
    features = ["a0 = close + 1", *(f"a{n} = a{n - 1} + a{n - 1}" for n in range(1, 40))]
    with pytest.raises(ScreenError, match="more than 20,000 parts"):
        prepare(PROFILE, features=features)


def test_names_that_stand_for_names_do_not_nest_without_end() -> None:
    features = ["a0 = close", *(f"a{n} = a{n - 1}[1] + 1" for n in range(1, 400))]
    prepare(PROFILE, features=features[:30])
    with pytest.raises(ScreenError, match="nests deeper than 100"):
        prepare(PROFILE, features=features)


def test_computed_columns_may_be_used_everywhere() -> None:
    request = prepare(
        PROFILE,
        features=["rsi_14", "up = close / close[5] - 1", "twice = 2 * up", "calm = natr_14 < 2", "rs"],
        where="up > 0.1 AND within(3, up > 0.2) AND calm",
        rank_by="twice",
    )
    assert request.named == ("up", "twice", "calm", "rs", "rsi_14")
    assert request.ranking.column == "twice"
    assert not request.ranking.ascending
    assert request.shown == ("rsi_14",)
    assert "natr_14" in request.plan.names


@pytest.mark.parametrize(
    ("features", "says"),
    [
        (["close = 5"], "'close' is a name already"),
        (["rsi_37 = 5"], "'rsi_37' is a name already"),
        (["within = 5"], "'within' is a name already"),
        (["weekly = close"], "'weekly' is a name already"),
        (["a = close", "a = open"], "'a' is a name already"),
        (["close / open"], "give it a name: mine = close / open"),
        (["a = rank + 1"], "rank is not known before all are ranked"),
        (["a = NULL"], "says nothing"),
        (["a = "], "it is empty"),
        (["nonsense"], "unknown name 'nonsense'"),
    ],
)
def test_a_bad_column_is_one_clear_line(features: list[str], says: str) -> None:
    with pytest.raises(InputError, match=r"^features: ") as caught:
        prepare(PROFILE, features=features)
    assert says in str(caught.value)


def test_lists_of_columns_are_split_where_commas_are_their_own() -> None:
    assert split_features("rsi_14, a = crosses_above(close, sma_20),b = CASE WHEN name = 'x,y' THEN 1 END ,") == [
        "rsi_14", "a = crosses_above(close, sma_20)", "b = CASE WHEN name = 'x,y' THEN 1 END",
    ]  # fmt: skip


@pytest.mark.parametrize("rank_by", ["rsi_2 upwards", " ", "nonsense_9", "asc", "rank desc"])
def test_a_bad_ranking_is_one_clear_line(rank_by: str) -> None:
    with pytest.raises((ScreenError, OptionError), match="rank_by: "):
        prepare(PROFILE, rank_by=rank_by)


def test_rankings() -> None:
    assert prepare(PROFILE, rank_by="rsi_2 ASC").ranking.ascending
    assert prepare(PROFILE, rank_by="score").ranking.text == "score desc"
    made = prepare(PROFILE, rank_by="close / sma_50\tDesc").ranking
    assert (made.column, made.text) == ("rank_by", "close / sma_50 desc")


def test_a_profiles_condition_may_not_ask_for_what_comes_after_it(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mine.toml"
    text = 'title = "mine"\n[filters]\nwhere = "{}"\n[weights]\ntrend = 1\n'
    path.write_text(text.format("score > 5"))
    with pytest.raises(ProfileError, match=r"profile mine: filters.where: score is not known .* at character 1"):
        prepare(load_profile(str(path)))
    path.write_text(text.format("close >"))
    with pytest.raises(ProfileError, match=r"profile mine: filters.where: it cannot be read near '>'"):
        prepare(load_profile(str(path)))
    path.write_text(text.format("close > close[1]"))
    assert prepare(load_profile(str(path))).filter is not None


def test_a_plain_name_needs_no_parser() -> None:
    """What a scan without a screen does not need, it does not load."""
    code = (
        "import sys\n"
        "from tapescan.scan.profile import load_profile\n"
        "from tapescan.scan.request import prepare\n"
        "prepare(load_profile('swing'), rank_by=' RSI_2 asc', features=['rsi_14'])\n"
        "print('sqlglot' in sys.modules)\n"
        "prepare(load_profile('swing'), rank_by='rsi_2 + 1')\n"
        "print('sqlglot' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
