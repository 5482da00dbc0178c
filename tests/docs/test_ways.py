"""The ways through the house in the architecture page: every station is there, and none is visited twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "concepts" / "architecture.md").read_text(encoding="utf-8")
WAYS = dict(re.findall(r"^### (.+)\n\n((?:\d+\. .+\n(?: +.+\n)*)+)", PAGE, re.M))


def test_the_ways_are_these() -> None:
    assert list(WAYS) == [
        "A bar",
        "A minute bar",
        "An option quote",
        "A vendor's reply",
        "A feature's name",
        "A training sample",
        "A range",
        "A session of the past",
        "An as-of date",
    ]


@pytest.mark.parametrize("way", WAYS)
def test_every_station_is_there_once_on_one_line(way: str) -> None:
    stations = re.findall(r"^\d+\. `([^`]+)`", WAYS[way], re.M)
    assert len(stations) == len(WAYS[way].splitlines()) >= 8
    assert len(set(stations)) == len(stations)
    for station in stations:
        assert list((ROOT / "src" / "tapescan").glob(re.sub(r"<\w+>", "*", station))), station


def test_the_layout_names_every_folder() -> None:
    layout = PAGE[PAGE.index("## Layout") : PAGE.index("## Ways through the house")]
    folders = {path.name for path in (ROOT / "src" / "tapescan").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(re.findall(r"^  (\w+)/", layout, re.M))
