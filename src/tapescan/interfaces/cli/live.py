"""`tapescan live`: the ranked list while the market trades, each minute."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tapescan.core.errors import OptionError
from tapescan.core.machine import steady_memory
from tapescan.core.results import plain
from tapescan.core.settings import load_settings
from tapescan.core.text import ascii_json, printable
from tapescan.interfaces.cli.complete import column_lists
from tapescan.interfaces.cli.console import errors, notes, output, progress_line
from tapescan.interfaces.cli.scan import (
    ModelsOption,
    NoModelsOption,
    ProfileOption,
    RankByOption,
    ScreenOption,
    WhereOption,
    chosen_models,
    show_scan,
)
from tapescan.interfaces.cli.table import result_table

if TYPE_CHECKING:
    import polars as pl

    from tapescan.api.live import LiveMinute

__all__ = ["live"]

#: Symbols that a line names of each kind, and lines of what happened that a page keeps.
NAMED, LINES = 8, 6

#: What is said while no list can be made.
UNRANKED = "Kernels compile, once on a machine: the ranked list comes with them."


def live(
    store: Annotated[
        str, typer.Option(help="Folder or URL of the store; a simulated market when there is none.")
    ] = "",
    source: Annotated[
        str,
        typer.Option(
            metavar="VENDOR",
            help="The feed: a vendor that streams, or is asked each minute (yahoo). [default: a simulated session]",
        ),
    ] = "",
    session: Annotated[
        str, typer.Option(metavar="DATE", help="The session to follow. [default: the next after the store's]")
    ] = "",
    profile: ProfileOption = "",
    screen: ScreenOption = None,
    where: WhereOption = "",
    rank_by: RankByOption = "",
    features: Annotated[
        str,
        typer.Option(metavar="LIST|all", autocompletion=column_lists, help="Columns to add to the table, or all."),
    ] = "",
    top: Annotated[int | None, typer.Option(min=1, max=1_000_000, help="Rows of the list. [default: 20]")] = None,
    models: ModelsOption = "",
    no_models: NoModelsOption = False,
    pace: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            min=0.0,
            max=3600,
            help="Of a simulated session: so long a minute lasts; 0 for no wait.",
        ),
    ] = 1.0,
    times: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many minutes. [default: at the close, or Ctrl-C]")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One minute, shown as a scan is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a minute, for other programs.")] = False,
    alerts: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE|all", help="Alert by these rules (`tapescan alerts list`), or by all of your folder."
        ),
    ] = "",
    metrics: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            help="Serve /metrics (Prometheus) and /health on 127.0.0.1; 0 for any free port.",
        ),
    ] = None,
) -> None:
    """Scan the whole market each minute while it trades, and show who enters the list, leaves it and moves."""
    steady_memory()
    from tapescan.api import follow_market
    from tapescan.scan.request import split_features

    if once and times is not None:
        raise OptionError("--once and --times are both given", "give one of them")
    settings = load_settings()
    rows, begin = top or settings.top, time.perf_counter()
    with ExitStack() as open_:
        place = (store or settings.store) if alerts else ""
        observers = (_served(open_, metrics, place),) if metrics is not None else ()
        try:
            with progress_line() as progress:
                minutes = follow_market(
                    store or None,
                    source=source or None,
                    session=session or None,
                    profile=profile or None,
                    screens=screen or (),
                    where=where or None,
                    rank_by=rank_by or None,
                    features="all" if features == "all" else split_features(features),
                    top=rows,
                    models=chosen_models(models, no_models),
                    pace=pace,
                    times=1 if once else times,
                    alerts=True if alerts == "all" else alerts or None,
                    observers=observers,
                    early=not (once or as_json),
                    progress=progress,
                )
                open_.enter_context(closing(minutes))  # type: ignore[type-var]
                first = next(minutes, None)
            if first is None:
                errors().print("the session is over: nothing came", style="yellow")
                return
            page = Page(rows)
            if once and not as_json:
                _show_once(first, rows, time.perf_counter() - begin)
                return
            with _shown(page, as_json=as_json) as show:
                for one in chain((first,), minutes):
                    show(one)
        except KeyboardInterrupt:
            # That is how it ends; what came was stored, or is while the feed is closed.
            errors().print("stopped; what came until now is stored", style="dim")


def _served(open_: ExitStack, port: int, store: str) -> Any:
    """store : whose alerts wait to be sent; empty where there are none."""
    from tapescan.alerts.outbox import Outbox, outbox_place
    from tapescan.live.metrics import Metrics
    from tapescan.network.serving import served

    def waiting() -> int:
        with closing(Outbox(outbox_place(store))) as box:
            return sum(box.depth().get(state, 0) for state in ("due", "failed"))

    found = Metrics(waiting) if store else Metrics()
    own = open_.enter_context(served(found.pages, port))
    notes((f"metrics at http://127.0.0.1:{own}/metrics, health at http://127.0.0.1:{own}/health",))
    return found


@contextmanager
def _shown(page: Page, *, as_json: bool) -> Iterator[Any]:
    """What shows a minute: a line of JSON, a page that is drawn anew, or a line where there is no terminal."""
    console, told = output(), set[str]()
    if as_json:
        yield lambda one: typer.echo(ascii_json(json.dumps(page.take(one), ensure_ascii=False)))
        return
    if not console.is_terminal:

        def say(one: LiveMinute) -> None:
            page.take(one)
            notes(tuple(note for note in one.notes if note not in told))
            told.update(one.notes)
            console.print(page.line, markup=False, soft_wrap=True)
            console.file.flush()

        yield say
        return
    with Live(console=console, auto_refresh=False, transient=False) as screen:

        def draw(one: LiveMinute) -> None:
            page.take(one)
            screen.update(page.drawn(one, console), refresh=True)

        yield draw


def _show_once(one: LiveMinute, rows: int, seconds: float) -> None:
    """seconds : from the command on."""
    notes(one.notes)
    if one.result is None:
        output().print(status(one), markup=False, soft_wrap=True)
        return
    notes(one.result.notes)
    took = sum(one.result.timings.values())
    timings = {"prepare": max(seconds - took, 0.0), **one.result.timings}
    show_scan(msgspec.structs.replace(one.result, timings=timings), rows)
    output().print(status(one), markup=False, soft_wrap=True)


def status(one: LiveMinute) -> str:
    """Where the session stands, and how much of the market this minute covers."""
    parts = [
        *(["SIMULATED"] if one.simulated else []),
        f"{one.session} {one.clock}",
        f"{one.source}" + (f" {one.delay / 60:.0f} min behind" if one.delay else ""),
        f"{one.traded:,} traded this minute, {one.so_far:,} of {one.expected:,} so far",
        f"lag {one.lag * 1e3:,.0f} ms",
    ]
    bars = [f"{count:,} {name}" for name, count in (("corrected", one.corrected), ("refused", one.refused)) if count]
    return "  ".join([*parts, *bars, *(["PARTIAL"] if one.partial else [])])


@dataclass
class Page:
    """What is shown of the minutes so far.

    top : rows of the list. line : of the newest minute. happened : the newest lines of whoever came, left or moved.
    """

    top: int
    line: str = ""
    happened: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    _ranks: dict[str, int] = field(default_factory=dict)

    def take(self, one: LiveMinute) -> dict[str, Any]:
        """Take the next minute; it as plain values, with who moved in the list."""
        result, moved, ranks = one.result, list[dict[str, Any]](), self._ranks
        if result is not None:
            ranks = {symbol: rank for rank, symbol in enumerate(result.symbols[: self.top], start=1)}
            moved = [
                {"symbol": symbol, "from": self._ranks[symbol], "to": rank}
                for symbol, rank in ranks.items()
                if symbol in self._ranks and self._ranks[symbol] != rank
            ]
        text = _happened(one, ranks, moved, first=not self._ranks)
        self._ranks = ranks
        if text:
            self.happened.append(f"{one.clock}  {text}")
        if one.quotes is not None:
            text = f"most traded: {_some([printable(symbol) for symbol in one.quotes['symbol']])}; {UNRANKED}"
        self.line = f"{status(one)}  {text or 'no change in the list'}"
        found: dict[str, Any] = plain({**one.to_dict(self.top), "moved": moved})
        return found

    def drawn(self, one: LiveMinute, console: Console) -> Group:
        """As a page that fits a terminal."""
        head = Text(status(one), style="bold yellow" if one.partial or one.simulated else "bold")
        said = [printable(note) for note in one.notes[-2:]]
        # The table has a head, a rule and two empty lines; its hidden columns and the coverage are a line each.
        room = console.height - len(head.wrap(console, console.width)) - len(said) - 7
        lines = [*self.happened][-max(min(LINES, room - self.top), 1) :]
        parts: list[Any] = [head]
        if one.quotes is not None:
            parts.append(quote_table(one.quotes.head(max(min(self.top, room - len(lines)), 1))))
            parts.append(_cut(UNRANKED, "yellow"))
        elif one.result is not None and one.result.coverage.ranked:
            table, hidden = result_table(one.result, max(min(self.top, room - len(lines)), 1), console.width)
            parts.append(table)
            if hidden:
                parts.append(_cut(f"no room for {', '.join(hidden)}", "dim"))
            parts.append(_cut(f"Coverage: {one.result.coverage}"))
        else:
            parts.append(Text("No symbol is ranked by now.", style="yellow"))
        parts += [_cut(line) for line in lines]
        parts += [_cut(note, "yellow") for note in said]
        return Group(*parts)


def quote_table(quotes: pl.DataFrame) -> Table:
    """Prices without any scan, as `live.quotes.most_traded` gives them."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in ("symbol", "price", "change", "volume", "$ million"):
        table.add_column(title, justify="left" if title == "symbol" else "right")
    for symbol, price, change, volume, dollars in quotes.iter_rows():
        moved = "" if change is None else f"{change:+.2%}"
        style = "green" if (change or 0.0) > 0.0 else "red" if (change or 0.0) < 0.0 else ""
        table.add_row(
            printable(symbol), f"{price:,.2f}", Text(moved, style), f"{volume:,.0f}", f"{dollars / 1e6:,.1f}"
        )
    return table


def _cut(text: str, style: str = "") -> Text:
    """One line of the page."""
    return Text(text, style=style, overflow="ellipsis", no_wrap=True)


def _happened(one: LiveMinute, ranks: dict[str, int], moved: list[dict[str, Any]], *, first: bool) -> str:
    """Who came, left and moved; the first list as it is."""
    if one.changes is None:
        return f"list: {_some([printable(symbol) for symbol in ranks])}" if first and ranks else ""
    new = [f"#{ranks[symbol]} {printable(symbol)}" for symbol in one.changes.entered if symbol in ranks]
    gone = [f"{printable(left.symbol)} ({left.why.replace('_', ' ')})" for left in one.changes.left]
    order = sorted(moved, key=lambda row: (-abs(row["from"] - row["to"]), row["to"]))
    went = [f"{printable(row['symbol'])} {row['from']}>{row['to']}" for row in order]
    kinds = (("entered", new), ("left", gone), ("moved", went))
    return "; ".join(f"{title}: {_some(names)}" for title, names in kinds if names)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
