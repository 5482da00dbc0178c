"""Machine code into this process, by llvmlite alone: the only file that imports it, but for what compiles.

What is loaded stays to the end of the process.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from llvmlite import binding

from tapescan.core.kept import cache_folder, keep, kept
from tapescan.core.logging import logger

__all__ = ["MEMORY", "Loaded", "load", "processor", "runner"]

#: What kernels allocate their work arrays by.
MEMORY = ("NRT_MemInfo_alloc_aligned", "NRT_MemInfo_call_dtor")

#: numba's own two functions for memory (nrt.cpp), which it has in a module that is loaded with it: a header of six
#: words (references, three that only foreign memory has, here nil, the data's place and size), then the data.
#: And what runs many kernels: pairs of addresses, of a kernel and of its slots; the place of the first one that did
#: not end well, else -1.
RUNTIME = """
declare ptr @malloc(i64)
declare void @free(ptr)

define ptr @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {
  %alignment = zext i32 %align to i64
  %room = add i64 %alignment, 48
  %whole = add i64 %size, %room
  %fits = icmp ugt i64 %whole, %size
  br i1 %fits, label %ask, label %none
ask:
  %made = call ptr @malloc(i64 %whole)
  %missing = icmp eq ptr %made, null
  br i1 %missing, label %none, label %fill
fill:
  call void @llvm.memset.p0.i64(ptr %made, i8 0, i64 48, i1 false)
  store i64 1, ptr %made
  %begin = ptrtoint ptr %made to i64
  %behind = add i64 %begin, 47
  %further = add i64 %behind, %alignment
  %less = sub i64 0, %alignment
  %data = and i64 %further, %less
  %data_at = getelementptr i64, ptr %made, i64 3
  store i64 %data, ptr %data_at
  %size_at = getelementptr i64, ptr %made, i64 4
  store i64 %size, ptr %size_at
  ret ptr %made
none:
  ret ptr null
}

declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)

define void @NRT_MemInfo_call_dtor(ptr %made) {
  call void @free(ptr %made)
  ret void
}

define i64 @tapescan_run(i64 %count, ptr %calls) {
  br label %head
head:
  %place = phi i64 [0, %0], [%next, %body]
  %more = icmp ult i64 %place, %count
  br i1 %more, label %body, label %done
body:
  %pair = shl i64 %place, 1
  %kernel_at = getelementptr ptr, ptr %calls, i64 %pair
  %kernel = load ptr, ptr %kernel_at
  %slots_at = getelementptr ptr, ptr %kernel_at, i64 1
  %slots = load ptr, ptr %slots_at
  %status = call i32 %kernel(ptr %slots)
  %next = add i64 %place, 1
  %well = icmp eq i32 %status, 0
  br i1 %well, label %head, label %failed
done:
  ret i64 -1
failed:
  ret i64 %place
}
"""

_RUN = "tapescan_run"
_one_at_a_time = threading.RLock()


class Loaded(NamedTuple):
    """A kernel's code in this process. call : gives the status of one call; takes the address of its slots."""

    address: int
    call: Callable[[bytes], int]


class _Jit:
    """The linker, and what it has loaded: llvmlite unloads what nobody holds."""

    def __init__(self) -> None:
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        self._linker = binding.create_lljit_compiler(suppress_errors=True)
        self._held: list[Any] = []
        self._memory: dict[str, int] = {}
        self._memory = self.link(_runtime(), "runtime", (*MEMORY, _RUN))
        self.run: int = self._memory.pop(_RUN)

    def link(
        self, code: bytes, name: str, symbols: tuple[str, ...], others: Mapping[str, int] = MappingProxyType({})
    ) -> dict[str, int]:
        """The symbols' addresses. others : addresses of what it may call, by symbol.

        Raises RuntimeError when it cannot be linked.
        """
        library = binding.JITLibraryBuilder().add_object_img(code).add_current_process()
        for other, address in (*self._memory.items(), *others.items()):
            library.import_symbol(other, address)
        for symbol in symbols:
            library.export_symbol(symbol)
        held = library.link(self._linker, f"{name} {len(self._held)}")
        self._held.append(held)
        return {symbol: held[symbol] for symbol in symbols}


@lru_cache(maxsize=1)
def _jit() -> _Jit:
    return _Jit()


def load(code: bytes, symbol: str, others: Mapping[str, int] = MappingProxyType({})) -> Loaded | None:
    """The function of an object file; None, with the reason in the log, for what cannot be linked here.

    others : addresses of the kernels that it may call, by symbol.
    """
    with _one_at_a_time:
        try:
            address = _jit().link(code, symbol, (symbol,), others)[symbol]
        except RuntimeError as error:
            logger.debug("%s cannot be linked: %s", symbol, error)
            return None
    return Loaded(address, ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_char_p)(address))


@lru_cache(maxsize=1)
def runner() -> Callable[[int, int], int]:
    """What runs many kernels without the interpreter's lock: takes their number and the address of the pairs of their
    addresses and those of their slots; gives the place of the first that failed, or -1."""
    with _one_at_a_time:
        address = _jit().run
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(address)


@lru_cache(maxsize=1)
def processor() -> str:
    """What machine code depends on beside its source: the processor, and numba's variables."""
    said = sorted(f"{name}={value}" for name, value in os.environ.items() if name.startswith("NUMBA_"))
    features = binding.get_host_cpu_features().flatten()
    return " ".join((binding.get_process_triple(), binding.get_host_cpu_name(), features, *said))


def _runtime() -> bytes:
    """The object file of `RUNTIME`, kept beside the kernels."""
    folder = cache_folder(Path(__file__).parent)
    name = f"runtime.{hashlib.sha256(processor().encode()).hexdigest()[:16]}"
    code = kept(folder, name)
    if code is None:
        machine = binding.Target.from_default_triple().create_target_machine(opt=2, reloc="pic", codemodel="large")
        code = bytes(machine.emit_object(binding.parse_assembly(RUNTIME)))
        keep(folder, name, code)
    return code
