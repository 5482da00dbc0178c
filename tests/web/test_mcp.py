"""The assistant's tools, by a client of the protocol: in process, over standard input and output, and over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
from mcp import Client, StdioServerParameters
from starlette.testclient import TestClient

import tapescan
from tapescan.api.resident import Resident
from tapescan.interfaces.mcp.server import make_server
from tapescan.simulation.market import SimulatedMarket
from tests.commands import ROOT

T = TypeVar("T")


def with_client(resident: Resident, use: Callable[[Client], Awaitable[T]], *, writes: bool = False) -> T:
    async def run() -> T:
        async with Client(make_server(resident, writes=writes)) as client:
            return await use(client)

    return asyncio.run(run())


def call(resident: Resident, tool: str, *, writes: bool = False, **given: Any) -> tuple[bool, str]:
    async def use(client: Client) -> tuple[bool, str]:
        found = await client.call_tool(tool, given)
        (content,) = found.content
        return bool(found.is_error), content.text  # type: ignore[union-attr]

    return with_client(resident, use, writes=writes)


def answer(resident: Resident, tool: str, **given: Any) -> dict[str, Any]:
    failed, text = call(resident, tool, **given)
    assert not failed, text
    found: dict[str, Any] = json.loads(text)
    return found


def test_tools_are_few_and_read(resident: Resident) -> None:
    async def use(client: Client) -> Any:
        return (await client.list_tools()).tools

    tools = with_client(resident, use)
    assert len(tools) == 8
    assert all(one.annotations.read_only_hint for one in tools)
    assert len(json.dumps([one.model_dump(mode="json", exclude_none=True) for one in tools])) < 8000
    more = with_client(resident, use, writes=True)
    assert {one.name for one in more} - {one.name for one in tools} == {"save_list"}


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("scan", {"wher": "rsi_14 < 3"}, "scan takes no 'wher'; did you mean where?"),
        ("overview", {"x": 1}, "overview takes no 'x'; it takes nothing"),
        ("scan", {"top": 100_000}, "top: "),
        ("compare", {"symbols": ["AAPL"]}, "columns: "),
    ],
)
def test_what_a_tool_does_not_take_is_one_line(
    resident: Resident, tool: str, given: dict[str, Any], said: str
) -> None:
    failed, text = call(resident, tool, **given)
    assert failed
    assert said in text
    assert "\n" not in text
    assert "pydantic" not in text


def test_a_scan_has_the_values_of_the_scan(resident: Resident, simulated: SimulatedMarket) -> None:
    told = answer(resident, "scan", where="rsi_14 < 60", columns=["rsi_14"], top=10)
    wanted = tapescan.scan_market(simulated, where="rsi_14 < 60", features=["rsi_14"], models=False)
    assert told["as_of"] == str(wanted.as_of)
    assert told["simulated"] is True
    assert told["total"] == wanted.coverage.ranked
    for row, own in zip(told["rows"], wanted.ranked.head(10).iter_rows(named=True), strict=True):
        assert (row["symbol"], row["score"], row["rsi_14"]) == (own["symbol"], own["score"], own["rsi_14"])
    assert len(json.dumps(told)) < 4500
    assert told["next"]


def test_every_tool_answers_shortly(resident: Resident) -> None:
    symbol = answer(resident, "scan", top=1)["rows"][0]["symbol"]
    asked: dict[str, dict[str, Any]] = {
        "overview": {},
        "explain": {"symbol": symbol},
        "compare": {"symbols": [symbol, "NOPE"], "columns": ["rsi_14"]},
        "columns": {"search": "average true range"},
        "bars": {"symbol": symbol, "columns": ["rsi_14"]},
        "screen_history": {"where": "rsi_14 < 40"},
        "data_status": {},
    }
    for tool, given in asked.items():
        told = answer(resident, tool, **given)
        assert len(json.dumps(told)) < 12_000, tool
        assert told["next"], tool
    assert answer(resident, "compare", symbols=[symbol, "NOPE"], columns=[])["unknown_symbols"] == ["NOPE"]
    bars = answer(resident, "bars", symbol=symbol, columns=["rsi_14"])["rows"]
    assert (
        bars[-1]["rsi_14"] == answer(resident, "compare", symbols=[symbol], columns=["rsi_14"])["rows"][0]["rsi_14"]
    )


@pytest.mark.parametrize(
    ("tool", "given", "said"),
    [
        ("scan", {"where": "foo > 1"}, "unknown name 'foo'"),
        ("scan", {"where": "read_csv('/etc/passwd')"}, "where"),
        ("scan", {"profile": "/etc/passwd"}, "is no name"),
        ("scan", {"screens": ["../x.toml"]}, "is no name"),
        ("scan", {"top": 10**9}, "less than or equal to 100"),
        ("scan", {"where": "(" * 900 + "1" + ")" * 900}, "where"),
        ("explain", {"symbol": "NOPE"}, "no symbol 'NOPE'"),
        ("bars", {"symbol": "NOPE"}, "no bars of 'NOPE'"),
        ("bars", {"symbol": "NOPE", "columns": ["score"]}, "score"),
        ("screen_history", {"where": "zscore(ret_5) > 1"}, "across the market"),
        ("save_list", {"name": "x", "symbols": ["A"]}, "save_list"),
    ],
)
def test_what_cannot_be_is_one_line(resident: Resident, tool: str, given: dict[str, Any], said: str) -> None:
    failed, text = call(resident, tool, **given)
    assert failed
    assert said in text
    assert "Traceback" not in text


def test_lists_are_written_where_that_is_switched_on(
    resident: Resident, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPESCAN_LISTS", str(tmp_path))
    failed, text = call(resident, "save_list", writes=True, name="mine", symbols=["AAPL", "MSFT"])
    assert not failed, text
    assert (tmp_path / "mine.txt").read_text().split() == ["AAPL", "MSFT"]
    failed, text = call(resident, "save_list", writes=True, name="../mine", symbols=["AAPL"])
    assert failed
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_over_http_the_tools_are_the_same(client: TestClient, resident: Resident) -> None:
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "scan", "arguments": {"where": "rsi_14 < 60", "top": 2}},
    }
    headers = {"accept": "application/json, text/event-stream"}
    found = client.post("/mcp/", json=asked, headers=headers)
    assert found.status_code == 200, found.text
    text = found.json()["result"]["content"][0]["text"]
    assert json.loads(text)["rows"] == answer(resident, "scan", where="rsi_14 < 60", top=2)["rows"]


@pytest.mark.long
def test_over_standard_input_and_output() -> None:
    """Nothing but the protocol's messages is printed, or the client would not understand."""
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tapescan", "mcp", "--no-models"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )

    async def use() -> str:
        async with Client(server, read_timeout_seconds=120.0) as client:
            found = await client.call_tool("overview", {})
            return str(found.content[0].text)  # type: ignore[union-attr]

    told = json.loads(asyncio.run(use()))
    assert told["simulated"] is True
    assert told["symbols"] == 6000
