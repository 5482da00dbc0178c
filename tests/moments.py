"""Time that must not be exceeded, on a machine that may be busy with something else for a moment."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


def in_a_quiet_moment(test: Callable[P, None]) -> Callable[P, None]:
    """Have ``test`` pass in one of three tries: what waits too long by its own doing does so in each.

    For tests that begin with nothing (no fixture keeps anything) and whose upper bound of time could be met by a
    machine that does nothing else. What is wrong once in three times would pass: lower bounds and values that a
    busy machine does not change belong in tests without this.
    """

    @functools.wraps(test)
    def tried(*args: P.args, **kwargs: P.kwargs) -> None:
        for left in (2, 1, 0):
            try:
                test(*args, **kwargs)
            except AssertionError:
                if not left:
                    raise
            else:
                return

    return tried
