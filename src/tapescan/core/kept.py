"""Machine code on disk: sealed files in a folder for one content of a kernel's package.

A package manager may give two releases the same times, and a change of how code is compiled changes no kernel's file,
so a folder is named after the content of every file in the kernels' package and of what compiles them, and the
versions of what takes part; a file after its kernel, its signature and the processor. Other code can never be served.
A file that is damaged, or that is another one renamed, is taken away: its kernel is compiled.

Whoever can write machine code runs code: a folder that another user owns or may write in is not used.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import sys
from contextlib import suppress
from functools import cache, lru_cache
from importlib import metadata
from pathlib import Path

from tapescan.core.files import is_ours, user_cache
from tapescan.core.logging import logger

__all__ = ["cache_folder", "is_kept", "keep", "keeps_kernels", "kept"]

#: Machine code of this many versions of a package's kernels is kept.
KEPT_VERSIONS = 4

#: Names a folder as a cache of ours: to backups, by its first line (bford.info/cachedir), and to our own sweep.
TAG, SAID = "CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# kernels that tapescan compiled\n"

_SUFFIX = ".code"
_SEAL = hashlib.sha256().digest_size

#: The files here that decide what machine code is.
_COMPILERS = ("compiling.py", "jit.py", "kept.py", "linking.py", "signatures.py")


def kept(folder: Path | None, name: str) -> bytes | None:
    """The machine code of that name; None where there is none that can be used."""
    if folder is None:
        return None
    path = folder / f"{name}{_SUFFIX}"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if content[:_SEAL] == _seal(name, content[_SEAL:]):
        return content[_SEAL:]
    logger.debug("%s is damaged: compiling", path)
    with suppress(OSError):
        path.unlink()
    return None


def keep(folder: Path | None, name: str, code: bytes) -> None:
    """Keep it, where that can be: no trouble with the disk is an error."""
    if folder is None:
        return
    path = folder / f"{name}{_SUFFIX}"
    temporary = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(_seal(name, code) + code)
        temporary.replace(path)
    except OSError as error:
        logger.debug("%s cannot be kept: %s", path, error)
        with suppress(OSError):
            temporary.unlink()


def is_kept(folder: Path | None, name: str) -> bool:
    """Whether there is a file of that name, sound or not."""
    return folder is not None and (folder / f"{name}{_SUFFIX}").exists()


def _seal(name: str, code: bytes) -> bytes:
    return hashlib.sha256(b"%s\n%s" % (name.encode(), code)).digest()


@cache
def _versions() -> tuple[str, ...]:
    """Of what compiles; asked once, since that reads each package's whole description."""
    return tuple(metadata.version(name) for name in ("numba", "llvmlite", "numpy"))


@lru_cache(maxsize=8)
def cache_folder(package: Path) -> Path | None:
    """The folder for this version of a package's kernels, in the user's cache; None where there is none that is ours
    alone. It need not be writable."""
    digest = hashlib.sha256(" ".join((*_versions(), sys.version)).encode())
    here = Path(__file__).parent
    for path in (*sorted(package.glob("*.py")), *(here / name for name in _COMPILERS)):
        digest.update(path.name.encode() + path.read_bytes())
    folder = user_cache() / f"kernels-{package.name}-{digest.hexdigest()[:16]}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not is_ours(folder) and folder.lstat().st_uid == os.geteuid():
            # Ours, but others could write in it: what lies there may be theirs.
            shutil.rmtree(folder)
            folder.mkdir(mode=0o700)
        if is_ours(folder):
            (folder / TAG).write_text(SAID, encoding="ascii")
            os.utime(folder)
            _sweep(folder, package.name)
    except OSError as error:
        logger.debug("%s cannot be written: %s", folder, error)
    if is_ours(folder):
        return folder
    logger.debug("%s is not used: another user owns it or may write in it, or it is not there", folder)
    return None


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


def keeps_kernels(package: Path) -> bool:
    """Whether what another process compiles will be found on disk."""
    folder = cache_folder(package)
    return folder is not None and os.access(folder, os.W_OK)
