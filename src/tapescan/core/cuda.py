"""Kernels on a GPU, by numba-cuda: the only file that imports it. One thread computes one lane of one history.

A kernel's source is written over for one lane (`one_lane`) and compiled a second time. Which lane a thread computes,
from which row to which, is said by `Jobs`; so lanes of many blocks, and of one lane several histories, are computed
beside each other by one launch. A fusion has no place here: of one indicator alone a thread has
all numbers in its registers. Values are those of the processor's kernels within 1e-9 of each, and not their bytes:
a GPU fuses other products into sums.

With NUMBA_ENABLE_CUDASIM=1 numba's simulator runs the same source as Python, thread by thread, without a GPU.
"""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from tapescan.core.calls import Argument, Given, Row
from tapescan.core.errors import OptionError
from tapescan.core.jit import Kernel
from tapescan.core.one_lane import CUBE, rewritten
from tapescan.core.typing import Ints

__all__ = ["Jobs", "check_gpu", "compile_ptx", "gpu_name", "room_for", "run", "sent"]

#: What an argument of a kernel is: what a thread finds in its job, bars ``(rows, lanes)``, a row of the values, or a
#: number.
Role: TypeAlias = Literal["first", "begin", "start", "state", "bars", "out", "whole", "real"]

#: A kernel, or its bare function, and what it is called with.
Call: TypeAlias = tuple[Any, tuple[Argument, ...]]

#: Bytes of work arrays of one launch, and threads of a block.
ROOM, THREADS = 1 << 30, 128

#: One launch at a time: the simulator knows no other.
_one_at_a_time = threading.RLock()


@dataclass(frozen=True)
class Jobs:
    """What threads compute: histories of lanes, int64 ``(jobs,)`` each.

    lane : of the columns. since, until : the rows of the history, from one to before the other. start : the first row
    to write, one of those. first : the row with which the lane's history begins, counted from `since`; may be any
    number.
    """

    lane: Ints
    since: Ints
    start: Ints
    until: Ints
    first: Ints

    def __len__(self) -> int:
        return len(self.lane)

    @property
    def rows(self) -> int:
        """Of the longest history."""
        return int((self.until - self.since).max(initial=0))

    NAMES: ClassVar = ("lane", "since", "start", "until", "first")

    def moved(self, rows: int, lanes: int) -> Jobs:
        """Of columns that lie so many rows and lanes further on."""
        return Jobs(self.lane + lanes, self.since + rows, self.start + rows, self.until + rows, self.first)

    @classmethod
    def of(cls, several: Sequence[Jobs]) -> Jobs:
        """Several as one."""
        return cls(*(np.concatenate([getattr(one, name) for one in several]) for name in cls.NAMES))


def check_gpu() -> None:
    """Raises OptionError where there is no GPU, or nothing that compiles for one."""
    if not _cuda().is_available():
        raise OptionError("device cuda: no GPU is found here", "use cpu")


def gpu_name() -> str:
    """What the GPU calls itself. Raises OptionError as `check_gpu` does."""
    check_gpu()
    name = "simulator" if _is_simulated() else _cuda().get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def sent(array: Any) -> Any:
    """A copy on the device."""
    return _cuda().to_device(np.ascontiguousarray(array))


def room_for(shape: tuple[int, ...]) -> Any:
    """Room for float64 on the device."""
    return _cuda().device_array(shape)


