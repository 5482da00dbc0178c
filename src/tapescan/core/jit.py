"""Kernels: functions that numba compiles once, whose machine code is kept on disk and loaded without numba.

Importing numba costs more than a scan, so a process whose kernels are all on disk never does: `kept` reads them,
`linking` puts them into the process. `compiling` makes what is not there; a kernel whose code does not stand alone
runs as numba's dispatcher, in a process that has compiled it.

A kernel may call others. Those of a declared signature are compiled once, by themselves, and linked to who calls
them.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from tapescan.core.kept import cache_folder, is_kept, keep, keeps_kernels, kept
from tapescan.core.signatures import Layout, Signature, Type, signature_of

__all__ = ["Kernel", "cache_folder", "compile_kernel", "keeps_kernels", "kernel"]

_one_at_a_time = threading.RLock()


def compile_kernel(function: Callable[..., None], signature: Signature | None = None) -> Any:
    """The function as a kernel, which is loaded, or compiled, at its first call.

    signature : the one it is compiled for; None for one that its arguments decide. With NUMBA_DISABLE_JIT it stays
    the slow Python that it is.
    """
    if int(os.environ.get("NUMBA_DISABLE_JIT") or 0):
        return function
    return Kernel(function, signature)


def kernel(*signature: Type) -> Callable[[Callable[..., None]], Any]:
    """Declares the function below it as a kernel of a signature, which others may call."""
    return functools.partial(compile_kernel, signature=signature)


class Kernel:
    """A compiled function without a result, which other kernels may call."""

    def __init__(self, function: Callable[..., None], signature: Signature | None) -> None:
        functools.update_wrapper(self, function)
        self._function, self._signature = function, signature
        self._loaded: dict[Signature, Any] = {}
        self._layouts: dict[Signature, Layout] = {}

    def __call__(self, *arguments: Any) -> None:
        """Raises TypeError for arguments of other types than the signature's, MemoryError when there is no room."""
        signature = self._signature or signature_of(arguments)
        if (layout := self._layouts.get(signature)) is None:
            layout = self._layouts[signature] = Layout(signature)
        slots = layout.pack(arguments)
        loaded = self._loaded.get(signature) or self._load(signature)
        if loaded is None:
            self._dispatcher(*arguments)
        elif status := loaded.call(slots):
            raise MemoryError(f"kernel {self._name} ended with status {status}")

    def compile(self, signature: Signature | None = None) -> None:
        """Have it ready: loaded, or compiled and left on disk."""
        self._load(signature or self._declared)

    def is_kept(self, signature: Signature | None = None) -> bool:
        """Whether it is ready, or on disk with all that it calls."""
        signature = signature or self._declared
        if signature in self._loaded:
            return True
        return is_kept(self._folder, self._file(signature)) and all(one.is_kept() for one in self.called)

    @property
    def address(self) -> int | None:
        """Where the code of the declared signature lies; None for one that numba runs."""
        signature = self._declared
        loaded = self._loaded.get(signature) or self._load(signature)
        return None if loaded is None else loaded.address

    @cached_property
    def called(self) -> tuple[Kernel, ...]:
        """The kernels of a declared signature that its code calls, by their names in its module; also through those
        without one, which are a part of its code."""
        names = self._function.__code__.co_names
        known = [one for name in names if isinstance(one := self._function.__globals__.get(name), Kernel)]
        found = [one for own in known if own is not self for one in ((own,) if own._signature else own.called)]
        return tuple(dict.fromkeys(found))

    @property
    def size(self) -> int:
        """How much code there is to compile, in bytes of Python's."""
        return len(self._function.__code__.co_code)

    @property
    def bare(self) -> Callable[..., None]:
        """The function as it is written."""
        return self._function

    @property
    def signature(self) -> Signature:
        return self._declared

    @property
    def _declared(self) -> Signature:
        if self._signature is None:
            raise TypeError(f"kernel {self._name} has no signature of its own")
        return self._signature

    @cached_property
    def _name(self) -> str:
        return f"{Path(self._function.__code__.co_filename).stem}.{self._function.__qualname__}"

    @cached_property
    def _folder(self) -> Path | None:
        return cache_folder(Path(self._function.__code__.co_filename).parent)

    def _file(self, signature: Signature) -> str:
        from tapescan.core.linking import processor

        return f"{self._name}.{hashlib.sha256(f'{signature} {processor()}'.encode()).hexdigest()[:16]}"

    def _load(self, signature: Signature) -> Any:
        from tapescan.core.linking import load

        with _one_at_a_time:
            if signature in self._loaded:
                return self._loaded[signature]
            found = {one._name: one.address for one in self.called}
            others = {name: address for name, address in found.items() if address is not None}
            file = self._file(signature)
            code = kept(self._folder, file)
            loaded = None if code is None else load(code, self._name, others)
            if loaded is None:
                from tapescan.core.compiling import compile_object

                code = compile_object(self._function, signature, self._name, others)
                loaded = None if code is None else load(code, self._name, others)
                if code is not None and loaded is not None:
                    keep(self._folder, file, code)
            self._loaded[signature] = loaded
            return loaded

    @cached_property
    def _dispatcher(self) -> Any:
        from tapescan.core.compiling import dispatcher

        return dispatcher(self._function, self._signature)

    @property
    def _numba_type_(self) -> Any:
        """What numba takes it for, in the code of another kernel that calls it."""
        if self._signature is None or (address := self.address) is None:
            return self._dispatcher._numba_type_
        from tapescan.core.compiling import declared

        return declared(self._name, self._signature, address)
