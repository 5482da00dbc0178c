"""The command line: `tapescan scan | show | sync | import | train ...`.

Thin: each command asks the API and shows its result, and is imported when it is called, or told of. A TapescanError
becomes one line on standard error and exit code 2; anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from tapescan.core.errors import TapescanError
from tapescan.core.logging import show_log
from tapescan.core.settings import given_variables
from tapescan.core.text import printable, refuse_broken
from tapescan.interfaces.cli.console import heed_sizes
from tapescan.version import __version__

__all__ = ["app", "main"]

#: The exit code of a program that Ctrl-C stopped.
INTERRUPTED = 130

#: The commands as the help lists them: the module of each, and its function there.
COMMANDS = {
    "import": ("imports", "import_files"),
    "sync": ("sync", "sync"),
    "vendors": ("sync", "vendors"),
    "doctor": ("doctor", "doctor"),
    "compact": ("compact", "compact"),
    "train": ("train", "train"),
    "trials": ("trials", "trials"),
    "evaluate": ("train", "evaluate"),
    "models": ("train", "models"),
    "scan": ("scan", "scan"),
    "watch": ("watch", "watch"),
    "live": ("live", "live"),
    "serve": ("serve", "serve"),
    "page": ("page", "page"),
    "mcp": ("mcp", "mcp"),
    "tui": ("tui", "tui"),
    "alerts": ("alerts", "alerts"),
    "replay": ("replay", "replay"),
    "breadth": ("breadth", "breadth"),
    "show": ("show", "show"),
    "options": ("options", "options"),
    "columns": ("columns", "columns"),
    "indicators": ("indicators", "indicators"),
    "profiles": ("profiles", "profiles"),
    "screens": ("screens", "screens"),
    "lists": ("lists", "lists"),
    "bench": ("bench", "bench"),
    "cost": ("cost", "cost"),
}

#: How the texts of the help are written.
MARKUP: Any = "markdown"


class _Commands(MutableMapping[str, Any]):
    """The commands by name, each made of its function when it is asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, function = COMMANDS[name]
            alone = typer.Typer(add_completion=False, rich_markup_mode=MARKUP)
            found = getattr(import_module(f"tapescan.interfaces.cli.{module}"), function)
            if isinstance(found, typer.Typer):  # a group of commands
                self._made[name] = typer.main.get_command(found)
                self._made[name].name = name
                return self._made[name]
            alone.command(name)(found)
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._made[name] = command

    def __delitem__(self, name: str) -> None:
        del self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys((*COMMANDS, *self._made)))

    def __len__(self) -> int:
        return len(list(iter(self)))


class _Group(TyperGroup):
    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands()

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(self.commands)


app = typer.Typer(
    name="tapescan",
    cls=_Group,
    help="Whole-market stock scanner: every US-listed stock, ranked and explained.",
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tapescan {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Tell on standard error what is read, asked for and stored.")
    ] = False,
) -> None:
    del version  # has been answered
    if verbose:
        show_log()


def main() -> None:
    """Entry point of the `tapescan` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    heed_sizes()
    _start_lean()
    try:
        _refuse_broken()
        code = app(args=sys.argv[1:] or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except TapescanError as error:
        _fail(error.told(_option))
    except TyperException as error:
        # A wrong option or a missing argument: the same one line as any other bad input.
        _fail(f"{_message(error)}; `{_asked()} --help` explains")
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (head, less) has seen enough.
        os._exit(0)
    except OSError as error:
        # A full disk, a lost mount, a folder that may not be written: not ours to mend.
        _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    if code == INTERRUPTED:  # typer makes it of Ctrl-C
        sys.stderr.write("tapescan: stopped\n")
    sys.stderr.flush()
    # All is written: taking a gigabyte of arrays and machine code apart piece by piece would only cost time.
    os._exit(code if isinstance(code, int) else 0)


def _start_lean() -> None:
    """What a start costs without being of use to it, all before NumPy is imported."""
    # NumPy's algebra starts a thread for each core, which spins before it sleeps: 2 ** 4 cycles instead of 2 ** 26.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    # polars' allocator keeps what is freed for a second before the system gets it back: a third of a scan's peak.
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:100,muzzy_decay_ms:0")
    # Modules make objects by the hundred thousand, and hardly a cycle among them.
    gc.set_threshold(50_000, 20, 20)


def _refuse_broken() -> None:
    """Raises OptionError for an argument or a setting's variable in another encoding than UTF-8."""
    for text in (*sys.argv[1:], *given_variables().values()):
        refuse_broken(text, "")


#: Arguments of the Python API that have another name here.
OPTIONS = {"start": "--from", "end": "--to", "symbol": "SYMBOL"}


def _option(field: str) -> str:
    """What an argument of the Python API is called on the command line."""
    return OPTIONS.get(field, f"--{field.replace('_', '-')}")


def _fail(line: str) -> NoReturn:
    sys.stderr.write(f"tapescan: {printable(line, 4000)}\n")
    raise SystemExit(2) from None


def _message(error: TyperException) -> str:
    """What is wrong, with the option's name where the error knows it."""
    described = error.format_message() if hasattr(error, "format_message") else str(error)
    return str(described).strip().rstrip(".")


def _asked() -> str:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    return f"tapescan {command}".strip()
