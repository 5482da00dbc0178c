"""The page's own modules have types, which TypeScript checks where it is installed; nothing is built with it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

TSC = shutil.which("tsc")


@pytest.mark.long
@pytest.mark.skipif(TSC is None, reason="TypeScript is not installed: npm install --global typescript@5")
def test_types_hold() -> None:
    found = subprocess.run(
        [str(TSC), "-p", str(Path(__file__).with_name("jsconfig.json"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-4000:]
