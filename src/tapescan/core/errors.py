"""The errors that tapescan raises, as one small tree.

    TapescanError
    ├── InputError          something a person gave is not usable
    │   ├── FileError         a file: what, where in it, what to do
    │   ├── OptionError       an option or argument of a command or call
    │   ├── ProfileError      a profile file
    │   └── ScreenError       a screen's predicate or ranking
    ├── StoreError          the store cannot be read or written
    ├── LeakError           a model foretells more than can be known: its inputs hold something of the future
    ├── ModelError          a trained model is missing, or does not fit its card or this code
    └── VendorError       a vendor gave no answer, or one that cannot be used; `reason` says which

Every error carries what is wrong and what to do about it (``hint``). They are
raised at the borders (files, options, the store); kernels never raise. The
command line prints ``str(error)`` as one line and exits with code 2.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

__all__ = [
    "VENDOR_REASONS",
    "FileError",
    "InputError",
    "LeakError",
    "ModelError",
    "OptionError",
    "ProfileError",
    "ScreenError",
    "StoreError",
    "TapescanError",
    "VendorError",
    "nearest",
]


class TapescanError(Exception):
    """Base of all errors raised on purpose.

    Attributes
    ----------
    what : what is wrong, naming the file, row or name.
    hint : what to do about it; may be empty.
    field : the argument that it is about, as the Python API calls it; empty for none.
    """

    def __init__(self, what: str, hint: str = "", *, field: str = "") -> None:
        super().__init__(what, hint)
        self.what = what
        self.hint = hint
        self.field = field

    def __reduce__(self) -> tuple[object, ...]:
        # From another process it comes as it was raised there, whatever its class is made of.
        return _again, (type(self), self.args), self.__dict__

    def __str__(self) -> str:
        return self.told()

    def told(self, name: Callable[[str], str] = str) -> str:
        """One line. name : how an interface calls a field, as ``--as-of`` for ``as_of``."""
        what = f"{name(self.field)}: {self.what}" if self.field else self.what
        text = f"{what}; {self.hint}" if self.hint else what
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


class LeakError(TapescanError):
    """A model's forecasts are better than any honest ones: a feature or label knows the future."""


class ModelError(TapescanError):
    """A trained model is missing, or does not fit its card or this code."""


class StoreError(TapescanError):
    """The store cannot be opened, read or written."""


#: Why a vendor's answer, or a symbol or session of it, did not come or was not used.
VENDOR_REASONS = {
    "no_key": "no key for the vendor was found",
    "bad_key": "the vendor does not know the key",
    "key_in_use": "the vendor allows one connection a key, and another one has it",
    "not_entitled": "the plan does not include it",
    "throttled": "the vendor answered that its limit was exceeded",
    "unreachable": "no connection, or no answer in time",
    "server_error": "the vendor's server failed",
    "bad_reply": "the answer is not of the documented form",
    "too_large": "the answer is larger than any that is plausible",
    "truncated": "the answer holds less than it says itself",
    "short_day": "far fewer symbols than on the days around it",
    "short_listing": "far fewer symbols than the listing had before",
    "wrong_day": "the rows are of another day than was asked for",
    "adjusted": "the prices are adjusted where raw ones were asked for",
    "not_ready": "the vendor does not have the session yet",
    "empty": "the vendor has nothing for a session on which the exchange was open",
    "unknown_symbol": "the vendor does not know the symbol",
    "unknown_company": "the vendor has no statements of the company",
    "delisted": "no longer listed then",
    "no_trades": "listed, and no trade in that time",
    "two_moments": "the underlying's price is of another moment than its quotes",
    "refused_rows": "rows that break a rule of the documented form were left out",
}


class VendorError(TapescanError):
    """A vendor gave no answer, or one that cannot be used.

    Attributes
    ----------
    vendor : its name. reason : a word of VENDOR_REASONS.
    fatal : whether further calls to this vendor are senseless in this run (a bad key, a block).
    """

    def __init__(self, vendor: str, reason: str, what: str, hint: str = "", *, fatal: bool = False) -> None:
        if reason not in VENDOR_REASONS:
            raise AssertionError(f"unknown reason {reason!r}")
        super().__init__(f"{vendor}: {what}", hint)
        self.vendor = vendor
        self.reason = reason
        self.fatal = fatal


def _again(kind: type[TapescanError], args: tuple[object, ...]) -> TapescanError:
    """An error of these arguments, before its fields are set."""
    made = kind.__new__(kind)
    made.args = args
    return made


def nearest(name: str, known: Iterable[str], count: int = 3) -> str:
    """A hint that names the closest known words: ``did you mean rsi_14, ...?``

    Empty when nothing is close.
    """
    lowered = {word.lower(): word for word in known}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=count, cutoff=0.55)
    return f"did you mean {', '.join(lowered[word] for word in close)}?" if close else ""
