"""The verdict says what the numbers say: how far, how sure, after how many trials; and what to hold against it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from tapescan.core.typing import Floats
from tapescan.models.judging.significance import mean_and_error
from tapescan.replay.parts import Names
from tapescan.replay.returns import SessionReturns
from tapescan.replay.statistics import Statistics, measure_replay
from tapescan.replay.verdict import SELDOM, Verdict, judge_replay
from tapescan.replay.warnings import Facts
from tapescan.replay.words import counted, often, percent
from tests.replay.made import Made, made, with_picks


def leading(t: float, dates: int = 250) -> SessionReturns:
    """A record whose lead over all eligible, before costs, has just this t and a deviation of 2 %."""
    returns = made(1, Made(dates))
    noise: Floats = np.random.default_rng(4).normal(size=dates)
    rest = measure_replay(with_picks(returns, 5, returns.eligible_mean[5] + 0.02 * noise), hold=5, every=5, cost=0.0)
    worth = rest.held.over_eligible
    waves = mean_and_error(noise, 1).freedom
    ahead = student.isf(norm.sf(t), waves) * worth.error if waves else 0.0
    return with_picks(returns, 5, returns.eligible_mean[5] + 0.02 * noise - worth.mean + ahead)


def judged(t: float, *, cost: float = 0.0, trials: int = 1, dates: int = 250, **more: Any) -> Verdict:
    return judge_replay(measured(t, cost=cost, trials=trials, dates=dates, **more), Facts())


def measured(t: float, *, cost: float = 0.0, trials: int = 1, dates: int = 250, **more: Any) -> Statistics:
    return measure_replay(leading(t, dates), hold=5, every=5, cost=cost, trials=trials, **more)


def test_ahead_and_sure() -> None:
    found = judged(4.0)
    assert (found.kind, found.sure) == ("ahead", True)
    assert found.sentence.startswith("After costs the picks led the market they were picked from by 2")
    assert found.sentence.endswith(" % a year; chance alone does as well less than once in 1,000 times.")


def test_ahead_and_perhaps_luck() -> None:
    found = judged(1.0)
    assert (found.kind, found.sure) == ("ahead", False)
    assert found.sentence.endswith("% a year; chance alone does as well one time in six.")


def test_ahead_and_sure_but_for_the_trials() -> None:
    assert judged(2.6).sure
    found = judged(2.6, trials=20)
    assert (found.kind, found.sure) == ("ahead", False)
    assert ", which chance alone does only one time in 220; but of 20 screens tried, " in found.sentence
    assert found.sentence.endswith("the best by chance alone looks this good one time in 11.")


def test_ahead_and_sure_after_the_trials() -> None:
    found = judged(4.0, trials=20)
    assert found.sure
    assert "; of 20 screens tried, the best by chance alone looks this good " in found.sentence


def test_luck_is_luck_however_many_were_tried() -> None:
    assert (
        "of 20 screens tried, the best by chance alone looks this good nearly always."
        in judged(1.0, trials=20).sentence
    )


def test_behind() -> None:
    found = judged(-1.3)
    assert (found.kind, found.sure) == ("behind", False)
    assert "the picks lagged the market they were picked from by" in found.sentence
    assert found.sentence.endswith("; chance alone does as badly one time in ten.")
    assert judged(-3.0).sure


def test_behind_for_its_costs() -> None:
    """Picks that lag by what trading costs are no worse than chance, which pays as much."""
    found = judged(-0.5, cost=20.0)
    assert (found.kind, found.sure) == ("behind", True)
    assert ", 20 % of it costs; chance at the same costs does as badly one time in three." in found.sentence


def test_costs_that_take_more_than_the_lead() -> None:
    found = judged(2.2, cost=20.0)
    assert found.kind == "behind"
    assert (
        "they led by 12 % before costs of 20 %, and chance alone leads by as much only one time in" in found.sentence
    )


def test_level() -> None:
    found = judged(0.05)
    assert (found.kind, found.sure) == ("level", False)
    assert found.sentence == (
        "After costs the picks did as well as the market they were picked from: 0.3 % a year more, "
        "which is no difference."
    )


def test_shorts_are_called_so() -> None:
    assert "the picks, sold short, lagged a short of the whole market" in judged(2.0, short=True).sentence


@pytest.mark.parametrize("dates", [2, 8, 11])
def test_too_few_dates_say_nothing(dates: int) -> None:
    found = judged(3.0, dates=dates)
    assert (found.kind, found.sure, found.further) == ("unknown", False, ())
    assert found.sentence.startswith(f"{dates * 10} picks on {dates} dates")
    assert "too few to say anything: it takes 12 independent dates and 30 picks at least." in found.sentence


def test_too_few_picks_say_nothing() -> None:
    few = msgspec.structs.replace(measured(3.0), picked=29)
    assert judge_replay(few, Facts()).kind == "unknown"


def test_nothing_picked() -> None:
    none = msgspec.structs.replace(measured(3.0), picked=0)
    assert "Nothing was picked on any of 250 sessions" in judge_replay(none, Facts()).sentence


def test_worthless_screens_are_seldom_called_good() -> None:
    """One in 44 at most, by the number of records, and of the best of ten as well."""
    for trials in (1, 10):
        sure = 0
        for seed in range(150):
            returns = made(seed)
            tries: Floats = np.random.default_rng(seed).normal(0.0, 0.02, (trials, 250))
            best = tries[np.argmax(tries.mean(axis=1) / tries.std(axis=1))]
            returns = with_picks(returns, 5, returns.eligible_mean[5] + best)
            found = judge_replay(measure_replay(returns, hold=5, every=5, cost=0.0, trials=trials), Facts())
            sure += found.sure and found.kind == "ahead"
        assert sure <= 10, trials


def test_what_stands_beside_it() -> None:
    found = judged(2.0, cost=10.0)
    assert any("nine of ten such records (250 dates)" in line for line in found.further)
    assert any(
        line.startswith("Costs of 10 bp a side take 10 % a year: 100 % of the picks") for line in found.further
    )
    assert any("of 100 players who drew random stocks of the same volatility" in line for line in found.further)
    assert any(line.startswith("Compounded, the picks lost ") for line in found.further)


def test_overlapping_dates_are_said() -> None:
    returns = made(3, Made(250, every=5, horizons=(21,)))
    found = judge_replay(measure_replay(returns, hold=21, every=5, cost=0.0), Facts())
    assert any("(250 dates, which overlap and are worth " in line for line in found.further)


def test_the_best_names_and_false_finds() -> None:
    names = Names(symbols=400, positive=0.5, ahead=0.5, best_share=1.4, without_best=-0.001)
    one = msgspec.structs.replace(measured(2.0, others=np.array([0.5])), names=names)
    further = judge_replay(one, Facts()).further
    assert "Ten of 400 names made all of the profit." in further
    assert any(line.startswith("Of screens as good as this one, up to") for line in further)


def test_a_mean_that_nobody_keeps_is_said() -> None:
    returns = made(1)
    wild: Floats = np.where(np.arange(250) % 2, 0.30, -0.28)
    found = measure_replay(with_picks(returns, 5, wild), hold=5, every=5, cost=0.0)
    assert found.lead > 0.0
    assert any("The mean lead is not what an investor keeps" in line for line in judge_replay(found, Facts()).further)


WARNINGS = {
    "The market is simulated": Facts(simulated=True),
    "A model that counts in the score had learnt from 40 of 250 sessions": Facts(seen=40),
    "Survivors only: the bars of none of 4,210 symbols": Facts(symbols=4210, ended=0, years=5.0),
    "Survivors only: the bars of 420 of 4,200 symbols ended before the last session, 2.0 % a year, where": Facts(
        symbols=4200, ended=420, years=5.0
    ),
    "Types and sectors are those of today's listing": Facts(today=True),
    "Few trades: 99, below 100": Facts(trades=99),
    "20 % of the picks traded below $5": Facts(cheap=0.2),
    "3.0 % of the trades of an account of $100,000 needed more than 1 % of the session's": Facts(
        heavy=0.03, account=1e5
    ),
    "In 4.0 % of the trades stop and target lay in the same daily bar": Facts(ambiguous=0.04),
    "5.0 % of the exits gapped beyond the stop and lost more than planned.": Facts(beyond=0.05),
    "12 % of the entries did not fill.": Facts(unfilled=0.12),
    "Returns are without dividends": Facts(dividends=False),
    "The store has no SPY": Facts(equal_weighted=True),
    "a note": Facts(notes=("a note",)),
}

SILENT = (
    Facts(),
    Facts(symbols=4200, ended=1400, years=5.0, today=False, dividends=True, trades=100, cheap=0.01, heavy=0.001),
    Facts(ambiguous=0.001, beyond=0.001, unfilled=0.0, symbols=0, ended=0, years=0.0),
)


@pytest.mark.parametrize("begin", WARNINGS)
def test_a_warning_is_given_where_it_applies(begin: str) -> None:
    found = judge_replay(measured(1.0), WARNINGS[begin]).warnings
    assert len(found) == 1
    assert found[0].startswith(begin)


@pytest.mark.parametrize("facts", SILENT)
def test_no_warning_is_given_without_its_reason(facts: Facts) -> None:
    assert judge_replay(measured(1.0), facts).warnings == ()


def test_warnings_of_the_record_itself() -> None:
    (tried,) = judge_replay(measured(2.0, trials=20), Facts()).warnings
    assert tried.startswith("20 screens have been tried on this store: the best of so many worthless ones has a t of")
    assert tried.endswith("; this one has 2.0.")
    (few,) = judge_replay(measured(2.0, dates=20), Facts()).warnings
    assert few.startswith("Few dates: the record is worth ")
    assert "borrow" in judge_replay(measured(2.0, short=True), Facts()).warnings[0]


def test_the_gravest_warning_stands_first() -> None:
    facts = Facts(equal_weighted=True, trades=3, simulated=True, seen=1, notes=("last",))
    found = judge_replay(measured(1.0), facts).warnings
    assert [line.split()[0] for line in found] == ["The", "A", "Few", "The", "last"]


def test_every_sentence_is_one_line_and_ends() -> None:
    for facts in (*WARNINGS.values(), Facts(beyond=0.05, unfilled=0.2)):
        found = judge_replay(measured(1.5, trials=3, cost=5.0), facts)
        lines = (found.sentence, *found.further, *(line for line in found.warnings if line != "a note"))
        assert all(line.endswith(".") and "\n" not in line and "nan" not in line for line in lines)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.95, "nearly always"),
        (0.7, "7 times in ten"),
        (0.5, "one time in two"),
        (0.1, "one time in ten"),
        (SELDOM, "one time in 44"),
        (1 / 991, "one time in 990"),
        (0.0001, "less than once in 1,000 times"),
        (0.0, "less than once in 1,000 times"),
    ],
)
def test_how_often(p: float, said: str) -> None:
    assert often(p) == said


def test_numbers_in_words() -> None:
    assert [percent(one) for one in (0.112, -0.0244, 0.0004, 0.0, 12.0)] == [
        "11 %",
        "2.4 %",
        "0.04 %",
        "0.0 %",
        "1,200 %",
    ]
    assert often(0.01, only=True) == "only one time in 100"
    assert counted(1, "date") == "1 date"
    assert counted(1200, "date") == "1,200 dates"
