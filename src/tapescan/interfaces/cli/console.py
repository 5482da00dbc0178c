"""What the commands share: the two consoles and the progress line."""

from __future__ import annotations

import datetime as dt
import importlib.util
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich import progress as rich_progress
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar
from rich.text import Text

from tapescan.core.errors import OptionError
from tapescan.core.progress import Progress
from tapescan.core.text import shown_lines

__all__ = [
    "PLAIN_WIDTH",
    "Pace",
    "errors",
    "heed_sizes",
    "kept_output",
    "needs_extra",
    "notes",
    "output",
    "progress_line",
]


#: Columns of a text that goes to a file or a pipe, unless COLUMNS says otherwise.
PLAIN_WIDTH = 160

#: Seconds of a stage before it is told how long it takes.
SETTLED = 1.0


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


class _Left(ProgressColumn):
    """The time that a stage still takes, by what it has taken so far, where its end is known."""

    def render(self, task: Task) -> Text:
        ends = task.fields.get("ends")
        if ends is None:
            return Text("")
        left = max(round(ends - time.monotonic()), 0)
        return Text(f"{dt.timedelta(seconds=left)} left", style="progress.remaining")


class Pace:
    """When a stage is going to end. clock : seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._stage = clock, ""
        self._begin, self._first, self._last = 0.0, 0, 0

    def ends(self, done: int, total: int, what: str) -> float | None:
        """By the clock; None while nobody can say. A stage begins with another text, or with less done."""
        now = self._clock()
        if what != self._stage or done < self._last:
            self._stage, self._begin, self._first = what, now, done
        self._last = done
        # What was done when it began may have been done before.
        ahead, taken = done - self._first, now - self._begin
        if not total or ahead <= 0 or taken < SETTLED:
            return None
        return now + (total - done) * taken / ahead


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


def needs_extra(command: str, extra: str, package: str) -> None:
    """Raises OptionError where a package of an extra is not installed, before anything is read."""
    if importlib.util.find_spec(package) is None:
        raise OptionError(f"{command} needs the extra `{extra}`", f"pip install 'tapescan[{extra}]'")


def notes(lines: tuple[str, ...]) -> None:
    """Plain lines for the reader, apart from the results."""
    for line in lines:
        errors().print(line, style="yellow", soft_wrap=True, markup=False)


@contextmanager
def progress_line() -> Iterator[Progress]:
    """A line that shows how far it is, and how long it still takes, while the block runs and leaves nothing behind.
    When standard error is no terminal, each new stage is one plain line."""
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
    columns = (SpinnerColumn(), TextColumn("{task.description}"), _Bar(), _Count(), TimeElapsedColumn(), _Left())
    pace = Pace()
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def update(done: int, total: int, what: str) -> None:
            ends = pace.ends(done, total, what)
            bar.update(task, description=what, completed=done, total=total or None, ends=ends)

        yield update