def run(
    calls: Sequence[Call], states: Mapping[Any, int], columns: Mapping[Any, Any], jobs: Jobs, values: Any, before: int
) -> None:
    """Make calls of kernels, of the lanes and rows that the jobs say.

    states : by the call's name, how many numbers a lane its recursion carries. columns : by name ``(rows, lanes)``,
    on the device (`sent`). values : float64 ``(places, written, lanes)`` there, of which each job writes its rows.
    before : the row of the columns that these begin with.

    Raises MemoryError where a kernel takes more room than is thought.
    """
    if not len(jobs):
        return
    cuda = _cuda()
    made = [_Call.of(kernel, arguments, states, jobs.rows) for kernel, arguments in calls]
    with _one_at_a_time:
        room = cuda.device_array(max(min(ROOM // 8, one.size * len(jobs)) for one in made))
        own = [sent(getattr(jobs, name)) for name in Jobs.NAMES]
        short = sent(np.zeros(1, np.int64))
        for one in made:
            entry = _compiled(one.function, one.roles)
            given = [_given(argument, columns, values) for argument in one.arguments]
            given = [value for value in given if value is not None]
            many = max(min(room.size // one.size, len(jobs)), 1)
            plane = room[: one.plane * many].reshape(one.plane, many)
            cube = room[one.plane * many : one.size * many].reshape(CUBE, one.cube, many)
            for begin in range(0, len(jobs), many):
                mine = [array[begin : begin + many] for array in own]
                count = len(mine[0])
                entry[-(-count // THREADS), min(THREADS, count)](*mine, before, one.state, plane, cube, short, *given)
        if short.copy_to_host()[0]:
            raise MemoryError("the threads of a GPU had too little room for their work")


def compile_ptx(
    kernel: Any, arguments: Sequence[Argument], states: Mapping[Any, int], capability: tuple[int, int] = (7, 5)
) -> str:
    """The code of a kernel's entry for GPUs of a compute capability; needs no GPU."""
    from numba.cuda import types

    cuda = _cuda()
    roles = tuple(_role(one, states) for one in arguments)
    real, whole = types.float64, types.int64
    given = {
        "bars": types.Array(real, 2, "C"),
        "out": types.Array(real, 2, "C"),
        "whole": whole,
        "real": real,
    }
    jobs = [types.Array(whole, 1, "C")] * len(Jobs.NAMES)
    rooms = (types.Array(real, 2, "C"), types.Array(real, 3, "C"), types.Array(whole, 1, "C"))
    signature = (*jobs, whole, whole, *rooms, *(given[role] for role in roles if role in given))
    with _one_at_a_time, _as_if(capability):
        code, _ = cuda.compile(_entry(_bare(kernel), roles), signature, cc=capability, device=False, abi="numba")
    return code.decode() if isinstance(code, bytes) else str(code)


# --- calls ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Call:
    """A call of a kernel. state : numbers a lane. plane, cube : rows of work arrays that a thread is given."""

    function: Callable[..., None]
    arguments: tuple[Argument, ...]
    roles: tuple[Role, ...]
    state: int
    plane: int
    cube: int

    @classmethod
    def of(cls, kernel: Any, arguments: tuple[Argument, ...], states: Mapping[Any, int], rows: int) -> _Call:
        """rows : of the longest history."""
        function = _bare(kernel)
        roles = tuple(_role(one, states) for one in arguments)
        carried = [one for one in arguments if isinstance(one, Given) and one.name in states]
        state = states[carried[0].name] if carried else 0
        # A work array has as many rows as the history, or as a window, or twice that.
        height = rows + 2 * max((int(one) for one in arguments if isinstance(one, int | float)), default=0) + 16
        planes, cubes = _rooms(function)
        return cls(function, arguments, roles, state, max(planes * height + state, 1), max(cubes * height, 1))

    @property
    def size(self) -> int:
        return self.plane + CUBE * self.cube


def _bare(kernel: Any) -> Callable[..., None]:
    function: Callable[..., None] = kernel.bare if isinstance(kernel, Kernel) else kernel
    return function


def _role(argument: Argument, states: Mapping[Any, int]) -> Role:
    if isinstance(argument, Given):
        if argument.name in states:
            return "state"
        return argument.name if argument.name in ("first", "begin", "start") else "bars"
    if isinstance(argument, Row):
        return "out"
    if not isinstance(argument, int | float):
        raise TypeError("a thread computes an indicator by itself: a fusion's kernel is for the processor")
    return "real" if isinstance(argument, float) else "whole"


def _given(argument: Argument, columns: Mapping[Any, Any], values: Any) -> Any:
    """What an entry is called with; None for what a thread finds in its job."""
    if isinstance(argument, Given):
        return columns.get(argument.name)
    return values[argument.place % len(values)] if isinstance(argument, Row) else argument


#: How the entry hands an argument on. The thread is number i, its lane j, its history the rows from lo to hi, of
#: which it writes those from `own` on.
_HANDED: Mapping[str, str] = {
    "first": "first[i : i + 1]",
    "begin": "0",
    "start": "own - lo",
    "state": "plane[:state, i : i + 1]",
    "bars": "{name}[lo:hi, j : j + 1]",
    "out": "{name}[own - before : hi - before, j : j + 1]",
    "whole": "{name}",
    "real": "{name}",
}

_TAKEN = "lane, since, start, until, first, before, state, plane, cube, short"

_ENTRY = """
def entry({taken}):
    i = cuda.grid(1)
    if i < len(lane):
        j, lo, hi, own = lane[i], since[i], until[i], start[i]
        body({handed}, plane[:, i : i + 1], state, cube[:, :, i : i + 1], 0, short)
"""


@cache
def _entry(function: Callable[..., None], roles: tuple[Role, ...]) -> Any:
    """The function that a thread begins with."""
    names = [f"given{place}" for place in range(len(roles))]
    handed = [_HANDED[role].format(name=name) for role, name in zip(roles, names, strict=True)]
    taken = [name for role, name in zip(roles, names, strict=True) if "{name}" in _HANDED[role]]
    source = _ENTRY.format(taken=", ".join((_TAKEN, *taken)), handed=", ".join(handed))
    return _made(source, "entry", {"cuda": _cuda(), "body": _device(function)})


@cache
def _compiled(function: Callable[..., None], roles: tuple[Role, ...]) -> Any:
    """It is compiled at its first launch, once a process."""
    return _cuda().jit(_entry(function, roles))


@cache
def _device(function: Callable[..., None]) -> Any:
    """A kernel's function for one lane, which others may call."""
    found = rewritten(function)
    others = {name: _device(one.bare) for name, one in found.others.items()}
    cuda = _cuda()
    return cuda.jit(device=True)(_made(found.source, found.name, function.__globals__ | _given_names() | others))


@cache
def _rooms(function: Callable[..., None]) -> tuple[int, int]:
    """How many arrays it takes of the plane and of the cube at once, with what it calls."""
    found = rewritten(function)
    others = [_rooms(one.bare) for one in found.others.values()]
    planes, cubes = (max((one[which] for one in others), default=0) for which in (0, 1))
    return found.planes + planes, found.cubes + cubes


@cache
def _given_names() -> dict[str, Any]:
    """What `one_lane` leaves to us."""
    cuda = _cuda()

    def larger(one, other):  # type: ignore[no-untyped-def]
        return other if other > one else one

    def smaller(one, other):  # type: ignore[no-untyped-def]
        return other if other < one else one

    simulated = _is_simulated()
    return {
        "cuda_": cuda,
        "real_": np.float64,
        "larger_": cuda.jit(device=True)(larger),
        "smaller_": cuda.jit(device=True)(smaller),
        # Python's own refuses a number below 0, of which a GPU makes a NaN.
        "root_": np.sqrt if simulated else math.sqrt,
    }


def _made(source: str, name: str, names: dict[str, Any]) -> Any:
    space = dict(names)
    exec(compile(source, f"<{name} for one lane>", "exec"), space)  # noqa: S102 (source of our own kernels)
    return space[name]


# --- numba-cuda -----------------------------------------------------------------------------------------------


@cache
def _cuda() -> Any:
    """numba-cuda. Raises OptionError without it."""
    try:
        import numba_cuda  # noqa: F401 (numba has an older target of its own, which is not meant)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from numba import cuda

            if not _is_simulated():
                _load_arrays()
    except ImportError as error:
        raise OptionError("device cuda: numba-cuda is not installed", "pip install 'tapescan[cuda]'") from error
    return cuda


def _is_simulated() -> bool:
    from numba.core import config

    return bool(config.ENABLE_CUDASIM)


@contextmanager
def _as_if(capability: tuple[int, int]) -> Iterator[None]:
    """As if there were a GPU: what an entry calls is compiled for the one that is there, and for no other."""
    from numba.cuda import dispatcher

    real = dispatcher.get_current_device
    dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
    try:
        yield
    finally:
        dispatcher.get_current_device = real


def _load_arrays() -> None:
    """Its functions of arrays name `numpy.row_stack`, which NumPy 2.5 no longer has; they are read once."""
    names = vars(np)  # not an attribute to a type checker: whether there is one depends on NumPy's version
    missing = "row_stack" not in names
    if missing:
        names["row_stack"] = np.vstack
    try:
        from numba.cuda.np import arrayobj  # noqa: F401
    finally:
        if missing:
            del names["row_stack"]
