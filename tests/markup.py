"""Reading a page: what is on it, and whether it is whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser

__all__ = ["Page", "points", "reaches_out"]


class Page(HTMLParser):
    """Checks that all elements are closed in order, and keeps what a reader sees."""

    EMPTY = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.seen: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def points(text: str) -> list[list[tuple[float, float]]]:
    """The lines of all plots, one list of places a line."""
    found = re.findall(r'<polyline [^>]*points="([^"]*)"', text)
    return [[(float(x), float(y)) for x, y in (one.split(",") for one in line.split())] for line in found]


def reaches_out(page: Page, text: str) -> list[str]:
    """What a browser would fetch or run."""
    tags = {"script", "link", "img", "iframe", "object", "embed", "base", "form", "video", "audio", "source", "use"}
    found = [tag for tag in page.tags if tag in tags]
    found += [f"{name}={value}" for name, value in page.attributes if name in {"src", "href", "xlink:href", "action"}]
    found += [name for name, _ in page.attributes if name.startswith("on")]
    return found + re.findall(r"https?://\S+|url\([^)]*\)|@import", text)
