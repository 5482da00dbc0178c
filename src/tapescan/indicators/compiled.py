"""Compiling kernels, and keeping the machine code on disk.

numba's own on-disk cache trusts a source file's time and size. A package manager may give two releases the
same times, and a change of compiler options here changes no kernel's file, so the cache lives in a folder
named after the content of every file in this package: other code can never be served.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
import platformdirs

__all__ = ["cache_folder", "cached_kernels", "compile_apart", "compile_lazily"]

#: Machine code of this many versions of the kernels is kept.
KEPT_VERSIONS = 4


def compile_lazily(function: Callable[..., None]) -> Any:
    """The function as a numba dispatcher that compiles, or loads, at its first call.

    Fused multiply-add (contract) is the only liberty taken with floating point: it rounds once instead of
    twice, while full fastmath would break checks for NaN.
    """
    with _one_at_a_time:
        return _compile_into(str(cache_folder()), function)


def compile_apart(function: Callable[..., None], package: str) -> Any:
    """As `compile_lazily`, for a function of another package: its machine code lies in a folder named after that and
    the content of the function's own file."""
    digest = hashlib.sha256(Path(function.__code__.co_filename).read_bytes()).hexdigest()
    with _one_at_a_time:
        return _compile_into(str(cache_folder() / f"{package}-{digest[:16]}"), function)


_one_at_a_time = threading.Lock()


def _compile_into(folder: str, function: Callable[..., None]) -> Any:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = folder  # read once, when the decorator runs
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function)
    finally:
        numba.config.CACHE_DIR = before


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """The folder for this version of the kernels: TAPESCAN_CACHE, else the user's cache; a temporary one
    where neither can be written."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    base = Path(os.environ.get("TAPESCAN_CACHE") or platformdirs.user_cache_dir("tapescan"))
    try:
        (base / name).mkdir(parents=True, exist_ok=True)
        if not os.access(base / name, os.W_OK):
            raise PermissionError(base / name)
        os.utime(base / name)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tapescan-"))
    others = [folder for folder in base.glob("kernels-*") if folder.name != name]
    others.sort(key=lambda folder: folder.stat().st_mtime, reverse=True)
    for folder in others[KEPT_VERSIONS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)
    return base / name


def cached_kernels() -> set[str]:
    """Names of the kernels whose machine code is on disk."""
    # numba names a cache's index file ``family.kernel-line.python.nbi``.
    return {path.name.split(".")[1].rpartition("-")[0] for path in cache_folder().rglob("*.nbi")}
