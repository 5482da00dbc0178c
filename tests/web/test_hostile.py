"""Screens that mean no good, through every way by which one comes in: each is refused in one line, or answered, and
nothing else happens. The screens are those of `tests/screen/hostile.py`."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import pytest
from mcp import Client

from tapescan.api.resident import Resident
from tapescan.core.files import user_cache
from tapescan.interfaces.web.asking import Answer
from tapescan.interfaces.web.asking import ask as ask_app
from tests.commands import ROOT
from tests.screen.hostile import HOSTILE, Watch
from tests.web.conftest import TOKEN
from tests.web.test_mcp import with_client

T = TypeVar("T")

#: By hand, as clients refuse to send what is too long.
BEARER = [(b"authorization", f"Bearer {TOKEN}".encode())]

#: CPU seconds of one, and MiB that all of them may take beside what the process has.
SLOWEST, LARGEST = 5.0, 300.0
#: What no screen means ill by: it shows that a way works, and loads what is loaded once.
HONEST = "close > 1 AND rsi_14 < 90 AND within(2, close > 1)"

#: How a screen comes in by REST: path and parameter, and what is written around it.
REST = {
    "where": ("scan", "where", "{}"),
    "order": ("scan", "rank_by", "{}"),
    "column": ("scan", "features", "{}"),
    "named column": ("scan", "features", "mine = {}"),
    "shown": ("scan", "columns", "{}"),
    "screen": ("scan", "screens", "{}"),
    "profile": ("scan", "profile", "{}"),
    "day": ("scan", "as_of", "{}"),
    "plot": ("plot", "where", "{}"),
}
#: And how by an assistant's tools: the tool, and what it is given.
TOOLS: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "where": ("scan", lambda text: {"where": text}),
    "order": ("scan", lambda text: {"rank_by": text}),
    "columns": ("scan", lambda text: {"columns": [f"mine = {text}"]}),
    "history": ("screen_history", lambda text: {"where": text}),
}
#: Where these come in is looked at by default; the others are alike.
FIRST = {"where", "plot"}


def ways(some: dict[str, Any]) -> list[Any]:
    return [name if name in FIRST else pytest.param(name, marks=pytest.mark.long) for name in some]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    found = Watch(tmp_path)
    yield found
    # What Python, the package and its kernels are loaded of is no screen's.
    own = tuple(map(str, (sys.prefix, sys.base_prefix, ROOT / "src", user_cache())))
    assert [one for one in found.close() if not one.startswith(tuple(f"open ('{place}/" for place in own))] == []


async def bounded(ask: Callable[[str], Awaitable[T]], text: str) -> T:
    """What is answered; a slow answer may be the machine's, not one of three."""
    for _ in range(3):
        begin = time.process_time()
        found = await ask(text)
        if time.process_time() - begin < SLOWEST:
            return found
    raise AssertionError(f"slow: {text[:200]}")


@contextmanager
def watching(watch: Watch) -> Iterator[Iterator[str]]:
    """The hostile screens, while what they do is watched."""
    before, watch.on = peak(), True
    try:
        yield map(watch.filled, HOSTILE)
    finally:
        watch.on = False
    assert peak() - before < LARGEST


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


@pytest.mark.parametrize("way", ways(REST))
def test_by_rest(app: Any, watch: Watch, way: str) -> None:
    path, name, form = REST[way]

    async def asked() -> int:
        understood = 0

        async def ask(text: str) -> Answer:
            query = urlencode({name: form.format(text), **({"top": 2} if path == "scan" else {"sessions": 2})})
            return await ask_app(app, f"/api/v1/{path}", query, BEARER)

        status, *_ = await ask(HONEST)
        assert status == (200 if way in {"where", "order", "plot", "named column"} else 422)
        with watching(watch) as texts:
            for text in texts:
                status, kind, body = await bounded(ask, text)
                if status == 200:
                    understood += 1
                    assert "SELECT" not in text
                    assert str(watch.bait) not in text
                    continue
                assert 400 <= status < 500, (status, text[:200])
                assert kind == "application/problem+json"
                told = json.loads(body)
                assert "\n" not in told["detail"]
                assert len(told["detail"]) < 600
                assert b"Traceback" not in body
                assert len(body) < 10_000
        return understood

    understood = asyncio.run(asked())
    assert (understood > 5) == (way in {"where", "order", "plot", "named column"})


@pytest.mark.parametrize("way", ways(TOOLS))
def test_by_an_assistant(resident: Resident, watch: Watch, way: str) -> None:
    tool, given = TOOLS[way]

    async def asked(client: Client) -> int:
        understood = 0

        async def ask(text: str) -> tuple[bool, str]:
            found = await client.call_tool(tool, {**given(text), **({"top": 2} if tool == "scan" else {})})
            (content,) = found.content
            return bool(found.is_error), content.text  # type: ignore[union-attr]

        assert not (await ask(HONEST))[0]
        with watching(watch) as texts:
            for text in texts:
                failed, told = await bounded(ask, text)
                assert "Traceback" not in told
                if failed:
                    assert len(told) < 2000
                    continue
                understood += 1
                assert "SELECT" not in text
                assert str(watch.bait) not in text
                assert json.loads(told)["as_of"]
        return understood

    assert with_client(resident, asked) > 5
