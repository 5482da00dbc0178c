"""The page of the terminal, driven by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

pytest.importorskip("textual", reason="the extra `web` is not installed")

from textual.widgets import DataTable, Input, Static

from tapescan.api.resident import Asked, Resident
from tapescan.interfaces.cli.tui_page import ScanPage
from tapescan.simulation.market import simulate


@pytest.fixture(scope="module")
def resident() -> Resident:
    return Resident(simulate(symbols=150, sessions=330, seed=5), models=False)


def driven(resident: Resident, use: Callable[[Any, Any], Awaitable[None]], width: int = 120) -> None:
    async def run() -> None:
        page = ScanPage(resident)
        async with page.run_test(size=(width, 40)) as pilot:
            await settled(page, pilot)
            await use(page, pilot)

    asyncio.run(run())


async def settled(page: Any, pilot: Any) -> None:
    await page.workers.wait_for_complete()
    await pilot.pause()
    await page.workers.wait_for_complete()
    await pilot.pause()


def text_of(page: Any, name: str) -> str:
    return str(page.query_one(name, Static).render())


def test_rows_are_the_scan_and_arrows_flip_charts(resident: Resident) -> None:
    symbols = resident.scan().symbols

    async def use(page: Any, pilot: Any) -> None:
        table = page.query_one("#rows", DataTable)
        assert [key.value for key in table.rows] == symbols
        assert "SIMULATED" in text_of(page, "#about")
        assert symbols[0] in text_of(page, "#one")
        await pilot.press("down")
        await settled(page, pilot)
        assert symbols[1] in text_of(page, "#one")
        assert "sma_50" in text_of(page, "#one")

    driven(resident, use)


@pytest.mark.long
@pytest.mark.parametrize("width", [60, 120])
def test_a_condition_is_typed_mended_and_left(resident: Resident, width: int) -> None:
    wanted = resident.scan(Asked(where="rsi_14 < 45")).symbols

    async def use(page: Any, pilot: Any) -> None:
        table = page.query_one("#rows", DataTable)
        before = len(table.rows)
        await pilot.press("slash", *"rsi < 45", "enter")
        await settled(page, pilot)
        assert "unknown name 'rsi'" in text_of(page, "#said")
        assert len(table.rows) == before  # nothing is lost
        page.query_one("#where", Input).value = "rsi_14 < 45"
        await pilot.press("enter")
        await settled(page, pilot)
        assert [key.value for key in table.rows] == wanted
        assert not page.query_one("#said", Static).has_class("shown")
        await pilot.press("escape", "o")
        await settled(page, pilot)
        assert "close desc" in text_of(page, "#about")
        assert (
            next(iter(table.rows)).value == resident.scan(Asked(where="rsi_14 < 45", rank_by="close desc")).symbols[0]
        )

    driven(resident, use, width)
