"""Compiling kernels, and keeping the machine code on disk.

numba's own on-disk cache trusts a source file's time and size, and stops at a damaged file. A package manager may
give two releases the same times, and a change of compiler options here changes no kernel's file, so machine code lies
in a folder named after the content of every file in the kernel's package, a sealed file a kernel: other code can
never be served, and what is damaged, absent or cannot be kept is compiled.

The files are pickles: whoever can write them runs code. A folder that another user owns or may write in is not used.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import secrets
import shutil
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numba
from numba.core import serialize
from numba.core.compiler import CompileResult

from tapescan.core.files import user_cache
from tapescan.core.logging import logger

__all__ = ["cache_folder", "cached_kernels", "compile_kernel", "keeps_kernels"]

#: Machine code of this many versions of a package's kernels is kept.
KEPT_VERSIONS = 4

#: Names a folder as a cache of ours: to backups, by its first line (bford.info/cachedir), and to our own sweep.
TAG, SAID = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# kernels that tapescan compiled\n"

_SUFFIX = ".code"
_SEAL = hashlib.sha256().digest_size
_one_at_a_time = threading.Lock()


def compile_kernel(function: Callable[..., None]) -> Any:
    """The function as a numba dispatcher that compiles, or loads, at its first call.

    Fused multiply-add (contract) is the only liberty taken with floating point: it rounds once instead of
    twice, while full fastmath would break checks for NaN. With NUMBA_DISABLE_JIT it stays the slow Python that it is.
    """
    with _one_at_a_time:
        made = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)
        folder = cache_folder(Path(function.__code__.co_filename).parent)
        if folder is not None and hasattr(made, "_cache"):
            made._cache = _Kept(function, folder)
        return made


class _Kept:
    """One kernel's machine code on disk, as a dispatcher asks for it: a file a signature and processor.

    No trouble with the disk is an error: at worst the kernel is compiled, and not kept.
    """

    def __init__(self, function: Callable[..., None], folder: Path) -> None:
        self._folder = folder
        self._name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"

    @property
    def cache_path(self) -> str:
        return str(self._folder)

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled kernel; None where there is none that can be used."""
        target.refresh()
        path = self._path(signature, target.codegen())
        try:
            content = path.read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content[_SEAL:]).digest() == content[:_SEAL]:
            try:
                return CompileResult._rebuild(target, *pickle.loads(content[_SEAL:]))  # noqa: S301 (of this user)
            except Exception as error:  # noqa: BLE001 (a pickle of another build may raise anything)
                logger.debug("%s: %s", path, error)
        logger.debug("%s is damaged: compiling", path)
        with suppress(OSError):
            path.unlink()
        return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep it, where that can be."""
        if compiled.library.has_dynamic_globals or any(not one.can_cache for one in compiled.lifted):
            return
        content = serialize.dumps(compiled._reduce())
        path = self._path(signature, compiled.library.codegen)
        temporary = path.with_name(f".{secrets.token_hex(8)}")
        try:
            with temporary.open("xb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            temporary.replace(path)
        except OSError as error:
            logger.debug("%s cannot be kept: %s", path, error)
            with suppress(OSError):
                temporary.unlink()

    def _path(self, signature: Any, codegen: Any) -> Path:
        key = hashlib.sha256(f"{signature} {codegen.magic_tuple()}".encode()).hexdigest()[:16]
        return self._folder / f"{self._name}.{key}{_SUFFIX}"


@lru_cache(maxsize=8)
def cache_folder(package: Path) -> Path | None:
    """The folder for this version of a package's kernels, in the user's cache; None where there is none that is ours
    alone. It need not be writable."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for path in sorted([*package.glob("*.py"), Path(__file__)]):
        digest.update(path.name.encode() + path.read_bytes())
    folder = user_cache() / f"kernels-{package.name}-{digest.hexdigest()[:16]}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(folder) and folder.lstat().st_uid == os.geteuid():
            # Ours, but others could write in it: what lies there may be theirs.
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        if _is_ours(folder):
            (folder / TAG).write_text(SAID, encoding="ascii")
            os.utime(folder)
            _sweep(folder, package.name)
    except OSError as error:
        logger.debug("%s cannot be written: %s", folder, error)
    if _is_ours(folder):
        return folder
    logger.debug("%s is not used: another user owns it or may write in it, or it is not there", folder)
    return None


def _is_ours(folder: Path) -> bool:
    """Whether nobody but this user (and root) can have put something there."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022


def _sweep(newest: Path, package: str) -> None:
    """Take old versions away: of folders that are called as ours, those that bear our mark."""
    called = re.compile(rf"kernels-{re.escape(package)}-[0-9a-f]{{16}}")
    others = []
    for folder in newest.parent.iterdir():
        with suppress(OSError, UnicodeDecodeError):
            marked = called.fullmatch(folder.name) and (folder / TAG).read_text(encoding="ascii") == SAID
            if marked and folder != newest and not folder.is_symlink():
                others.append((folder.stat().st_mtime, folder))
    for _, folder in sorted(others, reverse=True)[KEPT_VERSIONS - 1 :]:
        shutil.rmtree(folder, ignore_errors=True)


def cached_kernels(package: Path) -> set[str]:
    """Names of the package's kernels whose machine code is on disk."""
    folder = cache_folder(package)
    return set() if folder is None else {path.name.split(".")[1] for path in folder.glob(f"*{_SUFFIX}")}


def keeps_kernels(package: Path) -> bool:
    """Whether what another process compiles will be found on disk."""
    folder = cache_folder(package)
    return folder is not None and os.access(folder, os.W_OK)
