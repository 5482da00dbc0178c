"""The pages whose commands are run, and the fenced blocks in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["PAGES", "ROOT", "Block", "blocks"]

ROOT = Path(__file__).resolve().parents[2]

#: What a user follows step by step.
PAGES = (ROOT / "README.md", ROOT / "docs" / "getting-started.md", *sorted((ROOT / "docs" / "guides").glob("*.md")))

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.M | re.S)
_MARK = re.compile(r"<!-- (not run|file): ([^>]+) -->\n+\Z")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    line : of its first line of code. not_run : why it is not run; empty for one that is. file : that a reader writes
    with it; empty for one that is no file.
    """

    page: Path
    line: int
    language: str
    code: str
    not_run: str
    file: str

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        before = text[: fence.start()]
        found_mark = _MARK.search(before)
        marks = {found_mark[1]: " ".join(found_mark[2].split())} if found_mark else {}
        line = before.count("\n") + 2
        found.append(Block(page, line, fence[1], fence[2], marks.get("not run", ""), marks.get("file", "")))
    return found
