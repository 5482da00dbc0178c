"""How many models were tried: the best of many looks good by chance, so each attempt is written down.

A trial is one line of JSON in `trials.jsonl` in the model folder. Lines are only ever added.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tapescan.core.errors import FileError

__all__ = ["FILE", "TrialLog", "count_trials", "log_trial", "read_trials"]

FILE = "trials.jsonl"


@dataclass(frozen=True)
class TrialLog:
    """records : one a readable line, oldest first. broken : the numbers of the other lines, from 1."""

    path: Path
    records: tuple[dict[str, Any], ...]
    broken: tuple[int, ...]

    def count(self) -> int:
        """Different configurations tried, of all horizons; each broken line counts as one more, whatever it held.

        Horizons are not counted apart: who tries twenty of them and keeps the best has tried twenty.
        """
        return len({(record["horizon"], record["configuration"]) for record in self.records}) + len(self.broken)

    @property
    def complaint(self) -> str:
        """One line about broken lines; empty when there are none."""
        if not self.broken:
            return ""
        lines = ", ".join(map(str, self.broken[:5])) + (" ..." if len(self.broken) > 5 else "")
        return f"{self.path}: cannot read {len(self.broken)} lines ({lines}); each counts as one trial"


def log_trial(folder: Path, record: Mapping[str, Any]) -> None:
    """Add a trial. Processes may do so at the same time; a line that a killed one left unfinished stays by itself.

    record : JSON values, among them ``horizon`` (int, sessions) and ``configuration`` (str, a digest of all that may
        be chosen: parameters, features, dates, folds, seed). The same configuration again is no further trial.
    Raises FileError when the file cannot be written.
    """
    if not _is_record(record):
        raise AssertionError(f"a trial needs a horizon and a configuration: {record}")
    line = msgspec.json.encode(dict(record)) + b"\n"
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise FileError(f"{path}: cannot note the trial: {error.strerror}", "make the folder writable") from error


def read_trials(folder: Path) -> TrialLog:
    """All trials of a model folder; none when it has no file. Raises FileError when the file cannot be read."""
    path = folder / FILE
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise FileError(f"{path}: cannot be read: no plain file", "move it away")
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return TrialLog(path, (), ())
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}", "make the file readable") from error
    records, broken = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            record = None
        if isinstance(record, dict) and _is_record(record):
            records.append(record)
        else:
            broken.append(number)
    return TrialLog(path, tuple(records), tuple(broken))


def count_trials(folder: Path) -> int:
    """How many configurations were tried, and broken lines: `TrialLog.count`."""
    return read_trials(folder).count()


def _is_record(record: Mapping[str, Any]) -> bool:
    horizon = record.get("horizon")
    return type(horizon) is int and isinstance(record.get("configuration"), str)
