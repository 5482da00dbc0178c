"""What the commands share: the two consoles and the progress line."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import progress as rich_progress
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from tapescan.core.progress import Progress
from tapescan.core.text import shown_lines

__all__ = ["PLAIN_WIDTH", "errors", "heed_sizes", "kept_output", "notes", "output", "progress_line"]


#: Columns of a text that goes to a file or a pipe, unless COLUMNS says otherwise.
PLAIN_WIDTH = 160


class _Clean(Console):
    """Text of files and vendors reaches no terminal with what a terminal obeys."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown_lines(text), **options)


class _Output(_Clean):
    def on_broken_pipe(self) -> None:
        # rich would exit with code 1; a reader that has seen enough is no failure.
        raise BrokenPipeError


def output() -> Console:
    """Results go to standard output; without colour when piped."""
    piped = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return _Output(highlight=False, width=PLAIN_WIDTH if piped else None)


class _Bar(BarColumn):
    """A bar only where the end is known."""

    def render(self, task: Task) -> ProgressBar | Text:  # type: ignore[override]
        return super().render(task) if task.total else Text("")


class _Count(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return super().render(task) if task.total else Text("")


def errors() -> Console:
    """Progress and notes go to standard error, so that a pipe holds only results."""
    return _Clean(stderr=True, highlight=False)


def kept_output() -> tuple[Console, io.StringIO]:
    """A console for a file, and what was printed to it."""
    text = io.StringIO()
    return _Clean(file=text, width=PLAIN_WIDTH, highlight=False), text


def heed_sizes() -> None:
    """COLUMNS and LINES that are no size of a terminal say nothing: a table without room would be no table."""
    for name, least in (("COLUMNS", 20), ("LINES", 1)):
        said = os.environ.get(name, "")
        if not (said.isascii() and said.isdigit() and least <= int(said[:9]) <= 10_000):
            os.environ.pop(name, None)


def notes(lines: tuple[str, ...]) -> None:
    """Plain lines for the reader, apart from the results."""
    for line in lines:
        errors().print(line, style="yellow", soft_wrap=True, markup=False)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """A line that shows how far it is while the block runs and leaves nothing behind. When standard error
    is no terminal, each new stage is one plain line."""
    console = errors()
    if not console.is_terminal:
        said: set[str] = set()

        def say(done: int, total: int, what: str) -> None:
            del done, total
            if what not in said:
                said.add(what)
                console.print(f"{what} ...", markup=False, soft_wrap=True)

        yield say
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), _Bar(), _Count(), TimeElapsedColumn())
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def update(done: int, total: int, what: str) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        yield update
