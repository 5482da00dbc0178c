"""Which Ray a cluster has is said once, in requirements.lock; KubeRay's operator wants to hear it too."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_one_version_of_ray() -> None:
    locked = re.search(r"^ray==([\d.]+) ", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.M)
    assert locked is not None
    said = [
        found
        for path in sorted((ROOT / "deploy").glob("*.yaml"))
        for found in re.findall(r"(?:rayVersion: |ray(?:\[\w+\])?==)([\d.]+)", path.read_text(encoding="utf-8"))
    ]
    assert said == [locked[1]]
