"""Every card on every learner that is found, and the page about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapescan.core.errors import OptionError
from tapescan.models import learners
from tapescan.models.learners import baselines, find_learner, kinds
from tests.models.learner_cards import CARDS, PAGE, Bench, Card, written

pytest.importorskip("xgboost", reason="learners were not checked: xgboost is not installed")

PAIRS = [(card, kind) for card in CARDS for kind in kinds() if not card.why_not(find_learner(kind).facts)]


#: Learners whose training takes seconds: their cards run with the long tests.
SLOW = {"tft"}


@pytest.mark.parametrize(
    ("card", "kind"),
    [
        pytest.param(
            card,
            kind,
            id=f"{card.number}-{kind}",
            marks=[pytest.mark.long] if kind in SLOW else [],
        )
        for card, kind in PAIRS
    ],
)
def test_card(card: Card, kind: str) -> None:
    card.check(Bench.of(kind))


def test_cards_are_numbered_without_gaps_and_each_applies_to_a_learner() -> None:
    assert [card.number for card in CARDS] == list(range(1, len(CARDS) + 1))
    assert {card.number for card, _ in PAIRS} == {card.number for card in CARDS}


def test_the_page_of_the_models_is_as_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run: python -m tests.models.learner_cards"


def test_these_are_the_learners_and_the_baselines() -> None:
    assert {"xgboost", "ridge", "momentum", "reversal"} <= {*kinds()}
    assert [one.facts.kind for one in baselines()] == ["momentum", "reversal", "ridge"]
    assert [one.facts.kind for one in baselines("ridge")] == ["momentum", "reversal"]
    with pytest.raises(OptionError, match=r"no learner is called 'xgbost'; did you mean xgboost"):
        find_learner("xgbost")


def test_a_file_in_the_folder_is_a_learner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever adds one touches nothing else."""
    text = Path(str(learners.__path__[0]), "momentum.py").read_text(encoding="utf-8")
    (tmp_path / "slow.py").write_text(text.replace('kind="momentum"', 'kind="slow"'), encoding="utf-8")
    monkeypatch.setattr(learners, "__path__", [*learners.__path__, str(tmp_path)])
    assert "slow" in kinds()
    assert find_learner("slow").facts.kind == "slow"
    assert "slow" in [one.facts.kind for one in baselines()]
    for card in CARDS:
        if not card.why_not(find_learner("slow").facts):
            card.check(Bench.of("slow"))
