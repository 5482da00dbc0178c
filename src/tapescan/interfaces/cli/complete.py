"""What a shell may complete: names of columns and of profiles. Nothing heavy is imported for it."""

from __future__ import annotations

from collections.abc import Iterator

from tapescan.core.errors import TapescanError

__all__ = ["column_lists", "column_names", "profile_names", "screen_names", "source_names"]


def column_names(incomplete: str) -> Iterator[str]:
    """The columns that begin so."""
    from tapescan.columns.registry import all_columns

    return (column.name for column in all_columns() if column.name.startswith(incomplete))


def column_lists(incomplete: str) -> Iterator[str]:
    """Lists of columns, commas between, whose last one is completed: ``rsi_14,at`` to ``rsi_14,atr_14``."""
    before, comma, last = incomplete.rpartition(",")
    taken = before.split(",")
    return (f"{before}{comma}{name}" for name in column_names(last) if name not in taken)


def profile_names(incomplete: str) -> Iterator[str]:
    """The profiles that begin so."""
    from tapescan.scan import profile

    try:
        return (name for name in profile.profile_names() if name.startswith(incomplete))
    except TapescanError:  # broken settings: the command itself will say so
        return iter(())


def screen_names(incomplete: str) -> Iterator[str]:
    """The named screens that begin so."""
    from tapescan.scan.named import screen_files

    try:
        return (name for name in screen_files() if name.startswith(incomplete))
    except TapescanError:  # broken settings: the command itself will say so
        return iter(())


def source_names(incomplete: str) -> Iterator[str]:
    """The sources of columns that begin so."""
    from tapescan.columns.registry import sources

    return (source.name for source in sources() if source.name.startswith(incomplete))
