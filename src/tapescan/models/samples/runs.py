"""Samples on disk: written block by block as sorted runs, merged into columns, given back as memory maps.

Blocks come in the order of the symbols, samples are wanted in the order of the sessions, and all of them together
need not fit in memory. So each block's samples are sorted and written as one run; a merge then takes the same
sessions of all runs at a time, and reads and writes nothing out of order.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tapescan.core.typing import Days, Ints

__all__ = ["Run", "Runs", "Slot"]


#: Bytes of samples that a merge holds at a time (a single session's, if those are more).
MERGED = 64 * 2**20


@dataclass(frozen=True)
class Run:
    """begins : for each of the sessions, the place of its first sample in the file; at the end, their number."""

    path: Path
    begins: Ints


@dataclass(frozen=True)
class Slot:
    """Where one run goes, known before it is made: made twice, it is the same file.

    sessions : all that samples may be of, ascending. record : of one sample.
    """

    path: Path
    sessions: Days
    record: np.dtype[np.void]

    def empty(self, rows: int) -> NDArray[np.void]:
        """An array of that many samples, to be filled and written."""
        return np.empty(rows, self.record)

    def write(self, samples: NDArray[np.void]) -> Run:
        """Write samples, sorted by session."""
        samples.tofile(self.path)
        begins = np.searchsorted(samples["session"], self.sessions)
        return Run(self.path, np.append(begins, len(samples)))


class Runs:
    """Runs of samples of some sessions in a folder.

    sessions : all that samples may be of, ascending. features, returns : columns of values and of forward returns.
    """

    def __init__(self, folder: Path, sessions: Days, features: int, returns: int) -> None:
        self.folder = folder
        self.sessions = sessions
        self.record = np.dtype(
            [
                ("session", np.int32),
                ("symbol", np.int32),
                ("dollar_volume", np.float32),
                ("forward", np.float32, (returns,)),
                ("values", np.float32, (features,)),
            ]
        )
        self._runs: list[Run] = []
        self._numbers = itertools.count()

    def slot(self) -> Slot:
        """A place for one more run."""
        return Slot(self.folder / f"{next(self._numbers)}.run", self.sessions, self.record)

    def add(self, run: Run) -> None:
        self._runs.append(run)

    @property
    def rows(self) -> int:
        return sum(int(run.begins[-1]) for run in self._runs)

    def merge(self, folder: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
        """Write all samples, sorted by session and symbol, to one ``.npy`` file a column, and delete the runs.

        Gives memory maps by name: session, symbol, dollar_volume, values, and each of the names, those of the returns
        in order.
        """
        columns = {name: folder / f"{name}.npy" for name in ("session", "symbol", "dollar_volume", "values")}
        returns = {name: folder / f"{name}.npy" for name in names}
        files = {name: path.open("wb") for name, path in (columns | returns).items()}
        try:
            for name, file in files.items():
                self._header(file, name if name in columns else "forward")
            for samples in self._merged():
                for name in columns:
                    np.ascontiguousarray(samples[name]).tofile(files[name])
                for at, name in enumerate(returns):
                    np.ascontiguousarray(samples["forward"][:, at]).tofile(files[name])
        finally:
            for file in files.values():
                file.close()
        for run in self._runs:
            run.path.unlink()
        self._runs.clear()
        return {name: np.load(path, mmap_mode="r") for name, path in (columns | returns).items()}

    def _header(self, file: BinaryIO, name: str) -> None:
        """Begin an ``.npy`` file that holds the column of all samples."""
        kind = self.record[name]
        shape = (self.rows, *(kind.shape if name == "values" else ()))
        descr = np.lib.format.dtype_to_descr(kind.base)
        np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
        file.flush()  # `tofile` writes past Python's own buffer

    def _merged(self) -> Iterator[NDArray[np.void]]:
        """All samples in order, some sessions at a time."""
        total = np.sum([run.begins for run in self._runs], axis=0)
        at, last = 0, len(self.sessions)
        while at < last:
            reach = total[at] + max(MERGED // self.record.itemsize, 1)
            end = max(int(np.searchsorted(total, reach, side="right")) - 1, at + 1)
            parts = [self._read(run, at, end) for run in self._runs]
            samples = np.concatenate(parts)
            yield samples[np.lexsort((samples["symbol"], samples["session"]))]
            at = end

    def _read(self, run: Run, begin: int, end: int) -> NDArray[np.void]:
        first, last = int(run.begins[begin]), int(run.begins[end])
        return np.fromfile(run.path, self.record, last - first, offset=first * self.record.itemsize)
