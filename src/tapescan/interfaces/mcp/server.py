"""A server of the Model Context Protocol: few tools, compact answers, each with its session and what to ask next.

All of them read. Tools that write are there where they were switched on. A tool takes names and expressions, never a
path; what is wrong is one line that says what to do.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
import polars as pl
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import ToolAnnotations
from pydantic import Field, ValidationError

from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import OptionError, TapescanError, nearest
from tapescan.core.results import plain
from tapescan.core.text import printable
from tapescan.version import __version__

__all__ = ["make_server"]

#: Rows of an answer at most: what an assistant reads.
MOST, BARS = 100, 500
#: Columns that a row of a scan has, where nothing else is asked for.
SHOWN = ("rank", "symbol", "name", "sector", "score", "close", "side", "entry", "stop", "target")

_INSTRUCTIONS = """tapescan ranks every US-listed stock of a store by a profile, explains the rank, and plans a trade.
Begin with `overview`. Names of columns come from `columns`; conditions are SQL over columns, as in
"rsi_14 < 30 AND close > sma_200". Every answer names its session (`as_of`); `simulated` true means invented prices.
A score is an order of interest, not a forecast: the models' records say what they are worth, mostly nothing."""

Where = Annotated[
    str, Field(max_length=4000, description='a condition over columns: "rsi_14 < 30 AND close > sma_200"')
]
Symbol = Annotated[str, Field(max_length=24, description="as AAPL or BRK.B")]
Names = Annotated[list[Annotated[str, Field(max_length=4000)]], Field(max_length=50)]
Profile = Annotated[str, Field(max_length=64, description="a profile's name; the default when empty")]
Day = Annotated[str, Field(max_length=10, description="a past session, as 2025-12-31; the newest when empty")]


def make_server(market: Resident, *, writes: bool = False) -> MCPServer[Any]:
    """The server of a market. writes : whether the tools that write are there."""
    tools = _Tools(market)
    some = (
        tools.overview,
        tools.scan,
        tools.explain,
        tools.compare,
        tools.columns,
        tools.bars,
        tools.screen_history,
        tools.data_status,
    )
    made = [_made(one, reads=True) for one in some]
    if writes:
        made.append(_made(tools.save_list, reads=False))
    return MCPServer("tapescan", instructions=_INSTRUCTIONS, version=__version__, log_level="ERROR", tools=made)


class _Strict(Tool):
    """A tool that refuses what it does not take: misspelt, it would answer as if nothing had been asked."""

    async def run(self, arguments: dict[str, Any], *given: Any, **more: Any) -> Any:
        """As of `Tool`. Raises ToolError, in one line, for what cannot be used."""
        known = self.fn_metadata.arg_model.model_fields
        for name in arguments:
            if name not in known:
                hint = nearest(name, known) or (f"it takes {', '.join(known)}" if known else "it takes nothing")
                raise ToolError(printable(f"{self.name} takes no {name[:60]!r}; {hint}"))
        try:
            return await super().run(arguments, *given, **more)
        except ToolError as error:
            if not isinstance(error.__cause__, ValidationError):
                raise
            first = error.__cause__.errors()[0]
            field = ".".join(str(part) for part in first["loc"])
            raise ToolError(printable(f"{field}: {first['msg']}")) from None


def _made(tool: Callable[..., dict[str, Any]], *, reads: bool) -> Tool:
    """A tool whose answers are JSON without blanks, as an assistant pays for each, and whose errors are lines."""

    @functools.wraps(tool)
    def told(**given: Any) -> str:
        try:
            return msgspec.json.encode(plain(tool(**given))).decode()
        except TapescanError as error:
            raise ToolError(printable(str(error))) from None

    told.__annotations__ = {**tool.__annotations__, "return": str}
    hints = ToolAnnotations(read_only_hint=reads, destructive_hint=not reads, open_world_hint=False)
    made = _Strict.from_function(told, name=tool.__name__, annotations=hints, structured_output=False)
    made.parameters["additionalProperties"] = False
    return made


