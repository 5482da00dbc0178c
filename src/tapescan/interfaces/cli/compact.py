"""`tapescan compact`: a store with fewer, larger files, and without those of old versions."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from tapescan.interfaces.cli.console import output, progress_line

__all__ = ["compact"]


def compact(
    store: Annotated[str, typer.Option(help="Folder or URL of the store.")] = "",
    keep: Annotated[
        int, typer.Option(min=0, max=36_500, metavar="DAYS", help="Past versions younger than this stay readable.")
    ] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")] = False,
) -> None:
    """Merge a store's small files, and delete those that only versions older than --keep need. What the store holds
    stays as it is; its past before that can no longer be read. Says first what it would do: --yes does it."""
    from tapescan import api

    with progress_line() as progress:
        done = api.open_store(store or None).compact(dt.timedelta(days=keep), apply=yes, progress=progress)
    lines = [str(one) for one in done if one.merged or one.dropped] or ["nothing to do"]
    freed = sum(one.dropped_bytes for one in done)
    if any(one.dropped for one in done):
        lines.append(f"{freed / 1e6:,.1f} MB {'freed' if yes else 'to be freed'}")
    if any(one.merged for one in done):
        lines.append("the files that are merged go later: versions that stay readable still name them")
    if not yes and len(lines) > 1:
        lines.append("nothing was done: --yes does it; versions that lose their files cannot be read again")
    output().print("\n".join(lines), markup=False, soft_wrap=True)
