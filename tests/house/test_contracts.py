"""The import contracts refuse what they are there to refuse: each forbidden import, planted in a copy of the source.

Two runs of `lint-imports` with the project's own configuration are enough: one over the copy as it is, one over the
copy with everything planted at once. A broken contract lists every import that breaks it, so each plant is looked for
by its own line, under the contract that has to refuse it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LAYERS = "Imports point one way; a new package has to be placed"
NETWORK = "Only network/ touches the network"
LEARNERS = (
    "Only the learner of its name knows XGBoost, only judging what validates, and each library of networks one file"
)
NUMBA = "Only core/compiling.py knows numba, it and core/linking.py llvmlite, and core/cuda.py numba-cuda"
DELTA = "Only the store knows Delta Lake"
CALENDAR = "Only the calendar knows exchange_calendars"
CONSOLE = "Only the command line knows typer, rich and textual"
PARSER = "Only the language of screens knows the parser of SQL"
READERS = "Only the readers of files know spreadsheets and alphabets"
PANDAS = "Nothing of ours needs pandas"
REDIS = "Only shared/redis.py knows Redis"
RAY = "Only engine/ray.py knows Ray"
APPRISE = "Only alerts/apprised.py knows apprise"
WEB = "Only the page, the REST interface and the assistant's door know their frameworks"


@dataclass(frozen=True)
class Plant:
    """An import that must be refused.

    file : in `src/tapescan`; made where it is not there, else added to. line : the import. imported : what the report
    calls it. contract : the name of the one that refuses it.
    """

    file: str
    line: str
    imported: str
    contract: str

    @property
    def module(self) -> str:
        parts = ["tapescan", *self.file.removesuffix(".py").split("/")]
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


PLANTS = {
    "aiohttp in a model": Plant("models/planted.py", "import aiohttp", "aiohttp", NETWORK),
    "aiohttp in a vendor, past the link": Plant("vendors/planted.py", "import aiohttp", "aiohttp", NETWORK),
    "a socket in the front door": Plant("api/stores.py", "import socket", "socket", NETWORK),
    "xgboost in a new package": Plant("web/__init__.py", "import xgboost", "xgboost", LEARNERS),
    "torch in the graph's file": Plant("models/network/graph.py", "import torch", "torch", LEARNERS),
    "a network's runtime in scan": Plant("scan/network_ranges.py", "import onnxruntime", "onnxruntime", LEARNERS),
    "xgboost in scan": Plant("scan/planted.py", "import xgboost", "xgboost", LEARNERS),
    "the network in a kernel's file": Plant(
        "indicators/momentum.py", "from tapescan.network.link import Link", "tapescan.network.link", LAYERS
    ),
    "a vendor in a kernel's file": Plant(
        "indicators/momentum.py", "from tapescan.vendors.seam import Call", "tapescan.vendors.seam", LAYERS
    ),
    "llvmlite in features": Plant("features/planted.py", "import llvmlite", "llvmlite", NUMBA),
    "numba in scan": Plant("scan/planted.py", "import numba", "numba", NUMBA),
    "numba-cuda in features": Plant("features/planted.py", "import numba_cuda", "numba_cuda", NUMBA),
    "apprise in live": Plant("live/planted.py", "import apprise", "apprise", APPRISE),
    "fastapi in the front door": Plant("api/resident.py", "import fastapi", "fastapi", WEB),
    "starlette in live": Plant("live/planted.py", "import starlette", "starlette", WEB),
    "deltalake in sync": Plant("sync/planted.py", "import deltalake", "deltalake", DELTA),
    "typer in the front door": Plant("api/stores.py", "import typer", "typer", CONSOLE),
    "rich in the store": Plant("store/planted.py", "import rich", "rich", CONSOLE),
    "exchange_calendars in scan": Plant(
        "scan/planted.py", "import exchange_calendars", "exchange_calendars", CALENDAR
    ),
    "sqlglot in scan": Plant("scan/planted.py", "import sqlglot", "sqlglot", PARSER),
    "spreadsheets in the store": Plant("store/planted.py", "import fastexcel", "fastexcel", READERS),
    "Redis in a sync": Plant("sync/planted.py", "import redis", "redis", REDIS),
    "Ray in a training": Plant("models/planted.py", "import ray", "ray", RAY),
    "pandas in history": Plant("history/planted.py", "import pandas", "pandas", PANDAS),
    "the store imports the scan": Plant(
        "store/planted.py", "from tapescan.scan.result import ScanResult", "tapescan.scan.result", LAYERS
    ),
    "the store imports a vendor beside it": Plant(
        "store/planted.py", "from tapescan.vendors.registry import load_vendor", "tapescan.vendors.registry", LAYERS
    ),
    "the ground floor imports the market": Plant(
        "core/planted.py", "from tapescan.market.calendar import sessions", "tapescan.market.calendar", LAYERS
    ),
}

#: A package that no contract knows, without any import.
UNPLACED = "attic"


@pytest.fixture(scope="module")
def as_it_is(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source and its contracts."""
    copy = tmp_path_factory.mktemp("house") / "clean"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


@pytest.fixture(scope="module")
def refused(as_it_is: Path) -> Mapping[str, str]:
    """The report on the copy with everything planted: broken contract -> what is said of it."""
    copy = as_it_is.with_name("planted")
    shutil.copytree(as_it_is, copy)
    package = copy / "src" / "tapescan"
    for number, plant in enumerate(PLANTS.values()):
        file = package / plant.file
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            (file.parent / "__init__.py").touch()
        # Inside a function, where an import is easily overlooked.
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"\n\ndef planted_{number}() -> None:\n    {plant.line}\n")
    (package / UNPLACED).mkdir()
    (package / UNPLACED / "__init__.py").touch()
    done = _lint(copy)
    assert done.returncode == 1, done.stdout + done.stderr
    # A title is the line above a rule of dashes of its own length.
    sections = re.split(r"^(.+)\n-{3,}\n", done.stdout.split("Broken contracts")[1], flags=re.M)
    return dict(zip(sections[1::2], sections[2::2], strict=True))


def test_the_house_keeps_its_contracts(as_it_is: Path) -> None:
    done = _lint(as_it_is)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Contracts: [1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize("name", PLANTS)
def test_a_forbidden_import_is_refused(refused: Mapping[str, str], name: str) -> None:
    plant = PLANTS[name]
    assert plant.contract in refused
    found = rf"^[- ]*{re.escape(plant.module)} -> {re.escape(plant.imported)} \(l\.\d+"
    assert re.search(found, refused[plant.contract], re.M), refused[plant.contract]


@pytest.mark.parametrize("package", ["web", UNPLACED])
def test_a_package_that_was_not_placed_is_refused(refused: Mapping[str, str], package: str) -> None:
    assert re.search(rf"^- tapescan\.{package}$", refused[LAYERS], re.M), refused[LAYERS]


def test_every_contract_is_tried(refused: Mapping[str, str]) -> None:
    # A contract that nothing here breaks may be one that cannot be broken.
    names = re.findall(r'^name = "(.+)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert set(names) - {"tapescan"} == set(refused)


def _lint(copy: Path) -> subprocess.CompletedProcess[str]:
    tool = Path(sys.executable).with_name("lint-imports")
    environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "COLUMNS": "200"}
    return subprocess.run(
        [tool, "--no-cache", "--no-logo"], capture_output=True, text=True, check=False, cwd=copy, env=environment
    )
