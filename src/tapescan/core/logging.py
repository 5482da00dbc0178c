"""Logging, set up in one place.

Every module logs under the name ``tapescan``; nobody who imports the package sees anything of it unless they ask the
standard library's logging for it. The command line's ``--verbose`` shows it on standard error: standard output is for
results alone.
"""

from __future__ import annotations

import logging
import sys

__all__ = ["logger", "show_log"]

logger = logging.getLogger("tapescan")
logger.addHandler(logging.NullHandler())


def show_log() -> None:
    """Show what is logged, a line each, on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
