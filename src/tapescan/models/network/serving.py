"""The network in a scan: its graph, run by ONNX Runtime for a fixed number of rows at a time.

A row's last bits hang on how many rows are computed with it, so there are always as many: a batch that is not full
is filled up. Each run keeps to one thread, and several go side by side, so their number changes no bit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np

from tapescan.core.errors import ModelError, OptionError
from tapescan.core.typing import Days, Singles
from tapescan.engine.threads import Threads
from tapescan.models.cone.law import LEVELS
from tapescan.models.network.graph import OUTPUTS
from tapescan.models.network.inputs import season

__all__ = ["ABOUT", "BATCH", "About", "Served", "load_runtime", "served"]

#: Rows of a run.
BATCH = 128

#: The text of the file that says what it is.
ABOUT = "tapescan"


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file says of itself. features : of its values, in order. horizons : sessions. scalars : names of the
    variables of now. days : of the past. importance : a share a feature. rounds : after which each member stopped.
    losses : of the dates held out, the rule's and the network's."""

    features: tuple[str, ...]
    horizons: tuple[int, ...]
    scalars: tuple[str, ...]
    days: int
    importance: dict[str, float]
    rounds: tuple[int, ...]
    losses: tuple[float, float]


def load_runtime() -> Any:
    """ONNX Runtime, or an OptionError that says how to get it."""
    try:
        import onnxruntime
    except ImportError as error:
        hint = "pip install 'tapescan[deep]', or leave networks out: the setting use_tft"
        raise OptionError("ONNX Runtime is not installed", hint) from error
    return onnxruntime


@dataclass(frozen=True, eq=False)
class Served:
    """A graph that is ready. content : its file."""

    content: bytes
    about: About
    session: Any
    _last: list[tuple[bytes, Singles]] = field(default_factory=list)

    def quantiles(self, values: Singles, session: Days) -> Singles:
        """Log returns ``(rows, horizons, levels)``.

        What came of the last rows is kept, for the model of the next horizon asks of the same.
        """
        own = hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16)
        own.update(np.ascontiguousarray(session).data)
        key = own.digest()
        for known, found in self._last:
            if known == key:
                return found
        (found,) = self.run(values, season(session, self.about.horizons))
        self._last[:] = [(key, found)]
        return found

    def run(self, values: Singles, seasons: Singles, outputs: Sequence[str] = OUTPUTS[:1]) -> list[Singles]:
        """The outputs of all rows, a row's whatever stands beside it. values : ``(rows, features)``. seasons :
        `inputs.season` of them."""
        begins = range(0, len(values), BATCH)
        pieces = [(self, values[at : at + BATCH], seasons[at : at + BATCH], tuple(outputs)) for at in begins]
        parts = Threads().map(_some, pieces)
        if not parts:
            shapes = {one.name: one.shape[1:] for one in self.session.get_outputs()}
            return [np.empty((0, *shapes[name]), np.float32) for name in outputs]
        return [np.concatenate(some) for some in zip(*parts, strict=True)]


def _some(piece: tuple[Served, Singles, Singles, tuple[str, ...]]) -> list[Singles]:
    served, values, season, outputs = piece
    count = len(values)
    rows = np.zeros((BATCH, *values.shape[1:]), np.float32)
    seasons = np.zeros((BATCH, *season.shape[1:]), np.float32)
    rows[:count], seasons[:count] = values, season
    found = served.session.run(list(outputs), {"values": rows, "season": seasons})
    return [np.asarray(one[:count]) for one in found]


@lru_cache(maxsize=4)
def served(content: bytes) -> Served:
    """What a file holds; models of one training share it. Raises ModelError when it is something else, OptionError
    without ONNX Runtime."""
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        text = session.get_modelmeta().custom_metadata_map.get(ABOUT, "")
        about = msgspec.json.decode(text, type=About)
    except _errors(runtime) as error:
        raise ModelError("its file is no network of ours", "train again") from error
    shapes = [one.shape for one in (*session.get_inputs(), *session.get_outputs())]
    k, wanted = len(about.horizons), [[BATCH, len(about.features)], [BATCH, len(about.horizons), 2]]
    wanted += [[BATCH, k, len(LEVELS)], [BATCH, len(about.scalars)]]
    if shapes[:4] != wanted:
        raise ModelError(f"its network is for {shapes[:4]} and not for {wanted}", "train again")
    return Served(content, about, session)


def _errors(runtime: Any) -> tuple[type[Exception], ...]:
    """What it raises for a file that is none."""
    state = runtime.capi.onnxruntime_pybind11_state
    names = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
    return (RuntimeError, ValueError, *(getattr(state, name) for name in names))
