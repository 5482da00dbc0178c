"""The conformance cards: numbered rules that every vendor's adapter keeps where it offers the thing.

``python -m tests.vendors.cards`` writes what each vendor says of itself, and the table vendor by card, into
docs/reference/vendors.md; `test_cards.py` runs each card on each vendor that it applies to, and checks that page.
"""

from __future__ import annotations

from pathlib import Path

from tapescan.vendors.registry import load_vendor, vendor_names
from tapescan.vendors.seam import Plan
from tests.vendors import card, cards_chains, cards_data, cards_faults
from tests.vendors.cases import CASES

__all__ = ["CARDS", "PAGE", "written"]

#: The cards are entered where they are written.
_SOURCES = (cards_data, cards_faults, cards_chains)
CARDS = sorted(card.CARDS, key=lambda entry: entry.number)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "vendors.md"


def vendors() -> str:
    """What each vendor says of itself, in Markdown."""
    parts = []
    for name in vendor_names():
        vendor = load_vendor(name)
        keys = ", ".join(f"`{key.name}`" + ("" if key.required else " (not required)") for key in vendor.keys)
        lines = [
            f"### {name}: {vendor.title}",
            "",
            f"Offers {', '.join(vendor.offers)}. Keys: {keys or 'none'}.",
            "",
            "| plan | limit | history | lacks | |",
            "|---|---|---|---|---|",
            *(_plan(plan) for plan in vendor.plans),
            "",
            *(f"- Terms: {terms}" for terms in dict.fromkeys(plan.terms for plan in vendor.plans if plan.terms)),
            *(f"- {note}" for note in vendor.notes),
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _plan(plan: Plan) -> str:
    limit = f"{plan.requests:,} in {plan.seconds:g} s" if plan.requests else "none"
    years = "all" if plan.years is None else f"{plan.years:g} years"
    return f"| {plan.name} | {limit} | {years} | {', '.join(plan.lacks)} | {plan.note} |"


def table() -> str:
    """The table vendor by card, in Markdown."""
    by_name = {case.vendor: case for case in CASES}
    assert set(by_name) == set(vendor_names()), "a vendor without a case"
    lines = ["| card | " + " | ".join(vendor_names()) + " |", "|---|" + "---|" * len(vendor_names())]
    for entry in CARDS:
        cells = [entry.why_not(by_name[name]) or "✓" for name in vendor_names()]
        lines.append(f"| {entry.number} {entry.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def written() -> str:
    """The page with its generated parts as they are now."""
    text = PAGE.read_text(encoding="utf-8")
    for part, made in (("vendors", vendors()), ("cards", table())):
        begin, end = f"<!-- {part}: generated -->", f"<!-- {part}: end -->"
        assert text.count(begin) == text.count(end) == 1, f"{PAGE.name} needs the marks of {part}"
        head, _, rest = text.partition(begin)
        text = f"{head}{begin}\n\n{made}\n\n{end}{rest.partition(end)[2]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
