"""What a conformance card is, and when it applies to a vendor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.vendors.cases import Bench, Case

__all__ = ["CARDS", "Card", "card", "keyed", "needs", "network"]


@dataclass(frozen=True)
class Card:
    """A rule. check : fails where it is broken. why_not : why it does not apply to a vendor, "" where it does."""

    number: str
    title: str
    check: Callable[[Bench], None]
    why_not: Callable[[Case], str]


CARDS: list[Card] = []


def card(number: str, title: str, why_not: Callable[[Case], str] = lambda _case: "") -> Callable[..., Any]:
    """Makes a function a card."""

    def entered(check: Callable[[Bench], None]) -> Callable[[Bench], None]:
        CARDS.append(Card(number, title, check, why_not))
        return check

    return entered


def needs(what: str) -> Callable[[Case], str]:
    return lambda case: "" if what in case.whats else f"no {what}"


def network(case: Case) -> str:
    return "" if case.networked else "no network"


def keyed(case: Case) -> str:
    return "" if any(key.secret for key in case.made.keys) else "no key"
