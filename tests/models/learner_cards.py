"""The cards: numbered rules that every learner keeps. A learner adds its facts (`learners.seam.Facts`), and no test.

``python -m tests.models.learner_cards`` writes the table of learners and these rules into the page about models;
`test_learner_cards.py` runs each card on each learner that is found, and checks the page.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapescan.core.errors import InputError, ModelError, OptionError
from tapescan.core.settings import Device
from tapescan.core.typing import Bools, Floats
from tapescan.models.learners import baselines, find_learner, kinds
from tapescan.models.learners.seam import Facts, Recipe, forecast_rows
from tests.models.learner_bench import HORIZON, SIGNAL, SILENT, Bench

__all__ = ["CARDS", "PAGE", "Bench", "Card", "written"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "models.md"


@dataclass(frozen=True)
class Card:
    """A rule. check : fails where it is broken. why_not : why it does not apply to a learner, "" where it does."""

    number: int
    title: str
    check: Callable[[Bench], None]
    why_not: Callable[[Facts], str]


CARDS: list[Card] = []


def card(number: int, title: str, why_not: Callable[[Facts], str] = lambda _facts: "") -> Callable[..., Any]:
    """Makes a function a card."""

    def entered(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
        CARDS.append(Card(number, title, check, why_not))
        return check

    return entered


def learns(facts: Facts) -> str:
    return "" if facts.learns else "learns nothing"


def same(ours: Floats, theirs: Floats) -> None:
    """Equal to the last bit."""
    np.testing.assert_array_equal(ours, theirs)


# --- what it is -----------------------------------------------------------------------------------------------


@card(1, "it is called as its file is, and says what it is")
def facts_are_said(bench: Bench) -> None:
    facts = bench.facts
    module = importlib.import_module(f"tapescan.models.learners.{facts.kind}")
    assert module.LEARNER is bench.learner
    assert facts.kind in kinds()
    assert facts.title
    assert facts.missing
    assert facts.ending.startswith(".")
    assert "-" not in facts.ending
    assert (bench.learner in baselines()) == facts.baseline
    assert bench.learner not in baselines(besides=facts.kind)


@card(2, "it has a recipe of its own, and refuses that of another learner")
def recipes_are_its_own(bench: Bench) -> None:
    class Other(Recipe, frozen=True):
        pass

    assert bench.learner.prepare(bench.recipe) == bench.recipe
    with pytest.raises(OptionError, match=f"the recipe of {bench.facts.kind}"):
        bench.learner.prepare(Other())


@card(3, "a device that it has no use for is refused in training, and left unused in a scan")
def devices_are_checked(bench: Bench) -> None:
    nonsense: Device = "tpu"  # type: ignore[assignment]
    for device in (nonsense, *(() if bench.facts.gpu else ("cuda",))):
        with pytest.raises(OptionError, match="device"):
            bench.learner.prepare(device=device)
    assert bench.learner.serve_on("cpu") == ("cpu", "")
    if not bench.facts.gpu:
        assert bench.learner.serve_on("cuda") == ("cpu", "")


# --- training -------------------------------------------------------------------------------------------------


@card(4, "trained twice on the same rows it is the same to the last bit")
def training_is_deterministic(bench: Bench) -> None:
    again = bench.fit()
    assert again.save() == bench.fitted.save()
    same(forecast_rows(again, bench.samples, bench.rows), bench.forecasts)


@card(5, "no label and no value outside of the training dates counts")
def only_training_dates_count(bench: Bench) -> None:
    outside = ~np.isin(bench.samples.session, bench.trained)
    forward = np.where(outside, np.float32(99), bench.samples.forward[HORIZON])
    values = np.where(outside[:, None], np.float32(7), bench.samples.values)
    changed = dataclasses.replace(bench.samples, values=values, forward={HORIZON: forward})
    assert bench.fit(changed).save() == bench.fitted.save()


@card(6, "if it learns, a planted signal is found", learns)
def a_signal_is_found(bench: Bench) -> None:
    forward = bench.samples.forward[HORIZON][bench.rows]
    # The order that the returns were made with reaches 0.5.
    assert np.corrcoef(bench.forecasts, forward)[0, 1] > 0.35
    assert set(list(bench.fitted.importance())[:2]) == set(SIGNAL)


@card(7, "if it learns nothing, labels change nothing", lambda facts: "learns" if facts.learns else "")
def labels_change_nothing(bench: Bench) -> None:
    changed = dataclasses.replace(bench.samples, forward={HORIZON: -bench.samples.forward[HORIZON]})
    assert bench.fit(changed).save() == bench.fitted.save()


@card(8, "if it learns, too few labelled rows are one clear error", learns)
def too_few_rows(bench: Bench) -> None:
    unlabelled = np.full(len(bench.samples), np.nan, np.float32)
    for samples, dates in (
        (bench.samples, bench.trained[:0]),
        (dataclasses.replace(bench.samples, forward={HORIZON: unlabelled}), bench.trained),
    ):
        with pytest.raises(InputError, match=r"too few|labels") as caught:
            bench.fit(samples, dates)
        assert caught.value.hint


@card(9, "without a feature that it needs it is not trained", lambda facts: "" if facts.needs else "needs none")
def needs_are_checked(bench: Bench) -> None:
    lacking = dataclasses.replace(
        bench.samples, features=tuple("x" if name in bench.facts.needs else name for name in bench.samples.features)
    )
    with pytest.raises(OptionError, match=f"{bench.facts.kind} needs the feature {bench.facts.needs[0]}"):
        bench.fit(lacking)


# --- forecasts ------------------------------------------------------------------------------------------------


@card(10, "one forecast a row, float64, and none for no rows")
def forecasts_have_the_rows_shape(bench: Bench) -> None:
    assert bench.fitted.features == bench.samples.features
    assert bench.forecasts.shape == (len(bench.rows),)
    assert bench.forecasts.dtype == np.float64
    assert len(np.unique(bench.forecasts[np.isfinite(bench.forecasts)])) > len(bench.rows) / 4
    assert bench.fitted.forecast(bench.values[:0], bench.samples.session[:0]).shape == (0,)


@card(11, "values of another width are refused")
def width_is_checked(bench: Bench) -> None:
    with pytest.raises(OptionError, match=f"{len(bench.samples.features)} features"):
        bench.forecast(bench.values[:, 1:])


@card(12, "a session's forecasts hang on that session alone")
def sessions_stand_alone(bench: Bench) -> None:
    session = bench.samples.session[bench.rows]
    for day in np.unique(session)[[0, 7, -1]]:
        here = session == day
        same(bench.fitted.forecast(bench.values[here], session[here]), bench.forecasts[here])


@card(13, "a row alone has the forecast that it has among others, exactly where the facts say so")
def rows_stand_alone(bench: Bench) -> None:
    session = bench.samples.session[bench.rows]
    alone = [bench.fitted.forecast(bench.values[at : at + 1], session[at : at + 1])[0] for at in range(40)]
    assert np.array_equal(alone, bench.forecasts[:40], equal_nan=True) == bench.facts.alone


@card(14, "a row of which nothing is known has no forecast, and changes no other one but by rounding")
def the_unknown_have_no_forecast(bench: Bench) -> None:
    values, empty = bench.values, np.arange(0, len(bench.rows), 9)
    values[empty] = np.nan
    found = bench.forecast(values)
    assert np.isnan(found[empty]).all()
    others = np.delete(np.arange(len(found)), empty)
    without = bench.fitted.forecast(values[others], bench.samples.session[bench.rows][others])
    np.testing.assert_allclose(found[others], without, rtol=1e-9, atol=1e-12)


@card(15, "an infinite value counts as an unknown one")
def infinities_are_unknown(bench: Bench) -> None:
    odd = _some(bench.samples.values.shape)
    values = bench.values
    unknown, infinite = values.copy(), values.copy()
    here = odd[bench.rows]
    unknown[here], infinite[here] = np.nan, np.where(values[here] > 50.0, np.inf, -np.inf)
    same(bench.forecast(infinite), bench.forecast(unknown))
    session, rows = bench.samples.session[bench.rows], np.arange(0, len(values), 5)
    ours, theirs = (bench.fitted.explain(some, session, rows) for some in (infinite, unknown))
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        same(ours, theirs)


def _some(shape: tuple[int, ...]) -> Bools:
    return np.random.default_rng(8).random(shape) < 0.02


@card(16, "threads change no bit of a forecast")
def threads_change_nothing(bench: Bench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = []
        for count in ("1", "3"):
            patch.setenv("TAPESCAN_THREADS", count)
            loaded = bench.learner.load(bench.fitted.save(), bench.samples.features)
            found.append(forecast_rows(loaded, bench.samples, bench.rows))
    same(*found)


# --- explanations ---------------------------------------------------------------------------------------------


@card(17, "if it explains itself, contributions and the base, the same for all, add up to the forecast")
def contributions_add_up(bench: Bench) -> None:
    session, rows = bench.samples.session[bench.rows], np.flatnonzero(np.isfinite(bench.forecasts))[::7]
    found = bench.fitted.explain(bench.values, session, rows)
    if found is None:
        return
    assert found.shape == (len(rows), len(bench.samples.features) + 1)
    assert len(np.unique(found[:, -1])) == 1
    # XGBoost's own forecasts are sums of float32.
    np.testing.assert_allclose(found.sum(axis=1), bench.forecasts[rows], rtol=1e-5, atol=1e-6)
    few = bench.fitted.explain(bench.values, session, rows[3:5])
    assert few is not None
    same(few, found[3:5])


@card(18, "a constant feature and one that is never known have no say")
def silent_features_have_no_say(bench: Bench) -> None:
    importance = bench.fitted.importance()
    assert all(importance.get(name, 0.0) == 0.0 for name in SILENT)
    found = bench.fitted.explain(bench.values, bench.samples.session[bench.rows], np.arange(50))
    if found is not None:
        assert (found[:, [bench.samples.features.index(name) for name in SILENT]] == 0.0).all()


@card(19, "importances are shares of features, the largest first, and add up to 1")
def importances_are_shares(bench: Bench) -> None:
    found = bench.fitted.importance()
    assert set(found) <= set(bench.samples.features)
    assert sum(found.values()) == pytest.approx(1.0)
    assert list(found.values()) == sorted(found.values(), reverse=True)


# --- storing --------------------------------------------------------------------------------------------------


@card(20, "what is saved and loaded is the same to the last bit")
def loading_changes_nothing(bench: Bench) -> None:
    content = bench.fitted.save()
    loaded = bench.learner.load(content, bench.samples.features)
    assert loaded.features == bench.fitted.features
    assert loaded.importance() == bench.fitted.importance()
    same(forecast_rows(loaded, bench.samples, bench.rows), bench.forecasts)
    session, rows = bench.samples.session[bench.rows], np.arange(0, len(bench.rows), 11)
    ours, theirs = (some.explain(bench.values, session, rows) for some in (loaded, bench.fitted))
    assert (ours is None) == (theirs is None)
    if ours is not None and theirs is not None:
        same(ours, theirs)
    assert bench.learner.load(loaded.save(), bench.samples.features).save() == content


@card(21, "a file that holds something else, or is for other features, is refused")
def other_files_are_refused(bench: Bench) -> None:
    content = bench.fitted.save()
    for broken in (b"", b"nonsense", b"[]", b"{}", b"\xff\xfe\x00", content[: len(content) // 2]):
        with pytest.raises(ModelError) as caught:
            bench.learner.load(broken, bench.samples.features)
        assert caught.value.hint
    with pytest.raises(ModelError, match="its card"):
        bench.learner.load(content, ("rsi_14",))


# --- the page -------------------------------------------------------------------------------------------------


def table() -> str:
    """The learners by their facts, in Markdown."""
    lines = ["| `--learner` | | needs | a missing value | |", "|---|---|---|---|---|"]
    for kind in kinds():
        facts = find_learner(kind).facts
        brought = f"extra `{facts.extra}`" if facts.extra else ""
        needs = ", ".join([brought, *(f"`{name}`" for name in facts.needs)]).strip(", ")
        role = "every model has to beat it" if facts.baseline else ""
        lines.append(f"| `{kind}` | {facts.title} | {needs} | {facts.missing} | {role} |")
    return "\n".join(lines)


def rules() -> str:
    return "\n".join(f"{one.number}. {one.title}" for one in CARDS)


def written() -> str:
    """The page with its generated parts as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for part, content in (("learners", table()), ("cards", rules())):
        begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
        assert text.count(begin) == text.count(end) == 1, f"{PAGE.name} needs the marks of {part}"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n\n{content}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
