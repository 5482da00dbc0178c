"""The page of `tapescan tui`: a condition, the ranked rows, and chart and factors of the row that the cursor is on.

What it shows is the scan's own; all that is asked of the market is asked beside the page, so keys never wait.
"""

from __future__ import annotations

from typing import ClassVar

import polars as pl
from rich.console import Console
from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import DataTable, Footer, Input, Static

from tapescan.api.resident import Asked, Resident
from tapescan.core.errors import TapescanError
from tapescan.core.text import printable
from tapescan.interfaces.cli.plots import Line, lines
from tapescan.scan.cells import fixed
from tapescan.scan.explain import Explanation
from tapescan.scan.result import ScanResult

__all__ = ["ScanPage"]

#: Rows that the table holds, sessions of a chart, and seconds between two looks at the store.
ROWS, SESSIONS, LOOK = 500, 126, 2.0
_COLUMNS = ("rank", "symbol", "score", "close", "side", "entry", "stop", "target", "name")
_DIGITS = {"score": 1, "close": 2, "entry": 2, "stop": 2, "target": 2}


class ScanPage(App[None]):
    """resident : the market. profile, where : what is asked at first."""

    TITLE = "tapescan"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #about { height: auto; padding: 0 1; background: $panel; }
    #said { height: auto; padding: 0 1; color: $error; display: none; }
    #said.shown { display: block; }
    #rows { height: 1fr; }
    #one { height: 16; padding: 0 1; border-top: solid $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("slash", "ask", "condition"),
        ("escape", "rows", "rows"),
        ("o", "turn", "order"),
        ("q", "quit", "leave"),
    ]

    def __init__(self, resident: Resident, *, profile: str = "", where: str = "") -> None:
        super().__init__()
        self._resident, self._asked = resident, Asked(profile=profile, where=where)
        self._result: ScanResult | None = None
        self._generation = resident.generation
        self._orders = ("", "close desc", "rs desc", "volume desc")

    def compose(self) -> ComposeResult:
        yield Static(id="about")
        yield Input(self._asked.where, placeholder="a condition, as rsi_14 < 30 AND close > sma_200", id="where")
        yield Static(id="said")
        with Vertical():
            yield DataTable(id="rows", cursor_type="row", zebra_stripes=True)
            yield Static(id="one")
        yield Footer()

    def on_mount(self) -> None:
        table = self.query_one("#rows", DataTable)
        for name in (*_COLUMNS, *self._asked.features):
            table.add_column(name, key=name)
        table.focus()
        self.scan(self._asked)
        self.set_interval(LOOK, self.look)

    # --- what keys do ---------------------------------------------------------------------------------

    def action_ask(self) -> None:
        self.query_one("#where", Input).focus()

    def action_rows(self) -> None:
        self.query_one("#rows", DataTable).focus()

    def action_turn(self) -> None:
        """The next order."""
        at = (self._orders.index(self._asked.rank_by) + 1) % len(self._orders)
        self.scan(Asked(profile=self._asked.profile, where=self._asked.where, rank_by=self._orders[at]))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.scan(Asked(profile=self._asked.profile, where=event.value.strip(), rank_by=self._asked.rank_by))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        if event.row_key is not None and event.row_key.value:
            self.explain(event.row_key.value)

    # --- what is asked of the market, beside the page -------------------------------------------------

    @work(thread=True, exclusive=True, group="look")
    def look(self) -> None:
        """Whether something came into the store."""
        self._resident.refresh()
        if self._resident.generation != self._generation:
            self._generation = self._resident.generation
            self.call_from_thread(self.scan, self._asked)

    @work(thread=True, exclusive=True, group="scan")
    def scan(self, asked: Asked) -> None:
        """Scan, and show the rows; what cannot be asked is said, and the rows stay."""
        try:
            result, rows = self._resident.of_scan(asked, lambda result: (result, result.best(ROWS)))
        except TapescanError as error:
            self.call_from_thread(self.say, str(error))
            return
        self._asked, self._result = asked, result
        self.call_from_thread(self.show_rows, rows)

    @work(thread=True, exclusive=True, group="explain")
    def explain(self, symbol: str) -> None:
        """The chart and the factors of a row."""
        try:
            bars = self._resident.bars(symbol, ["sma_50"], SESSIONS)
            found = self._resident.explain(symbol, self._asked)
        except TapescanError as error:
            self.call_from_thread(self.say, str(error))
            return
        self.call_from_thread(self.show_one, found, bars)

    # --- what is shown --------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        said = self.query_one("#said", Static)
        said.update(Text(printable(text)))
        said.set_class(bool(text), "shown")

    def show_rows(self, rows: pl.DataFrame) -> None:
        result, about = self._result, self._resident.overview()
        assert result is not None
        self.say(about.trouble)
        table = self.query_one("#rows", DataTable)
        table.clear()
        for row in rows.iter_rows(named=True):
            cells = [
                Text(fixed(row[name], _DIGITS[name]), justify="right")
                if name in _DIGITS
                else printable(str(row[name] or ""))
                for name in _COLUMNS
            ]
            table.add_row(*cells, key=row["symbol"])
        marks = ["SIMULATED"] if about.simulated else []
        marks += [f"{about.behind} sessions behind"] if about.behind else []
        regime, order = result.regime, f", by {self._asked.rank_by}" if self._asked.rank_by else ""
        head = Text(
            f"{result.as_of}  {result.provenance['profile']['name']}{order}  {regime.trend}, {regime.volatility}  "
        )
        head.append("  ".join(marks), style="bold reverse")
        self.query_one("#about", Static).update(head.append(f"\n{result.coverage}"))
        if rows.is_empty():
            self.query_one("#one", Static).update("nobody satisfies it")

    def show_one(self, found: Explanation, bars: pl.DataFrame) -> None:
        place = self.query_one("#one", Static)
        width = max(place.size.width - 2, 40)
        days = bars["session"].to_list()
        drawn = [Line(name, days, bars[name].to_numpy()) for name in ("close", "sma_50") if bars[name].count()]
        console = Console(width=width)
        text = Text("\n").join(lines(f"{found.symbol} {printable(found.row['name'] or '')}", drawn, "", console))
        factors = [
            f"{one.title} {one.points:.1f}/{one.possible:.0f}" for one in found.factors if one.points is not None
        ]
        place.update(text.append("\n" + printable("  ".join(factors) or found.dropped)))
