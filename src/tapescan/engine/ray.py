"""The engine of several machines: pieces as stateless tasks of a Ray cluster. The only file that knows Ray.

A task is some pieces, pickled together; large arrays go beside them through the cluster's object store, put once by
this process and seen by all tasks of a machine without a copy, read-only. A task whose machine died runs once more.

Before its first piece each worker process computes the digest of the machine's own, and one that differs from this
process's refuses to work: its bytes would be others.
"""

from __future__ import annotations

import io
import itertools
import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from tapescan.core.errors import OptionError, TapescanError
from tapescan.core.forks import begin_work
from tapescan.core.machine import threads
from tapescan.core.typing import Array, Floats
from tapescan.engine.reached import check_reached
from tapescan.engine.seam import Digest

# Switches of Ray's, set before it is imported: nothing is reported to its makers, and the errors of other pieces than
# the one that is raised are not printed.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")

try:
    import ray
    from ray import cloudpickle
except ImportError as missing:
    raise OptionError("the engine ray needs its library", "pip install 'tapescan[cluster]'") from missing

__all__ = ["Ray"]

Piece = TypeVar("Piece")
Result = TypeVar("Result")

#: Bytes from which on an array goes through the object store by itself.
LARGE = 2**18

#: Tasks a core, of many pieces: enough that the last ones end together, so few that handing them out costs little.
TASKS = 16

#: Tasks that are handed out before the first has ended, at least; twice as many as cores where those are more. After
#: an error no further one is. None is cancelled: where a task has just ended, that ends this process (in Ray 2.60:
#: "Tried to complete task that was not pending").
AHEAD = 16

#: What Ray raises where no cluster answers; it ends the process where it has tried long enough.
_FAILED = (ConnectionError, RuntimeError, SystemExit, TimeoutError, ValueError)

#: Addresses of a cluster that Ray looks for itself.
_FOUND = ("auto", "local")

#: How often a task whose machine died runs once more.
RETRIES = 5