class _Tools:
    """What an assistant may ask."""

    def __init__(self, market: Resident) -> None:
        self._market = market

    def overview(self) -> dict[str, Any]:
        """What the market is: newest session, how far behind, regime, coverage, profiles and named screens."""
        from tapescan.scan.named import screen_files
        from tapescan.scan.profile import profile_names

        result = self._market.scan()
        about = self._market.overview()
        return {
            **self._about(),
            "behind_sessions": about.behind,
            "symbols": about.symbols,
            "regime": result.regime,
            "coverage": result.coverage,
            "profiles": profile_names(),
            "screens": list(screen_files()),
            "notes": result.notes,
            "next": 'scan(where="...", top=10), or scan(screens=["..."])',
        }

    def scan(
        self,
        where: Where = "",
        profile: Profile = "",
        screens: Names = [],  # noqa: B006 (never written to; the protocol shows it as the default)
        rank_by: Annotated[str, Field(max_length=4000, description='a column, as "rs desc"')] = "",
        columns: Names = [],  # noqa: B006
        top: Annotated[int, Field(ge=1, le=MOST)] = 10,
        as_of: Day = "",
    ) -> dict[str, Any]:
        """Rank the market: the best symbols that satisfy a condition, with score and planned trade.

        columns: further ones to show, each a name or `name = expression`.
        """
        asked = _asked(profile, screens, where, rank_by, columns, as_of)
        result, rows = self._market.of_scan(asked, lambda result: (result, result.best(top)))
        wanted = dict.fromkeys((*SHOWN, *result.features))
        return {
            **self._about(result.as_of),
            "coverage": result.coverage,
            "total": result.coverage.ranked,
            "shown": len(rows),
            "rows": rows.select(name for name in wanted if name in rows.columns),
            "notes": result.notes[:6],
            "next": 'explain(symbol="..."), or screen_history(where="...")',
        }

    def explain(self, symbol: Symbol, profile: Profile = "", as_of: Day = "") -> dict[str, Any]:
        """Why a symbol stands where it does: factors with their terms, forecasts, statements, the plan, or why it was
        left out."""
        found = self._market.explain(symbol, _asked(profile, [], "", "", [], as_of))
        row = {name: value for name, value in found.row.items() if value is not None}
        return {
            **self._about(found.scan.as_of),
            "symbol": found.symbol,
            "left_out": found.dropped,
            "row": row,
            "factors": found.factors,
            "forecasts": found.forecasts,
            "statements": found.statements,
            "options": found.options,
            "suspect_bars": list(found.suspects.values())[:5],
            "next": 'bars(symbol="...", columns=["rsi_14"]), compare(symbols=[...], columns=[...])',
        }

    def compare(self, symbols: Names, columns: Names, as_of: Day = "") -> dict[str, Any]:
        """Columns of some symbols side by side, whether or not they are ranked."""
        if not symbols:
            raise OptionError("none is named", 'as ["AAPL", "MSFT"]', field="symbols")
        asked = _asked("", [], "", "", columns, as_of)
        result, frame = self._market.of_scan(asked, lambda result: (result, result.frame))
        rows = frame.filter(pl.col("symbol").is_in(symbols))
        wanted = dict.fromkeys(("symbol", "rank", "score", "close", "dropped", *result.features))
        lacks = [one for one in symbols if one not in set(rows["symbol"])]
        return {
            **self._about(result.as_of),
            "rows": rows.select(name for name in wanted if name in rows.columns),
            "unknown_symbols": lacks,
            "next": 'explain(symbol="...")',
        }

    def columns(
        self,
        search: Annotated[str, Field(max_length=60, description="in a name, a title or a meaning")] = "",
        source: Annotated[str, Field(max_length=20)] = "",
    ) -> dict[str, Any]:
        """What conditions, orders and answers may name. Numbers in names are parameters: sma_37 is there too."""
        from tapescan.columns.registry import all_columns, sources

        words = search.lower().split()
        found = [
            {"name": one.name, "title": one.title, "unit": one.unit, "source": one.source}
            for one in all_columns(source or None)
            if all(word in f"{one.name} {one.title} {one.meaning}".lower() for word in words)
        ]
        return {
            "total": len(found),
            "shown": min(len(found), MOST),
            "columns": found[:MOST],
            "sources": [one.name for one in sources()],
            "next": 'scan(where="...")',
        }

    def bars(
        self,
        symbol: Symbol,
        columns: Names = [],  # noqa: B006
        sessions: Annotated[int, Field(ge=1, le=BARS)] = 20,
    ) -> dict[str, Any]:
        """A symbol's newest daily bars, oldest first, with columns of bars beside them."""
        frame = self._market.bars(symbol, columns, sessions)
        return {**self._about(), "symbol": symbol, "rows": frame, "next": 'explain(symbol="...")'}

    def screen_history(
        self,
        where: Where,
        horizon: Annotated[int, Field(ge=1, le=252, description="bars that a match is held")] = 5,
        profile: Profile = "",
    ) -> dict[str, Any]:
        """How often a condition was met, and what came after from the next open, less costs, beside the whole market.

        The past says little of the future: look at how many matches there are before you say anything of the mean.
        """
        found = self._market.plot(where, profile=profile, horizon=horizon)
        rows = found.sessions
        known = rows.filter(pl.col("known") > 0)
        edge = known["forward"] - known["market"]
        return {
            **self._about(),
            "where": where,
            "sessions": len(rows),
            "sessions_with_matches": len(rows.filter(pl.col("matches") > 0)),
            "matches": int(rows["matches"].sum()),
            "mean_forward_by_session": known["forward"].mean(),
            "mean_ahead_of_market_by_session": edge.mean(),
            "share_of_sessions_ahead": (edge > 0.0).mean() if len(edge) else None,
            "newest": rows.tail(20),
            "notes": found.notes,
            "next": "a replay ranks and trades it: `tapescan replay`, or POST /api/v1/jobs",
        }

    def data_status(self) -> dict[str, Any]:
        """Whether the data is whole and new: sessions behind, and what is wrong with the store."""
        about = self._market.overview()
        found = self._market.diagnosis()
        counts: Mapping[str, Any] = {}
        if found is not None:
            told = found.to_dict()
            counts = {name: len(value) if isinstance(value, list) else value for name, value in told.items()}
        return {
            **self._about(),
            "behind_sessions": about.behind,
            "trouble": about.trouble,
            "findings": counts,
            "next": "`tapescan doctor` shows each case",
        }

    def save_list(
        self,
        name: Annotated[str, Field(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")],
        symbols: Annotated[list[Annotated[str, Field(max_length=24)]], Field(min_length=1, max_length=1000)],
    ) -> dict[str, Any]:
        """Write a list of symbols, which conditions name: symbol IN list:NAME. One of that name is replaced."""
        from tapescan.screen.lists import write_list

        write_list(name, symbols)
        return {"list": name, "symbols": len(symbols), "next": f'scan(where="symbol IN list:{name}")'}

    def _about(self, as_of: Any = None) -> dict[str, Any]:
        about = self._market.overview()
        return {"as_of": as_of or about.as_of, "simulated": about.simulated}


def _asked(profile: str, screens: list[str], where: str, rank_by: str, columns: list[str], as_of: str) -> Asked:
    from tapescan.core.dates import parse_date

    return Asked(
        profile=profile,
        screens=tuple(screens),
        where=where,
        rank_by=rank_by,
        features=tuple(columns),
        as_of=parse_date(as_of or None, "as_of"),
    )
