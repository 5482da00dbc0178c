"""Every card on every vendor that it applies to, and the table of them in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.vendors.card import Card
from tests.vendors.cards import CARDS, PAGE, written
from tests.vendors.cases import CASES, Bench, Case

PAIRS = [(card, case) for card in CARDS for case in CASES if not card.why_not(case)]


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize(("card", "case"), PAIRS, ids=[f"{card.number}-{case.vendor}" for card, case in PAIRS])
def test_card(card: Card, case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    card.check(Bench(case, monkeypatch, tmp_path))


def test_cards_have_numbers_of_their_own() -> None:
    assert len({card.number for card in CARDS}) == len(CARDS)


def test_the_page_of_the_vendors_is_as_generated() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(), "run: python -m tests.vendors.cards"
