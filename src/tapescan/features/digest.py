"""Whether another machine computes the same bytes: what this one makes of a small fixed market, and of numbers.

The market is made of whole numbers, so that it is the same everywhere. Features hang on the processor by the machine
code of their kernels; what is learnt hangs on NumPy's functions and on its matrices, whose code is chosen by what the
processor can do.
"""

from __future__ import annotations

import hashlib
import math
import sys
from functools import lru_cache

import numpy as np
import polars as pl

from tapescan.core.typing import Array, Ints
from tapescan.engine.seam import Digest
from tapescan.engine.threads import Threads
from tapescan.features.compute import latest, replay
from tapescan.features.plan import default_features, plan_features
from tapescan.features.warm import warm_up
from tapescan.market.panel import build_panel
from tapescan.version import __version__

__all__ = ["machine_digest", "packages"]

SYMBOLS, SESSIONS = 8, 400

#: A Monday, the first session; days since 1970-01-01.
FIRST = 18_267

#: Packages whose releases may give other numbers.
PACKAGES = ("numpy", "polars", "xgboost-cpu", "xgboost", "scipy", "torch")


@lru_cache(maxsize=1)
def machine_digest() -> Digest:
    """By its parts: packages, features, mathematics, matrices. Some 0.3 s, once a process."""
    return {
        "packages": packages(),
        "features": _features(),
        "mathematics": _mathematics(),
        "matrices": _matrices(),
    }


def packages() -> str:
    """The releases of what computes."""
    from importlib.metadata import PackageNotFoundError, version  # takes 20 ms

    found = [f"tapescan {__version__}", f"python {sys.version_info[0]}.{sys.version_info[1]}"]
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return " ".join(found)


def _features() -> str:
    """Of the default features, at the newest bar and at all."""
    panel, plan = build_panel(_bars()), plan_features(default_features())
    warm_up(plan, replayed=True)
    found = [latest(panel, plan, Threads(1)).values]
    found += [np.ascontiguousarray(values) for _, values in replay(panel, plan)]
    return _told(*found)


def _mathematics() -> str:
    """Of functions whose last bits differ between libraries and processors."""
    numbers = np.arange(1, 4097) / 257.0
    plain = [[math.exp(-one), math.log(one), math.pow(one, 0.3), math.erf(one)] for one in numbers.tolist()]
    with np.errstate(all="ignore"):
        made = [np.exp(-numbers), np.log(numbers), numbers**0.3, np.tanh(numbers), np.sin(numbers)]
        single = numbers.astype(np.float32)
        small = [np.exp(-single), np.log(single), np.tanh(single)]
    return _told(np.array(plain), *made, *small, np.array([numbers.sum(), numbers.std(), single.sum()]))


def _matrices() -> str:
    """Of products and solutions of matrices, too small to be shared out to threads."""
    numbers = (np.arange(96 * 32) * 2_654_435_761 % 1_000_003).reshape(96, 32) / 1_000_003.0
    square = numbers.T @ numbers
    return _told(square, np.linalg.solve(square + np.eye(32), numbers[:32]), np.linalg.eigvalsh(square))


def _told(*arrays: Array) -> str:
    """A digest of their bytes, one NaN being as good as another."""
    made = hashlib.sha256()
    for one in arrays:
        made.update(np.where(np.isnan(one), np.asarray(np.nan, one.dtype), one).tobytes())
    return made.hexdigest()[:16]


def _bars() -> pl.DataFrame:
    """Walks of whole numbers of cents on weekdays."""
    place = np.arange(SYMBOLS * SESSIONS, dtype=np.uint64).reshape(SYMBOLS, SESSIONS)

    def drawn(salt: int, below: int) -> Ints:
        mixed = (place + np.uint64(salt * 1_000_003)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
        found: Ints = ((mixed >> np.uint64(36)) % np.uint64(below)).astype(np.int64)
        return found

    close = 2_000 + np.abs(3_000 + np.cumsum(drawn(1, 101) - 50, axis=1))
    opened = close + drawn(2, 61) - 30
    high, low = np.maximum(opened, close) + drawn(3, 40), np.minimum(opened, close) - drawn(4, 40)
    number, day = np.divmod(np.arange(SYMBOLS * SESSIONS), SESSIONS)
    prices = {"open": opened, "high": high, "low": low, "close": close}
    return pl.DataFrame(
        {
            "symbol": np.array([f"D{symbol}" for symbol in range(SYMBOLS)])[number],
            "session": pl.Series((FIRST + day // 5 * 7 + day % 5).astype(np.int32)).cast(pl.Date),
            **{name: (values / 100.0).ravel() for name, values in prices.items()},
            "volume": (10_000.0 + drawn(5, 90_000)).ravel(),
        }
    )
