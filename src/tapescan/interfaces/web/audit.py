"""A line for each write: who asked for what, and how it ended. No line holds a body, a token or a query."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from tapescan.core.logging import logger

__all__ = ["Audit"]


class Audit:
    """Writes to a file, one JSON line each; to the log alone where there is none."""

    def __init__(self, path: str | None = None) -> None:
        self._path, self._lock = None if path is None else Path(path), threading.Lock()

    def wrote(self, scope: MutableMapping[str, Any], status: int, **more: str) -> None:
        """scope : of the request."""
        client = scope.get("client") or ("", 0)
        line = {
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            "from": client[0],
            "method": scope["method"],
            "path": scope["path"][:200],
            "status": status,
            **more,
        }
        text = json.dumps(line)
        logger.info("write: %s", text)
        if self._path is None:
            return
        with self._lock:
            try:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(text + "\n")
            except OSError as error:  # a full disk stops no reader; it is said in the log
                logger.warning("the audit log %s cannot be written: %s", self._path, error.strerror or error)