class Ray:
    """A cluster. address : of a running one, of which this machine is a part; empty for one of this machine, which
    ends with this process.

    digest : what each machine is asked for, a function of its module.
    Raises OptionError for a cluster that does not answer.
    """

    def __init__(self, address: str, digest: Callable[[], Digest]) -> None:
        begin_work()
        own: dict[str, Any] = {"address": address} if address else {"num_cpus": threads()}
        if not ray.is_initialized():
            if address not in ("", *_FOUND):
                check_reached(address, encrypted=os.environ.get("RAY_USE_TLS", "0") != "0")
            try:
                ray.init(
                    **own, include_dashboard=None if address else False, log_to_driver=False, logging_level="ERROR"
                )
            except (*_FAILED, ray.exceptions.RayError) as error:
                where = f"the cluster at {address}" if address else "a cluster on this machine"
                raise OptionError(
                    f"{where} does not answer: {_first_line(error)}", "begin one with `ray start`", field="address"
                ) from error
        self._digest = digest
        self._own: Digest | None = None
        self._sent = _Sent()
        self._task = ray.remote(_work).options(num_cpus=1, max_retries=RETRIES)

    @property
    def apart(self) -> bool:
        """As `seam.Engine.apart`."""
        return True

    def map(
        self,
        function: Callable[[Piece], Result],
        pieces: Sequence[Piece],
        told: Callable[[int, Result], None] | None = None,
    ) -> list[Result]:
        """As `seam.Engine.map`."""
        shares = list(self._shares(range(len(pieces))))
        found: list[Any] = [None] * len(pieces)
        for task, content in self._run(_map_some, [(function, tuple(pieces[at] for at in some)) for some in shares]):
            for number, one in zip(shares[task], cloudpickle.loads(content), strict=True):
                found[number] = one
                if told is not None:
                    told(number, one)
        return found

    def fill(
        self, function: Callable[[Piece, Floats], None], pieces: Sequence[Piece], into: Sequence[Floats]
    ) -> None:
        """As `seam.Engine.fill`."""
        shaped = [(piece, out.shape) for piece, out in zip(pieces, into, strict=True)]
        shares = list(self._shares(range(len(pieces))))
        for task, filled in self._run(_fill_some, [(function, tuple(shaped[at] for at in some)) for some in shares]):
            for number, one in zip(shares[task], filled, strict=True):
                into[number][...] = one

    def _shares(self, pieces: Sequence[Piece]) -> Iterator[Sequence[Piece]]:
        """The pieces, some for a task."""
        for some in np.array_split(np.arange(len(pieces)), min(_cores() * TASKS, len(pieces)) or 1):
            if len(some):
                yield pieces[some[0] : some[-1] + 1]

    def _run(self, work: Callable[[Any], Any], parts: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """What comes of each of the parts, with its number, as they end."""
        begin_work()
        if self._own is None:
            self._own = dict(self._digest())
        kept: dict[object, tuple[Array, Any]] = {}
        due, working = iter(enumerate(parts)), dict[Any, int]()
        ahead = max(2 * _cores(), AHEAD)
        try:
            while True:
                for number, part in itertools.islice(due, ahead - len(working)):
                    letter, arrays = self._packed((work, part), kept)
                    working[self._task.remote(self._digest, self._own, letter, *arrays)] = number
                if not working:
                    return
                done, _ = ray.wait([*working], num_returns=1)
                for one in done:
                    yield working.pop(one), ray.get(one)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except ray.exceptions.RayError as error:
            raise TapescanError(
                f"a piece of work was lost: {_first_line(error)}", "see `ray status`, and start the job again"
            ) from error

    def _packed(self, what: object, kept: dict[object, tuple[Array, Any]]) -> tuple[bytes, list[Any]]:
        """Something pickled, and its large arrays, put.

        kept : those of this call by where they lie; they stay as they are until it ends.
        """
        file, placed = io.BytesIO(), dict[object, int]()
        arrays: list[Any] = []

        def place_of(one: object) -> int | None:
            if not isinstance(one, np.ndarray) or one.nbytes < LARGE or one.dtype.hasobject:
                return None
            key = (one.__array_interface__["data"][0], one.shape, one.strides, one.dtype.str)
            if key not in placed:
                if key not in kept:
                    kept[key] = one, self._sent.put(one)
                placed[key] = len(arrays)
                arrays.append(kept[key][1])
            return placed[key]

        class Packer(cloudpickle.Pickler):  # type: ignore[misc]
            def persistent_id(self, one: object) -> int | None:
                return place_of(one)

        Packer(file, protocol=5).dump(what)
        return file.getvalue(), arrays


class _Sent:
    """Arrays in the object store. One that nobody can write stays there as long as it is here."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[weakref.ref[Any], Any]] = {}

    def put(self, one: Array) -> Any:
        """Its reference."""
        if not _is_settled(one):
            return ray.put(np.asarray(one))
        number = id(one)
        if number not in self._known:
            gone = weakref.ref(one, lambda _gone: self._known.pop(number, None))
            self._known[number] = gone, ray.put(np.asarray(one))
        return self._known[number][1]


def _is_settled(one: object) -> bool:
    """Whether an array is read-only, and all that it is a view of."""
    while isinstance(one, np.ndarray):
        if one.flags.writeable:
            return False
        one = one.base
    return True


def _cores() -> int:
    """Of the cluster, as it is now."""
    return max(int(ray.cluster_resources().get("CPU", 1)), 1)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


# --- in a worker ----------------------------------------------------------------------------------------------

#: Digests that this worker process was found to have.
_checked: list[Digest] = []


def _work(digest: Callable[[], Digest], wanted: Digest, letter: bytes, *arrays: Array) -> Any:
    """One task. Raises OptionError in a worker whose digest is another."""
    # A task has one core, and hands nothing out itself.
    os.environ.update(TAPESCAN_ENGINE="threads", TAPESCAN_THREADS="1", TAPESCAN_ADDRESS="")
    if wanted not in _checked:
        own = digest()
        other = [name for name in wanted if wanted[name] != own.get(name)]
        if other:
            where = ray.util.get_node_ip_address()
            raise OptionError(
                f"the worker on {where} does not compute what this machine does: it differs in {', '.join(other)}",
                "run one version of all packages, on processors of one kind",
            )
        _checked.append(wanted)

    class Unpacker(cloudpickle.pickle.Unpickler):  # type: ignore[misc]
        def persistent_load(self, place: int) -> Array:
            return arrays[place]

    work, part = Unpacker(io.BytesIO(letter)).load()
    return work(part)


def _map_some(part: tuple[Callable[[Any], Any], Sequence[Any]]) -> bytes:
    """The results of some pieces, pickled, so that who asked may write in what they hold."""
    function, pieces = part
    found: bytes = cloudpickle.dumps([function(piece) for piece in pieces], protocol=5)
    return found


def _fill_some(part: tuple[Callable[[Any, Floats], None], Sequence[tuple[Any, tuple[int, ...]]]]) -> list[Floats]:
    """What a function writes for some pieces."""
    function, pieces = part
    found = []
    for piece, shape in pieces:
        out = np.zeros(shape)
        function(piece, out)
        found.append(out)
    return found
