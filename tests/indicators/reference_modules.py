"""Loads every ``reference_*.py`` beside this file, so that their functions register themselves."""

from __future__ import annotations

import importlib
from pathlib import Path


def load() -> None:
    for path in sorted(Path(__file__).parent.glob("reference_*.py")):
        if path.stem != "reference_modules":
            importlib.import_module(f"tests.indicators.{path.stem}")
