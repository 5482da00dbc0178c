"""Links of the pages outside the site lead somewhere; those inside it are checked when it is built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

OUTSIDE = sorted(ROOT.glob("*.md"))


def dead_links(page: Path) -> list[str]:
    """The links to files that are not there, or to headings that they do not have."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, heading = target.partition("#")
        other = page.parent / name if name else page
        if not other.exists() or (heading and heading not in _anchors(other)):
            dead.append(target)
    return dead


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_there_are_pages() -> None:
    assert {"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"} <= {page.name for page in OUTSIDE}


@pytest.mark.parametrize("page", OUTSIDE, ids=lambda page: page.name)
def test_no_link_is_dead(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One thing\n[a](#one-thing) [b](#two) [c](page.md) [d](gone.md) `[e](code.md)` [f](https://x.y)"
    )
    assert dead_links(page) == ["#two", "gone.md"]
