"""Kernels to machine code, by numba: the only file that imports it, and no process does whose kernels are on disk."""

from __future__ import annotations

import ctypes
import gc
import inspect
import struct
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import make_intrinsic_template

from tapescan.core.linking import MEMORY
from tapescan.core.logging import logger
from tapescan.core.signatures import Signature, Type, kind_of

__all__ = ["compile_object", "declared", "dispatcher"]

#: Fused multiply-add (contract) is the only liberty taken with floating point: it rounds once instead of twice, while
#: full fastmath would break checks for NaN.
OPTIONS = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}

#: How numba lays out what it allocates, which `linking.RUNTIME` does in its place.
MEMINFO = "{i64, i8*, i8*, i8*, i64}"

_WORD, _STATUS = ir.IntType(64), ir.IntType(32)


def dispatcher(function: Callable[..., None], signature: Signature | None = None) -> Any:
    """The function as numba's own, which keeps nothing. It is compiled for a signature at once; without one at the
    first call, and again for arguments of other types."""
    made = numba.njit(**OPTIONS)(function)
    if signature is not None:
        made.compile(tuple(_numba_type(one) for one in signature))
        made.disable_compile()
    return made


def declared(symbol: str, signature: Signature, address: int) -> Any:
    """The type of what stands in a kernel's code for another one that was compiled by itself: a call of the symbol,
    which takes its arguments in slots as from Python, and raises MemoryError where that does not end well.

    address : where it lies in this process, for numba's own dispatchers.
    """
    binding.add_symbol(symbol, address)
    taken = tuple(_numba_type(one) for one in signature)

    def called(_typing: Any, *_arguments: Any) -> Any:
        return types.none(*taken), lower

    def lower(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        words = [
            word
            for wanted, argument in zip(taken, arguments, strict=True)
            for word in _words(context, builder, wanted, argument)
        ]
        slots = cgutils.alloca_once(builder, _WORD, size=len(words))
        for place, word in enumerate(words):
            builder.store(word, builder.gep(slots, [_WORD(place)]))
        entry = ir.FunctionType(_STATUS, [_WORD.as_pointer()])
        status = builder.call(cgutils.get_or_insert_function(builder.module, entry, symbol), [slots])
        with cgutils.if_unlikely(builder, cgutils.is_not_null(builder, status)):
            context.call_conv.return_user_exc(builder, MemoryError, (f"no room in {symbol}",))
        return context.get_dummy_value()

    kind = inspect.Parameter.POSITIONAL_ONLY
    parameters = [inspect.Parameter(f"_{place}", kind) for place in range(len(taken) + 1)]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return types.Function(make_intrinsic_template(symbol, called, symbol))


def compile_object(
    function: Callable[..., None], signature: Signature, symbol: str, others: Collection[str] = ()
) -> bytes | None:
    """An object file with a function of the symbol's name, ``int32 (slots)``: 0 when all went well.

    others : symbols of kernels that it may call.
    None for a kernel that runs by numba alone: it needs more of numba at run time than memory, or this numba is not
    one that we know.
    """
    try:
        with _without_collector():
            code = _compile(function, signature, symbol)
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        # What we use of numba's inside may be otherwise in its next release. A kernel's own mistakes are NumbaErrors.
        logger.debug("this numba is not as we know it (%s): its own dispatchers run", error)
        return None
    if code is None or (unknown := [name for name in _undefined(code) if name not in others and not _is_found(name)]):
        logger.debug("%s needs %s: numba's dispatcher runs", symbol, unknown if code else "addresses of this process")
        return None
    return code


def _compile(function: Callable[..., None], signature: Signature, symbol: str) -> bytes | None:
    """None for code that holds addresses of this process."""
    from numba.core import compiler
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.dispatcher import _FunctionCompiler  # type: ignore[attr-defined]
    from numba.core.registry import cpu_target
    from numba.core.runtime import nrtdynmod

    class Bare(_FunctionCompiler):  # type: ignore[misc]
        """Without numba's wrappers, which take time, and without an end: our wrapper is still to be added."""

        def _customize_flags(self, flags: Any) -> Any:
            flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.no_compile = True
            flags.enable_pyobject = False
            return flags

    if str(nrtdynmod._meminfo_struct_type) != MEMINFO:
        raise ValueError(f"memory laid out as {nrtdynmod._meminfo_struct_type}")
    taken = tuple(_numba_type(one) for one in signature)
    options = {"nopython": True, **OPTIONS}
    with global_compiler_lock:
        compiled = Bare(function, cpu_target, options, {}, pipeline_class=compiler.Compiler).compile(
            taken, types.none
        )
        library, context, described = compiled.library, compiled.target_context, compiled.fndesc
        module = library.create_ir_module(symbol)
        entry = ir.Function(module, ir.FunctionType(_STATUS, [_WORD.as_pointer()]), symbol)
        builder = ir.IRBuilder(entry.append_basic_block())
        slots = _slots(builder, entry.args[0])
        arguments = [_argument(context, builder, slots, one) for one in taken]
        native = context.declare_function(module, described)
        called = context.call_conv.call_function(builder, native, described.restype, described.argtypes, arguments)
        builder.ret(called[0].code)
        library.add_ir_module(module)
        library.finalize()
        return None if library.has_dynamic_globals else bytes(library._get_compiled_object())


def _numba_type(written: Type) -> Any:
    if not isinstance(written, str):
        return types.NamedTuple(tuple(_numba_type(one) for one in written[1]), written[0])
    kind = kind_of(written)
    item = numba.from_dtype(kind.dtype)
    return types.Array(item, kind.dimensions, "C", readonly=kind.readonly) if kind.dimensions else item


def _slots(builder: Any, row: Any) -> Iterator[Any]:
    """The slots one after the other, each loaded where it is asked for."""
    place = 0
    while True:
        yield builder.load(builder.gep(row, [_WORD(place)]))
        place += 1


def _argument(context: Any, builder: Any, slots: Iterator[Any], wanted: Any) -> Any:
    """An argument as numba's code takes it, made of its slots."""
    if isinstance(wanted, types.BaseTuple):
        fields = [_argument(context, builder, slots, one) for one in wanted]
        return context.make_tuple(builder, wanted, fields)
    if isinstance(wanted, types.Array):
        address, shape = next(slots), [next(slots) for _ in range(wanted.ndim)]
        item = _WORD(context.get_abi_sizeof(context.get_data_type(wanted.dtype)))
        strides = [item]
        for length in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        array = context.make_array(wanted)(context, builder)
        data = builder.inttoptr(address, array.data.type)
        context.populate_array(array, data=data, shape=shape, strides=strides, itemsize=item, meminfo=None)
        return array._getvalue()
    if isinstance(wanted, types.Float):
        return builder.bitcast(next(slots), ir.DoubleType())
    if isinstance(wanted, types.Boolean):
        return builder.icmp_unsigned("!=", next(slots), _WORD(0))
    return next(slots)


def _words(context: Any, builder: Any, given: Any, value: Any) -> Iterator[Any]:
    """A value of numba's code as the slots that `_argument` makes it of again."""
    if isinstance(given, types.BaseTuple):
        for place, one in enumerate(given.types):
            yield from _words(context, builder, one, builder.extract_value(value, place))
    elif isinstance(given, types.Array):
        array = context.make_array(given)(context, builder, value)
        yield builder.ptrtoint(array.data, _WORD)
        yield from cgutils.unpack_tuple(builder, array.shape)
    elif isinstance(given, types.Float):
        yield builder.bitcast(value, _WORD)
    elif isinstance(given, types.Boolean):
        yield builder.zext(value, _WORD)
    else:
        yield value


def _undefined(code: bytes) -> list[str]:
    """Names that an ELF object leaves to others."""
    found = {section.name(): section.data() for section in binding.ObjectFileRef.from_data(code).sections()}
    names = found[b".strtab"]
    symbols = struct.iter_unpack("=IBBHQQ", found[b".symtab"])
    begins = [name for name, _, _, section, _, _ in symbols if name and not section]
    return [names[begin : names.index(b"\0", begin)].decode() for begin in begins]


def _is_found(name: str) -> bool:
    """Whether a process without numba has it: what allocates, which is ours, and the C and mathematical library."""
    return name in MEMORY or (not name.startswith(("Py", "_Py")) and hasattr(ctypes.CDLL(None), name))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Compiling makes a million small objects, all of use to its end: looking for garbage takes a tenth of it."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
