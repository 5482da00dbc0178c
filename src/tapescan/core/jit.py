"""Compiling kernels, and keeping the machine code on disk.

numba's own on-disk cache trusts a source file's time and size. A package manager may give two releases the
same times, and a change of compiler options here changes no kernel's file, so the cache lies in a folder
named after the content of every file in the kernel's package: other code can never be served.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba

from tapescan.core.files import user_cache

__all__ = ["cache_folder", "cached_kernels", "compile_kernel"]

#: Machine code of this many versions of a package's kernels is kept.
KEPT_VERSIONS = 4

_one_at_a_time = threading.Lock()


def compile_kernel(function: Callable[..., None]) -> Any:
    """The function as a numba dispatcher that compiles, or loads, at its first call.

    Fused multiply-add (contract) is the only liberty taken with floating point: it rounds once instead of
    twice, while full fastmath would break checks for NaN.
    """
    with _one_at_a_time:
        before = numba.config.CACHE_DIR
        # Read once, when the decorator runs.
        numba.config.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename).parent))
        try:
            return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)
        finally:
            numba.config.CACHE_DIR = before


@lru_cache(maxsize=8)
def cache_folder(package: Path) -> Path:
    """The folder for this version of a package's kernels, in the user's cache; a temporary one where that cannot be
    written."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted([*package.glob("*.py"), Path(__file__)]):
        digest.update(path.name.encode() + path.read_bytes())
    name = f"kernels-{package.name}-{digest.hexdigest()[:16]}"
    base = user_cache()
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        if not os.access(base / name, os.W_OK):
            raise PermissionError(base / name)
        os.utime(base / name)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tapescan-"))
    # Nothing but what this function made: other folders may lie here, whatever they are called.
    own = re.compile(rf"kernels-{re.escape(package.name)}-[0-9a-f]{{16}}")
    others = [folder for folder in base.iterdir() if own.fullmatch(folder.name) and folder.name != name]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[KEPT_VERSIONS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
    return base / name


def cached_kernels(package: Path) -> set[str]:
    """Names of the package's kernels whose machine code is on disk."""
    # numba names a cache's index file ``family.kernel-line.python.nbi``.
    return {path.name.split(".")[1].rpartition("-")[0] for path in cache_folder(package).rglob("*.nbi")}
