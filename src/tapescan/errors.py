"""The errors that tapescan raises, as one small tree.

    TapescanError
    ├── InputError          something a person gave is not usable
    │   ├── FileError         a file: what, where in it, what to do
    │   ├── OptionError       an option or argument of a command or call
    │   ├── ProfileError      a profile file
    │   └── ScreenError       a screen's predicate or ranking
    └── StoreError          the store cannot be read or written

Every error carries what is wrong and what to do about it (``hint``). They are
raised at the borders (files, options, the store); kernels never raise. The
command line prints ``str(error)`` as one line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "FileError",
    "InputError",
    "OptionError",
    "ProfileError",
    "ScreenError",
    "StoreError",
    "TapescanError",
    "nearest",
]


class TapescanError(Exception):
    """Base of all errors raised on purpose.

    Attributes
    ----------
    what : what is wrong, naming the file, row, option or name.
    hint : what to do about it; may be empty.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.what}; {self.hint}" if self.hint else self.what
        return " ".join(text.split())


class InputError(TapescanError):
    """Something a person gave is not usable."""


class FileError(InputError):
    """A file is missing, unreadable or holds what cannot be used."""


class OptionError(InputError):
    """An option or argument has a value that cannot be used."""


class ProfileError(InputError):
    """A profile is unknown or breaks its schema."""


class ScreenError(InputError):
    """A screen's predicate or ranking cannot be understood."""


class StoreError(TapescanError):
    """The store cannot be opened, read or written."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """A hint that names the closest known words: ``did you mean rsi_14, ...?``

    Empty when nothing is close.
    """
    lowered = {word.lower(): word for word in known}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=count, cutoff=0.55)
    return f"did you mean {', '.join(lowered[word] for word in close)}?" if close else ""
