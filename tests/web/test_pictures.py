"""The guide's pictures: each state that one shows is reached, and the picture that is shown is of that size."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi", reason="the extra `web` is not installed")
pytest.importorskip("playwright", reason="playwright is not installed: the extra `dev`")
pytest.importorskip("PIL", reason="pillow is not installed: the extra `dev`")

from PIL import Image

from tapescan.api.resident import Resident
from tests.web.browser import IN_CHROMIUM, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_CHROMIUM

DOCS = Path(__file__).resolve().parents[2] / "docs"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules["pictures"] = found  # its classes ask for it
    spec.loader.exec_module(found)
    return found


PICTURES = script()
OF_MEMORY = [name for name, one in PICTURES.PICTURES.items() if not one.kept]
OF_STORE = [name for name, one in PICTURES.PICTURES.items() if one.kept]


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[str, str]]:
    """The address of a server over a store, and its best symbol."""
    with PICTURES.kept_market(symbols=200) as (resident, hub), served(resident, hub) as address:
        yield address, resident.scan().symbols[0]


def look(browser: Browser, address: str, name: str, symbol: str) -> None:
    picture = PICTURES.PICTURES[name]
    taken = PICTURES.take(browser, address, picture, symbol)
    with Image.open(PICTURES.IMAGES / f"{name}.png") as shown:
        assert taken.size == shown.size == (picture.size["width"], picture.size["height"])
    guide = (DOCS / "guides" / "web.md").read_text(encoding="utf-8")
    assert f"](../images/{name}.png)" in guide


@pytest.mark.parametrize("name", OF_MEMORY)
def test_a_picture_of_a_market_in_memory(browser: Browser, address: str, resident: Resident, name: str) -> None:
    look(browser, address, name, resident.scan().symbols[0])


@pytest.mark.parametrize("name", OF_STORE)
def test_a_picture_of_a_store(browser: Browser, kept: tuple[str, str], name: str) -> None:
    look(browser, kept[0], name, kept[1])
