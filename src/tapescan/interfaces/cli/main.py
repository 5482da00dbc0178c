"""The command line: `tapescan scan | show | sync | import | train ...`.

Thin: each command asks the API and shows its result. A TapescanError becomes one line on standard error
and exit code 2; anything else is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from tapescan.core.errors import TapescanError
from tapescan.core.logging import show_log
from tapescan.core.settings import given_variables
from tapescan.core.text import printable, refuse_broken
from tapescan.interfaces.cli import (
    bench,
    columns,
    compact,
    doctor,
    imports,
    indicators,
    lists,
    profiles,
    scan,
    screens,
    show,
    sync,
    train,
)
from tapescan.interfaces.cli.console import heed_sizes
from tapescan.version import __version__

__all__ = ["app", "main"]

#: The exit code of a program that Ctrl-C stopped.
INTERRUPTED = 130

app = typer.Typer(
    name="tapescan",
    help="Whole-market stock scanner: every US-listed stock, ranked and explained.",
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
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


app.command("import")(imports.import_files)
app.command("sync")(sync.sync)
app.command("vendors")(sync.vendors)
app.command("doctor")(doctor.doctor)
app.command("compact")(compact.compact)
app.command("train")(train.train)
app.command("evaluate")(train.evaluate)
app.command("models")(train.models)
app.command("scan")(scan.scan)
app.command("show")(show.show)
app.command("columns")(columns.columns)
app.command("indicators")(indicators.indicators)
app.command("profiles")(profiles.profiles)
app.command("screens")(screens.screens)
app.command("lists")(lists.lists)
app.command("bench")(bench.bench)


def main() -> None:
    """Entry point of the `tapescan` command."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character shows a question mark; it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    heed_sizes()
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
