"""Habits of the house that no other tool checks: the size of files, and what is said in one place only."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tapescan"

LONGEST = 400

#: Where the environment is read beside the settings, and why.
ENVIRONMENT = {
    "engine/ray.py": "what Ray reads when it is imported, and what a worker is: one thread that hands nothing out",
    "core/jit.py": "NUMBA_DISABLE_JIT is numba's own, which is not imported to ask it",
    "core/linking.py": "NUMBA_* change what numba compiles, so they are a part of machine code's name",
    "interfaces/cli/main.py": "OPENBLAS_THREAD_TIMEOUT is OpenBLAS's own, set before NumPy loads it, and"
    " _RJEM_MALLOC_CONF that of polars' allocator",
    "models/learners/xgboost.py": "OMP_WAIT_POLICY is OpenMP's own, set while XGBoost is loaded and then taken back",
    "interfaces/cli/console.py": "COLUMNS is the terminal's own",
}

#: Who may write to standard output beside the command line, and why.
OUTPUT: dict[str, str] = {
    "indicators/reference.py": "prints the generated page, as a script",
    "columns/reference.py": "prints the generated page, as a script",
    "screen/reference.py": "prints the generated page, as a script",
    "tables/reference.py": "prints the generated page, as a script",
    "interfaces/web/worker.py": "tells the server how far its job is, as a process",
}


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


@lru_cache(maxsize=1)
def trees() -> dict[str, ast.Module]:
    """The source, parsed: path below src/tapescan -> its tree."""
    found = {str(path.relative_to(SOURCE)): ast.parse(path.read_text(encoding="utf-8")) for path in files(SOURCE)}
    assert len(found) > 100
    return found


def places(odd: Callable[[ast.AST], bool]) -> dict[str, list[int]]:
    """The files, with lines, that hold a node that is odd."""
    found: dict[str, list[int]] = {}
    for name, tree in trees().items():
        if lines := [node.lineno for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.expr) and odd(node)]:
            found[name] = lines
    return found


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "docs"])
def test_no_file_is_long(folder: str) -> None:
    sizes = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in files(ROOT / folder)}
    assert sizes
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_the_environment_is_read_in_the_settings() -> None:
    readers = places(_reads_environment)
    # One of the core is there, or this finds nothing.
    assert "core/settings.py" in readers
    assert readers.keys() - ENVIRONMENT.keys() == {"core/settings.py"}
    assert ENVIRONMENT.keys() <= readers.keys(), "a reason without its reader"


def _reads_environment(node: ast.AST) -> bool:
    names = {"environ", "environb", "getenv", "putenv", "unsetenv"}
    if isinstance(node, ast.ImportFrom) and node.module == "os":
        return any(one.name in names for one in node.names)
    return isinstance(node, ast.Attribute) and node.attr in names


def test_array_types_are_named_in_one_file() -> None:
    named = {name for name in trees() for _ in _aliases(trees()[name], _is_array)}
    assert named == {"core/typing.py"}


def test_there_is_one_progress() -> None:
    named = {name for name in trees() for alias in _aliases(trees()[name], lambda _: True) if alias == "Progress"}
    classes = places(lambda node: isinstance(node, ast.ClassDef) and node.name == "Progress").keys()
    assert named | classes == {"core/progress.py"}
    # Nor is its shape written out anew.
    assert places(_is_progress).keys() == {"core/progress.py"}


def _is_progress(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node) == "Callable[[int, int, str], None]"


def _aliases(tree: ast.Module, is_one: Callable[[ast.expr], bool]) -> Iterator[str]:
    """Names that a module gives to types of a kind: ``Floats = NDArray[np.float64]``, however it is written."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and is_one(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        if isinstance(node, ast.AnnAssign) and node.value is not None and is_one(node.value):
            yield ast.unparse(node.target)


def _is_array(value: ast.expr) -> bool:
    return isinstance(value, ast.Subscript) and ast.unparse(value.value).split(".")[-1] in {"NDArray", "ndarray"}


def test_only_the_command_line_writes_to_standard_output() -> None:
    def writes(node: ast.AST) -> bool:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id == "print"
        return isinstance(node, ast.Attribute) and node.attr == "stdout" and ast.unparse(node) == "sys.stdout"

    writers = {name for name in places(writes) if not name.startswith("interfaces/cli/")}
    assert writers <= OUTPUT.keys()
    assert "indicators/reference.py" in writers, "this finds nothing"


def test_logging_is_set_up_in_one_file() -> None:
    def sets_up(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        called = ast.unparse(node.func)
        return called.endswith(("StreamHandler", "basicConfig", "dictConfig", "FileHandler"))

    assert places(sets_up).keys() == {"core/logging.py"}
    # Without its stream a handler would write to standard error by default; it is said all the same.
    assert "sys.stdout" not in (SOURCE / "core" / "logging.py").read_text(encoding="utf-8")
